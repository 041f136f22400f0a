//! The connections to a session's backends: how each is reached, how old what it shows is, and
//! what of it is missing. A loss is an event too, so that a recording holds it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::wall;
use crate::backend::{Backend, LinkNews, Sent};
use crate::model::event::{BackendState, BackendStatus};
use crate::model::link::{Link, LinkState};
use crate::model::{BackendName, Event, Source, Span, Text, Timestamp};

/// A backend that tells its clock each second and has said nothing for so long is silent.
const SILENT: Duration = Duration::from_secs(3);

/// The source of what the session says itself.
const SOURCE: &str = "/session";

/// All connections.
#[derive(Debug)]
pub(super) struct Links {
    books: Vec<Book>,
    /// Names this session in the ids of its events.
    session: String,
    said: u64,
}

/// What is known of one.
#[derive(Debug)]
struct Book {
    link: Link,
    heard: Option<Instant>,
    /// The emitter's clock: when it was told, what it said, how fast it goes.
    clock: Option<(Instant, Timestamp, f64)>,
    /// The sources it speaks for.
    sources: BTreeSet<Source>,
    stood: bool,
    /// True between a loss and the first sign of life.
    away: bool,
}

impl Book {
    fn new(backend: &dyn Backend) -> Self {
        Self {
            link: Link {
                name: backend.name(),
                state: LinkState::Connecting,
                heard: None,
                lag: None,
                events: 0,
                behind: 0,
                drops: 0,
                missing: 0,
                error: None,
                acts: backend.hands().is_some(),
            },
            heard: None,
            clock: None,
            sources: BTreeSet::new(),
            stood: false,
            away: false,
        }
    }

    /// The emitter's moment at a moment of the world.
    fn emitters(&self, at: Instant) -> Option<Timestamp> {
        let (since, told, scale) = self.clock?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a session is shorter than 292,000 years"
        )]
        let passed = |real: Duration| Span::micros((real.as_secs_f64() * scale * 1e6) as i64);
        Some(match at.checked_duration_since(since) {
            Some(later) => told + passed(later),
            None => told - passed(since - at),
        })
    }
}

impl Links {
    pub(super) fn new(backends: &[Box<dyn Backend>]) -> Self {
        let began = wall();
        Self {
            books: backends.iter().map(|b| Book::new(b.as_ref())).collect(),
            session: format!("{}.{:06}", began.seconds(), began.nanos() / 1000),
            said: 0,
        }
    }

    /// True where this one's clock is the one that counts: the first that tells any.
    pub(super) fn leads(&self, from: usize) -> bool {
        self.books.iter().position(|book| book.clock.is_some()) == Some(from)
    }

    /// How fast the emitters' clock goes.
    pub(super) fn scale(&self) -> f64 {
        let clock = self.books.iter().find_map(|book| book.clock);
        clock.map_or(1.0, |(_, _, scale)| scale)
    }

    /// Takes in what a backend sent; gives what the session itself has to say of it.
    pub(super) fn take(&mut self, from: usize, sent: &Sent, now: Instant) -> Vec<Event> {
        let Some(book) = self.books.get_mut(from) else {
            return Vec::new();
        };
        match sent {
            Sent::Events(events) => {
                book.heard = Some(now);
                book.link.events += events.len() as u64;
                for event in events {
                    if !book.sources.contains(&event.source) {
                        book.sources.insert(event.source.clone());
                    }
                }
                let newest = events.iter().map(|event| event.time).max();
                let lag = book
                    .emitters(now)
                    .zip(newest)
                    .map(|(at, newest)| at.since(newest));
                if book.link.state == LinkState::Live {
                    book.link.lag = lag.map(|lag| lag.max(Span::ZERO));
                }
                Vec::new()
            }
            Sent::Clock {
                now: at,
                scale,
                behind,
            } => self.alive(from, (*at, *scale), *behind, now),
            Sent::Link(news) => self.news(from, news, now),
            Sent::Trouble(words) => {
                book.link.error = Some(words.clone());
                Vec::new()
            }
            Sent::Done => {
                book.link.state = LinkState::Ended;
                self.say(from, &BackendState::Disconnected, now)
            }
            Sent::Rejected(_) | Sent::Read { .. } => Vec::new(),
        }
    }

    fn alive(
        &mut self,
        from: usize,
        (at, scale): (Timestamp, f64),
        behind: u64,
        now: Instant,
    ) -> Vec<Event> {
        let Some(book) = self.books.get_mut(from) else {
            return Vec::new();
        };
        book.heard = Some(now);
        if scale.is_finite() && scale > 0.0 {
            book.clock = Some((now, at, scale));
        }
        book.link.behind = behind;
        book.link.state = if behind > 0 {
            LinkState::CatchingUp
        } else {
            LinkState::Live
        };
        if std::mem::take(&mut book.away) {
            return self.say(from, &BackendState::Connected, now);
        }
        Vec::new()
    }

    fn news(&mut self, from: usize, news: &LinkNews, now: Instant) -> Vec<Event> {
        let Some(book) = self.books.get_mut(from) else {
            return Vec::new();
        };
        match news {
            LinkNews::Connected => {
                book.heard = Some(now);
                book.stood = true;
                book.link.state = LinkState::CatchingUp;
                book.link.error = None;
                Vec::new()
            }
            LinkNews::Lost { why, .. } => {
                book.link.error = Some(why.clone());
                if !book.stood {
                    return Vec::new();
                }
                book.link.state = LinkState::Lost;
                if std::mem::replace(&mut book.away, true) {
                    return Vec::new();
                }
                book.link.drops += 1;
                let since = book.heard.unwrap_or(now);
                self.say(from, &BackendState::Disconnected, since)
            }
            LinkNews::Missing(missing) => {
                book.link.missing += missing;
                let words = format!("{} of its events never came", book.link.missing);
                book.link.error = Some(Text::from(words));
                self.say(from, &BackendState::Degraded, now)
            }
            LinkNews::Reset => {
                let words = "its log began anew: what it had before is not there any more";
                book.link.error = Some(Text::from(words));
                self.say(from, &BackendState::Degraded, now)
            }
        }
    }

