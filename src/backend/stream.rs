//! The client of an event stream (`docs/server.md`): an engine's, an observer's.
//!
//! It reads for as long as anybody listens. A connection that is lost, or that says nothing for a
//! while, is made anew and goes on behind the last event that came; each loss, each number that
//! was passed over and each thing that could not be read is told.

use std::ops::ControlFlow;
use std::time::Duration;

use rand::RngExt as _;
use reqwest::{Client, Response, StatusCode, header};
use serde::Deserialize;

use super::http::{Address, reason, said};
use super::sse::{Message, Parser};
use super::{Backend, LinkNews, Sent};
use crate::audit::format::excerpt;
use crate::model::rejected::{Place, Rejected};
use crate::model::{Event, Text, Timestamp};

/// A connection that says nothing for so long is given up: the emitter tells its clock each
/// second.
const SILENCE: Duration = Duration::from_secs(10);

/// The shortest and the longest wait before the next try.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

type Send<'a> = &'a mut dyn FnMut(Sent) -> ControlFlow<()>;

/// A stream of events.
#[derive(Debug)]
pub struct Stream {
    address: Address,
    /// The number of the last event that came.
    last: u64,
    /// How often in a row it was tried in vain.
    tries: u32,
    silence: Duration,
    waits: (Duration, Duration),
    rejected: u64,
}

/// The clock as it travels.
#[derive(Debug, Deserialize)]
struct ClockNote {
    now: Timestamp,
    #[serde(default = "one")]
    scale: f64,
    last: Option<u64>,
}

fn one() -> f64 {
    1.0
}

/// With which number a log begins.
#[derive(Debug, Deserialize)]
struct First {
    first: u64,
}

/// The number before the first of a log.
fn begins(data: &str) -> u64 {
    serde_json::from_str::<First>(data).map_or(0, |told| told.first.saturating_sub(1))
}

/// Why a connection ended.
enum End {
    /// Nobody listens any more.
    Left,
    /// It is to be tried again.
    Lost(String),
}

