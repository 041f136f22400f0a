//! What is answered where something cannot be done: a status, a word for programs, words for
//! people.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::model::Text;
use crate::rotation::lifecycle::{Refusal, RefusalKind};

/// A refusal as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// One word, for programs.
    pub error: &'static str,
    /// What failed, on what, and what to do next; harmless to show.
    pub message: String,
    /// False where nothing was done; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<bool>,
}

impl Problem {
    /// A problem of this status.
    #[must_use]
    pub fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            error,
            message: message.into(),
            done: Some(false),
        }
    }

    /// The same, where something may have been done all the same.
    #[must_use]
    pub fn perhaps_done(mut self) -> Self {
        self.done = None;
        self
    }

    /// The request makes no sense.
    #[must_use]
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", message)
    }

    /// There is no such thing.
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

/// A body, or why it did not come whole.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// Reads a body as JSON, whatever it calls itself.
pub(super) fn json<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-long",
            "a body is 64 KiB long at most",
        ),
        _ => Problem::bad("the body did not come whole"),
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        let words = Text::from(error.to_string()).to_string();
        if error.is_data() {
            unfit(&words)
        } else {
            Problem::bad(format!("the body is no JSON: {words}"))
        }
    })
}

/// What came lacks or contradicts something.
pub(super) fn unfit(words: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed", words)
}

/// What the engine refuses, as it travels.
pub(super) fn refused(refusal: &Refusal) -> Problem {
    let (status, word) = match refusal.kind {
        RefusalKind::Unknown => (StatusCode::NOT_FOUND, "unknown"),
        RefusalKind::State => (StatusCode::CONFLICT, "state"),
        RefusalKind::Frozen => (StatusCode::CONFLICT, "frozen"),
        RefusalKind::Malformed => (StatusCode::UNPROCESSABLE_ENTITY, "malformed"),
        RefusalKind::Store => (StatusCode::SERVICE_UNAVAILABLE, "store"),
        RefusalKind::Closed => (StatusCode::SERVICE_UNAVAILABLE, "closed"),
    };
    Problem::new(status, word, refusal.to_string())
}
