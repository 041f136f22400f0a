//! The life of a rotation, pure: what it is, what may happen to it, and what follows.

pub mod refusal;

pub use refusal::{Refusal, RefusalKind};
