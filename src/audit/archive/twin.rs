//! The fast reader of Vault lines against the full one, on damaged lines.

use super::half::{Half, Halves, Ids};
use crate::audit::format::vault;
use crate::audit::scan::found::Found;
use crate::audit::scan::shape::Shapes;
use crate::audit::scan::walk::Walk;

const LINES: [&str; 4] = [
    r#"{"time":"2026-01-10T00:00:00.1Z","type":"response","auth":{"client_token":"hmac-sha256:0c22776f2ee485b791198b9cc98b4903698823df8ad2a6e739f55527cca58a3f","accessor":"hmac-sha256:cf","display_name":"app","policies":["a","b"],"metadata":{"role":"x","consumer":"pay-1","uid":""},"entity_id":"53765e5e-758a-b1f3-b4fd-76feb5bfaeed","token_ttl":3600},"request":{"id":"0b5a1e","operation":"read","mount_point":"secret/","mount_type":"kv","namespace":{"id":"root"},"path":"secret/data/a","headers":{"user-agent":["Go"]},"data":null,"remote_address":"10.0.0.1","remote_port":43941},"response":{"data":{"n":1.5,"ok":true,"no":false,"s":"a\nbé"}},"error":"1 error occurred:\n\t* permission denied\n\n"}"#,
    r#"{"auth":{"display_name":"kubernetes-warehouse","entity_id":"53765e5e","metadata":{"role":"warehouse"},"policies":["default"],"policy_results":{"allowed":true,"granting_policies":[{"name":"svc","namespace_id":"root","type":"acl"}]},"token_type":"batch"},"request":{"client_id":"53765e5e-758a-b1f3-b4fd-76feb5bfaeed","id":"d8606f79-a7c9-32b4-d274-e22259682027","mount_point":"database/","mount_type":"database","namespace":{"id":"root"},"operation":"read","path":"database/static-creds/payments","remote_address":"10.24.15.236"},"time":"2026-01-10T00:00:00.085357818Z","type":"request"}"#,
    r#"{"time":"2026-01-10T00:00:01Z","type":"response","auth":{},"request":{"id":"l1","operation":"update","mount_point":"auth/approle/","mount_type":"approle","path":"auth/approle/login","data":{"role_id":"hmac-sha256:1"}},"response":{"auth":{"display_name":"approle","metadata":{"role_name":"s"}}}}"#,
    r#"{"time":"2026-01-10T00:00:02Z","type":"request","request":{"id":"x","operation":"update","path":"/sys/leases/revoke/database/creds/a/b","headers":{"X-Correlation-Id":["rot-7"]}},"error":"größer\u0020"}"#,
];

const ID: &str = "0102030a-0b0c-0d0e-0f00-000000000001";
const HASH: &str = "hmac-sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A small generator, so that the lines of a run can be made again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

/// One of the lines, damaged in up to three places, now and then with a line of another behind.
fn damaged(dice: &mut Dice) -> Vec<u8> {
    let mut line = LINES[dice.roll(LINES.len())].as_bytes().to_vec();
    for _ in 0..dice.roll(4) {
        let at = dice.roll(line.len());
        match dice.roll(7) {
            0 => line[at] = u8::try_from(dice.roll(256)).unwrap(),
            1 => drop(line.remove(at)),
            2 => line.insert(at, b"{}[]:,\"\\0e.-n \n"[dice.roll(15)]),
            3 => line[at] = b"{}[]:,\"\\0e.-n \n"[dice.roll(15)],
            4 => {
                // A part of it again.
                let to = (at + dice.roll(40)).min(line.len());
                let part = line[at..to].to_vec();
                let into = dice.roll(line.len());
                line.splice(into..into, part);
            }
            5 => {
                let to = (at + dice.roll(20)).min(line.len());
                line.drain(at..to);
            }
            _ => {
                // Another word in the next quotes, of a length that many have, or of none.
                let quotes = (at..line.len()).filter(|at| line[*at] == b'"');
                if let [open, close, ..] = quotes.collect::<Vec<_>>().as_slice() {
                    let other = ["", ID, HASH][dice.roll(3)];
                    line.splice(open + 1..*close, other.bytes());
                }
            }
        }
        if line.is_empty() {
            break;
        }
    }
    line
}

/// What the fast reader reads of the lines of a text, each with what the full reader reads.
fn both(text: &[u8], shapes: &mut Shapes) -> Vec<(Option<Half>, Option<Half>)> {
    let mut halves = Halves::new(Ids::new());
    let mut walk = Walk::new(text, shapes);
    let mut from = 0;
    let mut out = Vec::new();
    while from < text.len() {
        let end = walk.end(from);
        let fast = walk.line(from);
        let mut nothing = Shapes::default();
        let mut afresh = Walk::new(text, &mut nothing);
        assert_eq!(
            fast.map(Found::alone),
            afresh.line(from).map(Found::alone),
            "{}",
            text.escape_ascii()
        );
        assert!(
            fast.is_none_or(|found| found.end == end),
            "{}",
            text.escape_ascii()
        );
        let fast = fast.and_then(|found| halves.found(text, found, 7));
        let full = vault::entry(text[from..end].trim_ascii()).ok();
        out.push((fast, full.map(|entry| halves.read(&entry, 7))));
        from = end + 1;
    }
    out
}

