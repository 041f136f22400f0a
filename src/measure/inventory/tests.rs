//! What the inventory says of what was told.

use serde_json::{Value, json};

use super::*;
use crate::incident::Incident;
use crate::model::Event;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

/// Events told one after another.
#[derive(Default)]
struct Story {
    incident: Incident,
    told: u32,
}

impl Story {
    fn tell(
        &mut self,
        seconds: i64,
        kind: &str,
        rotation: Option<&str>,
        data: &Value,
    ) -> &mut Self {
        self.told += 1;
        let line = json!({"specversion": "1.0", "id": self.told.to_string(), "source": "/test",
            "type": format!("rotascope.{kind}"), "time": at(seconds).to_string(), "data": data,
            "rotationid": rotation});
        let event = Event::from_json(line.to_string().as_bytes()).unwrap();
        self.incident.apply(&event);
        self
    }

    /// A rotation that began at a moment and came to an end an hour later; what its start says
    /// more.
    fn rotated(&mut self, seconds: i64, outcome: &str, more: &Value) -> &mut Self {
        let id = format!("r{seconds}");
        let mut data = json!({"secret": "db", "to_version": format!("v{seconds}")});
        for (name, value) in more.as_object().unwrap() {
            data[name] = value.clone();
        }
        self.tell(seconds, "rotation.started", Some(&id), &data);
        if !outcome.is_empty() {
            let end = json!({"outcome": outcome});
            self.tell(seconds + HOUR, "rotation.finished", Some(&id), &end);
        }
        self
    }

    fn consumer(&mut self, seconds: i64, name: &str, more: &Value) -> &mut Self {
        let mut data = json!({"consumer": name, "secret": "db", "version": "v", "state": "in_use"});
        for (key, value) in more.as_object().unwrap() {
            data[key] = value.clone();
        }
        self.tell(seconds, "consumer.version", None, &data)
    }

    fn used(&mut self, seconds: i64, actor: &str, operation: &str) -> &mut Self {
        let data = json!({"actor": actor, "operation": operation, "path": "p", "secret": "db",
            "outcome": "allowed"});
        self.tell(seconds, "audit.entry", None, &data)
    }

    /// Somebody put a version there by an update.
    fn wrote(&mut self, seconds: i64, actor: &str) -> &mut Self {
        let data = json!({"actor": actor, "operation": "update", "path": "p", "secret": "db",
            "version": "v2", "outcome": "allowed"});
        self.tell(seconds, "audit.entry", None, &data)
    }

    fn now(&mut self, seconds: i64) -> Item {
        self.incident.tick(at(seconds));
        let inventory = Inventory::of(&self.incident);
        assert_eq!(inventory.at, Some(at(seconds)));
        inventory.get(&"db".into()).unwrap().clone()
    }
}

fn span(seconds: i64) -> Span {
    Span::seconds(seconds)
}

#[test]
fn what_was_told_of_its_last_rotation_is_what_is_known() {
    let start = json!({"owner": "team-pay", "tier": "critical", "kind": "database",
        "cadence_seconds": 30 * DAY});
    let item = Story::default()
        .rotated(0, "succeeded", &start)
        .now(10 * DAY);
    assert_eq!(item.owner.as_ref().unwrap().raw(), "team-pay");
    assert_eq!(item.version.as_ref().unwrap().raw(), "v0");
    assert_eq!(item.age(at(10 * DAY)), Some(span(10 * DAY - HOUR)));
    assert_eq!(
        item.cadence,
        Some(Cadence {
            every: span(30 * DAY),
            told: true
        })
    );
    assert_eq!((item.due, item.overdue), (Some(at(30 * DAY)), None));
    assert_eq!(item.flaws().count(), 0);
}

