//! Secret material: it lives in memory that is wiped, shows itself nowhere, and is asked for by a
//! name that stands out.

use std::fmt;

use secrecy::{ExposeSecret, SecretBox};

/// What authenticates: a password, a private key, a token. Its `Debug` says only how long it is.
pub struct Material(SecretBox<[u8]>);

impl Material {
    /// Takes bytes in; the caller's copy is the caller's to wipe.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretBox::new(bytes.into_boxed_slice()))
    }

    /// The bytes themselves, for the one call that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The bytes as words, where they are words.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(self.expose()).ok()
    }
}

impl Clone for Material {
    fn clone(&self) -> Self {
        Self::new(self.expose().to_vec())
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Material({} bytes)", self.expose().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn material_never_shows_itself() {
        let material = Material::new(b"correct horse".to_vec());
        assert_eq!(format!("{material:?}"), "Material(13 bytes)");
        assert_eq!(material.expose_str(), Some("correct horse"));
    }
}
