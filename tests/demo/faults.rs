//! Each fault is broken in a real lab, shows itself on the screen, is named, and is cured by the act
//! that the screen suggests.

use crate::driver::{Asks, Demo};

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
