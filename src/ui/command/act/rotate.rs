//! Acts that begin, end or turn back a rotation, or hold all of them.

use super::{about, acts};
use crate::model::act::Wish;
use crate::model::intent::Verb;
use crate::ui::command::Group;
use crate::ui::desk::Desk;

pub const GROUP: Group = Group {
    title: "Act: turn",
    commands: acts! {
        "freeze" "Freeze all rotations" "freeze" "Holds every start and every revocation." => |_| Some(Wish::new(Verb::Freeze));
        "unfreeze" "End the freeze" "unfreeze" "Lets rotations start and revoke again." => |_| Some(Wish::new(Verb::Unfreeze));
        "rollback" "Roll back" "roll back" "Returns every consumer to the previous version." => |desk| about(desk, Verb::Rollback);
        "abort" "Abort the rotation" "abort" "Ends a rotation before its cutover." => |desk| about(desk, Verb::Abort);
        "revoke-now" "Revoke the old version now" "revoke now" "Has the old version refused at once, whoever still uses it." => |desk| about(desk, Verb::RevokeNow);
        "rotate" "Rotate the selected secret" "rotate" "Starts a planned rotation of the secret." => |desk| of_secret(desk, Verb::Rotate);
        "emergency-rotate" "Rotate in an emergency" "emergency" "Rotates the secret at once, without grace." => |desk| of_secret(desk, Verb::EmergencyRotate);
    },
};

/// A wish about the secret of the rotation that is looked at: it begins another one.
fn of_secret(desk: &Desk, verb: Verb) -> Option<Wish> {
    let rotation = about(desk, verb)?.rotation?;
    let secret = desk.state.incident.rotation(&rotation)?.secret.clone();
    Some(Wish {
        secret: Some(secret?),
        ..Wish::new(verb)
    })
}
