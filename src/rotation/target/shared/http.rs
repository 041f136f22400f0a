//! HTTP calls of targets: one deadline, no redirects, a body that is bounded and wiped, and every
//! way to fail told apart.

use std::error::Error as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::words::{place, said};
use crate::rotation::fault::{Fault, FaultKind};

/// The most bytes of an answer that are read.
const MOST: usize = 1 << 20;

/// The longest wait that another side can ask for; more is a mistake or malice.
pub const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// A client; cheap to clone.
#[derive(Clone, Debug)]
pub struct Http(Client);

/// One call.
pub struct Ask<'a> {
    /// How.
    pub method: Method,
    /// Where.
    pub url: &'a str,
    /// The token that goes into `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// Names the call, so that the other side may do it once.
    pub idempotency: Option<&'a str>,
    /// What is sent.
    pub json: Option<serde_json::Value>,
    /// The longest it may take.
    pub within: Duration,
    /// What is being done to what, for the fault.
    pub doing: &'a str,
    /// What no fault may repeat.
    pub hide: &'a [&'a [u8]],
}

impl<'a> Ask<'a> {
    /// A bare call.
    pub fn new(method: Method, url: &'a str, within: Duration, doing: &'a str) -> Self {
        Self {
            method,
            url,
            bearer: None,
            idempotency: None,
            json: None,
            within,
            doing,
            hide: &[],
        }
    }
}

/// An answer, whatever it says.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    retry_after: Option<Duration>,
    body: Zeroizing<Vec<u8>>,
}

impl Http {
    /// A client that trusts the system's certificates, or those of a file alone.
    ///
    /// # Errors
    /// A sentence where the file holds no certificate or TLS is not available.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        // reqwest asks the process for its cryptography; where another part of it was first, the
        // one that is there serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rotascope/", env!("CARGO_PKG_VERSION")));
        if let Some(file) = ca_file {
            let pem = fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
            let trusted = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|e| format!("{}: {e}", file.display()))?;
            if trusted.is_empty() {
                return Err(format!("{}: holds no certificate", file.display()));
            }
            client = client.tls_certs_only(trusted);
        }
        client.build().map(Self).map_err(|e| chain(&e))
    }

    /// The client beneath, for a library that brings its own requests.
    pub fn client(&self) -> &Client {
        &self.0
    }

    /// Asks and reads the answer.
    ///
    /// # Errors
    /// `Unreachable` where no connection came about, `Unanswered` where the request went out and
    /// no whole answer came in time, `Garbage` where what came is no HTTP or has no end.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Reply, Fault> {
        let mut request = self
            .0
            .request(ask.method.clone(), ask.url)
            .headers(headers(ask)?)
            .timeout(ask.within);
        if let Some(json) = &ask.json {
            request = request.json(json);
        }
        let failed = |e: reqwest::Error| failed(&e.without_url(), ask);
        let mut answer = request.send().await.map_err(failed)?;
        let mut reply = Reply {
            status: answer.status().as_u16(),
            retry_after: retry_after(answer.headers()),
            body: Zeroizing::new(Vec::new()),
        };
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if reply.body.len() + chunk.len() > MOST {
                return Err(Fault::new(
                    FaultKind::Garbage,
                    ask.doing,
                    format!("an answer of more than {MOST} bytes"),
                ));
            }
            reply.body.extend_from_slice(&chunk);
        }
        Ok(reply)
    }
}

