//! Logins that sshd, sudo and PAM tell of, in the words of OpenSSH (`auth.c`), sudo (`logging.c`)
//! and `pam_unix`.

use std::borrow::Cow;

use crate::audit::format::text::{divided, divided_last};
use crate::audit::record::LoginWords;
use crate::model::mask::{MASKED, cut};

/// The login that a program's message tells of.
pub(super) fn read<'a>(program: &'a str, message: &'a str) -> Option<LoginWords<'a>> {
    let login = match program {
        // Since 9.8 a program of its own speaks for a connection.
        "sshd" | "sshd-session" | "sshd-auth" => sshd(message),
        "sudo" => sudo(message),
        _ => pam(message),
    };
    let (user, remote_address, granted) = login?;
    let program = if program.starts_with("sshd") {
        "sshd"
    } else {
        program
    };
    Some(LoginWords {
        program: cut(program),
        user: cut(user),
        remote_address: remote_address.filter(|a| !a.is_empty()).map(cut),
        granted,
    })
}

type Read<'a> = (&'a str, Option<&'a str>, bool);

/// `Failed METHOD for [invalid user ]USER from ADDRESS port N`, `Accepted …`, and
/// `User USER from ADDRESS not allowed because …`. What PAM says beside them is the same attempt.
fn sshd(message: &str) -> Option<Read<'_>> {
    if let Some(rest) = message.strip_prefix("User ")
        && let Some((who, _)) = rest.split_once(" not allowed because ")
    {
        // A name may hold ` from ` itself; the server's own comes last.
        let (user, address) = who.rsplit_once(" from ")?;
        return Some((user, Some(address), false));
    }
    let (granted, rest) = match message.strip_prefix("Accepted ") {
        Some(rest) => (true, rest),
        None => (false, message.strip_prefix("Failed ")?),
    };
    let (_, rest) = divided(rest, b" for ")?;
    let (user, from) = divided_last(rest, b" from ")?;
    let address = divided(from, b" port ").map_or(from, |(address, _)| address);
    Some((
        user.strip_prefix("invalid user ").unwrap_or(user),
        Some(address),
        granted,
    ))
}

/// `USER : [what was wrong ; ]TTY=… ; PWD=… ; USER=… ; COMMAND=…`.
fn sudo(message: &str) -> Option<Read<'_>> {
    let (user, rest) = divided(message.trim_start(), b" : ")?;
    let first = divided(rest, b" ; ").map_or(rest, |(first, _)| first);
    let is_command = ["TTY=", "PWD=", "HOST=", "USER=", "GROUP="];
    if is_command.iter().any(|begin| first.starts_with(begin)) {
        return divided(rest, b"COMMAND=").map(|_| (user, None, true));
    }
    let refused = [
        "incorrect password attempt",
        "NOT in sudoers",
        "NOT authorized",
        "command not allowed",
        "authentication failure",
        "a password is required",
    ];
    refused
        .iter()
        .any(|words| first.contains(words))
        .then_some((user, None, false))
}

/// `pam_unix(SERVICE:auth): authentication failure; … rhost=ADDRESS  user=USER` of programs that
/// say nothing themselves.
fn pam(message: &str) -> Option<Read<'_>> {
    let rest = message.strip_prefix("pam_unix(")?;
    let (_, rest) = rest.split_once(":auth): authentication failure;")?;
    let of = |name: &str| {
        let mut pairs = rest.split_ascii_whitespace();
        pairs.find_map(|pair| pair.strip_prefix(name))
    };
    let user = of("user=").filter(|user| !user.is_empty());
    Some((user.or_else(|| of("logname="))?, of("rhost="), false))
}

/// A message of sudo without the arguments of the command: people type secrets there.
pub(super) fn without_arguments<'a>(program: &str, message: &'a str) -> Cow<'a, str> {
    const MARK: &str = "COMMAND=";
    if program != "sudo" {
        return Cow::Borrowed(message);
    }
    let Some(at) = message.find(MARK) else {
        return Cow::Borrowed(message);
    };
    let (before, command) = message.split_at(at + MARK.len());
    match command.split_once(' ') {
        Some((command, _)) => Cow::Owned(format!("{before}{command} {MASKED}")),
        None => Cow::Borrowed(message),
    }
}
