//! The Redis target against a real server with an ACL file and a slow log of every command.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use redis::AsyncCommands as _;
use rotascope::rotation::FaultKind;

use crate::life::{
    call, canary, lets_in, listen, live, marked_login, never_told, target, turns_away, version,
    within,
};
use crate::servers::redis::{ADMIN_PASSWORD, Redis};
use crate::servers::{files_with, free_port};

fn settings(server: &Redis, more: &str) -> String {
    format!(
        "host = '127.0.0.1'\nport = {}\nuser = 'app'\nadmin_password_file = '{}'\n{more}",
        server.port,
        server.password_file().display()
    )
}

async fn client(
    server: &Redis,
    user: &str,
    password: &str,
) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
    redis::Client::open(format!(
        "redis://{user}:{password}@127.0.0.1:{}/",
        server.port
    ))?
    .get_multiplexed_async_connection()
    .await
}

#[tokio::test]
async fn a_user_has_two_passwords_for_a_while() {
    listen();
    let Some(server) = Redis::start() else {
        return;
    };
    let target = target("redis", &settings(&server, ""));
    assert!(target.dual_run());
    let lived = live(&*target, marked_login, true).await;

    // The server keeps hashes alone, and remembers them after a restart.
    let mut admin = client(&server, "default", ADMIN_PASSWORD).await.unwrap();
    let slow: redis::Value = redis::cmd("SLOWLOG")
        .arg("GET")
        .arg("-1")
        .query_async(&mut admin)
        .await
        .unwrap();
    let slow = format!("{slow:?}");
    assert!(
        slow.contains("SETUSER") || slow.contains("redacted"),
        "the slow log is empty"
    );
    for canary in &lived.canaries {
        assert_eq!(
            files_with(server.folder.path(), canary),
            Vec::<std::path::PathBuf>::new()
        );
        assert!(!slow.contains(canary), "a secret is in the slow log");
    }
    let kept = fs::read_to_string(server.folder.path().join("users.acl")).unwrap();
    let app = kept
        .lines()
        .find(|line| line.starts_with("user app "))
        .unwrap();
    assert_eq!(app.matches('#').count(), 2, "v1 and v3: {app}");
}

#[tokio::test]
async fn a_server_without_an_acl_file_is_rotated_too() {
    let Some(server) = Redis::configured(false) else {
        return;
    };
    live(
        &*target("redis", &settings(&server, "")),
        marked_login,
        true,
    )
    .await;
}

#[tokio::test]
async fn a_connection_of_the_old_password_is_seen_and_ended() {
    let Some(server) = Redis::start() else {
        return;
    };
    let target = target("redis", &settings(&server, "end_sessions = true"));
    let old = version("v1", r#"{"username":"app","password":"old-words"}"#);
    let new = version("v2", r#"{"username":"app","password":"new-words"}"#);
    target.install(&old, None, &call("i1")).await.unwrap();
    let mut consumer = client(&server, "app", "old-words").await.unwrap();
    let _: () = redis::cmd("CLIENT")
        .arg("SETNAME")
        .arg("checkout-eu-1-0")
        .query_async(&mut consumer)
        .await
        .unwrap();
    let _: () = consumer.set("app:x", 1).await.unwrap();
    let seen = target.presence(&[]).await.unwrap().unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].consumer.as_ref().unwrap().raw(), "checkout-eu-1-0");
    assert_eq!(seen[0].actor.raw(), "app");
    assert!(
        seen[0]
            .address
            .as_ref()
            .unwrap()
            .raw()
            .starts_with("127.0.0.1:")
    );

    target.install(&new, Some(&old), &call("i2")).await.unwrap();
    target.revoke(&old, &new, &call("r")).await.unwrap();
    assert!(consumer.set::<_, _, ()>("app:x", 2).await.is_err());
    turns_away(&*target, &old).await;
    lets_in(&*target, &new).await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let Some(mut server) = Redis::start() else {
        return;
    };
    let secret = canary("redis");
    let login = serde_json::json!({ "username": "app", "password": secret }).to_string();
    let new = version("v2", login);
    let wrong = server.folder.path().join("wrong-password");
    fs::write(&wrong, &secret).unwrap();
    let refused = settings(&server, "").replace(
        &server.password_file().display().to_string(),
        &wrong.display().to_string(),
    );
    let fault = target("redis", &refused)
        .install(&new, None, &call("i"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    never_told(&fault, &[&secret]);

    let missing = settings(&server, "").replace("'app'", "'nobody-here'");
    let fault = target("redis", &missing)
        .install(&new, None, &call("i"))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    assert!(fault.to_string().contains("no such user"), "{fault}");

    let good = target("redis", &settings(&server, ""));
    server.stop();
    let fault = good.install(&new, None, &call("i")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = |port: u16| format!("host = '127.0.0.1'\nport = {port}\nuser = 'app'");
    let port = silent.local_addr().unwrap().port();
    let short = within("i", Duration::from_millis(300));
    let fault = target("redis", &at(port))
        .install(&new, None, &short)
        .await
        .unwrap_err();
    assert!(fault.passes(), "{fault}");
    let nobody = target("redis", &at(free_port()))
        .attempt(&new, &short)
        .await
        .unwrap_err();
    assert_eq!(nobody.kind, FaultKind::Unreachable, "{nobody}");
}
