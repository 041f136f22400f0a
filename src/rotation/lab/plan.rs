//! The lab's `rotation.toml`: what the engine is told of the lab.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddr;

use super::town::{Change, Client, Town};
use crate::model::{Region, Span};

/// Where everything is.
pub(super) struct Addresses {
    /// The near end of each region's link.
    pub(super) links: HashMap<Region, SocketAddr>,
    /// The URL of each service in each region, by the name of its log.
    pub(super) services: BTreeMap<String, String>,
    /// The URL of each shared cache, by the name of its service's log.
    pub(super) caches: BTreeMap<String, String>,
    /// The authority of each secret, by its path.
    pub(super) authorities: HashMap<String, SocketAddr>,
    pub(super) logs: SocketAddr,
    pub(super) sink: SocketAddr,
}

/// How long old and new are both accepted, and how long a cache keeps what it read.
pub(super) struct Pace {
    pub(super) grace: Span,
    pub(super) cache: Span,
    /// Whether the secret whose rotation meets the fault has a canary wave.
    pub(super) canary: bool,
}

/// Writes the plan.
pub(super) fn write(town: &Town, at: &Addresses, pace: &Pace) -> String {
    let mut out = String::from("# Written by the lab: its services, on loopback.\n\n[engine]\n");
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        out,
        "name = \"demo\"\naudit_sink = \"http://{}/audit\"",
        at.sink
    );
    for secret in &town.secrets {
        let path = secret.path.raw();
        let _ = write!(
            out,
            "\n[[secret]]\npath = \"{path}\"\nowner = \"{}\"\ntier = \"{}\"\nmask = \"http://{}/mask\"\n",
            secret.owner, secret.tier, at.logs
        );
        if secret.change == Change::Keys {
            let grace = pace.grace.as_seconds();
            let _ = writeln!(out, "grace = \"{grace}s\"");
            if pace.canary || secret.path != town.hurt {
                let _ = writeln!(out, "canary_percent = 20\nwaves = [100]");
            }
        }
        let authority = at.authorities.get(path);
        let authority = authority.map_or_else(String::new, ToString::to_string);
        let _ = writeln!(
            out,
            "[secret.target]\nkind = \"lab\"\nurl = \"http://{authority}\""
        );
        for client in town.clients.iter().filter(|c| c.secret == secret.path) {
            consumer(&mut out, client, at, pace);
        }
        for (_, service, region) in town.places().filter(|(s, ..)| s.path == secret.path) {
            place(&mut out, service.raw(), region.raw(), at);
        }
    }
    out
}

fn consumer(out: &mut String, client: &Client, at: &Addresses, pace: &Pace) {
    let name = client.name.raw();
    let link = at.links.get(&client.region);
    let link = link.map_or_else(String::new, ToString::to_string);
    let _ = writeln!(
        out,
        "[[secret.consumer]]\nname = \"{name}\"\nservice = \"{}\"\nregion = \"{}\"\nidentities = [\"{}\"]\nendpoint = \"http://{link}/{name}\"",
        client.service.raw(),
        client.region.raw(),
        client.identity.raw(),
    );
    if client.cached {
        let _ = writeln!(out, "cache = \"{}s\"", pace.cache.as_seconds());
    }
}

/// The health check of a service in a region, and its cache where it has one.
fn place(out: &mut String, service: &str, region: &str, at: &Addresses) {
    let name = format!("{service}/{region}");
    if let Some(address) = at.services.get(&name) {
        let _ = writeln!(
            out,
            "[[secret.health]]\nservice = \"{service}\"\nregion = \"{region}\"\nurl = \"{address}/healthz\"\nmax_failed = 0.8"
        );
    }
    if let Some(address) = at.caches.get(&name) {
        let _ = writeln!(
            out,
            "[[secret.cache]]\nservice = \"{service}\"\nregion = \"{region}\"\ninvalidate = \"{address}/invalidate\""
        );
    }
}
