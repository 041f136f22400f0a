//! Where a backend that speaks HTTP is, and the client that speaks with it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::model::Text;

/// A connection that is not there by then is given up.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// An answer that is not there by then is given up.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// So much of an answer is read, at most.
const READ: usize = 64 * 1024;

/// So much of an answer is shown, in characters.
const SHOWN: usize = 300;

/// Where a backend is, and what opens it.
#[derive(Clone)]
pub struct Address {
    url: Url,
    token: Option<SecretString>,
}

/// Why words are no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No URL.
    #[error("\"{0}\" is no URL; write http://127.0.0.1:4117")]
    NoUrl(Text),
    /// Neither http nor https.
    #[error("\"{0}\" is neither http nor https")]
    Scheme(Text),
    /// The token would travel readable.
    #[error(
        "a token is not sent to {0} without TLS: write https, or reach it through a tunnel on loopback"
    )]
    Clear(Text),
    /// It cannot stand in a header.
    #[error("the token holds characters that no token has")]
    Token,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`AddressError`] where it is no URL of HTTP, or where the token would be sent readable to
    /// another machine.
    pub fn parse(words: &str, token: Option<&str>) -> Result<Self, AddressError> {
        let mut url = Url::parse(words.trim()).map_err(|_| AddressError::NoUrl(words.into()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(AddressError::Scheme(words.into()));
        }
        let token = token.map(str::trim).filter(|token| !token.is_empty());
        if token.is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(AddressError::Token);
        }
        url.set_query(None);
        url.set_fragment(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let address = Self {
            url,
            token: token.map(SecretString::from),
        };
        if address.token.is_some() && address.url.scheme() == "http" && !address.is_local() {
            return Err(AddressError::Clear(address.name()));
        }
        Ok(address)
    }

    /// What it is called: host and port.
    #[must_use]
    pub fn name(&self) -> Text {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => Text::from(format!("{host}:{port}")),
            None => Text::from(host),
        }
    }

    /// The URL, without anything secret.
    #[must_use]
    pub fn url(&self) -> String {
        let mut url = self.url.clone();
        // Neither can fail for a URL that has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Text::from(url.as_str().trim_end_matches('/')).to_string()
    }

    /// True where it is this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
    }

    pub(super) fn client(&self) -> Result<Client, reqwest::Error> {
        // Whoever was first has installed the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            // A redirection would take the token elsewhere.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("rotascope/", env!("CARGO_PKG_VERSION")));
        if self.url.scheme() == "http" {
            // Nothing is verified there: a machine without certificates will do.
            client = client.tls_certs_only([]);
        }
        if self.is_local() {
            client = client.no_proxy();
        }
        client.build()
    }

    /// The URL of something below this address: its parts are escaped.
    pub(super) fn at(&self, parts: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    pub(super) fn with_token(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.name())
    }
}

/// What went wrong with a request, without its URL, down to its last cause.
pub(super) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words = error.to_string();
        cause = error.source();
    }
    words
}

/// What an engine answers to one that it did not take.
#[derive(Debug, Deserialize)]
struct Said {
    #[serde(default)]
    message: String,
    #[serde(default)]
    error: String,
    done: Option<bool>,
}

/// True where an answer says itself that nothing was done.
pub(super) fn denies(body: &Result<Vec<u8>, String>) -> bool {
    let body = body.as_deref().unwrap_or_default();
    serde_json::from_slice::<Said>(body).is_ok_and(|said| said.done == Some(false))
}

/// An answer's body, as far as it is read.
pub(super) async fn body(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) if body.len() + piece.len() <= READ => body.extend_from_slice(&piece),
            Ok(Some(_)) => return Err("a longer answer than any engine gives".to_owned()),
            Ok(None) => return Ok(body),
            Err(error) => return Err(reason(error)),
        }
    }
}

/// What an answer says, harmless and short.
pub(super) fn words(body: &Result<Vec<u8>, String>) -> String {
    let bytes = match body {
        Ok(bytes) => bytes,
        Err(why) => return why.clone(),
    };
    let raw = match serde_json::from_slice::<Said>(bytes) {
        Ok(said) if !said.message.is_empty() => said.message,
        Ok(said) if !said.error.is_empty() => said.error,
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let short: String = raw.chars().take(SHOWN).collect();
    if short.trim().is_empty() {
        return "nothing".to_owned();
    }
    Text::from(short.trim()).to_string()
}

/// What an answer that should have been another says.
pub(super) async fn said(answer: Response) -> String {
    let body = tokio::time::timeout(ANSWER_WITHIN, body(answer)).await;
    words(&body.unwrap_or_else(|_| Err("and no more".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_refused_in_words() {
        let address = Address::parse("http://127.0.0.1:4117", None).unwrap();
        assert_eq!(address.name().raw(), "127.0.0.1:4117");
        let url = address.at(&["v1", "acts", "a/b?c"]);
        assert_eq!(url.as_str(), "http://127.0.0.1:4117/v1/acts/a%2Fb%3Fc");
        for words in [
            "",
            "127.0.0.1:4117",
            "ftp://x/",
            "file:///etc/passwd",
            "http://",
        ] {
            assert!(Address::parse(words, None).is_err(), "{words}");
        }
    }

    #[test]
    fn a_token_goes_to_another_machine_under_tls_only() {
        let token = Some("a-token-of-more-than-20-characters");
        assert!(Address::parse("http://engine.example:80/", token).is_err());
        assert!(Address::parse("https://engine.example/", token).is_ok());
        assert!(Address::parse("http://[::1]:9/", token).is_ok());
        assert!(Address::parse("http://127.0.0.1:9/", Some("two words")).is_err());
        let shown = format!(
            "{:?}",
            Address::parse("http://localhost:9/", token).unwrap()
        );
        assert!(!shown.contains("a-token"), "{shown}");
    }
}
