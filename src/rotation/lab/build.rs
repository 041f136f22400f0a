//! Puts the lab together.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use rand::Rng as _;

use super::authority::{Authority, by_chance};
use super::authority_target::AuthorityTarget;
use super::cache::Cache;
use super::consumer::{Consumer, Credential, serve_region};
use super::link::Link;
use super::logs::Logs;
use super::observer::Observer;
use super::plan::{Addresses, Pace};
use super::quota::Quota;
use super::record::Record;
use super::scanner::Scanner;
use super::schedule::Happenings;
use super::service::Service;
use super::settings::{Cause, LabError, LabSettings};
use super::sink::Sink;
use super::town::{FAR, REGIONS, Town};
use super::traffic::{Tally, Traffic};
use super::wire::{Tasks, client};
use super::{Lab, plan};
use crate::model::{Actor, Region, SecretPath, Span, Version};
use crate::rotation::Material;
use crate::rotation::plan::Plan;
use crate::rotation::server::{Access, observe};
use crate::rotation::target::{Target, Versioned};

/// Calls in a minute that a provider lets through, and that one does which has a short quota.
const GENEROUS: usize = 600;
const SHORT: usize = 6;

/// How long a shared cache keeps a credential where that is the fault.
const STALE: Span = Span::seconds(3600);

/// What is put together so far.
struct Site<'s> {
    settings: &'s LabSettings,
    town: Town,
    tasks: Tasks,
    http: reqwest::Client,
    record: Record,
    logs: Logs,
    pace: Pace,
}

/// A service in a region, where it is, and its clients.
struct Place {
    service: Service,
    url: String,
    consumers: Vec<Consumer>,
    cache: Option<(Cache, String)>,
}

/// An authority, where it is, and who may manage keys there.
struct Provider {
    authority: Authority,
    at: SocketAddr,
    engine: Material,
    neighbour: Material,
    first: Versioned,
}

pub(super) async fn lab(settings: &LabSettings) -> Result<Lab, LabError> {
    let slow = settings.clock.scale() < 4.0;
    let site = Site {
        settings,
        town: Town::of(settings),
        tasks: Tasks::default(),
        http: client()?,
        record: Record::default(),
        logs: Logs::default(),
        pace: Pace {
            grace: Span::seconds(if slow { 5 } else { 60 }),
            cache: Span::seconds(if slow { 4 } else { 20 }),
            // At the pace of the world two waves would take until long after the demo should
            // have shown something.
            canary: !(slow && settings.fault == Some(Cause::StaleCache)),
        },
    };
    site.build().await
}

