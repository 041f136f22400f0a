//! What can be done to a journal from outside, by whoever can write its folder and has no key of
//! its writer; and by whoever has the key and puts an earlier state back.

use std::sync::Arc;

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rotascope::guard::Signer;
use rotascope::model::proof::Head;
use sha2::{Digest as _, Sha256};

use super::made::Made;

/// A journal after an attack, and what stands beside it.
pub struct Attacked {
    pub bytes: Vec<u8>,
    pub beside: Option<Head>,
}

/// An attack: `None` where there is nothing in this journal that it could be done to.
pub type Attack = fn(&Made, &Made, &mut SmallRng) -> Option<Attacked>;

/// All of them.
pub const ATTACKS: &[(&str, Attack)] = &[
    ("bytes changed", |a, _, lot| {
        edit(a, lot, |bytes, lot| {
            for _ in 0..lot.random_range(1..4_u8) {
                let at = lot.random_range(0..bytes.len());
                bytes[at] ^= lot.random_range(1..=255_u8);
            }
        })
    }),
    ("bytes put in", |a, _, lot| {
        edit(a, lot, |bytes, lot| {
            for _ in 0..lot.random_range(1..20_u8) {
                bytes.insert(lot.random_range(0..=bytes.len()), lot.random());
            }
        })
    }),
    ("bytes taken out", |a, _, lot| {
        edit(a, lot, |bytes, lot| {
            let from = lot.random_range(0..bytes.len());
            let to = (from + lot.random_range(1..200_usize)).min(bytes.len());
            bytes.drain(from..to);
        })
    }),
    ("text changed", |a, _, lot| {
        edit(a, lot, |bytes, lot| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let (from, to) = [
                ("mira", "mara"),
                ("observed", "failed"),
                ("intended", "ended"),
                ("payments/db", "payments/dc"),
                ("\"n\":1", "\"n\": 1"),
                ("\",\"sig\":\"", "\", \"sig\":\""),
            ][lot.random_range(0..6_usize)];
            *bytes = text
                .replacen(from, to, lot.random_range(1..4_usize))
                .into_bytes();
        })
    }),
    ("lines swapped", |a, _, lot| {
        lines(a, lot, |lines, lot| {
            let (i, j) = (
                lot.random_range(0..lines.len()),
                lot.random_range(0..lines.len()),
            );
            lines.swap(i, j);
        })
    }),
    ("lines moved", |a, _, lot| {
        lines(a, lot, |lines, lot| {
            let line = lines.remove(lot.random_range(0..lines.len()));
            lines.insert(lot.random_range(0..=lines.len()), line);
        })
    }),
    ("lines repeated", |a, _, lot| {
        lines(a, lot, |lines, lot| {
            let line = lines[lot.random_range(0..lines.len())].clone();
            for _ in 0..lot.random_range(1..3_u8) {
                lines.insert(lot.random_range(0..=lines.len()), line.clone());
            }
        })
    }),
    ("lines taken out", |a, _, lot| {
        lines(a, lot, |lines, lot| {
            for _ in 0..lot.random_range(1..3_usize).min(lines.len()) {
                lines.remove(lot.random_range(0..lines.len()));
            }
        })
    }),
    ("chains crossed", |a, b, lot| {
        lines(a, lot, |ours, lot| {
            let theirs = split(&b.bytes);
            match lot.random_range(0..4_u8) {
                0 => {
                    ours.truncate(lot.random_range(0..ours.len()));
                    ours.extend_from_slice(&theirs[lot.random_range(0..theirs.len())..]);
                }
                1 => ours.extend_from_slice(&theirs[lot.random_range(0..theirs.len())..]),
                2 => {
                    let line = theirs[lot.random_range(0..theirs.len())].clone();
                    ours.insert(lot.random_range(0..=ours.len()), line);
                }
                _ => {
                    let n = lot.random_range(0..ours.len());
                    ours[n].clone_from(&theirs[n.min(theirs.len() - 1)]);
                }
            }
        })
    }),
    ("another journal in its place", |_, b, lot| {
        let beside = [Some(b.head.clone()), None][lot.random_range(0..2_usize)].clone();
        let bytes = b.bytes.clone();
        Some(Attacked { bytes, beside })
    }),
    ("tails cut by lines", |a, _, lot| {
        lines(a, lot, |lines, lot| {
            lines.truncate(lot.random_range(0..lines.len()));
        })
    }),
    ("tails cut by bytes", |a, _, lot| {
        edit(a, lot, |bytes, lot| {
            let most = 300.min(bytes.len());
            bytes.truncate(bytes.len() - lot.random_range(1..=most));
        })
    }),
    ("tails cut, older head put back", |a, _, lot| {
        let older = &a.older[lot.random_range(0..a.older.len())];
        let mut kept = split(&a.bytes);
        while kept.len() as u64 > older.n {
            kept.pop();
        }
        let (bytes, beside) = (kept.concat(), Some(older.clone()));
        Some(Attacked { bytes, beside })
    }),
    ("hashes made anew without a key", |a, _, lot| {
        let mut lines = split(&a.bytes);
        let first = lot.random_range(0..lines.len());
        forge(&mut lines, first, &Keys::None, lot);
        let bytes = lines.concat();
        (bytes != a.bytes).then(|| beside(a, bytes, lot))
    }),
    (
        "signed anew with another key from a line on",
        |a, _, lot| {
            let mut lines = split(&a.bytes);
            let first = lot.random_range(0..lines.len());
            forge(&mut lines, first, &Keys::Own(thief(lot)), lot);
            let bytes = lines.concat();
            (bytes != a.bytes).then(|| beside(a, bytes, lot))
        },
    ),
    ("all signed anew with another key", |a, _, lot| {
        let thief = thief(lot);
        let mut lines = split(&a.bytes);
        let old = a.signer.public().to_string();
        for line in &mut lines {
            let text = String::from_utf8_lossy(line).replace(&old, &thief.public().to_string());
            *line = text.into_bytes();
        }
        let keys = Keys::Own(Arc::clone(&thief));
        let (n, hash) = forge(&mut lines, 0, &keys, lot)?;
        // The head of the thief's journal, signed as heads are.
        let writer = a.head.writer.clone();
        let message = format!("{n} {hash} {writer}");
        let signature = thief.sign("rotascope journal head v1", message.as_bytes());
        let key = thief.public();
        let forged = Head {
            writer,
            n,
            hash,
            key,
            signature,
        };
        let beside = [Some(forged), None][lot.random_range(0..2_usize)].clone();
        let bytes = lines.concat();
        Some(Attacked { bytes, beside })
    }),
    ("signatures exchanged", |a, _, lot| {
        lines(a, lot, |lines, lot| {
            let (i, j) = (
                lot.random_range(0..lines.len()),
                lot.random_range(0..lines.len()),
            );
            let (Some(x), Some(y)) = (signature(&lines[i]), signature(&lines[j])) else {
                return;
            };
            let (a, b) = (lines[i].len() - END, lines[j].len() - END);
            lines[i].splice(a - SIGNATURE..a, y);
            lines[j].splice(b - SIGNATURE..b, x);
        })
    }),
    ("forked with the key", |a, _, lot| {
        let (bytes, head) = a.forks[lot.random_range(0..a.forks.len())].clone();
        let beside = match lot.random_range(0..3_u8) {
            0 => Some(head),
            1 => Some(a.head.clone()),
            _ => None,
        };
        Some(Attacked { bytes, beside })
    }),
    ("head forked", |a, _, lot| {
        // The journal is left alone; the head beside it is of a fork.
        let (_, head) = a.forks[lot.random_range(0..a.forks.len())].clone();
        let (bytes, beside) = (a.bytes.clone(), Some(head));
        Some(Attacked { bytes, beside })
    }),
    ("head changed", |a, b, lot| {
        let mut head = a.head.clone();
        match lot.random_range(0..6_u8) {
            0 => head.n = lot.random_range(0..1_000),
            1 => head.hash = b.head.hash.clone(),
            2 => head.writer.clone_from(&b.head.writer),
            3 => head.key = b.head.key,
            4 => head.signature = b.head.signature,
            _ => head = b.head.clone(),
        }
        let changed = head != a.head;
        let (bytes, beside) = (a.bytes.clone(), Some(head));
        changed.then_some(Attacked { bytes, beside })
    }),
    ("rubbish at the end", |a, _, lot| {
        edit(a, lot, |bytes, lot| {
            let rubbish: Vec<u8> = match lot.random_range(0..3_u8) {
                0 => (0..lot.random_range(1..60_u8))
                    .map(|_| lot.random())
                    .collect(),
                1 => b"{\"n\":1,\"prev\":\"\",\"at\":\"2026".to_vec(),
                _ => {
                    let lines = split(bytes);
                    let line = &lines[lot.random_range(0..lines.len())];
                    line[..lot.random_range(line.len().min(8)..=line.len())].to_vec()
                }
            };
            bytes.extend(rubbish);
        })
    }),
];

