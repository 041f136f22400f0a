//! The engine's server: HTTP and JSON, a stream of events, on loopback unless told otherwise
//! (`docs/server.md`).
//!
//! Rooms, each seeing only those before it: answers and access; logs and their stream; the routes
//! of the engine; the server itself.

pub mod access;
mod acts;
mod answer;
pub mod door;
pub mod gate;
pub mod log;
mod metrics;
pub mod routes;
pub mod serve;
pub mod service;
pub mod stream;
pub mod tls;

pub use access::{Access, AccessError, Scope};
pub use answer::Problem;
pub use door::Door;
pub use gate::{Gate, Requested};
pub use log::Log;
pub use routes::{OPENAPI, ROUTES, routes};
pub use serve::{Running, ServeError, serve};
pub use service::{Service, Told};
pub use stream::{ClockNote, Feed};
pub use tls::{Tls, TlsError};

use std::net::SocketAddr;

use axum::middleware::from_fn_with_state;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;

/// Serves nothing but the stream of a log: what an observer does.
///
/// # Errors
/// [`ServeError`] where the address cannot be had, or where it is no loopback and `access` open.
pub async fn observe<L: Log>(
    listen: SocketAddr,
    log: L,
    clock: Clock,
    access: Access,
) -> Result<Running, ServeError> {
    let stop = CancellationToken::new();
    let feed = Feed {
        log,
        clock,
        stop: stop.clone(),
    };
    let gate = from_fn_with_state((access.clone(), Scope::Read), access::gate);
    let router = stream::routes(feed).route_layer(gate);
    serve(&Door::new(listen, access), router, stop).await
}

/// Serves an engine.
///
/// # Errors
/// [`ServeError`] where the address cannot be had, or where others can reach it and everybody
/// could act.
pub async fn engine<S: Service>(
    door: Door,
    service: S,
    clock: Clock,
) -> Result<Running, ServeError> {
    let stop = CancellationToken::new();
    let router = routes(service, clock, &door, stop.clone());
    serve(&door, router, stop).await
}
