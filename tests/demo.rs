//! The demo through the whole program: each fault is broken in a real lab, shows itself on the
//! screen, is named, and is cured by the act that the screen suggests. Real sockets behind, real
//! keys in front.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::pty::Terminal;

/// The lab runs this many times faster than the world.
const SCALE: &str = "3";

/// Longer than a question has to stand before it takes an answer.
fn look_at_it() {
    thread::sleep(Duration::from_millis(700));
}

/// What is asked before an act is done.
enum Asks<'a> {
    /// One confirming key.
    Confirm,
    /// The secret's name.
    Name(&'a str),
    /// The secret's name and a reason.
    NameAndReason(&'a str),
}

struct Demo {
    terminal: Terminal,
    began: Instant,
}

impl Demo {
    fn start(fault: &str) -> Self {
        let args = [
            "demo",
            "--fault",
            fault,
            "--services",
            "4",
            "--time-scale",
            SCALE,
        ];
        Self {
            terminal: Terminal::start(&args, 160, 50),
            began: Instant::now(),
        }
    }

    /// Waits, longer than a key's answer takes; the lab's time goes by.
    fn wait_for(&mut self, what: &str, seconds: u64, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until && !wanted(&self.terminal.text()) {
            thread::sleep(Duration::from_millis(50));
        }
        self.terminal.wait_for(what, wanted)
    }

    /// Waits until the mode leads the headline, and says about whose secret it is.
    fn named(&mut self, mode: &str, within: u64) -> String {
        let row = |screen: &str| {
            let lines = screen.lines().skip_while(|l| !l.contains("── Findings"));
            let mut rows = lines.skip(1).take_while(|l| !l.starts_with("──"));
            rows.find(|l| {
                l.trim_start_matches(['▌', ' ']).starts_with(mode) && !l.contains("healed")
            })
            .map(str::to_owned)
        };
        let screen = self.wait_for("the finding", within, |screen| row(screen).is_some());
        let after = self.began.elapsed();
        let row = row(&screen).unwrap();
        let secret = row
            .split_whitespace()
            .find(|word| word.contains('/'))
            .unwrap_or_else(|| panic!("no secret in {row}"))
            .to_owned();
        assert!(after < Duration::from_secs(within), "named after {after:?}");
        secret
    }

    /// Goes to the rotation of a secret, so that acts are about it.
    fn select(&mut self, secret: &str) {
        self.terminal.press("/");
        self.terminal.press(secret);
        self.terminal.press("\r");
        self.terminal.wait_for("the row", |screen| {
            screen
                .lines()
                .any(|l| l.starts_with('▌') && l.contains(secret) && l.contains('▰'))
        });
    }

    /// Does an act, and waits until the engine shows its effect. Where the rotation moves under
    /// the question, it is asked anew and answered anew.
    fn act(&mut self, key: &str, title: &str, asks: &Asks<'_>) {
        for _ in 0..4 {
            self.terminal.press(key);
            self.terminal.wait_for("the question", |screen| {
                screen.contains(title) && screen.contains("▸ Cancel ◂")
            });
            look_at_it();
            if self.answer(asks) {
                self.wait_for("the outcome", 60, |screen| screen.contains("Done: "));
                self.terminal.press("\u{1b}");
                self.terminal
                    .wait_for("that it was read", |screen| !screen.contains("Done: "));
                return;
            }
            self.terminal.press("\u{1b}");
            self.terminal
                .wait_for("no question", |screen| !screen.contains(" Cancel "));
        }
        panic!("it was asked anew each time:\n{}", self.terminal.text());
    }

    /// Answers the question on the screen; false where it was asked anew meanwhile.
    fn answer(&mut self, asks: &Asks<'_>) -> bool {
        let back = "\u{1b}[Z";
        match asks {
            Asks::Confirm => {}
            Asks::Name(name) => self.terminal.press(&format!("{back}{name}\t")),
            Asks::NameAndReason(name) => {
                let keys = format!("{back}the lab leaks{back}{name}\t\t");
                self.terminal.press(&keys);
            }
        }
        self.terminal.press("\t");
        look_at_it();
        let screen = self.terminal.text();
        if screen.contains("▸ Cancel ◂") || screen.contains("look again") {
            return false;
        }
        self.terminal.press("\r");
        true
    }

    /// Waits until the finding of a mode has healed.
    fn healed(&mut self, mode: &str, within: u64) -> String {
        self.wait_for("that it healed", within, |screen| {
            screen.lines().any(|line| {
                line.trim_start_matches(['▌', ' ']).starts_with(mode) && line.contains("healed")
            })
        })
    }

    fn leave(mut self) {
        self.terminal.press("q");
        assert_eq!(self.terminal.end(), 0);
    }
}

#[test]
fn f1_clients_that_need_a_restart_are_pushed_to_again() {
    let mut demo = Demo::start("F1");
    let secret = demo.named("F1", 60);
    let screen = demo.terminal.text();
    let refused = screen.lines().any(|l| l.contains('✗') && l.contains(" %"));
    assert!(refused, "no service is refused in\n{screen}");
    demo.act("p", &format!("of {secret} again"), &Asks::Confirm);
    demo.healed("F1", 60);
    demo.leave();
}

#[test]
fn f2_a_region_that_was_cut_off_is_retried() {
    let mut demo = Demo::start("F2");
    let secret = demo.named("F2", 120);
    demo.act("l", &format!("for {secret}"), &Asks::Confirm);
    demo.healed("F2", 60);
    demo.leave();
}

#[test]
fn f3_a_throttled_rotation_is_slowed_down() {
    let mut demo = Demo::start("F3");
    let secret = demo.named("F3", 60);
    demo.act("s", &secret, &Asks::Confirm);
    demo.healed("F3", 120);
    demo.leave();
}

#[test]
fn f4_a_version_that_was_revoked_too_early_is_reissued() {
    let mut demo = Demo::start("F4");
    let secret = demo.named("F4", 60);
    demo.act("U", &secret, &Asks::Name(&secret));
    demo.healed("F4", 60);
    demo.leave();
}

#[test]
fn f5_a_leak_is_masked_and_the_secret_rotated() {
    let mut demo = Demo::start("F5");
    let secret = demo.named("F5", 60);
    demo.act("m", &secret, &Asks::Confirm);
    demo.act("E", &secret, &Asks::NameAndReason(&secret));
    demo.healed("F5", 90);
    demo.leave();
}

#[test]
fn f6_a_format_that_nobody_can_read_is_rolled_back() {
    let mut demo = Demo::start("F6");
    let secret = demo.named("F6", 60);
    demo.act("R", &secret, &Asks::Name(&secret));
    demo.healed("F6", 60);
    demo.leave();
}

#[test]
fn f7_a_stale_cache_is_invalidated() {
    let mut demo = Demo::start("F7");
    let secret = demo.named("F7", 60);
    demo.act("i", &secret, &Asks::Name(&secret));
    demo.healed("F7", 60);
    demo.leave();
}

#[test]
fn f8_an_audit_trail_that_is_missing_is_delivered_again() {
    let mut demo = Demo::start("F8");
    let secret = demo.named("F8", 120);
    demo.select(&secret);
    demo.act("b", "audit sink", &Asks::Confirm);
    demo.act("B", "audit", &Asks::Confirm);
    demo.healed("F8", 90);
    demo.leave();
}

#[test]
fn without_a_fault_nothing_is_found() {
    let mut demo = Demo::start("none");
    demo.wait_for("the rotations", 60, |screen| {
        screen.matches("done").count() >= 2
    });
    let screen = demo.terminal.text();
    assert!(!screen.contains("Findings"), "{screen}");
    demo.leave();
}
