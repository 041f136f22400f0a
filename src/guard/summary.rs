//! What an act would do, in the words of the prompt: before anything is asked.

use super::about::{About, facts};
use super::case::Case;
use super::challenge::Challenges;
use super::effect::{self, Effect};
use super::reach::Reach;
use super::rules::Rules;
use crate::incident::{Incident, Rotation};
use crate::model::act::Wish;
use crate::model::event::{Outcome, Risk};
use crate::model::intent::Verb;

/// A line of the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is about: `Happens`, `State`, `Now`, `At risk`, `Also uses`, `If wrong`,
    /// `Undo`.
    pub label: &'static str,
    /// What it says; harmless to show.
    pub words: String,
}

/// What an act would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The act and what it is done to.
    pub title: String,
    /// How much it can break.
    pub risk: Risk,
    /// What happens, what else runs, who is on which version, whom it can break, who else uses the
    /// credential, what breaks if it is wrong, how it is undone.
    pub rows: Vec<Row>,
    /// What has to be answered.
    pub challenges: Challenges,
    /// Names the state that this speaks of: another number is another state.
    pub facts: u64,
}

/// Why an act makes no sense here; in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// What a wish would do in this state, and what is asked before it.
///
/// # Errors
/// [`Refusal`] where it names nothing that is known, or comes too late, or the policy does not
/// allow it.
pub fn summary(wish: &Wish, incident: &Incident, rules: &Rules) -> Result<Summary, Refusal> {
    let effect = effect::of(wish.verb);
    let verb = wish.verb;
    if wish.region.is_some() && !verb.takes_region() {
        return Err(Refusal(format!(
            "{verb} cannot be done for one region alone"
        )));
    }
    if wish.service.is_some() && !verb.takes_service() {
        return Err(Refusal(format!(
            "{verb} cannot be done for one service alone"
        )));
    }
    let rotation = match &wish.rotation {
        Some(id) => Some(
            incident
                .rotation(id)
                .ok_or_else(|| Refusal(format!("rotation {id} is not known")))?,
        ),
        None => None,
    };
    if let Some(rotation) = rotation {
        fits(wish.verb, rotation)?;
    } else if needs_rotation(wish.verb) {
        return Err(Refusal(format!("{}: no rotation is selected", wish.verb)));
    }
    let about = About::of(wish, incident);
    let secret = about.secret.as_ref();
    if secret.is_none() && matches!(wish.verb, Verb::Rotate | Verb::EmergencyRotate) {
        return Err(Refusal(format!("{}: no secret is named", wish.verb)));
    }
    let case = Case {
        person: Some(&rules.person),
        roles: &rules.roles,
        verb: wish.verb,
        region: wish.region.as_ref(),
        subject: about.subject(),
        signed: true,
    };
    let decision = rules.policy.decide(&case);
    let decision = decision.map_err(|denied| Refusal(denied.to_string()))?;
    let reach = Reach::of(wish, secret, rotation, incident);
    Ok(Summary {
        title: reach.fill(effect.title),
        rows: rows(&effect, &reach),
        challenges: decision.challenges,
        risk: case.risk(),
        facts: facts(wish, rotation, incident),
    })
}

/// Acts on everything, or on a secret that may have no rotation.
fn needs_rotation(verb: Verb) -> bool {
    !matches!(
        verb,
        Verb::Freeze
            | Verb::Unfreeze
            | Verb::Rotate
            | Verb::EmergencyRotate
            | Verb::RestoreSink
            | Verb::ReplayOutbox
            | Verb::MaskLeak
            | Verb::Silence
            | Verb::Acknowledge
    )
}

/// Whether an act makes sense for a rotation as it stands. What suggests acts asks this first.
///
/// # Errors
/// [`Refusal`] in words for a person, with what makes sense instead where something does.
pub fn fits(verb: Verb, rotation: &Rotation) -> Result<(), Refusal> {
    let id = &rotation.id;
    let refuse = |why: String| Err(Refusal(format!("{verb}: {why}")));
    if let (Some(ended), false) = (&rotation.ended, effect::of(verb).after_end) {
        return refuse(format!("rotation {id} has ended ({})", ended.outcome));
    }
    let one_at_a_time = rotation.dual_run == Some(false);
    match verb {
        Verb::ExtendGrace if rotation.revoked_at.is_some() => refuse(format!(
            "the old version of {id} is revoked already; reissue-previous makes it valid again"
        )),
        Verb::ExtendGrace | Verb::ReissuePrevious if one_at_a_time => refuse(
            "the target has no dual-run, it accepts one version at a time; re-push, or roll back"
                .to_owned(),
        ),
        Verb::Rollback => match (&rotation.ended, &rotation.superseded_by) {
            (_, Some(later)) => refuse(format!("{later} has replaced rotation {id}")),
            (Some(ended), _) if ended.outcome != Outcome::Succeeded => {
                refuse(format!("rotation {id} has ended ({})", ended.outcome))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn rows(effect: &Effect, reach: &Reach) -> Vec<Row> {
    let mut rows = vec![Row {
        label: "Happens",
        words: reach.fill(effect.happens),
    }];
    let known = [
        ("State", &reach.state),
        ("Now", &reach.now),
        ("At risk", &reach.at_risk),
        ("Also uses", &reach.others),
    ];
    for (label, words) in known {
        if !words.is_empty() {
            rows.push(Row {
                label,
                words: words.clone(),
            });
        }
    }
    rows.push(Row {
        label: "If wrong",
        words: reach.fill(effect.wrong),
    });
    rows.push(Row {
        label: "Undo",
        words: reach.fill(effect.undo),
    });
    rows
}
