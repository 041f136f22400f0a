//! A program that is told of an alert: one JSON object on its standard input. No shell is
//! involved, and it gets no more of the environment than it is given by name.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Parcel, Trouble, Way};
use crate::model::text::shown;

/// What every program gets of the environment.
const PASSED: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ"];

/// So often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);

/// So much of what it says on standard error is told, in bytes.
const SAID: u64 = 300;

/// The program.
pub(super) struct Program {
    argv: Vec<String>,
    pass_env: Vec<String>,
    limit: Duration,
}

impl Program {
    pub(super) fn new(argv: Vec<String>, pass_env: Vec<String>, limit: Duration) -> Self {
        Self {
            argv,
            pass_env,
            limit,
        }
    }

    fn command(&self) -> Option<Command> {
        let (program, args) = self.argv.split_first()?;
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // So that it can be ended with all that it started.
            .process_group(0);
        let names = PASSED.into_iter();
        for name in names.chain(self.pass_env.iter().map(String::as_str)) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Some(command)
    }
}

impl Way for Program {
    fn deliver(&mut self, parcel: &Parcel, stop: &AtomicBool) -> Result<(), Trouble> {
        let failed = |why: String| Trouble::Failed(why);
        let mut command = self
            .command()
            .ok_or_else(|| failed("no program is named".to_owned()))?;
        let mut child = command
            .spawn()
            .map_err(|error| failed(format!("it cannot be started: {error}")))?;
        let mut group = Group::of(&child);
        hand(&mut child, parcel.body.clone());
        let said = listen(&mut child);
        let status = self.wait(&mut child, stop);
        group.end();
        let status = match status {
            Ok(status) => status,
            Err(trouble) => {
                // It is dead; without this it would stay in the list of processes.
                let _ = child.wait();
                return Err(trouble);
            }
        };
        if status.success() {
            return Ok(());
        }
        let said = said.recv_timeout(Duration::from_millis(200));
        let said = said.unwrap_or_default();
        let said = said.trim();
        let colon = if said.is_empty() { "" } else { ": " };
        Err(failed(format!("{}{colon}{}", exit(status), shown(said))))
    }
}

impl Program {
    fn wait(&self, child: &mut Child, stop: &AtomicBool) -> Result<ExitStatus, Trouble> {
        let deadline = Instant::now() + self.limit;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(error) => return Err(Trouble::Failed(format!("it is lost: {error}"))),
            }
            if stop.load(Ordering::SeqCst) {
                let why = "it was ended with the program that told it";
                return Err(Trouble::Failed(why.to_owned()));
            }
            if Instant::now() >= deadline {
                let limit = self.limit.as_secs_f64();
                return Err(Trouble::Hung(format!(
                    "it had not ended after {limit} s; it was killed with all that it started"
                )));
            }
            thread::sleep(LOOK);
        }
    }
}

/// Hands the object over on a thread of its own: a program that does not read must not hold
/// anybody up.
fn hand(child: &mut Child, mut body: String) {
    if let Some(mut stdin) = child.stdin.take() {
        body.push('\n');
        // One that does not want its input is free not to read it.
        thread::spawn(move || stdin.write_all(body.as_bytes()));
    }
}

/// What it says on standard error, once that is closed: read on a thread of its own, as a child
/// that got away may keep it open.
fn listen(child: &mut Child) -> Receiver<String> {
    let (tell, said) = bounded(1);
    if let Some(mut stderr) = child.stderr.take() {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = (&mut stderr).take(SAID).read_to_end(&mut bytes);
            let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
            // The rest is drained, so that the program does not wait for a reader.
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        });
    }
    said
}

/// The program and all that it started.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(i32::try_from(child.id()).ok().and_then(Pid::from_raw))
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

fn exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        _ => "ended".to_owned(),
    }
}
