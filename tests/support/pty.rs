//! The program in a real pseudo-terminal: real keys in, the real screen out.

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Between these a program draws one frame (synchronized update, DEC mode 2026).
const FRAME: (&[u8], &[u8]) = (b"\x1b[?2026h", b"\x1b[?2026l");

/// How many of these bytes can be shown without showing a part of a frame, as a terminal that
/// knows synchronized updates does it.
fn whole_frames(bytes: &[u8]) -> usize {
    let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|w| w == mark);
    let (begun, ended) = (last(FRAME.0), last(FRAME.1));
    match begun {
        Some(begun) if ended.is_none_or(|ended| ended < begun) => begun,
        // A mark may be cut in two.
        _ => bytes
            .iter()
            .rposition(|b| *b == 0x1b)
            .filter(|at| bytes.len() - at < 8)
            .unwrap_or(bytes.len()),
    }
}

/// The program on a terminal of its own.
pub struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a terminal has cells")
}

/// The longest that anything on the screen is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

impl Terminal {
    /// Starts `rotascope` with these arguments on a terminal of `columns` x `rows`.
    pub fn start(args: &[&str], columns: u16, rows: u16) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rotascope"));
        command.args(args);
        command.cwd(env!("CARGO_MANIFEST_DIR"));
        let mut terminal = Self::start_command(command, columns, rows);
        terminal.wait_for("the first frame", |screen| !screen.trim().is_empty());
        terminal
    }

    /// Starts any command on a terminal of its own.
    pub fn start_command(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        Self::start_in(command, columns, rows, "UTC")
    }

    /// The same for somebody in this zone.
    pub fn start_in(mut command: CommandBuilder, columns: u16, rows: u16, zone: &str) -> Self {
        let nowhere = std::env::temp_dir().join("rotascope-tests-no-settings");
        command.env("ROTASCOPE_CONFIG_DIR", &nowhere);
        command.env("ROTASCOPE_STATE_DIR", &nowhere);
        // Nobody's keyring is touched, and nobody is asked for a passphrase.
        command.env("ROTASCOPE_KEYRING", "off");
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("TZ", zone);
        command.env_remove("NO_COLOR");
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the program starts");
        drop(pair.slave);
        let mut reader = pair
            .master
            .try_clone_reader()
            .expect("the terminal can be read");
        let writer = pair
            .master
            .take_writer()
            .expect("the terminal can be written");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(
            cells(rows),
            cells(columns),
            0,
        )));
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (to_screen, to_bytes) = (Arc::clone(&screen), Arc::clone(&bytes));
        thread::spawn(move || {
            let mut buffer = [0_u8; 16 * 1024];
            let mut held = Vec::new();
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                to_bytes.lock().unwrap().extend_from_slice(&buffer[..n]);
                held.extend_from_slice(&buffer[..n]);
                let whole = whole_frames(&held);
                to_screen.lock().unwrap().process(&held[..whole]);
                held.drain(..whole);
            }
            to_screen.lock().unwrap().process(&held);
        });
        Self {
            screen,
            bytes,
            writer,
            child,
            master: pair.master,
        }
    }

    /// The screen as text, a line a row.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Looks at the screen's cells.
    pub fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.screen.lock().unwrap().screen())
    }

    /// The row that holds `words`.
    pub fn row(&self, words: &str) -> Option<String> {
        self.text()
            .lines()
            .find(|line| line.contains(words))
            .map(str::to_owned)
    }

    /// True while the program has taken the alternate screen.
    pub fn in_alternate_screen(&self) -> bool {
        self.screen.lock().unwrap().screen().alternate_screen()
    }

    /// True where the cursor is hidden.
    pub fn cursor_hidden(&self) -> bool {
        self.screen.lock().unwrap().screen().hide_cursor()
    }

    /// All that the program wrote so far.
    pub fn written(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    /// Presses keys, as the bytes that a terminal sends for them.
    pub fn press(&mut self, keys: &str) {
        self.writer
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
    }

    /// Waits until the screen shows what is wanted and answers with it.
    pub fn wait_for(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_long_for(PATIENCE, what, wanted)
    }

    /// The same of what may take longer.
    pub fn wait_long_for(
        &mut self,
        patience: Duration,
        what: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> String {
        let began = Instant::now();
        loop {
            let text = self.text();
            if wanted(&text) {
                return text;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                // What it wrote last may still be on its way.
                thread::sleep(Duration::from_millis(200));
                let text = self.text();
                if wanted(&text) {
                    return text;
                }
                panic!("the program ended ({status:?}) before {what}; the screen:\n{text}");
            }
            assert!(
                began.elapsed() < patience,
                "{what} did not come; the screen:\n{text}"
            );
            thread::sleep(Duration::from_millis(3));
        }
    }

    /// Writes on the screen as another program does that has the same terminal.
    pub fn scribble(&self, words: &str) {
        self.screen.lock().unwrap().process(words.as_bytes());
    }

    /// Asks for a moment of the recording, waits until the header shows it, and answers with the
    /// screen.
    pub fn seek(&mut self, clock: &str) -> String {
        self.press("t");
        self.wait_for("the question where to go", |screen| {
            screen.to_lowercase().contains("go to")
        });
        self.press(clock);
        self.press("\r");
        self.wait_for("the moment", |screen| {
            screen
                .lines()
                .next()
                .is_some_and(|line| line.contains(clock))
        })
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).expect("the terminal takes a size");
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    /// True until the program has ended.
    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the program's end and answers with its exit status.
    pub fn end(&mut self) -> u32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .expect("the program can be waited for")
            {
                // What it wrote last may still be on its way.
                thread::sleep(Duration::from_millis(200));
                return status.exit_code();
            }
            assert!(
                began.elapsed() < PATIENCE,
                "the program did not end; the screen:\n{}",
                self.text()
            );
            thread::sleep(Duration::from_millis(3));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
