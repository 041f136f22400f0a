//! From a line that is appended to a followed log to the moment at which it is on the screen, in a
//! real pseudo-terminal: `rotascope explore` at the end of the log, `rotascope audit --follow`,
//! and `tail -f` beside them. Each line comes at an irregular moment and names a word of its own.
//!
//! `scripts/bench-appended`, or `cargo bench --bench appended -- [LINES [LOG]]`: a large log to
//! append to is cut to its length again afterwards. Prints figures; judges nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints figures and stops where it cannot measure"
)]

#[path = "made/terminal.rs"]
mod terminal;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use portable_pty::CommandBuilder;

use terminal::{Terminal, millis};

/// What the log holds before anything is appended, where none is named.
const ROWS: usize = 20_000;

/// Times of the lines that are appended: behind those of any log.
const FROM: usize = 60 * 60 * 24;

fn line(n: usize, path: &str) -> String {
    let (day, hour, minute, second) = (1 + n / 86_400, n / 3600 % 24, n / 60 % 60, n % 60);
    format!(
        r#"{{"time":"2036-01-{day:02}T{hour:02}:{minute:02}:{second:02}.5Z","type":"response","auth":{{"client_token":"hmac-sha256:8ce0bd2f0b8d","accessor":"hmac-sha256:2b5ce6a7b7c4","display_name":"approle-{}","policies":["default","readers"],"token_type":"service"}},"request":{{"id":"a-{path}","client_id":"c0ffee","operation":"read","mount_type":"kv","path":"secret/data/{path}","remote_address":"10.1.2.{}"}},"response":{{"mount_type":"kv","data":{{"data":{{"password":"hmac-sha256:9a1f"}}}}}}}}
"#,
        n % 17,
        n % 250
    )
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let lines: usize = args
        .next()
        .map_or(300, |n| n.parse().expect("a number of lines"));
    let named = args.next().map(PathBuf::from);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = named.unwrap_or_else(|| {
        let path = folder.path().join("vault.log");
        let text: String = (0..ROWS).map(|n| line(n, &format!("old-{n}"))).collect();
        std::fs::write(&path, text).expect("room for a log");
        path
    });
    let length = std::fs::metadata(&path).expect("a log").len();
    println!("a log of {length} bytes, {lines} lines appended");

    let (mut explorer, _) = Terminal::start(&["explore", &path.to_string_lossy()]);
    let open = explorer.painted(|screen| screen.contains(" rows"));
    open.expect("the explorer opens the log");
    explorer.rest(Duration::from_millis(500));
    explorer.press("\x1b[F");
    explorer.rest(Duration::from_millis(500));
    appended("explore", &mut explorer, true, &path, lines);
    drop(explorer);
    cut(&path, length);

    let (mut table, _) = Terminal::start(&["audit", "--follow", &path.to_string_lossy()]);
    // All that is there is shown first.
    table.rest(Duration::from_secs(2));
    appended("audit --follow", &mut table, false, &path, lines);
    drop(table);
    cut(&path, length);

    let mut command = CommandBuilder::new("tail");
    command.args(["-f", &path.to_string_lossy()]);
    let (mut other, _) = Terminal::command(command);
    other.rest(Duration::from_secs(1));
    appended("tail -f", &mut other, false, &path, lines);
    drop(other);
    cut(&path, length);
}

/// The times of lines that are appended one after another.
fn appended(name: &str, terminal: &mut Terminal, frames: bool, path: &Path, lines: usize) {
    let mut log = OpenOptions::new()
        .append(true)
        .open(path)
        .expect("the log can be appended to");
    let (mut times, mut missed) = (Vec::new(), 0);
    // xorshift64: gaps that fall into step with no clock.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for n in 0..lines {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        thread::sleep(Duration::from_micros(20_000 + random % 40_000));
        let word = format!("w{:08x}", random >> 32);
        let text = line(FROM + n, &word);
        let began = std::time::Instant::now();
        log.write_all(text.as_bytes()).expect("room for a line");
        let came = if frames {
            terminal.painted(|screen| screen.contains(&word))
        } else {
            terminal.written(|screen| screen.contains(&word))
        };
        match came {
            Some(at) => times.push(at.saturating_duration_since(began)),
            None => missed += 1,
        }
        if missed > 2 {
            break;
        }
    }
    println!(
        "appended to shown, {name}: {}, missed {missed}",
        millis(times)
    );
}

fn cut(path: &Path, length: u64) {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file: File| file.set_len(length))
        .expect("the log can be cut");
}
