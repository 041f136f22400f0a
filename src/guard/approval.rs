//! A second person's approval: made here, and judged here.

use std::borrow::Cow;

use serde::Serialize;

use super::case::{Case, Subject};
use super::denied::Flaw;
use super::people::People;
use super::policy::Policy;
use super::signer::Signer;
use crate::model::intent::Intent;
use crate::model::proof::{Approval, Digest, PublicKey};
use crate::model::{Actor, Span, Timestamp, json};

/// What approvals are signed in.
const DOMAIN: &str = "approval v1";

/// The longest that an approval may hold.
pub const APPROVAL_LONGEST: Span = Span::seconds(3600);

/// So far the clocks of two persons may be apart.
pub(super) const SKEW: Span = Span::seconds(30);

/// What of an approval is signed.
#[derive(Serialize)]
struct Unsigned<'a> {
    by: Cow<'a, Actor>,
    key: PublicKey,
    intent: Digest,
    at: Timestamp,
    until: Timestamp,
}

impl Unsigned<'_> {
    fn bytes(&self) -> Vec<u8> {
        // There is no map in it: it can always be written.
        json::to_line(self).unwrap_or_default().into_bytes()
    }
}

/// Approves an intent, for a while from now on; an hour at most.
#[must_use]
pub fn approve(
    intent: &Intent,
    by: Actor,
    signer: &Signer,
    now: Timestamp,
    valid: Span,
) -> Approval {
    let unsigned = Unsigned {
        by: Cow::Owned(by),
        key: signer.public(),
        intent: intent.digest(),
        at: now,
        until: now + valid.min(APPROVAL_LONGEST),
    };
    Approval {
        signature: signer.sign(DOMAIN, &unsigned.bytes()),
        key: unsigned.key,
        intent: unsigned.intent,
        at: unsigned.at,
        until: unsigned.until,
        by: unsigned.by.into_owned(),
    }
}

/// What an approval is held against.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The intent that is to be approved.
    pub intent: &'a Intent,
    /// Whose key signed the intent.
    pub asker: &'a PublicKey,
    /// What is known of the secret.
    pub subject: Subject<'a>,
    /// Who may approve.
    pub policy: &'a Policy,
    /// Who is known; where nobody is, that the approver is known is for the engine to say.
    pub people: &'a People,
    /// The moment.
    pub now: Timestamp,
}

impl Judge<'_> {
    /// Who approves.
    ///
    /// # Errors
    /// [`Flaw`] where the approval does not count.
    pub fn counts(&self, approval: &Approval) -> Result<Actor, Flaw> {
        if approval.intent != self.intent.digest() {
            return Err(Flaw::OtherIntent);
        }
        if approval.by == self.intent.by || approval.key == *self.asker {
            return Err(Flaw::Own);
        }
        if !holds(approval) {
            return Err(Flaw::Forged);
        }
        self.is_of_this_time(approval)?;
        if self.people.is_empty() {
            return Ok(approval.by.clone());
        }
        let person = self.people.by_key(&approval.key).ok_or(Flaw::UnknownKey)?;
        if person.name != approval.by {
            return Err(Flaw::NotTheirKey);
        }
        // One person with two keys, or with two names for one key, is one person.
        let asker = self.people.by_key(self.asker);
        if asker.is_some_and(|asker| asker.name == person.name) {
            return Err(Flaw::Own);
        }
        let case = Case {
            person: Some(&person.name),
            roles: &person.roles,
            verb: self.intent.verb,
            region: self.intent.region.as_ref(),
            subject: self.subject,
            signed: true,
        };
        self.policy
            .may_approve(&case)
            .map_err(|denied| Flaw::NotAllowed(denied.to_string()))?;
        Ok(person.name.clone())
    }

    fn is_of_this_time(&self, approval: &Approval) -> Result<(), Flaw> {
        let lasts = approval.until.since(approval.at);
        if lasts <= Span::ZERO || lasts > APPROVAL_LONGEST {
            return Err(Flaw::TooLong);
        }
        if approval.at > self.now + SKEW {
            return Err(Flaw::NotYet);
        }
        if approval.until < self.now {
            return Err(Flaw::Expired);
        }
        Ok(())
    }
}

/// True where an approval's own signature holds.
fn holds(approval: &Approval) -> bool {
    let unsigned = Unsigned {
        by: Cow::Borrowed(&approval.by),
        key: approval.key,
        intent: approval.intent,
        at: approval.at,
        until: approval.until,
    };
    Signer::verify(
        &approval.key,
        DOMAIN,
        &unsigned.bytes(),
        &approval.signature,
    )
}
