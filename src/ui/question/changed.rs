//! What changed under a question, in words.

use crate::guard;
use crate::incident::{Incident, Rotation};
use crate::model::Timestamp;
use crate::model::act::Wish;
use crate::ui::fit::Clock;

/// How the rotation stood that a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stood {
    stage: Option<String>,
    versions: [Option<String>; 2],
    grace: Option<Timestamp>,
    revoked: Option<Timestamp>,
    ended: Option<String>,
    replaced: Option<String>,
    frozen: Option<String>,
}

impl Stood {
    /// How it stands.
    pub fn of(wish: &Wish, incident: &Incident) -> Self {
        let rotation = wish.rotation.as_ref().and_then(|id| incident.rotation(id));
        let stood = rotation.map_or_else(Self::default, Self::of_rotation);
        let frozen = guard::frozen(incident).map(|act| act.action.actor.to_string());
        Self { frozen, ..stood }
    }

    fn of_rotation(rotation: &Rotation) -> Self {
        let stage = rotation.stage().map(|(stage, view)| match &view.status {
            Some(status) => format!("{stage} {status}"),
            None => stage.to_string(),
        });
        Self {
            stage,
            versions: [&rotation.from_version, &rotation.to_version]
                .map(|version| version.as_ref().map(ToString::to_string)),
            grace: rotation.grace.as_ref().map(|grace| grace.ends_at),
            revoked: rotation.revoked_at,
            ended: rotation.ended.as_ref().map(|e| e.outcome.to_string()),
            replaced: rotation.superseded_by.as_ref().map(ToString::to_string),
            frozen: None,
        }
    }

    /// What is other now.
    pub fn changes(&self, now: &Self, clock: Clock) -> String {
        let mut words: Vec<String> = Vec::new();
        if self.ended != now.ended {
            words.push(match &now.ended {
                Some(how) => format!("it ended ({how})"),
                None => "it goes on".to_owned(),
            });
        }
        if self.replaced != now.replaced {
            words.extend(now.replaced.as_ref().map(|by| format!("{by} replaced it")));
        }
        if self.revoked != now.revoked {
            words.push(match now.revoked {
                Some(at) => format!("the old version was revoked at {}", clock.time(at)),
                None => "the old version is valid again".to_owned(),
            });
        }
        if self.grace != now.grace {
            words.push(match now.grace {
                Some(at) => format!("grace ends at {} now", clock.time(at)),
                None => "it has no grace period any more".to_owned(),
            });
        }
        if self.stage != now.stage {
            let stage = now.stage.as_deref().unwrap_or("no stage");
            words.push(format!("it is at {stage}"));
        }
        if self.versions != now.versions {
            let [from, to] = &now.versions;
            let name = |version: &Option<String>| version.as_deref().unwrap_or("?").to_owned();
            words.push(format!("it goes from {} to {}", name(from), name(to)));
        }
        if self.frozen != now.frozen {
            words.push(match &now.frozen {
                Some(by) => format!("{by} froze all rotations"),
                None => "the freeze has ended".to_owned(),
            });
        }
        if words.is_empty() {
            words.push("what it would do".to_owned());
        }
        words.join(", ")
    }
}
