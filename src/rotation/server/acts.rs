//! Acts as they come: read, evaluated by the guard, and only then handed to the engine; and those
//! that wait for a second person.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::answer::{Body, Problem, json, refused, unfit};
use super::gate::{Gate, NotApproved, NotHeld, Requested};
use super::service::{Service, Told};
use crate::guard::{Denied, OnceError};
use crate::model::intent::{Intent, Outcome};
use crate::model::proof::{Approval, Signed};
use crate::rotation::engine::{Receipt, Vouched};

/// An act that the engine has not taken by then is to be asked about.
const TAKEN_WITHIN: Duration = Duration::from_secs(8);

/// The lengths of an idempotency key.
const KEY: std::ops::RangeInclusive<usize> = 8..=128;

/// An engine behind its gate.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    service: S,
    gate: Gate,
}

impl<S: Service> Guarded<S> {
    pub(super) fn new(service: S, gate: Gate) -> Self {
        Self { service, gate }
    }

    /// Takes an act: one at a time by its key, and one that was taken before not again. What was
    /// used up for it is used up already, so that is found out first.
    async fn take(self, signed: Signed) -> Result<Receipt, Problem> {
        let turn = self.gate.turn(&signed.intent.key);
        let _turn = turn.lock().await;
        if let Some(taken) = self.service.receipt(&signed.intent) {
            return taken.map_err(|refusal| refused(&refusal));
        }
        let facts = self.service.facts(&signed.intent);
        let facts = facts.map_err(|refusal| refused(&refusal))?;
        let (gate, signed) = (self.gate, signed);
        let judged = tokio::task::spawn_blocking(move || {
            let judged = gate.evaluate(&signed, &facts);
            (signed, judged)
        });
        let (signed, judged) = judged.await.map_err(|_| broken())?;
        let Signed { intent, proof } = signed;
        let judged = match judged {
            Ok(judged) => judged,
            Err(denied) => {
                let problem = not_allowed(&denied);
                self.service.deny(intent, denied.to_string()).await;
                return Err(problem);
            }
        };
        // A head that somebody else signed says nothing of this person's journal.
        let head = proof.and_then(|proof| proof.head.filter(|head| head.key == proof.key));
        let vouched = Vouched {
            head,
            signed: Some(judged.person.is_some()),
            risk: Some(judged.risk),
            approved_by: judged.approved_by,
        };
        let taken = self.service.execute(intent, vouched).await;
        taken.map_err(|refusal| refused(&refusal))
    }
}

pub(super) async fn take<S: Service>(
    State(guarded): State<Guarded<S>>,
    body: Body,
) -> Result<(StatusCode, Json<Receipt>), Problem> {
    let signed: Signed = json(body)?;
    is_fit(&signed.intent)?;
    let key = signed.intent.key.clone();
    // An act that has begun is done, whether or not the asker is still there.
    let mut taking = tokio::spawn(guarded.take(signed));
    match tokio::time::timeout(TAKEN_WITHIN, &mut taking).await {
        Ok(Ok(taken)) => taken.map(|receipt| (StatusCode::ACCEPTED, Json(receipt))),
        Ok(Err(_)) => Err(broken()),
        // It may be taken yet, or refused: a receipt would say what nobody knows.
        Err(_) => Err(Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "not-known-yet",
            format!(
                "the engine has not said within {} s whether it takes the act; do not send it again, ask GET /v1/acts/{key}",
                TAKEN_WITHIN.as_secs()
            ),
        )
        .perhaps_done()),
    }
}

pub(super) async fn outcome<S: Service>(
    State(guarded): State<Guarded<S>>,
    Path(key): Path<String>,
) -> Result<Json<Told>, Problem> {
    // In this order: what is taken in between is found in one of the two.
    let under_way = guarded.gate.is_under_way(&key);
    if let Some(told) = guarded.service.outcome(&key) {
        return Ok(Json(told));
    }
    if under_way {
        let why = "it came, and whether it may be done is not said yet".to_owned();
        let outcome = Outcome::Unknown { why };
        return Ok(Json(Told {
            outcome,
            head: None,
        }));
    }
    Err(Problem::missing("no act with this key has come here"))
}

