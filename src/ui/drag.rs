//! The replay bar under a mouse that drags it. At most one seek is on its way: where the mouse
//! went meanwhile is gone to once the answer has come, and what lay between is left out.

use crate::model::effect::{Effect, Effects};
use crate::model::replay::{ReplayCommand, SeekTo};

/// A drag that goes on.
#[derive(Debug)]
pub struct Drag {
    /// The share that was asked for last.
    asked: f64,
    /// True until the player has answered.
    flies: bool,
    /// Where the mouse went since.
    wanted: Option<f64>,
}

fn seek(share: f64) -> Effects {
    Effects::one(Effect::Replay(ReplayCommand::Seek(SeekTo::Share(share))))
}

impl Drag {
    /// The button was pressed at a share of the recording.
    pub fn begin(share: f64) -> (Self, Effects) {
        let drag = Self {
            asked: share,
            flies: true,
            wanted: None,
        };
        (drag, seek(share))
    }

    /// The mouse moved to a share.
    pub fn moved(&mut self, share: f64) -> Effects {
        self.wanted = Some(share);
        if self.flies {
            Effects::none()
        } else {
            self.go()
        }
    }

    /// The player has answered.
    pub fn answered(&mut self) -> Effects {
        self.flies = false;
        self.go()
    }

    /// The button was let go: where the mouse is then counts, whatever is still on its way.
    pub fn let_go(mut self) -> Effects {
        self.go()
    }

    fn go(&mut self) -> Effects {
        let is_there = |share: f64| (share - self.asked).abs() < f64::EPSILON;
        match self.wanted.take().filter(|share| !is_there(*share)) {
            Some(share) => {
                (self.asked, self.flies) = (share, true);
                seek(share)
            }
            None => Effects::none(),
        }
    }
}
