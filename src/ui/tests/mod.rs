//! The cockpit from outside: messages in, text and effects out.

mod acts;
mod alerts;
mod arriving;
mod changed;
mod debug;
mod executive;
mod explorer;
mod findings;
mod hostile;
mod inventory;
mod keys;
mod outcomes;
mod pointing;
mod rich;
mod snapshots;
mod storm;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::model::effect::Effect;

/// A cockpit and the screen it is drawn on.
struct Bench {
    cockpit: Cockpit,
    terminal: Terminal<TestBackend>,
}

impl Bench {
    fn new(columns: u16, rows: u16, state: State) -> Self {
        Self::with_keymap(columns, rows, state, "default")
    }

    fn with_keymap(columns: u16, rows: u16, state: State, keymap: &str) -> Self {
        let mut cockpit = Cockpit::new(Setup {
            title: "first-night".into(),
            keymap: Keymap::built_in(keymap).unwrap(),
            theme: Theme::built_in("dark").unwrap(),
            replay: true,
            local: false,
        });
        let backend = TestBackend::new(columns, rows);
        let _ = update(&mut cockpit, Message::Resize { columns, rows });
        let _ = update(&mut cockpit, Message::State(Box::new(state)));
        Self {
            cockpit,
            terminal: Terminal::new(backend).unwrap(),
        }
    }

    /// Presses keys, written as in a keymap; single letters may stand together.
    fn press(&mut self, keys: &str) -> Vec<Effect> {
        keys.split_whitespace()
            .flat_map(|word| match Key::parse(word) {
                Some(key) => vec![key],
                None => word.chars().map(Key::char).collect(),
            })
            .flat_map(|key| update(&mut self.cockpit, Message::Key(key)).0)
            .collect()
    }

    fn tell(&mut self, state: State) {
        let _ = update(&mut self.cockpit, Message::State(Box::new(state)));
    }

    /// What stands on the screen, without the spaces at the ends of lines.
    fn text(&mut self) -> String {
        let cockpit = &self.cockpit;
        self.terminal.draw(|frame| view(cockpit, frame)).unwrap();
        let buffer = self.terminal.backend().buffer();
        let columns = usize::from(buffer.area.width);
        let mut text = String::new();
        for row in buffer.content.chunks(columns) {
            let mut line = String::new();
            let mut hidden = 0;
            for cell in row {
                if hidden > 0 {
                    hidden -= 1;
                    continue;
                }
                line.push_str(cell.symbol());
                hidden = fit::width(cell.symbol()).saturating_sub(1);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn line_with(&mut self, words: &str) -> String {
        let text = self.text();
        let line = text.lines().find(|line| line.contains(words));
        line.unwrap_or_else(|| panic!("no {words:?} in\n{text}"))
            .to_owned()
    }

    /// The text and a hash of how it is drawn.
    fn picture(&mut self) -> String {
        let text = self.text();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for cell in &self.terminal.backend().buffer().content {
            for byte in format!("{:?}{:?}{:?}", cell.fg, cell.bg, cell.modifier).bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        format!("{text}styles {hash:016x}\n")
    }
}
