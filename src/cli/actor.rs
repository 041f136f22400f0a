//! Who acts from here, by which policy, and where it is written down: what `--engine` and `act` have
//! in common.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Identity, Kept, Paths};
use crate::guard::totp::Enrolled;
use crate::guard::{Guard, Once, OnceError, People, Policy, Signer};
use crate::journal::{Place, Places, Spent};
use crate::model::Actor;
use crate::session::live::{Acting, JournalPlace, Who};

use super::complaint::Complaint;
use super::{identity, policy, secret_file};

/// Who acts.
#[derive(clap::Args, Debug)]
pub struct ActorArgs {
    /// Who acts [default: the user's name]
    #[arg(long = "as", value_name = "NAME")]
    pub(super) person: Option<String>,
    /// What acts ask for, in Cedar [default: policy.cedar in the configuration folder, else the standard]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Who is known [default: people.toml in the configuration folder, else it is for the engine to say]
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// Where acts are written down before they are sent: a folder, or a file
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
    /// Where they are written down where that disk is dead; best on another one
    #[arg(long, value_name = "PATH")]
    second_journal: Option<PathBuf>,
    /// Where the journal's heads are kept too; best where nobody else can write
    #[arg(long, value_name = "FOLDER")]
    heads: Option<PathBuf>,
}

/// What there is to know before the person's key is looked for.
pub(super) struct Ready {
    person: Actor,
    policy: Arc<Policy>,
    people: Arc<People>,
    journal: JournalPlace,
    once: Arc<dyn Once>,
}

impl ActorArgs {
    /// Reads all but the person's key.
    ///
    /// # Errors
    /// [`Complaint`] with the place where a policy or a people file is wrong.
    pub(super) fn ready(&self, paths: &Paths) -> Result<Ready, Complaint> {
        Ok(Ready {
            person: identity::person(self.person.as_deref()),
            policy: policy_of(self.policy.as_deref(), paths)?,
            people: Arc::new(people_of(self.people.as_deref(), paths)?),
            journal: self.journal(paths),
            once: once(paths),
        })
    }

    fn journal(&self, paths: &Paths) -> JournalPlace {
        let first = match (&self.journal, &paths.state) {
            (Some(path), _) => Place::Either(path.clone()),
            (None, Some(state)) => Place::Folder(state.join("journal")),
            (None, None) => {
                return JournalPlace::Nowhere(
                    "the system names no folder for a journal; name one with --journal".to_owned(),
                );
            }
        };
        JournalPlace::Places(Places {
            first,
            second: self.second_journal.clone().map(Place::Either),
            heads: self.heads.clone(),
        })
    }
}

impl Ready {
    /// Whoever this turns out to be. The keyring is asked while the screen stands already; what
    /// needs a passphrase is asked for before.
    ///
    /// # Errors
    /// [`Complaint`] where there is a key in an encrypted file and it does not open.
    pub(super) fn who(self, paths: &Paths) -> Result<Who, Complaint> {
        if paths.identity().is_some_and(|path| path.exists()) {
            return Ok(Who::Known(Ok(self.acting(paths)?)));
        }
        let paths = paths.clone();
        Ok(Who::Later(Box::new(move || {
            let found = identity::load_without_asking(&paths);
            found.map(|found| self.with(&found))
        })))
    }

    /// The person, found now.
    ///
    /// # Errors
    /// [`Complaint`] where their key cannot be had.
    pub(super) fn acting(self, paths: &Paths) -> Result<Acting, Complaint> {
        Ok(self.with(&identity::load(paths)?))
    }

    /// The person, and what they sign with.
    ///
    /// # Errors
    /// [`Complaint`] where their key cannot be had.
    pub(super) fn signer(self, paths: &Paths) -> Result<(Actor, Arc<Signer>), Complaint> {
        Ok((self.person, identity::load(paths)?.signer()))
    }

    fn with(self, identity: &Identity) -> Acting {
        let word = match identity.kept() {
            Kept::Memory { because } => {
                let words = format!(
                    "your key is kept nowhere and ends with this session ({because}); see rotascope identity"
                );
                Some(words.into_boxed_str())
            }
            _ => None,
        };
        let guard = Guard::new(self.person, identity.signer(), self.policy, self.people);
        Acting {
            guard: match identity.enrolled() {
                none if *none == Enrolled::default() => guard,
                enrolled => guard.with_codes(enrolled.clone()),
            },
            journal: self.journal,
            once: self.once,
            word,
        }
    }
}

/// The policy of a file, else of the configuration folder, else the standard one.
fn policy_of(named: Option<&Path>, paths: &Paths) -> Result<Arc<Policy>, Complaint> {
    match named_or_usual(named, paths, "policy.cedar") {
        Some(path) => policy::policy(&path).map(Arc::new),
        None => Ok(Policy::standard()),
    }
}

/// The people of a file, else of the configuration folder, else nobody.
fn people_of(named: Option<&Path>, paths: &Paths) -> Result<People, Complaint> {
    let path = named_or_usual(named, paths, "people.toml");
    let people = path.map(|path| policy::people(&path)).transpose()?;
    Ok(people.unwrap_or_default())
}

/// A file that was named, else the one of the configuration folder, where it is there.
fn named_or_usual(named: Option<&Path>, paths: &Paths, usual: &str) -> Option<PathBuf> {
    let usual = || paths.config.as_ref().map(|folder| folder.join(usual));
    named
        .map(Path::to_owned)
        .or_else(|| usual().filter(|path| path.exists()))
}

/// What was used up, remembered in the state folder.
fn once(paths: &Paths) -> Arc<dyn Once> {
    let folder = paths.state.as_ref().map(|state| state.join("used"));
    let opened = folder
        .ok_or_else(|| "the system names no folder for it".to_owned())
        .and_then(|folder| Spent::open(&folder).map_err(|error| error.to_string()));
    match opened {
        Ok(spent) => Arc::new(spent),
        Err(why) => Arc::new(Nowhere(why)),
    }
}

/// Nothing can be remembered, so nothing that is good for one use can be used.
struct Nowhere(String);

impl Once for Nowhere {
    fn take(&self, _what: &str) -> Result<(), OnceError> {
        Err(OnceError::Disk(self.0.clone()))
    }
}

/// The token of a backend, where no file holds it.
const TOKEN_ENV: &str = "ROTASCOPE_TOKEN";

/// The token that opens an engine: of a file, else of the environment.
pub(super) fn token(file: Option<&Path>) -> Result<Option<zeroize::Zeroizing<String>>, Complaint> {
    if let Some(path) = file {
        return secret_file::token(path).map(Some);
    }
    Ok(std::env::var(TOKEN_ENV).ok().map(zeroize::Zeroizing::new))
}
