//! Names of things. Ids of different things are different types, so that one can never stand
//! where another is meant. All are opaque [`Text`]: compared by equality, shown harmless.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::Text;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Text);

        impl $name {
            /// The name as it was written; for comparing, hashing and JSON only.
            #[must_use]
            pub fn raw(&self) -> &str {
                self.0.raw()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl From<&str> for $name {
            fn from(raw: &str) -> Self {
                Self(Text::from(raw))
            }
        }

        impl From<String> for $name {
            fn from(raw: String) -> Self {
                Self(Text::from(raw))
            }
        }

        impl From<Text> for $name {
            fn from(text: Text) -> Self {
                Self(text)
            }
        }
    )+};
}

names! {
    /// Names an event once, together with its [`Source`].
    EventId,
    /// The emitter of an event: a server, never a file.
    Source,
    /// One rotation of one secret. A second source may know it under another id, its alias.
    RotationId,
    /// The secret that is rotated, as its backend names it.
    SecretPath,
    /// Who uses a secret: one process, pod or host.
    ConsumerId,
    /// A service: several consumers that do one job.
    ServiceName,
    /// Where consumers run. Absent is unknown, never another region.
    Region,
    /// Whoever acted, in the words of the backend that saw it.
    Actor,
    /// The `source` that a backend speaks for.
    BackendName,
    /// A place that serves keys or a certificate.
    Endpoint,
    /// A lease of an ephemeral credential.
    LeaseId,
    /// A version of a secret. Versions compare by equality only: one that looks greater is not
    /// newer (the order here is that of the alphabet, for stable listings).
    Version,
}
