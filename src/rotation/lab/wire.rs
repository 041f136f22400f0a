//! HTTP on loopback: the client that everybody shares, and servers that end with the lab.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::settings::LabError;

/// Nothing on loopback takes longer than this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// The tasks of a lab, and how they are told to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    pub(super) over: CancellationToken,
}

impl Tasks {
    /// Runs something until it ends or the lab does.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let over = self.over.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = over.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Ends everything and waits until it has ended.
    pub(super) async fn end(&self) {
        self.over.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// A free socket on loopback.
pub(super) async fn listen(what: &'static str) -> Result<(TcpListener, SocketAddr), LabError> {
    let opened = async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = listener.local_addr()?;
        Ok((listener, at))
    };
    opened.await.map_err(|why| LabError::Socket { what, why })
}

/// Serves on a free socket until the lab ends; says where.
pub(super) async fn serve(
    what: &'static str,
    router: Router,
    tasks: &Tasks,
) -> Result<SocketAddr, LabError> {
    let (listener, at) = listen(what).await?;
    tasks.spawn(async move {
        // It ends with the lab, or with the system's last word on this socket.
        let _ended = axum::serve(listener, router).await;
    });
    Ok(at)
}

/// A client for plain HTTP on loopback. It trusts no certificate, since it meets none.
pub(super) fn client() -> Result<reqwest::Client, LabError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|tls| {
            tls.with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth()
        });
    let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    let builder = match tls {
        Ok(tls) => builder.tls_backend_preconfigured(tls),
        Err(_) => builder,
    };
    Ok(builder.build()?)
}
