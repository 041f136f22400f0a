//! tmp
use std::io::{self, Write};
use std::path::PathBuf;
/// tmp
#[derive(clap::Args, Debug)]
pub struct Args {
    /// paths
    paths: Vec<PathBuf>,
}
/// tmp
/// # Errors
/// io
pub fn run(args: &Args, out: &mut dyn Write, _err: &mut dyn Write) -> io::Result<u8> {
    let opened = crate::audit::open(&args.paths, &crate::audit::Options::default()).map_err(io::Error::other)?;
    let mut d = crate::audit::derive::Derivation::new(crate::audit::identity::IdentityRules::default());
    let mut ev = Vec::new();
    for s in opened { d.feed(&s.merged, &mut |e| ev.push(e)); for e in ev.drain(..) { writeln!(out, "{}", e.to_json().map_err(io::Error::other)?)?; } }
    d.finish(&mut |e| ev.push(e));
    for e in ev.drain(..) { writeln!(out, "{}", e.to_json().map_err(io::Error::other)?)?; }
    Ok(0)
}
