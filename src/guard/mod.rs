//! The guard: what an act would do, what has to be answered before it, and the warrant without
//! which no backend does anything; and on the engine's side whether an act that came is allowed.
//! Pure: the moment is an argument.
//!
//! A [`Warrant`] is made by [`Claim::warrant`] and nowhere else, and a [`Claim`] by
//! [`Guard::claim`]. A replay has no guard.

mod about;
mod approval;
mod case;
mod challenge;
mod denied;
mod effect;
mod evaluate;
mod lint;
mod once;
mod people;
mod policy;
mod reach;
mod rules;
mod signer;
mod summary;
pub mod totp;
mod warrant;

pub use about::frozen;
pub use approval::{APPROVAL_LONGEST, Judge, approve};
pub use case::{Case, Subject, risk};
pub use challenge::Challenges;
pub use denied::{Denied, Flaw};
pub use evaluate::{Evaluated, Examined, REASON, WAITS, evaluate, examine};
pub use lint::{PolicyError, SCHEMA};
pub use once::{Memory, Once, OnceError};
pub use people::{People, PeopleError, Person};
pub use policy::{DEMO, Decision, Policy, STANDARD};
pub use rules::Rules;
pub use signer::Signer;
pub use summary::{Refusal, Row, Summary, fits, summary};
pub use warrant::{Claim, Guard, Unmet, Warrant};

#[cfg(test)]
mod tests;