/// `ROTASCOPE_FUZZ` lines, else forty thousand: what both readers take they read the same, and
/// what only the fast one takes is damaged where it need not look.
#[test]
#[expect(clippy::print_stdout, reason = "the figures of a long run")]
fn a_damaged_line_is_never_read_otherwise() {
    let lines = std::env::var("ROTASCOPE_FUZZ").map_or(40_000, |n| n.parse().unwrap());
    let mut dice = Dice(0x5eed_0007);
    // What was learned of damaged lines must not mislead later.
    let mut shapes = Shapes::default();
    let (mut taken, mut left, mut more) = (0_u64, 0_u64, 0_u64);
    for _ in 0..lines / 4 {
        let mut text = Vec::new();
        for _ in 0..4 {
            text.extend(damaged(&mut dice));
            text.push(b'\n');
        }
        for (fast, full) in both(&text, &mut shapes) {
            match (fast, full) {
                (Some(fast), Some(full)) => {
                    assert_eq!(fast, full, "{}", text.escape_ascii());
                    taken += 1;
                }
                (None, Some(_)) => left += 1,
                (Some(_), None) => more += 1,
                (None, None) => {}
            }
        }
    }
    println!(
        "lines {lines} read by both {taken} left to the full reader {left} damaged within {more} otherwise 0"
    );
    // The test would be worth nothing if one of them took nothing.
    assert!(taken > lines / 10 && left > 0 && more < taken / 4);
}

#[test]
fn ordinary_lines_need_no_full_reader() {
    let text = format!("{}\n{}\n{}\n", LINES[0], LINES[1], LINES[0]);
    for (fast, full) in both(text.as_bytes(), &mut Shapes::default()) {
        assert!(fast.is_some());
        assert_eq!(fast, full);
    }
    // A response repeats its request, and so does the same response of a second device.
    let response = LINES[1].replace(r#""type":"request""#, r#""type":"response""#);
    let again = response.replace(r#"{"auth""#, r#"{"device":[1,2,3],"auth""#);
    let repeated = [LINES[1], &response, &again, LINES[1]].join("\n");
    let mut shapes = Shapes::default();
    // At first the shapes are learned: what repeats is seen where a shape is known.
    for _ in 0..2 {
        for (fast, full) in both(repeated.as_bytes(), &mut shapes) {
            assert!(fast.is_some());
            assert_eq!(fast, full);
        }
    }
    // Who logs in is told in the response, also where other responses were met first.
    let login = format!("{}\n{}\n{}\n", LINES[0], LINES[2], LINES[2]);
    for (fast, full) in both(login.as_bytes(), &mut Shapes::default()) {
        assert!(fast.is_some());
        assert_eq!(fast, full);
    }
    // What a rotation is may be told in a header.
    for (fast, full) in both(LINES[3].as_bytes(), &mut Shapes::default()) {
        assert!(fast.is_none() && full.is_some());
    }
}

/// What stands between two values may be longer than what is learned of a shape: the line is read
/// nonetheless, each time anew, and so are those around it.
#[test]
fn a_line_with_a_long_way_between_two_values_is_read_as_others_are() {
    let mut shapes = Shapes::default();
    for length in [100, 4000, 4096, 4097, 5000, 20_000] {
        let name = format!("\"{}\":\"x\",", "n".repeat(length));
        let mut text = String::new();
        for before in ["\"time\"", "\"display_name\"", "\"operation\"", "\"role\""] {
            let long = LINES[0].replacen(before, &format!("{name}{before}"), 1);
            assert_eq!(long.len(), LINES[0].len() + name.len());
            for line in [LINES[0], &long, &long, LINES[1], &long] {
                text.push_str(line);
                text.push('\n');
            }
        }
        for (fast, full) in both(text.as_bytes(), &mut shapes) {
            assert!(fast.is_some(), "{length} {full:?}");
            assert_eq!(fast, full, "{length}");
        }
    }
}

/// Who logged in and for what rotation is told, however its name is written.
#[test]
fn white_space_escapes_and_nulls_hide_nobody() {
    let login = LINES[2];
    let rotation = LINES[3].replace("größer\\u0020", "x");
    let rotation = rotation.replace("/sys/leases/revoke/", "");
    let nobody = r#""consumer":null"#;
    for (line, name, written) in [
        (LINES[0], "\"consumer\":\"pay-1\"", nobody),
        (
            login,
            "\"auth\":{\"display_name\"",
            "\"auth\" :{\"display_name\"",
        ),
        (
            login,
            "\"auth\":{\"display_name\"",
            "\"\\u0061uth\":{\"display_name\"",
        ),
        (rotation.as_str(), "X-Corr", "X-\\u0043orr"),
    ] {
        let text = line.replace(name, written) + "\n";
        assert_ne!(text, line.to_owned() + "\n");
        for (fast, full) in both(text.as_bytes(), &mut Shapes::default()) {
            assert!(full.is_some(), "{text}");
            assert!(fast.is_none() || fast == full, "{text}");
        }
    }
}
