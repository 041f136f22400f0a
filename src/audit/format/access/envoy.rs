//! Envoy's access log: its default text format, that of Istio, which adds details and addresses,
//! and JSON lines under the names of Istio's default (Envoy, "Access logging"; Istio,
//! "Envoy Access Logs").

use serde::Deserialize;

use super::{Draft, divided, host, quoted, request, sniff as sniffed, status};
use crate::audit::format::Access;
use crate::audit::format::text::{Words, json_words as parse};
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
pub fn line(line: &str, out: &mut dyn FnMut(Access<'_>)) -> Result<(), String> {
    let rest = line.strip_prefix('[').ok_or("no time in brackets")?;
    let (time, rest) = divided(rest, b"] ").ok_or("no time in brackets")?;
    let time = Timestamp::parse(time).map_err(|e| format!("time: {e}"))?;
    let (asked, rest) = quoted(rest).ok_or("no quoted request behind the time")?;
    let fields = fields(rest);
    let at = |nth: usize| fields.get(nth).map_or("", |field| field.words);
    let status = status(at(0))?;
    // Received, sent, duration and upstream time are bare; five quoted fields follow them.
    let shape: [bool; 9] = [false, false, false, false, true, true, true, true, true];
    let begins = fields
        .windows(shape.len())
        .position(|window| window.iter().zip(shape).all(|(f, is)| f.is_quoted == is))
        .ok_or("not the fields of Envoy's or Istio's format")?;
    let quoted_at = begins + 4;
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
    out(draft.said());
    Ok(())
}

struct Field<'a> {
    words: &'a str,
    is_quoted: bool,
}

fn fields(rest: &str) -> Vec<Field<'_>> {
    let mut fields = Vec::with_capacity(MOST_FIELDS);
    let mut rest = rest.trim_start();
    while !rest.is_empty() && fields.len() < MOST_FIELDS {
        let (words, is_quoted, after) = if let Some((words, after)) = quoted(rest) {
            (words, true, after)
        } else {
            let (words, after) = divided(rest, b" ").unwrap_or((rest, ""));
            (words, false, after)
        };
        fields.push(Field { words, is_quoted });
        rest = after.trim_start();
    }
    fields
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

#[derive(Deserialize)]
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

fn words<'w>(words: Option<&'w Words<'_>>) -> &'w str {
    words.map_or("", |w| w.0.as_ref())
}

/// Reads one line of JSON.
///
/// # Errors
/// The reason, for a person, and without any of the line's words.
pub fn json(line: &str, out: &mut dyn FnMut(Access<'_>)) -> Result<(), String> {
    let raw: Raw<'_> = parse(line, "line of an access log")?;
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
    out(draft.said());
    Ok(())
}
