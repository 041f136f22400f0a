//! Floor 0: the words that every other floor speaks. No I/O, no clock, no drawing.

pub mod act;
pub mod effect;
pub mod event;
pub mod id;
pub mod intent;
pub mod json;
pub mod link;
pub mod mask;
pub mod proof;
pub mod rejected;
pub mod replay;
pub mod text;
pub mod time;

pub use event::{Data, Event};
pub use id::{
    Actor, BackendName, ConsumerId, Endpoint, EventId, LeaseId, Region, RotationId, SecretPath,
    ServiceName, Source, Version,
};
pub use text::Text;
pub use time::{Span, Timestamp};
