//! `exec`: a program of the user's own for everything else. It gets one JSON object on its
//! standard input and answers with one on its standard output; `docs/targets.md` is the contract.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use std::os::unix::process::ExitStatusExt as _;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::shared::http::LONGEST_WAIT;
use super::shared::settings::{SettingError, Settings};
use super::shared::words::{place, said};
use super::{Answer, Call, Presence, Target, Versioned};
use crate::model::event::SecretKind;
use crate::model::{Actor, ConsumerId, Span, Text, Version};
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::material::Material;

/// The most bytes of an answer that are read.
const MOST: u64 = 1 << 20;

/// What every program gets of the engine's environment; more only by name, since the engine's
/// own secrets may be there.
const PASSED: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ"];

/// Exit codes with a meaning of their own (sysexits.h); others are refusals.
const TEMPFAIL: i32 = 75;

struct Exec {
    program: PathBuf,
    args: Vec<String>,
    pass_env: Vec<String>,
    limit: Option<Duration>,
    dual_run: bool,
    kind: SecretKind,
    shortest_grace: Span,
}

/// Reads `program` (a path), `args`, `pass_env` (variables that it gets beside the usual),
/// `time_limit`, `dual_run` (false unless said), `shortest_grace` and `secret_kind`.
pub(super) fn open(settings: &mut Settings) -> Result<Arc<dyn Target>, SettingError> {
    let program = settings.path("program")?;
    if !program.is_absolute() {
        return Err(settings.wrong("program", "must be an absolute path"));
    }
    let limit = settings.length("time_limit")?;
    let limit =
        limit.map(|span| Duration::from_secs(u64::try_from(span.as_seconds()).unwrap_or_default()));
    Ok(Arc::new(Exec {
        program,
        args: settings.texts("args")?,
        pass_env: settings.texts("pass_env")?,
        limit,
        dual_run: settings.flag("dual_run", false)?,
        kind: super::secret_kind(settings)?,
        shortest_grace: settings.length("shortest_grace")?.unwrap_or_default(),
    }))
}

#[derive(Serialize)]
struct Request<'a> {
    contract: u8,
    operation: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Given>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Given>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    known: Vec<Given>,
}

#[derive(Serialize)]
struct Given {
    version: String,
    material: Zeroizing<String>,
}

impl Given {
    fn of(version: &Versioned) -> Self {
        Self {
            version: version.version.raw().to_owned(),
            material: Zeroizing::new(STANDARD.encode(version.material.expose())),
        }
    }
}

/// What a program may answer; which members are needed depends on the operation.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reply {
    ok: Option<bool>,
    material: Option<Zeroizing<String>>,
    answer: Option<String>,
    said: Text,
    fault: Option<String>,
    retry_after_seconds: Option<u64>,
    present: Option<Vec<Seen>>,
}

#[derive(Deserialize)]
struct Seen {
    actor: Text,
    consumer: Option<Text>,
    version: Option<Text>,
    address: Option<Text>,
}

impl Exec {
    fn doing(&self, operation: &str) -> String {
        format!("{operation} by {}", self.program.display())
    }

    /// Runs the program with this request.
    async fn run(
        &self,
        request: Request<'_>,
        within: Duration,
        secrets: &[&Versioned],
    ) -> Result<Reply, Fault> {
        let doing = self.doing(request.operation);
        let fault = |kind, said: String| Fault::new(kind, &doing, said);
        let hide: Vec<&[u8]> = secrets.iter().map(|v| v.material.expose()).collect();
        let input = Zeroizing::new(
            serde_json::to_vec(&request).map_err(|e| fault(FaultKind::Local, place(&e)))?,
        );
        let within = self.limit.map_or(within, |limit| limit.min(within));
        let mut child = self
            .command()
            .spawn()
            .map_err(|e| fault(FaultKind::Local, format!("it cannot be started: {e}")))?;
        let mut group = Group::of(&child);
        let told = tokio::time::timeout(within, talk(&mut child, &input)).await;
        let Ok(told) = told else {
            group.end();
            let _ = child.wait().await;
            let said = format!("no answer within {within:?}; it was killed with its group");
            return Err(fault(FaultKind::Unanswered, said));
        };
        group.end();
        let (status, out, err) =
            told.map_err(|e| fault(FaultKind::Local, format!("talk to it: {e}")))?;
        if !status.success() {
            let kind = kind_of(status);
            let words = said(&format!("{}: {}", exit(status), err.trim()), &hide);
            return Err(Fault::new(kind, &doing, words));
        }
        if out.len() as u64 > MOST {
            return Err(fault(
                FaultKind::Garbage,
                format!("an answer of more than {MOST} bytes"),
            ));
        }
        let reply: Reply = serde_json::from_slice(&out)
            .map_err(|e| fault(FaultKind::Garbage, format!("its answer {}", place(&e))))?;
        judged(reply, &doing, &hide)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let names = PASSED
            .into_iter()
            .chain(self.pass_env.iter().map(String::as_str));
        for name in names {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    async fn change(
        &self,
        operation: &str,
        new: Option<&Versioned>,
        old: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let secrets: Vec<&Versioned> = new.into_iter().chain(old).collect();
        let request = Request {
            new: new.map(Given::of),
            old: old.map(Given::of),
            ..Request::bare(operation, &call.key)
        };
        let reply = self.run(request, call.within, &secrets).await?;
        if reply.ok == Some(true) {
            Ok(())
        } else {
            Err(self.lacks(operation, "\"ok\": true"))
        }
    }

    fn lacks(&self, operation: &str, what: &str) -> Fault {
        let said = format!("its answer lacks {what}");
        Fault::new(FaultKind::Garbage, self.doing(operation), said)
    }
}

impl<'a> Request<'a> {
    fn bare(operation: &'a str, key: &'a str) -> Self {
        Self {
            contract: 1,
            operation,
            key,
            version: None,
            new: None,
            old: None,
            known: Vec::new(),
        }
    }
}

/// The program and all that it started; ended when it is late, when the engine gives the call up,
/// and when it left children behind.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn end(&mut self) {
        if let Some(pid) = self.0.take() {
            // Gone already is as good.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Hands the input over and reads both outputs to their end.
async fn talk(
    child: &mut Child,
    input: &[u8],
) -> std::io::Result<(ExitStatus, Zeroizing<Vec<u8>>, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program that does not want its input is free not to read it.
            let _ = stdin.write_all(input).await;
        }
    };
    let (status, (), out, err) = tokio::join!(
        child.wait(),
        write,
        read(stdout, MOST + 1),
        read(stderr, 4096)
    );
    let err = String::from_utf8_lossy(&err?).into_owned();
    Ok((status?, out?, err))
}

async fn read(
    from: Option<impl AsyncRead + Unpin>,
    most: u64,
) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(mut from) = from {
        (&mut from).take(most).read_to_end(&mut bytes).await?;
        // The rest is drained, so that the program does not wait for a reader.
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

fn kind_of(status: ExitStatus) -> FaultKind {
    match (status.code(), status.signal()) {
        (Some(TEMPFAIL), _) => FaultKind::Unreachable,
        (None, Some(_)) => FaultKind::Unanswered,
        _ => FaultKind::Refused,
    }
}

fn exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        _ => "ended".to_owned(),
    }
}

