//! A PostgreSQL server with passwords (SCRAM) and a log of every statement.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tokio_postgres::{Config, NoTls};

use super::{Running, as_user, free_port, program};

/// The superuser.
pub const ADMIN: &str = "admin";
/// The superuser's password.
pub const ADMIN_PASSWORD: &str = "the-admins-own-words";

/// A PostgreSQL server.
pub struct Postgres {
    /// Where it listens.
    pub port: u16,
    /// Holds everything: data, log, certificates, the admin's password.
    pub folder: tempfile::TempDir,
    running: Running,
}

impl Postgres {
    /// Starts one, or says why not.
    pub fn start() -> Option<Self> {
        Self::configured(&[])
    }

    /// Starts one with more settings (`name=value`); `ssl=on` gives it a certificate for
    /// `localhost` by an authority in `ca.pem`.
    pub fn configured(settings: &[&str]) -> Option<Self> {
        let also = versions();
        let postgres = program("postgres", "postgresql", &also)?;
        let initdb = program("initdb", "postgresql", &also)?;
        let user = other_than_root();
        let folder = tempfile::Builder::new()
            .prefix("rotascope-pg-")
            .tempdir()
            .unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("admin-password"), ADMIN_PASSWORD).unwrap();
        if settings.contains(&"ssl=on") {
            super::pebble::certificate(folder.path());
        }
        if let Some((uid, gid)) = user {
            for path in [folder.path().to_owned(), at("admin-password")] {
                chown(path, Some(uid), Some(gid)).unwrap();
            }
            if settings.contains(&"ssl=on") {
                chown(at("key.pem"), Some(uid), Some(gid)).unwrap();
            }
        }
        make_cluster(&initdb, folder.path(), user);
        let port = free_port();
        let mut args = vec!["-D".to_owned(), at("data").display().to_string()];
        let fixed = [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "fsync=off".to_owned(),
            "log_statement=all".to_owned(),
            "log_connections=on".to_owned(),
            "max_connections=20".to_owned(),
            format!("ssl_cert_file={}", at("cert.pem").display()),
            format!("ssl_key_file={}", at("key.pem").display()),
        ];
        for setting in fixed
            .into_iter()
            .chain(settings.iter().map(|&s| s.to_owned()))
        {
            args.extend(["-c".to_owned(), setting]);
        }
        // Fast shutdown: sessions are ended, files are left whole.
        let mut running = Running::start(&postgres, args, &[], at("log"), user, Signal::INT);
        running.wait_until(|| {
            fs::read_to_string(at("log"))
                .is_ok_and(|log| log.contains("ready to accept connections"))
        });
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

    /// Runs statements as the admin.
    pub async fn run(&self, sql: &str) {
        let client = self.client(ADMIN, ADMIN_PASSWORD, "test").await.unwrap();
        client.batch_execute(sql).await.unwrap();
    }

    /// A session as a program of this name would hold it.
    pub async fn client(
        &self,
        user: &str,
        password: &str,
        application: &str,
    ) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.port)
            .user(user)
            .password(password)
            .dbname("postgres")
            .application_name(application)
            .connect_timeout(Duration::from_secs(10));
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// Makes a cluster in `data` of a folder, with the password that lies beside it.
fn make_cluster(initdb: &Path, folder: &Path, user: Option<(u32, u32)>) {
    let made = as_user(user, initdb)
        .args([
            "--auth=scram-sha-256",
            "--no-sync",
            "--no-instructions",
            "-U",
            ADMIN,
            "-E",
            "UTF8",
        ])
        .arg("--pwfile")
        .arg(folder.join("admin-password"))
        .arg("-D")
        .arg(folder.join("data"))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "initdb: {}",
        String::from_utf8_lossy(&made.stderr)
    );
}

/// Where Debian keeps the server's programs, the newest first.
fn versions() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    found.sort();
    found.reverse();
    found
}

/// PostgreSQL refuses to run as root: then it is the user of the package, else nobody.
fn other_than_root() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string(Path::new("/etc/passwd")).unwrap();
    let ids = |name: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
        })
    };
    ids("postgres").or_else(|| ids("nobody"))
}
