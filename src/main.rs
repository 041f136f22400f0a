//! tmp
use clap::Parser;
#[derive(Parser)]
enum Cli { Audit(rotascope::cli::audit::Args) }
fn main() -> std::process::ExitCode {
    let Cli::Audit(args) = Cli::parse();
    let mut out = std::io::stdout().lock();
    let mut err = std::io::stderr().lock();
    match rotascope::cli::audit::run(&args, &mut out, &mut err) { Ok(n) => n.into(), Err(_) => 1.into() }
}
