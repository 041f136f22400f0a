//! Our own events: one JSON object a line, as the contract has it.

use super::{Format, Read, Told, excerpt};
use crate::audit::record::Record;
use crate::model::event::EventError;
use crate::model::rejected::{Place, Rejected};
use crate::model::{Event, Text};

/// Reads event lines. Empty lines are nothing.
#[derive(Debug, Default)]
pub struct Events;

impl Format for Events {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        if !line.trim_ascii().is_empty() {
            out(read(Event::from_json(line), line, place));
        }
    }

    fn tell(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Told<'_>)) {
        if !line.trim_ascii().is_empty() {
            out(Told::Read(read(Event::understood(line), line, place)));
        }
    }

    fn finish(&mut self, _out: &mut dyn FnMut(Read)) {}
}

fn read(event: Result<Event, EventError>, line: &[u8], place: &Place) -> Read {
    match event {
        Ok(event) => Read::Record(Record::Event(Box::new(event)), place.clone()),
        Err(error) => Read::Rejected(Rejected {
            place: place.clone(),
            reason: Text::from(error.to_string()),
            excerpt: excerpt(line),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_rejected_with_its_place_and_the_next_is_read() {
        let good = r#"{"specversion":"1.0","id":"1","source":"/x","type":"com.example","time":"2026-01-01T00:00:00Z"}"#;
        let mut reads = Vec::new();
        for (number, line) in [(1, good), (2, ""), (3, &good[..40]), (4, good)] {
            let place = Place {
                file: "f".into(),
                line: number,
                byte: 0,
            };
            Events.line(line.as_bytes(), &place, &mut |r| reads.push(r));
        }
        let [Read::Record(..), Read::Rejected(bad), Read::Record(..)] = &reads[..] else {
            panic!("{reads:?}");
        };
        assert_eq!(bad.place.line, 3);
        assert!(bad.reason.raw().starts_with("EOF"), "{:?}", bad.reason);
        assert_eq!(
            bad.excerpt.raw(),
            r#"{"specversion":"‹masked›","id":"‹masked›","source":""#
        );
    }
}
