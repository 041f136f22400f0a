//! Reads a policy and finds what is wrong with it: with its place, in plain words.

use std::ops::Range;

use cedar_policy::{
    ActionConstraint, Effect, Policy, PolicyId, PolicySet, PrincipalConstraint, ResourceConstraint,
    Schema, ValidationMode, ValidationResult, ValidationWarning, Validator,
};
use miette::Diagnostic;

use crate::model::text::shown;

/// What a policy can speak of.
pub const SCHEMA: &str = include_str!("rotascope.cedarschema");

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PolicyError {
    /// What is wrong; harmless to show.
    pub message: String,
    /// What to do about it, where that can be said.
    pub next: Option<String>,
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
}

impl PolicyError {
    fn at(text: &str, span: Range<usize>, message: &str) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = text.get(..start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            message: shown(message).into_owned(),
            next: None,
            span: start..span.end.clamp(start, text.len()),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// What a reader of Cedar says, at its place.
    fn of(text: &str, said: &dyn Diagnostic) -> Self {
        let label = said.labels().and_then(|mut labels| labels.next());
        let span = label.as_ref().map_or(0..0, |label| {
            label.offset()..label.offset() + label.len().max(1)
        });
        let mut message = said.to_string();
        if let Some(words) = label.as_ref().and_then(|label| label.label()) {
            message = format!("{message}: {words}");
        }
        let mut error = Self::at(text, span, &message);
        error.next = said
            .help()
            .map(|help| shown(&help.to_string()).into_owned());
        error
    }
}

/// What a policy can speak of.
pub(super) fn schema() -> Result<Schema, PolicyError> {
    Schema::from_cedarschema_str(SCHEMA)
        .map(|(schema, _)| schema)
        .map_err(|error| PolicyError::of(SCHEMA, &error))
}

/// Reads a policy; the first mistake is what is told.
pub(super) fn read(text: &str, schema: &Schema) -> Result<PolicySet, PolicyError> {
    let set: PolicySet = text
        .parse()
        .map_err(|errors: cedar_policy::ParseErrors| PolicyError::of(text, &errors))?;
    if let Some(template) = set.templates().next() {
        let span = place(text, Some(&template.to_cedar()));
        return Err(PolicyError::at(text, span, "a template does nothing here")
            .next("write a policy of its own for each person and secret"));
    }
    let judged = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    if let Some(error) = judged.validation_errors().next() {
        return Err(scoped(PolicyError::of(text, error)));
    }
    allows_something(text, &set, &judged)?;
    Ok(set)
}

/// Who speaks of answers without saying of which acts speaks of approvals too, which have none.
fn scoped(error: PolicyError) -> PolicyError {
    if !error.message.contains("Action::\"approve\"") {
        return error;
    }
    error.next("approve has no answers: say that it is about acts, with action in Action::\"acts\"")
}

/// Refuses a policy under which nothing could ever be done.
fn allows_something(
    text: &str,
    set: &PolicySet,
    judged: &ValidationResult,
) -> Result<(), PolicyError> {
    let next = "allow something with a permit, or remove the file: the standard policy holds then";
    if let Some(all) = set.policies().find(|policy| forbids_everything(policy)) {
        let span = place(text, all.to_cedar().as_deref());
        let words = "this forbids everything: nothing could ever be done";
        return Err(PolicyError::at(text, span, words).next(next));
    }
    let mut permits = set
        .policies()
        .filter(|policy| policy.effect() == Effect::Permit && is_about_acts(policy))
        .peekable();
    let Some(first) = permits.peek().copied() else {
        let words = "the policy allows nothing: it has no permit for any act";
        return Err(PolicyError::at(text, 0..text.len().min(1), words).next(next));
    };
    if permits.all(|permit| never_holds(judged, permit.id())) {
        let span = place(text, first.to_cedar().as_deref());
        let words = "the policy allows nothing: no permit of it can ever hold";
        return Err(PolicyError::at(text, span, words).next(next));
    }
    Ok(())
}

fn forbids_everything(policy: &Policy) -> bool {
    policy.effect() == Effect::Forbid
        && !policy.has_non_scope_constraint()
        && policy.principal_constraint() == PrincipalConstraint::Any
        && match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(_) => false,
            ActionConstraint::In(uids) => uids.iter().any(|uid| uid.id().unescaped() == "acts"),
        }
        && policy.resource_constraint() == ResourceConstraint::Any
}

fn is_about_acts(policy: &Policy) -> bool {
    let approves = |uid: &cedar_policy::EntityUid| uid.id().unescaped() == "approve";
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => !approves(&uid),
        ActionConstraint::In(uids) => uids.iter().any(|uid| !approves(uid)),
    }
}

fn never_holds(judged: &ValidationResult, id: &PolicyId) -> bool {
    judged.validation_warnings().any(|warning| {
        let never = matches!(
            warning,
            ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_)
        );
        never && warning.policy_id() == id
    })
}

/// What is allowed and unwise.
pub(super) fn warnings(text: &str) -> Vec<PolicyError> {
    let (Ok(schema), Ok(set)) = (schema(), text.parse::<PolicySet>()) else {
        return Vec::new();
    };
    let judged = Validator::new(schema).validate(&set, ValidationMode::Strict);
    let found = judged.validation_warnings();
    let mut warnings: Vec<PolicyError> = found.map(|said| PolicyError::of(text, said)).collect();
    for policy in set.policies() {
        if policy.annotation("id").is_none() {
            let span = place(text, policy.to_cedar().as_deref());
            let words = "the policy has no name: what it asks for is told by its line";
            let named = PolicyError::at(text, span, words);
            warnings.push(named.next("write @id(\"a-name\") before it"));
        }
    }
    warnings.sort_by_key(|warning| warning.span.start);
    warnings
}

/// A policy's name: its `@id`, else its line.
pub(super) fn name(set: &PolicySet, id: &PolicyId, text: &str) -> String {
    if let Some(name) = set.annotation(id, "id").filter(|name| !name.is_empty()) {
        return shown(name).into_owned();
    }
    let words = set.policy(id).and_then(Policy::to_cedar);
    let at = PolicyError::at(text, place(text, words.as_deref()), "");
    format!("line {}", at.line)
}

/// Where these words stand; the beginning, where they do not.
fn place(text: &str, words: Option<&str>) -> Range<usize> {
    let words = words.map(str::trim).unwrap_or_default();
    let start = text.find(words).unwrap_or(0);
    // The first line is enough to point at.
    let line = words.lines().next().unwrap_or_default();
    start..start + line.len()
}
