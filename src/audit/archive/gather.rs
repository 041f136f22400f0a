//! Reads inputs into an archive.

use std::collections::HashMap;
use std::sync::Arc;

use super::Archive;
use super::columns::{At, Columns, Entry, nanos};
use super::original::{Original, content};
use crate::audit::AuditRow;
use crate::audit::merge::Merge;
use crate::audit::open::{Sighted, sighted};
use crate::audit::progress::Progress;
use crate::audit::scan::Scanner;
use crate::audit::source::Input;
use crate::audit::stream::{Shared, kind_of};
use crate::audit::trouble::name_of;
use crate::model::Text;

/// The longest way back from a response to its request that is kept, in bytes.
const LONGEST_BACK: u64 = (1 << 31) - 1;

/// Reads everything.
pub(in crate::audit) fn gather(inputs: Vec<Input>, progress: &Arc<Progress>) -> Archive {
    let mut archive = Archive {
        originals: Vec::new(),
        columns: Columns::new(),
        progress: Arc::clone(progress),
    };
    let mut merged = Vec::new();
    for mut input in inputs {
        let trouble = &mut |t| progress.trouble(t);
        let Some(content) = content(&input, &progress.bytes, trouble) else {
            continue;
        };
        input.content = Some(content.clone());
        let Some(kind) = kind_of(&input) else {
            // The merge will say why.
            merged.push(input);
            continue;
        };
        let name = name_of(&input.path);
        archive.originals.push(Original::new(name, kind, content));
        merged.push(input);
    }
    let shared = Shared::new(progress, Scanner::new(), false);
    let mut merge = Merge::new(merged, &shared);
    let files = archive.originals.iter().zip(0..);
    let files: HashMap<Text, u32> = files.map(|(o, n)| (o.name().clone(), n)).collect();
    while merge.advance(&mut |out| {
        if let Some(sighted) = sighted(out) {
            take(&mut archive.columns, &files, &sighted);
        }
    }) {}
    archive.columns.sort();
    progress.finish();
    archive
}

/// Takes a row in that was read in full.
fn take(columns: &mut Columns, files: &HashMap<Text, u32>, sighted: &Sighted) {
    let Some(row) = AuditRow::of(sighted) else {
        return;
    };
    let file = |name: &Text| files.get(name).copied();
    let Some(first) = file(&row.place.file) else {
        return;
    };
    let (mut at, mut back) = (row.place.byte, 0);
    let mut of = first;
    if let Some(answer) = &sighted.answer
        && let Some(file) = file(&answer.file)
    {
        (at, of) = (answer.byte, file);
        let distance = answer.byte.checked_sub(row.place.byte);
        let near = distance.filter(|far| file == first && *far <= LONGEST_BACK);
        back = near.and_then(|far| u32::try_from(far).ok()).unwrap_or(0);
    }
    let entry = Entry {
        time: nanos(row.time),
        at: At {
            file: of,
            offset: at,
        },
        back,
        has_error: row.error.is_some(),
        codes: columns.codes_of(&row),
    };
    columns.push(&entry);
}
