//! The policy: what has to be answered before which act, written in Cedar.
//!
//! 1. Each act is a Cedar action in the group of its risk; what was answered is in the context.
//! 2. A policy says under which answers it permits an act. [`Policy::decide`] asks it about every
//!    set of answers, from the weakest to the strongest, and takes the first that is permitted.
//! 3. Two floors no policy can lower: whatever acts is confirmed, and what is disruptive or
//!    destructive is signed by a person.
//! 4. A policy that cannot be evaluated for an act permits nothing about it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, LazyLock};

use cedar_policy::{
    Authorizer, Context, Decision as Verdict, Entities, Entity, EntityId, EntityTypeName,
    EntityUid, PolicySet, Request, RestrictedExpression, Schema,
};

use super::case::{Case, EVERYTHING};
use super::challenge::Challenges;
use super::denied::Denied;
use super::lint::{self, PolicyError};
use crate::model::event::Risk;
use crate::model::proof::Met;

/// The policy where no other is named.
pub const STANDARD: &str = include_str!("standard.cedar");

/// The policy of the demo.
pub const DEMO: &str = include_str!("demo.cedar");

/// A policy that was read and found right.
pub struct Policy {
    text: String,
    set: PolicySet,
    /// `None` where the schema that comes with the program is broken: then nothing is permitted.
    schema: Option<Schema>,
    authorizer: Authorizer,
}

/// What a policy asks for before an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What has to be answered.
    pub challenges: Challenges,
    /// The policies that say so: those that permit it then, and those that forbid it with less.
    pub because: Vec<String>,
}

/// The answers that a policy may ask for, the cheapest first. A number of these bits that is
/// smaller is never a set that holds a larger one's.
const CONFIRM: u8 = 1;
const NAME: u8 = 2;
const REASON: u8 = 4;
const CODE: u8 = 8;
const SECOND: u8 = 16;
const ALL: u8 = 31;

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] where it does not parse, speaks of what is not there, or allows nothing.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let schema = lint::schema()?;
        let set = lint::read(text, &schema)?;
        Ok(Self::of(text, set, Some(schema)))
    }

    fn of(text: &str, set: PolicySet, schema: Option<Schema>) -> Self {
        Self {
            text: text.to_owned(),
            set,
            schema,
            authorizer: Authorizer::new(),
        }
    }

    /// The policy where no other is named.
    #[must_use]
    pub fn standard() -> Arc<Self> {
        static READ: LazyLock<Arc<Policy>> = LazyLock::new(|| Arc::new(Policy::built_in(STANDARD)));
        Arc::clone(&READ)
    }

    /// The policy of the demo: as the standard, without codes and second persons.
    #[must_use]
    pub fn demo() -> Arc<Self> {
        static READ: LazyLock<Arc<Policy>> = LazyLock::new(|| Arc::new(Policy::built_in(DEMO)));
        Arc::clone(&READ)
    }

    /// A policy that comes with the program. Tests read each; were one broken all the same, it
    /// would permit nothing.
    fn built_in(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self::of(text, PolicySet::new(), None))
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is allowed in it and unwise, each with its place.
    #[must_use]
    pub fn warnings(&self) -> Vec<PolicyError> {
        lint::warnings(&self.text)
    }

    /// What has to be answered before an act, at the least.
    ///
    /// # Errors
    /// [`Denied`] where no answer is enough.
    pub fn decide(&self, case: &Case<'_>) -> Result<Decision, Denied> {
        let risk = case.risk();
        if !case.signed && must_be_signed(&risk) {
            return Err(Denied::Unsigned(risk));
        }
        let asking = Asking::new(self, case)?;
        let floor = if risk == Risk::Observe { 0 } else { CONFIRM };
        let sets = (0..=ALL).filter(|set| set & floor == floor);
        let mut forbidden = BTreeSet::new();
        for set in sets {
            let (permitted, by) = asking.ask(set)?;
            if permitted {
                return Ok(Decision {
                    challenges: challenges(set, case),
                    because: asking.because(set, by)?,
                });
            }
            forbidden = by;
        }
        Err(Denied::Policy {
            what: case.words(),
            by: forbidden.into_iter().collect(),
        })
    }

    /// True where the policy permits an act that was answered so. It is asked itself: what it says
    /// is more than what [`Policy::decide`] asks for.
    ///
    /// # Errors
    /// [`Denied`] where it cannot be asked.
    pub fn permits(&self, case: &Case<'_>, met: &Met, approved: bool) -> Result<bool, Denied> {
        if !case.signed && must_be_signed(&case.risk()) {
            return Ok(false);
        }
        if case.risk() != Risk::Observe && !met.confirmed {
            return Ok(false);
        }
        let answered = [
            (met.confirmed, CONFIRM),
            (met.named, NAME),
            (met.reasoned, REASON),
            (met.code, CODE),
            (approved, SECOND),
        ];
        let bits = answered.into_iter().filter(|(met, _)| *met);
        let set = bits.fold(0, |set, (_, bit)| set | bit);
        Ok(Asking::new(self, case)?.ask(set)?.0)
    }

    /// True where this person may be the second one of this act; else the policies that forbid
    /// it.
    ///
    /// # Errors
    /// [`Denied`] where the policy does not let them, or cannot be asked.
    pub fn may_approve(&self, approver: &Case<'_>) -> Result<(), Denied> {
        let asking = Asking::new(self, approver)?;
        let (permitted, by) = asking.ask_approver(approver)?;
        if permitted {
            return Ok(());
        }
        Err(Denied::Policy {
            what: format!("approval by {}", approver.words()),
            by: by.into_iter().collect(),
        })
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({} policies)", self.set.num_of_policies())
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// What is disruptive or worse is a person's act; what is not known counts as the worst.
pub(super) fn must_be_signed(risk: &Risk) -> bool {
    !matches!(risk, Risk::Observe | Risk::Reversible)
}

fn challenges(set: u8, case: &Case<'_>) -> Challenges {
    let has = |bit| set & bit != 0;
    Challenges {
        confirm: has(CONFIRM),
        name: has(NAME).then(|| case.name()),
        reason: has(REASON),
        code: has(CODE),
        second: has(SECOND),
    }
}

/// One act, ready to be asked about.
struct Asking<'a> {
    policy: &'a Policy,
    entities: Entities,
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    about: Vec<(String, RestrictedExpression)>,
}

