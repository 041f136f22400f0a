//! Measures: what is usual, and what is not. Pure; `now` is an argument.

mod baseline;
mod spike;
mod tail;

pub use baseline::{Baseline, Expected};
pub use spike::{Counted, Run, Series, Verdict};
pub use tail::beta_binomial_upper;
