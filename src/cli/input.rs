//! Paths that a person named, as a backend.

use std::path::PathBuf;

use crate::audit::identity::IdentityRules;
use crate::audit::{self, Options};
use crate::backend::Backend;
use crate::backend::replay::Replay;

use super::complaint::Complaint;

/// Opens files, folders and standard input as a recording; nothing is read yet.
pub(super) fn recording(
    paths: &[PathBuf],
    rules: IdentityRules,
) -> Result<Box<dyn Backend>, Complaint> {
    let opened = audit::open(paths, &Options::default())
        .map_err(|error| Complaint::new(error.to_string()))?;
    Ok(Box::new(Replay::new(opened, rules)))
}
