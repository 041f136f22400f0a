//! `rotascope engine`: the rotation engine and its server, until it is told to end.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::guard::Policy;
use crate::journal::Spent;
use crate::model::text::shown;
use crate::rotation::plan::Plan;
use crate::rotation::server::{self, Access, Door, Gate, Running, Tls};
use crate::rotation::{Clock, Engine, SealKey, Settings, target};

use super::complaint::Complaint;
use super::dumps;
use super::policy;
use super::secret_file;

/// Holds the key that seals material, where no file does.
const KEY_ENV: &str = "ROTASCOPE_SEAL_KEY";
/// Holds the tokens of the server, where no file does.
const TOKENS_ENV: &str = "ROTASCOPE_TOKENS";

/// What `engine` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What is rotated, and how: rotation.toml
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The file that holds all state; it is made where there is none
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4117")]
    listen: SocketAddr,
    /// Who may ask for what, a line each: `read,act TOKEN` (scopes: read, act, consumer, or consumer:PATH for the secrets below a path). Without
    /// one, and on loopback only, a token is made in STORE.token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Who may act, by which key, and what they are. Without it nothing that has to be signed can be
    /// done
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// What has to be answered before which act, in Cedar [default: the standard policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The server's certificate chain, in PEM; it then speaks TLS alone
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM; its owner's alone
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Let in only who has a certificate of this authority, in PEM. Without tokens named, that is
    /// enough to ask for anything
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// The key that seals material in the store [default: STORE.key, made where there is none]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Seconds of the engine's clock that pass in one of the world's, 1 to 600
    #[arg(long, value_name = "N", default_value = "1", value_parser = scale)]
    time_scale: f64,
}

/// Reads how fast a clock goes.
pub(super) fn scale(words: &str) -> Result<f64, String> {
    words
        .parse()
        .ok()
        .filter(|n| (1.0..=600.0).contains(n))
        .ok_or_else(|| "a number from 1 to 600".to_owned())
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where the plan is wrong, the store is another engine's, the address cannot be
/// had, or anybody could act.
pub fn run(args: &Args) -> Result<u8, Complaint> {
    dumps::forbid();
    let plan = plan(&args.plan)?;
    let targets = targets(&plan)?;
    let tls = tls(args)?;
    let (access, from) = access(args)?;
    let gate = gate(args)?;
    if gate.knows_nobody() {
        // Nobody may be there to read it.
        let _ = writeln!(
            io::stderr(),
            "nobody is known here: no disruptive or destructive act is possible; name people with --people"
        );
    }
    let door = Door {
        listen: args.listen,
        access,
        gate,
        tls,
    };
    let settings = Settings {
        plan,
        store: args.store.clone(),
        key: key(args)?,
        clock: Clock::scaled(args.time_scale),
        targets,
        seed: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Complaint::new("the engine cannot start").because(error))?;
    let done = runtime.block_on(serve(door, settings, from));
    // What hangs in a call to the outside does not hold the program up.
    runtime.shutdown_background();
    done
}

async fn serve(door: Door, settings: Settings, tokens: Option<PathBuf>) -> Result<u8, Complaint> {
    let no_signals = |error: io::Error| Complaint::new("signals cannot be heard").because(error);
    let mut ended = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let clock = settings.clock.clone();
    let engine = Engine::open(settings)
        .await
        .map_err(|error| Complaint::new(error.to_string()))?;
    let running = match server::engine(door, engine.clone(), clock).await {
        Ok(running) => running,
        Err(error) => {
            engine.shut_down().await;
            return Err(Complaint::new(error.to_string())
                .next("name another address with --listen, or tokens with --token-file"));
        }
    };
    say(&running, tokens.as_deref())?;
    tokio::select! {
        _ = ended.recv() => {}
        _ = interrupted.recv() => {}
    }
    tracing::info!("the engine was told to end");
    running.end().await;
    engine.shut_down().await;
    Ok(0)
}

/// The URL alone on standard output, for scripts; how to open the cockpit beside it.
fn say(running: &Running, tokens: Option<&Path>) -> Result<(), Complaint> {
    let url = running.url();
    let mut out = io::stdout().lock();
    writeln!(out, "{url}")
        .and_then(|()| out.flush())
        .map_err(|error| Complaint::new("standard output cannot be written").because(error))?;
    let tokens = tokens.map_or(String::new(), |path| {
        format!(" --token-file {}", shown(&path.to_string_lossy()))
    });
    // Nobody may be there to read it.
    let _ = writeln!(
        io::stderr(),
        "open it with: rotascope --engine {url}{tokens}"
    );
    Ok(())
}

fn plan(path: &Path) -> Result<Plan, Complaint> {
    let file = path.to_string_lossy();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Complaint::new(format!("the plan {} cannot be read", shown(&file))).because(error)
    })?;
    Plan::parse(&text).map_err(|error| {
        Complaint::new(format!("the plan is wrong: {}", error.message)).at(
            file.as_ref(),
            &text,
            error.span,
        )
    })
}

