//! What may be shown of settings, in which a secret may stand.

use std::ops::Range;

/// The settings as they may be shown: the line that is wrong alone, each other one empty, and its
/// strings blank where they may be the address of a webhook. Places stay what they are.
pub(super) fn discreet(text: &str, span: Range<usize>, blank: bool) -> (String, Range<usize>) {
    let mut shown = String::with_capacity(text.len());
    let mut end = span.end;
    for line in text.split_inclusive('\n') {
        let from = shown.len();
        let here = (from..from + line.len()).contains(&span.start);
        if here {
            end = end.min(from + line.trim_end().len()).max(span.start);
        }
        // A line that begins no setting may be the middle of a string.
        let open = !line.contains('=') && !line.trim_start().starts_with('[');
        let mut hides = !here || (blank && open);
        for c in line.chars() {
            hides |= blank && matches!(c, '"' | '\'');
            if hides && !matches!(c, '"' | '\'' | '\n' | '\r') {
                let with = if here && c != ' ' { "*" } else { " " };
                shown.push_str(&with.repeat(c.len_utf8()));
            } else {
                shown.push(if here || c == '\n' { c } else { ' ' });
            }
        }
    }
    (shown, span.start..end)
}

/// What is wrong, without the string that is.
pub(super) fn nameless(message: &str) -> String {
    match (message.find("string \""), message.rfind('"')) {
        (Some(from), Some(to)) if to > from + 8 => {
            let (before, after) = (message.get(..from + 8), message.get(to..));
            [before.unwrap_or_default(), "…", after.unwrap_or_default()].concat()
        }
        _ => message.to_owned(),
    }
}
