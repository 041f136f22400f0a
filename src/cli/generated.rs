//! Shell completions and the manual page, generated from the commands themselves.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

/// What `completions` takes.
#[derive(clap::Args, Debug)]
pub struct CompletionArgs {
    /// Which shell
    shell: Shell,
}

/// Writes the completions.
///
/// # Errors
/// Where `out` cannot be written.
pub fn completions(args: &CompletionArgs, out: &mut dyn Write) -> io::Result<u8> {
    // Generated into memory first: the generator panics where its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut super::Cli::command(),
        "rotascope",
        &mut script,
    );
    out.write_all(&script)?;
    Ok(0)
}

/// Writes the manual page of the program and of each command.
///
/// # Errors
/// Where `out` cannot be written.
pub fn manual(out: &mut dyn Write) -> io::Result<u8> {
    let command = super::Cli::command();
    clap_mangen::Man::new(command.clone()).render(out)?;
    for sub in command.get_subcommands() {
        let man = clap_mangen::Man::new(
            sub.clone()
                .display_name(format!("rotascope-{}", sub.get_name())),
        );
        man.render_name_section(out)?;
        man.render_synopsis_section(out)?;
        man.render_options_section(out)?;
    }
    Ok(0)
}
