//! Takes connections in: no more than there are places for, none that is slow to say what it
//! wants, and all of them ended when the server ends.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::access::Access;

/// So many connections are open at once, at most; more wait to be taken in.
const PLACES: usize = 1024;

/// A connection that has not said all of a request's head by then is ended.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Connections that have not ended by then, after the server was told to, are cut.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Why a server cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("{0} cannot be listened on: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// Anybody could act.
    #[error("{0} can be reached from other machines, so tokens are needed")]
    Open(SocketAddr),
}

/// A server that runs. Dropping it ends it without waiting.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL to give a cockpit.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it: streams end, requests that run are answered, what then remains is cut.
    pub async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(END_WITHIN, self.tasks.wait()).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serves `router` at `listen` (port 0 is any free one) until it is told to end; `stop` is what
/// the router's streams end by. `access` is asked only whether it is open: the router does the
/// rest.
///
/// # Errors
/// [`ServeError`] where the address cannot be had, or where it is no loopback and `access` open.
pub async fn serve(
    listen: SocketAddr,
    router: Router,
    access: &Access,
    stop: CancellationToken,
) -> Result<Running, ServeError> {
    if access.is_open() && !listen.ip().is_loopback() {
        return Err(ServeError::Open(listen));
    }
    let cannot = |error| ServeError::Listen(listen, error);
    let listener = TcpListener::bind(listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let tasks = TaskTracker::new();
    tasks.spawn(accept(listener, router, stop.clone(), tasks.clone()));
    tracing::info!(%address, "listening");
    Ok(Running {
        address,
        stop,
        tasks,
    })
}

async fn accept(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(PLACES));
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let taken = tokio::select! {
            taken = async { (place.await, listener.accept().await) } => taken,
            () = stop.cancelled() => return,
        };
        match taken {
            (Ok(place), Ok((stream, _))) => {
                let _ = stream.set_nodelay(true);
                let (router, stop) = (router.clone(), stop.clone());
                tasks.spawn(async move {
                    converse(stream, router, stop).await;
                    drop(place);
                });
            }
            (Ok(_), Err(error)) => {
                // Most often too many open files: it passes when a connection ends.
                tracing::warn!(%error, "a connection cannot be taken in");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            (Err(_), _) => return,
        }
    }
}

/// One connection, to its end.
async fn converse<S>(stream: S, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let done = tokio::select! {
        done = connection.as_mut() => done,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(END_WITHIN, connection).await {
                Ok(done) => done,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = done {
        // A reader that leaves is no event.
        tracing::debug!(%error, "a connection ended early");
    }
}
