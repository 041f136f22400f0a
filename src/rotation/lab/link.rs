//! A region's link: a relay in front of all its clients, which can be cut.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::settings::LabError;
use super::wire::{Tasks, listen};

/// A link. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// The near end, which the engine knows.
    pub(super) near: SocketAddr,
    up: Arc<watch::Sender<bool>>,
}

impl Link {
    /// Lays a link to `far`.
    pub(super) async fn to(far: SocketAddr, tasks: &Tasks) -> Result<Self, LabError> {
        let (listener, near) = listen("a region's link").await?;
        let up = Arc::new(watch::Sender::new(true));
        tasks.spawn(relay(listener, far, Arc::clone(&up), tasks.clone()));
        Ok(Self { near, up })
    }

    /// Cuts it: what is under way breaks, and whoever comes finds nobody.
    pub(super) fn cut(&self) {
        self.up.send_replace(false);
    }

    /// Mends it.
    pub(super) fn mend(&self) {
        self.up.send_replace(true);
    }
}

async fn relay(
    mut listener: TcpListener,
    far: SocketAddr,
    // Held, so that a link nobody can cut any more goes on carrying.
    held: Arc<watch::Sender<bool>>,
    tasks: Tasks,
) {
    let mut up = held.subscribe();
    let Ok(near) = listener.local_addr() else {
        return;
    };
    loop {
        tokio::select! {
            arrived = listener.accept() => {
                if let Ok((stream, _)) = arrived {
                    tasks.spawn(carry(stream, far, up.clone()));
                }
            }
            changed = up.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
        if !*up.borrow() {
            // Closed, so that a caller is refused at once, as by a router without a route.
            drop(listener);
            if up.wait_for(|up| *up).await.is_err() {
                return;
            }
            listener = loop {
                if let Ok(again) = TcpListener::bind(near).await {
                    break again;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            };
        }
    }
}

async fn carry(mut near: TcpStream, far: SocketAddr, mut up: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(far).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = up.wait_for(|up| !*up) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::lab::wire::{client, serve};
    use axum::Router;
    use axum::routing::get;

    #[tokio::test]
    async fn a_cut_link_refuses_and_a_mended_one_carries_again() {
        let tasks = Tasks::default();
        let router = Router::new().route("/", get(|| async { "here" }));
        let far = serve("a test", router, &tasks).await.unwrap();
        let link = Link::to(far, &tasks).await.unwrap();
        let url = format!("http://{}/", link.near);
        let http = client().unwrap();
        assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
        link.cut();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(http.get(&url).send().await.is_err());
        link.mend();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
        tasks.end().await;
    }
}
