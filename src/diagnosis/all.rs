//! Every failure mode, in order.

use super::Rule;
use super::auth::AuthFailures;
use super::{f2, f3, f5, f6, f7, f8};

/// One rule a failure mode, fresh.
#[must_use]
pub fn rules() -> Vec<Box<dyn Rule>> {
    vec![
        Box::<AuthFailures>::default(),
        Box::<f2::Partial>::default(),
        Box::<f3::RateLimit>::default(),
        Box::<f5::Leak>::default(),
        Box::<f6::Format>::default(),
        Box::<f7::Presented>::default(),
        Box::<f8::Missing>::default(),
    ]
}