#[test]
fn a_cadence_that_nobody_told_is_the_median_of_what_was_seen() {
    let mut story = Story::default();
    story.rotated(0, "succeeded", &json!({}));
    story.rotated(7 * DAY, "succeeded", &json!({}));
    assert_eq!(story.now(8 * DAY).cadence, None);
    story.rotated(8 * DAY, "succeeded", &json!({"trigger": "emergency"}));
    story.rotated(14 * DAY, "succeeded", &json!({}));
    let item = story.now(15 * DAY);
    assert_eq!(
        item.cadence,
        Some(Cadence {
            every: span(7 * DAY),
            told: false
        })
    );
    assert_eq!(item.rotations, 4);
}

#[test]
fn attempts_that_failed_and_those_by_hand_are_no_cadence() {
    let mut story = Story::default();
    for n in 0..4 {
        let first = n * 7 * DAY;
        // It failed twice before it went well, and somebody tried once more by hand.
        story.rotated(first, "failed", &json!({"cadence_seconds": 0}));
        story.rotated(first + 2 * HOUR, "rolled_back", &json!({}));
        story.rotated(first + 4 * HOUR, "succeeded", &json!({}));
        let by_hand = json!({"trigger": "manual"});
        story.rotated(first + 6 * HOUR, "succeeded", &by_hand);
    }
    let every = span(7 * DAY);
    let told = false;
    assert_eq!(story.now(22 * DAY).cadence, Some(Cadence { every, told }));
}

#[test]
fn overdue_is_later_than_a_tenth_of_what_was_told_or_half_of_what_was_seen() {
    let told = json!({"cadence_seconds": 10 * DAY});
    let mut story = Story::default();
    story.rotated(0, "succeeded", &told);
    assert_eq!(story.now(11 * DAY).overdue, None);
    assert_eq!(story.now(11 * DAY + 1).overdue, Some(span(DAY + 1)));
    let mut seen = Story::default();
    for n in 0..3 {
        seen.rotated(n * 10 * DAY, "succeeded", &json!({}));
    }
    assert_eq!(seen.now(35 * DAY).overdue, None);
    assert_eq!(seen.now(35 * DAY + 1).overdue, Some(span(5 * DAY + 1)));
}

#[test]
fn one_that_runs_is_not_overdue_until_its_end_must_have_been_lost() {
    let told = json!({"cadence_seconds": DAY});
    let mut story = Story::default();
    story.rotated(0, "succeeded", &told);
    story.rotated(2 * DAY, "", &told);
    let item = story.now(2 * DAY + HOUR);
    assert_eq!((item.due, item.overdue), (None, None));
    assert_eq!(item.last.unwrap().outcome, None);
    let item = story.now(4 * DAY);
    assert_eq!(item.overdue, Some(span(3 * DAY)));
}

#[test]
fn a_rotation_that_was_taken_back_left_the_version_before_in_force() {
    let mut story = Story::default();
    story.rotated(0, "succeeded", &json!({}));
    story.rotated(DAY, "rolled_back", &json!({}));
    let item = story.now(2 * DAY);
    assert_eq!(item.version.as_ref().unwrap().raw(), "v0");
    assert!(item.has(Flaw::Failed));
    assert!(!item.has(Flaw::Overdue));
}

#[test]
fn one_that_failed_after_its_cutover_left_its_version_in_force() {
    for outcome in ["failed", "aborted", "rolled_back"] {
        let mut story = Story::default();
        story.rotated(0, "succeeded", &json!({}));
        story.rotated(DAY, "", &json!({}));
        let id = format!("r{DAY}");
        let cutover = json!({"stage": "cutover", "status": "completed"});
        story.tell(DAY + 5, "rotation.stage", Some(&id), &cutover);
        let end = json!({"outcome": outcome});
        story.tell(DAY + 9, "rotation.finished", Some(&id), &end);
        let item = story.now(2 * DAY);
        let since = item.since.unwrap().at;
        let taken_back = outcome == "rolled_back";
        let expected = if taken_back { at(HOUR) } else { at(DAY + 5) };
        assert_eq!(since, expected, "{outcome}");
    }
}

