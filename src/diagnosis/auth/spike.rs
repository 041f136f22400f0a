//! What all sources together say of one service: whether it spikes, since when, where.

use std::collections::BTreeSet;

use super::feed::{Feed, Part, Told};
use crate::diagnosis::finding::Evidence;
use crate::diagnosis::finding::Mode;
use crate::diagnosis::suspects::Suspect;
use crate::incident::EventRef;
use crate::measure::Run;
use crate::model::{Region, SecretPath, ServiceName, Source, Span, Text, Timestamp};

/// A region's run that began within this of another's is the same spike.
const TOGETHER: Span = Span::seconds(180);

/// A spike that was called one.
#[derive(Clone, Debug)]
pub(super) struct Spike {
    pub(super) service: ServiceName,
    /// The secret that the samples name.
    pub(super) secret: Option<SecretPath>,
    pub(super) regions: BTreeSet<Region>,
    /// The start of the first unusual window, and the end of the one by which it surely began.
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// Windows that show it, the largest runs first, none later than now.
    pub(super) windows: Vec<Evidence>,
    /// The signal that is bad, where it is not authentication.
    pub(super) signal: Option<Text>,
}

/// A spike that is on, and what it was found to be.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) spike: Spike,
    pub(super) suspect: Option<Suspect>,
    pub(super) mode: Option<Mode>,
    /// True once it lasted longer than a blip does. One that ends before is taken back.
    pub(super) firm: bool,
    /// True where it is an outage that was told, and no authentications were counted.
    pub(super) outage: bool,
}

#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) feeds: Vec<(Source, Feed)>,
    /// Where it is down, since when.
    pub(super) down: Vec<(Option<Region>, EventRef)>,
    pub(super) open: Option<Open>,
}

impl Service {
    pub(super) fn feed(&mut self, source: &Source) -> &mut Feed {
        let at = self.feeds.iter().position(|(of, _)| of == source);
        let at = at.unwrap_or_else(|| {
            self.feeds.push((source.clone(), Feed::default()));
            self.feeds.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        &mut self.feeds[at].1
    }

    /// True where it is known how much is usually refused here.
    pub(super) fn has_baseline(&self) -> bool {
        let parts = self.feeds.iter().flat_map(|(_, feed)| &feed.parts);
        parts
            .filter(|part| part.signal.is_none())
            .any(|part| part.series.expected().is_some())
    }

    /// The largest spike of authentication that is certain even without `but` windows.
    pub(super) fn certain(&self, name: &ServiceName, but: usize) -> Option<Spike> {
        let feeds = self.feeds.iter().map(|(_, feed)| feed);
        feeds
            .filter_map(|feed| feed.certain(name, but, false))
            .max_by_key(|spike| spike.regions.len())
    }

    /// The largest spike of another signal.
    pub(super) fn certain_signal(&self, name: &ServiceName) -> Option<Spike> {
        let feeds = self.feeds.iter().map(|(_, feed)| feed);
        feeds
            .filter_map(|feed| feed.certain(name, 0, true))
            .max_by_key(|spike| spike.regions.len())
    }

    /// Calls every run a spike that is one even without `but` windows.
    pub(super) fn mark(&mut self, but: usize) {
        for (_, feed) in &mut self.feeds {
            let parts = feed.parts.iter_mut().map(|part| &mut part.series);
            for series in parts.chain([&mut feed.whole]) {
                if let Some(run) = &mut series.run
                    && run.is_certain(but)
                {
                    run.spike = true;
                }
            }
        }
    }

    pub(super) fn forget(&mut self) {
        for (_, feed) in &mut self.feeds {
            let parts = feed.parts.iter_mut().map(|part| &mut part.series);
            for series in parts.chain([&mut feed.whole]) {
                series.run = None;
            }
        }
    }

    /// True where the latest window of every spike was as usual.
    pub(super) fn is_quiet(&self) -> bool {
        let feeds = self.feeds.iter().map(|(_, feed)| feed);
        feeds
            .flat_map(|feed| feed.parts.iter().map(|p| &p.series).chain([&feed.whole]))
            .filter_map(|series| series.run.as_ref())
            .filter(|run| run.spike)
            .all(Run::is_quiet)
    }

    pub(super) fn is_spiking(&self) -> bool {
        let feeds = self.feeds.iter().map(|(_, feed)| feed);
        feeds
            .flat_map(|feed| feed.parts.iter().map(|p| &p.series).chain([&feed.whole]))
            .any(|series| series.run.as_ref().is_some_and(|run| run.spike))
    }
}

impl Feed {
    pub(super) fn certain(&self, name: &ServiceName, but: usize, signal: bool) -> Option<Spike> {
        let whole = self.whole.run.as_ref();
        let whole = whole.filter(|run| !signal && run.is_certain(but));
        let parts = || self.parts.iter().filter(|p| p.signal.is_some() == signal);
        let certain: Vec<(&Part, &Run<Told>)> = parts()
            .filter_map(|part| Some((part, part.series.run.as_ref()?)))
            .filter(|(_, run)| run.is_certain(but))
            .collect();
        if whole.is_none() && certain.is_empty() {
            return None;
        }
        let runs = || whole.into_iter().chain(certain.iter().map(|(_, run)| *run));
        let began = |run: &Run<Told>| {
            let first = run.windows.first()?;
            Some((first.told.start, run.begun_by()?.told.end))
        };
        let (mut start, mut end) = runs().filter_map(began).min_by_key(|(start, _)| *start)?;
        let mut regions = BTreeSet::new();
        let mut windows = Vec::new();
        for part in parts() {
            let Some(run) = &part.series.run else {
                continue;
            };
            let Some((own, own_end)) = began(run) else {
                continue;
            };
            let apart = own.since(start);
            if (run.hot < 2 && !signal)
                || apart > TOGETHER
                || apart < Span::seconds(-TOGETHER.as_seconds())
            {
                continue;
            }
            if own < start && run.is_certain(1) {
                (start, end) = (own, own_end);
            }
            regions.extend(part.region.clone());
            windows.extend(shown(part.region.as_ref(), run));
        }
        if windows.is_empty()
            && let Some(run) = whole
        {
            windows.extend(shown(None, run));
        }
        let secrets: BTreeSet<_> = certain.iter().map(|(part, _)| &part.secret).collect();
        let secret = match secrets.first() {
            Some(secret) if secrets.len() == 1 => (*secret).clone(),
            _ => None,
        };
        Some(Spike {
            service: name.clone(),
            secret,
            regions,
            start,
            end,
            windows,
            signal: certain.first().and_then(|(part, _)| part.signal.clone()),
        })
    }
}

/// The first and the latest window of a run, in words.
pub(super) fn shown(region: Option<&Region>, run: &Run<Told>) -> Vec<Evidence> {
    let place = region.map_or(String::new(), |region| format!(" in {region}"));
    let usual = run.expected.share * 100.0;
    let mut picked: Vec<_> = run.windows.first().into_iter().collect();
    picked.extend(run.windows.last().filter(|_| run.windows.len() > 1));
    picked
        .into_iter()
        .map(|window| Evidence {
            event: window.told.event.clone(),
            note: format!(
                "{} of {} refused{place}; usual is {usual:.2} %",
                window.bad, window.total
            ),
        })
        .collect()
}
