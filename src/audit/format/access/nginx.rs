//! nginx's access log: the format `combined` that it comes with, `main` of its packages, which
//! adds the forwarded addresses, and JSON lines under the names of nginx's own variables
//! (`ngx_http_log_module`). Apache's `combined` is the same, and its `vhost_combined` has the
//! server's name before it.

use std::net::IpAddr;

use serde::Deserialize;

use super::{Draft, Memory, host, quoted, request, sniff as sniffed, status};
use crate::audit::format::Access;
use crate::audit::format::flat::{self, Members};
use crate::audit::format::text::{Words, divided, halves, json_words as parse};
use crate::audit::record::Proxy;
use crate::model::{Span, Timestamp};

/// True where the beginning of a file is this format.
#[must_use]
pub fn sniff(sample: &[u8]) -> bool {
    sniffed(sample, line)
}

/// Reads one line of text.
///
/// # Errors
/// The reason, for a person, and without any of the line's words.
pub fn line(
    line: &str,
    memory: &mut Memory,
    out: &mut dyn FnMut(&Access<'_>),
) -> Result<(), String> {
    let parts = match usual(line, memory) {
        Some(parts) => parts,
        None => full(line)?,
    };
    let (method, path) = request(parts.asked);
    let draft = Draft {
        proxy: Proxy::Nginx,
        time: parts.time,
        remote_address: parts.address,
        user: parts.user,
        method,
        path,
        service: if parts.service.is_empty() {
            authority(path)
        } else {
            parts.service
        },
        status: parts.status,
        note: "",
        user_agent: parts.user_agent,
        request_id: "",
    };
    out(&draft.said(memory));
    Ok(())
}

/// The parts of a line.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    time: Timestamp,
    service: &'a str,
    address: &'a str,
    user: &'a str,
    /// The request as it was asked.
    asked: &'a str,
    status: u16,
    user_agent: &'a str,
}

/// The parts of the usual line, as [`full`] finds them: each is separated from the next by one space,
/// and none is in an odd spelling. `None` where that has to be asked.
fn usual<'a>(line: &'a str, memory: &mut Memory) -> Option<Parts<'a>> {
    const TIME: usize = "10/Oct/2026:13:55:36 -0700".len();
    const STATUS: usize = "200 ".len();
    let bracket = memchr::memchr(b'[', line.as_bytes())?;
    let head = line.get(..bracket)?.strip_suffix(' ')?;
    let (time, rest) = line.get(bracket + 1..)?.split_at_checked(TIME)?;
    let rest = rest.strip_prefix("] ")?;
    let time = memory.time(time, local_time)?;
    let (service, head) = match memchr::memchr(b':', head.as_bytes()) {
        Some(_) => server(head),
        None => ("", head),
    };
    let (address, names) = halves(head, b' ')?;
    let (_, user) = halves(names, b' ')?;
    let (asked, rest) = quoted(rest)?;
    let (status, rest) = rest.strip_prefix(' ')?.split_at_checked(STATUS)?;
    let status = match *status.as_bytes() {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' '] => [a, b, c],
        _ => return None,
    };
    let (size, rest) = halves(rest, b' ').unwrap_or((rest, ""));
    let is_number = (1..=18).contains(&size.len()) && size.bytes().all(|b| b.is_ascii_digit());
    if !is_number && size != "-" {
        return None;
    }
    let user_agent = if rest.is_empty() {
        ""
    } else {
        let (_, rest) = quoted(rest)?;
        quoted(rest.strip_prefix(' ')?)?.0
    };
    Some(Parts {
        time,
        service,
        address,
        user,
        asked,
        status: status
            .iter()
            .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')),
        user_agent,
    })
}