#[test]
fn what_is_stored_is_in_force_only_where_nothing_ever_followed() {
    let stored = json!({"stage": "store", "status": "completed"});
    let mut story = Story::default();
    story.rotated(0, "", &json!({}));
    story.tell(5, "rotation.stage", Some("r0"), &stored);
    let version = |item: Item| item.version.map(|v| v.to_string());
    assert_eq!(version(story.now(DAY)), Some("v0".to_owned()));
    let handed = json!({"stage": "distribute", "status": "completed"});
    story.tell(6, "rotation.stage", Some("r0"), &handed);
    let cutover = json!({"stage": "cutover", "status": "completed"});
    story.tell(7, "rotation.stage", Some("r0"), &cutover);
    story.rotated(DAY, "", &json!({}));
    story.tell(DAY + 5, "rotation.stage", Some("r86400"), &stored);
    assert_eq!(version(story.now(2 * DAY)), Some("v0".to_owned()));
}

#[test]
fn without_a_rotation_the_age_is_at_least_as_long_as_it_was_seen() {
    let item = Story::default()
        .consumer(0, "a", &json!({}))
        .consumer(50, "b", &json!({}))
        .consumer(60, "c", &json!({"version": "w"}))
        .now(DAY);
    assert_eq!(item.version.as_ref().unwrap().raw(), "v");
    assert_eq!(
        item.since,
        Some(Since {
            at: at(0),
            exact: false
        })
    );
    assert!(!item.has(Flaw::Ownerless), "nobody can have named one");
}

#[test]
fn a_cadence_below_a_cache_or_a_latency_leaves_consumers_behind() {
    let hourly = json!({"cadence_seconds": HOUR, "owner": "x"});
    let mut story = Story::default();
    story.rotated(0, "succeeded", &hourly);
    let slow = json!({"latency_ms": 3_599_000});
    assert_eq!(story.consumer(10, "a", &slow).now(DAY).behind, None);
    let slower = json!({"latency_ms": 3_600_000});
    let behind = story.consumer(20, "b", &slower).now(DAY).behind.unwrap();
    assert_eq!((behind.who.raw(), behind.cached), ("b", false));
    let cache = json!({"service": "cart", "secret": "db", "oldest_entry_seconds": 7200});
    let behind = story
        .tell(90, "cache.sample", None, &cache)
        .now(DAY)
        .behind
        .unwrap();
    assert_eq!((behind.who.raw(), behind.keeps), ("cart", span(7200)));
}

#[test]
fn a_hidden_reader_is_one_whom_no_consumer_no_act_and_no_request_explains() {
    let mut story = Story::default();
    story
        .consumer(0, "cart-1", &json!({"identities": ["approle:cart"]}))
        .rotated(10, "succeeded", &json!({"by": "planner"}))
        .used(20, "approle:cart", "read")
        .used(21, "cart-1", "read")
        .used(22, "planner", "read")
        .used(23, "hmac-sha256:00ff", "read")
        .used(24, "stranger", "read")
        .used(24, "engine", "read")
        .wrote(24, "engine")
        .used(24, "stranger", "update")
        .used(25, "db-user", "login")
        .used(26, "mira", "read");
    let act = json!({"action": "freeze", "phase": "executed", "actor": "mira", "target": "db",
        "risk": "reversible", "idempotency_key": "1"});
    let item = story.tell(27, "action", None, &act).now(DAY);
    assert_eq!(item.strangers(), ["stranger".into()]);
    assert!(item.has(Flaw::Hidden));
    assert_eq!(item.used.unwrap().by.raw(), "mira");
}

#[test]
fn where_no_reader_could_be_matched_a_stranger_cannot_be_known() {
    let mut story = Story::default();
    assert_eq!(
        story.consumer(0, "a", &json!({})).now(1).hidden,
        Hidden::Known(Vec::new())
    );
    let item = story.used(5, "who", "read").now(10);
    assert_eq!(item.hidden, Hidden::Unknowable(1));
    assert!(!item.has(Flaw::Hidden));
}