impl<'a> Asking<'a> {
    fn new(policy: &'a Policy, case: &Case<'_>) -> Result<Self, Denied> {
        let schema = policy
            .schema
            .as_ref()
            .ok_or_else(|| Denied::Broken("it was not read".to_owned()))?;
        let principal = uid("Person", case.person.map_or("", |person| person.raw()))?;
        let path = case
            .subject
            .secret
            .map_or(EVERYTHING, |secret| secret.raw());
        let resource = uid("Secret", path)?;
        let roles = case.roles.iter().map(|role| uid("Role", role));
        let roles: HashSet<EntityUid> = roles.collect::<Result<_, _>>()?;
        let mut entities: Vec<Entity> = roles
            .iter()
            .map(|role| Entity::new_no_attrs(role.clone(), HashSet::new()))
            .collect();
        entities.push(Entity::new_no_attrs(principal.clone(), roles));
        let secret = Entity::new(resource.clone(), attributes(case, path), HashSet::new());
        entities.push(secret.map_err(broken)?);
        let string = |words: &str| RestrictedExpression::new_string(words.to_owned());
        let mut about = vec![
            ("risk".to_owned(), string(case.risk().raw())),
            (
                "signed".to_owned(),
                RestrictedExpression::new_bool(case.signed),
            ),
        ];
        if let Some(region) = case.region {
            about.push(("region".to_owned(), string(region.raw())));
        }
        Ok(Self {
            policy,
            entities: Entities::from_entities(entities, Some(schema)).map_err(broken)?,
            principal,
            action: uid("Action", case.action())?,
            resource,
            about,
        })
    }

    /// Whether it is permitted with these answers, and by which policies it is so.
    fn ask(&self, set: u8) -> Result<(bool, BTreeSet<String>), Denied> {
        let answers = [
            ("confirmed", CONFIRM),
            ("named", NAME),
            ("reasoned", REASON),
            ("code", CODE),
        ];
        let answers = answers.map(|(word, bit)| {
            let met = RestrictedExpression::new_bool(set & bit != 0);
            (word.to_owned(), met)
        });
        let approvals = RestrictedExpression::new_long(i64::from(set & SECOND != 0));
        let context = Context::from_pairs(
            answers
                .into_iter()
                .chain([("approvals".to_owned(), approvals)])
                .chain(self.about.iter().cloned()),
        );
        self.request(self.action.clone(), context.map_err(broken)?)
    }

    fn ask_approver(&self, case: &Case<'_>) -> Result<(bool, BTreeSet<String>), Denied> {
        let string = |words: &str| RestrictedExpression::new_string(words.to_owned());
        let context = Context::from_pairs([
            ("act".to_owned(), string(case.action())),
            ("risk".to_owned(), string(case.risk().raw())),
        ]);
        self.request(uid("Action", "approve")?, context.map_err(broken)?)
    }

    fn request(
        &self,
        action: EntityUid,
        context: Context,
    ) -> Result<(bool, BTreeSet<String>), Denied> {
        let request = Request::new(
            self.principal.clone(),
            action,
            self.resource.clone(),
            context,
            self.policy.schema.as_ref(),
        );
        let request = request.map_err(broken)?;
        let set = &self.policy.set;
        let answer = self
            .policy
            .authorizer
            .is_authorized(&request, set, &self.entities);
        if let Some(error) = answer.diagnostics().errors().next() {
            return Err(broken(error));
        }
        let by = answer.diagnostics().reason();
        let by = by
            .map(|id| lint::name(set, id, &self.policy.text))
            .collect();
        Ok((answer.decision() == Verdict::Allow, by))
    }

    /// The policies that permit it with these answers, and those that forbid it with one less.
    fn because(&self, set: u8, mut by: BTreeSet<String>) -> Result<Vec<String>, Denied> {
        for bit in [CONFIRM, NAME, REASON, CODE, SECOND] {
            if set & bit != 0 {
                let (permitted, less) = self.ask(set & !bit)?;
                if !permitted {
                    by.extend(less);
                }
            }
        }
        Ok(by.into_iter().collect())
    }
}

fn attributes(case: &Case<'_>, path: &str) -> HashMap<String, RestrictedExpression> {
    let string = |words: &str| RestrictedExpression::new_string(words.to_owned());
    let tier = case.subject.tier.map_or("unknown", |tier| tier.raw());
    let services = case.subject.services.iter();
    let services = services.map(|service| string(service.raw()));
    let consumers = i64::try_from(case.subject.consumers).unwrap_or(i64::MAX);
    HashMap::from([
        ("path".to_owned(), string(path)),
        ("tier".to_owned(), string(tier)),
        (
            "services".to_owned(),
            RestrictedExpression::new_set(services),
        ),
        (
            "consumers".to_owned(),
            RestrictedExpression::new_long(consumers),
        ),
    ])
}

fn uid(kind: &str, name: &str) -> Result<EntityUid, Denied> {
    let kind: EntityTypeName = kind.parse().map_err(broken)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
}

fn broken(error: impl fmt::Display) -> Denied {
    Denied::Broken(crate::model::text::shown(&error.to_string()).into_owned())
}
