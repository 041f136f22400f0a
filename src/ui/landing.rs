//! Where a link from a page leads: what a person wants to see first.

use crate::model::{RotationId, SecretPath, ServiceName};

/// What a link names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    /// What hurts a service.
    Service(ServiceName),
    /// One rotation.
    Rotation(RotationId),
    /// What is the matter with a secret.
    Secret(SecretPath),
}

impl Landing {
    /// What it names, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Rotation(_) => "rotation",
            Self::Secret(_) => "secret",
        }
    }

    /// The name, harmless.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Service(name) => name.to_string(),
            Self::Rotation(name) => name.to_string(),
            Self::Secret(name) => name.to_string(),
        }
    }
}
