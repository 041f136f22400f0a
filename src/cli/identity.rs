//! `rotascope identity`: who am I for others, where is my key kept, and my one-time codes.

use std::env;
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};

use clap::{Subcommand, ValueEnum};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::json;
use zeroize::Zeroizing;

use super::complaint::Complaint;
use super::{FINE, passphrase};
use crate::config::Paths;
use crate::config::identity::{Identity, IdentityError, Ring, Sources};
use crate::guard::totp::{self, Enrolled, TotpSecret, recovery_code, recovery_hash};
use crate::model::proof::Code;
use crate::model::text::shown;
use crate::model::{Actor, Timestamp};

/// The exit status where the code that was typed did not fit, and nothing was kept.
const NOT_ENROLLED: u8 = 1;

/// How many recovery codes a person has.
const RECOVERY: usize = 10;

/// So often a code may be typed.
const TRIES: usize = 3;

/// How an identity is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, with what belongs into people.toml
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// What `identity` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// By what name others know you [default: the user's name]
    #[arg(long = "as", value_name = "NAME", global = true)]
    person: Option<String>,
    /// How it is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Enrol an authenticator for one-time codes, and print ten recovery codes
    Totp,
}

/// Who acts: the name that was given, else the user's.
pub(super) fn person(given: Option<&str>) -> Actor {
    let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let name = given.map(str::to_owned).or_else(|| user().ok());
    Actor::from(
        name.filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| "somebody".to_owned()),
    )
}

/// Finds the person's identity, or makes it; asks for a passphrase at the terminal where one is
/// needed.
///
/// # Errors
/// [`Complaint`] where it cannot be had.
pub(super) fn load(paths: &Paths) -> Result<Identity, Complaint> {
    Identity::load(&sources(paths)).map_err(|error| complaint(&error))
}

/// Finds the person's identity where no terminal can be asked for a passphrase; what cannot be had
/// is said in one line.
pub(super) fn load_without_asking(paths: &Paths) -> Result<Identity, String> {
    let sources = Sources {
        ask: &|_| None,
        ..sources(paths)
    };
    Identity::load(&sources).map_err(|error| match error.next() {
        Some(next) => format!("{error}; {next}"),
        None => error.to_string(),
    })
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where there is no identity, or nothing can be kept with it.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let person = person(args.person.as_deref());
    let mut identity = load(paths)?;
    let (mut out, mut input) = (io::stdout().lock(), io::stdin().lock());
    let done = match args.what {
        Some(What::Totp) => enrol(&mut identity, &person, paths, &mut input, &mut out)?,
        None => show(args.format, &identity, &person, &mut out).map(|()| FINE),
    };
    match done {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Complaint::new("standard output cannot be written").because(error))
        }
        done => Ok(done.unwrap_or(FINE)),
    }
}

fn sources(paths: &Paths) -> Sources<'_> {
    Sources {
        paths,
        variable: &|name| env::var(name).ok(),
        ask: &passphrase::ask,
        ring: Ring::of_session(),
    }
}

fn complaint(error: &IdentityError) -> Complaint {
    let next = error.next();
    let complaint = Complaint::new(error.to_string());
    match next {
        Some(next) => complaint.next(next),
        None => complaint,
    }
}

fn show(
    format: Format,
    identity: &Identity,
    person: &Actor,
    out: &mut dyn Write,
) -> io::Result<()> {
    if format == Format::Json {
        let object = json!({
            "name": person.0.raw(), "key": identity.key(), "kept": identity.kept().to_string(),
            "new": identity.is_new(), "totp": identity.enrolled().totp.is_some(),
            "recovery_codes": identity.enrolled().recovery.len(),
        });
        return writeln!(out, "{}", crate::model::json::to_line(&object)?);
    }
    let new = if identity.is_new() { ", made now" } else { "" };
    let codes = match &identity.enrolled().totp {
        Some(_) => "enrolled",
        None => "none; enrol with rotascope identity totp",
    };
    writeln!(out, "name   {person}")?;
    writeln!(out, "key    {}{new}", identity.key())?;
    let kept = identity.kept().to_string();
    writeln!(out, "kept   {}", shown(&kept))?;
    writeln!(out, "codes  {codes}")?;
    writeln!(out, "\nFor people.toml, by which the engine knows you:\n")?;
    entry(identity, person, false, out)
}