fn targets(
    plan: &Plan,
) -> Result<BTreeMap<crate::model::SecretPath, Arc<dyn target::Target>>, Complaint> {
    let mut targets = BTreeMap::new();
    for secret in &plan.secrets {
        let opened = target::open(&secret.target.kind, &secret.target.settings);
        let target = opened.map_err(|error| {
            Complaint::new(format!("the target of {} is wrong", secret.path)).because(error)
        })?;
        targets.insert(secret.path.clone(), target);
    }
    Ok(targets)
}

fn key(args: &Args) -> Result<SealKey, Complaint> {
    let key = match &args.key_file {
        None if std::env::var_os(KEY_ENV).is_some() => SealKey::of_env(KEY_ENV),
        None => SealKey::of_file(&beside(&args.store, "key")),
        Some(path) => SealKey::of_file(path),
    };
    key.map_err(|error| Complaint::new(error.to_string()))
}

fn gate(args: &Args) -> Result<Gate, Complaint> {
    let people = args.people.as_deref().map(policy::people).transpose()?;
    let policy = match &args.policy {
        Some(path) => Arc::new(policy::policy(path)?),
        None => Policy::standard(),
    };
    let folder = beside(&args.store, "used");
    let used = Spent::open(&folder).map_err(|error| {
        Complaint::new(format!(
            "what was used up cannot be remembered in {}",
            shown(&folder.to_string_lossy())
        ))
        .because(error)
    })?;
    Ok(Gate::new(
        people.unwrap_or_default(),
        policy,
        Arc::new(used),
    ))
}

fn tls(args: &Args) -> Result<Option<Tls>, Complaint> {
    let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    let tls = Tls::of_files(cert, key, args.client_ca.as_deref());
    tls.map(Some)
        .map_err(|error| Complaint::new("TLS cannot be had").because(error))
}

/// Who may ask for what, and the file that says so.
fn access(args: &Args) -> Result<(Access, Option<PathBuf>), Complaint> {
    if let Some(path) = &args.token_file {
        let text = secret_file::read(path)?;
        let access = Access::parse(&text)
            .map_err(|error| Complaint::new(format!("{}: {error}", path.display())))?;
        return Ok((access, Some(path.clone())));
    }
    if let Ok(text) = std::env::var(TOKENS_ENV) {
        let text = zeroize::Zeroizing::new(text);
        let access = Access::parse(&text)
            .map_err(|error| Complaint::new(format!("{TOKENS_ENV}: {error}")))?;
        return Ok((access, None));
    }
    if args.client_ca.is_some() {
        // Whoever has a certificate of that authority is known.
        return Ok((Access::open(), None));
    }
    if !args.listen.ip().is_loopback() {
        return Err(Complaint::new(format!(
            "{} can be reached from other machines, so tokens are needed",
            args.listen
        ))
        .next(format!("name them with --token-file or in {TOKENS_ENV}")));
    }
    let path = beside(&args.store, "token");
    let text = secret_file::make(&path)?;
    let access = Access::parse(&text)
        .map_err(|error| Complaint::new(format!("{}: {error}", path.display())))?;
    Ok((access, Some(path)))
}

/// `store.db` has its key in `store.db.key`.
fn beside(store: &Path, what: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_that_no_clock_has_is_refused() {
        for words in ["0", "-1", "NaN", "inf", "1e9", "", "fast"] {
            assert!(scale(words).is_err(), "{words}");
        }
        assert_eq!(scale("60").map(f64::to_bits), Ok(60_f64.to_bits()));
    }
}
