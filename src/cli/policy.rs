//! `rotascope policy`: is a policy right, and what does it ask for before each act?

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde::Serialize;

use super::complaint::Complaint;
use super::{BAD_INPUT, FINE, look};
use crate::guard::{Case, People, Policy, PolicyError, Subject};
use crate::model::event::Tier;
use crate::model::intent::Verb;
use crate::model::text::shown;
use crate::model::{Actor, Region, SecretPath, json};

/// What the acts are explained on, where no secret is named.
const SOME_SECRET: &str = "any/secret";

/// What a person is called, where none is named.
const SOMEBODY: &str = "somebody";

/// What `policy` takes.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Say whether a policy can be used, and where it is wrong
    Check(CheckArgs),
    /// Say what is asked before each act, and which policies say so
    Explain(ExplainArgs),
    /// Print the standard policy, to begin one's own with
    Standard,
    /// Print what a policy can speak of, as a Cedar schema
    Schema,
}

#[derive(Debug, ClapArgs)]
struct CheckArgs {
    /// The policy, in Cedar
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// Check this people file too
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
struct ExplainArgs {
    /// One act alone, by its name [default: all]
    #[arg(value_name = "ACT")]
    act: Option<String>,
    /// The policy, in Cedar [default: the standard policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Who is known, and what they are
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// Who acts [default: somebody without a role]
    #[arg(long = "as", value_name = "NAME", conflicts_with = "token")]
    person: Option<String>,
    /// Ask as a bearer token alone, without a person
    #[arg(long)]
    token: bool,
    /// On which secret
    #[arg(long, value_name = "PATH")]
    secret: Option<String>,
    /// How much depends on it: critical, high or standard
    #[arg(long, value_name = "TIER")]
    tier: Option<String>,
    /// In which region alone
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How an explanation is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line an act
    #[default]
    Table,
    /// One JSON object
    Json,
}

/// Runs the command and gives its exit status: 0, or 2 where a file cannot be used.
///
/// # Errors
/// Where `out` or `err` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let done = match &args.command {
        PolicyCommand::Check(args) => check(args, out, err)?,
        PolicyCommand::Explain(args) => explain(args, out)?,
        PolicyCommand::Standard => {
            out.write_all(crate::guard::STANDARD.as_bytes())?;
            Ok(())
        }
        PolicyCommand::Schema => {
            out.write_all(crate::guard::SCHEMA.as_bytes())?;
            Ok(())
        }
    };
    match done {
        Ok(()) => Ok(FINE),
        Err(complaint) => {
            writeln!(err, "{complaint}")?;
            Ok(BAD_INPUT)
        }
    }
}

type Done = Result<(), Complaint>;

