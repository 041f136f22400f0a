//! Consumers, by the secret that they use.
//!
//! What a consumer's own events say of it beats what a rotation's start says of it.

use std::sync::Arc;

use super::source::millis;
use super::store::{Row, Store, Words};
use super::view::{Consumer, EventRef, RegionTally, Rotation, Tally};
use crate::model::event::{ConsumerState, ConsumerVersion, NamedConsumer};
use crate::model::{Actor, ConsumerId, Region, SecretPath, ServiceName, Span, Timestamp, Version};

/// The most versions kept that one consumer has reached; the latest by their first time stay.
const REACHED_KEPT: usize = 256;

/// The most versions of which it is kept how long one consumer took; the latest told stay.
const TOOK_KEPT: usize = 4;

/// The most identities kept of one consumer; the first in the alphabet stay.
const IDENTITIES_KEPT: usize = 64;

/// All consumers.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumers {
    secrets: Store<OfSecret, 1>,
}

#[derive(Clone, Debug)]
struct OfSecret {
    secret: SecretPath,
    /// In the order of names.
    rows: Vec<Arc<Known>>,
}

impl Row<1> for OfSecret {
    fn key(&self) -> Words<'_, 1> {
        [Some(self.secret.raw())]
    }
}

/// How much a word weighs: first whether the consumer's own event said it, then how late.
type Weight = (bool, EventRef);

#[derive(Clone, Debug)]
struct Known {
    view: Consumer,
    /// The event that told each of [`Consumer::took`].
    took: Vec<EventRef>,
    word: Option<Weight>,
    service: Option<Weight>,
    region: Option<Weight>,
}

/// Sets `to` where the new word is there and outweighs the one that stands.
fn put<T: Clone>(to: &mut Option<T>, stands: &mut Option<Weight>, new: Option<&T>, by: &Weight) {
    let Some(new) = new else { return };
    if stands.as_ref().is_none_or(|stands| stands < by) {
        *to = Some(new.clone());
        *stands = Some(by.clone());
    }
}

impl Known {
    fn new(name: &ConsumerId) -> Self {
        Self {
            view: Consumer {
                name: name.clone(),
                service: None,
                region: None,
                version: None,
                state: ConsumerState::Pending,
                at: Timestamp::default(),
                error: None,
                latency: None,
                identities: Vec::new(),
                reached: Vec::new(),
                took: Vec::new(),
            },
            took: Vec::new(),
            word: None,
            service: None,
            region: None,
        }
    }

    fn told(&mut self, event: EventRef, told: &ConsumerVersion) {
        let at = event.time;
        let by = (true, event);
        self.about(&by, told.service.as_ref(), told.region.as_ref());
        self.identities(&told.identities);
        if matches!(told.state, ConsumerState::Validated | ConsumerState::InUse) {
            self.reached(&told.version, at);
        }
        // How long somebody failed, or has been waiting, is no time in which they got a version.
        let got = !matches!(told.state, ConsumerState::Failed | ConsumerState::Pending);
        if let Some(latency) = told.latency_ms.filter(|_| got) {
            self.took(&by.1, &told.version, millis(latency));
        }
        if self.word.as_ref().is_none_or(|word| *word < by) {
            let view = &mut self.view;
            view.version = Some(told.version.clone());
            view.state = told.state.clone();
            view.at = at;
            view.error.clone_from(&told.error);
            view.latency = told.latency_ms.map(millis);
            self.word = Some(by);
        }
    }

    fn named(&mut self, event: EventRef, named: &NamedConsumer) {
        let at = event.time;
        let by = (false, event);
        self.about(&by, named.service.as_ref(), named.region.as_ref());
        self.identities(&named.identities);
        if self.word.as_ref().is_none_or(|word| *word < by) {
            self.view.at = at;
            self.word = Some(by);
        }
    }

    fn about(&mut self, by: &Weight, service: Option<&ServiceName>, region: Option<&Region>) {
        put(&mut self.view.service, &mut self.service, service, by);
        put(&mut self.view.region, &mut self.region, region, by);
    }

    fn identities(&mut self, new: &[Actor]) {
        for identity in new {
            if let Err(at) = self.view.identities.binary_search(identity) {
                self.view.identities.insert(at, identity.clone());
                self.view.identities.truncate(IDENTITIES_KEPT);
            }
        }
    }

    /// How long it took to a version, as its latest word about that version says.
    fn took(&mut self, event: &EventRef, version: &Version, latency: Span) {
        let took = &mut self.view.took;
        if let Some(held) = took.iter().position(|(v, _)| v == version) {
            if self.took.get(held).is_some_and(|held| held >= event) {
                return;
            }
            took.remove(held);
            self.took.remove(held);
        }
        let (Ok(at) | Err(at)) = self.took.binary_search(event);
        self.took.insert(at, event.clone());
        took.insert(at, (version.clone(), latency));
        if took.len() > TOOK_KEPT {
            took.remove(0);
            self.took.remove(0);
        }
    }

