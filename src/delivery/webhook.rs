//! An address that alerts are posted to, as JSON. The address may be a secret itself, as those of
//! chats are: no more than its host is ever told.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use reqwest::{Client, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::runtime::{Builder, Runtime};

use super::{Parcel, Trouble, Way};
use crate::config::TokenPlace;

/// The first wait before it is tried again; each later one is twice as long,
const FIRST: Duration = Duration::from_millis(500);
/// up to this.
const LONGEST: Duration = Duration::from_secs(30);

/// A key is sent as it is up to so many bytes: receivers are known to take 255.
const LONGEST_KEY: usize = 200;

/// So often it is looked whether all is to end.
const LOOK: Duration = Duration::from_millis(20);

/// The webhook.
pub(super) struct Webhook {
    url: SecretString,
    /// Host and port: what may be told.
    name: String,
    token: Option<SecretString>,
    client: Client,
    runtime: Runtime,
    limit: Duration,
    retries: u32,
}

/// What became of one try.
enum Tried {
    Done,
    /// It may go through later.
    Later(String),
    /// It took too long.
    Hung,
    /// It will never go through.
    Never(String),
}

impl Webhook {
    /// Reads the address and the token.
    pub(super) fn new(
        url: &SecretString,
        token: Option<&TokenPlace>,
        limit: Duration,
        retries: u32,
    ) -> Result<Self, String> {
        let parsed = Url::parse(url.expose_secret().trim())
            .map_err(|_| "webhook: its address is no URL".to_owned())?;
        let host = parsed.host_str().unwrap_or_default();
        if !matches!(parsed.scheme(), "http" | "https") || host.is_empty() {
            return Err("webhook: its address is neither http nor https".to_owned());
        }
        let name = match parsed.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let token = token.map(read).transpose()?;
        let local = is_local(host);
        if parsed.scheme() == "http" && !local {
            return Err(format!(
                "webhook: what {name} is told, and what opens it, would travel readable; write https"
            ));
        }
        // Whoever was first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            // A redirection would take token and alert elsewhere.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("rotascope/", env!("CARGO_PKG_VERSION")));
        if parsed.scheme() == "http" {
            // Nothing is verified there: a machine without certificates will do.
            client = client.tls_certs_only([]);
        }
        if local {
            client = client.no_proxy();
        }
        Ok(Self {
            url: url.clone(),
            name,
            token,
            client: client
                .build()
                .map_err(|error| format!("webhook: no client: {}", error.without_url()))?,
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| format!("webhook: no runtime: {error}"))?,
            limit,
            retries,
        })
    }

    fn post(&self, parcel: &Parcel, stop: &AtomicBool) -> Tried {
        let mut request = self
            .client
            .post(self.url.expose_secret().trim())
            .header("content-type", "application/json")
            .header("idempotency-key", header(&parcel.key))
            .body(parcel.body.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let answer = async {
            let stopped = async {
                while !stop.load(Ordering::SeqCst) {
                    tokio::time::sleep(LOOK).await;
                }
            };
            tokio::select! {
                answer = tokio::time::timeout(self.limit, request.send()) => Some(answer),
                () = stopped => None,
            }
        };
        match self.runtime.block_on(answer) {
            None => Tried::Never(stopped()),
            Some(Err(_)) => Tried::Hung,
            Some(Ok(Err(error))) => {
                let why = reason(error);
                Tried::Later(format!("{} does not answer: {why}", self.name))
            }
            Some(Ok(Ok(answer))) => {
                let status = answer.status();
                let why = format!("{} answers {}", self.name, status.as_u16());
                if status.is_success() {
                    Tried::Done
                } else if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
                    Tried::Later(why)
                } else {
                    Tried::Never(why)
                }
            }
        }
    }
}

impl Way for Webhook {
    fn deliver(&mut self, parcel: &Parcel, stop: &AtomicBool) -> Result<(), Trouble> {
        let mut wait = FIRST;
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = self.post(parcel, stop);
            let last = tries > self.retries;
            let after = match tries {
                1 => String::new(),
                n => format!(", at try {n}"),
            };
            match outcome {
                Tried::Done => return Ok(()),
                Tried::Never(why) => return Err(Trouble::Failed(format!("{why}{after}"))),
                Tried::Later(why) if last => return Err(Trouble::Failed(format!("{why}{after}"))),
                Tried::Hung if last => {
                    let limit = self.limit.as_secs_f64();
                    let name = &self.name;
                    let why = format!("{name} had not answered after {limit} s{after}");
                    return Err(Trouble::Hung(why));
                }
                Tried::Later(_) | Tried::Hung => {}
            }
            let until = Instant::now() + wait;
            while Instant::now() < until {
                if stop.load(Ordering::SeqCst) {
                    return Err(Trouble::Failed(stopped()));
                }
                std::thread::sleep(LOOK);
            }
            wait = (wait * 2).min(LONGEST);
        }
    }
}

fn stopped() -> String {
    "it was not told before the program ended".to_owned()
}

/// What a receiver knows a telling by: the same at every try, and no other telling's. A key holds
/// what a rotation is called, which may be anything: where no header can hold it, or not all of it,
/// its SHA-256 stands for it. No key begins as that does.
fn header(key: &str) -> String {
    if key.len() <= LONGEST_KEY && key.bytes().all(|b| b.is_ascii_graphic()) {
        return key.to_owned();
    }
    let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    format!("sha256:{}", HEXLOWER.encode(&digest))
}

fn is_local(host: &str) -> bool {
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
}

fn read(place: &TokenPlace) -> Result<SecretString, String> {
    let token = match place {
        TokenPlace::Env(name) => std::env::var(name).map_err(|_| {
            format!(
                "token_env: there is no variable {}",
                crate::model::Text::from(name.as_str())
            )
        })?,
        TokenPlace::File(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("token_file: {} cannot be read: {error}", path.display()))?,
    };
    let token = token.trim();
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("token: it is empty or holds characters that no token has".to_owned());
    }
    Ok(SecretString::from(token))
}

/// What went wrong, without the address, down to its last cause.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words = error.to_string();
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_have_one_header() {
        assert_eq!(header("rotation/r1/page"), "rotation/r1/page");
        let long = "r".repeat(300);
        let all = [
            "rotation/r_1/page".to_owned(),
            "rotation/r\u{e9}1/page".to_owned(),
            "rotation/r 1/page".to_owned(),
            format!("rotation/{long}1/page"),
            format!("rotation/{long}2/page"),
            format!("rotation/{long}1/resolved"),
        ];
        let headers: std::collections::BTreeSet<String> = all.iter().map(|k| header(k)).collect();
        assert_eq!(headers.len(), all.len(), "{headers:?}");
        for value in headers {
            assert!(value.len() <= LONGEST_KEY, "{value}");
            assert!(value.bytes().all(|b| b.is_ascii_graphic()), "{value}");
        }
    }
}
