//! What every rule writes to: events of one source.

use crate::model::event::Data;
use crate::model::{Event, RotationId, Source, Text, Timestamp};

/// Takes a rule's events and gives them their source.
pub struct Emit<'o> {
    /// The server that is spoken for.
    pub source: &'o Source,
    /// Where the events go.
    pub out: &'o mut dyn FnMut(Event),
}

impl Emit<'_> {
    /// One event. Its id must come from the record.
    pub fn event(&mut self, id: String, time: Timestamp, subject: Text, data: impl Into<Data>) {
        let event = Event::new(self.source.clone(), id, time, data.into()).about(subject);
        (self.out)(event);
    }

    /// One event of a rotation.
    pub fn of(
        &mut self,
        rotation: &RotationId,
        id: String,
        time: Timestamp,
        data: impl Into<Data>,
    ) {
        let event = Event::new(self.source.clone(), id, time, data.into())
            .about(rotation.0.clone())
            .of_rotation(rotation.clone());
        (self.out)(event);
    }

    /// One event about something that may belong to a rotation.
    pub fn maybe_of(
        &mut self,
        rotation: Option<&RotationId>,
        id: String,
        time: Timestamp,
        subject: Text,
        data: impl Into<Data>,
    ) {
        let mut event = Event::new(self.source.clone(), id, time, data.into()).about(subject);
        event.rotation = rotation.cloned();
        (self.out)(event);
    }
}
