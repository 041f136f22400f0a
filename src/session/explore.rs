//! Answers the explorer: an archive on a thread of its own, asked and answered by plain data. A
//! later question takes the place of an earlier one at once, and whoever asks never waits.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select, unbounded};

use super::grown::{Grown, Growth, What};
use crate::audit::archive::{Archive, Known, Search};
use crate::audit::{OpenError, Opened, Progress};
use crate::model::Text;
use crate::query::page::{Ask, Facet, Histogram, Page};
use crate::query::{Field, Filter};

/// While a search goes on, what was found is told at most this often.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// A page costs at most so much of the time that goes on it and on the search.
const SHARE: u32 = 4;

/// Blocks of what was written that are taken in before anybody is answered.
const AT_ONCE: usize = 16;

/// While files are read, how far that is is told this often.
const READING_EVERY: Duration = Duration::from_millis(100);

/// Opens the inputs; called on the explorer's thread.
pub type Open = Box<dyn FnOnce() -> Result<Opened, OpenError> + Send>;

/// An archive that is asked from another thread. Dropping it ends the thread once it looks.
pub struct Explorer {
    asks: Sender<Ask>,
}

impl Explorer {
    /// Begins to read; `publish` is called from the explorer's thread with each page.
    pub fn start(open: Open, publish: impl Fn(Page) + Send + 'static) -> Self {
        let (asks, asked) = unbounded();
        thread::spawn(move || run(open, &asked, &publish));
        Self { asks }
    }

    /// Asks; what was asked before is forgotten where it is not answered yet.
    pub fn ask(&self, ask: Ask) {
        // A thread that is gone has nobody left to answer to.
        let _ = self.asks.send(ask);
    }
}

fn run(open: Open, asked: &Receiver<Ask>, publish: &dyn Fn(Page)) {
    let opened = match open() {
        Ok(opened) => opened,
        Err(error) => return refuse(&error.to_string(), asked, publish),
    };
    let progress = opened.progress();
    let (tell, read) = bounded(1);
    thread::spawn(move || {
        // Whoever has left needs no archive.
        let _ = tell.send(Box::new(opened.archive()));
    });
    let mut ask = None;
    match reading(&progress, &read, asked, &mut ask, publish) {
        Read::Archive(archive) => Answers::new(*archive, ask).run(asked, publish),
        Read::Died => {
            let words = "reading ended early: a thread of the program died";
            if let Some(ask) = ask {
                publish(troubled(&ask, words));
            }
            refuse(words, asked, publish);
        }
        Read::Left => {}
    }
}

/// How reading ended.
enum Read {
    Archive(Box<Archive>),
    Died,
    /// Nobody asks any more.
    Left,
}

/// Tells how far reading is until it is done.
fn reading(
    progress: &Arc<Progress>,
    read: &Receiver<Box<Archive>>,
    asked: &Receiver<Ask>,
    newest: &mut Option<Ask>,
    publish: &dyn Fn(Page),
) -> Read {
    let mut told = None;
    loop {
        select! {
            recv(read) -> archive => return match archive {
                Ok(archive) => Read::Archive(archive),
                Err(_) => Read::Died,
            },
            recv(asked) -> ask => match ask {
                Ok(ask) => *newest = Some(ask),
                Err(_) => return Read::Left,
            },
            default(READING_EVERY) => {}
        }
        let Some(ask) = newest else { continue };
        let loading = progress.loading();
        let page = Page {
            serial: ask.serial,
            reading: Some((loading.bytes, loading.of_bytes)),
            rejected: loading.rejected,
            trouble: loading.trouble,
            ..Page::default()
        };
        if told.as_ref() != Some(&page) {
            publish(page.clone());
            told = Some(page);
        }
    }
}

fn troubled(ask: &Ask, words: &str) -> Page {
    Page {
        serial: ask.serial,
        done: true,
        trouble: vec![Text::from(words)],
        ..Page::default()
    }
}

/// Answers every question with why there is no answer.
fn refuse(words: &str, asked: &Receiver<Ask>, publish: &dyn Fn(Page)) {
    for ask in asked {
        publish(troubled(&ask, words));
    }
}

