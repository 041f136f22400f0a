//! Acts that mend what a rotation has hurt.

use super::{about, about_found, acts};
use crate::model::intent::Verb;
use crate::ui::command::Group;
use crate::ui::desk::Desk;

pub const GROUP: Group = Group {
    title: "Act: mend",
    commands: acts! {
        "invalidate-cache" "Invalidate the cache" "invalidate" "Has caches forget what is older than the cutover." => |desk| about_found(desk, Verb::InvalidateCache);
        "reissue-previous" "Reissue the previous version" "reissue" "Makes the previous version valid again." => |desk| about(desk, Verb::ReissuePrevious);
        "mask-leak" "Mask the leak" "mask" "Tells what shows the secret to stop showing it." => |desk| about(desk, Verb::MaskLeak);
        "restore-sink" "Restore the audit sink" "restore" "Asks the audit sink to open again." => |desk| about(desk, Verb::RestoreSink);
        "replay-outbox" "Replay the audit outbox" "replay audit" "Delivers the rotation's audit entries again." => |desk| about(desk, Verb::ReplayOutbox);
    },
};
