//! Files that only their owner may read: tokens.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::complaint::Complaint;

/// Reads a file of tokens.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, Complaint> {
    let cannot = || Complaint::new(format!("the token file {} cannot be read", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| cannot().because(error))?;
    let text = Zeroizing::new(text);
    if is_open(path).map_err(|error| cannot().because(error))? {
        return Err(Complaint::new(format!(
            "the token file {} can be read by others",
            path.display()
        ))
        .next(format!(
            "run chmod 600 {}, and make new tokens",
            path.display()
        )));
    }
    Ok(text)
}

/// The token of a file that holds one: the last word of its first line that is no comment. A
/// server's own file, with scopes before the token, will do as well.
pub(super) fn token(path: &Path) -> Result<Zeroizing<String>, Complaint> {
    let text = read(path)?;
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    line.and_then(|line| line.split_whitespace().last())
        .map(|token| Zeroizing::new(token.to_owned()))
        .ok_or_else(|| Complaint::new(format!("{} holds no token", path.display())))
}

/// Makes a token file where there is none, for all scopes; gives what it holds.
pub(super) fn make(path: &Path) -> Result<Zeroizing<String>, Complaint> {
    if path.exists() {
        return read(path);
    }
    let cannot = || Complaint::new(format!("the token file {} cannot be made", path.display()));
    let mut bytes = Zeroizing::new([0_u8; 32]);
    SysRng
        .try_fill_bytes(bytes.as_mut_slice())
        .map_err(|_| cannot().next("the system gives no randomness"))?;
    let mut line = Zeroizing::new(String::from("read,consumer,act "));
    for byte in bytes.iter() {
        let _ = write!(line, "{byte:02x}");
    }
    line.push('\n');
    write(path, &line).map_err(|error| cannot().because(error))?;
    Ok(line)
}

fn write(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn is_open(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_path: &Path) -> io::Result<bool> {
    Ok(false)
}
