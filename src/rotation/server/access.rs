//! Who may ask for what: bearer tokens with scopes, compared in constant time.

use std::fmt;
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::answer::Problem;
use crate::model::SecretPath;

/// The fewest characters of a token: what is shorter can be guessed.
pub const SHORTEST: usize = 20;

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Events, rotations, outcomes, metrics.
    Read,
    /// A consumer's pulls and reports.
    Consumer,
    /// Acts.
    Act,
}

impl FromStr for Scope {
    type Err = AccessError;
    fn from_str(word: &str) -> Result<Self, AccessError> {
        match word {
            "read" => Ok(Self::Read),
            "consumer" => Ok(Self::Consumer),
            "act" => Ok(Self::Act),
            _ => Err(AccessError {
                line: 0,
                why: "a scope is read, consumer or act",
            }),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Consumer => "consumer",
            Self::Act => "act",
        })
    }
}

/// Why tokens cannot be taken. Says where and never what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the tokens: {why}; a line is `read,act TOKEN`")]
pub struct AccessError {
    /// The line, from 1.
    pub line: usize,
    why: &'static str,
}

/// A token, of which only a hash is kept.
#[derive(Clone, Debug)]
struct Known {
    hash: [u8; 32],
    scopes: Vec<Scope>,
    /// The paths below which a consumer may have secrets; none is all.
    below: Vec<String>,
}

/// Which secrets whoever asks may have: those at or below these paths; all, where there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(Vec<String>);

impl Reach {
    /// Whether a secret lies within it.
    #[must_use]
    pub fn covers(&self, secret: &SecretPath) -> bool {
        let below = |path: &String| {
            let rest = secret.raw().strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.is_empty() || self.0.iter().any(below)
    }
}

/// Who may ask for what.
#[derive(Clone, Debug, Default)]
pub struct Access {
    known: Vec<Known>,
}

impl Access {
    /// Everybody may ask for everything. For servers on loopback only, which is seen to where a
    /// server starts.
    #[must_use]
    pub fn open() -> Self {
        Self::default()
    }

    /// One token for these scopes.
    ///
    /// # Errors
    /// [`AccessError`] where it is too short to be a token.
    pub fn one(token: &str, scopes: &[Scope]) -> Result<Self, AccessError> {
        let mut access = Self::default();
        access.add(token, scopes, Vec::new(), 1)?;
        Ok(access)
    }

    /// Reads tokens, a line each: scopes with commas between, a space, the token. `consumer:PATH`
    /// is a consumer that may have the secrets at and below that path alone. Empty lines and lines
    /// that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`AccessError`] with the line where one is no token, or where there is none at all.
    pub fn parse(text: &str) -> Result<Self, AccessError> {
        let mut access = Self::default();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |why| AccessError { line: n + 1, why };
            let (scopes, token) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| at("no token stands behind the scopes"))?;
            let mut below = Vec::new();
            let scopes: Result<Vec<Scope>, _> = scopes
                .split(',')
                .map(|word| match word.split_once(':') {
                    Some(("consumer", path)) if !path.trim_matches('/').is_empty() => {
                        below.push(path.trim_matches('/').to_owned());
                        Ok(Scope::Consumer)
                    }
                    _ => word.parse(),
                })
                .collect();
            let scopes = scopes.map_err(|e| at(e.why))?;
            access.add(token.trim(), &scopes, below, n + 1)?;
        }
        if access.known.is_empty() {
            return Err(AccessError {
                line: 1,
                why: "there is no token",
            });
        }
        Ok(access)
    }

    fn add(
        &mut self,
        token: &str,
        scopes: &[Scope],
        below: Vec<String>,
        line: usize,
    ) -> Result<(), AccessError> {
        let at = |why| Err(AccessError { line, why });
        if token.len() < SHORTEST {
            return at("a token has 20 characters or more");
        }
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return at("a token is printable ASCII without spaces");
        }
        self.known.push(Known {
            hash: Sha256::digest(token.as_bytes()).into(),
            scopes: scopes.to_vec(),
            below,
        });
        Ok(())
    }

    /// True where nobody is asked for a token.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether a request with these headers may ask for what this scope opens, and which secrets
    /// it reaches. Every token is compared with every known one, whether or not one fitted already.
    ///
    /// # Errors
    /// [`Problem`] 401 without a known token, 403 where it does not open this.
    pub fn admit(&self, headers: &HeaderMap, scope: Scope) -> Result<Reach, Problem> {
        if self.is_open() {
            return Ok(Reach::default());
        }
        let hash: [u8; 32] = match bearer(headers) {
            Some(token) => Sha256::digest(token.as_bytes()).into(),
            None => {
                return Err(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "no-token",
                    "a bearer token is needed: Authorization: Bearer TOKEN",
                ));
            }
        };
        let (mut known, mut opens) = (0_u8, 0_u8);
        let mut reach = Reach::default();
        for token in &self.known {
            let same = token.hash.ct_eq(&hash).unwrap_u8();
            known |= same;
            opens |= same & u8::from(token.scopes.contains(&scope));
            if same == 1 {
                reach.0.clone_from(&token.below);
            }
        }
        match (known, opens) {
            (_, 1) => Ok(reach),
            (1, _) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "scope",
                format!("this token does not open `{scope}`"),
            )),
            _ => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "unknown-token",
                "this token is not known here",
            )),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let words = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = words.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Zeroizing::new(token.trim().to_owned()))
}

