//! Looks now and then whether something beside the program has changed. It sleeps in between; a
//! look is a few questions to the file system.

use std::thread;
use std::time::Duration;

use crate::ui::Message;

/// How long lies between two looks.
const BETWEEN: Duration = Duration::from_millis(400);

/// Something that may change while the program runs.
pub trait Watch: Send {
    /// What the cockpit is to be told; `None` where nothing has changed since the last look.
    fn look(&mut self) -> Option<Message>;
}

/// Looks until nobody listens any more.
pub(super) fn start(mut watch: Box<dyn Watch>, tell: impl Fn(Message) -> bool + Send + 'static) {
    thread::spawn(move || {
        loop {
            thread::sleep(BETWEEN);
            if let Some(message) = watch.look()
                && !tell(message)
            {
                return;
            }
        }
    });
}
