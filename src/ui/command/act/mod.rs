//! Commands that act: each asks first. A command is called as its act is, so that what a finding
//! suggests has its key.

pub mod repair;
pub mod rollout;
pub mod rotate;

use std::sync::Arc;

use crate::diagnosis::Finding;
use crate::guard::Rules;
use crate::model::act::Wish;
use crate::model::effect::Effects;
use crate::model::event::{Stage, StageStatus};
use crate::model::intent::Verb;
use crate::model::{Region, RotationId, Timestamp};
use crate::ui::desk::{Desk, Pane, Screen};
use crate::ui::question::Question;

/// A command for each act: its verb, its title, its word for the footer, what it does.
macro_rules! acts {
    ($($id:literal $title:literal $label:literal $help:literal => $wish:expr;)+) => {
        &[$(crate::ui::command::Command {
            id: $id,
            title: $title,
            label: $label,
            help: $help,
            place: crate::ui::command::Place::Everywhere,
            run: |desk| {
                let wish: fn(&Desk) -> Option<crate::model::act::Wish> = $wish;
                crate::ui::command::act::ask(desk, $title, wish)
            },
        }),+]
    };
}
pub(super) use acts;

/// Asks whether an act is meant; says why not where nothing can be done.
pub(super) fn ask(desk: &mut Desk, title: &str, wish: fn(&Desk) -> Option<Wish>) -> Effects {
    let rules = match can_act(desk) {
        Ok(rules) => rules,
        Err(why) => {
            desk.notice = Some(format!("{title}: {why}"));
            return Effects::none();
        }
    };
    let Some(wish) = wish(desk) else {
        desk.notice = Some(format!(
            "{title}: nothing is selected that it could be done to"
        ));
        return Effects::none();
    };
    match Question::new(wish, &desk.state.incident, &rules) {
        Ok(question) => desk.question = Some(question),
        Err(why) => desk.notice = Some(why.to_string()),
    }
    Effects::none()
}

/// Who acts under which policy; why nothing can be done where nothing can.
fn can_act(desk: &Desk) -> Result<Arc<Rules>, String> {
    let why = match &desk.state.live {
        None => "a recording is played, and the past cannot be acted on".to_owned(),
        Some(live) if live.person.is_none() => "this session is read-only".to_owned(),
        Some(live) if !live.following => {
            let keys = &desk.keys_to_now;
            format!("this is the past; return to now first ({keys})")
        }
        Some(_) => match &desk.state.rules {
            Some(rules) => return Ok(Arc::clone(rules)),
            None => "nobody said yet what may be done here".to_owned(),
        },
    };
    Err(why)
}

/// A wish about the rotation that is looked at.
pub(super) fn about(desk: &Desk, verb: Verb) -> Option<Wish> {
    Some(Wish {
        rotation: Some(chosen(desk, verb)?),
        ..Wish::new(verb)
    })
}

/// The same, for the finding's one service only where it has one. Its regions are no bound: what
/// breaks in one is seen in the others a window later, and half a cure costs a second one.
pub(super) fn about_found(desk: &Desk, verb: Verb) -> Option<Wish> {
    let mut wish = about(desk, verb)?;
    let rotation = wish.rotation.clone()?;
    let mut found = findings(desk, &rotation);
    let cured = found.find(|finding| finding.mode.suggest().contains(&verb.name()));
    if let Some(finding) = cured.filter(|finding| finding.services.len() == 1) {
        wish.service = finding.services.first().cloned();
    }
    Some(wish)
}

/// A wish about a finding: the one that is read or chosen, else that of the headline. It goes by
/// its rotation; where it has none, by its service.
pub(super) fn of_finding(desk: &Desk, verb: Verb) -> Option<Wish> {
    let read = match desk.screen() {
        Screen::Why => desk.why.finding.as_ref(),
        _ if desk.pane == Pane::Findings => desk.selected_finding(),
        _ => None,
    };
    let finding = read.or_else(|| desk.digest.findings.worst())?;
    let service = match &finding.rotation {
        Some(_) => None,
        None => Some(finding.services.first()?.clone()),
    };
    Some(Wish {
        rotation: finding.rotation.clone(),
        service,
        ..Wish::new(verb)
    })
}

/// The rotation that is looked at: that of the finding that is read, or chosen in the list of
/// findings; while nobody has chosen a rotation, that of the headline, where it names this act;
/// else the selected one.
fn chosen(desk: &Desk, verb: Verb) -> Option<RotationId> {
    let listed = (desk.pane == Pane::Findings).then(|| desk.selected_finding());
    let of_finding = match desk.screen() {
        Screen::Why => desk.why.finding.as_ref(),
        Screen::OnCall if desk.chosen.is_none() => {
            let worst = desk.digest.findings.worst();
            let names = |f: &&Arc<Finding>| f.mode.suggest().contains(&verb.name());
            listed.flatten().or(worst.filter(names))
        }
        Screen::OnCall => listed.flatten(),
        _ => None,
    };
    if let Some(id) = of_finding.and_then(|finding| finding.rotation.clone()) {
        return Some(id);
    }
    let rotation = desk.opened().or_else(|| desk.rotation())?;
    Some(rotation.id.clone())
}

/// Since when something stands of a rotation that this act would cure; else anything of it.
pub(super) fn troubled_since(desk: &Desk, rotation: &RotationId, verb: Verb) -> Option<Timestamp> {
    let since = |all: bool| {
        let found = findings(desk, rotation);
        let cured = found.filter(|f| all || f.mode.suggest().contains(&verb.name()));
        cured.map(|finding| finding.detected_at).min()
    };
    since(false).or_else(|| since(true))
}

fn findings<'a>(
    desk: &'a Desk,
    rotation: &'a RotationId,
) -> impl Iterator<Item = &'a crate::diagnosis::Finding> {
    let known = desk.state.known.findings.iter();
    known
        .map(AsRef::as_ref)
        .filter(move |f| f.resolved_at.is_none() && f.rotation.as_ref() == Some(rotation))
}

/// The region that a rotation is behind in: as a finding says, else where distribution failed,
/// else where the fewest consumers are on the new version.
pub(super) fn region_behind(desk: &Desk, rotation: &RotationId) -> Option<Region> {
    let named = findings(desk, rotation).find_map(|finding| {
        let retries = finding.mode.suggest().contains(&Verb::RetryRegion.name());
        finding.regions.first().filter(|_| retries).cloned()
    });
    let incident = &desk.state.incident;
    let rotation = incident.rotation(rotation)?;
    let stage = Stage::Distribute
        .index()
        .and_then(|at| rotation.stages.get(at));
    let failed = || {
        let mut regions = stage.into_iter().flat_map(|stage| &stage.regions);
        let (region, _) = regions.find(|(_, status)| *status == StageStatus::Failed)?;
        Some(region.clone())
    };
    let slowest = || {
        let tally = incident.tally(rotation);
        let behind = tally.regions.iter().filter(|r| r.on_new < r.total);
        let slowest = behind.max_by_key(|r| r.total - r.on_new)?;
        slowest.region.clone()
    };
    named.or_else(failed).or_else(slowest)
}