pub(super) async fn ask_for_a_second<S: Service>(
    State(guarded): State<Guarded<S>>,
    body: Body,
) -> Result<(StatusCode, Json<Requested>), Problem> {
    let signed: Signed = json(body)?;
    is_fit(&signed.intent)?;
    let facts = guarded.service.facts(&signed.intent);
    let facts = facts.map_err(|refusal| refused(&refusal))?;
    let held = tokio::task::spawn_blocking(move || guarded.gate.hold(signed, &facts));
    match held.await.map_err(|_| broken())? {
        Ok(requested) => Ok((StatusCode::CREATED, Json(requested))),
        Err(NotHeld::Denied(denied)) => Err(not_allowed(&denied)),
        Err(NotHeld::NeedsNobody) => Err(Problem::new(
            StatusCode::CONFLICT,
            "needs-nobody",
            "the policy asks for no second person here; send it to /v1/acts",
        )),
        Err(NotHeld::Full) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many",
            "too many acts wait for a second person; ask again when some were done",
        )),
    }
}

pub(super) async fn request<S: Service>(
    State(guarded): State<Guarded<S>>,
    Path(id): Path<String>,
) -> Result<Json<Requested>, Problem> {
    guarded.gate.request(&id).map(Json).ok_or_else(gone)
}

pub(super) async fn approve<S: Service>(
    State(guarded): State<Guarded<S>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let approval: Approval = json(body)?;
    let waiting = guarded.gate.request(&id).and_then(|request| request.act);
    let waiting = waiting.ok_or_else(gone)?;
    let facts = guarded.service.facts(&waiting.intent);
    let facts = facts.map_err(|refusal| refused(&refusal))?;
    let taken = tokio::task::spawn_blocking(move || guarded.gate.approve(&id, approval, &facts));
    match taken.await.map_err(|_| broken())? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(NotApproved::Gone) => Err(gone()),
        Err(NotApproved::Flawed(flaw)) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "approval",
            format!("the approval does not count: {flaw}"),
        )),
        Err(NotApproved::Full) => Err(Problem::new(
            StatusCode::CONFLICT,
            "approved",
            "enough have approved it; whoever asked can send it now",
        )),
    }
}

/// Whether an intent could be anybody's at all.
fn is_fit(intent: &Intent) -> Result<(), Problem> {
    let plain = |b: u8| b.is_ascii_graphic();
    if !KEY.contains(&intent.key.len()) || !intent.key.bytes().all(plain) {
        return Err(unfit("key: 8 to 128 characters of printable ASCII"));
    }
    if intent.by.raw().trim().is_empty() {
        return Err(unfit("by: an act is somebody's"));
    }
    Ok(())
}

fn gone() -> Problem {
    Problem::missing(
        "no act of this name waits for a second person; it may have been done, or waited for too long",
    )
}

fn broken() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "broken",
        "the engine broke off; ask how far the act has come",
    )
    .perhaps_done()
}

/// Why somebody may not do it, as it travels. Nothing was done.
fn not_allowed(denied: &Denied) -> Problem {
    let (status, word) = match denied {
        Denied::NeedsSecond(_) => (StatusCode::FORBIDDEN, "needs-second"),
        Denied::Once(OnceError::Already) => (StatusCode::FORBIDDEN, "code-used"),
        Denied::Once(OnceError::Disk(_)) => (StatusCode::SERVICE_UNAVAILABLE, "store"),
        Denied::Unsigned(_) => (StatusCode::FORBIDDEN, "unsigned"),
        Denied::Untimely(_) => (StatusCode::FORBIDDEN, "untimely"),
        Denied::Code(_) => (StatusCode::FORBIDDEN, "code"),
        _ => (StatusCode::FORBIDDEN, "denied"),
    };
    Problem::new(status, word, denied.to_string())
}
