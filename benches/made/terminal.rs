//! A program in a real pseudo-terminal, with the moment at which each piece of its screen came.

#![expect(
    dead_code,
    reason = "shared by several benches, of which none uses all"
)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::large_stack_arrays,
    reason = "a bench stops where it cannot measure"
)]

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// `rotascope` marks the end of each frame so (synchronized update, DEC mode 2026).
const FRAME_END: &[u8] = b"\x1b[?2026l";

/// The longest that anything is waited for: a large log is opened meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

const ROWS: u16 = 50;
const COLUMNS: u16 = 200;

/// The binary that is measured: the bench's own, or the one that `ROTASCOPE_BIN` names.
pub fn rotascope() -> PathBuf {
    let own = option_env!("CARGO_BIN_EXE_rotascope").map(PathBuf::from);
    let named = std::env::var_os("ROTASCOPE_BIN").map(PathBuf::from);
    named.or(own).expect("ROTASCOPE_BIN names the program")
}

/// A program on a terminal of 200x50.
pub struct Terminal {
    chunks: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts `rotascope`; gives the moment before it did.
    pub fn start(args: &[&str]) -> (Self, Instant) {
        let mut command = CommandBuilder::new(rotascope());
        command.args(args);
        Self::command(command)
    }

    /// Starts any program.
    pub fn command(mut command: CommandBuilder) -> (Self, Instant) {
        let size = PtySize {
            rows: ROWS,
            cols: COLUMNS,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let nowhere = std::env::temp_dir().join("rotascope-bench-none");
        command.env("TERM", "xterm-256color");
        command.env("ROTASCOPE_CONFIG_DIR", &nowhere);
        command.env("ROTASCOPE_STATE_DIR", &nowhere);
        let mut reader = pair.master.try_clone_reader().expect("readable");
        let writer = pair.master.take_writer().expect("writable");
        let (send, chunks) = channel();
        thread::spawn(move || {
            let mut buffer = [0_u8; 1 << 16];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || send.send((Instant::now(), buffer[..n].to_vec())).is_err() {
                    return;
                }
            }
        });
        let began = Instant::now();
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the program starts");
        let screen = vt100::Parser::new(
            NonZero::new(ROWS).expect("rows"),
            NonZero::new(COLUMNS).expect("columns"),
            0,
        );
        let terminal = Self {
            chunks,
            screen,
            writer,
            child,
            _master: pair.master,
        };
        (terminal, began)
    }

    /// The moment at which a frame ended that made `wanted` true.
    pub fn painted(&mut self, wanted: impl Fn(&str) -> bool) -> Option<Instant> {
        self.came(true, wanted)
    }

    /// The moment at which something was written that made `wanted` true: of a program that draws
    /// no frames.
    pub fn written(&mut self, wanted: impl Fn(&str) -> bool) -> Option<Instant> {
        self.came(false, wanted)
    }

    fn came(&mut self, frames: bool, wanted: impl Fn(&str) -> bool) -> Option<Instant> {
        let deadline = Instant::now() + PATIENCE;
        // The mark may be cut in two.
        let mut last = Vec::new();
        while let Ok((at, bytes)) = self
            .chunks
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.screen.process(&bytes);
            last.extend_from_slice(&bytes);
            let whole = last.windows(FRAME_END.len()).any(|w| w == FRAME_END);
            if (whole || !frames) && wanted(&self.screen.screen().contents()) {
                return Some(at);
            }
            last.drain(..last.len().saturating_sub(FRAME_END.len() - 1));
        }
        None
    }

    /// Presses keys, as the bytes that a terminal sends for them; gives the moment.
    pub fn press(&mut self, keys: &str) -> Instant {
        let at = Instant::now();
        self.writer
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
        at
    }

    /// Waits for a while in which nothing is written.
    pub fn rest(&mut self, silence: Duration) {
        loop {
            match self.chunks.recv_timeout(silence) {
                Ok((_, bytes)) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The screen as text.
    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// The program's resident memory in bytes, where the system tells.
    pub fn resident(&self) -> u64 {
        let id = self.child.process_id().unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.unwrap_or(0) << 10
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The middle, the 99th of a hundred and the longest.
pub fn millis(mut times: Vec<Duration>) -> String {
    times.sort();
    let at =
        |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let show = |time: Option<&Duration>| {
        time.map_or("none".to_owned(), |t| {
            format!("{:.2}", t.as_secs_f64() * 1e3)
        })
    };
    format!(
        "p50 {} p99 {} max {} ms (n {})",
        show(at(50)),
        show(at(99)),
        show(times.last()),
        times.len()
    )
}
