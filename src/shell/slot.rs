//! What a session publishes, on its way to whoever looks at it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::session::Update;

/// The newest state that the session published and nobody has looked at. States in between
/// are skipped: what is matters, not what was.
#[derive(Clone, Default)]
pub struct Slot(Arc<Mutex<Option<Update>>>);

impl Slot {
    /// Puts a state in; true where the slot was empty.
    #[must_use]
    pub fn put(&self, update: Update) -> bool {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.replace(update).is_none()
    }

    /// Takes the state out.
    #[must_use]
    pub fn take(&self) -> Option<Update> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
