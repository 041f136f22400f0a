//! The inventory among the rest of the desk: when it is put together, and what was found of what
//! lies in it.

use std::sync::Arc;

use crate::diagnosis::Finding;
use crate::model::SecretPath;

use super::desk::{Desk, Screen};

impl Desk {
    /// How many secrets the inventory shows, below the names of its columns.
    pub fn shelf_page(&self) -> usize {
        self.list_page().saturating_sub(1).max(1)
    }

    /// Brings the inventory up to the state, where a screen that shows it is shown.
    pub fn shelve(&mut self) {
        if matches!(self.screen(), Screen::Inventory | Screen::Secret) {
            self.shelf.refresh(&self.state.incident);
        }
        if self.screen() == Screen::Inventory {
            // What is listed next stands where it will be drawn.
            self.scroll = self.shelf.settle(self.shelf_page());
        }
    }

    /// The worst finding about a secret.
    pub fn about(&self, secret: &SecretPath) -> Option<&Arc<Finding>> {
        let mut all = self.digest.findings.all().iter();
        all.find(|finding| self.is_about(finding, secret))
    }

    /// True for a finding about a secret, or about a rotation of it.
    pub fn is_about(&self, finding: &Finding, secret: &SecretPath) -> bool {
        let rotation = finding.rotation.as_ref();
        let told = rotation.and_then(|id| self.state.incident.secret_of(id));
        finding.secret.as_ref() == Some(secret) || told == Some(secret)
    }
}
