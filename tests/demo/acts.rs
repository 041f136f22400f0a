//! The acts that cure no fault, each from its key to what the engine shows of it.

use crate::driver::{Asks, Demo};

/// A secret of the lab with a grace period; its first rotation is from v1 to v2.
const SECRET: &str = "payments/api-key";

/// A demo without a fault, so many times faster than the world, whose own rotations are over.
fn quiet(scale: &str) -> Demo {
    let mut demo = Demo::at("none", scale);
    demo.wait_for("the rotations", 240, |screen| {
        screen.matches("done").count() >= 2
    });
    demo.select(SECRET);
    demo
}

/// The row of the newest rotation of the secret.
fn row(screen: &str) -> Option<&str> {
    screen
        .lines()
        .find(|line| line.contains(SECRET) && line.contains('▰'))
}

#[test]
fn a_freeze_refuses_every_start_until_it_ends() {
    let mut demo = quiet("3");
    demo.act("Z", "Freeze all rotations", &Asks::Confirm);
    demo.wait_for("the banner", 10, |screen| screen.contains("FROZEN"));
    let rotate = format!("Rotate {SECRET}");
    demo.ask("T", &rotate, &Asks::Confirm);
    demo.wait_for("a plain no", 20, |screen| {
        screen.contains("Failed: rotate") && screen.contains("every start is frozen")
    });
    demo.read("Failed: ");
    demo.act("Y", "End the freeze", &Asks::Confirm);
    demo.wait_for("no banner", 10, |screen| !screen.contains("FROZEN"));
    demo.ask("T", &rotate, &Asks::Confirm);
    demo.wait_for("that it starts", 20, |screen| {
        row(screen).is_some_and(|row| row.contains("v2→v3"))
    });
    demo.leave();
}

#[test]
fn a_rotation_that_gets_nowhere_is_aborted() {
    let mut demo = Demo::start("F3");
    let secret = demo.named("F3", 60);
    demo.act("A", "Abort", &Asks::Name(&secret));
    demo.wait_for("its end", 30, |screen| {
        screen
            .lines()
            .any(|line| line.contains(&secret) && line.contains("aborted"))
    });
    demo.leave();
}

#[test]
fn a_planned_rotation_is_paused_resumed_extended_and_revoked_at_last() {
    // Its grace period is five seconds: no longer than a person needs who looks before he answers.
    let mut demo = quiet("1");
    demo.ask("T", &format!("Rotate {SECRET}"), &Asks::Confirm);
    demo.wait_for("its grace period", 60, |screen| {
        row(screen).is_some_and(|row| row.contains("v2→v3") && row.contains("grace"))
    });
    demo.select_newest("v2→v3");
    demo.act("g", "Extend the grace period", &Asks::Confirm);
    demo.act("P", "Pause the rotation", &Asks::Confirm);
    demo.wait_for("that it is held", 20, |screen| {
        row(screen).is_some_and(|row| row.contains('‖'))
    });
    // What is held stands before its revocation: to let it go on is no small thing.
    demo.act("O", "Resume the rotation", &Asks::Name(SECRET));
    demo.act("X", "Revoke v2", &Asks::NameAndReason(SECRET));
    demo.wait_for("its end", 60, |screen| {
        row(screen).is_some_and(|row| row.contains("done"))
    });
    demo.leave();
}

#[test]
fn an_emergency_leaves_no_grace() {
    let mut demo = quiet("3");
    demo.act("E", "in an emergency", &Asks::NameAndReason(SECRET));
    demo.wait_for("its end", 60, |screen| {
        row(screen).is_some_and(|row| row.contains("v2→v3") && row.contains("done"))
    });
    demo.leave();
}

#[test]
fn a_stage_that_failed_is_retried() {
    let mut demo = Demo::start("F2");
    let secret = demo.named("F2", 120);
    demo.act("x", &secret, &Asks::Confirm);
    demo.healed("F2", 90);
    demo.leave();
}

#[test]
fn a_finding_is_acknowledged_and_silenced() {
    let mut demo = Demo::start("F1");
    demo.named("F1", 60);
    demo.act("K", "Acknowledge", &Asks::Confirm);
    demo.wait_for("who has it", 10, |screen| screen.contains(" has it"));
    demo.act("S", "Silence", &Asks::Confirm);
    demo.wait_for("until when", 10, |screen| screen.contains("silenced by "));
    demo.leave();
}
