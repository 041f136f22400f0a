//! Where a key is found and made, with keyrings that work, are locked, lie or say nothing.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use keyring_core::mock;
use keyring_core::{CredentialStore, Error};

use super::*;
use crate::guard::totp::TotpSecret;

/// A person's machine.
struct Machine {
    folder: tempfile::TempDir,
    paths: Paths,
    variables: HashMap<&'static str, String>,
    typed: Option<&'static str>,
    ring: Ring,
    asked: Mutex<Vec<Ask>>,
}

fn working() -> Ring {
    let store: Arc<CredentialStore> = mock::Store::new().unwrap();
    Ring::new(move || Ok(Arc::clone(&store)))
}

fn absent() -> Ring {
    Ring::new(|| Err(Error::PlatformFailure("no \u{1b}[31mbus".into())))
}

fn locked() -> Ring {
    Ring::new(|| Err(Error::NoStorageAccess("locked".into())))
}

impl Machine {
    fn new(ring: Ring) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Some(folder.path().join("config"));
        Self {
            folder,
            paths: Paths {
                data: None,
                config,
                state: None,
            },
            variables: HashMap::new(),
            typed: None,
            ring,
            asked: Mutex::default(),
        }
    }

    fn with<T>(&self, use_: impl FnOnce(&Sources) -> T) -> T {
        use_(&Sources {
            paths: &self.paths,
            variable: &|name| self.variables.get(name).cloned(),
            ask: &|ask| {
                self.asked.lock().unwrap().push(ask.clone());
                self.typed.map(SecretString::from)
            },
            ring: self.ring.clone(),
        })
    }

    fn load(&self) -> Result<Identity, IdentityError> {
        self.with(Identity::load)
    }
}

fn codes() -> Enrolled {
    Enrolled {
        totp: Some(TotpSecret::new([3; 20])),
        recovery: vec![[4; 32]],
    }
}

#[test]
fn a_keyring_keeps_the_key_and_the_codes() {
    let machine = Machine::new(working());
    let mut first = machine.load().unwrap();
    assert_eq!((first.kept(), first.is_new()), (&Kept::Keyring, true));
    machine.with(|from| first.enrol(codes(), from)).unwrap();
    let second = machine.load().unwrap();
    assert_eq!((second.key(), second.is_new()), (first.key(), false));
    assert_eq!(second.enrolled(), &codes());
    assert!(machine.asked.lock().unwrap().is_empty());
}

#[test]
fn without_a_keyring_a_passphrase_keeps_them_in_a_file() {
    let mut machine = Machine::new(absent());
    machine.typed = Some("horse staple");
    let mut first = machine.load().unwrap();
    let Kept::File { path, because } = first.kept().clone() else {
        panic!("{:?}", first.kept());
    };
    let because = because.unwrap();
    assert!(
        because.contains("there is none") && !because.contains('\u{1b}'),
        "{because}"
    );
    machine.with(|from| first.enrol(codes(), from)).unwrap();
    let second = machine.load().unwrap();
    assert_eq!((second.key(), second.enrolled()), (first.key(), &codes()));
    let asked = machine.asked.lock().unwrap().clone();
    assert_eq!(asked, [Ask::Make(path.clone()), Ask::Open(path.clone())]);
    // A keyring that appears later does not make the person another one.
    machine.ring = working();
    assert_eq!(machine.load().unwrap().key(), first.key());
    machine.typed = Some("horse stapl");
    let error = machine.load().unwrap_err();
    assert!(matches!(error, IdentityError::Shut(_)), "{error}");
    machine.typed = None;
    let error = machine.load().unwrap_err();
    assert!(error.next().unwrap().contains(PASSPHRASE_ENV), "{error}");
}

#[test]
fn a_passphrase_can_come_from_a_file_that_only_its_owner_reads() {
    let mut machine = Machine::new(locked());
    let path = machine.folder.path().join("passphrase");
    sealed::replace(&path, b"horse staple\n").unwrap();
    machine
        .variables
        .insert(PASSPHRASE_ENV, path.display().to_string());
    let first = machine.load().unwrap();
    assert!(
        first.kept().to_string().contains("locked"),
        "{}",
        first.kept()
    );
    assert_eq!(machine.load().unwrap().key(), first.key());
    assert!(machine.asked.lock().unwrap().is_empty());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&path, open).unwrap();
        let error = machine.load().unwrap_err().to_string();
        assert!(
            error.contains("chmod 600") && !error.contains("staple"),
            "{error}"
        );
    }
}

#[test]
fn a_key_in_the_keyring_is_not_replaced_because_the_keyring_is_locked_today() {
    let mut machine = Machine::new(working());
    let key = machine.load().unwrap().key();
    machine.typed = Some("horse staple");
    machine.ring = locked();
    let error = machine.load().unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains(&key.to_string()) && words.contains("locked"),
        "{words}"
    );
    assert!(error.next().unwrap().contains("unlock"));
    machine.ring = working();
    let error = machine.load().unwrap_err();
    assert!(
        matches!(error, IdentityError::Gone(gone) if gone == key),
        "{error}"
    );
    machine.variables.insert(KEYRING_ENV, "off".to_owned());
    assert!(machine.load().unwrap_err().to_string().contains("off"));
}

#[test]
fn with_neither_it_is_for_this_session_alone_and_said_so() {
    let machine = Machine::new(absent());
    let first = machine.load().unwrap();
    assert!(
        first.kept().to_string().contains("forgotten"),
        "{}",
        first.kept()
    );
    assert_ne!(machine.load().unwrap().key(), first.key());
    let mut first = first;
    assert!(machine.with(|from| first.enrol(codes(), from)).is_err());
}

#[test]
fn the_environment_goes_first_and_a_wrong_one_is_not_shown() {
    let mut machine = Machine::new(working());
    let seed = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    machine.variables.insert(IDENTITY_ENV, seed.to_owned());
    let identity = machine.load().unwrap();
    assert_eq!(identity.key(), Signer::from_seed(&[1; 32]).public());
    assert_eq!(identity.kept(), &Kept::Environment);
    assert!(!format!("{identity:?}").contains("AQEB"));
    machine
        .variables
        .insert(IDENTITY_ENV, "AQEBAQEB".to_owned());
    let error = machine.load().unwrap_err().to_string();
    assert!(
        error.contains(IDENTITY_ENV) && !error.contains("AQEB"),
        "{error}"
    );
}

#[test]
fn a_keyring_that_says_nothing_is_left_alone_in_time() {
    let mut machine = Machine::new(Ring::new(|| {
        std::thread::sleep(Duration::from_secs(60));
        Err(Error::NoEntry)
    }));
    let began = Instant::now();
    let identity = machine.load().unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    assert!(identity.kept().to_string().contains("not answered"));
    // One that fails is no worse.
    machine.ring = Ring::new(|| panic!("in the keyring's own code"));
    assert!(matches!(
        machine.load().unwrap().kept(),
        Kept::Memory { .. }
    ));
}
