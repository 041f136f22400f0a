//! The life of a secret, the same for every kind, and what must never be seen of it.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rotascope::rotation::target::{Answer, Call, SettingError, Target, Versioned, open};
use rotascope::rotation::{Fault, Material};
use tracing_subscriber::fmt::MakeWriter;

/// A call with this key and ten seconds.
pub fn call(key: &str) -> Call {
    within(key, Duration::from_secs(10))
}

/// A call with this key and so much time.
pub fn within(key: &str, within: Duration) -> Call {
    Call {
        key: key.to_owned(),
        within,
    }
}

/// The target of these settings.
pub fn target(kind: &str, settings: &str) -> Arc<dyn Target> {
    try_target(kind, settings).unwrap_or_else(|e| panic!("{e}"))
}

/// The target of these settings, or what is wrong with them.
pub fn try_target(kind: &str, settings: &str) -> Result<Arc<dyn Target>, SettingError> {
    open(kind, &toml::from_str(settings).unwrap())
}

/// A version with this material.
pub fn version(name: &str, material: impl Into<Vec<u8>>) -> Versioned {
    Versioned {
        version: name.into(),
        material: Material::new(material.into()),
    }
}

/// Words that occur nowhere else.
pub fn canary(name: &str) -> String {
    format!("canary-{name}-{:032x}", rand::random::<u128>())
}

/// Makes a version: what the target generated, with the canary that stands for its secret.
pub trait Mark: Fn(&Material) -> (Material, String) {}
impl<F: Fn(&Material) -> (Material, String)> Mark for F {}

/// For logins: the password is replaced by a canary.
pub fn marked_login(material: &Material) -> (Material, String) {
    let mut login: serde_json::Value = serde_json::from_slice(material.expose()).unwrap();
    let canary = canary("password");
    login["password"] = canary.as_str().into();
    (Material::new(login.to_string().into_bytes()), canary)
}

/// For material of a provider: the member of its JSON that is the secret.
pub fn member(name: &'static str) -> impl Mark {
    move |material: &Material| {
        let json: serde_json::Value = serde_json::from_slice(material.expose()).unwrap();
        let secret = json[name].as_str().unwrap().to_owned();
        (material.clone(), secret)
    }
}

/// Does the same twice.
pub async fn twice<F: AsyncFn() -> Result<(), Fault>>(what: &str, act: F) {
    for time in ["first", "second"] {
        act()
            .await
            .unwrap_or_else(|fault| panic!("{what}, the {time} time: {fault}"));
    }
}

/// Fails unless the target lets the version in.
pub async fn lets_in(target: &dyn Target, version: &Versioned) {
    let answer = target.attempt(version, &call("attempt")).await.unwrap();
    assert_eq!(answer, Answer::Accepted, "version {}", version.version);
}

/// Fails unless the target turns the version away.
pub async fn turns_away(target: &dyn Target, version: &Versioned) {
    let answer = target.attempt(version, &call("attempt")).await.unwrap();
    assert!(
        matches!(answer, Answer::Refused(_)),
        "version {} is let in",
        version.version
    );
}

/// The versions that a life left behind.
pub struct Lived {
    /// The first version, rolled back to, then revoked, then reissued where that can be.
    pub first: Versioned,
    /// The last version, still let in.
    pub last: Versioned,
    /// The secret of every version.
    pub canaries: Vec<String>,
}