/// How long what stands behind a signature is: `"}` and the line end.
const END: usize = 3;
/// How long a signature is.
const SIGNATURE: usize = 88;

fn signature(line: &[u8]) -> Option<Vec<u8>> {
    let end = line.len().checked_sub(END)?;
    Some(line.get(end.checked_sub(SIGNATURE)?..end)?.to_vec())
}

/// The lines, their ends with them.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn edit(a: &Made, lot: &mut SmallRng, change: fn(&mut Vec<u8>, &mut SmallRng)) -> Option<Attacked> {
    let mut bytes = a.bytes.clone();
    change(&mut bytes, lot);
    (bytes != a.bytes).then(|| beside(a, bytes, lot))
}

fn lines(
    a: &Made,
    lot: &mut SmallRng,
    change: impl FnOnce(&mut Vec<Vec<u8>>, &mut SmallRng),
) -> Option<Attacked> {
    let mut lines = split(&a.bytes);
    change(&mut lines, lot);
    let bytes = lines.concat();
    (bytes != a.bytes).then(|| beside(a, bytes, lot))
}

/// The head beside it is as it was, an older one, or gone.
fn beside(a: &Made, bytes: Vec<u8>, lot: &mut SmallRng) -> Attacked {
    let older = &a.older[lot.random_range(0..a.older.len())];
    let beside = match lot.random_range(0..3_u8) {
        0 => Some(a.head.clone()),
        1 => Some(older.clone()),
        _ => None,
    };
    Attacked { bytes, beside }
}

