//! `redis`: the password of a Redis ACL user, which may have several at once. Passwords are added
//! and removed by their SHA-256, so that none is seen by `MONITOR`, a slow log or an error.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo as _,
    RedisError, ServerErrorKind, Value,
};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, timeout_at};

use super::shared::login::Login;
use super::shared::settings::{ADMIN_PASSWORD, SecretRef, SettingError, Settings};
use super::shared::words::{hex, said};
use super::{Answer, Call, Presence, Target, Versioned};
use crate::model::event::SecretKind;
use crate::model::{Actor, ConsumerId, Text, Version};
use crate::rotation::fault::{Fault, FaultKind};
use crate::rotation::material::Material;

struct Redis {
    client: Client,
    name: String,
    user: String,
    admin: String,
    password: Option<SecretRef>,
    end_sessions: bool,
}

/// Reads `host`, `port`, `user`, `admin_user` (`default` unless said), `admin_password_file` or
/// `_env` (absent where the server asks for none), and `end_sessions` (false unless said):
/// whether a revocation ends the user's connections, which cannot be told apart by password.
pub(super) fn open(settings: &mut Settings) -> Result<Arc<dyn Target>, SettingError> {
    let host = settings.text("host")?;
    let port = settings.port("port", 6379)?;
    let user = settings.text("user")?;
    let admin = settings.text_or("admin_user", "default")?;
    if user == admin {
        return Err(settings.wrong("user", "is the admin itself, which would lock itself out"));
    }
    if user.contains(char::is_whitespace) {
        return Err(settings.wrong("user", "holds a space, which Redis does not allow"));
    }
    let client = ConnectionAddr::Tcp(host.clone(), port)
        .into_connection_info()
        .and_then(Client::open)
        .map_err(|e| settings.wrong("host", e.to_string()))?;
    Ok(Arc::new(Redis {
        client,
        name: format!("{host}:{port}"),
        user,
        admin,
        password: settings.maybe_secret(ADMIN_PASSWORD)?,
        end_sessions: settings.flag("end_sessions", false)?,
    }))
}

/// One connection with one deadline.
struct Session {
    connection: MultiplexedConnection,
    deadline: Instant,
    doing: String,
}

impl Session {
    async fn run(&mut self, command: &Cmd) -> Result<Value, RedisTrouble> {
        match timeout_at(self.deadline, command.query_async(&mut self.connection)).await {
            Ok(done) => done.map_err(RedisTrouble::Answer),
            Err(_) => Err(RedisTrouble::Late),
        }
    }

    async fn must(&mut self, command: &Cmd) -> Result<Value, Fault> {
        self.run(command)
            .await
            .map_err(|trouble| trouble.fault(&self.doing, &[]))
    }
}

enum RedisTrouble {
    Answer(RedisError),
    Late,
}

impl RedisTrouble {
    fn fault(&self, doing: &str, hide: &[&[u8]]) -> Fault {
        let Self::Answer(error) = self else {
            return Fault::new(FaultKind::Unanswered, doing, "no answer in time");
        };
        let kind = match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => FaultKind::Garbage,
            ErrorKind::Io => FaultKind::Unanswered,
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown,
            ) => FaultKind::Unreachable,
            _ => FaultKind::Refused,
        };
        Fault::new(kind, doing, said(&error.to_string(), hide))
    }
}

impl Redis {
    fn doing(&self, what: &str) -> String {
        format!("{what} ACL user {} on {}", self.user, self.name)
    }