/// The parts of any line of the format.
fn full(line: &str) -> Result<Parts<'_>, String> {
    let (head, rest) = divided(line, b" [").ok_or("no time in brackets")?;
    let (time, rest) = divided(rest, b"] ").ok_or("no time in brackets")?;
    let time = local_time(time).ok_or("no time of an access log")?;
    let (service, head) = server(head);
    let names =
        divided(head, b" ").and_then(|(address, rest)| Some((address, divided(rest, b" ")?.1)));
    let (address, user) = names.ok_or("no address, - and user before the time")?;
    let (asked, rest) = quoted(rest).ok_or("no quoted request behind the time")?;
    let rest = rest.trim_start();
    let (words, rest) = divided(rest, b" ").map_or((rest, None), |(w, rest)| (w, Some(rest)));
    let status = status(words)?;
    let rest = rest.ok_or("no size behind the status")?;
    let (bytes, rest) = divided(rest, b" ").unwrap_or((rest, ""));
    if bytes != "-" && bytes.parse::<u64>().is_err() {
        return Err("no size behind the status".to_owned());
    }
    let (_, rest) = quoted(rest.trim_start()).unwrap_or_default();
    let (user_agent, _) = quoted(rest.trim_start()).unwrap_or_default();
    Ok(Parts {
        time,
        service,
        address,
        user,
        asked,
        status,
        user_agent,
    })
}

/// The server's name and port before the address, where they are there.
fn server(head: &str) -> (&str, &str) {
    let Some((first, rest)) = head.split_once(' ') else {
        return ("", head);
    };
    let second = rest.split(' ').next().unwrap_or_default();
    let named = first
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok());
    match named {
        Some((name, _)) if first.parse::<IpAddr>().is_err() && second.parse::<IpAddr>().is_ok() => {
            (name, rest)
        }
        _ => ("", head),
    }
}

/// The authority of a target that names one.
fn authority(target: &str) -> &str {
    let rest = divided(target, b"://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    host(authority.rsplit('@').next().unwrap_or(authority))
}

/// `10/Oct/2026:13:55:36 -0700`.
fn local_time(words: &str) -> Option<Timestamp> {
    let bytes = words.as_bytes();
    let at = |nth: usize| bytes.get(nth).copied();
    if [at(2), at(6), at(11), at(20)] != [b'/', b'/', b':', b' '].map(Some) {
        return None;
    }
    let month = month(bytes.get(3..6)?)?;
    let utc = if let Some(utc) = shown(bytes, month) {
        utc
    } else {
        // A leap second, and what is none.
        let (year, day) = (words.get(7..11)?, words.get(..2)?);
        let clock = words.get(12..20)?;
        Timestamp::parse(&format!("{year}-{month:02}-{day}T{clock}Z")).ok()?
    };
    Some(utc - Span::seconds(east(words.get(21..)?)?))
}

/// The moment at which a clock in UTC shows this, in the usual spelling.
fn shown(bytes: &[u8], month: u32) -> Option<Timestamp> {
    let number = |begin: usize, end: usize| {
        let digits = bytes.get(begin..end)?;
        digits.iter().try_fold(0, |sum: u32, byte| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            (digit < 10).then_some(sum * 10 + digit)
        })
    };
    if bytes.get(14) != Some(&b':') || bytes.get(17) != Some(&b':') {
        return None;
    }
    let date = [number(7, 11)?, month, number(0, 2)?];
    let clock = [number(12, 14)?, number(15, 17)?, number(18, 20)?];
    Timestamp::of_clock(date, clock, 0)
}

/// From 1.
fn month(name: &[u8]) -> Option<u32> {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    (1..)
        .zip(MONTHS)
        .find(|(_, month)| *month == name)
        .map(|(nth, _)| nth)
}

