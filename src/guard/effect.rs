//! What each act does, what breaks if it is wrong, and how it is undone: one row a verb.

use crate::model::intent::Verb;

/// What is said of an act. `{secret}`, `{old}`, `{new}`, `{count}`, `{service}`, `{where}`,
/// `{length}` and
/// `{pace}` are filled in.
pub(super) struct Effect {
    pub(super) title: &'static str,
    pub(super) happens: &'static str,
    pub(super) wrong: &'static str,
    pub(super) undo: &'static str,
    /// Whether it makes sense for a rotation that has ended.
    pub(super) after_end: bool,
}

const fn effect(
    title: &'static str,
    happens: &'static str,
    wrong: &'static str,
    undo: &'static str,
    after_end: bool,
) -> Effect {
    Effect {
        title,
        happens,
        wrong,
        undo,
        after_end,
    }
}

/// What is said of an act.
pub(super) fn of(verb: Verb) -> Effect {
    match verb {
        Verb::Freeze => effect(
            "Freeze all rotations",
            "no rotation starts and no version is revoked until the freeze ends",
            "a version that is out stays valid for longer",
            "unfreeze",
            true,
        ),
        Verb::Unfreeze => effect(
            "End the freeze",
            "rotations start and old versions are revoked again as planned",
            "what the freeze held back is revoked",
            "freeze; what was revoked by then, reissue",
            true,
        ),
        Verb::Rotate => effect(
            "Rotate {secret}",
            "a planned rotation of {secret} starts, for {count}",
            "consumers that do not take the new version fail after the grace period",
            "roll back, until the old version is revoked",
            true,
        ),
        Verb::EmergencyRotate => effect(
            "Rotate {secret} in an emergency",
            "{secret} is rotated at once, in tight waves, and {new} is revoked {length}",
            "those of {count} that do not take the new version fail",
            "reissue the previous version",
            true,
        ),
        Verb::Silence => effect(
            "Silence what was found about {secret}",
            "nobody is told of what was found so far, for {length}; it stays on the screen",
            "nobody hears of it if it gets worse; what is found later is told",
            "silence it again for a shorter time",
            true,
        ),
        Verb::Acknowledge => effect(
            "Acknowledge what was found about {secret}",
            "the others see that somebody looks after this",
            "nothing",
            "nothing to undo",
            true,
        ),
        other => of_rotation(other),
    }
}

fn of_rotation(verb: Verb) -> Effect {
    match verb {
        Verb::ExtendGrace => effect(
            "Extend the grace period of {secret}",
            "{old} stays valid for {length} longer",
            "a version that is out stays valid for longer",
            "let the grace period end, or revoke now",
            false,
        ),
        Verb::Pause => effect(
            "Pause the rotation of {secret}",
            "the rotation stays where it is; {old} and {new} stay as they are",
            "the old version stays valid until it goes on",
            "resume",
            false,
        ),
        Verb::Resume => effect(
            "Resume the rotation of {secret}",
            "the rotation goes on where it was held, also into the revocation of {old}; where nothing holds it, a pace that was set is taken off",
            "consumers that are still on {old} fail once it is revoked",
            "pause; once it is revoked, reissue the previous version",
            false,
        ),
        Verb::RetryStage => effect(
            "Retry the failed stage of {secret}",
            "the stage that failed is done once more",
            "it fails once more, and counts against the provider's quota",
            "pause",
            false,
        ),
        Verb::RetryRegion => effect(
            "Retry {where} for {secret}",
            "{new} is distributed to {where} once more",
            "it fails once more",
            "pause",
            false,
        ),
        Verb::Throttle => effect(
            "Slow down the rotation of {secret}",
            "the rotation calls the provider {pace}",
            "the rotation takes longer",
            "resume, which takes the pace off",
            false,
        ),
        Verb::RePush => effect(
            "Push {new} of {secret} again",
            "{count} in {where} get {new} again and reload",
            "those consumers reload once for nothing",
            "roll back",
            true,
        ),
        Verb::Abort => effect(
            "Abort the rotation of {secret}",
            "the rotation ends here and {new} is withdrawn",
            "consumers that have taken {new} already fail",
            "rotate again",
            false,
        ),
        Verb::RevokeNow => effect(
            "Revoke {old} of {secret} now",
            "{old} is refused from now on, whoever still uses it",
            "every consumer that is still on {old} fails at once",
            "reissue the previous version, where its target can",
            false,
        ),
        other => of_repair(other),
    }
}

fn of_repair(verb: Verb) -> Effect {
    match verb {
        Verb::InvalidateCache => effect(
            "Invalidate the caches of {secret}",
            "caches of {service} in {where} forget what is older than the cutover and read {new}: {count}",
            "every look-up goes to the secret store at once, until the caches are full again",
            "nothing to undo: caches fill again by themselves",
            true,
        ),
        Verb::ReissuePrevious => effect(
            "Reissue {old} of {secret}",
            "{old} is made valid again beside {new}",
            "a version that was revoked for a reason is valid again",
            "revoke now",
            true,
        ),
        Verb::MaskLeak => effect(
            "Mask the leak of {secret}",
            "what shows the secret is told to stop showing it",
            "what was shown already stays where it was copied to: rotate afterwards",
            "nothing to undo",
            true,
        ),
        Verb::RestoreSink => effect(
            "Restore the audit sink",
            "the audit sink is asked to open again, and what waits is delivered",
            "it fails again",
            "nothing to undo",
            true,
        ),
        Verb::ReplayOutbox => effect(
            "Replay the audit outbox of {secret}",
            "every audit entry of the rotation is delivered again; the sink drops what it has",
            "a sink that does not know entries by their id has them twice",
            "nothing to undo",
            true,
        ),
        _ => effect(
            "Roll back {secret} to {old}",
            "{count} in {where} return to {old}; {new} is withdrawn once none presents it",
            "consumers that know only {new} fail until they are told",
            "rotate forward again",
            true,
        ),
    }
}
