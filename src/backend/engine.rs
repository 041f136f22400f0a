//! The engine as a backend: its stream, and acts. An act is sent once; whatever comes of that, it
//! is asked about afterwards and never sent again.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use super::http::{ANSWER_WITHIN, Address, body, denies, reason, words};
use super::stream::Stream;
use super::{Backend, Hands, Requested, Sent};
use crate::config::failpoint;
use crate::guard::Warrant;
use crate::model::intent::Outcome;
use crate::model::proof::{Approval, Signed};
use crate::model::{Text, Timestamp};

/// An engine.
#[derive(Debug)]
pub struct Engine {
    address: Address,
    stream: Stream,
}

impl Engine {
    /// The engine at an address.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            stream: Stream::new(address.clone()),
            address,
        }
    }
}

impl Backend for Engine {
    fn name(&self) -> Text {
        self.address.name()
    }

    fn hands(&self) -> Option<Arc<dyn Hands>> {
        Some(Arc::new(EngineHands::new(self.address.clone())))
    }

    fn run(self: Box<Self>, send: &mut dyn FnMut(Sent) -> ControlFlow<()>) {
        Box::new(self.stream).run(send);
    }
}

/// Sends acts to an engine and asks about them.
#[derive(Debug)]
pub struct EngineHands {
    address: Address,
    /// Made at the first call; one call at a time goes through it.
    line: Mutex<Option<(Runtime, Client)>>,
}

/// What an engine answers to an act that it took.
#[derive(Debug, Deserialize)]
struct Receipt {
    key: String,
}

impl EngineHands {
    /// The hands of the engine at an address.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            address,
            line: Mutex::new(None),
        }
    }

    fn wait<T>(&self, call: impl AsyncFnOnce(&Client, &Address) -> T) -> Result<T, String> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if line.is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            *line = Some((runtime, self.address.client().map_err(reason)?));
        }
        let Some((runtime, client)) = line.as_ref() else {
            return Err("there is no client".to_owned());
        };
        Ok(runtime.block_on(call(client, &self.address)))
    }
}

impl Hands for EngineHands {
    fn perform(&self, warrant: Warrant, now: Timestamp) -> Outcome {
        let signed = match warrant.spend(now) {
            Ok(signed) => signed,
            Err(why) => {
                return Outcome::Failed {
                    why: why.to_string(),
                };
            }
        };
        let sent = self.wait(async |client, address| send(client, address, &signed).await);
        sent.unwrap_or_else(|why| Outcome::Failed {
            why: format!("nothing was sent: {why}"),
        })
    }

    fn ask(&self, key: &str) -> Outcome {
        let told = self.wait(async |client, address| ask(client, address, key).await);
        told.unwrap_or_else(|why| Outcome::Unknown { why })
    }

    fn request(&self, act: &Signed) -> Result<Requested, String> {
        self.wait(async |client, address| {
            let asked = client.post(address.at(&["v1", "requests"])).json(act);
            let held: Held = told(address, asked, StatusCode::CREATED).await?;
            Ok(Requested {
                id: held.id,
                until: held.until,
            })
        })?
    }

    fn requested(&self, id: &str) -> Result<Option<Signed>, String> {
        self.wait(async |client, address| {
            let asked = client.get(address.at(&["v1", "requests", id]));
            let answer = answered(address.with_token(asked)).await?;
            let status = answer.status();
            let body = body(answer).await;
            // Not every 404 is the engine's: something before it may not know the way.
            if status == StatusCode::NOT_FOUND && denies(&body) {
                return Ok(None);
            }
            let held: Held = read(status, &body, StatusCode::OK)?;
            let act = held.act;
            act.map(Some)
                .ok_or_else(|| "the engine does not say what waits".to_owned())
        })?
    }

    fn approve(&self, id: &str, approval: &Approval) -> Result<(), String> {
        self.wait(async |client, address| {
            let path = address.at(&["v1", "requests", id, "approvals"]);
            let asked = address.with_token(client.post(path).json(approval));
            let answer = answered(asked).await?;
            match answer.status() {
                StatusCode::NO_CONTENT | StatusCode::OK => Ok(()),
                status => Err(format!("{} ({status})", words(&body(answer).await))),
            }
        })?
    }
}

