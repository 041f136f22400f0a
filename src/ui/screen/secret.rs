//! All about one secret: what it is, who holds it, who reads it, how its rotations went.

use std::collections::BTreeMap;

use crate::incident::{Consumer, Rotation};
use crate::measure::inventory::{Flaw, Hidden, Item};
use crate::model::event::Operation;
use crate::ui::desk::Desk;
use crate::ui::digest::stands;
use crate::ui::fit::{plural, span, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

use super::{detail, findings, inventory};

/// The most lines of one part of the list.
const LISTED: usize = 50;

/// The secret's name.
pub fn title(desk: &Desk) -> String {
    let shelf = &desk.shelf;
    let opened = shelf.opened().map(|item| item.secret.to_string());
    opened
        .or_else(|| shelf.chosen().map(ToString::to_string))
        .unwrap_or_default()
}

/// The list.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    let Some(item) = desk.shelf.opened() else {
        let why = match desk.shelf.chosen() {
            Some(secret) => format!("Nothing has been told of {secret} up to this moment."),
            None => "No secret is selected: go back and select one.".to_owned(),
        };
        return vec![Line::plain(why, Role::Dim)];
    };
    let mut lines = Vec::new();
    let mut list = List {
        desk,
        item,
        width,
        lines: &mut lines,
    };
    list.wants_a_look();
    list.facts();
    list.found();
    list.consumers();
    list.readers();
    list.rotations();
    detail::audit_of(&mut lines, desk, &item.secret, width);
    lines
}

struct List<'a> {
    desk: &'a Desk,
    item: &'a Item,
    width: u16,
    lines: &'a mut Vec<Line>,
}