    fn reached(&mut self, version: &Version, at: Timestamp) {
        let reached = &mut self.view.reached;
        match reached.iter_mut().find(|(v, _)| v == version) {
            Some((_, first)) if *first <= at => return,
            Some((_, first)) => *first = at,
            None => reached.push((version.clone(), at)),
        }
        reached.sort_by(|(va, a), (vb, b)| (a, va).cmp(&(b, vb)));
        if reached.len() > REACHED_KEPT {
            reached.remove(0);
        }
    }
}

impl Consumers {
    /// Takes in what a consumer holds.
    pub(super) fn told(&mut self, event: EventRef, told: &ConsumerVersion) {
        let of_secret = self.of_secret(&told.secret);
        if let Some(known) = of_secret.and_then(|of| of.known(&told.consumer)) {
            known.told(event, told);
        }
    }

    /// Takes in what a rotation's start says of its secret's consumers.
    pub(super) fn named(&mut self, event: &EventRef, secret: &SecretPath, all: &[NamedConsumer]) {
        if all.is_empty() {
            return;
        }
        let Some(of_secret) = self.of_secret(secret) else {
            return;
        };
        for named in all {
            if let Some(known) = of_secret.known(&named.consumer) {
                known.named(event.clone(), named);
            }
        }
    }

    fn of_secret(&mut self, secret: &SecretPath) -> Option<&mut OfSecret> {
        self.secrets.row([Some(secret.raw())], || OfSecret {
            secret: secret.clone(),
            rows: Vec::new(),
        })
    }

    /// The consumers of a secret, by name.
    pub(super) fn of(&self, secret: &SecretPath) -> impl Iterator<Item = &Consumer> {
        self.secrets
            .get([Some(secret.raw())])
            .into_iter()
            .flat_map(|of_secret| of_secret.rows.iter().map(|known| &known.view))
    }

    /// Where what is known of a secret lies in memory; 0 where nothing is.
    pub(super) fn place(&self, secret: &SecretPath) -> usize {
        let row = self.secrets.get([Some(secret.raw())]);
        row.map_or(0, |row| std::ptr::from_ref(row).addr())
    }

    /// Every secret that has consumers, by name.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretPath> {
        let known = self.secrets.iter().filter(|of| !of.rows.is_empty());
        known.map(|of_secret| &of_secret.secret)
    }

    /// Every secret with its consumers, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&SecretPath, &Consumer)> {
        self.secrets.iter().flat_map(|of_secret| {
            let rows = of_secret.rows.iter();
            rows.map(|known| (&of_secret.secret, &known.view))
        })
    }

    /// One consumer of a secret.
    pub(super) fn one(&self, secret: &SecretPath, name: &ConsumerId) -> Option<&Consumer> {
        let of_secret = self.secrets.get([Some(secret.raw())])?;
        let at = of_secret.place(name).ok()?;
        of_secret.rows.get(at).map(|known| &known.view)
    }

    /// How many consumers of a rotation are where.
    pub(super) fn tally(&self, rotation: &Rotation) -> Tally {
        let mut tally = Tally::default();
        let Some(secret) = &rotation.secret else {
            return tally;
        };
        for consumer in self.of(secret) {
            let standing = standing(consumer, rotation);
            tally.total += 1;
            tally.on_new += usize::from(standing == Standing::OnNew);
            tally.delivered += usize::from(standing == Standing::Delivered);
            tally.failed += usize::from(standing == Standing::Failed);
            let regions = &mut tally.regions;
            let at = match regions.binary_search_by(|r| r.region.cmp(&consumer.region)) {
                Ok(at) => at,
                Err(at) => {
                    regions.insert(
                        at,
                        RegionTally {
                            region: consumer.region.clone(),
                            ..RegionTally::default()
                        },
                    );
                    at
                }
            };
            if let Some(region) = regions.get_mut(at) {
                region.total += 1;
                region.on_new += usize::from(standing == Standing::OnNew);
            }
        }
        tally
    }
}

impl OfSecret {
    fn known(&mut self, name: &ConsumerId) -> Option<&mut Known> {
        let at = match self.place(name) {
            Ok(at) => at,
            Err(at) => {
                self.rows.insert(at, Arc::new(Known::new(name)));
                at
            }
        };
        self.rows.get_mut(at).map(Arc::make_mut)
    }