/// An act that waits, as the engine tells it.
#[derive(Debug, Deserialize)]
struct Held {
    id: String,
    until: Timestamp,
    #[serde(default)]
    act: Option<Signed>,
}

async fn answered(request: RequestBuilder) -> Result<Response, String> {
    let sent = request.timeout(ANSWER_WITHIN).send().await;
    sent.map_err(|error| format!("the engine cannot be asked: {}", reason(error)))
}

/// What the engine tells, where it answers with this status.
async fn told<T: DeserializeOwned>(
    address: &Address,
    request: RequestBuilder,
    wanted: StatusCode,
) -> Result<T, String> {
    let answer = answered(address.with_token(request)).await?;
    let status = answer.status();
    read(status, &body(answer).await, wanted)
}

fn read<T: DeserializeOwned>(
    status: StatusCode,
    body: &Result<Vec<u8>, String>,
    wanted: StatusCode,
) -> Result<T, String> {
    if status != wanted {
        return Err(format!("{} ({status})", words(body)));
    }
    let body = body.as_ref().map_err(Clone::clone)?;
    serde_json::from_slice(body)
        .map_err(|_| "the engine answers with what nobody can read".to_owned())
}

async fn send(client: &Client, address: &Address, signed: &Signed) -> Outcome {
    let request = address
        .with_token(client.post(address.at(&["v1", "acts"])))
        .timeout(ANSWER_WITHIN)
        .json(signed);
    let answer = match request.send().await {
        Ok(answer) => answer,
        // No connection: not a byte of the act has left.
        Err(error) if error.is_connect() || error.is_builder() => {
            return Outcome::Failed {
                why: format!("nothing was sent: {}", reason(error)),
            };
        }
        Err(error) => {
            return Outcome::Unknown {
                why: format!("it was sent and not answered: {}", reason(error)),
            };
        }
    };
    failpoint::reach("act.send.answered");
    let status = answer.status();
    let body = body(answer).await;
    if status == StatusCode::ACCEPTED || status == StatusCode::OK {
        let taken = body
            .as_deref()
            .ok()
            .and_then(|body| serde_json::from_slice::<Receipt>(body).ok());
        return match taken {
            Some(receipt) if receipt.key == signed.intent.key => Outcome::Accepted,
            _ => Outcome::Unknown {
                why: format!(
                    "the engine answered {status} and did not say that it took the act: {}",
                    words(&body)
                ),
            },
        };
    }
    let why = format!("{} ({status})", words(&body));
    // What is the asker's fault was not done; what is the engine's may have been, unless it says
    // itself that it was not.
    let asker = status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT;
    if asker || denies(&body) {
        Outcome::Failed { why }
    } else {
        Outcome::Unknown { why }
    }
}

async fn ask(client: &Client, address: &Address, key: &str) -> Outcome {
    let request = address
        .with_token(client.get(address.at(&["v1", "acts", key])))
        .timeout(ANSWER_WITHIN);
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            return Outcome::Unknown {
                why: format!("the engine cannot be asked: {}", reason(error)),
            };
        }
    };
    let status = answer.status();
    let body = body(answer).await;
    if status == StatusCode::OK
        && let Ok(Ok(outcome)) = body.as_deref().map(serde_json::from_slice::<Outcome>)
    {
        return outcome;
    }
    Outcome::Unknown {
        why: match status {
            // Something on the way may answer so too; only the engine says that nothing was done.
            StatusCode::NOT_FOUND if denies(&body) => NEVER_CAME.to_owned(),
            _ => format!(
                "asked about it, the engine answered {status}: {}",
                words(&body)
            ),
        },
    }
}

/// What is said of an act that the engine was asked about and has never heard of.
pub const NEVER_CAME: &str = "the engine does not know this act";