impl Site<'_> {
    async fn build(self) -> Result<Lab, LabError> {
        let logs = self.logs.serve(&self.tasks).await?;
        let sink = Sink::new(self.settings.clock.clone(), self.record.clone());
        let sink_at = sink.serve(&self.tasks).await?;
        let providers = self.providers().await?;
        let places = self.places(&providers).await?;
        let links = self.links(&places).await?;
        let at = Addresses {
            links: near(&links),
            services: by_log(&places, |place| Some(place.url.as_str())),
            caches: by_log(&places, |place| {
                place.cache.as_ref().map(|(_, url)| url.as_str())
            }),
            authorities: providers
                .iter()
                .map(|p| (p.authority.secret().raw().to_owned(), p.at))
                .collect(),
            logs,
            sink: sink_at,
        };
        let plan_text = plan::write(&self.town, &at, &self.pace);
        let plan = Plan::parse(&plan_text)?;
        let authorities: Vec<_> = providers.iter().map(|p| p.authority.clone()).collect();
        let watched = self.traffic(&places);
        self.watch(watched, &places, &authorities, sink);
        self.scan(authorities, format!("http://{logs}"));
        let happenings = self.happenings(&providers, &places, &links, sink_at)?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let clock = self.settings.clock.clone();
        let stream = observe(
            listen,
            self.record.log().clone(),
            clock.clone(),
            Access::open(),
        )
        .await?;
        Ok(Lab {
            clock,
            plan,
            plan_text,
            targets: providers.iter().map(|p| self.target(p)).collect(),
            first: providers
                .iter()
                .map(|p| (p.authority.secret().clone(), p.first.clone()))
                .collect(),
            services: places.iter().map(|p| p.service.clone()).collect(),
            consumers: places.iter().flat_map(|p| p.consumers.clone()).collect(),
            record: self.record,
            stream,
            happenings,
            tasks: self.tasks,
        })
    }

    async fn providers(&self) -> Result<Vec<Provider>, LabError> {
        let mut providers = Vec::new();
        for secret in &self.town.secrets {
            let short = secret.path == self.town.hurt && self.settings.fault == Some(Cause::Quota);
            let quota = if short {
                Quota::new(SHORT, true)
            } else {
                Quota::new(GENEROUS, false)
            };
            let (engine, neighbour) = (token(), token());
            let managers = vec![
                (engine.clone(), Actor::from("lab:engine")),
                (neighbour.clone(), Actor::from("lab:neighbour")),
            ];
            let clock = self.settings.clock.clone();
            let authority = Authority::new(secret, quota, managers, clock, self.record.clone());
            let first = Versioned {
                version: Version::from("v1"),
                material: authority.found(),
            };
            providers.push(Provider {
                at: authority.serve(&self.tasks).await?,
                authority,
                engine,
                neighbour,
                first,
            });
        }
        Ok(providers)
    }

    async fn places(&self, providers: &[Provider]) -> Result<Vec<Place>, LabError> {
        let mut places = Vec::new();
        for (secret, name, region) in self.town.places() {
            let of = |p: &&Provider| *p.authority.secret() == secret.path;
            let Some(provider) = providers.iter().find(of) else {
                continue;
            };
            let service = Service::new(name, &region, &provider.authority, &self.logs);
            let url = format!("http://{}", service.serve(&self.tasks).await?);
            let here = self.town.clients.iter();
            let here = here.filter(|c| c.service == *name && c.region == region);
            let consumers: Vec<Consumer> = here
                .map(|client| {
                    let consumer = Consumer::new(
                        client.clone(),
                        secret.change,
                        (url.clone(), service.log()),
                        self.logs.clone(),
                        self.http.clone(),
                        self.settings.clock.clone(),
                        self.tasks.clone(),
                    );
                    consumer.provision(Credential {
                        version: provider.first.version.clone(),
                        material: provider.first.material.clone(),
                    });
                    consumer
                })
                .collect();
            let cache = self.cache(&consumers).await?;
            places.push(Place {
                service,
                url,
                consumers,
                cache,
            });
        }
        Ok(places)
    }

    async fn cache(&self, consumers: &[Consumer]) -> Result<Option<(Cache, String)>, LabError> {
        let Some(first) = consumers.first().filter(|c| c.client().cached) else {
            return Ok(None);
        };
        let ttl = match self.settings.fault {
            Some(Cause::StaleCache) => STALE,
            _ => self.pace.cache,
        };
        let cache = Cache::new(first.clone(), ttl, self.settings.clock.clone());
        let at = cache.serve(&self.tasks).await?;
        Ok(Some((cache, format!("http://{at}"))))
    }

    async fn links(&self, places: &[Place]) -> Result<Vec<(Region, Link)>, LabError> {
        let mut links = Vec::new();
        for region in REGIONS {
            let region = Region::from(region);
            let here = places.iter().flat_map(|p| &p.consumers);
            let here: Vec<Consumer> = here
                .filter(|c| c.client().region == region)
                .cloned()
                .collect();
            let far = serve_region(&here, &self.tasks).await?;
            links.push((region, Link::to(far, &self.tasks).await?));
        }
        Ok(links)
    }

    fn traffic(&self, places: &[Place]) -> Vec<(Service, Tally)> {
        let rate = self.settings.rate(places.len());
        let mut watched = Vec::new();
        for (number, place) in (0_u64..).zip(places) {
            let tally = Tally::default();
            let traffic = Traffic {
                consumers: place.consumers.clone(),
                service: place.url.clone(),
                cache: place.cache.as_ref().map(|(_, url)| url.clone()),
                rate,
                seed: self.settings.seed.wrapping_mul(1000).wrapping_add(number),
                clock: self.settings.clock.clone(),
                http: self.http.clone(),
                tally: tally.clone(),
            };
            self.tasks.spawn(traffic.flow());
            watched.push((place.service.clone(), tally));
        }
        watched
    }

    fn watch(
        &self,
        services: Vec<(Service, Tally)>,
        places: &[Place],
        authorities: &[Authority],
        sink: Sink,
    ) {
        let caches = places.iter().filter_map(|p| p.cache.as_ref());
        let observer = Observer {
            window: self.settings.window(),
            services,
            caches: caches.map(|(cache, _)| cache.clone()).collect(),
            authorities: authorities.to_vec(),
            sink,
            clock: self.settings.clock.clone(),
            record: self.record.clone(),
        };
        self.tasks.spawn(observer.watch());
    }

    fn scan(&self, authorities: Vec<Authority>, logs: String) {
        let mut key = [0_u8; 32];
        rand::rng().fill_bytes(&mut key);
        let every = i64::try_from(self.settings.window()).unwrap_or(i64::MAX);
        let scanner = Scanner {
            logs,
            authorities,
            every: Span::seconds(every),
            clock: self.settings.clock.clone(),
            http: self.http.clone(),
            record: self.record.clone(),
            key,
        };
        self.tasks.spawn(scanner.scan());
    }

    fn target(&self, provider: &Provider) -> (SecretPath, Arc<dyn Target>) {
        let target = AuthorityTarget {
            client: self.http.clone(),
            url: format!("http://{}", provider.at),
            change: provider.authority.change(),
            token: provider.engine.clone(),
            clock: self.settings.clock.clone(),
        };
        (provider.authority.secret().clone(), Arc::new(target))
    }

    fn happenings(
        &self,
        providers: &[Provider],
        places: &[Place],
        links: &[(Region, Link)],
        sink: SocketAddr,
    ) -> Result<Happenings, LabError> {
        let hurt = |p: &&Provider| *p.authority.secret() == self.town.hurt;
        let provider = providers.iter().find(hurt);
        let far = links.iter().find(|(region, _)| region.raw() == FAR);
        let (Some(provider), Some((_, far))) = (provider, far) else {
            return Err(LabError::Incomplete);
        };
        let consumers = places.iter().flat_map(|p| &p.consumers);
        let victims = consumers.filter(|c| c.client().service == self.town.victim);
        Ok(Happenings {
            cause: self.settings.fault,
            town: self.town.clone(),
            clock: self.settings.clock.clone(),
            seed: self.settings.seed,
            quiet: self.settings.quiet(),
            victims: victims.cloned().collect(),
            far: far.clone(),
            authority: provider.authority.clone(),
            authority_url: format!("http://{}", provider.at),
            neighbour: provider.neighbour.clone(),
            sink_url: format!("http://{sink}"),
            http: self.http.clone(),
            tasks: self.tasks.clone(),
        })
    }
}

fn token() -> Material {
    Material::new(by_chance("").into_bytes())
}

fn near(links: &[(Region, Link)]) -> HashMap<Region, SocketAddr> {
    let near = links.iter();
    near.map(|(region, link)| (region.clone(), link.near))
        .collect()
}

/// Addresses by the name of a service's log.
fn by_log<'p>(
    places: &'p [Place],
    url: impl Fn(&'p Place) -> Option<&'p str>,
) -> BTreeMap<String, String> {
    let all = places.iter();
    all.filter_map(|place| Some((place.service.log(), url(place)?.to_owned())))
        .collect()
}