fn check(args: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Done> {
    let policy = match policy(&args.policy) {
        Ok(policy) => policy,
        Err(complaint) => return Ok(Err(complaint)),
    };
    let file = args.policy.to_string_lossy();
    for warning in policy.warnings() {
        write!(err, "warning: {}", said(&warning, &file, policy.text()))?;
    }
    writeln!(out, "ok     {}: policy", shown(&file))?;
    if let Some(path) = &args.people {
        let people = match people(path) {
            Ok(people) => people,
            Err(complaint) => return Ok(Err(complaint)),
        };
        let n = people.iter().count();
        let s = if n == 1 { "person" } else { "people" };
        writeln!(out, "ok     {}: {n} {s}", shown(&path.to_string_lossy()))?;
    }
    Ok(Ok(()))
}

/// Reads a policy.
pub(super) fn policy(path: &Path) -> Result<Policy, Complaint> {
    let text = text(
        path,
        "name a policy; rotascope policy standard prints one to begin with",
    )?;
    Policy::parse(&text).map_err(|error| said(&error, &path.to_string_lossy(), &text))
}

/// Reads a people file.
pub(super) fn people(path: &Path) -> Result<People, Complaint> {
    let text = text(path, "name a file of [[person]] tables")?;
    // Beside what is wrong there may stand the secret of somebody's codes: no line is shown.
    People::parse(&text).map_err(|error| {
        let file = path.to_string_lossy();
        Complaint::new(format!(
            "the people file {} is wrong: {error}",
            shown(&file)
        ))
    })
}

fn text(path: &Path, next: &str) -> Result<String, Complaint> {
    look::read(path)?
        .ok_or_else(|| Complaint::new(format!("there is no file {}", path.display())).next(next))
}

/// What is wrong with a policy, with its place.
fn said(error: &PolicyError, file: &str, text: &str) -> Complaint {
    let place = format!("{}:{}", error.line, error.column);
    let what = format!("the policy, {place}: {}", error.message);
    let complaint = Complaint::new(what).at(file, text, error.span.clone());
    match &error.next {
        Some(next) => complaint.next(next),
        None => complaint,
    }
}

/// What is asked before an act.
#[derive(Serialize)]
struct Row {
    act: &'static str,
    risk: String,
    allowed: bool,
    asks: Vec<&'static str>,
    because: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
    /// Who may be the second person, where one is asked for and people are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    second: Vec<String>,
}

/// All that is explained.
#[derive(Serialize)]
struct Report {
    policy: String,
    person: Option<String>,
    roles: Vec<String>,
    secret: String,
    tier: Option<String>,
    acts: Vec<Row>,
}

fn explain(args: &ExplainArgs, out: &mut dyn Write) -> io::Result<Done> {
    match report(args) {
        Ok(report) if args.format == Format::Json => {
            let line = json::to_line(&report).map_err(io::Error::other)?;
            writeln!(out, "{line}")?;
            Ok(Ok(()))
        }
        Ok(report) => table(&report, out).map(Ok),
        Err(complaint) => Ok(Err(complaint)),
    }
}

fn report(args: &ExplainArgs) -> Result<Report, Complaint> {
    let (policy, name) = match &args.policy {
        Some(path) => (Arc::new(policy(path)?), path.to_string_lossy().into_owned()),
        None => (Policy::standard(), "standard".to_owned()),
    };
    let people = args
        .people
        .as_deref()
        .map_or_else(|| Ok(People::default()), people)?;
    let person = Actor::from(args.person.as_deref().unwrap_or(SOMEBODY));
    let known = people.by_name(&person);
    if let (None, Some(name), false) = (known, &args.person, people.is_empty()) {
        let what = format!("nobody in the people file is called {}", shown(name));
        return Err(Complaint::new(what).next("name one of them, or leave out --people"));
    }
    let roles = known.map(|known| known.roles.clone()).unwrap_or_default();
    let roles = if args.token { Vec::new() } else { roles };
    let asking = Explained {
        policy: &policy,
        people: &people,
        person: (!args.token).then_some(&person),
        roles: &roles,
        secret: SecretPath::from(args.secret.as_deref().unwrap_or(SOME_SECRET)),
        tier: args.tier.as_deref().map(Tier::from),
        region: args.region.as_deref().map(Region::from),
    };
    let acts: Vec<Row> = acts()
        .filter(|act| args.act.as_deref().is_none_or(|name| name == act.name))
        .map(|act| asking.row(act))
        .collect();
    if acts.is_empty() {
        let known: Vec<&str> = self::acts().map(|act| act.name).collect();
        let what = format!(
            "no act is called {}",
            shown(args.act.as_deref().unwrap_or(""))
        );
        return Err(Complaint::new(what).next(format!("known are {}", known.join(", "))));
    }
    Ok(Report {
        policy: shown(&name).into_owned(),
        person: (!args.token).then(|| person.to_string()),
        secret: asking.secret.to_string(),
        tier: asking.tier.as_ref().map(ToString::to_string),
        roles,
        acts,
    })
}

/// An act, as policies name it.
#[derive(Clone, Copy)]
struct Act {
    name: &'static str,
    verb: Verb,
    /// False for what is done to everything.
    of_secret: bool,
    into_revoke: bool,
}

/// Every act, those that are more than their verb behind it.
fn acts() -> impl Iterator<Item = Act> {
    Verb::ALL.iter().flat_map(|verb| {
        let of_all = matches!(verb, Verb::Freeze | Verb::Unfreeze | Verb::RestoreSink);
        let act = Act {
            name: verb.name(),
            verb: *verb,
            of_secret: !of_all,
            into_revoke: false,
        };
        let more = match verb {
            Verb::Resume => Some(Act {
                name: "resume-into-revoke",
                into_revoke: true,
                ..act
            }),
            Verb::Unfreeze => Some(Act {
                name: "unfreeze-into-revoke",
                into_revoke: true,
                ..act
            }),
            Verb::Rotate => Some(Act {
                name: "rotate-many",
                of_secret: false,
                ..act
            }),
            _ => None,
        };
        std::iter::once(act).chain(more)
    })
}

/// Who asks about what.
struct Explained<'a> {
    policy: &'a Policy,
    people: &'a People,
    person: Option<&'a Actor>,
    roles: &'a [String],
    secret: SecretPath,
    tier: Option<Tier>,
    region: Option<Region>,
}

