//! nginx's access log: the format `combined` that it comes with, `main` of its packages, which
//! adds the forwarded addresses, and JSON lines under the names of nginx's own variables
//! (`ngx_http_log_module`). Apache's `combined` is the same, and its `vhost_combined` has the
//! server's name before it.

use std::net::IpAddr;

use serde::Deserialize;

use super::{Draft, host, quoted, request, sniff as sniffed, status};
use crate::audit::format::text::{Words, json as parse};
use crate::audit::record::{AccessRecord, Proxy};
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
pub fn line(line: &str) -> Result<AccessRecord, String> {
    let (head, rest) = line.split_once(" [").ok_or("no time in brackets")?;
    let (time, rest) = rest.split_once("] ").ok_or("no time in brackets")?;
    let time = local_time(time).ok_or("no time of an access log")?;
    let (service, head) = server(head);
    let mut names = head.splitn(3, ' ');
    let (Some(address), Some(_), Some(user)) = (names.next(), names.next(), names.next()) else {
        return Err("no address, - and user before the time".to_owned());
    };
    let (asked, rest) = quoted(rest).ok_or("no quoted request behind the time")?;
    let mut numbers = rest.trim_start().splitn(3, ' ');
    let status = status(numbers.next().unwrap_or_default())?;
    let bytes = numbers.next().ok_or("no size behind the status")?;
    if bytes != "-" && bytes.parse::<u64>().is_err() {
        return Err("no size behind the status".to_owned());
    }
    let (_, rest) = quoted(numbers.next().unwrap_or_default().trim_start()).unwrap_or_default();
    let (user_agent, _) = quoted(rest.trim_start()).unwrap_or_default();
    let (method, path) = request(asked);
    Ok(Draft {
        proxy: Proxy::Nginx,
        time,
        remote_address: address,
        user,
        method,
        path,
        service: if service.is_empty() {
            authority(path)
        } else {
            service
        },
        status,
        note: "",
        user_agent,
        request_id: "",
    }
    .record())
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
    let rest = target.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    host(authority.rsplit('@').next().unwrap_or(authority))
}

/// `10/Oct/2026:13:55:36 -0700`.
fn local_time(words: &str) -> Option<Timestamp> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const NUMBERS: [&str; 12] = [
        "-01-", "-02-", "-03-", "-04-", "-05-", "-06-", "-07-", "-08-", "-09-", "-10-", "-11-",
        "-12-",
    ];
    let (day, clock, zone) = (words.get(..2)?, words.get(12..20)?, words.get(21..)?);
    let between = [
        words.get(2..3)?,
        words.get(6..7)?,
        words.get(11..12)?,
        words.get(20..21)?,
    ];
    if between != ["/", "/", ":", " "] {
        return None;
    }
    let month = MONTHS.find(words.get(3..6)?).filter(|at| at % 3 == 0)? / 3;
    let mut utc = String::with_capacity(20);
    for part in [words.get(7..11)?, NUMBERS.get(month)?, day, "T", clock, "Z"] {
        utc.push_str(part);
    }
    let utc = Timestamp::parse(&utc).ok()?;
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
    Some(utc - Span::seconds(sign * (hours * 3600 + minutes * 60)))
}

#[derive(Deserialize)]
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

/// Reads one line of JSON.
///
/// # Errors
/// The reason, for a person, and without any of the line's words.
pub fn json(line: &str) -> Result<AccessRecord, String> {
    let raw: Raw<'_> = parse(line.as_bytes(), "line of an access log")?;
    let words =
        |words: &'_ Option<Words<'_>>| words.as_ref().map_or(String::new(), |w| w.0.to_string());
    let time = raw
        .time_iso8601
        .as_ref()
        .and_then(|time| Timestamp::parse(&time.0).ok())
        .or_else(|| raw.time_local.as_ref().and_then(|time| local_time(&time.0)))
        .or_else(|| raw.msec.as_ref().and_then(|time| of_seconds(&time.0)))
        .ok_or("no time_iso8601, time_local or msec")?;
    let status = status(raw.status.as_ref().map_or("", |w| w.0.as_ref()))?;
    let asked = words(&raw.request);
    let (method, path) = request(&asked);
    let given = |first: &'_ Option<Words<'_>>, second: &'_ Option<Words<'_>>, third: &str| {
        let first = first.as_ref().or(second.as_ref());
        first.map_or(third.to_owned(), |w| w.0.to_string())
    };
    let named = [&raw.server_name, &raw.host, &raw.http_host];
    // `_` is the usual name of a server that takes what no other takes.
    let service = named
        .into_iter()
        .map(words)
        .find(|name| !matches!(name.as_str(), "" | "-" | "_"));
    Ok(Draft {
        proxy: Proxy::Nginx,
        time,
        remote_address: &words(&raw.remote_addr),
        user: &words(&raw.remote_user),
        method: &given(&raw.request_method, &None, method),
        path: &given(&raw.request_uri, &raw.uri, path),
        service: host(&service.unwrap_or_default()),
        status,
        note: "",
        user_agent: &words(&raw.http_user_agent),
        request_id: &words(&raw.request_id),
    }
    .record())
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