impl List<'_> {
    fn rule(&mut self, words: impl Into<String>) {
        self.lines.push(Line::Rule(words.into()));
    }

    /// A fact, over as many lines as it needs, its name before the first.
    fn fact(&mut self, name: &str, words: &str, role: Role) {
        let room = usize::from(self.width.saturating_sub(13)).max(10);
        for (n, line) in wrap(words, room, 4).into_iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            self.lines.push(Line::Pieces(vec![
                Piece::new(name, Role::Dim).wide(10),
                Piece::new(line, role),
            ]));
        }
    }

    fn wants_a_look(&mut self) {
        for flaw in self.item.flaws() {
            let words = self.flaw(flaw);
            self.fact("look", &words, inventory::role(flaw));
        }
    }

    fn flaw(&self, flaw: Flaw) -> String {
        let item = self.item;
        match flaw {
            Flaw::Failed => "its last rotation did not succeed".to_owned(),
            Flaw::Overdue => {
                let late = item.overdue.map(span).unwrap_or_default();
                format!("its next rotation is {late} late")
            }
            Flaw::TooOften => item.behind.as_ref().map_or_else(String::new, |behind| {
                let does = if behind.cached {
                    "keeps what it read for"
                } else {
                    "takes"
                };
                let to = if behind.cached {
                    ""
                } else {
                    " to get a new version"
                };
                format!(
                    "rotated too often: {} {does} {}{to}, so it is always behind",
                    behind.who,
                    span(behind.keeps)
                )
            }),
            Flaw::Hidden => {
                let names: Vec<String> = item.strangers().iter().map(ToString::to_string).collect();
                format!("read by nobody's consumer: {}", names.join(", "))
            }
            Flaw::Shared => format!(
                "one credential for {} services: they fail together, and none can be told from another",
                item.services.len()
            ),
            Flaw::Ownerless => "nobody answers for it: no rotation named an owner".to_owned(),
        }
    }

    fn facts(&mut self) {
        let (item, clock) = (self.item, self.desk.clock());
        let now = self.desk.shelf.inventory().at.unwrap_or_default();
        let mut what: Vec<String> = Vec::new();
        what.extend(item.kind.as_ref().map(ToString::to_string));
        what.extend(item.tier.as_ref().map(|tier| format!("tier {tier}")));
        what.extend(item.owner.as_ref().map(|owner| format!("owner {owner}")));
        if !what.is_empty() {
            self.fact("what", &what.join(", "), Role::Text);
        }
        let version = item
            .version
            .as_ref()
            .map_or("unknown".to_owned(), ToString::to_string);
        let age = match inventory::age(item, now) {
            Some(age) => format!("{version}, in force for {age}"),
            None => format!("{version}; nothing tells since when"),
        };
        self.fact("version", &age, Role::Strong);
        let cadence = match &item.cadence {
            Some(cadence) if cadence.told => {
                format!("every {}, as its rotations say", span(cadence.every))
            }
            Some(cadence) => format!(
                "every {} or so, as seen of {}",
                span(cadence.every),
                plural(item.rotations, "rotation")
            ),
            None => "unknown: no rotation told it, and too few were seen".to_owned(),
        };
        self.fact("rotated", &cadence, Role::Text);
        if let Some(due) = item.due {
            let words = format!("{} {} {}", clock.day(due), clock.time(due), clock.zone());
            self.fact(
                "due",
                &words,
                if item.overdue.is_some() {
                    Role::Bad
                } else {
                    Role::Text
                },
            );
        }
        let used = match &item.used {
            Some(used) => {
                let did = if used.operation == Operation::Login {
                    "logged in"
                } else {
                    "read it"
                };
                format!(
                    "{} {did} {}",
                    used.by,
                    clock.ago(used.event.time, Some(now))
                )
            }
            None => "no audit entry shows that anybody used it".to_owned(),
        };
        self.fact("last use", &used, Role::Text);
        if item.leases > 0 {
            let ends = item
                .lease_ends
                .map(|ends| format!(", the first ends {}", clock.time(ends)));
            let words = format!(
                "{} good{}",
                plural(item.leases, "lease"),
                ends.unwrap_or_default()
            );
            self.fact("leases", &words, Role::Text);
        }
    }

    fn found(&mut self) {
        let (desk, secret) = (self.desk, &self.item.secret);
        let incident = &desk.state.incident;
        let (clock, now) = (desk.clock(), desk.now());
        let about: Vec<_> = desk
            .digest
            .findings
            .all()
            .iter()
            .filter(|f| {
                let told = f.rotation.as_ref().and_then(|id| incident.secret_of(id));
                f.secret.as_ref() == Some(secret) || told == Some(secret)
            })
            .collect();
        for finding in about {
            let what = finding.mode.runbook().replace('-', " ");
            let how = match finding.resolved_at {
                Some(at) => format!("healed {}", clock.ago(at, now)),
                None => format!("found {}", clock.ago(finding.detected_at, now)),
            };
            let role = if stands(finding) {
                findings::role(finding)
            } else {
                Role::Dim
            };
            self.fact(finding.mode.name(), &format!("{what}, {how}"), role);
        }
    }

    fn consumers(&mut self) {
        let all: Vec<&Consumer> = self
            .desk
            .state
            .incident
            .consumers(&self.item.secret)
            .collect();
        if all.is_empty() {
            self.rule("Consumers: none is known");
            let words = "Nobody can tell who is on the old version when it is revoked.";
            self.lines.push(Line::plain(words, Role::Dim));
            return;
        }
        self.rule(format!(
            "Consumers: {} of {}",
            all.len(),
            plural(self.item.services.len(), "service")
        ));
        let mut services: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for consumer in all {
            let service = consumer
                .service
                .as_ref()
                .map_or("service unknown".to_owned(), ToString::to_string);
            let version = consumer
                .version
                .as_ref()
                .map_or("no known version".to_owned(), ToString::to_string);
            *services
                .entry(service)
                .or_default()
                .entry(version)
                .or_default() += 1;
        }
        let more = services.len().saturating_sub(LISTED);
        for (service, versions) in services.into_iter().take(LISTED) {
            let words: Vec<String> = versions
                .into_iter()
                .map(|(version, n)| format!("{n} on {version}"))
                .collect();
            self.lines.push(Line::Pieces(vec![
                Piece::new(service, Role::Text).wide(24),
                Piece::new(words.join(", "), Role::Text),
            ]));
        }
        self.more(more, "service");
    }

    fn more(&mut self, more: usize, what: &str) {
        if more > 0 {
            self.lines.push(Line::plain(
                format!("and {} more", plural(more, what)),
                Role::Dim,
            ));
        }
    }

    fn readers(&mut self) {
        let (desk, item) = (self.desk, self.item);
        let mut uses: Vec<_> = desk.state.incident.uses(&item.secret).collect();
        if uses.is_empty() {
            self.rule("Seen in the audit stream: nobody");
            return;
        }
        self.rule("Seen in the audit stream, latest first");
        let words = match &item.hidden {
            Hidden::Known(_) => None,
            Hidden::AtLeast(_) => Some(
                "It has had more users than are kept: there may be strangers whom nothing here names."
                    .to_owned(),
            ),
            Hidden::Unknowable(0) => Some(
                "Nobody is seen to read it, only to use it: whether a stranger does cannot be known."
                    .to_owned(),
            ),
            Hidden::Unknowable(n) => Some(format!(
                "Whether any of {} is a stranger cannot be known: none could be matched with a consumer.",
                plural(*n, "reader")
            )),
        };
        if let Some(words) = words {
            for line in wrap(&words, usize::from(self.width.saturating_sub(2)), 3) {
                self.lines.push(Line::plain(line, Role::Dim));
            }
        }
        uses.sort_by(|a, b| b.last.cmp(&a.last));
        let (clock, now) = (desk.clock(), desk.now());
        let more = uses.len().saturating_sub(LISTED);
        for used in uses.into_iter().take(LISTED) {
            let stranger =
                used.operation == Operation::Read && item.strangers().contains(&used.actor);
            let (word, role) = if stranger {
                ("hidden", Role::Warn)
            } else {
                ("", Role::Text)
            };
            self.lines.push(Line::Pieces(vec![
                Piece::new(clock.age(used.last.time, now), Role::Dim).right(9),
                Piece::new(used.operation.to_string(), Role::Text).wide(6),
                Piece::new(used.actor.to_string(), role)
                    .wide(self.width.saturating_sub(40).clamp(12, 60)),
                Piece::new(word, role),
            ]));
        }
        self.more(more, "user");
    }

    fn rotations(&mut self) {
        let (desk, item) = (self.desk, self.item);
        let all: Vec<&Rotation> = desk.state.incident.rotations_of(&item.secret).collect();
        if all.is_empty() {
            self.rule("Rotations: none is known");
            return;
        }
        self.rule(format!("Rotations: {}, latest first", all.len()));
        let (clock, now) = (desk.clock(), desk.now());
        for rotation in all.iter().rev().take(LISTED) {
            let ended = rotation.ended.as_ref().map(|end| &end.outcome);
            let (word, role) = match (ended, &rotation.superseded_by) {
                (None, Some(_)) => ("superseded".to_owned(), Role::Dim),
                (ended, _) => inventory::outcome(ended),
            };
            let trigger = rotation
                .trigger
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let to = rotation
                .to_version
                .as_ref()
                .map(|v| format!("→ {v}"))
                .unwrap_or_default();
            self.lines.push(Line::Pieces(vec![
                Piece::new(clock.age(rotation.started_at, now), Role::Dim).right(9),
                Piece::new(word, role).wide(12),
                Piece::new(trigger, Role::Text).wide(9),
                Piece::new(rotation.id.to_string(), Role::Text).wide(20),
                Piece::new(to, Role::Text),
            ]));
        }
        self.more(all.len().saturating_sub(LISTED), "rotation");
    }
}
