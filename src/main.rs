//! The `rotascope` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rotascope::cli::main()
}
