//! A live session without a screen: for commands that act on what the cockpit would show.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};

use crate::backend::Backend;
use crate::backend::engine::Engine;
use crate::backend::http::Address;
use crate::model::link::LinkState;
use crate::session::live::{LiveStart, Who};
use crate::session::{Keeping, Session, Update};

use super::complaint::Complaint;

/// An engine that has not sent all it has by then is given up.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(30);

/// A session, and what it tells.
pub(super) struct Aboard {
    pub(super) session: Session,
    updates: Receiver<Update>,
}

impl Aboard {
    /// Opens a session on an engine and waits until it has caught up with it.
    ///
    /// # Errors
    /// [`Complaint`] where the engine cannot be reached.
    pub(super) fn on(address: &Address, who: Who) -> Result<(Self, Update), Complaint> {
        let engine = Engine::new(address.clone());
        let name = engine.name();
        let (tell, updates) = unbounded();
        let start = LiveStart {
            backends: vec![Box::new(engine)],
            recorder: None,
            who,
            keeping: Keeping::Nowhere,
        };
        let session = Session::live(start, move |update| {
            let _ = tell.send(update);
        });
        let aboard = Self { session, updates };
        let mut why = None;
        let caught_up = aboard.until(Instant::now() + CAUGHT_UP_WITHIN, |update| {
            let link = update.live.as_ref().and_then(|live| live.links.first());
            why = link.and_then(|link| link.error.clone()).or(why.take());
            let state = link.map(|link| link.state);
            (state == Some(LinkState::Live)).then(|| update.clone())
        });
        match caught_up {
            Some(update) => Ok((aboard, update)),
            None => Err(Complaint::new(match why {
                Some(why) => format!("the engine {name} cannot be followed: {why}"),
                None => format!("the engine {name} has not sent all it has"),
            })),
        }
    }

    /// Looks at what the session tells until something is seen in it, or time is up.
    pub(super) fn until<T>(
        &self,
        deadline: Instant,
        mut seen: impl FnMut(&Update) -> Option<T>,
    ) -> Option<T> {
        while let Ok(update) = self.updates.recv_deadline(deadline) {
            if let Some(seen) = seen(&update) {
                return Some(seen);
            }
        }
        None
    }
}
