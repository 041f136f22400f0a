//! Draws README's picture from the program itself: `scripts/picture` runs this test, which opens
//! the cockpit on first-night in a pseudo-terminal and writes what it shows as SVG.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::fmt::Write as _;

use support::pty::Terminal;

const COLUMNS: u16 = 120;
const ROWS: u16 = 36;
/// The size of a cell, in SVG units, for a monospaced font of 14.
const CELL: (f64, f64) = (8.43, 18.0);

#[test]
#[ignore = "writes docs/cockpit.svg; run by scripts/picture"]
fn draw_the_cockpit() {
    let night = support::first_night();
    let args = [
        "replay",
        "--paused",
        "--at",
        "2026-11-14T03:12:48Z",
        &night.to_string_lossy(),
    ];
    let mut terminal = Terminal::start(&args, COLUMNS, ROWS);
    terminal.wait_for("the moment", |screen| {
        screen.contains("03:12:48") && !screen.contains("reading") && !screen.contains("diagnosing")
    });
    let svg = terminal.with_screen(svg);
    std::fs::write(support::root().join("docs/cockpit.svg"), svg).unwrap();
}

fn svg(screen: &vt100::Screen) -> String {
    let (width, height) = (
        f64::from(COLUMNS) * CELL.0 + 24.0,
        f64::from(ROWS) * CELL.1 + 24.0,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace,SFMono-Regular,Menlo,DejaVu Sans Mono,monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#16181d\"/>\n"
    );
    for row in 0..ROWS {
        let mut column = 0;
        while column < COLUMNS {
            let Some(cell) = screen.cell(row, column) else {
                break;
            };
            let look = (
                colour(cell.fgcolor(), "#d4d7dd"),
                colour(cell.bgcolor(), ""),
                cell.bold(),
                cell.dim(),
                cell.inverse(),
            );
            let start = column;
            let mut words = String::new();
            while let Some(next) = screen.cell(row, column) {
                if (
                    colour(next.fgcolor(), "#d4d7dd"),
                    colour(next.bgcolor(), ""),
                    next.bold(),
                    next.dim(),
                    next.inverse(),
                ) != look
                {
                    break;
                }
                if !next.is_wide_continuation() {
                    words.push_str(if next.has_contents() {
                        next.contents()
                    } else {
                        " "
                    });
                }
                column += 1;
            }
            run(&mut out, row, start, column - start, &words, &look);
        }
    }
    out.push_str("</svg>\n");
    out
}

type Look = (String, String, bool, bool, bool);

fn run(out: &mut String, row: u16, column: u16, cells: u16, words: &str, look: &Look) {
    let (x, y) = (
        12.0 + f64::from(column) * CELL.0,
        12.0 + f64::from(row) * CELL.1,
    );
    let (mut ink, mut paper) = (look.0.clone(), look.1.clone());
    if look.4 {
        (ink, paper) = (
            if paper.is_empty() {
                "#16181d".to_owned()
            } else {
                paper
            },
            ink,
        );
    }
    let width = f64::from(cells) * CELL.0;
    if !paper.is_empty() {
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{paper}\"/>",
            CELL.1
        );
    }
    if words.trim().is_empty() {
        return;
    }
    let weight = if look.2 { " font-weight=\"bold\"" } else { "" };
    let faint = if look.3 { " opacity=\"0.6\"" } else { "" };
    let escaped = words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" xml:space=\"preserve\" fill=\"{ink}\"{weight}{faint}>{escaped}</text>",
        y + 13.5
    );
}

fn colour(colour: vt100::Color, default: &str) -> String {
    const NAMED: [&str; 16] = [
        "#2b2e36", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d4d7dd",
        "#6b7280", "#ff7b86", "#b5e08f", "#ffd98a", "#82c4ff", "#dd9af0", "#76d6e2", "#ffffff",
    ];
    match colour {
        vt100::Color::Default => default.to_owned(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        vt100::Color::Idx(n) if n < 16 => NAMED[usize::from(n)].to_owned(),
        vt100::Color::Idx(n) if n >= 232 => {
            let grey = 8 + 10 * u32::from(n - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
        vt100::Color::Idx(n) => {
            let level = |v: u8| if v == 0 { 0 } else { 55 + 40 * u32::from(v) };
            let n = n - 16;
            format!(
                "#{:02x}{:02x}{:02x}",
                level(n / 36),
                level(n / 6 % 6),
                level(n % 6)
            )
        }
    }
}
