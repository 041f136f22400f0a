//! Where a server listens, and who gets in.

use std::net::SocketAddr;

use super::access::Access;
use super::gate::Gate;
use super::tls::Tls;

/// Where a server listens, and who gets in.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where it listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// Who may ask for what.
    pub access: Access,
    /// Who may have done what.
    pub gate: Gate,
    /// Its certificate, and whether those who ask need one; absent is plain HTTP.
    pub tls: Option<Tls>,
}

impl Door {
    /// A door of plain HTTP, behind which nothing is done that has to be signed.
    #[must_use]
    pub fn new(listen: SocketAddr, access: Access) -> Self {
        Self {
            listen,
            access,
            gate: Gate::closed(),
            tls: None,
        }
    }
}
