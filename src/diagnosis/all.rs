//! Every failure mode, in order.

use super::Rule;
use super::auth::AuthFailures;

/// One rule a failure mode, fresh.
#[must_use]
pub fn rules() -> Vec<Box<dyn Rule>> {
    vec![Box::new(AuthFailures::default())]
}
