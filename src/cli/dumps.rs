//! No core dumps of a process that holds secrets: its memory stays its own.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Has the system write no core dump of this process, whatever the shell allows, and let no other
/// process of the same user look into its memory. What a system does not offer is logged and
/// passed over: a process that cannot forbid it works as well.
pub(super) fn forbid() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps cannot be forbidden");
    }
    // A limit does not bind a system that pipes its dumps to a program; this does.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "the process cannot be made undumpable");
        }
    }
}
