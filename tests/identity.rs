//! `rotascope identity` with real keyrings, with none, and with one that says nothing.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "support/servers/mod.rs"]
mod servers;
mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use portable_pty::CommandBuilder;
use rotascope::guard::totp::{STEP, TotpSecret};
use serde_json::Value;
use support::pty::Terminal;

/// Longer than anything takes that does not wait for ever.
const FOR_EVER: Duration = Duration::from_secs(30);

/// A person's home.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command without a keyring, a terminal, and settings of whoever runs the tests.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.0.path())
            .env("XDG_RUNTIME_DIR", self.0.path())
            .env("ROTASCOPE_CONFIG_DIR", self.path("config"))
            .env("ROTASCOPE_STATE_DIR", self.path("state"))
            .env("USER", "mira")
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A passphrase in a file of the person's own.
    fn passphrase(&self) -> PathBuf {
        let path = self.path("passphrase");
        let mut options = std::fs::OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&path)
            .unwrap()
            .write_all(b"horse staple\n")
            .unwrap();
        path
    }

    fn identity(&self, variables: &[(&str, &Path)], more: &[&str]) -> Output {
        let mut command = self.command("setsid");
        // Without a terminal: nobody can be asked.
        command
            .args(["--wait", env!("CARGO_BIN_EXE_rotascope"), "identity"])
            .args(more);
        command.envs(variables.iter().copied());
        command.output().unwrap()
    }
}

