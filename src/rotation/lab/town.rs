//! Who there is: regions, secrets, services and their clients.

use super::settings::{Cause, LabSettings};
use crate::model::{Actor, ConsumerId, Region, SecretPath, ServiceName};

/// Where everything runs.
pub(super) const REGIONS: [&str; 3] = ["eu-1", "us-2", "ap-3"];

/// The region whose link a cut link cuts.
pub(super) const FAR: &str = "ap-3";

/// The service whose clients ask a shared cache for their credential.
const CACHED: &str = "refunds";

/// Clients of each service in each region.
const CLIENTS: usize = 3;

/// How a secret is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Its provider issues keys and accepts several at once.
    Keys,
    /// It is one password, replaced in place.
    InPlace,
}

/// One secret.
#[derive(Clone, Debug)]
pub(super) struct Secret {
    pub(super) path: SecretPath,
    pub(super) owner: &'static str,
    pub(super) tier: &'static str,
    pub(super) change: Change,
    pub(super) services: Vec<ServiceName>,
}

/// How a client takes a version that is pushed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// When it is told to.
    AtOnce,
    /// Only when it is restarted.
    AtRestart,
    /// When its own slow reload comes round.
    Slowly,
}

/// One client.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) name: ConsumerId,
    pub(super) identity: Actor,
    pub(super) service: ServiceName,
    pub(super) region: Region,
    pub(super) secret: SecretPath,
    pub(super) takes: Takes,
    /// Reads only keys of the format that was always issued.
    pub(super) strict: bool,
    /// Asks a shared cache for its credential.
    pub(super) cached: bool,
}

/// Everyone.
#[derive(Clone, Debug)]
pub(super) struct Town {
    pub(super) secrets: Vec<Secret>,
    pub(super) clients: Vec<Client>,
    /// The secret whose rotation meets the fault.
    pub(super) hurt: SecretPath,
    /// The service that suffers first.
    pub(super) victim: ServiceName,
}

/// Path, owner, tier, how it is changed, and the services that depend on it.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    Change,
    [&'static str; 2],
);

const ROWS: [Row; 12] = [
    (
        "payments/api-key",
        "team-payments",
        "critical",
        Change::Keys,
        ["checkout", "refunds"],
    ),
    (
        "ledger/db-password",
        "team-ledger",
        "high",
        Change::InPlace,
        ["billing", "invoices"],
    ),
    (
        "search/api-key",
        "team-search",
        "standard",
        Change::Keys,
        ["search", "catalog"],
    ),
    (
        "mail/api-key",
        "team-mail",
        "standard",
        Change::Keys,
        ["mailer", "notify"],
    ),
    (
        "maps/api-key",
        "team-delivery",
        "standard",
        Change::Keys,
        ["shipping", "tracking"],
    ),
    (
        "stock/db-password",
        "team-stock",
        "high",
        Change::InPlace,
        ["inventory", "orders"],
    ),
    (
        "fraud/api-key",
        "team-risk",
        "high",
        Change::Keys,
        ["scoring", "review"],
    ),
    (
        "media/api-key",
        "team-media",
        "standard",
        Change::Keys,
        ["images", "uploads"],
    ),
    (
        "loyalty/api-key",
        "team-loyalty",
        "standard",
        Change::Keys,
        ["points", "coupons"],
    ),
    (
        "people/db-password",
        "team-people",
        "high",
        Change::InPlace,
        ["accounts", "profiles"],
    ),
    (
        "tax/api-key",
        "team-finance",
        "standard",
        Change::Keys,
        ["tax", "reports"],
    ),
    (
        "chat/api-key",
        "team-support",
        "standard",
        Change::Keys,
        ["support", "chat"],
    ),
];

impl Town {
    /// Everyone, as the settings have it.
    pub(super) fn of(settings: &LabSettings) -> Self {
        let mut secrets = Vec::new();
        let mut left = settings.services();
        for (path, owner, tier, change, services) in ROWS {
            let services: Vec<ServiceName> = services
                .into_iter()
                .take(left)
                .map(ServiceName::from)
                .collect();
            left -= services.len();
            if services.is_empty() {
                break;
            }
            secrets.push(Secret {
                path: SecretPath::from(path),
                owner,
                tier,
                change,
                services,
            });
        }
        let (hurt, victim) = match settings.fault {
            Some(Cause::NeedsRestart) => ("ledger/db-password", "billing"),
            Some(Cause::StaleCache) => ("payments/api-key", CACHED),
            _ => ("payments/api-key", "checkout"),
        };
        let victim = ServiceName::from(victim);
        let clients = secrets
            .iter()
            .flat_map(|secret| clients(secret, settings.fault, &victim))
            .collect();
        Self {
            secrets,
            clients,
            hurt: SecretPath::from(hurt),
            victim,
        }
    }

    /// Every service in every region, with its secret.
    pub(super) fn places(&self) -> impl Iterator<Item = (&Secret, &ServiceName, Region)> {
        self.secrets.iter().flat_map(|secret| {
            secret.services.iter().flat_map(move |service| {
                let regions = REGIONS.iter().map(|region| Region::from(*region));
                regions.map(move |region| (secret, service, region))
            })
        })
    }
}

fn clients(secret: &Secret, fault: Option<Cause>, victim: &ServiceName) -> Vec<Client> {
    let mut clients = Vec::new();
    for service in &secret.services {
        let hurt = service == victim;
        let takes = match fault {
            Some(Cause::NeedsRestart) => Takes::AtRestart,
            Some(Cause::EarlyRevoke) => Takes::Slowly,
            _ => Takes::AtOnce,
        };
        for region in REGIONS {
            for number in 0..CLIENTS {
                // One of them in each region: the others hide it from a coarse health check.
                let odd = hurt && number == 0;
                let takes = if odd { takes } else { Takes::AtOnce };
                let name = format!("{}-{region}-{number}", service.raw());
                clients.push(Client {
                    identity: Actor::from(format!("lab:{name}")),
                    name: ConsumerId::from(name),
                    service: service.clone(),
                    region: Region::from(region),
                    secret: secret.path.clone(),
                    takes,
                    strict: odd && fault == Some(Cause::NewFormat),
                    cached: service.raw() == CACHED,
                });
            }
        }
    }
    clients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_clients_in_every_region_and_one_secret_is_changed_in_place() {
        for services in [4, 5, 6, 24] {
            let settings = LabSettings {
                services,
                ..LabSettings::new()
            };
            let town = Town::of(&settings);
            assert_eq!(town.places().count(), services * REGIONS.len());
            assert_eq!(town.clients.len(), services * REGIONS.len() * CLIENTS);
            let in_place = |s: &&Secret| s.change == Change::InPlace;
            assert!(town.secrets.iter().any(|s| in_place(&s)));
        }
    }

    #[test]
    fn one_of_the_victims_clients_in_each_region_is_odd() {
        let settings = LabSettings {
            fault: Some(Cause::NeedsRestart),
            ..LabSettings::new()
        };
        let town = Town::of(&settings);
        let odd = town.clients.iter().filter(|c| c.takes == Takes::AtRestart);
        let odd: Vec<_> = odd
            .map(|c| (c.service == town.victim, c.region.raw()))
            .collect();
        assert_eq!(odd, REGIONS.map(|region| (true, region)));
    }
}
