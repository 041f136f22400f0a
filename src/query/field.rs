//! The fields of a row.

use std::fmt;

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)+) => {
        /// A field of a row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $($(#[$doc])* $name,)+
        }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its one name: in filters, in columns, on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

fields! {
    /// When.
    Time = "time";
    /// In which format it was written.
    Format = "format";
    /// Its name in its format.
    Id = "id";
    /// Who tells it.
    Source = "source";
    /// Who acted.
    Actor = "actor";
    /// What was done.
    Operation = "operation";
    /// On what.
    Path = "path";
    /// `allowed`, `denied`, `error`, `unanswered`.
    Outcome = "outcome";
    /// From where.
    RemoteAddr = "remote_addr";
    /// What went wrong.
    Error = "error";
    /// What else it says.
    Message = "message";
    /// The rotation that it says it is part of.
    Rotation = "rotation";
    /// The secret that it is about.
    Secret = "secret";
    /// In which file it stands.
    File = "file";
}

impl Field {
    /// The fields that an archive keeps for every row: asked and counted without looking at it.
    pub const INDEXED: [Self; 8] = [
        Self::Format,
        Self::Outcome,
        Self::Operation,
        Self::Actor,
        Self::Path,
        Self::Source,
        Self::Rotation,
        Self::Secret,
    ];

    /// The field of a name, or of a beginning of one that no other has.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let all = || Self::ALL.iter().copied();
        if let Some(exact) = all().find(|field| field.name() == word) {
            return Some(exact);
        }
        let mut begins = all().filter(|field| !word.is_empty() && field.name().starts_with(word));
        let first = begins.next()?;
        begins.next().is_none().then_some(first)
    }

    /// Every name, for a person.
    #[must_use]
    pub fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|field| field.name()).collect();
        names.join(", ")
    }

    /// The words that a field has where few are possible.
    #[must_use]
    pub fn known(self) -> &'static [&'static str] {
        match self {
            Self::Outcome => &["allowed", "denied", "error", "unanswered"],
            Self::Format => &[
                "azure",
                "cloudtrail",
                "envoy",
                "event",
                "gcp",
                "journald",
                "kubernetes",
                "nginx",
                "postgres",
                "vault",
            ],
            _ => &[],
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
