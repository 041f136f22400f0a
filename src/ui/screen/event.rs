//! The event that the player stands on, word for word.

use crate::model::Text;
use crate::ui::desk::Desk;
use crate::ui::fit::wrap;
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

/// The columns of the names of members.
const NAME: u16 = 18;

/// The most lines of one member.
const MEMBER_LINES: usize = 12;

/// What kind of event it is.
pub fn title(desk: &Desk) -> String {
    let event = desk.state.event.as_ref().filter(|_| desk.going.is_none());
    event.map_or_else(String::new, |event| {
        Text::from(event.data.type_name()).to_string()
    })
}

/// The list.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    if let Some(going) = &desk.going {
        let words = format!(
            "going to {} of {} at {}",
            going.id,
            going.source,
            desk.clock().time(going.time)
        );
        return vec![Line::plain(words, Role::Dim)];
    }
    let Some(event) = &desk.state.event else {
        let why = "The recording stands before its first event: go on in it.";
        return vec![Line::plain(why, Role::Dim)];
    };
    let clock = desk.clock();
    let when = format!(
        "{} {} {}",
        clock.day(event.time),
        clock.time(event.time),
        clock.zone()
    );
    let mut lines = vec![member("when", &when, Role::Strong)];
    let mut evidence = desk
        .why
        .finding
        .iter()
        .flat_map(|finding| &finding.evidence);
    let shown = evidence
        .find(|evidence| evidence.event.id == event.id && evidence.event.source == event.source);
    if let (Some(finding), Some(evidence)) = (&desk.why.finding, shown) {
        lines.push(member(
            &format!("shows {}", finding.mode),
            &evidence.note,
            Role::Warn,
        ));
    }
    lines.push(Line::Rule("As it was told".to_owned()));
    // What is written is harmless: `to_json` sees to that, and `Text` once more.
    let told = event.to_json().ok();
    let told = told.and_then(|json| serde_json::from_str::<serde_json::Value>(&json).ok());
    let Some(serde_json::Value::Object(members)) = told else {
        return lines;
    };
    for (name, value) in &members {
        flat(&mut lines, name, value, width);
    }
    lines
}

fn member(name: &str, words: &str, role: Role) -> Line {
    let name = Text::from(name).to_string();
    Line::Pieces(vec![
        Piece::new(name, Role::Dim).wide(NAME),
        Piece::new(words, role),
    ])
}

/// The members of objects by their paths, everything else in a line, or in as many as it needs.
fn flat(lines: &mut Vec<Line>, name: &str, value: &serde_json::Value, width: u16) {
    let words = match value {
        serde_json::Value::Object(members) if !members.is_empty() => {
            for (member, value) in members {
                let name = if name == "data" {
                    member.clone()
                } else {
                    format!("{name}.{member}")
                };
                flat(lines, &name, value, width);
            }
            return;
        }
        serde_json::Value::String(words) => Text::from(words.as_str()).to_string(),
        other => Text::from(other.to_string()).to_string(),
    };
    let room = usize::from(width.saturating_sub(NAME + 3));
    let mut name = name;
    for line in wrap(&words, room, MEMBER_LINES) {
        lines.push(member(name, &line, Role::Text));
        name = "";
    }
}