#[test]
fn where_it_is_used_and_never_read_a_hidden_reader_cannot_be_known() {
    for operation in ["update", "login"] {
        let mut story = Story::default();
        story.consumer(0, "a", &json!({})).used(5, "a", operation);
        let item = story.now(10);
        assert_eq!(item.hidden, Hidden::Unknowable(0), "{operation}");
        assert_eq!(item.used.unwrap().by.raw(), "a", "{operation}");
    }
    // Who only puts versions there uses nothing.
    let item = Story::default().wrote(5, "engine").now(10);
    assert_eq!((item.hidden, item.used), (Hidden::Known(Vec::new()), None));
}

#[test]
fn where_readers_were_forgotten_nobody_says_that_there_is_no_stranger() {
    let mut story = Story::default();
    story
        .consumer(0, "cart", &json!({}))
        .used(1, "cart", "read");
    for n in 0..300 {
        let name = format!("planner-{n}");
        story.rotated(10 + n, "succeeded", &json!({"by": name}));
        story.used(10 + n, &name, "read");
    }
    story.used(400, "cart", "read");
    let item = story.now(DAY);
    assert_eq!(item.hidden, Hidden::AtLeast(Vec::new()));
    assert_eq!(item.hidden_count(), "?");
    let item = story.used(500, "stranger", "read").now(DAY);
    assert_eq!(item.hidden_count(), "≥1");
    assert!(item.has(Flaw::Hidden));
}

#[test]
fn one_credential_of_four_services_is_shared_and_leases_end() {
    let mut story = Story::default();
    for (n, service) in ["a", "b", "c"].iter().enumerate() {
        story.consumer(1, &format!("c{n}"), &json!({"service": service}));
    }
    assert!(!story.now(2).is_shared());
    for (lease, ends) in [("l1", 50), ("l2", 90), ("l3", 5)] {
        let data = json!({"lease": lease, "secret": "db", "expires_at": at(ends).to_string()});
        story.tell(3, "lease.observed", None, &data);
    }
    let item = story.consumer(1, "d", &json!({"service": "d"})).now(10);
    assert!(item.is_shared());
    assert_eq!((item.leases, item.lease_ends), (2, Some(at(50))));
}

#[test]
fn one_that_follows_is_the_same_as_one_that_is_made_anew() {
    let mut story = Story::default();
    let mut kept = Kept::default();
    let mut look = |story: &mut Story, now: i64| {
        story.incident.tick(at(now));
        // The cockpit holds a clone while the incident goes on.
        let clone = story.incident.clone();
        kept.follow(&clone);
        assert_eq!(*kept.inventory(), Inventory::of(&clone), "at {now}");
        clone
    };
    let told = json!({"cadence_seconds": DAY, "by": "planner"});
    let mut held = Vec::new();
    for n in 0..12 {
        let now = n * DAY;
        if n != 7 {
            story.rotated(now, if n % 3 == 0 { "" } else { "succeeded" }, &told);
        }
        held.push(look(&mut story, now + 2 * HOUR));
        story.consumer(
            now + 2 * HOUR,
            &format!("c{n}"),
            &json!({"identities": ["a"], "latency_ms": n}),
        );
        held.push(look(&mut story, now + 3 * HOUR));
        story.used(
            now + 3 * HOUR,
            ["a", "stranger"][usize::from(n > 4)],
            "read",
        );
        let ends = at(now + 5 * HOUR).to_string();
        let lease = json!({"lease": format!("l{n}"), "secret": "db", "expires_at": ends});
        story.tell(now + 3 * HOUR, "lease.observed", None, &lease);
        let cache = json!({"service": "cart", "secret": "db", "oldest_entry_seconds": n * 9000});
        story.tell(now + 3 * HOUR, "cache.sample", None, &cache);
        held.push(look(&mut story, now + 4 * HOUR));
        held.push(look(&mut story, now + 6 * HOUR));
        let act = json!({"action": "freeze", "phase": "executed", "actor": "stranger",
            "target": "db", "risk": "reversible", "idempotency_key": "1"});
        if n == 9 {
            story.tell(now + 6 * HOUR, "action", None, &act);
        }
        let other = json!({"consumer": "x", "secret": format!("other-{}", n % 5), "version": "1", "state": "in_use"});
        story.tell(now + 6 * HOUR, "consumer.version", None, &other);
        held.push(look(&mut story, now + 23 * HOUR));
    }
    look(&mut story, 40 * DAY);
    // A person goes back in the recording.
    for earlier in held.iter().rev().step_by(7) {
        kept.follow(earlier);
        assert_eq!(*kept.inventory(), Inventory::of(earlier));
    }
}