/// One secret's life: a version that is withdrawn before there is another; a first version; a second that is rolled back and revoked; a third that
/// stays, the first revoked, and then given out again.
pub async fn live(target: &dyn Target, mark: impl Mark, reissue: bool) -> Lived {
    let mut canaries = Vec::new();
    let mut make = async |name: &str, current: Option<&Versioned>| {
        let generated = target
            .generate(&name.into(), current, &call(&format!("generate {name}")))
            .await
            .unwrap();
        let (material, canary) = mark(&generated);
        canaries.push(canary);
        Versioned {
            version: name.into(),
            material,
        }
    };
    let zeroth = make("v0", None).await;
    withdraw(target, &zeroth).await;

    let first = make("v1", None).await;
    twice("install v1", async || {
        target.install(&first, None, &call("i1")).await
    })
    .await;
    twice("activate v1", async || {
        target.activate(&first, None, &call("a1")).await
    })
    .await;
    lets_in(target, &first).await;

    let second = make("v2", Some(&first)).await;
    cut_over(target, &first, &second).await;
    twice("roll back to v1", async || {
        target.reinstate(&first, Some(&second), &call("back")).await
    })
    .await;
    lets_in(target, &first).await;
    twice("revoke v2", async || {
        target.revoke(&second, &first, &call("r2")).await
    })
    .await;
    turns_away(target, &second).await;
    lets_in(target, &first).await;

    let third = make("v3", Some(&first)).await;
    cut_over(target, &first, &third).await;
    twice("revoke v1", async || {
        target.revoke(&first, &third, &call("r1")).await
    })
    .await;
    turns_away(target, &first).await;
    turns_away(target, &second).await;
    lets_in(target, &third).await;
    if reissue {
        give_out_again(target, &first, &third).await;
    }
    never_traced(&canaries);
    Lived {
        first,
        last: third,
        canaries,
    }
}

/// A version that is made current and withdrawn while there is no other.
async fn withdraw(target: &dyn Target, only: &Versioned) {
    twice("install v0", async || {
        target.install(only, None, &call("i0")).await
    })
    .await;
    twice("activate v0", async || {
        target.activate(only, None, &call("a0")).await
    })
    .await;
    lets_in(target, only).await;
    twice("withdraw v0, the only one", async || {
        target.revoke(only, only, &call("r0")).await
    })
    .await;
    turns_away(target, only).await;
}

/// A revoked version becomes valid and current again.
async fn give_out_again(target: &dyn Target, revoked: &Versioned, current: &Versioned) {
    twice("reissue", async || {
        target
            .reinstate(revoked, Some(current), &call("again"))
            .await
    })
    .await;
    lets_in(target, revoked).await;
    if target.dual_run() {
        lets_in(target, current).await;
    }
}

async fn cut_over(target: &dyn Target, old: &Versioned, new: &Versioned) {
    let name = new.version.raw();
    twice(&format!("install {name}"), async || {
        target
            .install(new, Some(old), &call(&format!("install {name}")))
            .await
    })
    .await;
    lets_in(target, old).await;
    if target.dual_run() {
        lets_in(target, new).await;
    }
    twice(&format!("activate {name}"), async || {
        target
            .activate(new, Some(old), &call(&format!("activate {name}")))
            .await
    })
    .await;
    lets_in(target, new).await;
    if target.dual_run() {
        lets_in(target, old).await;
    } else {
        turns_away(target, old).await;
    }
}

/// Everything that this process has traced, at the most talkative level.
#[derive(Clone, Default)]
struct Traces(Arc<Mutex<Vec<u8>>>);

impl io::Write for Traces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Traces {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Starts to listen to what the process traces; the first line of a test that has canaries.
pub fn listen() {
    traces();
}

fn traces() -> &'static Traces {
    static TRACES: OnceLock<Traces> = OnceLock::new();
    TRACES.get_or_init(|| {
        let traces = Traces::default();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(traces.clone())
            .init();
        tracing::trace!("the test listens");
        traces
    })
}

/// Fails where a secret was traced.
pub fn never_traced(canaries: &[String]) {
    assert!(!canaries.is_empty());
    listen();
    let seen = traces().0.lock().unwrap();
    assert!(!seen.is_empty(), "the traces are not listened to");
    for canary in canaries {
        let found = memchr::memmem::find(&seen, canary.as_bytes());
        assert!(found.is_none(), "a secret was traced");
    }
}

/// Fails where a fault shows one of these.
pub fn never_told(fault: &Fault, canaries: &[&str]) {
    let told = format!("{fault} {fault:?}");
    for canary in canaries {
        assert!(!told.contains(canary), "a fault repeats a secret");
    }
}