    async fn connect(&self, within: Duration, doing: &str) -> Result<Session, Fault> {
        let deadline = Instant::now() + within;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(within))
            .set_response_timeout(Some(within));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        match timeout_at(deadline, connecting).await {
            Ok(Ok(connection)) => Ok(Session {
                connection,
                deadline,
                doing: doing.to_owned(),
            }),
            Ok(Err(e)) => {
                let kind = match e.kind() {
                    ErrorKind::Parse => FaultKind::Garbage,
                    _ => FaultKind::Unreachable,
                };
                Err(Fault::new(kind, doing, said(&e.to_string(), &[])))
            }
            Err(_) => Err(Fault::new(
                FaultKind::Unreachable,
                doing,
                "nothing answered the connection in time",
            )),
        }
    }

    async fn admin(&self, within: Duration, doing: &str) -> Result<Session, Fault> {
        let mut session = self.connect(within, doing).await?;
        if let Some(place) = &self.password {
            let password = place.read(doing)?;
            let mut auth = redis::cmd("AUTH");
            auth.arg(&self.admin).arg(password.as_str());
            session
                .run(&auth)
                .await
                .map_err(|trouble| trouble.fault(doing, &[password.as_bytes()]))?;
        }
        Ok(session)
    }

    /// The hashes of the passwords that the user has; a fault where there is no such user.
    async fn passwords(&self, admin: &mut Session) -> Result<Vec<String>, Fault> {
        let user = admin
            .must(redis::cmd("ACL").arg("GETUSER").arg(&self.user))
            .await?;
        let garbage = || {
            Fault::new(
                FaultKind::Garbage,
                &admin.doing,
                "ACL GETUSER: no passwords",
            )
        };
        let fields = match user {
            Value::Nil => {
                let said = "there is no such user";
                return Err(Fault::new(FaultKind::Refused, &admin.doing, said));
            }
            Value::Array(fields) => fields,
            Value::Map(pairs) => pairs.into_iter().flat_map(|(k, v)| [k, v]).collect(),
            _ => return Err(garbage()),
        };
        let at = fields
            .iter()
            .position(|field| words(field).as_deref() == Some("passwords"))
            .ok_or_else(garbage)?;
        match fields.get(at + 1) {
            Some(Value::Array(hashes)) => Ok(hashes.iter().filter_map(words).collect()),
            _ => Err(garbage()),
        }
    }

    /// Adds and removes passwords, and has the server remember it where it has a file for that.
    async fn change(
        &self,
        add: Option<&Versioned>,
        remove: Option<&Versioned>,
        call: &Call,
        doing: String,
    ) -> Result<(), Fault> {
        let hashed = |version: Option<&Versioned>| {
            version
                .map(|version| Login::of(&version.material, &doing))
                .transpose()
                .map(|login| login.as_ref().map(hash))
        };
        let (add, remove) = (hashed(add)?, hashed(remove)?);
        let mut admin = self.admin(call.within, &doing).await?;
        let there = self.passwords(&mut admin).await?;
        let mut set = redis::cmd("ACL");
        set.arg("SETUSER").arg(&self.user).arg("on");
        if let Some(add) = &add {
            set.arg(format!("#{add}"));
        }
        if let Some(gone) = remove.filter(|gone| add.as_ref() != Some(gone) && there.contains(gone))
        {
            set.arg(format!("!{gone}"));
        }
        admin.must(&set).await?;
        match admin.run(redis::cmd("ACL").arg("SAVE")).await {
            Err(RedisTrouble::Answer(e))
                if e.to_string().contains("not configured to use an ACL file") =>
            {
                Ok(())
            }
            Err(trouble) => Err(trouble.fault(&admin.doing, &[])),
            Ok(_) => Ok(()),
        }
    }
}

fn words(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(words) => Some(words.clone()),
        _ => None,
    }
}

fn hash(login: &Login) -> String {
    hex(&Sha256::digest(login.password.as_bytes()))
}

#[async_trait]
impl Target for Redis {
    fn kind(&self) -> SecretKind {
        SecretKind::Database
    }

    fn dual_run(&self) -> bool {
        true
    }

    async fn generate(
        &self,
        _: &Version,
        _: Option<&Versioned>,
        _: &Call,
    ) -> Result<Material, Fault> {
        Ok(Login::random(&self.user).material())
    }

    async fn install(
        &self,
        new: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("add a password to");
        self.change(Some(new), None, call, doing).await
    }

    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault> {
        let doing = self.doing("log in as");
        let login = Login::of(&with.material, &doing)?;
        let mut session = self.connect(call.within, &doing).await?;
        let mut auth = redis::cmd("AUTH");
        auth.arg(&login.username).arg(login.password.as_str());
        match session.run(&auth).await {
            Ok(_) => Ok(Answer::Accepted),
            Err(RedisTrouble::Answer(e)) if e.code() == Some("WRONGPASS") => Ok(Answer::Refused(
                said(&e.to_string(), &[login.password.as_bytes()]),
            )),
            Err(trouble) => Err(trouble.fault(&doing, &[login.password.as_bytes()])),
        }
    }

    /// Redis has no notion of a current password: which one is used is up to the consumers.
    async fn activate(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }

    async fn revoke(&self, gone: &Versioned, keep: &Versioned, call: &Call) -> Result<(), Fault> {
        let doing = self.doing("remove a password of");
        self.change(super::kept(gone, keep), Some(gone), call, doing)
            .await?;
        if self.end_sessions {
            let doing = self.doing("end the connections of");
            let mut admin = self.admin(call.within, &doing).await?;
            admin
                .must(redis::cmd("CLIENT").arg("KILL").arg("USER").arg(&self.user))
                .await?;
        }
        Ok(())
    }

    async fn reinstate(
        &self,
        old: &Versioned,
        _: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault> {
        let doing = self.doing("give a former password back to");
        self.change(Some(old), None, call, doing).await
    }

    async fn presence(&self, _: &[Versioned]) -> Result<Option<Vec<Presence>>, Fault> {
        let doing = self.doing("see who is connected as");
        let mut admin = self.admin(super::PATIENCE, &doing).await?;
        let list = admin.must(redis::cmd("CLIENT").arg("LIST")).await?;
        let list = match list {
            Value::VerbatimString { text, .. } => Some(text),
            other => words(&other),
        };
        let list =
            list.ok_or_else(|| Fault::new(FaultKind::Garbage, &doing, "CLIENT LIST: no text"))?;
        Ok(Some(
            list.lines()
                .filter_map(|line| seen(line, &self.user))
                .collect(),
        ))
    }
}

/// A line of `CLIENT LIST`: `id=3 addr=127.0.0.1:5 name=checkout … user=app`.
fn seen(line: &str, user: &str) -> Option<Presence> {
    let field = |name: &str| {
        line.split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .filter(|value| !value.is_empty())
    };
    (field("user") == Some(user)).then(|| Presence {
        actor: Actor::from(user),
        consumer: field("name").map(ConsumerId::from),
        version: None,
        address: field("addr").map(Text::from),
    })
}