fn three() -> Inventory {
    let mut story = Story::default();
    story.rotated(0, "failed", &json!({"owner": "zoe"}));
    for (secret, version) in [("api", "1"), ("=cmd|'x'", "2")] {
        let data = json!({"consumer": "c", "service": "cart\u{1b}[31m", "secret": secret,
            "version": version, "state": "in_use"});
        story.tell(60, "consumer.version", None, &data);
    }
    story.incident.tick(at(DAY));
    Inventory::of(&story.incident)
}

fn names(inventory: &Inventory, column: Column, reversed: bool, letters: &str) -> Vec<String> {
    let rows = order(inventory, column, reversed, letters);
    let name = |at: usize| inventory.items[at].secret.to_string();
    rows.into_iter().map(name).collect()
}

#[test]
fn what_a_column_knows_nothing_of_comes_last_whichever_way_round() {
    let inventory = three();
    assert_eq!(
        names(&inventory, Column::Look, false, ""),
        ["db", "=cmd|'x'", "api"]
    );
    assert_eq!(names(&inventory, Column::Owner, false, "")[0], "db");
    assert_eq!(names(&inventory, Column::Owner, true, "")[0], "db");
    assert_eq!(
        names(&inventory, Column::Secret, false, ""),
        ["=cmd|'x'", "api", "db"]
    );
    assert_eq!(
        names(&inventory, Column::Secret, true, ""),
        ["db", "api", "=cmd|'x'"]
    );
    assert_eq!(
        names(&inventory, Column::Consumers, true, ""),
        ["db", "=cmd|'x'", "api"]
    );
}

#[test]
fn letters_are_looked_for_in_whatever_names_it() {
    let inventory = three();
    assert_eq!(names(&inventory, Column::Secret, false, "ZOE"), ["db"]);
    assert_eq!(names(&inventory, Column::Secret, false, "cart ap"), ["api"]);
    assert_eq!(names(&inventory, Column::Secret, false, "failed"), ["db"]);
    assert!(names(&inventory, Column::Secret, false, "nowhere").is_empty());
}

#[test]
fn a_file_holds_what_is_known_and_nothing_that_runs() {
    let inventory = three();
    let rows = order(&inventory, Column::Secret, false, "");
    let words = csv(&inventory, &rows);
    assert_eq!(words.matches("\r\n").count(), 4);
    assert!(!words.contains('\u{1b}'));
    let mut table = ::csv::Reader::from_reader(words.as_bytes());
    assert_eq!(table.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| {
        let at = COLUMNS.iter().position(|column| *column == name).unwrap();
        rows[row][at].to_owned()
    };
    assert_eq!(cell(0, "secret"), "'=cmd|'x'");
    assert_eq!(cell(1, "services"), "cart␛[31m");
    assert_eq!(cell(1, "age_is_at_least"), "true");
    assert_eq!(cell(2, "last_rotation_outcome"), "failed");
    assert_eq!(cell(2, "flaws"), "failed");
    assert_eq!(cell(2, "age_seconds"), "");
}
