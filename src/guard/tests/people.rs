//! The people file, and what is wrong with a wrong one.

use super::world::signer;
use crate::guard::People;

fn key(seed: u8) -> String {
    signer(seed).public().to_string()
}

#[test]
fn a_people_file_says_who_is_who() {
    let text = format!(
        "[[person]]\nname = \"mira\"\nkeys = [\"{}\", \"{}\"]\nroles = [\"approver\"]\n\
         totp = \"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\"\nrecovery = [\"{}\"]\n\
         [[person]]\nname = \"ana\"\nkey = \"{}\"\n",
        key(1),
        key(2),
        "ab".repeat(32),
        key(3)
    );
    let people = People::parse(&text).unwrap();
    let mira = people.by_key(&signer(2).public()).unwrap();
    assert_eq!(
        (mira.name.raw(), mira.roles.as_slice()),
        ("mira", ["approver".to_owned()].as_slice())
    );
    assert_eq!(mira.enrolled.totp, Some(super::world::totp()));
    assert_eq!(mira.enrolled.recovery, [[0xab; 32]]);
    assert!(people.by_name(&"ana".into()).unwrap().enrolled.is_empty());
    assert!(people.by_key(&signer(4).public()).is_none());
    assert!(People::parse("").unwrap().is_empty());
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let ana = format!("[[person]]\nname = \"ana\"\nkey = \"{}\"\n", key(3));
    let cases = [
        (
            "[[person]]\nname = \"x\"\nkeyz = []\n".to_owned(),
            3,
            "keyz",
        ),
        ("[[people]]\n".to_owned(), 1, "people"),
        ("[[person]]\nname = \"x\"\n".to_owned(), 2, "no key"),
        (
            "[[person]]\nname = \" x\"\n".to_owned(),
            2,
            "without spaces",
        ),
        ("[[person]]\nname = \"x\\u202ey\"\n".to_owned(), 2, "hidden"),
        (
            "[[person]]\nname = \"x\"\nkey = \"ed25519:AAAA\"\n".to_owned(),
            3,
            "a key",
        ),
        (
            format!("{ana}[[person]]\nname = \"Ana\"\nkey = \"{}\"\n", key(4)),
            5,
            "given twice",
        ),
        (
            format!("{ana}[[person]]\nname = \"ben\"\nkey = \"{}\"\n", key(3)),
            6,
            "given twice",
        ),
        (format!("{ana}totp = \"123\"\n"), 4, "base32"),
        (format!("{ana}recovery = [\"123\"]\n"), 4, "recovery code"),
        (format!("{ana}roles = [\"\"]\n"), 4, "role"),
        ("[[person]\n".to_owned(), 1, ""),
    ];
    for (text, line, words) in cases {
        let error = People::parse(&text).unwrap_err();
        assert_eq!(error.line, line, "{text}{error}");
        assert!(error.message.contains(words), "{text}{error}");
    }
}
