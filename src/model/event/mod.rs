//! The event contract (CloudEvents 1.0, structured JSON): what every source says and what the
//! incident is folded from.
//!
//! A reader ignores fields, types and enum values that it does not know, and keeps them: an event
//! with anything unknown in it carries the line it came from and is written out as that line.

mod data;
mod words;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

pub use data::*;
pub use words::*;

use super::id::{EventId, RotationId, Source};
use super::json;
use super::text::Text;
use super::time::Timestamp;

/// The `specversion` that is read and written.
pub const SPEC_VERSION: &str = "1.0";

/// One event: who says what of which moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Names the event once, together with `source`.
    pub id: EventId,
    /// The emitter: a server, never a file.
    pub source: Source,
    /// The emitter's clock.
    pub time: Timestamp,
    /// What the event is about.
    pub subject: Option<Text>,
    /// The rotation it belongs to, where the emitter knows.
    pub rotation: Option<RotationId>,
    /// What is said.
    pub data: Data,
    /// The line it was read from, where that holds more than is understood here.
    pub kept: Option<Arc<str>>,
}

/// Why a line is no event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not JSON, or a member has the wrong type or is missing.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A CloudEvents version that is not spoken here.
    #[error("specversion \"{0}\" is not \"1.0\"")]
    SpecVersion(Text),
    /// Not UTF-8.
    #[error("not UTF-8 at byte {0}")]
    Encoding(usize),
}

impl Event {
    /// An event of a source of our own.
    #[must_use]
    pub fn new(
        source: impl Into<Source>,
        id: impl Into<EventId>,
        time: Timestamp,
        data: Data,
    ) -> Self {
        Self {
            id: id.into(),
            source: source.into(),
            time,
            subject: None,
            rotation: None,
            data,
            kept: None,
        }
    }

    /// The same event about `subject`.
    #[must_use]
    pub fn about(mut self, subject: impl Into<Text>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The same event as part of a rotation.
    #[must_use]
    pub fn of_rotation(mut self, rotation: RotationId) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// Reads one line of JSON.
    ///
    /// # Errors
    /// [`EventError`] where the line is no event of the contract.
    pub fn from_json(line: &[u8]) -> Result<Self, EventError> {
        let mut unknown = false;
        let mut event = Self::read(line, Some(&mut unknown))?;
        if unknown {
            let line = std::str::from_utf8(line).unwrap_or_default();
            event.kept = Some(Arc::from(line.trim()));
        }
        Ok(event)
    }

    /// The same for who writes it nowhere: what is not understood is not kept, and not looked for.
    ///
    /// # Errors
    /// As for [`Self::from_json`].
    pub fn understood(line: &[u8]) -> Result<Self, EventError> {
        Self::read(line, None)
    }

    fn read(line: &[u8], unknown: Option<&mut bool>) -> Result<Self, EventError> {
        let line = std::str::from_utf8(line).map_err(|e| EventError::Encoding(e.valid_up_to()))?;
        let mut json = serde_json::Deserializer::from_str(line);
        let (event, version) = EventSeed { unknown }.deserialize(&mut json)?;
        json.end()?;
        match version {
            Some(version) => Err(EventError::SpecVersion(version)),
            None => Ok(event),
        }
    }

    /// The event as one line of harmless JSON, without a line end. What was kept comes out as it
    /// came in.
    ///
    /// # Errors
    /// Where the event cannot be written as JSON; none of the contract's can fail.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        match &self.kept {
            Some(line) => Ok(json::harmless(line)),
            None => json::to_line(self),
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", SPEC_VERSION)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("type", self.data.type_name())?;
        map.serialize_entry("time", &self.time)?;
        if let Some(subject) = &self.subject {
            map.serialize_entry("subject", subject)?;
        }
        if let Some(rotation) = &self.rotation {
            map.serialize_entry("rotationid", rotation)?;
        }
        map.serialize_entry("data", &self.data)?;
        map.end()
    }
}

/// Reads the envelope; `unknown` is set where something in it or in its data is not understood.
/// The second part of the value is a `specversion` that is not spoken here.
struct EventSeed<'u> {
    /// `None` where nobody asks.
    unknown: Option<&'u mut bool>,
}

