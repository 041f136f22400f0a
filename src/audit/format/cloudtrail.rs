//! AWS CloudTrail: `{"Records":[…]}`, bare arrays of records, lone records, one after another or
//! one a line, pretty-printed or not.
//!
//! A document may be one line of any length, so it is cut into records as its bytes arrive and
//! only one record is held at a time.

mod members;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::members::{Members, resource, said};
use super::split::{Piece, Splitter};
use super::{Format, Read, excerpt};
use crate::audit::record::{CloudTrailCaller, CloudTrailRecord, Record};
use crate::model::rejected::{Place, Rejected};
use crate::model::{Text, Timestamp};

/// Reads CloudTrail records.
#[derive(Debug)]
pub struct CloudTrail {
    splitter: Splitter,
}

impl CloudTrail {
    /// Reads a document: any JSON values one after another, with records in them.
    #[must_use]
    pub fn new(file: Text) -> Self {
        Self {
            splitter: Splitter::new(file),
        }
    }

    /// Takes the next bytes of the document, however they are cut.
    pub fn bytes(&mut self, bytes: &[u8], out: &mut dyn FnMut(Read)) {
        self.splitter.feed(bytes, &mut |piece| out(read(piece)));
    }

    /// The document is at its end.
    pub fn end(&mut self, out: &mut dyn FnMut(Read)) {
        self.splitter.end(&mut |piece| out(read(piece)));
    }
}

/// Reads CloudTrail records that stand one a line. A damaged line harms no other.
#[derive(Debug, Default)]
pub struct CloudTrailLines;

impl Format for CloudTrailLines {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        if !line.trim_ascii().is_empty() {
            out(read(Piece::Object(line, place.clone())));
        }
    }

    fn finish(&mut self, _out: &mut dyn FnMut(Read)) {}
}

/// Reads what was cut out of a document.
pub(in crate::audit) fn read(piece: Piece<'_>) -> Read {
    let (bytes, place, reason) = match piece {
        Piece::Object(bytes, place) => match record(bytes) {
            Ok(record) => return Read::Record(Record::CloudTrail(Box::new(record)), place),
            Err(reason) => (bytes, place, reason),
        },
        Piece::Bad(bytes, place, reason) => (bytes, place, reason.to_owned()),
    };
    Read::Rejected(Rejected {
        place,
        reason: Text::from(reason),
        excerpt: excerpt(bytes),
    })
}

/// The members that are read. All else is skipped unread, and of `requestParameters` and
/// `responseElements` only what [`members`] names is, so that nothing secret in them is ever held.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'a> {
    event_time: Option<String>,
    #[serde(rename = "eventID")]
    event_id: Option<Text>,
    event_source: Option<Text>,
    event_name: Option<Text>,
    event_type: Option<Text>,
    aws_region: Option<Text>,
    user_identity: Option<Identity<'a>>,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: Option<Text>,
    user_agent: Option<Text>,
    error_code: Option<Text>,
    error_message: Option<Text>,
    #[serde(borrow)]
    read_only: Option<&'a RawValue>,
    #[serde(rename = "requestID", borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    recipient_account_id: Option<&'a RawValue>,
    #[serde(borrow)]
    request_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    response_elements: Option<&'a RawValue>,
    #[serde(borrow)]
    additional_event_data: Option<&'a RawValue>,
    #[serde(borrow)]
    service_event_details: Option<&'a RawValue>,
    #[serde(borrow)]
    resources: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    arn: Option<Text>,
    user_name: Option<Text>,
    principal_id: Option<Text>,
    invoked_by: Option<Text>,
    account_id: Option<Text>,
    r#type: Option<Text>,
    #[serde(borrow)]
    access_key_id: Option<&'a RawValue>,
    #[serde(borrow)]
    session_context: Option<&'a RawValue>,
}

impl Identity<'_> {
    fn caller(&self) -> CloudTrailCaller {
        let issuer = Members::of(self.session_context).inner("sessionIssuer");
        CloudTrailCaller {
            kind: self.r#type.clone(),
            user: self.user_name.clone(),
            role: issuer.string("userName"),
            access_key: self.access_key_id.and_then(members::string),
        }
    }

    fn best(self) -> Option<Text> {
        self.arn
            .or(self.user_name)
            .or(self.invoked_by)
            .or(self.principal_id)
            .or(self.account_id)
            .or(self.r#type)
    }
}