/// The seconds that a zone, such as `-0700`, is east of UTC.
fn east(zone: &str) -> Option<i64> {
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone.get(1..).filter(|z| z.len() == 4)?;
    let (hours, minutes): (i64, i64) = (
        digits.get(..2)?.parse().ok()?,
        digits.get(2..)?.parse().ok()?,
    );
    if !(0..24).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    Some(sign * (hours * 3600 + minutes * 60))
}

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Raw<'a> {
    #[serde(borrow)]
    time_iso8601: Option<Words<'a>>,
    #[serde(borrow)]
    time_local: Option<Words<'a>>,
    #[serde(borrow)]
    msec: Option<Words<'a>>,
    #[serde(borrow)]
    remote_addr: Option<Words<'a>>,
    #[serde(borrow)]
    remote_user: Option<Words<'a>>,
    #[serde(borrow)]
    request: Option<Words<'a>>,
    #[serde(borrow)]
    request_method: Option<Words<'a>>,
    #[serde(borrow)]
    request_uri: Option<Words<'a>>,
    #[serde(borrow)]
    uri: Option<Words<'a>>,
    #[serde(borrow)]
    status: Option<Words<'a>>,
    #[serde(borrow)]
    server_name: Option<Words<'a>>,
    #[serde(borrow)]
    host: Option<Words<'a>>,
    #[serde(borrow)]
    http_host: Option<Words<'a>>,
    #[serde(borrow)]
    http_user_agent: Option<Words<'a>>,
    #[serde(borrow)]
    request_id: Option<Words<'a>>,
}

impl<'a> Members<'a> for Raw<'a> {
    fn member(&mut self, name: &str) -> Option<(u32, &mut Option<Words<'a>>)> {
        Some(match name {
            "time_iso8601" => (0, &mut self.time_iso8601),
            "time_local" => (1, &mut self.time_local),
            "msec" => (2, &mut self.msec),
            "remote_addr" => (3, &mut self.remote_addr),
            "remote_user" => (4, &mut self.remote_user),
            "request" => (5, &mut self.request),
            "request_method" => (6, &mut self.request_method),
            "request_uri" => (7, &mut self.request_uri),
            "uri" => (8, &mut self.uri),
            "status" => (9, &mut self.status),
            "server_name" => (10, &mut self.server_name),
            "host" => (11, &mut self.host),
            "http_host" => (12, &mut self.http_host),
            "http_user_agent" => (13, &mut self.http_user_agent),
            "request_id" => (14, &mut self.request_id),
            _ => return None,
        })
    }
}

/// Reads one line of JSON.
///
/// # Errors
/// The reason, for a person, and without any of the line's words.
pub fn json(
    line: &str,
    memory: &mut Memory,
    out: &mut dyn FnMut(&Access<'_>),
) -> Result<(), String> {
    let raw: Raw<'_> = match flat::read(line) {
        Some(raw) => raw,
        None => parse(line, "line of an access log")?,
    };
    let time = raw
        .time_iso8601
        .as_ref()
        .and_then(|time| memory.time(&time.0, |time| Timestamp::parse(time).ok()))
        .or_else(|| raw.time_local.as_ref().and_then(|time| local_time(&time.0)))
        .or_else(|| raw.msec.as_ref().and_then(|time| of_seconds(&time.0)))
        .ok_or("no time_iso8601, time_local or msec")?;
    let status = status(raw.status.as_ref().map_or("", |w| w.0.as_ref()))?;
    let (method, path) = request(words(raw.request.as_ref()));
    let named = [&raw.server_name, &raw.host, &raw.http_host];
    // `_` is the usual name of a server that takes what no other takes.
    let service = named
        .into_iter()
        .map(|name| words(name.as_ref()))
        .find(|name| !matches!(*name, "" | "-" | "_"));
    let uri = raw.request_uri.as_ref().or(raw.uri.as_ref());
    let draft = Draft {
        proxy: Proxy::Nginx,
        time,
        remote_address: words(raw.remote_addr.as_ref()),
        user: words(raw.remote_user.as_ref()),
        method: raw.request_method.as_ref().map_or(method, |w| w.0.as_ref()),
        path: uri.map_or(path, |w| w.0.as_ref()),
        service: host(service.unwrap_or_default()),
        status,
        note: "",
        user_agent: words(raw.http_user_agent.as_ref()),
        request_id: words(raw.request_id.as_ref()),
    };
    out(&draft.said(memory));
    Ok(())
}

