//! A Vault audit log of a thousand megabytes, of which everything is known without reading it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

/// The bytes of a line, as Vault writes them of a call with its policies and metadata.
const LINE: usize = 1500;

/// The rows: a thousand megabytes of lines.
pub const ROWS: u64 = 1_000_000_000 / LINE as u64;

/// Between two rows, in milliseconds.
const STEP: u64 = 50;

/// The row that says [`WORD`].
pub const MARKED: u64 = 400_009;

/// A word that one row says.
pub const WORD: &str = "needle-7f3a";

/// A row is refused where its number ends in 9.
pub fn is_denied(row: u64) -> bool {
    row % 10 == 9
}

/// Who calls.
pub fn actor(row: u64) -> String {
    format!("approle-{:02}", row % 17)
}

/// What is asked for.
pub fn path(row: u64) -> String {
    format!("secret/data/service-{:03}/key", row % 300)
}

/// When, as the rows of the explorer tell it.
pub fn clock(row: u64) -> String {
    let millis = row * STEP;
    let (second, milli) = (millis / 1000, millis % 1000);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{hour:02}:{minute:02}:{:02}.{milli:03}", second % 60)
}

/// The first row that is not before so many seconds of the day.
pub fn at(second: u64) -> u64 {
    second * 1000 / STEP
}

/// How many rows there are of which something holds.
pub fn rows(holds: impl Fn(u64) -> bool) -> u64 {
    (0..ROWS).filter(|row| holds(*row)).count() as u64
}

/// What is another one in each line.
const CLOCK: &str = "hh:mm:ss.mmm";
const ID: &str = "rrrrrrrr";
const ACTOR: &str = "approle-aa";
const PATH: &str = "secret/data/service-ppp/key";
const SAID: &str = "say-nothing";
const ERROR: &str = r#""error":"permission denied""#;
const NO_ERROR: &str = r#""refused":"not this call!!""#;

/// Writes it: the same line again and again with other words in the same places, which takes no
/// longer than copying it.
///
/// # Errors
/// What the system says.
pub fn write(to: &Path) -> io::Result<()> {
    let (line, places) = template();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(to)?);
    let mut line = line.into_bytes();
    for row in 0..ROWS {
        let said = if row == MARKED { WORD } else { SAID };
        let error = if is_denied(row) { ERROR } else { NO_ERROR };
        let words = [
            clock(row),
            format!("{row:08}"),
            actor(row),
            path(row),
            said.to_owned(),
            error.to_owned(),
        ];
        for (place, word) in places.iter().zip(words) {
            line[place.clone()].copy_from_slice(word.as_bytes());
        }
        out.write_all(&line)?;
    }
    out.flush()
}

fn template() -> (String, [Range<usize>; 6]) {
    let hmac = |n: u32| format!("hmac-sha256:{}", format!("{n:08x}").repeat(8));
    let policies: Vec<String> = (0..12).map(|n| format!(r#""team-{n:02}-read""#)).collect();
    let begin = format!(
        r#"{{"time":"2026-01-01T{CLOCK}Z","type":"response","auth":{{"client_token":"{}","accessor":"{}","display_name":"{ACTOR}","policies":[{}],"token_policies":[{}],"metadata":{{"role_name":"service","said":"{SAID}"}},"entity_id":"8a2f6c1e-5b7d-4c3a-9e0f-1d2c3b4a5f60","token_type":"service","token_ttl":2764800}},"request":{{"id":"{ID}","client_id":"8a2f6c1e","operation":"read","mount_type":"kv","mount_point":"secret/","client_token":"{}","client_token_accessor":"{}","namespace":{{"id":"root"}},"path":"{PATH}","remote_address":"10.1.2.3","remote_port":41234}},"response":{{"mount_type":"kv","mount_accessor":"kv_1234","data":{{"data":{{"password":"{}"}}}}}},{NO_ERROR},"filler":""#,
        hmac(1),
        hmac(2),
        policies.join(","),
        policies.join(","),
        hmac(1),
        hmac(2),
        hmac(3),
    );
    let end = "\"}\n";
    let filler = "f".repeat(LINE - begin.len() - end.len());
    let place = |word: &str| {
        let at = begin.find(word).expect("each stands in the line");
        at..at + word.len()
    };
    let places = [CLOCK, ID, ACTOR, PATH, SAID, NO_ERROR].map(place);
    (format!("{begin}{filler}{end}"), places)
}