fn record(bytes: &[u8]) -> Result<CloudTrailRecord, String> {
    let words = std::str::from_utf8(bytes)
        .map_err(|e| format!("not UTF-8 at byte {} of the record", e.valid_up_to()))?;
    let raw: Raw<'_> = serde_json::from_str(words).map_err(|e| e.to_string())?;
    let (Some(event_source), Some(event_name)) = (raw.event_source, raw.event_name) else {
        return Err("no CloudTrail record: it has no eventSource and eventName".to_owned());
    };
    let time = raw.event_time.ok_or("it has no eventTime")?;
    let time = Timestamp::parse(&time).map_err(|e| format!("eventTime: {e}"))?;
    let parts = members::Parts {
        request_id: raw.request_id,
        parameters: Members::of(raw.request_parameters),
        answer: raw.response_elements,
        additional: Members::of(raw.additional_event_data),
        details: raw.service_event_details,
        resources: raw.resources,
    };
    let resource = resource(&parts, raw.error_message.as_ref());
    let said = said(&parts, event_source.raw());
    let identity = raw.user_identity.unwrap_or_default();
    Ok(CloudTrailRecord {
        time,
        event_id: raw.event_id,
        event_source,
        event_name,
        by_service: raw.event_type.is_some_and(|t| t.raw() == "AwsServiceEvent"),
        account: raw.recipient_account_id.and_then(members::string),
        region: raw.aws_region,
        caller: identity.caller(),
        actor: identity.best().unwrap_or_default(),
        remote_address: raw.source_ip_address,
        user_agent: raw.user_agent,
        error_code: raw.error_code,
        error_message: raw.error_message,
        // A bool in the record, the word in what a lookup gives.
        read_only: raw
            .read_only
            .and_then(members::scalar)
            .and_then(|word| word.raw().parse().ok()),
        resource,
        said,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const RECORD: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/mira"},"eventTime":"2026-01-02T03:04:05Z","eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue","awsRegion":"eu-1","sourceIPAddress":"192.0.2.1","requestParameters":{"secretId":"payments/db"},"eventID":"e-1","readOnly":true}"#;

    fn reads(document: &str, cut: usize) -> Vec<Read> {
        let mut format = CloudTrail::new("f".into());
        let mut out = Vec::new();
        for part in document.as_bytes().chunks(cut) {
            format.bytes(part, &mut |r| out.push(r));
        }
        format.end(&mut |r| out.push(r));
        out
    }

    fn counts(document: &str) -> (usize, usize) {
        let whole = reads(document, document.len().max(1));
        for cut in [1, 7, 64] {
            assert_eq!(reads(document, cut), whole, "cut every {cut} bytes");
        }
        let records = whole.iter().filter(|r| matches!(r, Read::Record(..)));
        (records.clone().count(), whole.len() - records.count())
    }

    #[test]
    fn every_shape_gives_its_records() {
        let pretty: Value = serde_json::from_str(RECORD).unwrap();
        let pretty = serde_json::to_string_pretty(&pretty).unwrap();
        for (document, want) in [
            (
                format!(r#"{{"Owner":{{"a":[1]}},"Records":[{RECORD},{RECORD}],"Next":null}}"#),
                2,
            ),
            (format!("[{RECORD}, {pretty} ]\n"), 2),
            (format!("{RECORD}\n{RECORD}\n\n{RECORD}"), 3),
            (format!("{{\"Records\": [\n{pretty}\n]\n}}"), 1),
            (
                format!("{{\"Records\":[{RECORD}]}}\n{{\"Records\":[{RECORD}]}}"),
                2,
            ),
            (pretty.clone(), 1),
            ("{\n  \"Records\": []\n}".to_owned(), 0),
            (String::new(), 0),
        ] {
            assert_eq!(counts(&document), (want, 0), "{document}");
        }
    }

    #[test]
    fn what_is_bad_is_rejected_alone() {
        let no_offset = RECORD.replace("05Z", "05");
        for (document, want) in [
            (format!("[{RECORD},{{\"a\":1}},7,{RECORD}]"), (2, 2)),
            (format!("[{RECORD},{no_offset}]"), (1, 1)),
            (format!("[{RECORD},{}", &RECORD[..80]), (1, 1)),
            (format!("[{RECORD},{{\"a\":tru}},{RECORD}]"), (2, 1)),
            (format!("oops\n{RECORD}\n"), (1, 1)),
        ] {
            assert_eq!(counts(&document), want, "{document}");
        }
    }

    #[test]
    fn a_record_is_read_with_its_place() {
        let reads = reads(&format!("[\n{RECORD},\n {RECORD}]"), 5);
        let [_, Read::Record(Record::CloudTrail(second), place)] = &reads[..] else {
            panic!("{reads:?}");
        };
        assert_eq!((place.line, place.byte), (3, 5 + RECORD.len() as u64));
        assert_eq!(second.resource, Some("payments/db".into()));
        assert_eq!(second.actor.raw(), "arn:aws:iam::1:user/mira");
        assert_eq!(second.read_only, Some(true));
    }
}