fn words<'w>(words: Option<&'w Words<'_>>) -> &'w str {
    words.map_or("", |w| w.0.as_ref())
}

/// `1795612411.014`, seconds since the epoch.
fn of_seconds(words: &str) -> Option<Timestamp> {
    let (seconds, fraction) = words.split_once('.').unwrap_or((words, ""));
    let millis: u32 = match fraction.get(..3) {
        Some(digits) => digits.parse().ok()?,
        None => 0,
    };
    Some(Timestamp::new(seconds.parse().ok()?, millis * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::format::testing::reads_each_member;
    use proptest::prelude::*;

    /// Lines of which each part may be an odd one.
    fn lines() -> impl Strategy<Value = String> {
        let space = "(  |\t||\u{a0}| | | | | | )";
        let quoted = r#"("(GET|-|) (/a|/b c|http://x:8/q|)( HTTP/1\.1| HTTP/2|X/1 1| -|)"|""|"a\\"b"|"[ -~]{0,9}|"\PC{0,9}"|"-")"#;
        let parts = [
            "(192\\.0\\.2\\.7|::1|x:80 192\\.0\\.2\\.7|x\\.example|ä)( - | - | - | b |  | )(-|mira|a b|a \\[b|)",
            space,
            "\\[(2[0-9]|3[0-9])/(Nov|Nov|Feb|nov)/202[0-9]:1[0-9]:[0-5][0-9]:[0-6][0-9] ([+-]0[0-9]00|\\+\\+1\\+2|Z)\\]",
            space,
            quoted,
            space,
            "(200|401|000|[0-9]{1,4}|\\+20|-)",
            space,
            "(7|-|200|x|\\+7|0|9{18,21})",
            space,
            quoted,
            space,
            quoted,
            "( \"-\"||x)",
        ];
        proptest::string::string_regex(&parts.concat()).unwrap()
    }

    fn agrees(line: &str) -> Result<bool, TestCaseError> {
        let line = line.trim_ascii();
        let found = usual(line, &mut Memory::default());
        let is_usual = found.is_some();
        if let Some(found) = found {
            prop_assert_eq!(Ok(found), full(line), "{}", line);
        }
        Ok(is_usual)
    }

    const LINE: &str = r#"192.0.2.7 - mira [23/Nov/2026:13:46:11 +0100] "GET /v1/pay?limit=5 HTTP/1.1" 401 179 "https://x/" "curl/8.0" "-""#;

    #[test]
    fn the_usual_line_is_read_as_such() {
        assert!(agrees(LINE).unwrap());
        let logs = include_str!("../../../../fixtures/logs/nginx-access.log");
        assert!(logs.lines().any(|line| agrees(line).unwrap()));
        // A leap second, and what is none.
        let leap = LINE.replace("13:46:11 +0100", "23:59:60 +0000");
        assert!(agrees(&leap).unwrap());
        assert!(!agrees(&LINE.replace("13:46:11", "13:46:61")).unwrap());
    }

    #[test]
    fn each_member_of_an_object_is_read_as_the_full_way_does() {
        let names = [
            "time_iso8601",
            "time_local",
            "msec",
            "remote_addr",
            "remote_user",
            "request",
            "request_method",
            "request_uri",
            "uri",
            "status",
            "server_name",
            "host",
            "http_host",
            "http_user_agent",
            "request_id",
        ];
        reads_each_member::<Raw<'_>>(&names);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn an_odd_line_is_left_to_the_full_reader_or_read_as_it_does(line in lines()) {
            agrees(&line)?;
        }

        #[test]
        fn a_damaged_line_is_too(at in 0..LINE.len(), with in "(|\\PC|[ \"\\\\\\[\\]:/0-9-]{1,2})", more in 0_usize..3) {
            let end = (at + more).min(LINE.len());
            agrees(&[&LINE[..at], with.as_str(), &LINE[end..]].concat())?;
        }
    }
}
