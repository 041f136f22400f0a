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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::door::Door;
use super::tls::Tls;

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
    #[error("{0} can be reached from other machines, so tokens or client certificates are needed")]
    Open(SocketAddr),
}

/// A server that runs. Dropping it ends it without waiting.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    scheme: &'static str,
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
        format!("{}://{}", self.scheme, self.address)
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

/// Serves `router` at a door until it is told to end; `stop` is what the router's streams end by.
/// Of the door's access only is asked whether it is open: the router does the rest.
///
/// # Errors
/// [`ServeError`] where the address cannot be had, or where others can reach it and neither tokens
/// nor certificates tell who they are.
pub async fn serve(
    door: &Door,
    router: Router,
    stop: CancellationToken,
) -> Result<Running, ServeError> {
    let listen = door.listen;
    let mutual = door.tls.as_ref().is_some_and(Tls::is_mutual);
    if door.access.is_open() && !mutual && !listen.ip().is_loopback() {
        return Err(ServeError::Open(listen));
    }
    let cannot = |error| ServeError::Listen(listen, error);
    let listener = TcpListener::bind(listen).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let tasks = TaskTracker::new();
    let acceptor = door
        .tls
        .as_ref()
        .map(|tls| TlsAcceptor::from(Arc::clone(&tls.config)));
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    tasks.spawn(accept(
        listener,
        acceptor,
        router,
        stop.clone(),
        tasks.clone(),
    ));
    tracing::info!(%address, "listening");
    Ok(Running {
        address,
        scheme,
        stop,
        tasks,
    })
}

async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
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
                let (router, stop, acceptor) = (router.clone(), stop.clone(), acceptor.clone());
                tasks.spawn(async move {
                    match acceptor {
                        None => converse(stream, router, stop).await,
                        Some(acceptor) => {
                            if let Some(stream) = shake_hands(&acceptor, stream).await {
                                converse(stream, router, stop).await;
                            }
                        }
                    }
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

/// The beginning of a connection under TLS; `None` where it came to nothing.
async fn shake_hands(acceptor: &TlsAcceptor, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(HEAD_WITHIN, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS came about");
            None
        }
        Err(_) => None,
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
