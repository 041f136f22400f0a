//! Where everything of a question stands: a pure function of the question and the size, so that
//! drawing and the mouse agree.
//!
//! What is to be answered is seen whatever the size; what the act would do is scrolled where it
//! does not fit, and then begins with what breaks if it is wrong.

use ratatui::layout::Rect;

use super::fit::{cols, width, wrap};
use super::layout;
use super::question::{Focus, Question};

/// The columns of the labels beside the words.
const LABELS: u16 = 11;

/// Narrower frames have their labels within the words.
const NARROW: u16 = 60;

/// Lower screens have one line less for each thing.
const LOW: u16 = 20;

/// The labels in the order of a narrow frame; those not named come behind.
const FIRST: [&str; 3] = ["If wrong", "At risk", "Happens"];

/// A line of what the act would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyLine {
    /// What it is about; empty where the line before goes on.
    pub label: &'static str,
    /// The words.
    pub words: String,
    /// True for the act's whole name, where it stands here.
    pub title: bool,
}

impl BodyLine {
    fn new(label: &'static str, words: String) -> Self {
        Self {
            label,
            words,
            title: false,
        }
    }
}

/// Something to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Which.
    pub focus: Focus,
    /// What is asked.
    pub label: String,
    /// Where that stands.
    pub asks: Rect,
    /// Where the answer stands.
    pub answer: Rect,
}

/// Part of a question that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Something to be answered.
    Field(Focus),
    /// A button.
    Button(Focus),
}

/// A question, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The frame around it.
    pub frame: Rect,
    /// What stands in the frame's upper edge.
    pub title: String,
    /// Where what the act would do stands.
    pub body: Rect,
    /// All of what the act would do, whatever is seen of it.
    pub lines: Vec<BodyLine>,
    /// The columns of the labels; 0 where they stand within the words.
    pub labels: u16,
    /// What is to be answered.
    pub fields: Vec<Field>,
    /// Where it is said what is lacking.
    pub note: Rect,
    /// The button that does nothing and the one that does it.
    pub buttons: [(Focus, Rect); 2],
}

impl Form {
    /// How far what the act would do can be scrolled.
    pub fn most_scroll(&self) -> usize {
        let seen = usize::from(self.body.height);
        self.lines.len().saturating_sub(seen)
    }

    /// What stands in a cell of the screen.
    pub fn at(&self, column: u16, row: u16) -> Option<Part> {
        let here = |area: &Rect| layout::holds(*area, column, row);
        let button = self.buttons.iter().find(|(_, area)| here(area));
        let field = self
            .fields
            .iter()
            .find(|f| here(&f.asks) || here(&f.answer));
        button
            .map(|(focus, _)| Part::Button(*focus))
            .or_else(|| field.map(|field| Part::Field(field.focus)))
    }
}

/// Lays a question out over a screen.
pub fn of(question: &Question, area: Rect) -> Form {
    let low = area.height < LOW;
    let wide = area.width.min(80);
    let narrow = wide < NARROW;
    let inner = wide.saturating_sub(4);
    let asked = asked(question, low);
    let note = if low && question.note.is_empty() {
        1
    } else {
        2
    };
    let below = asked.iter().map(|(_, _, lines)| lines).sum::<u16>() + note + 1;
    let labels = if narrow { 0 } else { LABELS };
    let (title, lines) = said(question, usize::from(inner), labels);
    let most = area.height.saturating_sub(if low { 0 } else { 2 });
    let room = most.saturating_sub(below + 2);
    let gap = u16::from(cols(lines.len()) < room);
    let shown = cols(lines.len()).min(room);
    let height = (shown + gap + below + 2).min(area.height);
    let frame = Rect {
        x: area.x + (area.width - wide) / 2,
        y: area.y + (area.height - height).min(3),
        width: wide,
        height,
    };
    let line = |y: u16, height: u16| Rect {
        x: frame.x + 2,
        y: frame.y + y,
        width: inner,
        height,
    };
    let mut y = 1 + shown + gap;
    let fields = asked
        .into_iter()
        .map(|(focus, label, lines)| {
            let all = line(y, lines);
            y += lines;
            field(focus, label, all)
        })
        .collect();
    Form {
        frame,
        title,
        body: line(1, shown),
        lines,
        labels,
        fields,
        note: line(y, note),
        buttons: buttons(question, line(y + note, 1)),
    }
}