/// A fault that the program told of.
fn judged(reply: Reply, doing: &str, hide: &[&[u8]]) -> Result<Reply, Fault> {
    let Some(name) = &reply.fault else {
        return Ok(reply);
    };
    let kind = match name.as_str() {
        "throttled" => FaultKind::Throttled {
            retry_after: reply
                .retry_after_seconds
                .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT)),
        },
        "unreachable" => FaultKind::Unreachable,
        "unanswered" => FaultKind::Unanswered,
        "refused" => FaultKind::Refused,
        _ => FaultKind::Garbage,
    };
    Err(Fault::new(kind, doing, said(reply.said.raw(), hide)))
}

#[async_trait]
impl Target for Exec {
    fn kind(&self) -> SecretKind {
        self.kind.clone()
    }

    fn dual_run(&self) -> bool {
        self.dual_run
    }

    fn shortest_grace(&self) -> Span {
        self.shortest_grace
    }

    async fn generate(
        &self,
        version: &Version,
        current: Option<&Versioned>,
        call: &Call,
    ) -> Result<Material, Fault> {
        let secrets: Vec<&Versioned> = current.into_iter().collect();
        let request = Request {
            version: Some(version.raw()),
            old: current.map(Given::of),
            ..Request::bare("generate", &call.key)
        };
        let reply = self.run(request, call.within, &secrets).await?;
        reply
            .material
            .and_then(|words| STANDARD.decode(words.as_bytes()).ok())
            .filter(|bytes| !bytes.is_empty())
            .map(Material::new)
            .ok_or_else(|| self.lacks("generate", "\"material\" in base64"))
    }

    async fn install(
        &self,
        new: &Versioned,
        old: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.change("install", Some(new), old, call).await
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        let request = Request {
            new: Some(Given::of(with)),
            ..Request::bare("attempt", &call.key)
        };
        let reply = self.run(request, call.within, &[with]).await?;
        match reply.answer.as_deref() {
            Some("accepted") => Ok(Answer::Accepted),
            Some("refused") => Ok(Answer::Refused(said(
                reply.said.raw(),
                &[with.material.expose()],
            ))),
            _ => Err(self.lacks("attempt", "\"answer\": \"accepted\" or \"refused\"")),
        }
    }

    async fn activate(
        &self,
        new: &Versioned,
        old: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.change("activate", Some(new), old, call).await
    }

    /// The program gets what is to be refused as `old` and what stays as `new`.
    async fn revoke(&self, gone: &Versioned, keep: &Versioned, call: &Call) -> Result<(), Fault> {
        let keep = super::kept(gone, keep);
        self.change("revoke", keep, Some(gone), call).await
    }

    /// The program gets what comes back as `old` and what it replaces as `new`.
    async fn reinstate(
        &self,
        old: &Versioned,
        new: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        self.change("reinstate", new, Some(old), call).await
    }

    async fn presence(&self, known: &[Versioned]) -> Result<Option<Vec<Presence>>, Fault> {
        let secrets: Vec<&Versioned> = known.iter().collect();
        let request = Request {
            known: known.iter().map(Given::of).collect(),
            ..Request::bare("presence", "")
        };
        let reply = self.run(request, super::PATIENCE, &secrets).await?;
        Ok(reply.present.map(|seen| {
            seen.into_iter()
                .map(|seen| Presence {
                    actor: Actor(seen.actor),
                    consumer: seen.consumer.map(ConsumerId),
                    version: seen.version.map(Version),
                    address: seen.address,
                })
                .collect()
        }))
    }
}
