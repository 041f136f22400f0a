//! Who reads which format.

use std::ops::Range;

use super::detect::Kind;
use super::format::access::{Access, envoy, nginx};
use super::format::cloudtrail::{self, CloudTrail, CloudTrailLines};
use super::format::document::{self, Document, Documents, Lines, ReadRecord};
use super::format::events::Events;
use super::format::journald::Journald;
use super::format::postgres::stderr::Stderr;
use super::format::postgres::{csv::CsvLog, json::JsonLog};
use super::format::split::{Piece, Splitter};
use super::format::vault::Vault;
use super::format::{Format, Read, azure, gcp, kubernetes};
use super::lines::LineReader;
use super::record::{Provider, Proxy};
use super::trouble::Trouble;
use crate::model::rejected::Place;
use crate::model::{Span, Text};

/// How late a record may come behind the newest one of its input.
const WATERMARK: Span = Span::seconds(30);
/// The same for CloudTrail and what other clouds deliver.
pub(super) const WATERMARK_CLOUD: Span = Span::seconds(600);

/// Reads what was cut out of a document.
#[derive(Clone, Copy)]
pub(super) enum ReadPiece {
    CloudTrail,
    Calls(ReadRecord),
}

impl ReadPiece {
    pub(super) fn read(self, piece: Piece<'_>) -> Read {
        match self {
            Self::CloudTrail => cloudtrail::read(piece),
            Self::Calls(read) => document::read(piece, read),
        }
    }
}

/// What cuts the documents of a format, and who reads their records.
pub(super) fn cut_of(kind: Kind, name: &Text) -> Option<(Splitter, ReadPiece)> {
    match kind {
        Kind::CloudTrail => Some((Splitter::new(name.clone()), ReadPiece::CloudTrail)),
        Kind::CallDocuments(provider) => {
            let (members, read) = of_provider(provider);
            let splitter = Splitter::of(name.clone(), members);
            Some((splitter, ReadPiece::Calls(read)))
        }
        _ => None,
    }
}

/// Records that were cut out of a document: where each lies in the bytes, where it stands, and
/// why it is none.
#[derive(Default)]
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    pub(super) pieces: Vec<(Range<usize>, Place, Option<&'static str>)>,
    pub(super) trouble: Option<Trouble>,
}

impl Part {
    pub(super) fn cut(reader: &mut LineReader, splitter: &mut Splitter) -> Self {
        const BYTES: usize = 256 << 10;
        let (mut part, mut trouble) = (Self::default(), None);
        while part.bytes.len() < BYTES && !reader.is_done() {
            let mut take = |piece: Piece<'_>| part.take(piece);
            reader.chunks(&mut |chunk| splitter.feed(chunk, &mut take), &mut |t| {
                trouble = Some(t);
            });
            if reader.is_done() {
                splitter.end(&mut take);
            }
        }
        part.trouble = trouble;
        part
    }

    fn take(&mut self, piece: Piece<'_>) {
        let (bytes, place, reason) = match piece {
            Piece::Object(bytes, place) => (bytes, place, None),
            Piece::Bad(bytes, place, reason) => (bytes, place, Some(reason)),
        };
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.pieces.push((begin..self.bytes.len(), place, reason));
    }
}

/// What reads a format.
pub(super) enum Reading {
    /// Line by line.
    Lines(Box<dyn Format + Send>),
    /// Documents, as their bytes come.
    Bytes(Box<dyn Document + Send>),
}

impl Reading {
    /// The reader of a format, for an input of this name.
    pub(super) fn of(kind: Kind, name: &Text) -> Self {
        Self::Lines(match kind {
            Kind::CloudTrail => return Self::Bytes(Box::new(CloudTrail::new(name.clone()))),
            Kind::CallDocuments(provider) => {
                let (members, read) = of_provider(provider);
                return Self::Bytes(Box::new(Documents::new(name.clone(), members, read)));
            }
            Kind::Calls(provider) => Box::new(Lines::new(of_provider(provider).1)),
            Kind::Journald => Box::new(Journald::new()),
            Kind::Access(Proxy::Nginx) => Box::new(Access::new(nginx::line)),
            Kind::Access(Proxy::Envoy) => Box::new(Access::new(envoy::line)),
            Kind::AccessJson(Proxy::Nginx) => Box::new(Access::new(nginx::json)),
            Kind::AccessJson(Proxy::Envoy) => Box::new(Access::new(envoy::json)),
            Kind::Vault => Box::new(Vault::new()),
            Kind::Events => Box::new(Events),
            Kind::CloudTrailLines => Box::new(CloudTrailLines),
            Kind::PostgresJson => Box::new(JsonLog::new()),
            Kind::PostgresCsv => Box::new(CsvLog::new()),
            Kind::PostgresStderr => Box::new(Stderr::new()),
        })
    }
}

/// What reads the lines of a format; `None` of one whose records are not lines.
pub(super) fn format_of_lines(kind: Kind) -> Option<Box<dyn Format + Send>> {
    match Reading::of(kind, &Text::default()) {
        Reading::Lines(format) => Some(format),
        Reading::Bytes(_) => None,
    }
}

/// How late a record may come behind the newest one of an input. What the clouds deliver in
/// files is in no order within some minutes.
pub(super) fn watermark(kind: Kind) -> Span {
    match kind {
        Kind::CloudTrail
        | Kind::CloudTrailLines
        | Kind::Calls(Provider::Gcp | Provider::Azure)
        | Kind::CallDocuments(Provider::Gcp | Provider::Azure) => WATERMARK_CLOUD,
        _ => WATERMARK,
    }
}

/// The members of a provider's envelopes, and who reads its records.
fn of_provider(provider: Provider) -> (&'static [&'static str], ReadRecord) {
    match provider {
        Provider::Kubernetes => (kubernetes::MEMBERS, kubernetes::read),
        Provider::Gcp => (gcp::MEMBERS, gcp::read),
        Provider::Azure => (azure::MEMBERS, azure::read),
    }
}