impl Explained<'_> {
    fn case(&self, act: Act) -> Case<'_> {
        Case {
            person: self.person,
            roles: self.roles,
            verb: act.verb,
            region: self.region.as_ref(),
            subject: Subject {
                secret: act.of_secret.then_some(&self.secret),
                tier: self.tier.as_ref().filter(|_| act.of_secret),
                services: &[],
                consumers: 0,
                into_revoke: act.into_revoke,
            },
            signed: self.person.is_some(),
        }
    }

    fn row(&self, act: Act) -> Row {
        let case = self.case(act);
        let mut row = Row {
            act: act.name,
            risk: case.risk().to_string(),
            allowed: false,
            asks: Vec::new(),
            because: Vec::new(),
            why_not: None,
            second: Vec::new(),
        };
        match self.policy.decide(&case) {
            Ok(decision) => {
                row.allowed = true;
                row.asks = decision.challenges.words();
                row.because = decision.because;
                if decision.challenges.second {
                    row.second = self.approvers(act);
                }
            }
            Err(denied) => row.why_not = Some(denied.to_string()),
        }
        row
    }

    fn approvers(&self, act: Act) -> Vec<String> {
        let others = self
            .people
            .iter()
            .filter(|other| Some(&other.name) != self.person);
        let may = others.filter(|other| {
            let case = Case {
                person: Some(&other.name),
                roles: &other.roles,
                signed: true,
                ..self.case(act)
            };
            self.policy.may_approve(&case).is_ok()
        });
        may.map(|other| other.name.to_string()).collect()
    }
}