impl Stream {
    /// The stream of the events at an address.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            address,
            last: 0,
            tries: 0,
            silence: SILENCE,
            waits: WAITS,
            rejected: 0,
        }
    }

    /// The same stream, more impatient: for tests that cannot wait.
    #[must_use]
    pub fn with_patience(mut self, silence: Duration, waits: (Duration, Duration)) -> Self {
        self.silence = silence;
        self.waits = waits;
        self
    }

    async fn follow(&mut self, client: &Client, send: Send<'_>) {
        loop {
            let End::Lost(why) = self.connection(client, send).await else {
                return;
            };
            let wait = self.wait();
            tracing::warn!(backend = %self.address.name(), %why, ?wait, "the stream was lost");
            let lost = LinkNews::Lost {
                why: Text::from(why),
                again: wait,
            };
            if send(Sent::Link(lost)).is_break() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait before the next try: twice as long each time, half of it by chance, so
    /// that many cockpits do not come back at one moment.
    fn wait(&mut self) -> Duration {
        let (least, most) = self.waits;
        let whole = least.saturating_mul(1 << self.tries.min(16)).min(most);
        self.tries = self.tries.saturating_add(1);
        whole.mul_f64(rand::rng().random_range(0.5..1.0))
    }

    /// One connection, to its end.
    async fn connection(&mut self, client: &Client, send: Send<'_>) -> End {
        let request = self
            .address
            .with_token(client.get(self.address.at(&["v1", "events"])))
            .header(header::ACCEPT, "text/event-stream")
            .header("last-event-id", self.last);
        let answer = match tokio::time::timeout(self.silence, request.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return End::Lost(reason(error)),
            Err(_) => return End::Lost(self.no_word()),
        };
        let mut answer = match accepted(answer).await {
            Ok(answer) => answer,
            Err(why) => return End::Lost(why),
        };
        if send(Sent::Link(LinkNews::Connected)).is_break() {
            return End::Left;
        }
        let mut parser = Parser::default();
        loop {
            let piece = match tokio::time::timeout(self.silence, answer.chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => return End::Lost("the backend ended the stream".to_owned()),
                Ok(Err(error)) => return End::Lost(reason(error)),
                Err(_) => return End::Lost(self.no_word()),
            };
            self.tries = 0;
            let mut messages = Vec::new();
            parser.feed(&piece, &mut |message| messages.push(message));
            if self.take(messages, send).is_break() {
                return End::Left;
            }
        }
    }

    fn no_word(&self) -> String {
        format!("no word for {} s", self.silence.as_secs_f32())
    }

    /// Tells what came, events together.
    fn take(&mut self, messages: Vec<Message>, send: Send<'_>) -> ControlFlow<()> {
        let mut events = Vec::new();
        let mut missing = 0;
        for message in messages {
            match message.event.as_str() {
                "rotascope" => missing += self.event(&message, &mut events, send)?,
                "clock" => {
                    // What came before the clock was told is shown before it.
                    flush(&mut events, send)?;
                    if let Ok(note) = serde_json::from_str::<ClockNote>(&message.data) {
                        send(Sent::Clock {
                            now: note.now,
                            scale: note.scale,
                            behind: note.last.map_or(0, |last| last.saturating_sub(self.last)),
                        })?;
                    }
                }
                "reset" => {
                    self.last = begins(&message.data);
                    send(Sent::Link(LinkNews::Reset))?;
                }
                // What was pruned before this reader came is not missing.
                "first" => self.last = begins(&message.data),
                _ => {}
            }
        }
        flush(&mut events, send)?;
        if missing > 0 {
            send(Sent::Link(LinkNews::Missing(missing)))?;
        }
        ControlFlow::Continue(())
    }

    /// Takes one event in; gives how many numbers before it were passed over.
    fn event(
        &mut self,
        message: &Message,
        events: &mut Vec<Event>,
        send: Send<'_>,
    ) -> ControlFlow<(), u64> {
        let number: Option<u64> = message.id.as_deref().and_then(|id| id.trim().parse().ok());
        let read = if message.cut {
            Err("longer than 4 MiB".to_owned())
        } else {
            Event::from_json(message.data.as_bytes()).map_err(|error| error.to_string())
        };
        match read {
            Ok(event) => events.push(event),
            Err(why) => self.reject(number, &why, &message.data, send)?,
        }
        let Some(number) = number else {
            return ControlFlow::Continue(0);
        };
        let missing = number.saturating_sub(self.last.saturating_add(1));
        // A number that falls is of an event sent twice, which the incident tells apart.
        self.last = self.last.max(number);
        ControlFlow::Continue(missing)
    }

    fn reject(
        &mut self,
        number: Option<u64>,
        why: &str,
        line: &str,
        send: Send<'_>,
    ) -> ControlFlow<()> {
        self.rejected += 1;
        send(Sent::Rejected(Rejected {
            place: Place {
                file: self.address.name(),
                line: number.unwrap_or(0),
                byte: 0,
            },
            reason: Text::from(why),
            excerpt: excerpt(line.as_bytes()),
        }))?;
        send(Sent::Read {
            bytes: 0,
            of_bytes: None,
            rejected: self.rejected,
        })
    }
}

fn flush(events: &mut Vec<Event>, send: Send<'_>) -> ControlFlow<()> {
    if events.is_empty() {
        return ControlFlow::Continue(());
    }
    send(Sent::Events(std::mem::take(events)))
}

/// The answer where it is a stream; else what it is, in words.
async fn accepted(answer: Response) -> Result<Response, String> {
    let status = answer.status();
    let is_stream = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/event-stream"));
    match status {
        StatusCode::OK if is_stream => Ok(answer),
        StatusCode::OK => {
            let said = said(answer).await;
            Err(format!("answered 200 and sent no stream: {said}"))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let said = said(answer).await;
            Err(format!(
                "answered {status}: {said}; name the token with --token-file"
            ))
        }
        _ => {
            let said = said(answer).await;
            Err(format!("answered {status}: {said}"))
        }
    }
}

impl Backend for Stream {
    fn name(&self) -> Text {
        self.address.name()
    }

    fn run(mut self: Box<Self>, send: &mut dyn FnMut(Sent) -> ControlFlow<()>) {
        let client = self.address.client().map_err(reason);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let trouble = match (client, runtime) {
            (Ok(client), Ok(runtime)) => return runtime.block_on(self.follow(&client, send)),
            (Err(why), _) => why,
            (_, Err(error)) => error.to_string(),
        };
        let name = self.address.name();
        let _ = send(Sent::Trouble(Text::from(format!("{name}: {trouble}"))));
    }
}
