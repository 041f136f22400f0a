//! What stands below every screen, above the keys: a freeze while it stands, and what became of
//! an act until it has been read.

use ratatui::layout::Rect;

use crate::diagnosis::Finding;
use crate::guard;
use crate::incident::Rotation;
use crate::model::{RotationId, Text};

use super::desk::Desk;
use super::fit::{cols, wrap};
use super::layout;
use super::news::News;
use super::theme::Role;

/// The most lines that an outcome takes.
const LINES: usize = 4;

/// The most mistakes that are shown at once.
const WRONG: usize = 2;

/// What stands below a screen.
#[derive(Debug)]
pub struct Below {
    /// That everything is held.
    pub banner: Option<String>,
    /// What is wrong with the settings, the keymap or the theme, in lines.
    pub wrong: Vec<String>,
    /// What became of an act, in lines.
    pub news: Vec<String>,
    /// How loud it is.
    pub role: Role,
}

impl Desk {
    /// What stands below a screen of this size.
    pub fn below(&self, area: Rect) -> Below {
        let columns = usize::from(area.width.saturating_sub(2));
        let banner = self.digest.frozen.as_ref().map(|frozen| {
            let ago = self.clock().ago(frozen.since, self.now());
            format!(
                "‖ FROZEN {ago} by {}: nothing starts, nothing is revoked",
                frozen.by
            )
        });
        let mut wrong = Vec::new();
        for words in self.wrong.iter().take(WRONG) {
            let words = format!("{words} (what was right before stays)");
            wrong.extend(wrap(&words, columns, 2));
        }
        let Some(news) = self.news() else {
            return Below {
                banner,
                wrong,
                news: Vec::new(),
                role: Role::Dim,
            };
        };
        // In a lab whose time runs faster the emitters' clock is not the one that a person waits by.
        let real = self.state.live.as_ref().is_some_and(|l| l.scale <= 1.0);
        let target = &news.note.target;
        let (words, role) = news.words((self.clock(), self.now().filter(|_| real)), |act| {
            Self::can(self.rotation_of(target), act)
        });
        Below {
            banner,
            wrong,
            news: wrap(&words, columns, LINES),
            role,
        }
    }

    /// How many lines the footer of a screen of this size takes: at least that of the keys.
    pub fn footer(&self, area: Rect) -> u16 {
        if layout::room(area).is_none() {
            return 1;
        }
        let below = self.below(area);
        let lines = below.news.len() + below.wrong.len();
        1 + u16::from(below.banner.is_some()) + cols(lines)
    }

    /// What became of an act and has not been read.
    pub fn news(&self) -> Option<News<'_>> {
        let live = self.state.live.as_ref()?;
        self.read.newest(&live.acts, &self.digest.after)
    }

    /// Marks what is shown of acts as read; false where all was.
    pub fn read_news(&mut self) -> bool {
        let Some(mark) = self.news().map(|news| news.mark()) else {
            return false;
        };
        self.read.take(mark);
        true
    }

    /// The rotation that an act's target names: by its id, else the latest of a secret.
    fn rotation_of(&self, target: &Text) -> Option<&Rotation> {
        let incident = &self.state.incident;
        let named = incident.rotation(&RotationId(target.clone()));
        named.or_else(|| {
            let of_secret =
                |r: &&Rotation| r.secret.as_ref().is_some_and(|s| s.raw() == target.raw());
            let all = incident.rotations().filter(of_secret);
            all.max_by_key(|rotation| rotation.started_at)
        })
    }

    /// True for an act that makes sense for a rotation as it stands; by the guard's own measure.
    pub fn can(rotation: Option<&Rotation>, act: &str) -> bool {
        match (act.parse(), rotation) {
            (Ok(verb), Some(rotation)) => guard::fits(verb, rotation).is_ok(),
            _ => true,
        }
    }

    /// The acts that cure a finding and make sense as its rotation stands.
    pub fn offered(&self, finding: &Finding) -> Vec<&'static str> {
        let id = finding.rotation.as_ref();
        let rotation = id.and_then(|id| self.state.incident.rotation(id));
        let acts = finding.mode.suggest().iter().copied();
        acts.filter(|act| Self::can(rotation, act)).collect()
    }
}
