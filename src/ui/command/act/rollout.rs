//! Acts that move a rotation on, hold it, or give it time.

use super::{about, about_found, acts, region_behind, troubled_since};
use crate::model::act::Wish;
use crate::model::intent::Verb;
use crate::ui::command::Group;
use crate::ui::desk::Desk;
use crate::ui::question::Length;

pub const GROUP: Group = Group {
    title: "Act: pace",
    commands: acts! {
        "extend-grace" "Extend the grace period" "extend" "Keeps the old version valid for longer: 10 minutes to 4 hours, or as long as is typed." => extend;
        "pause" "Pause the rotation" "pause" "Holds the rotation where it is." => |desk| about(desk, Verb::Pause);
        "resume" "Resume the rotation" "resume" "Lets a held rotation go on." => |desk| about(desk, Verb::Resume);
        "throttle" "Slow the rotation down" "throttle" "Calls the provider no faster than its quota allows." => |desk| about(desk, Verb::Throttle);
        "re-push" "Push the new version again" "re-push" "Sends the new version to consumers again and has them take it." => |desk| about_found(desk, Verb::RePush);
        "retry-stage" "Retry the failed stage" "retry" "Does the stage that failed once more." => |desk| about(desk, Verb::RetryStage);
        "retry-region" "Retry the region" "retry region" "Distributes to the region that is behind once more." => retry_region;
    },
};

/// At first for as long as what was found asks for; another length is chosen in the question.
fn extend(desk: &Desk) -> Option<Wish> {
    let wish = about(desk, Verb::ExtendGrace)?;
    let since = troubled_since(desk, wish.rotation.as_ref()?, Verb::ExtendGrace);
    Some(Wish {
        seconds: Some(Length::for_trouble(since, desk.now())),
        ..wish
    })
}

fn retry_region(desk: &Desk) -> Option<Wish> {
    let wish = about(desk, Verb::RetryRegion)?;
    Some(Wish {
        region: region_behind(desk, wish.rotation.as_ref()?),
        ..wish
    })
}
