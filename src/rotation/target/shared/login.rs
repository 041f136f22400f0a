//! A login: a name and a password, the material of databases. As JSON
//! `{"username": "…", "password": "…"}`, which is what its consumers receive.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::words::place;
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::material::Material;

/// A name and a password. Has no `Debug`.
pub struct Login {
    /// Who logs in.
    pub username: String,
    /// What proves it.
    pub password: Zeroizing<String>,
}

#[derive(Deserialize)]
struct Read {
    username: String,
    password: String,
}

#[derive(Serialize)]
struct Write<'a> {
    username: &'a str,
    password: &'a str,
}

impl Login {
    /// A new password of 256 bits for this name.
    pub fn random(username: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: random_words(),
        }
    }

    /// Reads material.
    ///
    /// # Errors
    /// A local fault where it is no login; it does not repeat the material.
    pub fn of(material: &Material, doing: &str) -> Result<Self, Fault> {
        let read: Read = serde_json::from_slice(material.expose()).map_err(|e| {
            Fault::new(
                FaultKind::Local,
                doing,
                format!("the kept material {}", place(&e)),
            )
        })?;
        Ok(Self {
            username: read.username,
            password: Zeroizing::new(read.password),
        })
    }

    /// The login as material.
    pub fn material(&self) -> Material {
        let write = Write {
            username: &self.username,
            password: &self.password,
        };
        // Two strings always serialise.
        Material::new(serde_json::to_vec(&write).unwrap_or_default())
    }
}

/// 256 random bits as 43 characters that need no quoting anywhere.
pub fn random_words() -> Zeroizing<String> {
    let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_survives_its_material() {
        let login = Login::random("app");
        let again = Login::of(&login.material(), "log in").unwrap();
        assert_eq!(again.username, "app");
        assert_eq!(*again.password, *login.password);
        assert_eq!(login.password.len(), 43);
    }

    #[test]
    fn other_material_is_refused_without_being_repeated() {
        let material = Material::new(b"\"canary-8\"".to_vec());
        let Err(fault) = Login::of(&material, "log in") else {
            panic!("no login");
        };
        assert!(!format!("{fault:?} {fault}").contains("canary-8"));
    }
}
