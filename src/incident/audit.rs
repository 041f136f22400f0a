//! The latest audit lines: of every rotation's id, of every secret, and of all.

use std::sync::Arc;

use super::store::{Row, Store, Words};
use super::view::{AUDIT_KEPT, AuditLine, EventRef};
use crate::model::RotationId;
use crate::model::event::AuditEntry;

/// All audit lines that are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    all: Lines,
    /// By rotation id: lines that name one.
    rotations: Store<Of, 1>,
    /// By secret: lines that name no rotation.
    secrets: Store<Of, 1>,
}

#[derive(Clone, Debug)]
struct Of {
    name: String,
    lines: Lines,
}

impl Row<1> for Of {
    fn key(&self) -> Words<'_, 1> {
        [Some(&self.name)]
    }
}

/// The latest [`AUDIT_KEPT`] lines, latest last.
#[derive(Clone, Debug, Default)]
struct Lines(imbl::Vector<Arc<AuditLine>>);

impl Lines {
    fn put(&mut self, line: &Arc<AuditLine>) {
        if self.0.last().is_none_or(|last| last.event < line.event) {
            self.0.push_back(Arc::clone(line));
        } else {
            let held = self.0.binary_search_by(|l| l.event.cmp(&line.event));
            let Err(at) = held else { return };
            self.0.insert(at, Arc::clone(line));
        }
        if self.0.len() > AUDIT_KEPT {
            self.0.pop_front();
        }
    }
}

fn of(store: &mut Store<Of, 1>, name: &str, line: &Arc<AuditLine>) {
    let row = store.row([Some(name)], || Of {
        name: name.to_owned(),
        lines: Lines::default(),
    });
    if let Some(row) = row {
        row.lines.put(line);
    }
}

impl Audit {
    /// Takes a line in.
    pub(super) fn told(
        &mut self,
        event: EventRef,
        rotation: Option<&RotationId>,
        entry: &AuditEntry,
    ) {
        let line = Arc::new(AuditLine {
            event,
            rotation: rotation.cloned(),
            entry: entry.clone(),
        });
        self.all.put(&line);
        match (rotation, &entry.secret) {
            (Some(rotation), _) => of(&mut self.rotations, rotation.raw(), &line),
            (None, Some(secret)) => of(&mut self.secrets, secret.raw(), &line),
            (None, None) => {}
        }
    }

    /// The latest lines of these ids and of this secret, latest last.
    pub(super) fn of<'a>(
        &'a self,
        ids: impl Iterator<Item = &'a RotationId>,
        secret: Option<&'a str>,
    ) -> impl DoubleEndedIterator<Item = &'a AuditLine> {
        let named = ids.filter_map(|id| self.rotations.get([Some(id.raw())]));
        let unnamed = secret.and_then(|secret| self.secrets.get([Some(secret)]));
        let mut lines: Vec<&AuditLine> = named
            .chain(unnamed)
            .flat_map(|of| of.lines.0.iter().map(AsRef::as_ref))
            .collect();
        lines.sort_by(|a, b| a.event.cmp(&b.event));
        let surplus = lines.len().saturating_sub(AUDIT_KEPT);
        lines.into_iter().skip(surplus)
    }

    /// The latest lines of all, latest last.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &AuditLine> {
        self.all.0.iter().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use crate::incident::AUDIT_KEPT;
    use crate::incident::testing::{event, fold, id, of, started};
    use crate::model::Event;
    use serde_json::json;

    fn line(seconds: i64, secret: &str) -> Event {
        let data = json!({"actor": "a", "operation": "read", "path": "p", "secret": secret,
            "outcome": "allowed"});
        event(
            "/vault",
            &format!("{seconds}-{secret}"),
            seconds,
            "audit.entry",
            &data,
        )
    }

    #[test]
    fn a_rotation_has_its_own_lines_and_those_of_its_secret_that_name_none() {
        let events = [
            started("r1", 0, "db", Some("8")),
            started("r2", 900, "db", Some("9")),
            of("r1", line(1, "db")),
            of("r2", line(901, "db")),
            line(5, "db"),
            line(6, "api"),
        ];
        let incident = fold(&events);
        let of = |name: &str| -> Vec<String> {
            let lines = incident.audit(incident.rotation(&id(name)).unwrap());
            lines.map(|line| line.event.id.to_string()).collect()
        };
        assert_eq!(of("r1"), ["1-db", "5-db"]);
        assert_eq!(of("r2"), ["5-db", "901-db"]);
        assert_eq!(incident.audit_all().count(), 4);
    }

    #[test]
    fn the_latest_lines_are_kept_in_order_whatever_the_order_of_arrival() {
        let mut events = vec![started("r1", 0, "db", Some("8"))];
        events.extend((1..=300).rev().map(|n| line(n, "db")));
        let incident = fold(&events);
        let all: Vec<_> = incident.audit_all().map(|l| l.event.time).collect();
        assert_eq!(all.len(), AUDIT_KEPT);
        assert!(all.is_sorted());
        let rotation = incident.rotations().next().unwrap();
        assert!(incident.audit(rotation).eq(incident.audit_all()));
        assert_eq!(
            incident.audit_all().next_back().unwrap().event.id.raw(),
            "300-db"
        );
    }
}
