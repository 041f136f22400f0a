//! Asks for a passphrase at the terminal, without showing it, before the screen opens.

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::config::identity::Ask;

/// Asks at the process's terminal; `None` where there is none, or nothing was typed.
#[cfg(unix)]
pub(super) fn ask(what: &Ask) -> Option<SecretString> {
    terminal::ask(what)
}

/// Asks for a line at the process's terminal, shown or not; `None` where there is none, or it is
/// given up.
#[cfg(unix)]
pub(super) fn line(words: &str, is_shown: bool) -> Option<Zeroizing<String>> {
    terminal::line(words, is_shown)
}

/// There is no terminal that can be asked.
#[cfg(not(unix))]
pub(super) fn line(_words: &str, _is_shown: bool) -> Option<Zeroizing<String>> {
    None
}

/// There is no terminal that can be asked.
#[cfg(not(unix))]
pub(super) fn ask(_what: &Ask) -> Option<SecretString> {
    None
}

#[cfg(unix)]
mod terminal {
    use std::fs::{File, OpenOptions};
    use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};

    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    };
    use secrecy::{ExposeSecret as _, SecretString};
    use zeroize::Zeroizing;

    use crate::config::identity::Ask;

    /// The longest passphrase, in bytes.
    const LONGEST: usize = 1024;

    /// So often a new passphrase may be typed in two ways.
    const TRIES: usize = 3;

    pub(super) fn line(words: &str, is_shown: bool) -> Option<Zeroizing<String>> {
        let mut options = OpenOptions::new();
        let mut terminal = options.read(true).write(true).open("/dev/tty").ok()?;
        if !is_shown {
            let typed = read(&mut terminal, words).ok()?;
            return Some(Zeroizing::new(typed.expose_secret().to_owned()));
        }
        write!(terminal, "{words}").ok()?;
        // What was typed before the question was asked is no answer to it.
        let as_it_is = tcgetattr(&terminal).ok()?;
        tcsetattr(&terminal, OptionalActions::Flush, &as_it_is).ok()?;
        let mut typed = Zeroizing::new(String::new());
        let read = BufReader::new(terminal.take(LONGEST as u64)).read_line(&mut typed);
        read.ok().filter(|bytes| *bytes > 0)?;
        Some(Zeroizing::new(
            typed.trim_end_matches(['\n', '\r']).to_owned(),
        ))
    }

    pub(super) fn ask(what: &Ask) -> Option<SecretString> {
        let mut terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .ok()?;
        match what {
            Ask::Open(path) => {
                let words = format!("Passphrase of {}: ", path.display());
                read(&mut terminal, &words).ok()
            }
            Ask::Make(path) => make(&mut terminal, &path.display().to_string()).ok()?,
        }
    }

    fn make(terminal: &mut File, path: &str) -> io::Result<Option<SecretString>> {
        write!(
            terminal,
            "You have no key yet, and no keyring to keep one. It can be kept in the encrypted file \
             {path}.\nWithout a passphrase it is for this session alone.\n"
        )?;
        for _ in 0..TRIES {
            let first = read(terminal, "New passphrase: ")?;
            if first.expose_secret().is_empty() {
                return Ok(None);
            }
            let second = read(terminal, "Once more: ")?;
            if first.expose_secret() == second.expose_secret() {
                return Ok(Some(first));
            }
            writeln!(terminal, "The two differ.")?;
        }
        Ok(None)
    }

    /// Reads a line that is not shown. Control-C and control-D give an empty one.
    fn read(terminal: &mut File, words: &str) -> io::Result<SecretString> {
        let before = tcgetattr(&*terminal)?;
        let mut silent = before.clone();
        // Without signals, so that nothing ends the program while nothing is shown.
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question was asked is no answer to it.
        tcsetattr(&*terminal, OptionalActions::Flush, &silent)?;
        let _restore = Restore(terminal.try_clone()?, before);
        write!(terminal, "{words}")?;
        let line = typed(terminal);
        writeln!(terminal)?;
        line
    }

    fn typed(terminal: &mut File) -> io::Result<SecretString> {
        let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
        let mut read = Zeroizing::new([0_u8; 1]);
        while terminal.read(read.as_mut_slice())? == 1 {
            let [byte] = *read;
            match byte {
                b'\n' | b'\r' => break,
                3 | 4 => return Ok(SecretString::from("")),
                8 | 0x7f => {
                    // A whole character, not one of its bytes.
                    while line.pop().is_some_and(|gone| gone & 0xc0 == 0x80) {}
                }
                // Control-U
                21 => line.clear(),
                byte if line.len() < LONGEST => line.push(byte),
                _ => {}
            }
        }
        let words = std::str::from_utf8(&line)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))?;
        Ok(SecretString::from(words))
    }

    /// Gives the terminal back as it was.
    struct Restore(File, Termios);

    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = tcsetattr(&self.0, OptionalActions::Flush, &self.1);
        }
    }
}