impl<'de> DeserializeSeed<'de> for EventSeed<'_> {
    type Value = (Event, Option<Text>);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_> {
    type Value = (Event, Option<Text>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut source, mut time, mut subject, mut rotation) =
            (None, None, None, None, None);
        let mut version: Option<Text> = None;
        let mut kind: Option<Cow<'de, str>> = None;
        let mut data: Option<Data> = None;
        let mut early: Option<&'de RawValue> = None;
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "specversion" => version = Some(map.next_value()?),
                "id" => id = Some(map.next_value()?),
                "source" => source = Some(map.next_value()?),
                "type" => kind = Some(map.next_value::<Name<'de>>()?.0),
                "time" => time = Some(map.next_value()?),
                "subject" => subject = map.next_value()?,
                "rotationid" => rotation = map.next_value()?,
                "data" => match &kind {
                    Some(kind) => {
                        data = Some(map.next_value_seed(DataSeed {
                            kind,
                            unknown: self.unknown.as_deref_mut(),
                        })?);
                    }
                    None => early = Some(map.next_value()?),
                },
                _ => {
                    if let Some(unknown) = &mut self.unknown {
                        **unknown = true;
                    }
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let kind = kind.ok_or_else(|| de::Error::missing_field("type"))?;
        if let (None, Some(raw)) = (&data, early) {
            let seed = DataSeed {
                kind: &kind,
                unknown: self.unknown.as_deref_mut(),
            };
            let read = seed.deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
            data = Some(read.map_err(de::Error::custom)?);
        }
        let data = match data {
            Some(data) => data,
            None if data::is_known(&kind) => return Err(de::Error::missing_field("data")),
            None => {
                if let Some(unknown) = self.unknown {
                    *unknown = true;
                }
                Data::Other(Text::from(kind))
            }
        };
        let version = version.ok_or_else(|| de::Error::missing_field("specversion"))?;
        let id: EventId = id.ok_or_else(|| de::Error::missing_field("id"))?;
        if id.raw().is_empty() {
            // Every other one would be taken for its duplicate.
            return Err(de::Error::custom("an empty id names no event"));
        }
        let event = Event {
            id,
            source: source.ok_or_else(|| de::Error::missing_field("source"))?,
            time: time.ok_or_else(|| de::Error::missing_field("time"))?,
            subject,
            rotation,
            data,
            kept: None,
        };
        Ok((event, (version.raw() != SPEC_VERSION).then_some(version)))
    }
}

/// A string that is borrowed from the line where it holds no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: de::Error>(self, words: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(words)))
            }
            fn visit_str<E: de::Error>(self, words: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(words.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

struct DataSeed<'k, 'u> {
    kind: &'k str,
    unknown: Option<&'u mut bool>,
}

impl<'de> DeserializeSeed<'de> for DataSeed<'_, '_> {
    type Value = Data;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
        let Some(unknown) = self.unknown else {
            return data::read(self.kind, deserializer);
        };
        let mut note = |_: serde_ignored::Path<'_>| *unknown = true;
        let watched = serde_ignored::Deserializer::new(deserializer, &mut note);
        let data = data::read(self.kind, watched)?;
        if data.has_unknown_words() {
            *unknown = true;
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{"specversion":"1.0","id":"17","source":"/prometheus/main","type":"rotascope.auth.sample","time":"2026-12-28T15:32:28.934Z","subject":"import","data":{"service":"import","region":"eu-1","window_seconds":30,"total":795,"failed_401":2,"failed_403":2,"failed_other":1}}"#;

    #[test]
    fn an_event_is_written_as_it_was_read() {
        let event = Event::from_json(SAMPLE.as_bytes()).unwrap();
        assert!(event.kept.is_none());
        assert_eq!(event.to_json().unwrap(), SAMPLE);
    }

    #[test]
    fn members_may_stand_in_any_order() {
        let shuffled = r#"{"data":{"total":795,"service":"import","region":"eu-1","window_seconds":30,"failed_401":2,"failed_403":2,"failed_other":1},"subject":"import","time":"2026-12-28T15:32:28.934Z","type":"rotascope.auth.sample","source":"/prometheus/main","id":"17","specversion":"1.0"}"#;
        assert_eq!(
            Event::from_json(shuffled.as_bytes()).unwrap(),
            Event::from_json(SAMPLE.as_bytes()).unwrap()
        );
    }

    #[test]
    fn what_is_unknown_is_kept() {
        for line in [
            SAMPLE.replace("\"subject\"", "\"traceparent\":\"00-a\",\"subject\""),
            SAMPLE.replace("\"total\"", "\"shard\":7,\"total\""),
            SAMPLE.replace("rotascope.auth.sample", "com.example.deploy"),
            SAMPLE
                .replace("rotascope.auth.sample", "rotascope.rotation.stage")
                .replace(
                    r#""service":"import""#,
                    r#""stage":"attest","status":"completed""#,
                ),
        ] {
            let event = Event::from_json(line.as_bytes()).unwrap();
            assert_eq!(event.to_json().unwrap(), line);
        }
    }

    #[test]
    fn a_line_that_is_no_event_says_why() {
        let why = |line: &str| Event::from_json(line.as_bytes()).unwrap_err().to_string();
        assert!(why("{}").contains("missing field `type`"));
        assert!(why(&SAMPLE.replace("\"1.0\"", "\"0.3\"")).contains("0.3"));
        assert!(why(&SAMPLE.replace("934Z", "934")).contains("without an offset"));
        assert!(why(&SAMPLE.replace("\"total\":795", "\"total\":-1")).contains("-1"));
        assert!(why(&SAMPLE.replace("\"17\"", "\"\"")).contains("an empty id"));
        assert!(why(&format!("{SAMPLE} trailing")).contains("trailing"));
    }
}
