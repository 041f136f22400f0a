//! A Redis server with an ACL file, a slow log of every command and a log at its most talkative.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use super::{Running, free_port, program};

/// The password of the user `default`.
pub const ADMIN_PASSWORD: &str = "the-admins-own-words";

/// A Redis server with a user `app` that has no password yet.
pub struct Redis {
    /// Where it listens.
    pub port: u16,
    /// Holds everything: ACL file, log, the admin's password.
    pub folder: tempfile::TempDir,
    running: Running,
}

impl Redis {
    /// Starts one that keeps its users in an ACL file, or says why not.
    pub fn start() -> Option<Self> {
        Self::configured(true)
    }

    /// Starts one with or without an ACL file.
    pub fn configured(acl_file: bool) -> Option<Self> {
        let server = program("redis-server", "redis-server", &[])?;
        let folder = tempfile::Builder::new()
            .prefix("rotascope-redis-")
            .tempdir()
            .unwrap();
        let at = |name: &str| folder.path().join(name);
        let users = [
            format!("user default on >{ADMIN_PASSWORD} ~* &* +@all"),
            "user app on ~app:* +@read +@write +@connection".to_owned(),
        ]
        .join("\n");
        fs::write(at("users.acl"), &users).unwrap();
        fs::write(at("admin-password"), ADMIN_PASSWORD).unwrap();
        let port = free_port();
        let users = if acl_file {
            format!("aclfile {}", at("users.acl").display())
        } else {
            users
        };
        let config = format!(
            "port {port}\nbind 127.0.0.1\nsave \"\"\ndir {}\nloglevel debug\nslowlog-log-slower-than 0\n{users}\n",
            folder.path().display()
        );
        fs::write(at("redis.conf"), config).unwrap();
        let mut running = Running::start(
            &server,
            [at("redis.conf")],
            &[],
            at("log"),
            None,
            Signal::TERM,
        );
        running.wait_for_port(port);
        Some(Self {
            port,
            folder,
            running,
        })
    }

    /// The file with the admin's password.
    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("admin-password")
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.running.stop();
    }
}
