//! Acts in the words of a person.

use crate::model::intent::Verb;

/// What an act does, as one asks for it: `roll back`.
pub fn act(name: &str) -> String {
    let words = match name {
        "re-push" => "re-push",
        "extend-grace" => "extend the grace period",
        "rollback" => "roll back",
        "retry-region" => "retry the region",
        "throttle" => "slow the rotation down",
        "reissue-previous" => "reissue the previous version",
        "mask-leak" => "mask the leak",
        "emergency-rotate" => "rotate in an emergency",
        "invalidate-cache" => "invalidate the cache",
        "restore-sink" => "restore the audit sink",
        "replay-outbox" => "replay the audit outbox",
        other => return other.replace('-', " "),
    };
    words.to_owned()
}

/// What the button says that does it: short enough for a phone.
pub fn button(verb: Verb) -> &'static str {
    match verb {
        Verb::Freeze => "Freeze all",
        Verb::Unfreeze => "End the freeze",
        Verb::ExtendGrace => "Extend grace",
        Verb::Pause => "Pause",
        Verb::Resume => "Resume",
        Verb::RetryStage => "Retry",
        Verb::RetryRegion => "Retry region",
        Verb::RePush => "Re-push",
        Verb::Throttle => "Slow down",
        Verb::InvalidateCache => "Invalidate",
        Verb::ReissuePrevious => "Reissue",
        Verb::MaskLeak => "Mask",
        Verb::RestoreSink => "Restore sink",
        Verb::ReplayOutbox => "Replay audit",
        Verb::Rollback => "Roll back",
        Verb::Abort => "Abort",
        Verb::RevokeNow => "Revoke now",
        Verb::Rotate => "Rotate",
        Verb::EmergencyRotate => "Rotate now",
        Verb::Silence => "Silence",
        Verb::Acknowledge => "Acknowledge",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Mode;

    #[test]
    fn every_act_that_a_mode_suggests_has_words_of_its_own() {
        let modes = [
            Mode::F1,
            Mode::F2,
            Mode::F3,
            Mode::F4,
            Mode::F5,
            Mode::F6,
            Mode::F7,
            Mode::F8,
        ];
        for name in modes.iter().flat_map(|mode| mode.suggest()) {
            assert!(
                act(name) != name.replace('-', " ") || *name == "re-push",
                "{name}"
            );
        }
    }

    #[test]
    fn a_button_fits_on_a_phone_and_says_the_act() {
        let mut said = std::collections::HashSet::new();
        for verb in Verb::ALL {
            assert!(button(*verb).len() <= 14, "{verb}");
            assert!(said.insert(button(*verb)), "{verb} sounds like another");
        }
    }
}
