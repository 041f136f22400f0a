//! What the policies that come with the program ask for, what is wrong with wrong ones, and that
//! no set of answers passes that is weaker than what is asked.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::world::{ALL, MIRA, at, intent, once, people, secret, signed};
use crate::guard::{Case, Challenges, DEMO, Denied, Policy, SCHEMA, STANDARD, Subject, evaluate};
use crate::model::event::{Risk, Tier};
use crate::model::intent::Verb;
use crate::model::proof::Met;
use crate::model::{Actor, SecretPath};

fn mira() -> Actor {
    "mira".into()
}

fn path() -> SecretPath {
    "payments/db".into()
}

fn case<'a>(person: &'a Actor, path: &'a SecretPath, verb: Verb) -> Case<'a> {
    Case {
        person: Some(person),
        roles: &[],
        verb,
        region: None,
        subject: Subject {
            secret: Some(path),
            ..Subject::default()
        },
        signed: true,
    }
}

/// What a policy asks for, in words.
fn asks(policy: &Policy, case: &Case<'_>) -> String {
    match policy.decide(case) {
        Ok(decision) => decision.challenges.to_string(),
        Err(denied) => denied.to_string(),
    }
}

/// The acts of each risk, as the design names them.
const REVERSIBLE: [Verb; 14] = [
    Verb::Freeze,
    Verb::Unfreeze,
    Verb::ExtendGrace,
    Verb::Pause,
    Verb::Resume,
    Verb::RetryStage,
    Verb::RetryRegion,
    Verb::RePush,
    Verb::Throttle,
    Verb::MaskLeak,
    Verb::RestoreSink,
    Verb::ReplayOutbox,
    Verb::Rotate,
    Verb::Silence,
];
const DISRUPTIVE: [Verb; 4] = [
    Verb::Rollback,
    Verb::InvalidateCache,
    Verb::ReissuePrevious,
    Verb::Abort,
];
const DESTRUCTIVE: [Verb; 2] = [Verb::RevokeNow, Verb::EmergencyRotate];

#[test]
fn the_standard_policy_asks_what_the_design_says_of_every_verb() {
    let (person, path) = (mira(), path());
    let policy = Policy::standard();
    for verb in Verb::ALL {
        let case = case(&person, &path, *verb);
        let (risk, wanted) = match verb {
            Verb::Acknowledge => (Risk::Observe, "nothing"),
            v if REVERSIBLE.contains(v) => (Risk::Reversible, "confirm"),
            v if DISRUPTIVE.contains(v) => (Risk::Disruptive, "confirm, name"),
            v if DESTRUCTIVE.contains(v) => (Risk::Destructive, "confirm, name, reason, code"),
            other => panic!("{other} stands in no list"),
        };
        assert_eq!(case.risk(), risk, "{verb}");
        assert_eq!(asks(&policy, &case), wanted, "{verb}");
    }
}

#[test]
fn what_risks_more_than_its_verb_is_asked_for_as_such() {
    let (person, path) = (mira(), path());
    let policy = Policy::standard();
    let mut resume = case(&person, &path, Verb::Resume);
    resume.subject.into_revoke = true;
    assert_eq!(
        (resume.risk(), resume.action()),
        (Risk::Disruptive, "resume-into-revoke")
    );
    assert_eq!(asks(&policy, &resume), "confirm, name");
    let mut unfreeze = case(&person, &path, Verb::Unfreeze);
    (unfreeze.subject.secret, unfreeze.subject.into_revoke) = (None, true);
    assert_eq!(
        (unfreeze.risk(), unfreeze.action()),
        (Risk::Disruptive, "unfreeze-into-revoke")
    );
    assert_eq!(asks(&policy, &unfreeze), "confirm, name");
    let mut many = case(&person, &path, Verb::Rotate);
    many.subject.secret = None;
    assert_eq!(
        (many.risk(), many.action()),
        (Risk::Destructive, "rotate-many")
    );
    assert_eq!(asks(&policy, &many), "confirm, name, reason, code");
}