    /// An event for each source that this backend speaks for, by the emitter's clock.
    fn say(&mut self, from: usize, state: &BackendState, at: Instant) -> Vec<Event> {
        let Some(book) = self.books.get(from) else {
            return Vec::new();
        };
        let Some(time) = book.emitters(at) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        for source in &book.sources {
            self.said += 1;
            let status = BackendStatus {
                backend: BackendName(source.0.clone()),
                state: state.clone(),
                lag_ms: None,
                error: book
                    .link
                    .error
                    .clone()
                    .filter(|_| *state != BackendState::Connected),
            };
            let id = format!("{}-{}", self.session, self.said);
            let event = Event::new(SOURCE, id, time, status.into());
            events.push(event.about(source.0.clone()));
        }
        events
    }

    /// Looks who has fallen silent.
    pub(super) fn beat(&mut self, now: Instant) {
        for book in &mut self.books {
            let quiet = book.heard.is_some_and(|heard| now - heard >= SILENT);
            if quiet && matches!(book.link.state, LinkState::Live | LinkState::CatchingUp) {
                book.link.state = LinkState::Silent;
            }
        }
    }

    /// Every connection, with its age.
    pub(super) fn view(&self, now: Instant) -> Arc<[Link]> {
        let links = self.books.iter().map(|book| {
            let mut link = book.link.clone();
            link.heard = book.heard.map(|heard| now.saturating_duration_since(heard));
            link
        });
        links.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    struct Quiet;
    impl Backend for Quiet {
        fn name(&self) -> Text {
            "127.0.0.1:4117".into()
        }
        fn run(self: Box<Self>, _send: &mut dyn FnMut(Sent) -> ControlFlow<()>) {}
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds, 0)
    }

    fn clock(seconds: i64, behind: u64) -> Sent {
        Sent::Clock {
            now: at(seconds),
            scale: 60.0,
            behind,
        }
    }

    fn event(source: &str) -> Event {
        let status = BackendStatus {
            backend: source.into(),
            state: BackendState::Connected,
            lag_ms: None,
            error: None,
        };
        Event::new(source, "1", at(0), status.into())
    }

    fn lost() -> Sent {
        Sent::Link(LinkNews::Lost {
            why: "cut".into(),
            again: Duration::from_secs(1),
        })
    }

    fn states(events: &[Event]) -> Vec<(String, Timestamp)> {
        let state = |event: &Event| match &event.data {
            crate::model::Data::BackendStatus(s) => format!("{} {}", s.backend, s.state),
            _ => String::new(),
        };
        events.iter().map(|e| (state(e), e.time)).collect()
    }

    #[test]
    fn a_loss_is_told_once_for_each_source_from_the_last_sign_of_life() {
        let begun = Instant::now();
        let mut links = Links::new(&[Box::new(Quiet)]);
        links.take(0, &Sent::Link(LinkNews::Connected), begun);
        links.take(0, &clock(0, 2), begun);
        assert_eq!(links.view(begun)[0].state, LinkState::CatchingUp);
        links.take(0, &Sent::Events(vec![event("/a"), event("/b")]), begun);
        links.take(0, &clock(0, 0), begun);
        assert_eq!(links.view(begun)[0].state, LinkState::Live);
        let later = begun + Duration::from_secs(2);
        let said = links.take(0, &lost(), later);
        let wanted = ["/a disconnected", "/b disconnected"].map(|s| (s.to_owned(), at(0)));
        assert_eq!(states(&said), wanted);
        assert!(links.take(0, &lost(), later).is_empty(), "told once");
        let link = &links.view(later)[0];
        assert_eq!((link.state, link.drops), (LinkState::Lost, 1));
        assert_eq!(link.heard, Some(Duration::from_secs(2)));
        links.take(0, &Sent::Link(LinkNews::Connected), later);
        let said = links.take(0, &clock(120, 0), later);
        assert_eq!(said.len(), 2);
        assert!(states(&said)[0].0.ends_with(" connected"));
        let ids: BTreeSet<_> = said.iter().map(|e| e.id.clone()).collect();
        assert_eq!(ids.len(), 2);
    }

    #[test]
    fn before_it_was_reached_a_failure_is_no_loss() {
        let begun = Instant::now();
        let mut links = Links::new(&[Box::new(Quiet)]);
        assert!(links.take(0, &lost(), begun).is_empty());
        let link = &links.view(begun)[0];
        assert_eq!((link.state, link.drops), (LinkState::Connecting, 0));
        assert_eq!(link.error.as_ref().unwrap().raw(), "cut");
    }

    #[test]
    fn one_that_says_nothing_falls_silent() {
        let begun = Instant::now();
        let mut links = Links::new(&[Box::new(Quiet)]);
        links.take(0, &clock(0, 0), begun);
        links.beat(begun + Duration::from_secs(2));
        assert_eq!(links.view(begun)[0].state, LinkState::Live);
        links.beat(begun + Duration::from_secs(4));
        assert_eq!(links.view(begun)[0].state, LinkState::Silent);
    }
}
