//! Where a row leads: the rotation, the secret and the finding that the incident knows and that
//! the row is about.

use std::sync::Arc;

use crate::diagnosis::Finding;
use crate::model::{RotationId, SecretPath};

use super::Name;

/// What the incident knows of a row.
#[derive(Clone, Debug, Default)]
pub struct Leads {
    /// The row, and the generation of the incident that was asked.
    pub of: Option<(Name, u64)>,
    /// The rotation that it names, else the last one of its secret.
    pub rotation: Option<RotationId>,
    /// The secret that it is about, else that of the rotation, or of whoever acted.
    pub secret: Option<SecretPath>,
    /// True where who acted is a consumer of that secret.
    pub by_consumer: bool,
    /// The worst that was found about any of it.
    pub finding: Option<Arc<Finding>>,
}