/// A search and what is known of it.
struct Looking {
    filter: String,
    search: Search,
    done: bool,
    /// The histogram and the facets of all that was found, and what was asked for them: where only
    /// other rows are asked for, nothing of it changes.
    whole: Option<(usize, Vec<Field>, Histogram, Vec<Facet>)>,
    /// What the next answer need neither read nor count again.
    known: Known,
}

/// Answers over an archive that was read.
struct Answers {
    archive: Archive,
    growth: Growth,
    ask: Option<Ask>,
    looking: Option<Looking>,
    /// True where something new is to be told.
    owed: bool,
    told: Instant,
    /// How long the last page took.
    took: Duration,
}

impl Answers {
    fn new(archive: Archive, ask: Option<Ask>) -> Self {
        Self {
            growth: Growth::of(&archive),
            archive,
            owed: ask.is_some(),
            ask,
            looking: None,
            told: Instant::now(),
            took: Duration::ZERO,
        }
    }

    fn run(mut self, asked: &Receiver<Ask>, publish: &dyn Fn(Page)) {
        loop {
            let grown = self.growth.grown().clone();
            if !self.owed {
                select! {
                    recv(asked) -> ask => match ask {
                        Ok(ask) => self.take(ask),
                        Err(_) => return,
                    },
                    recv(grown) -> grown => match grown {
                        Ok(grown) => self.grow(grown),
                        // Nothing is followed: only a question brings something new.
                        Err(_) => match asked.recv() {
                            Ok(ask) => self.take(ask),
                            Err(_) => return,
                        },
                    },
                }
            }
            for grown in grown.try_iter().take(AT_ONCE) {
                self.grow(grown);
            }
            loop {
                match asked.try_recv() {
                    Ok(ask) => self.take(ask),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            self.step();
            self.tell(publish);
        }
    }

    /// Takes in what was written to a file that is followed.
    fn grow(&mut self, grown: Grown) {
        let is_other = matches!(grown.what, What::Next(_));
        let row = self.growth.take(&mut self.archive, grown);
        if let Some(looking) = &mut self.looking {
            if let Some(row) = row {
                looking.search.rewind(row);
                looking.known.forget(row);
            }
            if is_other {
                looking.known.forget_rows();
            }
            looking.done = false;
            looking.whole = None;
        }
        self.owed = self.ask.is_some();
    }

    fn take(&mut self, ask: Ask) {
        if let Some(looking) = &mut self.looking {
            looking.known.forget_rows();
        }
        self.ask = Some(ask);
        self.owed = true;
    }

    /// Looks further for what is asked.
    fn step(&mut self) {
        let Some(ask) = &self.ask else { return };
        if self.looking.as_ref().map(|l| &l.filter) != Some(&ask.filter) {
            self.looking = Filter::parse(&ask.filter).ok().map(|filter| Looking {
                filter: ask.filter.clone(),
                search: Search::new(filter),
                done: false,
                whole: None,
                known: Known::default(),
            });
            // What comes first is soon more than nothing.
            self.told = Instant::now();
        }
        if let Some(looking) = self.looking.as_mut().filter(|looking| !looking.done) {
            looking.done = looking.search.step(&self.archive);
        }
    }

    fn tell(&mut self, publish: &dyn Fn(Page)) {
        let Some(ask) = &self.ask else {
            self.owed = false;
            return;
        };
        let Some(looking) = &mut self.looking else {
            let wrong = Filter::parse(&ask.filter).err().map(|e| e.to_string());
            publish(Page {
                wrong,
                of: self.archive.len() as u64,
                trouble: Vec::new(),
                ..troubled(ask, "")
            });
            self.owed = false;
            return;
        };
        let pace = TELL_EVERY.max(self.took * SHARE);
        if !looking.done && self.told.elapsed() < pace {
            return;
        }
        let began = Instant::now();
        publish(Page {
            following: self.growth.is_any(),
            once: self.archive.once(),
            ..page(&self.archive, ask, looking)
        });
        self.told = Instant::now();
        self.took = self.told - began;
        self.owed = !looking.done;
    }
}

/// What is known so far. Histogram and facets are counted once where all was looked at.
fn page(archive: &Archive, ask: &Ask, looking: &mut Looking) -> Page {
    let (search, done) = (&looking.search, looking.done);
    let whole = looking.whole.as_ref();
    let whole = whole.filter(|(bins, fields, ..)| *bins == ask.bins && *fields == ask.facets);
    if let Some((_, _, histogram, facets)) = whole {
        let rows_alone = Ask {
            bins: 0,
            facets: Vec::new(),
            ..ask.clone()
        };
        return Page {
            histogram: histogram.clone(),
            facets: facets.clone(),
            ..archive.page_knowing(&rows_alone, search, done, &mut looking.known)
        };
    }
    let page = archive.page_knowing(ask, search, done, &mut looking.known);
    if done {
        let (histogram, facets) = (page.histogram.clone(), page.facets.clone());
        looking.whole = Some((ask.bins, ask.facets.clone(), histogram, facets));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Options, open};
    use crate::query::page::Rows;
    use std::fmt::Write as _;
    use std::fs::OpenOptions;
    use std::io::Write as _;
    use std::path::PathBuf;

    /// Calls, a second apart; each tenth is refused.
    fn log(calls: u32) -> tempfile::NamedTempFile {
        let mut text = String::new();
        for n in 0..calls {
            let (minute, second) = (n / 60 % 60, n % 60);
            let error = if n % 10 == 9 {
                r#","error":"permission denied""#
            } else {
                ""
            };
            let _ = writeln!(
                text,
                r#"{{"time":"2026-01-01T00:{minute:02}:{second:02}Z","type":"response","request":{{"id":"r{n}","operation":"read","path":"secret/{n}"}},"response":{{}}{error}}}"#
            );
        }
        holding(&text)
    }

    fn holding(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn append(file: &tempfile::NamedTempFile, text: &str) {
        let mut file = OpenOptions::new().append(true).open(file.path()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// A call in a file of its own.
    fn call() -> String {
        std::fs::read_to_string(log(1).path()).unwrap()
    }

    fn start(path: PathBuf) -> (Explorer, Receiver<Page>) {
        start_all(vec![path])
    }

    fn start_all(paths: Vec<PathBuf>) -> (Explorer, Receiver<Page>) {
        let (tell, told) = unbounded();
        let opens = move || open(&paths, &Options::default());
        let explorer = Explorer::start(Box::new(opens), move |page| {
            let _ = tell.send(page);
        });
        (explorer, told)
    }

    fn ask(serial: u64, filter: &str, rows: Rows) -> Ask {
        Ask {
            serial,
            filter: filter.to_owned(),
            rows,
            bins: 40,
            facets: vec![Field::Outcome],
        }
    }

    fn answer(told: &Receiver<Page>, serial: u64) -> Page {
        page_where(told, |page| page.serial == serial)
    }

    /// The next whole page that is as wanted.
    fn page_where(told: &Receiver<Page>, wanted: impl Fn(&Page) -> bool) -> Page {
        loop {
            let page = told.recv_timeout(Duration::from_secs(30)).unwrap();
            if page.done && wanted(&page) {
                return page;
            }
        }
    }

    #[test]
    fn a_question_is_answered_and_other_rows_of_it_have_the_same_counts() {
        let log = log(300);
        let (explorer, told) = start(log.path().to_owned());
        explorer.ask(ask(1, "outcome:denied", Rows::From(0, 5)));
        let first = answer(&told, 1);
        assert_eq!((first.found, first.of, first.rows.len()), (30, 300, 5));
        explorer.ask(ask(2, "outcome:denied", Rows::Last(5)));
        let last = answer(&told, 2);
        assert_eq!((last.first, last.rows.len()), (25, 5));
        assert_eq!(last.rows[4].number, 299);
        assert_eq!(
            (last.histogram, last.facets),
            (first.histogram, first.facets)
        );
        explorer.ask(ask(3, "", Rows::Around(150, 5)));
        let all = answer(&told, 3);
        assert_eq!((all.found, all.first), (300, 148));
        assert_ne!(all.facets, last_facets(&told, &explorer));
    }

    fn last_facets(told: &Receiver<Page>, explorer: &Explorer) -> Vec<Facet> {
        explorer.ask(ask(4, "outcome:denied", Rows::From(0, 0)));
        answer(told, 4).facets
    }

    #[test]
    fn of_many_questions_the_last_is_answered() {
        let log = log(2000);
        let (explorer, told) = start(log.path().to_owned());
        for serial in 1..=500 {
            explorer.ask(ask(
                serial,
                &format!("path:secret/{serial}"),
                Rows::From(0, 9),
            ));
        }
        let page = answer(&told, 500);
        assert_eq!(page.found, 1);
        assert!(told.try_iter().count() == 0, "nothing comes after it");
    }

    #[test]
    fn what_is_no_filter_and_what_is_not_there_is_said() {
        let log = log(3);
        let (explorer, told) = start(log.path().to_owned());
        explorer.ask(ask(1, "colour:red", Rows::From(0, 9)));
        let page = answer(&told, 1);
        assert!(page.wrong.unwrap().contains("colour"));
        explorer.ask(ask(2, "", Rows::From(0, 9)));
        assert_eq!(answer(&told, 2).found, 3);
        let (explorer, told) = start("/no/such/log".into());
        explorer.ask(ask(1, "", Rows::From(0, 9)));
        let page = answer(&told, 1);
        assert!(page.trouble[0].to_string().contains("/no/such/log"));
    }

    #[test]
    fn a_file_that_was_empty_is_followed_beside_others() {
        let (full, empty) = (log(3), holding(""));
        let paths = [&full, &empty].map(|file| file.path().to_owned());
        let (explorer, told) = start_all(paths.to_vec());
        explorer.ask(ask(1, "", Rows::Last(9)));
        let first = answer(&told, 1);
        assert_eq!((first.of, first.following, first.once), (3, true, 0));
        append(&empty, &call().replace("r0", "new"));
        let page = page_where(&told, |page| page.of == 4);
        assert_eq!(page.rejected, 0);
        let file = empty.path().to_string_lossy();
        let of_it = page.rows.iter().filter(|row| row.place.file.raw() == file);
        assert_eq!(of_it.count(), 1);
        append(&full, &call().replace("r0", "newer"));
        append(&empty, &call().replace("r0", "newest"));
        page_where(&told, |page| page.of == 6);
    }

    #[test]
    fn half_a_first_line_is_a_row_once_it_is_whole() {
        let whole = call();
        let (half, rest) = whole.split_at(whole.len() / 2);
        let log = holding(half);
        let (explorer, told) = start(log.path().to_owned());
        explorer.ask(ask(1, "", Rows::Last(9)));
        let first = answer(&told, 1);
        assert_eq!((first.of, first.rejected, first.following), (0, 1, true));
        append(&log, rest);
        let page = page_where(&told, |page| page.of == 1);
        assert_eq!((page.rejected, page.trouble), (0, Vec::new()));
    }

    #[test]
    fn what_comes_and_is_no_log_is_said_once_and_followed_no_more() {
        let file = holding("");
        let (explorer, told) = start(file.path().to_owned());
        explorer.ask(ask(1, "", Rows::Last(9)));
        assert!(answer(&told, 1).following);
        append(&file, "dear diary\n");
        let page = page_where(&told, |page| !page.trouble.is_empty());
        assert_eq!((page.of, page.rejected, page.following), (0, 1, false));
        assert!(page.trouble[0].to_string().contains("unknown format"));
        append(&file, &call());
        explorer.ask(ask(2, "", Rows::Last(9)));
        assert_eq!(answer(&told, 2).trouble, page.trouble);
    }

    #[test]
    fn what_could_grow_but_is_read_once_is_counted() {
        let message = "2026-01-01 00:00:00.000 UTC [7] LOG:  connection received: host=h\n";
        let (database, empty) = (holding(message), holding(""));
        let paths = [&database, &empty].map(|file| file.path().to_owned());
        let (explorer, told) = start_all(paths.to_vec());
        explorer.ask(ask(1, "", Rows::Last(9)));
        let first = answer(&told, 1);
        assert_eq!((first.once, first.following), (1, true));
        append(&empty, message);
        let page = page_where(&told, |page| page.once == 2);
        assert!(!page.following);
        assert_eq!(page.trouble.len(), 1);
    }

    #[test]
    fn the_thread_ends_when_nobody_asks_any_more() {
        let log = log(3);
        let (explorer, told) = start(log.path().to_owned());
        explorer.ask(ask(1, "", Rows::From(0, 9)));
        answer(&told, 1);
        drop(explorer);
        let end = told.recv_timeout(Duration::from_secs(30));
        assert_eq!(end, Err(crossbeam_channel::RecvTimeoutError::Disconnected));
    }
}
