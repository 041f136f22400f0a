//! What a call that a service audited means, in the contract's words: what each provider's file
//! finds out and what is told of it.

use crate::model::event::Operation;
use crate::model::{SecretPath, ServiceName, Version};

/// What a call means, in its provider's words.
#[derive(Debug)]
pub struct Meaning {
    /// What was done.
    pub operation: Operation,
    /// The secret that it was done to.
    pub secret: Option<SecretPath>,
    /// The version of it.
    pub version: Option<Version>,
    /// The service that the caller is, where it is one.
    pub service: Option<ServiceName>,
    /// True for a read that shows its caller with the version, where the caller is a service.
    pub uses: bool,
    /// False for a call that is nobody's authentication.
    pub authenticates: bool,
}
