//! Envoy's access log: its default text format, that of Istio, which adds details and addresses,
//! and JSON lines under the names of Istio's default (Envoy, "Access logging"; Istio,
//! "Envoy Access Logs").

use serde::Deserialize;

use super::{Draft, Memory, host, quoted, request, sniff as sniffed, status};
use crate::audit::format::Access;
use crate::audit::format::flat::{self, Members};
use crate::audit::format::text::{Words, divided, halves, json_words as parse};
use crate::audit::record::Proxy;
use crate::model::Timestamp;

/// True where the beginning of a file is this format.
#[must_use]
pub fn sniff(sample: &[u8]) -> bool {
    sniffed(sample, line)
}

/// The most fields of a line that are looked at; Istio's has 25.
const MOST_FIELDS: usize = 40;

/// Reads one line of text.
///
/// # Errors
/// The reason, for a person, and without any of the line's words.
pub fn line(
    line: &str,
    memory: &mut Memory,
    out: &mut dyn FnMut(&Access<'_>),
) -> Result<(), String> {
    let rest = line.strip_prefix('[').ok_or("no time in brackets")?;
    let (time, rest) = divided(rest, b"] ").ok_or("no time in brackets")?;
    let time = Timestamp::parse(time).map_err(|e| format!("time: {e}"))?;
    let (asked, rest) = quoted(rest).ok_or("no quoted request behind the time")?;
    let fields = Fields::of(rest);
    let at = |nth: usize| fields.words.get(nth).copied().unwrap_or_default();
    let status = status(at(0))?;
    let quoted_at = fields
        .first_quoted()
        .ok_or("not the fields of Envoy's or Istio's format")?;
    let (forwarded, agent, id, authority) = (
        at(quoted_at),
        at(quoted_at + 1),
        at(quoted_at + 2),
        at(quoted_at + 3),
    );
    let (cluster, downstream) = (at(quoted_at + 5), at(quoted_at + 8));
    let (method, path) = request(asked);
    let draft = Draft {
        proxy: Proxy::Envoy,
        time,
        remote_address: peer(downstream, forwarded),
        user: "",
        method,
        path,
        service: service(cluster, authority),
        status,
        note: at(1),
        user_agent: agent,
        request_id: id,
    };
    out(&draft.said(memory));
    Ok(())
}

/// The fields of a line.
struct Fields<'a> {
    words: [&'a str; MOST_FIELDS],
    /// A bit for each that is quoted, the first one's the lowest.
    quoted: u64,
}

impl<'a> Fields<'a> {
    fn of(rest: &'a str) -> Self {
        let mut fields = Self {
            words: [""; MOST_FIELDS],
            quoted: 0,
        };
        let mut rest = trimmed(rest);
        for (nth, field) in fields.words.iter_mut().enumerate() {
            if rest.is_empty() {
                break;
            }
            let (words, after) = if let Some(found) = quoted(rest) {
                fields.quoted |= 1 << nth;
                found
            } else {
                halves(rest, b' ').unwrap_or((rest, ""))
            };
            *field = words;
            rest = trimmed(after);
        }
        fields
    }

    /// Received, sent, duration and upstream time are bare; five quoted fields follow them. Gives
    /// the number of the first one of those.
    fn first_quoted(&self) -> Option<usize> {
        const BARE: u32 = 4;
        const QUOTED: u32 = 5;
        let is_quoted = |nth: u32| self.quoted >> nth;
        let is_bare = |nth: u32| !self.quoted >> nth;
        let bare = (0..BARE).fold(u64::MAX, |all, nth| all & is_bare(nth));
        let begins = (BARE..BARE + QUOTED).fold(bare, |all, nth| all & is_quoted(nth));
        (begins > 0).then(|| (begins.trailing_zeros() + BARE) as usize)
    }
}

/// Words without the white space before them, which is one space or none mostly.
fn trimmed(words: &str) -> &str {
    let one = words.strip_prefix(' ').unwrap_or(words);
    match one.as_bytes().first() {
        Some(b'!'..=b'~') => one,
        _ => one.trim_start(),
    }
}

/// The connection's other end; where the format does not tell it, the last of the forwarded
/// addresses, which Envoy itself has put there.
fn peer<'a>(downstream: &'a str, forwarded: &'a str) -> &'a str {
    match host(downstream) {
        "" | "-" => forwarded.rsplit(',').next().unwrap_or_default().trim(),
        address => address,
    }
}

/// The name of the upstream cluster, the last part of Istio's `outbound|8080||checkout.prod.svc`;
/// of one without a name the authority.
fn service<'a>(cluster: &'a str, authority: &'a str) -> &'a str {
    match cluster
        .rsplit('|')
        .next()
        .unwrap_or_default()
        .trim_end_matches(';')
    {
        "" | "-" => host(authority),
        name => name,
    }
}

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Raw<'a> {
    #[serde(borrow)]
    start_time: Option<Words<'a>>,
    #[serde(borrow)]
    method: Option<Words<'a>>,
    #[serde(borrow)]
    path: Option<Words<'a>>,
    #[serde(borrow)]
    response_code: Option<Words<'a>>,
    #[serde(borrow)]
    response_flags: Option<Words<'a>>,
    #[serde(borrow)]
    authority: Option<Words<'a>>,
    #[serde(borrow)]
    upstream_cluster: Option<Words<'a>>,
    #[serde(borrow)]
    downstream_remote_address: Option<Words<'a>>,
    #[serde(borrow)]
    x_forwarded_for: Option<Words<'a>>,
    #[serde(borrow)]
    user_agent: Option<Words<'a>>,
    #[serde(borrow, alias = "x_request_id")]
    request_id: Option<Words<'a>>,
}

