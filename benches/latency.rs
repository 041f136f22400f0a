//! What a person waits for, measured through a real pseudo-terminal: from the start of the
//! process to its first painted frame, and from a key to the frame that answers it, at rest and
//! under 50,000 events a second. Prints figures; judges nothing.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::large_stack_arrays,
    reason = "a bench prints figures and stops where it cannot measure"
)]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// The program marks the end of each frame so (synchronized update, DEC mode 2026).
const FRAME_END: &[u8] = b"\x1b[?2026l";

struct Program {
    chunks: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

impl Program {
    fn start(args: &[&str]) -> (Self, Instant) {
        let size = PtySize {
            rows: 50,
            cols: 200,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rotascope"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env(
            "ROTASCOPE_CONFIG_DIR",
            std::env::temp_dir().join("rotascope-bench-none"),
        );
        command.env(
            "ROTASCOPE_STATE_DIR",
            std::env::temp_dir().join("rotascope-bench-none"),
        );
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
            NonZero::new(50).expect("rows"),
            NonZero::new(200).expect("columns"),
            0,
        );
        (
            Self {
                chunks,
                screen,
                writer,
                child,
                _master: pair.master,
            },
            began,
        )
    }

    /// The moment at which a frame ended that made `wanted` true.
    fn painted(&mut self, wanted: impl Fn(&str) -> bool) -> Option<Instant> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Ok((at, bytes)) = self
            .chunks
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.screen.process(&bytes);
            if bytes.windows(FRAME_END.len()).any(|w| w == FRAME_END)
                && wanted(&self.screen.screen().contents())
            {
                return Some(at);
            }
        }
        None
    }

    fn press(&mut self, key: &str) -> Instant {
        let at = Instant::now();
        self.writer
            .write_all(key.as_bytes())
            .expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
        at
    }

    fn quiet(&mut self) {
        while let Ok((_, bytes)) = self.chunks.recv_timeout(Duration::from_millis(120)) {
            self.screen.process(&bytes);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn millis(mut times: Vec<Duration>) -> String {
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

fn first_frames(name: &str, args: &[&str], runs: usize) {
    let times = (0..runs)
        .filter_map(|_| {
            let (mut program, start) = Program::start(args);
            program
                .painted(|screen| !screen.trim().is_empty())
                .map(|at| at - start)
        })
        .collect();
    println!("start to first frame, {name}: {}", millis(times));
}

/// `?` opens the help screen and `esc` closes it: two frames that can be told from any other.
fn keys(program: &mut Program, presses: usize, rest: Duration) -> Vec<Duration> {
    let helps = |screen: &str| screen.contains("Help");
    let mut times = Vec::new();
    for n in 0..presses {
        let opens = n % 2 == 0;
        let began = program.press(if opens { "?" } else { "\x1b" });
        match program.painted(|screen| helps(screen) == opens) {
            Some(at) => times.push(at - began),
            None => println!("no answer to key {n}"),
        }
        thread::sleep(rest);
    }
    times
}

/// A recording of `seconds` with 50,000 samples a second of 200 services.
fn flood(seconds: u64) -> PathBuf {
    let path = std::env::temp_dir().join(format!("rotascope-flood-{seconds}.jsonl"));
    if path.exists() {
        return path;
    }
    let file = std::fs::File::create(&path).expect("a temporary file");
    let mut out = std::io::BufWriter::new(file);
    let mut line = String::new();
    for n in 0..seconds * 50_000 {
        line.clear();
        let (second, micro) = (n / 50_000, n % 50_000 * 20);
        let _ = writeln!(
            line,
            r#"{{"specversion":"1.0","id":"{n}","source":"/prometheus/main","type":"rotascope.auth.sample","time":"2026-01-01T00:{:02}:{:02}.{micro:06}Z","subject":"s{}","data":{{"service":"s{}","region":"eu-1","window_seconds":1,"total":900,"failed_401":{},"failed_403":0}}}}"#,
            second / 60,
            second % 60,
            n % 200,
            n % 200,
            n % 7
        );
        out.write_all(line.as_bytes())
            .expect("room for a temporary file");
    }
    path
}

fn main() {
    let night = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/incidents/first-night");
    first_frames("first-night", &["replay", &night.to_string_lossy()], 40);
    first_frames("demo", &["demo"], 40);
    if let Some(large) = std::env::var_os("ROTASCOPE_BENCH_LARGE") {
        let large = large.to_string_lossy();
        first_frames("a 1 GB audit log", &["replay", &large], 20);
    }
    let (mut program, _) = Program::start(&["replay", "--paused", &night.to_string_lossy()]);
    program.quiet();
    println!(
        "key to painted frame, at rest: {}",
        millis(keys(&mut program, 400, Duration::from_millis(4)))
    );
    drop(program);

    let flood = flood(20);
    let (mut program, _) = Program::start(&["replay", "--speed", "1", &flood.to_string_lossy()]);
    // The reader is ahead of the player after this; what follows measures playing, not loading.
    thread::sleep(Duration::from_secs(6));
    println!(
        "key to painted frame, under 50,000 events/s: {}",
        millis(keys(&mut program, 300, Duration::from_millis(20)))
    );
}
