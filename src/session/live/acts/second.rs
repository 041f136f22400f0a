//! Waits for a second person. Nothing is written down and nothing is done until they have come:
//! who leaves the cockpit before that has asked for nothing.

use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;

use super::super::wall;
use super::News;
use crate::backend::{Hands, Requested};
use crate::guard::Claim;
use crate::model::act::ActState;

/// So often the backend is asked whether anybody came.
const EVERY: Duration = Duration::from_secs(1);

/// Asks for a second person and waits for them; ends where nobody listens any more.
pub(super) fn wait(hands: &dyn Hands, claim: Claim, tell: &Sender<News>) {
    let key = claim.intent().key.clone();
    let say = |state| {
        let key = key.clone();
        tell.send(News::Told { key, state }).is_ok()
    };
    let refuse = |why: String| say(ActState::Refused(format!("nothing was done: {why}")));
    let Requested { id, until } = match hands.request(&claim.request()) {
        Ok(requested) => requested,
        Err(why) => {
            refuse(why);
            return;
        }
    };
    let waiting = || ActState::Waiting {
        id: id.clone(),
        until,
    };
    // A line that is cut for a while ends nothing: the request waits at the backend.
    while say(waiting()) {
        if wall() > until {
            refuse("nobody approved it in time".to_owned());
            return;
        }
        let approvals = match hands.requested(&id) {
            Ok(None) => {
                refuse(
                    "it does not wait at the engine any more, which may have begun anew; ask anew"
                        .to_owned(),
                );
                return;
            }
            Ok(Some(signed)) => signed.proof.map(|proof| proof.approvals),
            Err(_) => None,
        };
        let approvals = approvals.unwrap_or_default();
        if !approvals.is_empty() {
            let _ = tell.send(News::Approved(Box::new((claim, approvals))));
            return;
        }
        thread::sleep(EVERY);
    }
}
