//! Settings, keymap and theme that change under the running program.

use super::{Bench, Effect, rich};
use crate::ui::{Changed, Keymap, Message, Theme, update};

fn tell(bench: &mut Bench, changed: Changed) {
    let _ = update(&mut bench.cockpit, Message::Changed(Box::new(changed)));
}

fn keymap(words: &str) -> Changed {
    Changed {
        keymap: Some(Keymap::parse("mine", words).unwrap()),
        ..Changed::default()
    }
}

#[test]
fn a_new_keymap_and_a_new_theme_count_from_the_next_key_and_frame() {
    let mut bench = Bench::new(80, 24, rich::night());
    let before = bench.picture();
    tell(&mut bench, keymap("extends = \"vim\"\nquit = \"Q\""));
    assert!(
        bench
            .text()
            .contains("Read anew: settings, keymap mine, theme")
    );
    assert_eq!(bench.press("q"), []);
    assert_eq!(bench.press("Q"), [Effect::Quit]);
    let theme = Changed {
        theme: Theme::built_in("light"),
        local: Some(true),
        ..Changed::default()
    };
    tell(&mut bench, theme);
    bench.press("j");
    assert!(bench.text().contains("04:12:40 +01:00"), "{}", bench.text());
    assert_ne!(bench.picture().lines().last(), before.lines().last());
}

#[test]
fn half_a_sequence_of_the_old_keymap_is_none_of_the_new_one() {
    let mut bench = Bench::with_keymap(80, 24, rich::night(), "vim");
    bench.press("g");
    tell(&mut bench, keymap("extends = \"default\""));
    bench.press("j");
    assert!(!bench.text().contains("gj"));
}

#[test]
fn what_is_wrong_stands_below_every_screen_until_it_is_mended() {
    let mut bench = Bench::new(80, 24, rich::night());
    let wrong = Changed {
        wrong: vec![
            "keymaps/mine.toml:2: no command is called `qiut`; did you mean `quit`?".into(),
        ],
        ..Changed::default()
    };
    tell(&mut bench, wrong);
    for keys in ["", "7", "?"] {
        bench.press(keys);
        let text = bench.text();
        assert!(
            text.contains("keymaps/mine.toml:2: no command is called `qiut`"),
            "{text}"
        );
    }
    assert_eq!(bench.press("q"), [Effect::Quit], "the old keys still count");
    insta::assert_snapshot!(bench.picture());
    tell(&mut bench, Changed::default());
    assert!(bench.text().contains("What was wrong is mended"));
    bench.press("j");
    assert!(!bench.text().contains("qiut"));
}
