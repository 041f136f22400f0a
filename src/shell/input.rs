//! The terminal's events in the cockpit's words.

use crossterm::event::{
    Event, KeyCode as Code, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};

use crate::ui::{Key, KeyCode, Message, Mouse, MouseKind};

/// What the cockpit is told of a terminal's event; `None` where it has no word for it.
pub(super) fn message(event: Event) -> Option<Message> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            let with = |modifier| key.modifiers.contains(modifier);
            let (code, back) = code(key.code)?;
            Some(Message::Key(Key::new(
                code,
                with(KeyModifiers::CONTROL),
                with(KeyModifiers::ALT),
                with(KeyModifiers::SHIFT) || back,
            )))
        }
        Event::Paste(words) => Some(Message::Paste(words)),
        Event::Resize(columns, rows) => Some(Message::Resize { columns, rows }),
        Event::FocusGained => Some(Message::FocusGained),
        Event::FocusLost => Some(Message::FocusLost),
        Event::Mouse(mouse) => {
            let what = match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => MouseKind::Click,
                MouseEventKind::Drag(MouseButton::Left) => MouseKind::Drag,
                MouseEventKind::Up(MouseButton::Left) => MouseKind::Release,
                MouseEventKind::ScrollUp => MouseKind::WheelUp,
                MouseEventKind::ScrollDown => MouseKind::WheelDown,
                _ => return None,
            };
            Some(Message::Mouse(Mouse {
                what,
                column: mouse.column,
                row: mouse.row,
            }))
        }
        Event::Key(_) => None,
    }
}

/// The key's code, and whether the terminal said shift by another code (back tab).
fn code(code: Code) -> Option<(KeyCode, bool)> {
    let code = match code {
        Code::Char(c) => KeyCode::Char(c),
        Code::Enter => KeyCode::Enter,
        Code::Esc => KeyCode::Esc,
        Code::Tab => KeyCode::Tab,
        Code::BackTab => return Some((KeyCode::Tab, true)),
        Code::Backspace => KeyCode::Backspace,
        Code::Delete => KeyCode::Delete,
        Code::Insert => KeyCode::Insert,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::F(n) => KeyCode::F(n),
        _ => return None,
    };
    Some((code, false))
}
