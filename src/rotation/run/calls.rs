//! Calls to the outside: one effect, done once, with whatever it needs and nothing more.

use std::sync::Arc;

use super::super::deliver::{self, Delivery};
use super::super::failpoint::failpoint;
use super::super::fault::{Fault, FaultKind};
use super::super::health;
use super::super::lifecycle::{Effect, Pending, Report, Rotation};
use super::super::material::Material;
use super::super::plan::SecretPlan;
use super::super::policy;
use super::super::target::{Answer, Call, Presence, Target, Versioned};
use super::shared::Shared;
use crate::model::{Text, Version};

/// What came of an effect; material only of one that makes it.
pub(super) type Ended = Result<(Report, Option<Material>), Fault>;

/// The name that a call is counted under.
pub(super) fn kind(what: &Effect) -> &'static str {
    match what {
        Effect::Generate => "target.generate",
        Effect::Install => "target.install",
        Effect::Attempt { .. } => "target.attempt",
        Effect::Activate => "target.activate",
        Effect::Revoke { .. } => "target.revoke",
        Effect::Prove { .. } => "target.prove",
        Effect::Reinstate => "target.reinstate",
        Effect::Presence => "target.presence",
        Effect::Push { .. } => "consumer.push",
        Effect::Ask { .. } => "consumer.ask",
        Effect::Health => "health",
    }
}

/// How a call ended, in a word.
pub(super) fn word(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::Throttled { .. } => "throttled",
        FaultKind::Unreachable => "unreachable",
        FaultKind::Unanswered => "unanswered",
        FaultKind::Refused => "refused",
        FaultKind::Garbage => "garbage",
        FaultKind::Local => "local",
    }
}

/// Does an effect.
pub(super) async fn perform(shared: &Arc<Shared>, r: &Rotation, pending: &Pending) -> Ended {
    let Some(plan) = shared.secrets.get(&r.secret).cloned() else {
        let why = "the plan has no such secret any more";
        return Err(Fault::new(
            FaultKind::Local,
            format!("rotate {}", r.secret),
            why,
        ));
    };
    let ended = match &pending.what {
        Effect::Push {
            member,
            version,
            now,
            restart,
        } => {
            push(
                shared,
                r,
                &plan,
                &pending.key,
                (*member, version, *now, *restart),
            )
            .await
        }
        Effect::Ask { member } => ask(shared, r, &plan, *member).await,
        Effect::Health => {
            let checks = health::checks(&r.rules.health, &plan)?;
            let _slot = shared.slots.acquire().await;
            failpoint!(HealthBefore);
            let read = health::read(&shared.client, &checks, shared.within).await;
            failpoint!(HealthAfter);
            read.map(|readings| (Report::Health(readings), None))
        }
        _ => target(shared, r, &plan, pending).await,
    };
    shared.count_call(
        kind(&pending.what),
        ended.as_ref().map_or_else(word, |_| "ok"),
    );
    ended
}

/// The endpoint of a member, by the plan as it is now.
fn endpoint(r: &Rotation, plan: &SecretPlan, member: usize) -> Result<String, Fault> {
    let name = r.members.get(member).map(|m| &m.consumer);
    let consumer = plan.consumers.iter().find(|c| Some(&c.name) == name);
    consumer.and_then(|c| c.endpoint.clone()).ok_or_else(|| {
        let name = name.map(ToString::to_string).unwrap_or_default();
        let why = "the plan has no endpoint of it any more";
        Fault::new(FaultKind::Local, format!("reach the consumer {name}"), why)
    })
}

async fn push(
    shared: &Shared,
    r: &Rotation,
    plan: &SecretPlan,
    key: &str,
    (member, version, now, restart): (usize, &Version, bool, bool),
) -> Ended {
    let endpoint = endpoint(r, plan, member)?;
    let turnstile = shared.turnstile(&endpoint);
    let _turn = turnstile.lock().await;
    let _slot = shared.slots.acquire().await;
    let with = kept(shared, r, version)?;
    let delivery = Delivery {
        secret: &r.secret,
        rotation: &r.id,
        with: &with,
        now,
        restart,
        key,
    };
    failpoint!(PushBefore);
    let standing = deliver::push(&shared.client, &endpoint, &delivery, shared.within).await;
    failpoint!(PushAfter);
    standing.map(|standing| (Report::Standing(standing), None))
}

async fn ask(shared: &Shared, r: &Rotation, plan: &SecretPlan, member: usize) -> Ended {
    let endpoint = endpoint(r, plan, member)?;
    let turnstile = shared.turnstile(&endpoint);
    let _turn = turnstile.lock().await;
    let _slot = shared.slots.acquire().await;
    failpoint!(AskBefore);
    let standing = deliver::ask(&shared.client, &endpoint, shared.within).await;
    failpoint!(AskAfter);
    standing.map(|standing| (Report::Standing(standing), None))
}

fn kept(shared: &Shared, r: &Rotation, version: &Version) -> Result<Versioned, Fault> {
    shared.vault.open(&r.secret, version).ok_or_else(|| {
        let doing = format!("open version {version} of {}", r.secret);
        Fault::new(FaultKind::Local, doing, "its material is not kept")
    })
}

