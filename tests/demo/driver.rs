//! A demo, its screen and its keys.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::pty::Terminal;

/// The lab runs this many times faster than the world.
const SCALE: &str = "3";

/// Longer than a question has to stand before it takes an answer.
fn look_at_it() {
    thread::sleep(Duration::from_secs(1));
}

/// What is asked before an act is done.
pub enum Asks<'a> {
    /// One confirming key.
    Confirm,
    /// The secret's name.
    Name(&'a str),
    /// The secret's name and a reason.
    NameAndReason(&'a str),
}

/// A demo on a terminal of its own.
pub struct Demo {
    pub terminal: Terminal,
    began: Instant,
}

impl Demo {
    pub fn start(fault: &str) -> Self {
        Self::at(fault, SCALE)
    }

    /// The same so many times faster than the world.
    pub fn at(fault: &str, scale: &str) -> Self {
        let args = [
            "demo",
            "--fault",
            fault,
            "--services",
            "4",
            "--time-scale",
            scale,
        ];
        Self {
            terminal: Terminal::start(&args, 160, 50),
            began: Instant::now(),
        }
    }

    /// Waits, longer than a key's answer takes; the lab's time goes by.
    pub fn wait_for(&mut self, what: &str, seconds: u64, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until && !wanted(&self.terminal.text()) {
            thread::sleep(Duration::from_millis(50));
        }
        self.terminal.wait_for(what, wanted)
    }

    /// Waits until the mode leads the headline, and says about whose secret it is.
    pub fn named(&mut self, mode: &str, within: u64) -> String {
        let row = |screen: &str| {
            let lines = screen.lines().skip_while(|l| !l.contains("── Findings"));
            let mut rows = lines.skip(1).take_while(|l| !l.starts_with("──"));
            rows.find(|l| {
                l.trim_start_matches(['▌', ' ']).starts_with(mode) && !l.contains("healed")
            })
            .map(str::to_owned)
        };
        let screen = self.wait_for("the finding", within, |screen| row(screen).is_some());
        let after = self.began.elapsed();
        let row = row(&screen).unwrap();
        let secret = row
            .split_whitespace()
            .find(|word| word.contains('/'))
            .unwrap_or_else(|| panic!("no secret in {row}"))
            .to_owned();
        assert!(after < Duration::from_secs(within), "named after {after:?}");
        secret
    }

    /// Goes to the rotation of a secret, so that acts are about it.
    pub fn select(&mut self, secret: &str) {
        self.terminal.press("/");
        self.terminal.press(secret);
        self.terminal.press("\r");
        self.terminal.wait_for("the row", |screen| {
            screen
                .lines()
                .any(|l| l.starts_with('▌') && l.contains(secret) && l.contains('▰'))
        });
    }

    /// Goes to the first row, which has these words.
    pub fn select_newest(&mut self, words: &str) {
        self.terminal.press("\u{1b}[H");
        self.terminal.wait_for("the row", |screen| {
            screen
                .lines()
                .any(|l| l.starts_with('▌') && l.contains(words))
        });
    }

    /// Does an act, and waits until the engine shows its effect.
    pub fn act(&mut self, key: &str, title: &str, asks: &Asks<'_>) {
        self.ask(key, title, asks);
        self.wait_for("the outcome", 60, |screen| screen.contains("Done: "));
        self.read("Done: ");
    }

    /// Reads an outcome that stands below the screen.
    pub fn read(&mut self, words: &str) {
        self.terminal.press("\u{1b}");
        self.terminal
            .wait_for("that it was read", |screen| !screen.contains(words));
    }

    /// Asks for an act, and answers. Where the rotation moves under the question, it is asked
    /// anew and answered anew.
    pub fn ask(&mut self, key: &str, title: &str, asks: &Asks<'_>) {
        for _ in 0..4 {
            self.terminal.press(key);
            self.terminal.wait_for("the question", |screen| {
                screen.contains(title) && screen.contains("▸ Cancel ◂")
            });
            look_at_it();
            if self.answer(asks) {
                return;
            }
            self.terminal.press("\u{1b}");
            self.terminal
                .wait_for("no question", |screen| !screen.contains(" Cancel "));
        }
        panic!("it was asked anew each time:\n{}", self.terminal.text());
    }

    /// Answers the question on the screen; false where it was asked anew meanwhile.
    fn answer(&mut self, asks: &Asks<'_>) -> bool {
        let back = "\u{1b}[Z";
        match asks {
            Asks::Confirm => {}
            Asks::Name(name) => self.terminal.press(&format!("{back}{name}\t")),
            Asks::NameAndReason(name) => {
                let keys = format!("{back}the lab leaks{back}{name}\t\t");
                self.terminal.press(&keys);
            }
        }
        self.terminal.press("\t");
        look_at_it();
        let screen = self.terminal.text();
        if screen.contains("▸ Cancel ◂") || screen.contains("look again") {
            return false;
        }
        self.terminal.press("\r");
        true
    }

    /// Waits until the finding of a mode has healed.
    pub fn healed(&mut self, mode: &str, within: u64) -> String {
        self.wait_for("that it healed", within, |screen| {
            screen.lines().any(|line| {
                line.trim_start_matches(['▌', ' ']).starts_with(mode) && line.contains("healed")
            })
        })
    }

    pub fn leave(mut self) {
        self.terminal.press("q");
        assert_eq!(self.terminal.end(), 0);
    }
}