/// The gate of routes that a scope opens.
pub(super) async fn gate(
    State((access, scope)): State<(Access, Scope)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let reach = access.admit(request.headers(), scope)?;
    request.extensions_mut().insert(reach);
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "a-token-of-more-than-20-characters";

    fn headers(words: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, words.parse().unwrap());
        headers
    }

    #[test]
    fn a_token_opens_its_scopes_and_no_other() {
        let access = Access::parse(&format!("# the cockpit\n\nread,act {LONG}\n")).unwrap();
        let with = headers(&format!("Bearer {LONG}"));
        assert!(access.admit(&with, Scope::Read).is_ok());
        assert!(access.admit(&with, Scope::Act).is_ok());
        let refused = access.admit(&with, Scope::Consumer).unwrap_err();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn a_consumers_token_may_be_bound_to_paths() {
        let text = format!("consumer:payments/,consumer:cart/db {LONG}\n");
        let access = Access::parse(&text).unwrap();
        let with = headers(&format!("Bearer {LONG}"));
        let reach = access.admit(&with, Scope::Consumer).unwrap();
        for (secret, inside) in [
            ("payments/db", true),
            ("payments", true),
            ("payments-eu/db", false),
            ("cart/db", true),
            ("cart", false),
            ("", false),
        ] {
            assert_eq!(reach.covers(&SecretPath::from(secret)), inside, "{secret}");
        }
        assert!(access.admit(&with, Scope::Read).is_err());
        for text in ["consumer: ", "consumer:/ ", "read:payments "] {
            assert!(Access::parse(&format!("{text}{LONG}")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_missing_wrong_or_cut_token_opens_nothing() {
        let access = Access::one(LONG, &[Scope::Read]).unwrap();
        let cut = LONG.get(..30).unwrap();
        for words in [
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            format!("Basic {LONG}"),
            format!("Bearer {cut}"),
            format!("Bearer {LONG}x"),
        ] {
            let refused = access.admit(&headers(&words), Scope::Read).unwrap_err();
            assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{words}");
        }
        assert!(access.admit(&HeaderMap::new(), Scope::Read).is_err());
    }

    #[test]
    fn tokens_that_cannot_be_taken_are_named_by_their_line_and_never_shown() {
        for text in [
            "read short",
            "read",
            "write a-token-of-more-than-20-characters",
            "",
            "# none",
        ] {
            let error = Access::parse(text).unwrap_err();
            assert_eq!(error.line, 1, "{text}");
            assert!(!error.to_string().contains("short"), "{error}");
        }
    }
}