impl<'a> Members<'a> for Raw<'a> {
    fn member(&mut self, name: &str) -> Option<(u32, &mut Option<Words<'a>>)> {
        Some(match name {
            "start_time" => (0, &mut self.start_time),
            "method" => (1, &mut self.method),
            "path" => (2, &mut self.path),
            "response_code" => (3, &mut self.response_code),
            "response_flags" => (4, &mut self.response_flags),
            "authority" => (5, &mut self.authority),
            "upstream_cluster" => (6, &mut self.upstream_cluster),
            "downstream_remote_address" => (7, &mut self.downstream_remote_address),
            "x_forwarded_for" => (8, &mut self.x_forwarded_for),
            "user_agent" => (9, &mut self.user_agent),
            "request_id" | "x_request_id" => (10, &mut self.request_id),
            _ => return None,
        })
    }
}

fn words<'w>(words: Option<&'w Words<'_>>) -> &'w str {
    words.map_or("", |w| w.0.as_ref())
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
    let time =
        Timestamp::parse(words(raw.start_time.as_ref())).map_err(|e| format!("start_time: {e}"))?;
    let draft = Draft {
        proxy: Proxy::Envoy,
        time,
        remote_address: peer(
            words(raw.downstream_remote_address.as_ref()),
            words(raw.x_forwarded_for.as_ref()),
        ),
        user: "",
        method: words(raw.method.as_ref()),
        path: words(raw.path.as_ref()),
        service: service(
            words(raw.upstream_cluster.as_ref()),
            words(raw.authority.as_ref()),
        ),
        status: status(words(raw.response_code.as_ref()))?,
        note: words(raw.response_flags.as_ref()),
        user_agent: words(raw.user_agent.as_ref()),
        request_id: words(raw.request_id.as_ref()),
    };
    out(&draft.said(memory));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::format::testing::reads_each_member;
    use proptest::prelude::*;

    /// The fields as a list, and where the first quoted one of the shape is.
    fn listed(rest: &str) -> (Vec<(&str, bool)>, Option<usize>) {
        let mut fields = Vec::new();
        let mut rest = rest.trim_start();
        while !rest.is_empty() && fields.len() < MOST_FIELDS {
            let (words, is_quoted, after) = if let Some((words, after)) = quoted(rest) {
                (words, true, after)
            } else {
                let (words, after) = divided(rest, b" ").unwrap_or((rest, ""));
                (words, false, after)
            };
            fields.push((words, is_quoted));
            rest = after.trim_start();
        }
        let shape = [false, false, false, false, true, true, true, true, true];
        let mut windows = fields.windows(shape.len());
        let begins = windows.position(|some| some.iter().zip(shape).all(|(f, is)| f.1 == is));
        (fields, begins.map(|begins| begins + 4))
    }

    #[test]
    fn each_member_of_an_object_is_read_as_the_full_way_does() {
        let names = [
            "start_time",
            "method",
            "path",
            "response_code",
            "response_flags",
            "authority",
            "upstream_cluster",
            "downstream_remote_address",
            "x_forwarded_for",
            "user_agent",
            "request_id",
        ];
        reads_each_member::<Raw<'_>>(&names);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn the_fields_are_those_that_stand_there(
            fields in prop::collection::vec("(-|[a-z0-9]{1,3}|\"[a-z ]{0,4}\"|\"a\\\\\"b\"|\"|\\PC)( |  |\t|\u{a0}|)", 0..50),
            usual in any::<bool>(),
        ) {
            let mut rest = fields.concat();
            if usual {
                rest.insert_str(0, " 200 - 154 0 226 100 \"a, b\" \"app/1\" \"r-1\" \"pay\" \"x:1\" ");
            }
            let fields = Fields::of(&rest);
            let (listed, first_quoted) = listed(&rest);
            let mut listed = listed;
            listed.resize(MOST_FIELDS, ("", false));
            for (nth, (words, is_quoted)) in listed.into_iter().enumerate() {
                prop_assert_eq!(fields.words[nth], words);
                prop_assert_eq!(fields.quoted >> nth & 1 == 1, is_quoted);
            }
            prop_assert_eq!(fields.first_quoted(), first_quoted);
        }
    }
}
