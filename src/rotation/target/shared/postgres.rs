//! What both kinds of PostgreSQL target share: a session as admin or as the role itself, roles
//! changed by a verifier that is computed here (so that no password reaches the server's log),
//! and the server's errors told apart.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use postgres_protocol::escape::{escape_identifier, escape_literal};
use postgres_protocol::password::scram_sha_256;
use rustls::client::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, NoTls, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};

use super::login::Login;
use super::settings::{ADMIN_PASSWORD, SecretRef, SettingError, Settings};
use super::tls;
use super::words::said;
use crate::model::{Actor, ConsumerId, Text};
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::target::{Answer, Call, Presence};

/// A PostgreSQL server and who may change roles there.
pub struct Server {
    /// For faults: `127.0.0.1:5432`.
    pub name: String,
    host: String,
    port: u16,
    database: String,
    admin: String,
    password: Option<SecretRef>,
    tls: Option<Arc<ClientConfig>>,
}

impl Server {
    /// Reads `host` (a name, an address or the folder of a socket), `port`, `database`,
    /// `admin_user`, `admin_password_file` or `_env` (absent where the server asks for none) and
    /// `ca_file` (which turns TLS on).
    pub fn of(settings: &mut Settings) -> Result<Self, SettingError> {
        let host = settings.text("host")?;
        let port = settings.port("port", 5432)?;
        let tls = match settings.maybe_path("ca_file")? {
            None => None,
            Some(file) => Some(tls::client(&file).map_err(|e| settings.wrong("ca_file", e))?),
        };
        Ok(Self {
            name: format!("{host}:{port}"),
            host,
            port,
            database: settings.text_or("database", "postgres")?,
            admin: settings.text("admin_user")?,
            password: settings.maybe_secret(ADMIN_PASSWORD)?,
            tls,
        })
    }

    /// True where this is the role that changes the others.
    pub fn is_admin(&self, role: &str) -> bool {
        self.admin == role
    }

    /// A session of the admin.
    pub async fn admin(&self, within: Duration, doing: &str) -> Result<Session, Fault> {
        let deadline = Instant::now() + within;
        let password = match &self.password {
            None => None,
            Some(place) => Some(place.read(doing)?),
        };
        let mut config = self.config(&self.admin, within);
        if let Some(password) = &password {
            config.password(password.as_bytes());
        }
        let hide = password.as_ref().map(|p| p.as_bytes().to_vec());
        let client = self.connect(config, deadline).await.map_err(|trouble| {
            let hide: Vec<&[u8]> = hide.iter().map(Vec::as_slice).collect();
            trouble.fault(doing, &hide)
        })?;
        Ok(Session {
            client,
            deadline,
            doing: doing.to_owned(),
        })
    }

    /// Logs in as a consumer would and asks for one row.
    pub async fn attempt(&self, login: &Login, call: &Call, doing: &str) -> Result<Answer, Fault> {
        let deadline = Instant::now() + call.within;
        let hide: [&[u8]; 1] = [login.password.as_bytes()];
        let mut config = self.config(&login.username, call.within);
        config.password(login.password.as_bytes());
        let client = match self.connect(config, deadline).await {
            Ok(client) => client,
            Err(Trouble::Postgres(e)) if is_refused_login(&e) => {
                return Ok(Answer::Refused(said(&words(&e), &hide)));
            }
            Err(trouble) => return Err(trouble.fault(doing, &hide)),
        };
        match timeout_at(deadline, client.client.simple_query("SELECT 1")).await {
            Ok(Ok(_)) => Ok(Answer::Accepted),
            Ok(Err(e)) => Err(Trouble::Sent(e).fault(doing, &hide)),
            Err(_) => Err(Trouble::Late.fault(doing, &hide)),
        }
    }

    fn config(&self, user: &str, within: Duration) -> Config {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .dbname(&self.database)
            .user(user)
            .application_name("rotascope")
            .connect_timeout(within)
            .options(format!(
                "-c statement_timeout={}",
                within.as_millis().max(1)
            ))
            .ssl_mode(if self.tls.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            });
        config
    }

    async fn connect(&self, config: Config, deadline: Instant) -> Result<Connected, Trouble> {
        let connecting = async {
            Ok(match &self.tls {
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    let task = tokio::spawn(async move { drop(connection.await) });
                    Connected { client, task }
                }
                Some(tls) => {
                    let (client, connection) = config.connect(Rustls(Arc::clone(tls))).await?;
                    let task = tokio::spawn(async move { drop(connection.await) });
                    Connected { client, task }
                }
            })
        };
        match timeout_at(deadline, connecting).await {
            Ok(done) => done.map_err(Trouble::Postgres),
            Err(_) => Err(Trouble::Silent),
        }
    }
}

struct Connected {
    client: Client,
    task: JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A session of the admin, with one deadline for all it does.
pub struct Session {
    client: Connected,
    deadline: Instant,
    doing: String,
}

impl Session {
    async fn run(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Fault> {
        match timeout_at(self.deadline, self.client.client.simple_query(sql)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(e)) => Err(Trouble::Sent(e).fault(&self.doing, &[])),
            Err(_) => Err(Trouble::Late.fault(&self.doing, &[])),
        }
    }

