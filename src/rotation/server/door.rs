//! Where a server listens, and who gets in.

use std::net::SocketAddr;

use super::access::Access;
use super::tls::Tls;

/// Where a server listens, and who gets in.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where it listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// Who may ask for what.
    pub access: Access,
    /// Its certificate, and whether those who ask need one; absent is plain HTTP.
    pub tls: Option<Tls>,
}

impl Door {
    /// A door of plain HTTP.
    #[must_use]
    pub fn new(listen: SocketAddr, access: Access) -> Self {
        Self {
            listen,
            access,
            tls: None,
        }
    }
}
