//! Every state that a small rotation can reach, by every order of answers, faults, lost answers,
//! acts and freezes, is visited; in each the promises of the lifecycle must hold.

use std::collections::{BTreeSet, HashMap, VecDeque};

use serde::Serialize;

use super::testing::{act, at, rotation};
use super::*;
use crate::model::event::ConsumerState;
use crate::model::intent::Verb;
use crate::model::{Region, Text, Version};

/// The outside: what the target accepts and what the consumers do.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct World {
    accepted: BTreeSet<String>,
    current: String,
    /// What each consumer holds and uses.
    consumers: Vec<(String, String)>,
    /// What the engine takes for the current version.
    believed: String,
    frozen: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Node {
    rotation: Rotation,
    world: World,
    faults: u8,
    lost: u8,
    acts: u8,
}

/// How a step came about; only real progress must not go in circles.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Progress,
    Poll,
}

struct Fleet {
    dual_run: bool,
    /// Whether a superseded rotation left a version that the first consumer uses.
    left: bool,
    waves: Vec<usize>,
    faults: u8,
    acts: u8,
}

const VERBS: [Verb; 11] = [
    Verb::Pause,
    Verb::Resume,
    Verb::RetryStage,
    Verb::RetryRegion,
    Verb::RePush,
    Verb::ExtendGrace,
    Verb::Throttle,
    Verb::ReissuePrevious,
    Verb::Rollback,
    Verb::Abort,
    Verb::RevokeNow,
];

fn first(fleet: &Fleet) -> Node {
    let waves = fleet.waves.iter().max().map_or(1, |w| w + 1);
    // Without lengths of time every deadline may come at any moment: all orders are tried.
    let rules = Rules {
        dual_run: fleet.dual_run,
        grace: Span::ZERO,
        reissue_grace: Span::ZERO,
        waves: vec![100.0; waves],
        settle: Span::ZERO,
        bake: Span::ZERO,
        poll: Span::ZERO,
        linger: Span::ZERO,
        backoff: Span::ZERO,
        backoff_most: Span::ZERO,
        attempts: 2,
        audit_patience: Span::seconds(1),
        health: Vec::new(),
        cadence: None,
    };
    let held = ("v1".to_owned(), "v1".to_owned());
    let mut first = rotation(rules, &fleet.waves);
    let mut accepted = BTreeSet::from(["v1".to_owned()]);
    let mut consumers = vec![held; fleet.waves.len()];
    if fleet.left {
        first.also_gone = vec![Version::from("v0")];
        accepted.insert("v0".to_owned());
        consumers[0] = ("v0".to_owned(), "v0".to_owned());
    }
    Node {
        rotation: first,
        world: World {
            accepted,
            current: "v1".to_owned(),
            consumers,
            believed: "v1".to_owned(),
            frozen: false,
        },
        faults: fleet.faults,
        lost: u8::from(fleet.faults > 0),
        acts: fleet.acts,
    }
}

impl World {
    fn standing(&self, member: usize) -> Standing {
        Standing {
            version: Version::from(self.consumers[member].1.as_str()),
            state: ConsumerState::InUse,
            error: None,
        }
    }

    /// Does an effect and says what comes of it. `eager`: a consumer that is pushed to takes it.
    fn perform(&mut self, r: &Rotation, what: &Effect, eager: bool) -> Report {
        let to = r.to.raw().to_owned();
        let from = r.from.as_ref().map(|v| v.raw().to_owned()).unwrap();
        let dual = r.rules.dual_run;
        match what {
            Effect::Install if dual => {
                self.accepted.insert(to);
            }
            Effect::Activate => {
                if !dual {
                    assert!(!self.frozen, "the old version died while frozen");
                    self.accepted.clear();
                }
                self.accepted.insert(to.clone());
                self.current = to;
            }
            Effect::Reinstate => {
                if !dual {
                    self.accepted.clear();
                }
                self.accepted.insert(from.clone());
                self.current = from;
            }
            Effect::Revoke { version } => {
                let version = version.raw();
                assert!(
                    version != self.current,
                    "the current version {version} is revoked in {:?}",
                    r.state
                );
                let using = self.consumers.iter().any(|(_, using)| using == version);
                assert!(
                    !using || r.forced,
                    "{version} is revoked while it is used, in {:?}",
                    r.state
                );
                assert!(!self.frozen, "revoked while frozen");
                self.accepted.remove(version);
            }
            Effect::Attempt { version } | Effect::Prove { version } => {
                return if self.accepted.contains(version.raw()) {
                    Report::Accepted
                } else {
                    Report::Refused(Text::from("no"))
                };
            }
            Effect::Push {
                member,
                version,
                now,
                restart,
            } => {
                let consumer = &mut self.consumers[*member];
                consumer.0 = version.raw().to_owned();
                if (*now && eager) || *restart {
                    consumer.1.clone_from(&consumer.0);
                }
                return Report::Standing(self.standing(*member));
            }
            Effect::Ask { member } => return Report::Standing(self.standing(*member)),
            Effect::Presence => return Report::Sitters(None),
            Effect::Install | Effect::Generate | Effect::Health => {}
        }
        Report::Done
    }