impl Reply {
    /// True for 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON of this form.
    ///
    /// # Errors
    /// `Garbage`, without repeating the body: it may hold the secret.
    pub fn json<T: DeserializeOwned>(&self, doing: &str) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|e| {
            Fault::new(
                FaultKind::Garbage,
                doing,
                format!("{} with a body that {}", self.status, place(&e)),
            )
        })
    }

    /// What the other side says of an error: the member `error`, `detail`, `message` or `reason`
    /// of its JSON, else the beginning of its text.
    pub fn words(&self, hide: &[&[u8]]) -> crate::model::Text {
        let json = serde_json::from_slice::<serde_json::Value>(&self.body).ok();
        let named = json.as_ref().and_then(|json| {
            ["error", "detail", "message", "reason"]
                .into_iter()
                .find_map(|name| json.get(name))
        });
        let words = match named {
            Some(serde_json::Value::String(words)) => words.clone(),
            Some(other) => other.to_string(),
            None => String::from_utf8_lossy(&self.body).into_owned(),
        };
        said(&format!("{} {words}", self.status), hide)
    }

    /// The answer, where it is no success, as the fault that it means.
    pub fn fault(&self, doing: &str, hide: &[&[u8]]) -> Fault {
        let kind = match self.status {
            429 => FaultKind::Throttled {
                retry_after: self.retry_after,
            },
            400..500 => FaultKind::Refused,
            // It got the request; whether it was done before it failed is not known.
            500..600 => FaultKind::Unanswered,
            _ => FaultKind::Garbage,
        };
        Fault::new(kind, doing, self.words(hide))
    }
}

fn headers(ask: &Ask<'_>) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    let local = |what: &str| {
        Fault::new(
            FaultKind::Local,
            ask.doing,
            format!("the {what} cannot stand in an HTTP header"),
        )
    };
    if let Some(token) = ask.bearer {
        let words = Zeroizing::new(format!("Bearer {token}"));
        let mut value = HeaderValue::from_str(&words).map_err(|_| local("token"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    if let Some(key) = ask.idempotency {
        let value = HeaderValue::from_str(key).map_err(|_| local("idempotency key"))?;
        headers.insert("idempotency-key", value);
    }
    Ok(headers)
}

/// Seconds, or a date; at most [`LONGEST_WAIT`].
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let words = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = words.parse() {
        Duration::from_secs(seconds)
    } else {
        let at = chrono::DateTime::parse_from_rfc2822(words).ok()?;
        SystemTime::from(at)
            .duration_since(SystemTime::now())
            .ok()?
    };
    Some(wait.min(LONGEST_WAIT))
}

fn failed(error: &reqwest::Error, ask: &Ask<'_>) -> Fault {
    let kind = if error.is_connect() {
        FaultKind::Unreachable
    } else if error.is_builder() {
        FaultKind::Local
    } else if error.is_timeout() || !is_no_http(error) {
        FaultKind::Unanswered
    } else {
        FaultKind::Garbage
    };
    Fault::new(kind, ask.doing, said(&chain(error), ask.hide))
}

/// True where something came that is no HTTP.
fn is_no_http(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<hyper::Error>() {
            return cause.is_parse();
        }
        source = cause.source();
    }
    false
}

/// An error with its causes: reqwest's own words alone say nothing.
fn chain(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !words.contains(&more) {
            words.push_str(": ");
            words.push_str(&more);
        }
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            retry_after: Some(Duration::from_secs(7)),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        }
    }

    #[test]
    fn a_status_means_one_fault() {
        let kind = |status| reply(status, "").fault("x", &[]).kind;
        assert_eq!(
            kind(429),
            FaultKind::Throttled {
                retry_after: Some(Duration::from_secs(7))
            }
        );
        assert_eq!(kind(403), FaultKind::Refused);
        assert_eq!(kind(503), FaultKind::Unanswered);
        assert_eq!(kind(302), FaultKind::Garbage);
    }

    #[test]
    fn the_words_of_an_error_are_found_and_hold_no_secret() {
        let words = reply(422, r#"{"error":"canary-9 is no key"}"#).words(&[b"canary-9"]);
        assert_eq!(words.raw(), "422 ‹masked› is no key");
        let fault = reply(200, r#""canary-9""#).json::<u8>("x").unwrap_err();
        assert_eq!(fault.kind, FaultKind::Garbage);
        assert!(!fault.to_string().contains("canary-9"));
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let read = |words: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(words).unwrap());
            retry_after(&headers)
        };
        assert_eq!(read("30"), Some(Duration::from_secs(30)));
        let far = read("Tue, 31 Dec 2999 23:59:59 GMT").unwrap();
        assert_eq!(far, LONGEST_WAIT);
        assert_eq!(read("soon"), None);
    }
}
