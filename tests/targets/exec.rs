//! The exec target against small programs: one that keeps the contract, others that do not.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rotascope::rotation::FaultKind;
use rotascope::rotation::Material;

use crate::life::{call, canary, listen, live, never_told, target, try_target, version, within};

/// Keeps the contract with a folder as its store: a file per version that is let in.
const GOOD: &str = r#"#!/usr/bin/env -S python3 -I -S
import base64, json, os, sys
call = json.load(sys.stdin)
assert call["contract"] == 1 and call["key"] is not None
store = sys.argv[1]
def path(given): return os.path.join(store, base64.urlsafe_b64encode(base64.b64decode(given["material"])).decode())
def let_in(given): open(path(given), "w").close()
def shut_out(given):
    if os.path.exists(path(given)): os.remove(path(given))
operation = call["operation"]
if operation == "generate":
    print(json.dumps({"material": base64.b64encode(os.urandom(12)).decode()}))
elif operation in ("install", "activate"):
    let_in(call["new"]); print('{"ok": true}')
elif operation == "revoke":
    if "new" in call: let_in(call["new"])
    shut_out(call["old"]); print('{"ok": true}')
elif operation == "reinstate":
    let_in(call["old"]); print('{"ok": true}')
elif operation == "attempt":
    there = os.path.exists(path(call["new"]))
    print(json.dumps({"answer": "accepted" if there else "refused", "said": "" if there else "unknown"}))
elif operation == "presence":
    print(json.dumps({"present": [{"actor": "root", "version": k["version"]} for k in call["known"]]}))
"#;

fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
    let path = folder.join(name);
    // Another program writes it: what this one holds open for writing may be held for a moment
    // more by a child that another test is starting, and then the kernel does not run it.
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(writer.wait().unwrap().success());
    path
}

#[tokio::test]
async fn a_program_that_keeps_the_contract_rotates() {
    listen();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    fs::create_dir(&store).unwrap();
    let good = program(folder.path(), "good", GOOD);
    let settings = format!(
        "program = '{}'\nargs = ['{}']\ndual_run = true\nsecret_kind = 'ssh'\nshortest_grace = '5m'",
        good.display(),
        store.display()
    );
    let target = target("exec", &settings);
    assert_eq!(target.kind().raw(), "ssh");
    let marked = |_: &Material| {
        let canary = canary("exec");
        (Material::new(canary.clone().into_bytes()), canary)
    };
    let lived = live(&*target, marked, true).await;
    let seen = target.presence(&[lived.last]).await.unwrap().unwrap();
    assert_eq!(seen[0].version.as_ref().unwrap().raw(), "v3");
}

/// Runs `activate` by a shell script and gives the fault.
async fn fault_of(script: &str, secret: &str) -> rotascope::rotation::Fault {
    let folder = tempfile::tempdir().unwrap();
    let path = program(folder.path(), "hook", &format!("#!/bin/sh\n{script}\n"));
    let target = target("exec", &format!("program = '{}'", path.display()));
    let v1 = version("v1", secret);
    let fault = target
        .activate(&v1, None, &within("a", Duration::from_secs(5)))
        .await
        .unwrap_err();
    never_told(&fault, &[secret, &STANDARD.encode(secret)]);
    fault
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart_and_repeats_no_secret() {
    let secret = &canary("exec");
    let throttled = FaultKind::Throttled {
        retry_after: Some(Duration::from_secs(9)),
    };
    for (script, kind, words) in [
        (
            "echo 'permission denied' >&2; exit 77",
            FaultKind::Refused,
            "exit code 77: permission denied",
        ),
        ("exit 75", FaultKind::Unreachable, "exit code 75"),
        ("cat >&2; exit 1", FaultKind::Refused, "exit code 1"),
        ("kill -9 $$", FaultKind::Unanswered, "signal 9"),
        ("cat", FaultKind::Garbage, "not the JSON"),
        ("echo nonsense", FaultKind::Garbage, "no JSON"),
        ("echo '{\"ok\": false}'", FaultKind::Garbage, "lacks"),
        ("true", FaultKind::Garbage, "ends too early"),
        (
            "printf '{\"fault\": \"throttled\", \"retry_after_seconds\": 9, \"said\": \"'; cat | tr -d '\"{}' ; printf '\"}'",
            throttled,
            "contract",
        ),
        ("head -c 2000000 /dev/zero", FaultKind::Garbage, "more than"),
    ] {
        let fault = fault_of(script, secret).await;
        assert_eq!(fault.kind, kind, "{script}: {fault}");
        assert!(fault.to_string().contains(words), "{script}: {fault}");
    }
}

#[tokio::test]
async fn a_late_program_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let alive = folder.path().join("alive");
    let script = format!(
        "#!/bin/sh\n(while :; do date +%s%N > '{}'; sleep 0.02; done) &\nsleep 600\n",
        alive.display()
    );
    let path = program(folder.path(), "late", &script);
    let target = target(
        "exec",
        &format!("program = '{}'\ntime_limit = '3s'", path.display()),
    );
    let began = Instant::now();
    let fault = target
        .activate(&version("v1", "some-secret"), None, &call("a"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unanswered, "{fault}");
    assert!(began.elapsed() < Duration::from_secs(30));
    std::thread::sleep(Duration::from_millis(100));
    let last = fs::read(&alive).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(fs::read(&alive).unwrap(), last, "its child lives on");
}

#[tokio::test]
async fn the_engines_own_environment_stays_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let script = "#!/bin/sh\nenv > \"$(dirname \"$0\")/env\"\necho '{\"ok\": true}'\n";
    let path = program(folder.path(), "hook", script);
    // Any two variables of this process that no program gets by itself, nor a shell makes.
    let given = [
        "PATH", "HOME", "LANG", "LC_ALL", "TZ", "PWD", "OLDPWD", "SHLVL", "_",
    ];
    let mut names = std::env::vars().map(|(name, _)| name);
    let mut another = || names.find(|name| !given.contains(&name.as_str())).unwrap();
    let (passed, kept) = (another(), another());
    let target = target(
        "exec",
        &format!("program = '{}'\npass_env = ['{passed}']", path.display()),
    );
    let v1 = version("v1", "some-secret");
    target.activate(&v1, None, &call("a")).await.unwrap();
    let env = fs::read_to_string(folder.path().join("env")).unwrap();
    let has = |name: &str| {
        env.lines()
            .any(|line| line.starts_with(&format!("{name}=")))
    };
    assert!(has("PATH") && has(&passed), "{env}");
    assert!(!has(&kept), "{kept} is the engine's own");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let target_of = |program: &str| try_target("exec", &format!("program = '{program}'"));
    let Err(error) = target_of("hook.sh") else {
        panic!("a program by its name alone");
    };
    assert_eq!(error.key, "program");
    let missing = target_of("/no/such/hook").unwrap();
    let fault = missing
        .activate(&version("v1", "some-secret"), None, &call("a"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Local, "{fault}");
    assert!(fault.to_string().contains("/no/such/hook"), "{fault}");
}