    /// A consumer takes up what it was given.
    fn take(&mut self, member: usize) -> bool {
        let (held, using) = self.consumers[member].clone();
        self.consumers[member].1.clone_from(&held);
        held != using
    }
}

impl Node {
    fn moment(&self) -> Moment {
        Moment {
            frozen: self.world.frozen,
            current: Some(Version::from(self.world.believed.as_str())),
            ..at(0)
        }
    }

    fn step(&self, input: Input) -> Option<Self> {
        let done = transition(&self.rotation, input, &self.moment()).ok()?;
        let mut next = self.clone();
        for change in &done.versions {
            if let VersionChange::Current(version) = change {
                version.raw().clone_into(&mut next.world.believed);
            }
        }
        next.rotation = done.next;
        // The audit trail is delivered at once; its lack is tried in the tests of the outbox.
        if matches!(next.rotation.state, State::Auditing { .. }) {
            return next.step(Input::Audited);
        }
        Some(next)
    }

    fn key(&self) -> u64 {
        let words = serde_json::to_string(self).unwrap();
        ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one(words)
    }

    fn check(&self) {
        let r = &self.rotation;
        let w = &self.world;
        assert!(
            w.accepted.contains(&w.current),
            "the current version is refused"
        );
        let moving = r
            .pending
            .iter()
            .any(|p| matches!(p.what, Effect::Activate | Effect::Reinstate));
        assert!(
            moving || w.believed == w.current,
            "the engine takes {} for current, the target {}: {:?}",
            w.believed,
            w.current,
            r.state
        );
        // Whom a forced revocation locked out, the reissue that is under way lets in again.
        let cures = r.pending.iter().any(|p| p.what == Effect::Reinstate);
        if r.rules.dual_run && !r.forced && !cures {
            for (_, using) in &w.consumers {
                assert!(w.accepted.contains(using), "locked out in {:?}", r.state);
            }
        }
        if let State::Finished { end } = &r.state
            && !r.forced
        {
            let left = if *end == End::Succeeded { "v1" } else { "v2" };
            let begun = r.began_at.is_some();
            assert!(
                !begun || !w.accepted.contains(left),
                "{left} is left accepted after {end}"
            );
            assert!(
                !w.accepted.contains("v0"),
                "what was taken over is left accepted after {end}"
            );
        }
    }

    /// Everything that may happen next.
    fn next(&self) -> Vec<(Step, Self)> {
        let mut all = Vec::new();
        let r = &self.rotation;
        let due: Vec<Pending> = r
            .due(self.moment().now, self.world.frozen)
            .cloned()
            .collect();
        for pending in due {
            let poll = matches!(pending.what, Effect::Ask { .. } | Effect::Presence);
            let kind = if poll { Step::Poll } else { Step::Progress };
            let eager: &[bool] = match pending.what {
                Effect::Push { now: true, .. } => &[true, false],
                _ => &[true],
            };
            for eager in eager {
                let mut there = self.clone();
                let report = there.world.perform(r, &pending.what, *eager);
                let key = pending.key.clone();
                if self.lost > 0 {
                    // It was done, and the engine died before it was written.
                    let mut lost = there.clone();
                    lost.lost -= 1;
                    all.push((Step::Progress, lost));
                }
                all.extend(there.step(Input::Done { key, report }).map(|n| (kind, n)));
            }
            if self.faults > 0 {
                for passes in [true, false] {
                    let trouble = Trouble {
                        passes,
                        retry_after: None,
                        words: "no answer".to_owned(),
                    };
                    let key = pending.key.clone();
                    if let Some(mut failed) = self.step(Input::Failed { key, trouble }) {
                        failed.faults -= 1;
                        all.push((Step::Progress, failed));
                    }
                }
            }
        }
        all.extend(self.step(Input::Tick).map(|n| (Step::Poll, n)));
        for member in 0..self.world.consumers.len() {
            let mut taken = self.clone();
            if taken.world.take(member) {
                all.push((Step::Progress, taken));
            }
        }
        if self.acts > 0 {
            all.extend(self.acted());
        }
        all
    }

    fn acted(&self) -> Vec<(Step, Self)> {
        let mut all: Vec<Self> = VERBS
            .iter()
            .filter_map(|verb| self.step(asked(*verb)))
            .collect();
        let mut frozen = self.clone();
        frozen.world.frozen = !frozen.world.frozen;
        all.push(frozen);
        for node in &mut all {
            node.acts -= 1;
        }
        all.into_iter().map(|n| (Step::Progress, n)).collect()
    }