fn field(focus: Focus, label: String, all: Rect) -> Field {
    let taken = cols(width(&label)).min(all.width / 2);
    Field {
        focus,
        asks: Rect {
            width: taken,
            height: 1,
            ..all
        },
        answer: Rect {
            x: all.x + taken + 2,
            width: all.width.saturating_sub(taken + 2),
            ..all
        },
        label,
    }
}

/// The buttons at the right of a line, each wide enough for the mark of the focus.
fn buttons(question: &Question, line: Rect) -> [(Focus, Rect); 2] {
    let wide = |words: &str| cols(width(words)) + 4;
    let (cancel, act) = (wide("Cancel"), wide(question.button()));
    let end = line.x + line.width;
    let at = |x: u16, width: u16| Rect { x, width, ..line };
    let x = end.saturating_sub(act).max(line.x);
    [
        (
            Focus::Cancel,
            at(x.saturating_sub(cancel + 2).max(line.x), cancel),
        ),
        (Focus::Act, at(x, act)),
    ]
}

/// What is to be answered, and in how many lines.
fn asked(question: &Question, low: bool) -> Vec<(Focus, String, u16)> {
    let asks = question.asks();
    let mut asked = Vec::new();
    if question.length.is_some() {
        asked.push((Focus::Length, "For".to_owned(), 1));
    }
    if let Some(name) = &asks.name {
        asked.push((Focus::Name, format!("Type {name}"), 1));
    }
    if asks.reason {
        asked.push((Focus::Reason, "Reason".to_owned(), if low { 2 } else { 3 }));
    }
    if asks.code {
        asked.push((Focus::Code, "Code".to_owned(), 1));
    }
    asked
}

/// What the act would do, in lines; and what stands in the frame's edge. Where the act's whole
/// name does not fit there, it comes first among the lines.
fn said(question: &Question, inner: usize, labels: u16) -> (String, Vec<BodyLine>) {
    let summary = &question.summary;
    let mut rows: Vec<(&'static str, String)> = summary
        .rows
        .iter()
        .map(|row| (row.label, row.words.clone()))
        .collect();
    if question.asks().second {
        let words = "a second person has to approve it within the hour: ask somebody to run \
                     `rotascope approve …`, the id is shown then";
        rows.push(("Then", words.to_owned()));
    }
    if labels == 0 {
        let place = |label: &str| FIRST.iter().position(|first| *first == label);
        rows.sort_by_key(|(label, _)| place(label).unwrap_or(FIRST.len()));
    }
    let fits = width(&summary.title) + 2 <= inner;
    let mut lines = Vec::new();
    let title = if fits {
        summary.title.clone()
    } else {
        let whole = wrap(&summary.title, inner, usize::MAX);
        lines.extend(whole.into_iter().map(|words| BodyLine {
            title: true,
            ..BodyLine::new("", words)
        }));
        question.button().to_owned()
    };
    for (label, words) in rows {
        if labels == 0 {
            lines.extend(run_in(label, &words, inner));
        } else {
            let room = inner.saturating_sub(usize::from(labels));
            let wrapped = wrap(&words, room, usize::MAX).into_iter().enumerate();
            let first = |n| if n == 0 { label } else { "" };
            lines.extend(wrapped.map(|(n, words)| BodyLine::new(first(n), words)));
        }
    }
    (title, lines)
}

/// Words whose label stands in their first line.
fn run_in(label: &'static str, words: &str, inner: usize) -> Vec<BodyLine> {
    let joined = format!("{label} {words}");
    let wrapped = wrap(&joined, inner, usize::MAX).into_iter().enumerate();
    wrapped
        .map(|(n, line)| match line.strip_prefix(label) {
            Some(rest) if n == 0 => BodyLine::new(label, rest.trim_start().to_owned()),
            _ => BodyLine::new("", line),
        })
        .collect()
}