#[test]
fn critical_secrets_need_two_persons_where_something_is_destroyed() {
    let (person, path, tier) = (mira(), path(), Tier::Critical);
    let policy = Policy::standard();
    for verb in Verb::ALL {
        let plain = case(&person, &path, *verb);
        let mut critical = plain;
        critical.subject.tier = Some(&tier);
        let more = if DESTRUCTIVE.contains(verb) {
            ", second person"
        } else {
            ""
        };
        let wanted = format!("{}{more}", asks(&policy, &plain));
        assert_eq!(asks(&policy, &critical), wanted, "{verb}");
    }
    let mut revoke = case(&person, &path, Verb::RevokeNow);
    revoke.subject.tier = Some(&tier);
    let because = policy.decide(&revoke).unwrap().because;
    assert_eq!(because, ["destructive", "two-for-critical"]);
}

#[test]
fn an_observer_only_looks() {
    let (person, path, roles) = (mira(), path(), vec!["observer".to_owned()]);
    let policy = Policy::standard();
    for verb in Verb::ALL {
        let mut case = case(&person, &path, *verb);
        case.roles = &roles;
        match policy.decide(&case) {
            Ok(_) => assert_eq!(*verb, Verb::Acknowledge),
            Err(Denied::Policy { by, .. }) => assert_eq!(by, ["observers-only-look"], "{verb}"),
            Err(other) => panic!("{verb}: {other}"),
        }
    }
}

#[test]
fn the_demo_asks_for_neither_codes_nor_a_second_person() {
    let (person, path, tier) = (mira(), path(), Tier::Critical);
    let policy = Policy::demo();
    for verb in Verb::ALL {
        let mut case = case(&person, &path, *verb);
        case.subject.tier = Some(&tier);
        let Challenges { code, second, .. } = policy.decide(&case).unwrap().challenges;
        assert!(!code && !second, "{verb}");
    }
    let revoke = case(&person, &path, Verb::RevokeNow);
    assert_eq!(asks(&policy, &revoke), "confirm, name, reason");
}

#[test]
fn no_policy_lowers_the_floors() {
    let (person, path) = (mira(), path());
    let lax = Policy::parse("@id(\"all\") permit (principal, action, resource);").unwrap();
    for verb in Verb::ALL {
        let mut case = case(&person, &path, *verb);
        let wanted = if *verb == Verb::Acknowledge {
            "nothing"
        } else {
            "confirm"
        };
        assert_eq!(asks(&lax, &case), wanted, "{verb}");
        (case.person, case.signed) = (None, false);
        let unsigned = lax.decide(&case);
        let is_mild = matches!(case.risk(), Risk::Observe | Risk::Reversible);
        assert_eq!(unsigned.is_ok(), is_mild, "{verb}");
        let all = Met {
            confirmed: true,
            named: true,
            reasoned: true,
            code: true,
        };
        assert_eq!(lax.permits(&case, &all, true), Ok(is_mild), "{verb}");
    }
}

#[test]
fn a_policy_may_speak_of_persons_paths_tiers_regions_and_numbers() {
    let policy = Policy::parse(
        r#"
        @id("mine") permit (principal == Person::"mira", action == Action::"rollback", resource)
        when { resource.path like "payments/*" && context has region && context.region == "eu-1" };
        @id("small") permit (principal, action == Action::"rollback", resource)
        when { resource.consumers < 10 && resource.services.contains("checkout") && context.code };
        "#,
    )
    .unwrap();
    let (person, path, other) = (mira(), path(), Actor::from("ana"));
    let (region, services) = ("eu-1".into(), ["checkout".into()]);
    let mut case = case(&person, &path, Verb::Rollback);
    case.region = Some(&region);
    assert_eq!(asks(&policy, &case), "confirm");
    case.subject.services = &services;
    case.person = Some(&other);
    assert_eq!(asks(&policy, &case), "confirm, code");
    case.subject.consumers = 10;
    let words = asks(&policy, &case);
    assert_eq!(words, "no policy allows ana to do rollback on payments/db");
}