/// A call to a target: alone at its secret, in its lane's pace, within its time.
async fn target(shared: &Arc<Shared>, r: &Rotation, plan: &SecretPlan, pending: &Pending) -> Ended {
    let Some(target) = shared.targets.get(&r.secret).cloned() else {
        let why = "the engine has no target for it";
        return Err(Fault::new(
            FaultKind::Local,
            format!("rotate {}", r.secret),
            why,
        ));
    };
    let turnstile = shared.turnstile(r.secret.raw());
    let _turn = turnstile.lock().await;
    let lane = policy::lane(plan);
    shared.lanes.take(&lane, &shared.clock).await;
    let _slot = shared.slots.acquire().await;
    let call = Call {
        key: pending.key.clone(),
        within: shared.within,
    };
    // A target gives up by itself; one that does not is given up.
    let most = shared.within + shared.within / 2;
    let ended = tokio::time::timeout(most, at_target(shared, r, &*target, &pending.what, &call));
    let ended = ended.await.unwrap_or_else(|_| {
        let doing = format!("{} for {}", kind(&pending.what), r.secret);
        let said = format!("nothing within {} s", most.as_secs_f32());
        Err(Fault::new(FaultKind::Unanswered, doing, said))
    });
    match &ended {
        Err(Fault {
            kind: FaultKind::Throttled {
                retry_after: Some(wait),
            },
            ..
        }) => {
            shared.lanes.hold(&lane, *wait);
        }
        Ok(_) => shared.lanes.went(&lane, &shared.clock),
        Err(_) => {}
    }
    ended
}

async fn at_target(
    shared: &Shared,
    r: &Rotation,
    target: &dyn Target,
    what: &Effect,
    call: &Call,
) -> Ended {
    let done = |result: Result<(), Fault>| result.map(|()| (Report::Done, None));
    let from = r
        .from
        .as_ref()
        .and_then(|v| shared.vault.open(&r.secret, v));
    match what {
        Effect::Generate => {
            failpoint!(GenerateBefore);
            let made = target.generate(&r.to, from.as_ref(), call).await;
            failpoint!(GenerateAfter);
            made.map(|material| (Report::Done, Some(material)))
        }
        Effect::Install => {
            let new = kept(shared, r, &r.to)?;
            failpoint!(InstallBefore);
            let ended = target.install(&new, from.as_ref(), call).await;
            failpoint!(InstallAfter);
            done(ended)
        }
        Effect::Activate => {
            let new = kept(shared, r, &r.to)?;
            failpoint!(ActivateBefore);
            let ended = target.activate(&new, from.as_ref(), call).await;
            failpoint!(ActivateAfter);
            done(ended)
        }
        Effect::Attempt { version } => {
            let with = kept(shared, r, version)?;
            failpoint!(AttemptBefore);
            let answer = target.attempt(&with, call).await;
            failpoint!(AttemptAfter);
            answer.map(answered)
        }
        Effect::Prove { version } => {
            let with = kept(shared, r, version)?;
            failpoint!(ProveBefore);
            let answer = target.attempt(&with, call).await;
            failpoint!(ProveAfter);
            answer.map(answered)
        }
        Effect::Revoke { version } => done(revoke(shared, r, target, version, call).await),
        Effect::Reinstate => {
            let old = kept(shared, r, r.from.as_ref().unwrap_or(&r.to))?;
            let new = shared.vault.open(&r.secret, &r.to);
            failpoint!(ReinstateBefore);
            let ended = target.reinstate(&old, new.as_ref(), call).await;
            failpoint!(ReinstateAfter);
            done(ended)
        }
        Effect::Presence => presence(shared, r, target, from).await,
        Effect::Push { .. } | Effect::Ask { .. } | Effect::Health => Ok((Report::Done, None)),
    }
}

async fn revoke(
    shared: &Shared,
    r: &Rotation,
    target: &dyn Target,
    version: &Version,
    call: &Call,
) -> Result<(), Fault> {
    let gone = kept(shared, r, version)?;
    // What is withdrawn leaves the previous version; what is revoked leaves the new one.
    let keep = if *version == r.to || r.state.goes_back() {
        r.from.as_ref()
    } else {
        Some(&r.to)
    };
    let keep = kept(shared, r, keep.unwrap_or(&r.to))?;
    failpoint!(RevokeBefore);
    let ended = target.revoke(&gone, &keep, call).await;
    failpoint!(RevokeAfter);
    ended
}

async fn presence(
    shared: &Shared,
    r: &Rotation,
    target: &dyn Target,
    from: Option<Versioned>,
) -> Ended {
    let left = r.also_gone.iter();
    let left = left.filter_map(|v| shared.vault.open(&r.secret, v));
    let known: Vec<Versioned> = from
        .into_iter()
        .chain(kept(shared, r, &r.to).ok())
        .chain(left)
        .collect();
    failpoint!(PresenceBefore);
    let seen = target.presence(&known).await;
    failpoint!(PresenceAfter);
    seen.map(|seen| (Report::Sitters(seen.map(|all| sitters(r, &all))), None))
}

fn answered(answer: Answer) -> (Report, Option<Material>) {
    match answer {
        Answer::Accepted => (Report::Accepted, None),
        Answer::Refused(words) => (Report::Refused(words), None),
    }
}

/// Those who sit on an old version, in words.
fn sitters(r: &Rotation, seen: &[Presence]) -> Vec<Text> {
    let gone = if r.state.goes_back() {
        r.also_gone.clone()
    } else {
        r.gone()
    };
    // The synthetic consumer's own sessions may not have gone yet.
    let ours = |p: &Presence| p.consumer.as_ref().is_some_and(|c| c.raw() == "rotascope");
    let old = |p: &&Presence| p.version.as_ref().is_some_and(|v| gone.contains(v)) && !ours(p);
    let mut all: Vec<Text> = seen
        .iter()
        .filter(old)
        .map(|p| {
            let who = p
                .consumer
                .as_ref()
                .map_or_else(|| p.actor.to_string(), ToString::to_string);
            let from = p
                .address
                .as_ref()
                .map_or_else(String::new, |a| format!(" from {a}"));
            Text::from(format!("{who}{from} (seen at the target)"))
        })
        .collect();
    all.sort();
    all.dedup();
    all
}
