//! Both PostgreSQL targets against a real server that logs every statement.

use std::net::TcpListener;
use std::time::Duration;

use rotascope::rotation::FaultKind;
use rotascope::rotation::target::Answer;

use crate::life::{
    call, canary, lets_in, listen, live, marked_login, never_told, target, turns_away, version,
    within,
};
use crate::servers::files_with;
use crate::servers::postgres::{ADMIN_PASSWORD, Postgres};

fn settings(server: &Postgres, more: &str) -> String {
    format!(
        "host = '127.0.0.1'\nport = {}\nadmin_user = 'admin'\nadmin_password_file = '{}'\n{more}",
        server.port,
        server.password_file().display()
    )
}

fn login(role: &str, password: &str) -> Vec<u8> {
    serde_json::json!({ "username": role, "password": password })
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn one_role_is_rotated_in_place() {
    listen();
    let Some(server) = Postgres::start() else {
        return;
    };
    server.run("CREATE ROLE \"payments \"\"app\" LOGIN").await;
    let target = target("postgres", &settings(&server, "role = 'payments \"app'"));
    assert!(!target.dual_run());
    let lived = live(&*target, marked_login, true).await;
    assert!(
        server.log().contains("SCRAM-SHA-256$"),
        "statements are not logged"
    );
    for canary in &lived.canaries {
        assert_eq!(
            files_with(server.folder.path(), canary),
            Vec::<std::path::PathBuf>::new()
        );
    }
    assert!(files_with(server.folder.path(), "SCRAM-SHA-256$").len() >= 2);
}

#[tokio::test]
async fn two_roles_take_turns_and_tell_who_sits_where() {
    listen();
    let Some(server) = Postgres::start() else {
        return;
    };
    server.run("CREATE ROLE app_a; CREATE ROLE app_b").await;
    let target = target(
        "postgres-pair",
        &settings(&server, "roles = ['app_a', 'app_b']"),
    );
    assert!(target.dual_run());
    let lived = live(&*target, marked_login, true).await;
    for canary in &lived.canaries {
        assert_eq!(
            files_with(server.folder.path(), canary),
            Vec::<std::path::PathBuf>::new()
        );
    }

    // v1 sits on app_a, v3 on app_b, and both are let in.
    let known = [lived.first, lived.last];
    let password = |n: usize| {
        let json: serde_json::Value = serde_json::from_slice(known[n].material.expose()).unwrap();
        json["password"].as_str().unwrap().to_owned()
    };
    let old = server
        .client("app_a", &password(0), "checkout-eu-1-0")
        .await
        .unwrap();
    let _new = server.client("app_b", &password(1), "").await.unwrap();
    let mut seen = target.presence(&known).await.unwrap().unwrap();
    // The attempts of this test may not have gone yet; those of rotascope say so.
    seen.retain(|p| p.consumer.as_ref().is_none_or(|c| c.raw() != "rotascope"));
    let told: Vec<_> = seen
        .iter()
        .map(|p| {
            (
                p.actor.raw(),
                p.consumer.as_ref().map_or("", |c| c.raw()),
                p.version.as_ref().map_or("", |v| v.raw()),
            )
        })
        .collect();
    assert_eq!(
        told,
        [("app_a", "checkout-eu-1-0", "v1"), ("app_b", "", "v3")]
    );
    assert_eq!(seen[0].address.as_ref().unwrap().raw(), "127.0.0.1");

    // A revocation ends the session that sits on the old role.
    target
        .revoke(&known[0], &known[1], &call("r"))
        .await
        .unwrap();
    assert!(old.simple_query("SELECT 1").await.is_err());
    turns_away(&*target, &known[0]).await;
    lets_in(&*target, &known[1]).await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    listen();
    let Some(server) = Postgres::start() else {
        return;
    };
    server
        .run("CREATE ROLE app LOGIN; CREATE ROLE weak LOGIN PASSWORD 'weak-admin-words'")
        .await;
    let secret = canary("wrong");
    let new = version("v2", login("app", &secret));
    let wrong = server.folder.path().join("wrong-password");
    std::fs::write(&wrong, &secret).unwrap();

    let refused = settings(&server, "role = 'app'").replace(
        &server.password_file().display().to_string(),
        &wrong.display().to_string(),
    );
    let fault = target("postgres", &refused)
        .activate(&new, None, &call("a"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    assert!(
        fault.to_string().contains("role app on 127.0.0.1"),
        "{fault}"
    );
    assert!(fault.to_string().contains("28P01"), "{fault}");
    never_told(&fault, &[&secret, ADMIN_PASSWORD]);

    let missing = target("postgres", &settings(&server, "role = 'nobody_here'"));
    let fault = missing.install(&new, None, &call("i")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    assert!(fault.to_string().contains("no such role"), "{fault}");

    std::fs::write(&wrong, "weak-admin-words\n").unwrap();
    let weak = refused.replace("'admin'", "'weak'");
    let weak = target("postgres", &weak);
    for fault in [
        weak.install(&new, None, &call("i")).await.unwrap_err(),
        weak.activate(&new, None, &call("a")).await.unwrap_err(),
    ] {
        assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    }
}

#[tokio::test]
async fn a_lock_held_by_somebody_else_is_an_unanswered_call() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.run("CREATE ROLE app LOGIN").await;
    let new = version("v2", login("app", "some-words"));
    // Another session holds the role's row: the server gives up when the time is over.
    let blocker = server
        .client("admin", ADMIN_PASSWORD, "blocker")
        .await
        .unwrap();
    blocker
        .batch_execute("BEGIN; ALTER ROLE app VALID UNTIL 'infinity'")
        .await
        .unwrap();
    let good = target("postgres", &settings(&server, "role = 'app'"));
    let late = within("late", Duration::from_secs(3));
    let fault = good.activate(&new, None, &late).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unanswered, "{fault}");
    blocker.batch_execute("ROLLBACK").await.unwrap();
    good.activate(&new, None, &call("late")).await.unwrap();
    lets_in(&*good, &new).await;

    // The file with the admin's password goes with its server.
    drop(blocker);
    drop(server);
    let fault = good.activate(&new, None, &call("a")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Local, "{fault}");
    assert!(fault.to_string().contains("admin-password"), "{fault}");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "x-admin-words").unwrap();
    let at = |port: u16| {
        format!(
            "host = '127.0.0.1'\nport = {port}\nadmin_user = 'admin'\nrole = 'app'\nadmin_password_file = '{}'",
            password.display()
        )
    };
    let new = version("v2", login("app", "some-words"));
    let fault = target("postgres", &at(crate::servers::free_port()))
        .install(&new, None, &call("i"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    assert!(
        fault.passes() && fault.to_string().contains("refused"),
        "{fault}"
    );

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_target = target("postgres", &at(silent.local_addr().unwrap().port()));
    let short = within("i", Duration::from_millis(300));
    let fault = silent_target.install(&new, None, &short).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    let fault = silent_target.attempt(&new, &short).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
}

#[tokio::test]
async fn tls_is_verified_by_the_given_authority() {
    let Some(server) = Postgres::configured(&["ssl=on"]) else {
        return;
    };
    server.run("CREATE ROLE app LOGIN").await;
    let ca = server.folder.path().join("ca.pem");
    let by_name = settings(
        &server,
        &format!("role = 'app'\nca_file = '{}'", ca.display()),
    )
    .replace("'127.0.0.1'", "'localhost'");
    let encrypted = target("postgres", &by_name);
    let new = version("v1", login("app", "some-password"));
    encrypted.activate(&new, None, &call("a")).await.unwrap();
    assert_eq!(
        encrypted.attempt(&new, &call("t")).await.unwrap(),
        Answer::Accepted
    );
    assert!(server.log().contains("SSL enabled"), "{}", server.log());

    let stranger = tempfile::tempdir().unwrap();
    crate::servers::pebble::certificate(stranger.path());
    let other = stranger.path().join("ca.pem").display().to_string();
    let distrusting = target(
        "postgres",
        &by_name.replace(&ca.display().to_string(), &other),
    );
    let fault = distrusting
        .activate(&new, None, &call("a"))
        .await
        .unwrap_err();
    assert!(fault.to_string().contains("certificate"), "{fault}");
}
