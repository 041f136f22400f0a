//! STS: temporary credentials as leases.
//!
//! A lease bears the name of its access key, which is no secret. It cannot be renewed, and nothing
//! in the log ends it before its time.

use super::call::{Call, Note};
use crate::audit::derive::emit::Emit;
use crate::audit::record::Said;
use crate::model::event::LeaseObserved;
use crate::model::{ConsumerId, LeaseId, SecretPath, Span, Text, Timestamp};

/// Looks at a call of STS.
pub fn call(call: &Call, emit: &mut Emit<'_>) -> Note {
    let name = call.name();
    let issues = name.starts_with("AssumeRole")
        || matches!(
            name,
            "GetSessionToken" | "GetFederationToken" | "AssumeRoot"
        );
    let role = call.says(Said::Role).or(call.record.resource.as_ref());
    let secret = match role.and_then(|role| role.raw().split_once(":role/")) {
        Some((_, role)) => Some(SecretPath::from(format!("sts/role/{role}"))),
        None => (issues && !name.starts_with("AssumeRole"))
            .then(|| SecretPath::from(format!("sts/user/{}", call.who.service.raw()))),
    };
    let note = Note {
        secret: secret.clone(),
        ..Note::default()
    };
    let Some(key) = call
        .says(Said::LeaseKey)
        .filter(|_| issues && call.is_done())
    else {
        return note;
    };
    let ends = call
        .says(Said::LeaseEnds)
        .and_then(|words| moment(words.raw()));
    let lasts = || call.says(Said::Duration)?.raw().parse().ok();
    let expires_at = ends.or_else(|| Some(call.time() + Span::seconds(lasts()?)));
    let user = call.says(Said::LeaseUser).map_or(&call.record.actor, |u| u);
    let data = LeaseObserved {
        lease: LeaseId(key.clone()),
        secret,
        consumer: Some(ConsumerId(consumer(user))),
        issued_at: Some(call.time()),
        expires_at,
        renewable: Some(false),
    };
    emit.event(
        format!("{}/lease", call.id()),
        call.time(),
        key.clone(),
        data,
    );
    note
}

/// The name under which the holder of temporary credentials is a consumer: what stands behind the
/// kind of principal in its ARN, `ROLE/SESSION` of a role's session.
fn consumer(arn: &Text) -> Text {
    let kinds = [":assumed-role/", ":federated-user/", ":user/"];
    let found = kinds.iter().find_map(|kind| arn.raw().split_once(kind));
    found.map_or_else(|| arn.clone(), |(_, name)| Text::from(name))
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment as CloudTrail writes it in an answer: `Jul 10, 2023, 12:07:59 PM` in UTC, in older
/// records without the second comma, in others as RFC 3339.
fn moment(words: &str) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::parse(words) {
        return Some(time);
    }
    let mut parts = words
        .split(|c: char| c.is_whitespace() || c == ',' || c == ':')
        .filter(|part| !part.is_empty());
    let month = parts.next()?;
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let mut number = || parts.next()?.parse::<u32>().ok();
    let (day, year) = (number()?, number()?);
    let (hour, minute, second) = (number()?, number()?, number()?);
    let hour = match (parts.next()?, hour) {
        ("AM", 12) => 0,
        ("AM", 1..=11) | ("PM", 12) => hour,
        ("PM", 1..=11) => hour + 12,
        _ => return None,
    };
    let words = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    Timestamp::parse(&words).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_end_is_read() {
        for words in [
            "Nov 30, 2024, 8:43:17 PM",
            "Nov 30, 2024 8:43:17 PM",
            "Nov 30, 2024, 8:43:17\u{202f}PM",
            "2024-11-30T20:43:17Z",
        ] {
            let wanted = Timestamp::parse("2024-11-30T20:43:17Z").unwrap();
            assert_eq!(moment(words), Some(wanted), "{words}");
        }
        let midnight = Timestamp::parse("2024-02-29T00:00:01Z").unwrap();
        assert_eq!(moment("Feb 29, 2024, 12:00:01 AM"), Some(midnight));
        for words in [
            "",
            "Nov",
            "Nov 31, 2024, 8:43:17 PM",
            "Nov 3, 2024, 0:43:17 PM",
            "1 2 3",
        ] {
            assert_eq!(moment(words), None, "{words}");
        }
    }
}