#[test]
fn hostile_names_are_names_and_nothing_else() {
    let (person, path) = (
        Actor::from("x\" || true //\u{202e}\n"),
        SecretPath::from("\"} permit(principal,action,resource);\u{1b}[31m"),
    );
    let mine = r#"permit (principal == Person::"mira", action, resource);"#;
    let policy = Policy::parse(mine).unwrap();
    let denied = policy
        .decide(&case(&person, &path, Verb::Pause))
        .unwrap_err();
    let words = denied.to_string();
    assert!(!words.chars().any(crate::model::text::is_hidden), "{words}");
}

#[test]
fn a_policy_that_cannot_be_evaluated_permits_nothing() {
    let policy = Policy::parse(
        "permit (principal, action, resource);
        forbid (principal, action, resource) when { resource.consumers + 1 < 0 };",
    )
    .unwrap();
    let (person, path) = (mira(), path());
    let mut case = case(&person, &path, Verb::Pause);
    assert_eq!(asks(&policy, &case), "confirm");
    case.subject.consumers = usize::MAX;
    let denied = policy.decide(&case).unwrap_err();
    assert!(matches!(denied, Denied::Broken(_)), "{denied}");
}

/// A policy that is wrong: what is wrong, and its line and column.
fn wrong(text: &str) -> (usize, usize, String) {
    let error = Policy::parse(text).unwrap_err();
    assert!(error.span.end <= text.len() && error.span.start <= error.span.end);
    (error.line, error.column, error.message)
}

#[test]
fn what_is_wrong_with_a_policy_is_said_with_its_place() {
    let (line, column, words) = wrong("permit (principal, action, resource)\nwhen { context.code ");
    assert_eq!((line, column), (2, 20), "{words}");
    let (line, column, words) =
        wrong("// ü\npermit (principal, action, resource) when { context.cdoe };");
    assert_eq!((line, column), (2, 45), "{words}");
    assert!(words.contains("cdoe"), "{words}");
    let (line, _, words) = wrong("\n\npermit (principal, action == Action::\"revoke\", resource);");
    assert_eq!(line, 3, "{words}");
    assert!(words.contains("revoke"), "{words}");
    let (line, _, words) = wrong(
        "permit (principal, action, resource);\npermit (principal == ?principal, action, resource);",
    );
    assert_eq!(line, 2, "{words}");
    assert!(words.contains("template"), "{words}");
}

#[test]
fn a_policy_that_allows_nothing_is_refused() {
    for text in [
        "",
        "// nothing yet\n",
        "forbid (principal, action, resource);",
        "permit (principal, action, resource);\nforbid (principal, action in Action::\"acts\", resource);",
        "permit (principal, action == Action::\"approve\", resource);",
        "permit (principal, action, resource) when { false };",
        "permit (principal, action in Action::\"acts\", resource) when { context.code && false };",
        "permit (principal, action, resource);\nforbid (principal, action, resource);",
    ] {
        let error = Policy::parse(text).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("nothing"), "{text}: {words}");
        assert!(error.next.is_some(), "{text}");
    }
}

#[test]
fn what_comes_with_the_program_is_right_and_warns_of_nothing() {
    for text in [STANDARD, DEMO] {
        assert_eq!(Policy::parse(text).unwrap().warnings(), []);
    }
    for verb in Verb::ALL {
        assert!(SCHEMA.contains(verb.name()), "{verb} is not in the schema");
    }
    let unnamed = Policy::parse("\npermit (principal, action, resource);").unwrap();
    let warnings = unnamed.warnings();
    assert_eq!((warnings.len(), warnings[0].line), (1, 2));
    let (person, path) = (mira(), path());
    let because = unnamed
        .decide(&case(&person, &path, Verb::Pause))
        .unwrap()
        .because;
    assert_eq!(because, ["line 2"]);
}