/// With what an attacker signs.
enum Keys {
    /// The signatures stay as they are.
    None,
    /// A key of their own.
    Own(Arc<Signer>),
}

fn thief(lot: &mut SmallRng) -> Arc<Signer> {
    Arc::new(Signer::from_seed(&lot.random()))
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Changes what a line says and makes the hashes of all that follow fit; gives the last number
/// and hash.
fn forge(
    lines: &mut [Vec<u8>],
    first: usize,
    keys: &Keys,
    lot: &mut SmallRng,
) -> Option<(u64, String)> {
    let mut last: Option<(String, String)> = None;
    let mut n = 0;
    for (at, line) in lines.iter_mut().enumerate() {
        let text = String::from_utf8_lossy(line).into_owned();
        // What a crash left stays as it is.
        let parts = text.rsplit_once(",\"hash\":\"");
        let parts = parts.and_then(|(open, rest)| Some((open, rest.split_once("\",\"sig\":\"")?)));
        let Some((open, (old, signed))) = parts else {
            continue;
        };
        n += 1;
        let mut body = format!("{open}}}");
        if at >= first {
            if at == first {
                let years = ["2024", "2025", "2028"];
                body = body.replacen(
                    "2027-",
                    &format!("{}-", years[lot.random_range(0..3_usize)]),
                    1,
                );
            }
            if let Some((was, is)) = &last {
                body = body.replacen(was, is, 1);
            }
            let hash = hex(body.as_bytes());
            let signature = match keys {
                Keys::None => signed.trim_end_matches("\"}\n").to_owned(),
                Keys::Own(thief) => thief
                    .sign("rotascope journal line v1", hash.as_bytes())
                    .to_string(),
            };
            let open = body.strip_suffix('}')?;
            *line = format!("{open},\"hash\":\"{hash}\",\"sig\":\"{signature}\"}}\n").into_bytes();
            last = Some((old.to_owned(), hash));
        } else {
            last = Some((old.to_owned(), old.to_owned()));
        }
    }
    last.map(|(_, hash)| (n, hash))
}
