//! Temporary.
use rotascope::audit::format::vault;
fn main() {
    let all = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let mut n = 0usize;
        for line in all.split(|b| *b == b'\n') {
            if let Ok(e) = vault::entry(line) { n += e.path.raw().len(); }
        }
        let s = t.elapsed().as_secs_f64();
        println!("{n} {:.0} MB/s {:.3}s", all.len() as f64 / s / 1e6, s);
    }
}