/// What belongs into people.toml. The secret of the codes is shown only where it was just made.
fn entry(
    identity: &Identity,
    person: &Actor,
    secrets: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = toml::Value::String(person.to_string());
    writeln!(out, "[[person]]\nname = {name}")?;
    writeln!(out, "keys = [\"{}\"]\nroles = []", identity.key())?;
    let Enrolled { totp, recovery } = identity.enrolled();
    match totp {
        Some(totp) if secrets => writeln!(out, "totp = \"{}\"", totp.base32().as_str())?,
        Some(_) => writeln!(out, "# totp: as it was printed when you enrolled")?,
        None => {}
    }
    if !recovery.is_empty() {
        writeln!(out, "recovery = [")?;
        for hash in recovery {
            writeln!(out, "  \"{}\",", data_encoding::HEXLOWER.encode(hash))?;
        }
        writeln!(out, "]")?;
    }
    Ok(())
}

/// Makes a secret for codes, shows it once, and keeps it where the person shows a code of it.
fn enrol(
    identity: &mut Identity,
    person: &Actor,
    paths: &Paths,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<io::Result<u8>, Complaint> {
    let (secret, codes) = new_codes().ok_or_else(|| complaint(&IdentityError::NoRandomness))?;
    match confirmed(&secret, &codes, person, input, out) {
        Ok(true) => {}
        Ok(false) => return Ok(Ok(NOT_ENROLLED)),
        Err(error) => return Ok(Err(error)),
    }
    let enrolled = Enrolled {
        totp: Some(secret),
        recovery: codes.iter().filter_map(recovery_hash).collect(),
    };
    identity
        .enrol(enrolled, &sources(paths))
        .map_err(|error| complaint(&error))?;
    Ok(enrolled_words(identity, person, out).map(|()| FINE))
}

fn new_codes() -> Option<(TotpSecret, Vec<Code>)> {
    let mut bytes = Zeroizing::new([0; 20]);
    SysRng.try_fill_bytes(bytes.as_mut_slice()).ok()?;
    let secret = TotpSecret::new(*bytes);
    let codes = (0..RECOVERY).map(|_| {
        let mut bytes = Zeroizing::new([0; 10]);
        SysRng.try_fill_bytes(bytes.as_mut_slice()).ok()?;
        Some(recovery_code(&bytes))
    });
    Some((secret, codes.collect::<Option<_>>()?))
}

/// Shows the secret and the recovery codes; true where a code of the secret is typed.
fn confirmed(
    secret: &TotpSecret,
    codes: &[Code],
    person: &Actor,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> io::Result<bool> {
    writeln!(out, "Give this to your authenticator; it is shown once:\n")?;
    writeln!(out, "  {}\n", url(secret, person).as_str())?;
    writeln!(
        out,
        "Recovery codes, each good once. Keep them elsewhere:\n"
    )?;
    for code in codes {
        writeln!(out, "  {}", code.raw())?;
    }
    for left in (0..TRIES).rev() {
        write!(out, "\nThe code that it shows now: ")?;
        out.flush()?;
        let mut line = Zeroizing::new(String::new());
        if input.read_line(&mut line)? == 0 {
            break;
        }
        match totp::check(secret, line.trim(), now()) {
            Ok(_) => return Ok(true),
            Err(why) if left > 0 => writeln!(out, "{why}; once more")?,
            Err(why) => writeln!(out, "{why}")?,
        }
    }
    writeln!(
        out,
        "\nNothing was kept: remove it from your authenticator."
    )?;
    Ok(false)
}

fn enrolled_words(identity: &Identity, person: &Actor, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nEnrolled; kept {}.", identity.kept())?;
    writeln!(
        out,
        "For the engine's people.toml, which only it may read:\n"
    )?;
    entry(identity, person, true, out)
}

/// What authenticators read.
fn url(secret: &TotpSecret, person: &Actor) -> Zeroizing<String> {
    let mut name = String::new();
    for byte in person.to_string().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    Zeroizing::new(format!(
        "otpauth://totp/Rotascope:{name}?secret={}&issuer=Rotascope&algorithm=SHA1&digits=6&period=30",
        secret.base32().as_str()
    ))
}

fn now() -> Timestamp {
    chrono::Utc::now().into()
}
