//! What another thread publishes, on its way to whoever looks at it.

use std::sync::{Arc, Mutex, PoisonError};

/// The newest state that was published and nobody has looked at. States in between are skipped:
/// what is matters, not what was.
pub struct Slot<T>(Arc<Mutex<Option<T>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Slot<T> {
    /// Puts a state in; true where the slot was empty.
    #[must_use]
    pub fn put(&self, state: T) -> bool {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.replace(state).is_none()
    }

    /// Takes the state out.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
