//! The PKI engine: certificates issued and revoked.
//!
//! A role issues certificates to many, so an issue is an observed certificate, not a rotation.
//! Names and serial numbers are hashed unless the device is raw; a hash still ties a revocation
//! to its issue within one device.

use std::collections::HashMap;

use serde_json::Value;

use super::call::{Call, Note};
use crate::audit::derive::emit::Emit;
use crate::model::event::{CertificateObserved, Stage};
use crate::model::mask::{MASKED, is_hashed};
use crate::model::{Endpoint, SecretPath, Text, Timestamp, Version};

/// How many issued certificates are remembered.
const REMEMBERED: usize = 65_536;

/// What is known of certificates.
#[derive(Debug, Default)]
pub struct Pki {
    /// By serial number, or by its hash.
    issued: HashMap<String, CertificateObserved>,
}

impl Pki {
    /// Looks at a call of this engine.
    pub fn call(&mut self, call: &Call<'_>, emit: &mut Emit<'_>) -> Note {
        if !call.writes() || !call.is_done() {
            return Note::default();
        }
        match call.inner.split('/').next() {
            Some("issue" | "sign") => self.issued(call, emit),
            Some("revoke") => self.revoked(call, emit),
            _ => Note::default(),
        }
    }

    fn issued(&mut self, call: &Call<'_>, emit: &mut Emit<'_>) -> Note {
        let Some(secret) = &call.secret else {
            return Note::default();
        };
        let serial = words(&call.entry.response_data, "serial_number");
        let subject = words(&call.entry.request_data, "common_name").and_then(clear);
        let not_after = call.entry.response_data.get("expiration");
        let not_after = not_after.and_then(Value::as_i64).filter(|at| *at > 0);
        let data = CertificateObserved {
            endpoint: Endpoint(subject.clone().unwrap_or_else(|| secret.0.clone())),
            subject,
            issuer: None,
            serial: serial.and_then(clear),
            not_before: None,
            not_after: not_after.map(|at| Timestamp::new(at, 0)),
            chain_ok: None,
            secret: Some(secret.clone()),
            version: serial.and_then(clear).map(Version),
            region: call.who.region.clone(),
            error: None,
        };
        if let Some(serial) = serial.filter(|_| self.issued.len() < REMEMBERED) {
            self.issued.insert(plain(serial), data.clone());
        }
        let version = data.version.clone();
        emit.event(
            call.id("certificate"),
            call.answered,
            secret.0.clone(),
            data,
        );
        Note {
            version,
            stage: Some(Stage::Generate),
            ..Note::default()
        }
    }

    fn revoked(&mut self, call: &Call<'_>, emit: &mut Emit<'_>) -> Note {
        let serial = words(&call.entry.request_data, "serial_number");
        let known = serial.and_then(|serial| self.issued.remove(&plain(serial)));
        let mut data = known.unwrap_or_else(|| unknown(call, serial));
        data.error = Some(Text::from("revoked"));
        let version = data.version.clone();
        let subject = data
            .secret
            .as_ref()
            .map_or_else(|| data.endpoint.0.clone(), |s| s.0.clone());
        emit.event(call.id("certificate"), call.answered, subject, data);
        Note {
            version,
            stage: Some(Stage::Revoke),
            ..Note::default()
        }
    }
}

/// A certificate that was issued before the log begins, or whose number another device hashed.
fn unknown(call: &Call<'_>, serial: Option<&str>) -> CertificateObserved {
    let mount = call.entry.mount_point.raw().trim_end_matches('/');
    CertificateObserved {
        endpoint: Endpoint::from(mount),
        subject: None,
        issuer: None,
        serial: serial.and_then(clear),
        not_before: None,
        not_after: None,
        chain_ok: None,
        secret: None::<SecretPath>,
        version: serial.and_then(clear).map(Version),
        region: None,
        error: None,
    }
}

fn words<'v>(data: &'v Value, name: &str) -> Option<&'v str> {
    data.get(name)?.as_str()
}

/// Words that are neither hashed nor masked.
fn clear(words: &str) -> Option<Text> {
    (!is_hashed(words) && words != MASKED && !words.is_empty()).then(|| Text::from(words))
}

/// `aa:bb` and `aa-bb` are one number.
fn plain(serial: &str) -> String {
    if is_hashed(serial) {
        return serial.to_owned();
    }
    serial.replace('-', ":").to_ascii_lowercase()
}