fn table(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let who = report.person.as_deref().unwrap_or("a bearer token alone");
    let roles = if report.roles.is_empty() {
        "no role".to_owned()
    } else {
        shown(&report.roles.join(", ")).into_owned()
    };
    let tier = report.tier.as_deref().unwrap_or("unknown");
    writeln!(
        out,
        "What the policy {} asks {who} ({roles}) on {}, tier {tier}",
        report.policy, report.secret
    )?;
    writeln!(out, "{:<22}{:<13}{:<44}BY", "ACT", "RISK", "ASKS")?;
    for row in &report.acts {
        let asks = if row.asks.is_empty() {
            "nothing".to_owned()
        } else {
            row.asks.join(", ")
        };
        let asks = if row.allowed {
            asks
        } else {
            "not allowed".to_owned()
        };
        let by = match &row.why_not {
            Some(why) => why.clone(),
            None => row.because.join(", "),
        };
        writeln!(out, "{:<22}{:<13}{asks:<44}{by}", row.act, row.risk)?;
        if !row.second.is_empty() {
            writeln!(out, "{:<33}second: {}", "", shown(&row.second.join(", ")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::fs;
    use tempfile::TempDir;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    /// The exit status, and what is said on either side.
    fn said(words: &[&str]) -> (u8, String, String) {
        let line = Line::try_parse_from(std::iter::once(&"policy").chain(words)).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = run(&line.args, &mut out, &mut err).unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status, text(out), text(err))
    }

    fn file(folder: &TempDir, name: &str, text: &str) -> String {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    #[test]
    fn the_standard_policy_is_told_as_a_table() {
        let (status, out, err) = said(&["explain", "--tier", "critical"]);
        assert_eq!((status, err.as_str()), (0, ""));
        insta::assert_snapshot!(out);
    }

    #[test]
    fn one_act_is_told_as_json() {
        let folder = TempDir::new().unwrap();
        let key = |n: u8| crate::guard::Signer::from_seed(&[n; 32]).public();
        let people = format!(
            "[[person]]\nname = \"mira\"\nkey = \"{}\"\nroles = [\"approver\"]\n\
             [[person]]\nname = \"ana\"\nkey = \"{}\"\nroles = [\"approver\"]\n",
            key(1),
            key(2)
        );
        let people = file(&folder, "people.toml", &people);
        let who = [
            "--people",
            people.as_str(),
            "--as",
            "mira",
            "--format",
            "json",
        ];
        let act = ["explain", "revoke-now", "--tier", "critical"];
        let (status, out, _) = said(&[act.as_slice(), who.as_slice()].concat());
        assert_eq!(status, 0);
        let told: serde_json::Value = serde_json::from_str(&out).unwrap();
        let row = &told["acts"][0];
        assert_eq!(told["acts"].as_array().unwrap().len(), 1);
        assert_eq!(row["asks"][4], "second person");
        assert_eq!(row["second"], serde_json::json!(["ana"]));
        let (status, _, err) = said(&["explain", "--people", &people, "--as", "eve"]);
        assert_eq!(status, 2);
        assert!(
            err.contains("nobody in the people file is called eve"),
            "{err}"
        );
    }

    #[test]
    fn a_token_alone_is_told_what_it_cannot_do() {
        let (_, out, _) = said(&["explain", "rollback", "--token"]);
        assert!(out.contains("not allowed"), "{out}");
        assert!(out.contains("has to be signed by a person"), "{out}");
        let (status, _, err) = said(&["explain", "explode"]);
        assert_eq!(status, 2);
        assert!(err.contains("known are freeze, unfreeze"), "{err}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_shown_where_it_is() {
        let folder = TempDir::new().unwrap();
        let good = file(&folder, "good.cedar", crate::guard::STANDARD);
        let (status, out, err) = said(&["check", &good]);
        assert_eq!((status, err.as_str()), (0, ""));
        assert!(out.starts_with("ok "), "{out}");
        let wrong = "permit (principal, action, resource)\nwhen { context.cdoe };\n";
        let wrong = file(&folder, "wrong.cedar", wrong);
        let (status, _, err) = said(&["check", &wrong]);
        assert_eq!(status, 2);
        for words in ["2:", "cdoe", "wrong.cedar"] {
            assert!(err.contains(words), "{err}");
        }
        let nothing = file(&folder, "nothing.cedar", "// nothing\n");
        let (status, _, err) = said(&["check", &nothing]);
        assert_eq!(status, 2);
        assert!(err.contains("allows nothing"), "{err}");
        let people = file(&folder, "people.toml", "[[person]]\nname = \"x\"\n");
        let (status, _, err) = said(&["check", &good, "--people", &people]);
        assert_eq!(status, 2);
        assert!(err.contains("x has no key"), "{err}");
        let (status, _, err) = said(&["check", &folder.path().join("none").to_string_lossy()]);
        assert_eq!(status, 2);
        assert!(err.contains("there is no file"), "{err}");
    }
}
