//! What a person is told of: one incident one page, whatever happens to it.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::incident::Incident;
use crate::measure::level::{LevelName, Urgency};
use crate::model::event::Severity;
use crate::model::{Event, RotationId, ServiceName, Span, Text, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

fn notice(mode: &'static str, rotation: &str, service: &str, seconds: i64) -> Notice {
    Notice {
        mode,
        words: "words".to_owned(),
        rotation: (!rotation.is_empty()).then(|| RotationId::from(rotation)),
        secret: (!rotation.is_empty()).then(|| "db".into()),
        services: [ServiceName::from(service)].into(),
        regions: [].into(),
        detected_at: at(seconds),
        resolved_at: None,
        severity: Severity::Page,
        loud: matches!(mode, "F4" | "F5"),
        silent: false,
        burns: match mode {
            "F8" => &[LevelName::M10],
            "F5" => &[LevelName::M6],
            _ => &[LevelName::M3],
        },
        next: &[],
    }
}

fn ticket(mode: &'static str, rotation: &str, service: &str, seconds: i64) -> Notice {
    Notice {
        severity: Severity::Ticket,
        ..notice(mode, rotation, service, seconds)
    }
}

fn healed(notice: &Notice, seconds: i64) -> Notice {
    Notice {
        resolved_at: Some(at(seconds)),
        ..notice.clone()
    }
}

fn event(seconds: i64, kind: &str, rotation: &str, data: &serde_json::Value) -> Event {
    let line = json!({
        "specversion": "1.0", "id": format!("{kind}-{seconds}-{data}"), "source": "/engine",
        "time": at(seconds).to_string(), "type": format!("rotascope.{kind}"), "data": data,
    });
    let event = Event::from_json(line.to_string().as_bytes()).unwrap();
    if rotation.is_empty() {
        return event;
    }
    event.of_rotation(RotationId::from(rotation))
}

/// A book, the incident beside it, and what burns.
#[derive(Default)]
struct Desk {
    book: Book,
    incident: Incident,
    pressure: Pressure,
}

impl Desk {
    fn tell(&mut self, event: &Event) -> bool {
        self.incident.apply(event);
        self.book.observe(event, &self.incident)
    }

    fn step(&mut self, seconds: i64, notices: &[Notice]) {
        self.book
            .step(at(seconds), notices, &self.incident, &self.pressure);
    }

    /// A window over everything from a moment to a later one.
    fn window(&mut self, from: i64, to: i64) {
        let data = json!({"window": "upgrade", "starts_at": at(from).to_string(),
            "ends_at": at(to).to_string(), "reason": "upgrade"});
        self.tell(&event(from - 1, "window.planned", "", &data));
    }

    fn burns(&mut self, level: LevelName, urgency: Urgency) {
        let burning = Burning {
            level,
            rate: 99.0,
            seconds: 3600,
        };
        self.pressure = Pressure::told(vec![(urgency, burning)]);
    }

    fn only(&self) -> Alert {
        let all: Vec<_> = self.book.alerts().collect();
        assert_eq!(all.len(), 1, "{all:#?}");
        (**all[0]).clone()
    }

    fn told(&self) -> Vec<(i64, Phase)> {
        let told = self.book.alerts().flat_map(|alert| alert.told());
        told.map(|word| (word.at.since(at(0)).as_seconds(), word.phase))
            .collect()
    }
}

fn told(alert: &Alert) -> Vec<(Timestamp, Phase)> {
    let words = alert.told().into_iter();
    words.map(|word| (word.at, word.phase)).collect()
}

fn word(seconds: i64, phase: Phase) -> Word {
    Word {
        at: at(seconds),
        phase,
        nth: 0,
    }
}

#[test]
fn a_rotation_pages_once_whatever_it_breaks() {
    let mut desk = Desk::default();
    let first = notice("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&first));
    // More services, a second mode beside it, and one that takes the first one's place.
    let mut wider = first.clone();
    wider.services.insert("cart".into());
    desk.step(20, &[wider.clone(), notice("F8", "r1", "checkout", 20)]);
    let taking = notice("F4", "r1", "checkout", 30);
    desk.step(30, &[taking.clone(), notice("F8", "r1", "checkout", 20)]);
    assert_eq!(desk.told(), [(10, Phase::Page)]);
    let alert = desk.only();
    assert_eq!(alert.modes, ["F1", "F8", "F4"]);
    assert_eq!(alert.services.len(), 2);
    let over = [
        healed(&taking, 90),
        healed(&notice("F8", "r1", "checkout", 20), 80),
    ];
    desk.step(90, &over);
    assert_eq!(desk.told(), [(10, Phase::Page), (90, Phase::Resolved)]);
}

#[test]
fn two_rotations_are_two_incidents_and_two_names_of_one_are_one() {
    let mut desk = Desk::default();
    let started = json!({"secret": "db", "to_version": "v2"});
    desk.tell(&event(0, "rotation.started", "r1", &started));
    let mut second = event(1, "rotation.started", "alias", &started);
    second.source = "/other".into();
    desk.tell(&second);
    let both = [
        notice("F1", "r1", "checkout", 10),
        notice("F5", "alias", "checkout", 11),
        notice("F1", "other", "cart", 12),
    ];
    desk.step(12, &both);
    let keys: Vec<_> = desk.book.alerts().map(|a| a.key.raw().to_owned()).collect();
    assert_eq!(keys, ["rotation/r1", "rotation/other"]);
}

#[test]
fn a_sink_that_is_broken_is_one_incident_whatever_rotates_meanwhile() {
    let mut desk = Desk::default();
    let first = notice("F8", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&first));
    let second = notice("F8", "r2", "cart", 90);
    desk.step(90, &[first.clone(), second.clone()]);
    assert_eq!(desk.told(), [(10, Phase::Page)]);
    let alert = desk.only();
    assert!(
        alert.summary().contains("rotation r1 and 1 more of db"),
        "{}",
        alert.summary()
    );
    // What else befalls the second rotation is no matter of the sink's.
    let revoked = notice("F4", "r2", "cart", 100);
    desk.step(100, &[first.clone(), second.clone(), revoked]);
    assert_eq!(desk.told(), [(10, Phase::Page), (100, Phase::Page)]);
    // It is over once all trails are whole again.
    let mut desk = Desk::default();
    desk.step(10, std::slice::from_ref(&first));
    desk.step(90, &[first.clone(), second.clone()]);
    desk.step(95, &[healed(&first, 95), second.clone()]);
    assert!(desk.only().stands());
    desk.step(99, &[healed(&first, 95), healed(&second, 99)]);
    assert_eq!(desk.told(), [(10, Phase::Page), (99, Phase::Resolved)]);
}

#[test]
fn a_flap_is_the_same_alert_and_what_comes_much_later_is_not() {
    let mut desk = Desk::default();
    let first = notice("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&first));
    let first = healed(&first, 60);
    desk.step(60, std::slice::from_ref(&first));
    let again = notice("F1", "r1", "checkout", 100);
    desk.step(100, &[first.clone(), again.clone()]);
    let phases = [
        (10, Phase::Page),
        (60, Phase::Resolved),
        (100, Phase::Again),
    ];
    assert_eq!(desk.told(), phases);
    assert!(desk.only().stands());
    let again = healed(&again, 200);
    desk.step(200, &[first.clone(), again.clone()]);
    let all = [&phases[..], &[(200, Phase::Resolved)]].concat();
    assert_eq!(desk.told(), all, "woken once; the last word is true");
    let nth: Vec<u32> = desk.only().told().iter().map(|word| word.nth).collect();
    assert_eq!(nth, [0, 0, 1, 1], "each is told under a name of its own");
    let much_later = 200 + FLAP.as_seconds() + 1;
    let third = notice("F1", "r1", "checkout", much_later);
    desk.step(much_later, &[first, again, third]);
    let keys: Vec<_> = desk.book.alerts().map(|a| a.key.raw().to_owned()).collect();
    assert_eq!(keys, ["rotation/r1", "rotation/r1/2"]);
    assert_eq!(desk.told().last(), Some(&(much_later, Phase::Page)));
}

#[test]
fn a_ticket_that_grows_pages_once() {
    let mut desk = Desk::default();
    let small = ticket("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&small));
    let mut grown = small.clone();
    grown.severity = Severity::Page;
    desk.step(50, std::slice::from_ref(&grown));
    desk.step(60, &[grown]);
    assert_eq!(desk.told(), [(10, Phase::Ticket), (50, Phase::Page)]);
}

#[test]
fn refused_services_that_nobody_explains_are_one_incident_while_they_come_together() {
    let mut desk = Desk::default();
    let of = |service: &str, seconds| notice("unattributed", "", service, seconds);
    let all = [of("a", 0), of("b", 300), of("c", 800)];
    desk.step(0, &all[..1]);
    desk.step(300, &all[..2]);
    desk.step(800, &all);
    assert_eq!(desk.told(), [(0, Phase::Page)]);
    assert_eq!(desk.only().services.len(), 3);
    // One that begins long after the others is another one.
    let late = of("d", 800 + TOGETHER.as_seconds() + 1);
    desk.step(
        late.detected_at.since(at(0)).as_seconds(),
        &[&all[..], &[late]].concat(),
    );
    assert_eq!(desk.book.alerts().count(), 2);
}

#[test]
fn a_cause_that_is_found_later_and_one_that_is_cleared_wake_nobody_again() {
    let mut desk = Desk::default();
    desk.step(0, &[notice("unattributed", "", "checkout", 0)]);
    desk.step(40, &[notice("F1", "r1", "checkout", 40)]);
    assert_eq!(desk.told(), [(0, Phase::Page)]);
    assert_eq!(desk.only().about, About::Rotation("r1".into()));
    desk.step(80, &[notice("unattributed", "", "checkout", 80)]);
    assert_eq!(desk.told(), [(0, Phase::Page)]);
    // A leak is another matter, whatever services it names.
    let leak = notice("F5", "r2", "checkout", 90);
    desk.step(90, &[notice("unattributed", "", "checkout", 80), leak]);
    assert_eq!(desk.told(), [(0, Phase::Page), (90, Phase::Page)]);
}

#[test]
fn a_rotation_that_breaks_more_while_old_trouble_stands_is_another_incident() {
    let mut desk = Desk::default();
    let old = |service: &str| notice("unattributed", "", service, 0);
    let early = healed(&old("early"), 600);
    desk.step(0, &[old("a"), old("early")]);
    desk.step(600, &[old("a"), early.clone()]);
    // One that suffers as it did, one that had healed long before, and others.
    let mut rotation = notice("F1", "r1", "x", 10_800);
    rotation.services.extend(["a".into(), "early".into()]);
    desk.step(10_800, &[old("a"), early.clone(), rotation.clone()]);
    assert_eq!(desk.told(), [(0, Phase::Page), (10_800, Phase::Page)]);
    // What takes the blame for one of several is the same.
    let mut desk = Desk::default();
    desk.step(0, &[old("a"), old("b")]);
    desk.step(10_800, &[old("a"), notice("F1", "r1", "b", 10_800)]);
    assert_eq!(desk.told(), [(0, Phase::Page)]);
}

#[test]
fn what_is_taken_back_is_over_and_says_so() {
    let mut desk = Desk::default();
    desk.step(0, &[notice("F8", "r1", "checkout", 0)]);
    desk.step(30, &[]);
    assert!(desk.only().withdrawn);
    assert_eq!(desk.told(), [(0, Phase::Page), (30, Phase::Resolved)]);
}

#[test]
fn a_window_keeps_a_ticket_quiet_and_tells_of_it_when_it_closes() {
    let mut desk = Desk::default();
    desk.window(-10, 100);
    let small = ticket("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&small));
    let alert = desk.only();
    assert!(alert.is_suppressed() && alert.stands());
    assert_eq!(alert.window, Some("upgrade".into()));
    assert_eq!(desk.told(), [(10, Phase::Suppressed)]);
    // Its last moment belongs to it.
    let tick = |seconds| {
        event(
            seconds,
            "scan.completed",
            "",
            &json!({"detector": "d", "repository": "r", "findings": 0}),
        )
    };
    assert!(!desk.tell(&tick(100)));
    assert!(desk.tell(&tick(101)), "the window has closed");
    desk.step(101, &[small]);
    assert_eq!(desk.told(), [(10, Phase::Suppressed), (101, Phase::Ticket)]);
    assert!(!desk.only().is_suppressed());
}

#[test]
fn a_window_over_one_secret_does_not_keep_another_quiet() {
    let mut desk = Desk::default();
    let data = json!({"window": "upgrade", "starts_at": at(-10).to_string(),
        "ends_at": at(100).to_string(), "reason": "upgrade", "secrets": ["db"]});
    desk.tell(&event(-11, "window.planned", "", &data));
    let first = ticket("F8", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&first));
    assert_eq!(desk.told(), [(10, Phase::Suppressed)]);
    // The same sink loses the trail of a secret that nobody announced.
    let mut second = ticket("F8", "r2", "cart", 20);
    second.secret = Some("tls".into());
    desk.step(20, &[first, second]);
    assert_eq!(desk.told(), [(10, Phase::Suppressed), (20, Phase::Ticket)]);
}

#[test]
fn what_healed_within_a_window_is_told_to_nobody() {
    let mut desk = Desk::default();
    desk.window(-10, 100);
    let small = ticket("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&small));
    desk.step(40, &[healed(&small, 40)]);
    desk.step(200, &[healed(&small, 40)]);
    assert_eq!(desk.told(), [(10, Phase::Suppressed)]);
}

#[test]
fn a_window_never_hides_a_page_nor_a_revocation_nor_a_leak_nor_a_burning_budget() {
    for loud in [
        notice("F1", "r1", "checkout", 10),
        ticket("F4", "r1", "checkout", 10),
        ticket("F5", "r1", "checkout", 10),
    ] {
        let mut desk = Desk::default();
        desk.window(-10, 100);
        desk.step(10, std::slice::from_ref(&loud));
        assert!(!desk.only().is_suppressed(), "{loud:?}");
    }
    let mut desk = Desk::default();
    desk.window(-10, 100);
    let small = ticket("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&small));
    desk.burns(LevelName::M3, Urgency::Ticket);
    desk.step(20, std::slice::from_ref(&small));
    assert!(desk.book.alerts().all(|alert| alert.is_suppressed()));
    let first = |desk: &Desk| told(desk.book.alerts().next().unwrap());
    desk.burns(LevelName::M10, Urgency::Escalate);
    desk.step(25, std::slice::from_ref(&small));
    let quiet = (at(10), Phase::Suppressed);
    assert_eq!(first(&desk), [quiet], "not its own budget");
    desk.burns(LevelName::M3, Urgency::Page);
    desk.step(30, &[small]);
    assert_eq!(first(&desk), [quiet, (at(30), Phase::Ticket)]);
}

#[test]
fn half_a_budget_gone_is_escalated_once_and_a_ticket_pages_by_it() {
    let mut desk = Desk::default();
    let small = ticket("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&small));
    desk.burns(LevelName::M3, Urgency::Escalate);
    desk.step(300, std::slice::from_ref(&small));
    desk.step(600, std::slice::from_ref(&small));
    let told = [
        (10, Phase::Ticket),
        (300, Phase::Page),
        (300, Phase::Escalated),
    ];
    assert_eq!(desk.told(), told);
    assert!(desk.only().summary().contains("M3 burns 99 times"));
}

#[test]
fn what_is_silenced_is_escalated_only_once_the_silence_is_over() {
    let mut desk = Desk::default();
    let small = ticket("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&small));
    desk.burns(LevelName::M3, Urgency::Escalate);
    let mut silenced = small.clone();
    silenced.silent = true;
    desk.step(300, std::slice::from_ref(&silenced));
    assert_eq!(desk.told(), [(10, Phase::Ticket)]);
    // A page that it becomes is another matter.
    let mut grown = desk.book.clone();
    silenced.severity = Severity::Page;
    grown.step(at(310), &[silenced], &desk.incident, &desk.pressure);
    assert_eq!(grown.alerts().next().unwrap().paged_at, Some(at(310)));
    desk.step(600, &[small]);
    let told = [
        (10, Phase::Ticket),
        (600, Phase::Page),
        (600, Phase::Escalated),
    ];
    assert_eq!(desk.told(), told);
}

#[test]
fn a_budget_that_burns_without_an_incident_is_one_of_its_own() {
    let mut desk = Desk::default();
    desk.burns(LevelName::M7, Urgency::Page);
    desk.step(10, &[]);
    desk.step(70, &[]);
    assert_eq!(desk.told(), [(10, Phase::Ticket)]);
    desk.pressure = Pressure::default();
    desk.step(80, &[]);
    assert_eq!(desk.told(), [(10, Phase::Ticket), (80, Phase::Resolved)]);
    // What an incident burned goes on burning for a while, and is no second incident.
    let mut desk = Desk::default();
    let leak = notice("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&leak));
    desk.step(20, &[healed(&leak, 20)]);
    desk.burns(LevelName::M3, Urgency::Escalate);
    desk.step(1000, &[healed(&leak, 20)]);
    assert_eq!(desk.book.alerts().count(), 1);
    desk.step(5000, &[healed(&leak, 20)]);
    assert_eq!(desk.book.alerts().count(), 2);
}

#[test]
fn a_budget_is_explained_only_by_what_burns_it_and_was_told() {
    // An incident of another level.
    let mut desk = Desk::default();
    let sink = notice("F8", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&sink));
    desk.burns(LevelName::M3, Urgency::Escalate);
    desk.step(20, &[sink]);
    assert_eq!(desk.book.alerts().count(), 2);
    assert_eq!(
        desk.told()[1..],
        [(20, Phase::Page), (20, Phase::Escalated)]
    );
    // One that a window keeps quiet.
    let mut desk = Desk::default();
    desk.window(-10, 100);
    let small = ticket("F1", "r1", "checkout", 10);
    desk.step(10, std::slice::from_ref(&small));
    desk.burns(LevelName::M3, Urgency::Ticket);
    desk.step(200, &[healed(&small, 20)]);
    assert_eq!(desk.told(), [(10, Phase::Suppressed), (200, Phase::Ticket)]);
    // A level that was told before the incident does not page beside it.
    let mut desk = Desk::default();
    desk.burns(LevelName::M3, Urgency::Ticket);
    desk.step(10, &[]);
    desk.burns(LevelName::M3, Urgency::Escalate);
    desk.step(20, &[notice("F1", "r1", "checkout", 20)]);
    let told: Vec<_> = desk.book.alerts().map(|alert| told(alert)).collect();
    assert_eq!(told[0], [(at(10), Phase::Ticket)]);
    assert_eq!(told[1], [(at(20), Phase::Page), (at(20), Phase::Escalated)]);
}

fn read(seconds: i64, n: i64, actor: i64) -> Event {
    let data = json!({"actor": format!("app-{actor}"), "operation": "read", "path": "kv/db",
        "secret": "db", "outcome": "allowed", "version": n.to_string()});
    event(seconds, "audit.entry", "", &data)
}

/// Tells of so many reads in each of so many minutes by so many readers; gives what was told.
fn reads(minutes: i64, a_minute: i64, readers: i64) -> Vec<(i64, Phase)> {
    let mut desk = Desk::default();
    for minute in 0..minutes {
        for n in 0..a_minute {
            let seconds = minute * 60 + n * 60 / a_minute;
            if desk.tell(&read(seconds, n, n % readers)) {
                desk.step(seconds, &[]);
            }
        }
    }
    if desk.tell(&read(minutes * 60 + 600, 0, 0)) {
        desk.step(minutes * 60 + 600, &[]);
    }
    desk.told()
}

#[test]
fn readers_that_fetch_a_secret_again_and_again_are_a_ticket() {
    // The clock's minutes begin with the first of these.
    assert_eq!(at(0).seconds() % 60, 0);
    assert_eq!(
        reads(5, 120, 4),
        [(180, Phase::Ticket), (900, Phase::Resolved)]
    );
    assert_eq!(reads(2, 120, 4), [], "too short");
    assert_eq!(reads(5, 120, 60), [], "a fleet that starts");
    assert_eq!(reads(5, 20, 1), [], "too few");
}

/// Starts a scheduled rotation every so many seconds, each over after 50.
fn cadence(every: i64, trigger: &str) -> Vec<(i64, Phase)> {
    let mut desk = Desk::default();
    for n in 0..6 {
        let id = format!("r{n}");
        let mut all = vec![event(
            n * every,
            "rotation.started",
            &id,
            &json!({
            "secret": "db", "to_version": format!("v{n}"), "trigger": trigger, "owner": "team-a"}),
        )];
        if every > 50 {
            let data = json!({"outcome": "succeeded"});
            all.push(event(n * every + 50, "rotation.finished", &id, &data));
        }
        for event in all {
            if desk.tell(&event) {
                desk.book
                    .step(event.time, &[], &desk.incident, &desk.pressure);
            }
        }
    }
    desk.told()
}

#[test]
fn a_secret_that_is_rotated_before_it_came_to_rest_is_a_ticket() {
    assert_eq!(cadence(40, "schedule"), [(120, Phase::Ticket)]);
    assert_eq!(cadence(600, "schedule"), []);
    assert_eq!(cadence(40, "manual"), [], "a person knows what they do");
}

#[test]
fn an_alert_goes_to_whoever_answers_for_it() {
    let owner = |name: &str, service: &str, secret: &str| Owner {
        name: name.into(),
        contacts: vec![format!("pager:{name}").into()],
        escalation: vec![format!("lead:{name}").into()],
        services: Pattern::parse(service).into_iter().collect(),
        secrets: Pattern::parse(secret).into_iter().collect(),
    };
    let owners = Owners::new(vec![
        owner("team-shop", "check*", ""),
        owner("team-db", "", "db"),
    ]);
    let mut desk = Desk::default();
    let started = json!({"secret": "db", "to_version": "v2", "owner": "team-x"});
    desk.tell(&event(0, "rotation.started", "named", &started));
    desk.step(
        10,
        &[
            notice("F1", "named", "checkout", 10),
            notice("F1", "r2", "checkout", 10),
            notice("unattributed", "", "checkout", 10),
            notice("unattributed", "", "nobody", 2000),
        ],
    );
    let routes: Vec<Route> = desk
        .book
        .alerts()
        .map(|alert| owners.route(alert))
        .collect();
    let names: Vec<_> = routes
        .iter()
        .map(|r| r.owner.as_ref().map(Text::raw))
        .collect();
    assert_eq!(
        names,
        [Some("team-x"), Some("team-db"), Some("team-shop"), None]
    );
    assert_eq!(routes[0].contacts, [], "nothing is known of it");
    assert_eq!(routes[1].contacts, ["pager:team-db".into()]);
    assert_eq!(routes[1].also, ["team-shop".into()]);
    assert_eq!(routes[2].escalation, ["lead:team-shop".into()]);
}

#[test]
fn an_alert_is_an_event_of_the_contract() {
    let mut desk = Desk::default();
    desk.step(10, &[notice("F1", "r1", "che\u{1b}ckout", 10)]);
    let alert = desk.only();
    let event = alert.event(word(10, Phase::Page), Some(&"team-x".into()));
    let line = event.to_json().unwrap();
    let read = Event::from_json(line.as_bytes()).unwrap();
    assert_eq!(read, event);
    assert_eq!(read.rotation, Some(RotationId::from("r1")));
    for word in [
        "\"rotascope.alert\"",
        "\"firing\"",
        "\"page\"",
        "\"team-x\"",
    ] {
        assert!(line.contains(word), "{word} {line}");
    }
    assert!(!alert.summary().contains('\u{1b}'));
    let over = alert.event(word(20, Phase::Resolved), None);
    assert!(over.to_json().unwrap().contains("\"resolved\""));
    assert_ne!(over.id, event.id);
}

/// A few rotations and services, each found and healed at some moment.
fn histories() -> impl Strategy<Value = Vec<Notice>> {
    let modes = prop::sample::select(vec!["F1", "F2", "F4", "F5", "F8", "unattributed"]);
    let one = (
        modes,
        0..3_i64,
        0..3_i64,
        0..4000_i64,
        1..2500_i64,
        any::<bool>(),
    );
    let one = one.prop_map(|(mode, rotation, service, from, length, pages)| {
        let rotation = match mode {
            "unattributed" => String::new(),
            _ => format!("r{rotation}"),
        };
        let found = notice(mode, &rotation, &format!("s{service}"), from);
        Notice {
            severity: if pages {
                Severity::Page
            } else {
                Severity::Ticket
            },
            resolved_at: (length < 2000).then(|| at(from + length)),
            ..found
        }
    });
    prop::collection::vec(one, 0..8).prop_map(|mut all| {
        // The diagnosis knows each of them once.
        all.sort_by_key(Notice::name);
        all.dedup_by_key(|notice| notice.name());
        all
    })
}

/// How the findings stood at a moment.
fn standing(all: &[Notice], now: Timestamp) -> Vec<Notice> {
    let known = all.iter().filter(|notice| notice.detected_at <= now);
    let as_of = |notice: &Notice| Notice {
        resolved_at: notice.resolved_at.filter(|at| *at <= now),
        ..notice.clone()
    };
    known.map(as_of).collect()
}

/// Steps through the moments at which anything changed and through `more` between them.
fn run(all: &[Notice], more: &[i64], turn: usize) -> Vec<Alert> {
    let mut moments: Vec<Timestamp> = all
        .iter()
        .flat_map(|notice| [Some(notice.detected_at), notice.resolved_at])
        .flatten()
        .chain(more.iter().map(|seconds| at(*seconds)))
        .collect();
    moments.sort_unstable();
    moments.dedup();
    let mut desk = Desk::default();
    desk.window(500, 900);
    // A window's end is a moment at which something may change.
    moments.push(at(900) + Span::micros(1));
    moments.sort_unstable();
    for now in moments {
        let mut notices = standing(all, now);
        if !notices.is_empty() {
            let turn = turn % notices.len();
            notices.rotate_left(turn);
        }
        desk.book
            .step(now, &notices, &desk.incident, &desk.pressure);
    }
    desk.book.alerts().map(|alert| (**alert).clone()).collect()
}

proptest! {
    /// In whatever order findings are handed over, and however often nothing new is told, the
    /// alerts are the same.
    #[test]
    fn neither_order_nor_looking_twice_changes_anything(
        all in histories(),
        more in prop::collection::vec(-10..8000_i64, 0..12),
        turn in 0..8_usize,
    ) {
        prop_assert_eq!(run(&all, &[], 0), run(&all, &more, turn));
    }

    /// Whatever happens: no alert pages for what is no page, each incident is in one alert, what
    /// pages is never hidden, and nothing is told before it was found.
    #[test]
    fn a_page_is_never_hidden_and_nothing_is_told_early(all in histories()) {
        let alerts = run(&all, &[], 0);
        for notice in all.iter().filter(|notice| notice.severity == Severity::Page) {
            let told = alerts.iter().any(|alert| {
                alert.modes.contains(&notice.mode)
                    && alert.services.is_superset(&notice.services)
                    && alert.paged_at.is_some_and(|paged| {
                        paged <= notice.detected_at
                            && alert.resolved_at.is_none_or(|over| over >= notice.detected_at)
                    })
            });
            prop_assert!(told, "{:?} {:#?}", notice, alerts);
        }
        let loud = all.iter().filter(|notice| notice.loud);
        for notice in loud {
            let hidden = alerts.iter().any(|alert| {
                alert.modes.contains(&notice.mode) && alert.is_suppressed()
            });
            prop_assert!(!hidden);
        }
        for alert in &alerts {
            prop_assert!(alert.told().iter().all(|word| word.at >= alert.since));
            prop_assert!(alert.told().iter().filter(|word| word.phase == Phase::Page).count() <= 1);
        }
    }
}
