//! What one person is asked, as plain data for whoever draws the question.

use std::sync::Arc;

use super::policy::Policy;
use crate::model::Actor;

/// Who is asked, under which policy. The same for whoever draws a question and whoever judges its
/// answer, so that what is drawn is what is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Who acts; what they do is signed by their key.
    pub person: Actor,
    /// What they are, by the people file.
    pub roles: Vec<String>,
    /// The policy.
    pub policy: Arc<Policy>,
}

impl Rules {
    /// Under the policy of the demo, with no role.
    #[must_use]
    pub fn demo(person: Actor) -> Self {
        Self {
            person,
            roles: Vec::new(),
            policy: Policy::demo(),
        }
    }

    /// Under the standard policy, with no role.
    #[must_use]
    pub fn standard(person: Actor) -> Self {
        Self {
            person,
            roles: Vec::new(),
            policy: Policy::standard(),
        }
    }
}
