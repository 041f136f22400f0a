//! Unpacks days in a second thread, ahead of whoever counts what is in them: to unpack a day and to
//! count it take about as long.

use std::sync::mpsc::sync_channel;
use std::thread;

use super::detail::{Words, visit};
use super::error::What;
use super::pack::Damaged;
use crate::measure::level::{Case, Day, DaySummary, Part};

/// Days that are read before they are asked for.
const AHEAD: usize = 2;

/// The cases of a day, whosever they are, and the rest of it but for its findings.
pub(super) type Visited = (Vec<(Part, Case)>, DaySummary);

/// Gives the days one after the other.
pub(super) type Ahead<'a> = dyn FnMut() -> Result<Visited, What> + 'a;

/// Lets `count` ask for days in their order. `body` reads the bytes of one.
pub(super) fn read_ahead<T>(
    mut days: impl Iterator<Item = Day>,
    words: &(dyn Words + Sync),
    mut body: impl FnMut(Day) -> Result<Option<Vec<u8>>, What>,
    count: impl FnOnce(&mut Ahead<'_>) -> Result<T, What>,
) -> Result<T, What> {
    thread::scope(|scope| {
        let (order, orders) = sync_channel(AHEAD);
        let (give, given) = sync_channel(AHEAD);
        scope.spawn(move || {
            for (day, body) in orders {
                if give.send(visited(day, body, words)).is_err() {
                    return;
                }
            }
        });
        let mut next = || -> Result<(), What> {
            if let Some(day) = days.next() {
                // The other one ends only once this one has let go.
                let _ = order.send((day, body(day)?));
            }
            Ok(())
        };
        for _ in 0..AHEAD {
            next()?;
        }
        count(&mut || {
            next()?;
            Ok(given.recv().unwrap_or(Err(Damaged))?)
        })
    })
}

fn visited(day: Day, body: Option<Vec<u8>>, words: &dyn Words) -> Result<Visited, Damaged> {
    let mut cases = Vec::new();
    let rest = match body {
        Some(body) => visit(day, &body, words, &mut |part, case| {
            cases.push((part, case));
        })?,
        None => DaySummary::default(),
    };
    Ok((cases, rest))
}