    /// One step of a world in which nothing fails, consumers take what they get, and a person
    /// helps where help is waited for.
    fn helped(&self) -> Option<Self> {
        let mut next = self.clone();
        next.world.frozen = false;
        for member in 0..next.world.consumers.len() {
            next.world.take(member);
        }
        // Who is on what a superseded rotation left was never offered another version: only a
        // person gets them away from it.
        let pushes = |p: &Pending| matches!(p.what, Effect::Push { .. });
        let lingers = !next.rotation.pending.iter().any(pushes)
            && matches!(next.rotation.state, State::Clearing { held: true, .. })
            && !next.rotation.lingerers().is_empty();
        if lingers && let Some(pushed) = next.step(asked(Verb::RePush)) {
            return Some(pushed);
        }
        let due = next.rotation.due(next.moment().now, false).next().cloned();
        if let Some(pending) = due {
            let report = next.world.perform(&self.rotation, &pending.what, true);
            return next.step(Input::Done {
                key: pending.key,
                report,
            });
        }
        let ticked = next.step(Input::Tick)?;
        if ticked.rotation != next.rotation {
            return Some(ticked);
        }
        [Verb::Resume, Verb::RetryStage, Verb::RePush]
            .iter()
            .find_map(|verb| next.step(asked(*verb)))
    }
}

fn asked(verb: Verb) -> Input {
    let mut input = act(verb);
    if let Input::Act(act) = &mut input {
        act.length = Some(Span::ZERO);
        act.region = (verb == Verb::RetryRegion).then(|| Region::from("eu-1"));
    }
    input
}

/// Visits every state; returns how many there are.
fn explore(fleet: &Fleet) -> usize {
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut edges: Vec<Vec<usize>> = Vec::new();
    let mut ends: Vec<bool> = Vec::new();
    let mut queue = VecDeque::from([first(fleet)]);
    seen.insert(first(fleet).key(), 0);
    edges.push(Vec::new());
    let mut good: BTreeSet<u64> = BTreeSet::new();
    let mut index = 0;
    while let Some(node) = queue.pop_front() {
        node.check();
        ends.push(node.rotation.is_over());
        ends_when_helped(&node, &mut good);
        for (kind, next) in node.next() {
            let key = next.key();
            let count = seen.len();
            let to = *seen.entry(key).or_insert_with(|| {
                edges.push(Vec::new());
                queue.push_back(next);
                count
            });
            if kind == Step::Progress && to != index {
                edges[index].push(to);
            }
        }
        index += 1;
    }
    assert!(ends.iter().any(|end| *end), "no path ended");
    no_circles(&edges);
    seen.len()
}

/// From everywhere the rotation ends once nothing fails any more and a person helps.
fn ends_when_helped(node: &Node, good: &mut BTreeSet<u64>) {
    let mut path = Vec::new();
    let mut node = node.clone();
    loop {
        let key = node.key();
        if node.rotation.is_over() || good.contains(&key) {
            break;
        }
        assert!(
            path.len() < 200,
            "it never ends: {:?}, pending {:?}",
            node.rotation.state,
            node.rotation.pending
        );
        path.push(key);
        let Some(next) = node.helped() else {
            panic!("nothing helps: {:#?}", node.rotation);
        };
        node = next;
    }
    good.extend(path);
}

/// No sequence of answers, faults and acts leads back to where it began: with finitely many
/// faults and acts every path ends.
fn no_circles(edges: &[Vec<usize>]) {
    let mut incoming = vec![0_usize; edges.len()];
    for to in edges.iter().flatten() {
        incoming[*to] += 1;
    }
    let mut free: Vec<usize> = (0..edges.len()).filter(|n| incoming[*n] == 0).collect();
    let mut sorted = 0;
    while let Some(n) = free.pop() {
        sorted += 1;
        for to in &edges[n] {
            incoming[*to] -= 1;
            if incoming[*to] == 0 {
                free.push(*to);
            }
        }
    }
    assert_eq!(sorted, edges.len(), "some path goes in a circle");
}

#[test]
fn with_dual_run_the_promises_hold_in_every_state() {
    let states = explore(&Fleet {
        dual_run: true,
        left: false,
        waves: vec![0, 1],
        faults: 1,
        acts: 2,
    });
    assert!(states > 10_000, "only {states} states were visited");
}

#[test]
fn without_dual_run_the_promises_hold_in_every_state() {
    let states = explore(&Fleet {
        dual_run: false,
        left: false,
        waves: vec![0, 0],
        faults: 1,
        acts: 2,
    });
    assert!(states > 10_000, "only {states} states were visited");
}

#[test]
fn two_faults_in_a_row_break_no_promise() {
    let states = explore(&Fleet {
        dual_run: true,
        left: false,
        waves: vec![0],
        faults: 3,
        acts: 1,
    });
    assert!(states > 3_000, "only {states} states were visited");
}

#[test]
fn what_a_superseded_rotation_left_is_revoked_however_it_ends() {
    let states = explore(&Fleet {
        dual_run: true,
        left: true,
        waves: vec![0, 1],
        faults: 1,
        acts: 1,
    });
    assert!(states > 3_000, "only {states} states were visited");
}