#[test]
fn the_examples_of_the_documentation_are_policies() {
    let told = include_str!("../../../docs/policy.md");
    let examples: Vec<&str> = told
        .split("```cedar\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let policy = Policy::parse(&format!("{STANDARD}\n{example}")).unwrap();
        assert_eq!(policy.warnings(), [], "{example}");
    }
}

/// Every set of answers and approvals.
fn all_sets() -> impl Iterator<Item = (Met, bool)> {
    (0..32_u8).map(|set| {
        let has = |bit: u8| set & bit != 0;
        let met = Met {
            confirmed: has(1),
            named: has(2),
            reasoned: has(4),
            code: has(8),
        };
        (met, has(16))
    })
}

fn is_enough(asked: &Challenges, met: Met, approved: bool) -> bool {
    asked.lacking(&met).is_empty() && (approved || !asked.second)
}

#[test]
fn no_weaker_set_of_answers_passes() {
    let (person, path) = (mira(), path());
    let tiers = [Tier::Critical, Tier::High, Tier::Standard];
    for policy in [Policy::standard(), Policy::demo()] {
        for (verb, tier) in Verb::ALL
            .iter()
            .flat_map(|v| tiers.iter().map(move |t| (*v, t)))
        {
            let mut case = case(&person, &path, verb);
            case.subject.tier = Some(tier);
            let asked = policy.decide(&case).unwrap().challenges;
            for (met, approved) in all_sets() {
                let passes = policy.permits(&case, &met, approved).unwrap();
                assert_eq!(
                    passes,
                    is_enough(&asked, met, approved),
                    "{verb} {tier} {met:?}"
                );
            }
        }
    }
}

#[test]
fn the_engine_takes_no_weaker_set_of_answers() {
    let secret = secret(Tier::Standard);
    for (met, _) in all_sets() {
        let signed = signed(intent(), MIRA, met);
        let (policy, people) = (Policy::standard(), people());
        let said = evaluate(&signed, &secret.subject(), &policy, &people, &once(), at(1));
        assert_eq!(said.is_ok(), met == ALL, "{met:?}: {said:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A policy that permits an act where a set of answers is given, and forbids it where others
    /// are lacking.
    #[test]
    fn what_is_asked_is_what_the_policy_needs(needs in 0..32_u8, forbids in 0..32_u8) {
        const WORDS: [&str; 5] = [
            "context.confirmed", "context.named", "context.reasoned", "context.code",
            "context.approvals > 0",
        ];
        let mut text = "permit (principal, action in Action::\"acts\", resource) when { true".to_owned();
        for (_, word) in WORDS.iter().enumerate().filter(|(n, _)| needs & (1 << n) != 0) {
            write!(text, " && {word}").unwrap();
        }
        text.push_str(" };\n");
        for (_, word) in WORDS.iter().enumerate().filter(|(n, _)| forbids & (1 << n) != 0) {
            let about = "principal, action in Action::\"acts\", resource";
            writeln!(text, "forbid ({about}) unless {{ {word} }};").unwrap();
        }
        let policy = Policy::parse(&text).unwrap();
        let (person, path) = (mira(), path());
        let case = case(&person, &path, Verb::Rollback);
        let asked = policy.decide(&case).unwrap().challenges;
        // What acts is confirmed.
        let wanted = needs | forbids | 1;
        for (n, (met, approved)) in all_sets().enumerate() {
            let enough = u8::try_from(n).unwrap() & wanted == wanted;
            prop_assert_eq!(is_enough(&asked, met, approved), enough);
            prop_assert_eq!(policy.permits(&case, &met, approved), Ok(enough));
        }
    }
}
