//! What is said when something cannot be done: what failed, on what, and what to do next.

use std::error::Error;
use std::fmt;
use std::ops::Range;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
};

use crate::model::text::shown;

/// One thing that went wrong, for a person.
#[derive(Debug)]
pub struct Complaint {
    what: String,
    next: Option<String>,
    place: Option<(String, String, Range<usize>)>,
}

impl Complaint {
    /// What failed, on what.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: None,
            place: None,
        }
    }

    /// Adds why.
    pub fn because(mut self, why: impl Error) -> Self {
        self.what = format!("{}: {why}", self.what);
        self
    }

    /// Adds what to do next.
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Adds the place in a text file, as bytes of `text`.
    pub fn at(mut self, file: impl Into<String>, text: &str, span: Range<usize>) -> Self {
        let end = span.end.min(text.len());
        let mut start = span.start.min(end);
        // Nothing can be pointed at behind the last character: what stands before it is.
        if start == text.len() {
            start = text.char_indices().next_back().map_or(0, |(at, _)| at);
        }
        self.place = Some((file.into(), text.to_owned(), start..end));
        self
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = MietteDiagnostic::new(&self.what);
        if let Some(next) = &self.next {
            said = said.with_help(next);
        }
        let mut report = Report::new(said.clone());
        if let Some((file, text, span)) = &self.place {
            let label = LabeledSpan::at(span.clone(), "here");
            report = Report::new(said.with_label(label))
                .with_source_code(NamedSource::new(file, text.clone()));
        }
        let mut drawn = String::new();
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(100)
            .render_report(&mut drawn, report.as_ref())?;
        // What is quoted comes from a file, which may hold anything.
        for line in drawn.trim_end().lines() {
            writeln!(f, "{}", shown(line))?;
        }
        Ok(())
    }
}