    fn place(&self, name: &ConsumerId) -> Result<usize, usize> {
        self.rows
            .binary_search_by(|known| known.view.name.cmp(name))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    OnNew,
    Delivered,
    Failed,
    Elsewhere,
}

/// Where a consumer stands with the version that a rotation brings. Of a superseded rotation it
/// counts who ever reached its version: by now they have gone on to another.
fn standing(consumer: &Consumer, rotation: &Rotation) -> Standing {
    let Some(version) = &rotation.to_version else {
        return Standing::Elsewhere;
    };
    let ever = rotation.superseded_by.is_some();
    if ever && consumer.reached.iter().any(|(v, _)| v == version) {
        return Standing::OnNew;
    }
    if consumer.version.as_ref() != Some(version) {
        return Standing::Elsewhere;
    }
    match consumer.state {
        ConsumerState::Validated | ConsumerState::InUse => Standing::OnNew,
        ConsumerState::Delivered => Standing::Delivered,
        ConsumerState::Failed => Standing::Failed,
        ConsumerState::Pending | ConsumerState::Other(_) => Standing::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use crate::incident::Tally;
    use crate::incident::testing::{at, consumer, db, engine, fold, fold_both_ways, id, started};
    use crate::model::event::ConsumerState;
    use crate::model::{ConsumerId, Event};
    use serde_json::json;

    fn tally(events: &[Event], rotation: &str) -> Tally {
        let incident = fold_both_ways(events);
        incident.tally(incident.rotation(&id(rotation)).unwrap())
    }

    #[test]
    fn delivered_is_not_on_the_new_version() {
        let events = [
            started("r1", 0, "db", Some("8")),
            consumer("a", 1, "8", "delivered"),
            consumer("b", 1, "8", "validated"),
            consumer("c", 1, "8", "in_use"),
            consumer("d", 1, "8", "failed"),
            consumer("e", 1, "7", "in_use"),
        ];
        let tally = tally(&events, "r1");
        assert_eq!((tally.total, tally.on_new), (5, 2));
        assert_eq!((tally.delivered, tally.failed), (1, 1));
    }

    #[test]
    fn a_consumer_that_is_only_named_is_pending_in_its_region() {
        let named = json!({"secret": "db", "to_version": "8", "consumers": [
            {"consumer": "a", "region": "eu", "service": "s", "identities": ["role:a"]},
            {"consumer": "b"}]});
        let events = [
            engine("r1", 0, "rotation.started", &named),
            consumer("b", 1, "8", "in_use"),
        ];
        let incident = fold_both_ways(&events);
        let a = incident.consumer(&db(), &ConsumerId::from("a")).unwrap();
        assert_eq!((a.version.clone(), a.at), (None, at(0)));
        assert_eq!(a.state, ConsumerState::Pending);
        assert_eq!(a.identities.len(), 1);
        let tally = tally(&events, "r1");
        let regions: Vec<_> = tally
            .regions
            .iter()
            .map(|r| (r.region.clone().map(|r| r.to_string()), r.total, r.on_new))
            .collect();
        assert_eq!(regions, [(None, 1, 1), (Some("eu".to_owned()), 1, 0)]);
    }

    #[test]
    fn a_superseded_rotation_counts_who_ever_reached_its_version() {
        let events = [
            started("r1", 0, "db", Some("8")),
            consumer("a", 1, "8", "in_use"),
            consumer("b", 1, "8", "delivered"),
            started("r2", 700, "db", Some("9")),
            consumer("a", 701, "9", "in_use"),
            consumer("b", 701, "9", "in_use"),
        ];
        assert_eq!(tally(&events, "r1").on_new, 1);
        assert_eq!(tally(&events, "r2").on_new, 2);
        assert_eq!(tally(&events[..3], "r1").on_new, 1);
    }

    #[test]
    fn its_own_word_beats_what_a_start_says_of_it() {
        let named = json!({"secret": "db", "consumers": [{"consumer": "a", "region": "us"}]});
        let own = json!({"consumer": "a", "secret": "db", "version": "7", "state": "in_use",
            "region": "eu", "latency_ms": 1500});
        let events = [
            crate::incident::testing::event("/fleet", "1", 1, "consumer.version", &own),
            engine("r1", 9, "rotation.started", &named),
        ];
        let incident = fold_both_ways(&events);
        let a = incident.consumers(&db()).next().unwrap();
        assert_eq!(a.region.as_ref().unwrap().raw(), "eu");
        assert_eq!(a.version.as_ref().unwrap().raw(), "7");
        assert_eq!(a.latency.unwrap().as_micros(), 1_500_000);
    }

    #[test]
    fn who_failed_or_waits_took_no_time_to_a_version() {
        for (state, took) in [
            ("failed", 0),
            ("pending", 0),
            ("delivered", 1),
            ("validated", 1),
            ("in_use", 1),
        ] {
            let own = json!({"consumer": "a", "secret": "db", "version": "7", "state": state,
                "latency_ms": 1500});
            let events = [crate::incident::testing::event(
                "/fleet",
                "1",
                1,
                "consumer.version",
                &own,
            )];
            let incident = fold_both_ways(&events);
            let a = incident.consumers(&db()).next().unwrap();
            assert_eq!(a.took.len(), took, "{state}");
        }
    }

    #[test]
    fn versions_that_were_reached_are_listed_by_their_first_time() {
        let events = [
            consumer("a", 5, "8", "in_use"),
            consumer("a", 1, "8", "validated"),
            consumer("a", 3, "9", "in_use"),
            consumer("a", 4, "10", "delivered"),
        ];
        let incident = fold(&events);
        let a = incident.consumers(&db()).next().unwrap();
        let reached: Vec<_> = a.reached.iter().map(|(v, t)| (v.raw(), *t)).collect();
        assert_eq!(reached, [("8", at(1)), ("9", at(3))]);
        assert_eq!(a.version.as_ref().unwrap().raw(), "8");
    }
}