fn words(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn object(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

/// Runs `rotascope identity` twice under a message bus of its own, behind this line of shell.
fn under_a_bus(home: &Home, before: &str) -> Option<(Vec<Value>, Duration)> {
    servers::program("gnome-keyring-daemon", "gnome-keyring", &[])?;
    servers::program("dbus-run-session", "dbus", &[])?;
    let program = env!("CARGO_BIN_EXE_rotascope");
    let script = format!(
        "{before}\ndate +%s%N; {program} identity --format json; {program} identity --format json; date +%s%N"
    );
    let mut command = home.command("dbus-run-session");
    command.env_remove("DBUS_SESSION_BUS_ADDRESS");
    let output = command.args(["--", "sh", "-c", &script]).output().unwrap();
    let all = words(&output);
    let said: Vec<Value> = all
        .lines()
        .filter(|l| l.starts_with('{'))
        .map(object)
        .collect();
    let times: Vec<u64> = all.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!((said.len(), times.len()), (2, 2), "{all}");
    Some((said, Duration::from_nanos(times[1] - times[0])))
}

#[test]
fn a_real_keyring_keeps_the_key() {
    let home = Home::new();
    let unlock = "printf '%s' pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null";
    let Some((said, _)) = under_a_bus(&home, unlock) else {
        return;
    };
    assert_eq!(said[0]["key"], said[1]["key"]);
    assert_eq!(
        (&said[0]["new"], &said[1]["new"]),
        (&true.into(), &false.into())
    );
    assert!(
        said[1]["kept"].as_str().unwrap().contains("keyring"),
        "{said:?}"
    );
    assert!(!home.path("config/identity.sealed").exists());
}

#[test]
fn a_locked_keyring_is_left_for_the_file_in_time() {
    let home = Home::new();
    let passphrase = home.passphrase();
    let start = format!(
        "export ROTASCOPE_PASSPHRASE_FILE={}\ngnome-keyring-daemon --start --components=secrets >/dev/null",
        passphrase.display()
    );
    let Some((said, took)) = under_a_bus(&home, &start) else {
        return;
    };
    assert_eq!(said[0]["key"], said[1]["key"]);
    let kept = said[0]["kept"].as_str().unwrap();
    assert!(
        kept.contains("encrypted file") && kept.contains("not in the keyring"),
        "{kept}"
    );
    // The second run, which does not try the keyring, and both passphrases, are in it too.
    assert!(took < FOR_EVER, "{took:?}");
}

#[test]
fn without_a_bus_it_is_the_file_and_without_a_passphrase_this_session_alone() {
    let home = Home::new();
    let began = Instant::now();
    let said = words(&home.identity(&[], &[]));
    assert!(began.elapsed() < FOR_EVER, "{:?}", began.elapsed());
    assert!(said.contains("forgotten when the program ends"), "{said}");
    let passphrase = home.passphrase();
    let file: [(&str, &Path); 1] = [("ROTASCOPE_PASSPHRASE_FILE", &passphrase)];
    let said = words(&home.identity(&file, &[]));
    assert!(
        said.contains("in the encrypted file") && said.contains("made now"),
        "{said}"
    );
    assert!(
        said.contains("[[person]]\nname = \"mira\"\nkeys = [\"ed25519:"),
        "{said}"
    );
    let key = |said: &str| {
        said.lines()
            .nth(1)
            .unwrap()
            .split_whitespace()
            .nth(1)
            .map(|key| key.trim_end_matches(',').to_owned())
    };
    let again = words(&home.identity(&file, &[]));
    assert_eq!(key(&again), key(&said), "{again}");
    assert!(!again.contains("made now"), "{again}");
    // With nobody to ask it is said, and no other key is made.
    let output = home.identity(&[], &[]);
    assert_eq!(output.status.code(), Some(2));
    let said = words(&output);
    assert!(
        said.contains("no passphrase") && said.contains("ROTASCOPE_PASSPHRASE_FILE"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn a_bus_that_never_answers_is_given_up_in_time() {
    let home = Home::new();
    let socket = home.path("bus");
    let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let address = PathBuf::from(format!("unix:path={}", socket.display()));
    let began = Instant::now();
    let said = words(&home.identity(&[("DBUS_SESSION_BUS_ADDRESS", &address)], &[]));
    assert!(began.elapsed() < FOR_EVER, "{:?}", began.elapsed());
    assert!(said.contains("has not answered"), "{said}");
}

#[test]
fn an_authenticator_is_enrolled_where_it_shows_its_code() {
    let home = Home::new();
    let passphrase = home.passphrase();
    let enrol = |answer: &dyn Fn(&str) -> String| {
        let mut command = home.command(env!("CARGO_BIN_EXE_rotascope"));
        command
            .args(["identity", "totp", "--as", "mira ø"])
            .env("ROTASCOPE_PASSPHRASE_FILE", &passphrase)
            .stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut said = String::new();
        let mut bytes = [0; 4096];
        while !said.contains("shows now") {
            let n = std::io::Read::read(&mut out, &mut bytes).unwrap();
            assert!(n > 0, "{said}");
            said += &String::from_utf8_lossy(&bytes[..n]);
        }
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{}", answer(&said)).unwrap();
        drop(input);
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut out, &mut rest).unwrap();
        (child.wait().unwrap().code(), said, rest)
    };
    let code = |said: &str| {
        let secret = said.split("secret=").nth(1).unwrap();
        let secret = TotpSecret::parse(secret.split('&').next().unwrap()).unwrap();
        let now = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs();
        secret.code(now / STEP).as_str().to_owned()
    };
    let (status, _, rest) = enrol(&|_| "no".to_owned());
    assert_eq!(status, Some(1), "{rest}");
    assert!(rest.contains("Nothing was kept"), "{rest}");
    let (status, said, rest) = enrol(&code);
    assert_eq!(status, Some(0), "{rest}");
    assert!(
        said.contains("otpauth://totp/Rotascope:mira%20%C3%B8?secret="),
        "{said}"
    );
    let codes = said
        .lines()
        .filter(|line| line.trim().len() == 19 && line.contains('-'));
    assert_eq!(codes.count(), 10, "{said}");
    assert!(
        rest.contains("totp = \"") && rest.contains("recovery = ["),
        "{rest}"
    );
    // The people file takes what was printed.
    let entry = &rest[rest.find("[[person]]").unwrap()..];
    let people = rotascope::guard::People::parse(entry).unwrap();
    assert_eq!(people.iter().count(), 1);
    // Afterwards nothing secret is shown any more.
    let file: [(&str, &Path); 1] = [("ROTASCOPE_PASSPHRASE_FILE", &passphrase)];
    let shown = words(&home.identity(&file, &[]));
    assert!(
        shown.contains("enrolled") && !shown.contains("totp = "),
        "{shown}"
    );
}

#[test]
fn a_passphrase_that_is_typed_is_not_shown() {
    let home = Home::new();
    let config = format!("ROTASCOPE_CONFIG_DIR={}", home.path("config").display());
    let start = || {
        let mut command = CommandBuilder::new("env");
        command.args([config.as_str(), "ROTASCOPE_KEYRING=off", "USER=mira"]);
        command.args([env!("CARGO_BIN_EXE_rotascope"), "identity"]);
        Terminal::start_command(command, 120, 30)
    };
    let mut terminal = start();
    terminal.wait_for("the question", |screen| screen.contains("New passphrase:"));
    terminal.press("horze\u{7f}\u{7f}se stäple\r");
    terminal.wait_for("once more", |screen| screen.contains("Once more:"));
    terminal.press("horse stäple\r");
    let screen = terminal.wait_for("the answer", |screen| screen.contains("roles ="));
    assert!(
        screen.contains("made now") && !screen.contains("staple"),
        "{screen}"
    );
    assert!(!String::from_utf8_lossy(&terminal.written()).contains("stäple"));
    let mut terminal = start();
    terminal.wait_for("the question", |screen| screen.contains("Passphrase of"));
    terminal.press("horse stäple\r");
    let screen = terminal.wait_for("the answer", |screen| screen.contains("roles ="));
    assert!(!screen.contains("made now"), "{screen}");
    let mut terminal = start();
    terminal.wait_for("the question", |screen| screen.contains("Passphrase of"));
    terminal.press("\u{3}");
    terminal.wait_for("a complaint", |screen| {
        screen.contains("start from a terminal")
    });
}
