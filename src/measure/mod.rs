//! Measures: what is usual and what is not, service levels, alerts, and the one classifier of
//! throttling.
//! Pure; `now` is an argument.

pub mod alert;
mod baseline;
pub mod level;
pub mod overview;
mod spike;
mod tail;
pub mod throttling;
pub(crate) mod words;

pub use baseline::{Baseline, Expected};
pub use spike::{Counted, Run, Series, Verdict};
pub use tail::beta_binomial_upper;
