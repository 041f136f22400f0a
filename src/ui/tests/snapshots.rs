//! What the screens look like. Read a changed picture before you accept it.

use super::{Bench, debug, inventory, rich};

macro_rules! pictures {
    ($($name:ident: $columns:literal x $rows:literal, $state:expr, $keys:literal;)+) => {$(
        #[test]
        fn $name() {
            let mut bench = Bench::new($columns, $rows, $state);
            bench.press($keys);
            insta::assert_snapshot!(bench.picture());
        }
    )+};
}

pictures! {
    on_call_200x50: 200 x 50, rich::night(), "";
    on_call_80x24: 80 x 24, rich::night(), "";
    on_call_40x15: 40 x 15, rich::night(), "";
    on_call_empty_200x50: 200 x 50, rich::nothing(), "";
    on_call_empty_80x24: 80 x 24, rich::nothing(), "";
    on_call_empty_40x15: 40 x 15, rich::nothing(), "";
    found_200x50: 200 x 50, rich::found(), "";
    found_80x24: 80 x 24, rich::found(), "";
    found_40x15: 40 x 15, rich::found(), "";
    why_200x50: 200 x 50, rich::found(), "e";
    why_80x24: 80 x 24, rich::found(), "e";
    why_80x24_below: 80 x 24, rich::found(), "e page-down";
    why_40x15: 40 x 15, rich::found(), "e";
    why_40x15_below: 40 x 15, rich::found(), "e down down down page-down";
    detail_80x24: 80 x 24, rich::night(), "enter";
    detail_consumers_80x24: 80 x 24, rich::night(), "enter page-down";
    detail_audit_80x24: 80 x 24, rich::night(), "enter end";
    inventory_200x50: 200 x 50, inventory::secrets(), "7";
    inventory_80x24: 80 x 24, inventory::secrets(), "7";
    inventory_40x15: 40 x 15, inventory::secrets(), "7";
    inventory_empty_200x50: 200 x 50, rich::nothing(), "7";
    inventory_empty_80x24: 80 x 24, rich::nothing(), "7";
    inventory_filter_80x24: 80 x 24, inventory::secrets(), "7 / mail";
    secret_200x50: 200 x 50, inventory::secrets(), "7 / mail enter enter";
    secret_80x24: 80 x 24, inventory::secrets(), "7 / mail enter enter";
    secret_40x15: 40 x 15, inventory::secrets(), "7 / mail enter enter";
    debug_200x50: 200 x 50, debug::latencies(), "8";
    debug_80x24: 80 x 24, debug::latencies(), "8";
    debug_errors_80x24: 80 x 24, debug::latencies(), "8 tab";
    debug_40x15: 40 x 15, debug::latencies(), "8";
    debug_empty_200x50: 200 x 50, rich::nothing(), "8";
    debug_empty_80x24: 80 x 24, rich::nothing(), "8";
    backends_80x24: 80 x 24, rich::night(), "2";
    rejected_80x24: 80 x 24, rich::night(), "3";
    help_80x24: 80 x 24, rich::night(), "?";
    palette_80x24: 80 x 24, rich::night(), ": pay";
    seek_80x24: 80 x 24, rich::night(), "t 03:08";
    too_small_39x14: 39 x 14, rich::night(), "";
}
