//! The file target against a program that reads the file: a service on a socket, a process that
//! is told by a signal.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use rotascope::rotation::{FaultKind, Material};

use crate::life::{call, canary, listen, live, never_told, target, turns_away, version};
use crate::service::{gate, serve};

fn marked(_: &Material) -> (Material, String) {
    let canary = canary("file");
    (Material::new(canary.clone().into_bytes()), canary)
}

/// A service that reads its secrets when it is told to, and lets in who presents one of them.
async fn reader(paths: Vec<PathBuf>) -> (String, String) {
    let held = Arc::new(Mutex::new(Vec::new()));
    let holds = Arc::clone(&held);
    let check = serve(gate(move |presented| {
        held.lock()
            .unwrap()
            .iter()
            .any(|secret| secret == presented)
    }))
    .await;
    let reload = serve(Router::new().route(
        "/reload",
        post(move || async move {
            let found = paths
                .iter()
                .filter_map(|path| fs::read_to_string(path).ok());
            *holds.lock().unwrap() = found.collect::<Vec<_>>();
            StatusCode::NO_CONTENT
        }),
    ))
    .await;
    (check, format!("{reload}/reload"))
}

#[tokio::test]
async fn a_file_is_replaced_and_the_service_that_reads_it_told() {
    listen();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db-password");
    let (check, reload) = reader(vec![path.clone()]).await;
    let settings = format!(
        "path = '{}'\ncheck_url = '{check}'\nreload_url = '{reload}'",
        path.display()
    );
    let lived = live(&*target("file", &settings), marked, true).await;
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&path).unwrap(), lived.first.material.expose());
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "something is left lying about"
    );
}

#[tokio::test]
async fn with_dual_run_both_versions_lie_there_until_the_revocation() {
    listen();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hmac.key");
    let beside = |suffix: &str| folder.path().join(format!("hmac.key.{suffix}"));
    let (check, reload) = reader(vec![path.clone(), beside("next"), beside("previous")]).await;
    let settings = format!(
        "path = '{}'\ndual_run = true\nmode = '0640'\nsecret_kind = 'encryption-key'\ncheck_url = '{check}'\nreload_url = '{reload}'",
        path.display()
    );
    let target = target("file", &settings);
    assert_eq!(target.kind().raw(), "encryption-key");
    let lived = live(&*target, marked, true).await;
    assert_eq!(fs::read(&path).unwrap(), lived.first.material.expose());
    assert_eq!(
        fs::read(beside("previous")).unwrap(),
        lived.last.material.expose()
    );
    assert_eq!(
        fs::metadata(beside("previous")).unwrap().mode() & 0o777,
        0o640
    );
    assert!(!beside("next").exists());
}

#[tokio::test]
async fn without_a_service_the_file_itself_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for more in ["", "\ndual_run = true"] {
        let settings = format!("path = '{}'{more}", path.display());
        live(&*target("file", &settings), marked, true).await;
    }
}

/// A shell that writes down that it was told.
fn told_by_signal(mark: &str) -> Child {
    let script = format!(
        "trap 'echo told >> {mark}' HUP; echo ready > {mark}; while :; do sleep 0.02; done"
    );
    let child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    until(|| fs::read_to_string(mark).is_ok_and(|words| words == "ready\n"));
    child
}

fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never comes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_process_is_told_by_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mark = at("mark").display().to_string();
    let mut child = told_by_signal(&mark);
    fs::write(at("pid"), format!("{}\n", child.id())).unwrap();
    let target = target(
        "file",
        &format!(
            "path = '{}'\npid_file = '{}'",
            at("secret").display(),
            at("pid").display()
        ),
    );
    let (v1, v2) = (version("v1", "one-secret"), version("v2", "two-secret"));
    target.activate(&v1, None, &call("a")).await.unwrap();
    until(|| fs::read_to_string(&mark).unwrap().contains("told"));
    child.kill().unwrap();
    child.wait().unwrap();

    // The process is gone: the file is replaced, and that nobody was told is a fault.
    let fault = target
        .activate(&v2, Some(&v1), &call("a"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Local, "{fault}");
    assert!(fault.doing.contains("read again"), "{fault}");
    for words in ["", "0", "-1", "1", "mysqld"] {
        fs::write(at("pid"), words).unwrap();
        let fault = target
            .activate(&v2, Some(&v1), &call("a"))
            .await
            .unwrap_err();
        assert!(
            fault.to_string().contains("holds no process id"),
            "{words:?}: {fault}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_written_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no-such-folder/secret");
    let secret = canary("file");
    let (v1, v2) = (version("v1", "one-secret"), version("v2", secret.as_str()));
    let lost = target("file", &format!("path = '{}'", path.display()));
    let fault = lost.activate(&v2, None, &call("a")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Local, "{fault}");
    assert!(fault.to_string().contains("no-such-folder"), "{fault}");
    never_told(&fault, &[&secret]);
    turns_away(&*lost, &v2).await;

    // A file that others could write to is left private.
    let path = folder.path().join("open");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let open = target("file", &format!("path = '{}'", path.display()));
    open.activate(&v1, None, &call("a")).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}
