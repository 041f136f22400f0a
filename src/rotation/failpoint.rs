//! Failpoints: named places around every transaction and every call to the outside, where a test
//! may have the process die: see [`crate::config::failpoint`].

macro_rules! points {
    ($($name:ident = $word:literal),+ $(,)?) => {
        /// A place where the process may die.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each says its place by its name")]
        pub enum Point {
            $($name),+
        }

        impl Point {
            /// Every place; a test fails where one is never reached.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name, as the environment and the log have it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word),+
                }
            }
        }
    };
}

points! {
    TransactionBegin = "transaction.begin",
    TransactionCommit = "transaction.commit",
    TransactionDone = "transaction.done",
    GenerateBefore = "target.generate.before",
    GenerateAfter = "target.generate.after",
    InstallBefore = "target.install.before",
    InstallAfter = "target.install.after",
    AttemptBefore = "target.attempt.before",
    AttemptAfter = "target.attempt.after",
    ActivateBefore = "target.activate.before",
    ActivateAfter = "target.activate.after",
    RevokeBefore = "target.revoke.before",
    RevokeAfter = "target.revoke.after",
    ProveBefore = "target.prove.before",
    ProveAfter = "target.prove.after",
    ReinstateBefore = "target.reinstate.before",
    ReinstateAfter = "target.reinstate.after",
    PresenceBefore = "target.presence.before",
    PresenceAfter = "target.presence.after",
    PushBefore = "consumer.push.before",
    PushAfter = "consumer.push.after",
    AskBefore = "consumer.ask.before",
    AskAfter = "consumer.ask.after",
    HealthBefore = "health.before",
    HealthAfter = "health.after",
    InvalidateBefore = "cache.invalidate.before",
    InvalidateAfter = "cache.invalidate.after",
    MaskBefore = "mask.before",
    MaskAfter = "mask.after",
    SinkRestoreBefore = "sink.restore.before",
    SinkRestoreAfter = "sink.restore.after",
    DeliverBefore = "sink.deliver.before",
    DeliverAfter = "sink.deliver.after",
}

/// Says that a place is reached: `failpoint!(PushBefore)`.
macro_rules! failpoint {
    ($point:ident) => {
        $crate::config::failpoint::reach($crate::rotation::failpoint::Point::$point.name())
    };
}
pub(crate) use failpoint;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_a_name_of_its_own_and_is_in_the_code() {
        let names: std::collections::BTreeSet<_> = Point::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(names.len(), Point::ALL.len());
        let mut code = String::new();
        let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rotation");
        for folder in ["", "run", "store"] {
            for entry in std::fs::read_dir(room.join(folder)).unwrap().flatten() {
                code += &std::fs::read_to_string(entry.path()).unwrap_or_default();
            }
        }
        for point in Point::ALL {
            let call = format!("failpoint!({point:?})");
            assert!(code.contains(&call), "nothing reaches {}", point.name());
        }
    }
}
