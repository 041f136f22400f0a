//! Acts that mend what a rotation has hurt.

use super::{about, about_found, acts, of_finding};
use crate::model::act::Wish;
use crate::model::intent::Verb;
use crate::ui::command::Group;
use crate::ui::desk::Desk;
use crate::ui::question::Length;

pub const GROUP: Group = Group {
    title: "Act: mend",
    commands: acts! {
        "invalidate-cache" "Invalidate the cache" "invalidate" "Has caches forget what is older than the cutover." => |desk| about_found(desk, Verb::InvalidateCache);
        "reissue-previous" "Reissue the previous version" "reissue" "Makes the previous version valid again." => |desk| about(desk, Verb::ReissuePrevious);
        "mask-leak" "Mask the leak" "mask" "Tells what shows the secret to stop showing it." => |desk| about(desk, Verb::MaskLeak);
        "restore-sink" "Restore the audit sink" "restore" "Asks the audit sink to open again." => |desk| about(desk, Verb::RestoreSink);
        "replay-outbox" "Replay the audit outbox" "replay audit" "Delivers the rotation's audit entries again." => |desk| about(desk, Verb::ReplayOutbox);
        "acknowledge" "Acknowledge the finding" "acknowledge" "Tells the others that you look after what was found." => |desk| of_finding(desk, Verb::Acknowledge);
        "silence" "Silence the finding" "silence" "Nobody is told of what was found for a while; it stays on the screen." => silence;
    },
};

/// At first for the usual time; another one is chosen in the question.
fn silence(desk: &Desk) -> Option<Wish> {
    let wish = of_finding(desk, Verb::Silence)?;
    Some(Wish {
        seconds: Some(Length::for_trouble(None, None)),
        ..wish
    })
}