    async fn rows(&self, sql: &str) -> Result<Vec<tokio_postgres::SimpleQueryRow>, Fault> {
        Ok(self
            .run(sql)
            .await?
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect())
    }

    /// Finds out before anything is changed whether the role is there and may be changed.
    pub async fn may_change(&self, role: &str) -> Result<(), Fault> {
        let refused = |said: &str| Fault::new(FaultKind::Refused, &self.doing, said);
        let name = escape_literal(role);
        let found = self
            .rows(&format!("SELECT 1 FROM pg_roles WHERE rolname = {name}"))
            .await?;
        if found.is_empty() {
            return Err(refused("there is no such role"));
        }
        let may = self
            .rows(
                "SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolcreaterole)",
            )
            .await?;
        if may.is_empty() {
            return Err(refused(
                "the admin role is neither superuser nor has it CREATEROLE",
            ));
        }
        Ok(())
    }

    /// Lets the role in with this password alone.
    pub async fn let_in(&self, login: &Login) -> Result<(), Fault> {
        let verifier = scram_sha_256(login.password.as_bytes());
        self.run(&format!(
            "ALTER ROLE {} LOGIN PASSWORD {}",
            escape_identifier(&login.username),
            escape_literal(&verifier)
        ))
        .await
        .map(drop)
    }

    /// Lets the role in no more.
    pub async fn shut_out(&self, role: &str) -> Result<(), Fault> {
        self.run(&format!(
            "ALTER ROLE {} NOLOGIN PASSWORD NULL",
            escape_identifier(role)
        ))
        .await
        .map(drop)
    }

    /// Ends the sessions that the role has open.
    pub async fn end_sessions(&self, role: &str) -> Result<(), Fault> {
        self.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {} AND pid <> pg_backend_pid()",
            escape_literal(role)
        ))
        .await
        .map(drop)
    }

    /// Who sits there under one of these roles, with the role's name.
    pub async fn presence(&self, roles: &[&str]) -> Result<Vec<(String, Presence)>, Fault> {
        let list: Vec<String> = roles.iter().map(|role| escape_literal(role)).collect();
        let rows = self
            .rows(&format!(
                "SELECT usename, application_name, host(client_addr) FROM pg_stat_activity \
                 WHERE usename IN ({}) AND pid <> pg_backend_pid() ORDER BY pid",
                list.join(", ")
            ))
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| {
                let role = row.get(0)?;
                let says = row.get(1).filter(|name| !name.is_empty());
                let presence = Presence {
                    actor: Actor::from(role),
                    consumer: says.map(ConsumerId::from),
                    version: None,
                    address: row.get(2).map(Text::from),
                };
                Some((role.to_owned(), presence))
            })
            .collect())
    }
}

/// How a call went wrong, and when.
enum Trouble {
    /// While connecting and logging in.
    Postgres(Error),
    /// Nothing answered the connection.
    Silent,
    /// After the statement was sent.
    Sent(Error),
    /// No answer to the statement came in time.
    Late,
}

impl Trouble {
    fn fault(&self, doing: &str, hide: &[&[u8]]) -> Fault {
        let (kind, what) = match self {
            Self::Silent => (
                FaultKind::Unreachable,
                "nothing answered the connection in time".to_owned(),
            ),
            Self::Late => (FaultKind::Unanswered, "no answer in time".to_owned()),
            Self::Postgres(e) => (kind(e).unwrap_or(FaultKind::Unreachable), words(e)),
            Self::Sent(e) => (kind(e).unwrap_or(FaultKind::Unanswered), words(e)),
        };
        Fault::new(kind, doing, said(&what, hide))
    }
}

/// What the server's own error means; nothing where it said none.
fn kind(error: &Error) -> Option<FaultKind> {
    let code = error.as_db_error()?.code();
    Some(match code.code() {
        // Statement or lock timeout, shut down or crashed in the middle.
        "57014" | "55P03" | "57P01" | "57P02" => FaultKind::Unanswered,
        // Starting up.
        "57P03" => FaultKind::Unreachable,
        code if code.starts_with("08") => FaultKind::Unreachable,
        // Serialisation failures and deadlocks.
        code if code.starts_with("40") => FaultKind::Unanswered,
        // Too many connections, out of memory or disk: later.
        code if code.starts_with("53") => FaultKind::Throttled { retry_after: None },
        _ => FaultKind::Refused,
    })
}

/// True where the server turned the login itself down.
fn is_refused_login(error: &Error) -> bool {
    error.code().is_some_and(|code| {
        *code == SqlState::INVALID_PASSWORD
            || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
    })
}

fn words(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// TLS by rustls for tokio-postgres.
#[derive(Clone)]
struct Rustls(Arc<ClientConfig>);

struct RustlsFor(Arc<ClientConfig>, ServerName<'static>);

/// A TLS stream; says nothing of channel binding.
pub struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S> MakeTlsConnect<S> for Rustls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = RustlsFor;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<RustlsFor, Self::Error> {
        let name = ServerName::try_from(domain)?.to_owned();
        Ok(RustlsFor(Arc::clone(&self.0), name))
    }
}

impl<S> TlsConnect<S> for RustlsFor
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            tokio_rustls::TlsConnector::from(self.0)
                .connect(self.1, stream)
                .await
                .map(Encrypted)
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
