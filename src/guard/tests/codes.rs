//! One-time codes and recovery codes: the vectors of the RFC, thirty spellings, skew, wrong clocks.

use super::world::{at, totp};
use crate::guard::totp::{
    CodeError, Enrolled, STEP, TotpSecret, Use, check, recovery_code, recovery_hash,
};
use crate::guard::{Memory, Once, OnceError};
use crate::model::proof::Code;
use crate::model::{Actor, Timestamp};

/// RFC 6238, appendix B, SHA-1; the last six of its eight digits.
const VECTORS: [(i64, &str); 6] = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
    (20_000_000_000, "353130"),
];

fn enrolled() -> Enrolled {
    let recovery = (0..10_u8).map(|n| recovery_hash(&recovery_code(&[n; 10])).unwrap());
    Enrolled {
        totp: Some(totp()),
        recovery: recovery.collect(),
    }
}

fn mira() -> Actor {
    "mira".into()
}

#[test]
fn the_vectors_of_rfc_6238_fit() {
    for (seconds, code) in VECTORS {
        let step = u64::try_from(seconds).unwrap() / STEP;
        assert_eq!(totp().code(step).as_str(), code);
        let fits = check(&totp(), code, Timestamp::new(seconds, 0));
        assert_eq!(fits, Ok(step), "{seconds}");
    }
}

/// `005924` in thirty ways that people, telephones and password managers write it.
const SPELLINGS: [&str; 30] = [
    "005924",
    " 005924",
    "005924 ",
    "005 924",
    "00 59 24",
    "0 0 5 9 2 4",
    "005-924",
    "00-59-24",
    "005.924",
    "005,924",
    "005_924",
    "005\u{a0}924",
    "005\u{2009}924",
    "005\u{202f}924",
    "005\u{3000}924",
    "005\t924",
    "005924\n",
    "005924\r\n",
    "005\u{2010}924",
    "005\u{2011}924",
    "005\u{2013}924",
    "005\u{2014}924",
    "005\u{2212}924",
    "005\u{200b}924",
    "\u{feff}005924",
    "\u{202a}005924\u{202c}",
    "００５９２４",
    "００５－９２４",
    "٠٠٥٩٢٤",
    "۰۰۵ ۹۲۴",
];

#[test]
fn thirty_spellings_are_one_code_and_it_is_good_once() {
    let now = Timestamp::new(1_234_567_890, 0);
    let once = Memory::default();
    let mut taken = 0;
    let uses: Vec<Use> = SPELLINGS
        .iter()
        .map(|typed| {
            let fits = enrolled().check(&mira(), &Code::from(*typed), now);
            fits.unwrap_or_else(|error| panic!("{typed:?}: {error}"))
        })
        .collect();
    for uses in &uses {
        assert_eq!(*uses, uses.clone());
        taken += usize::from(once.take(&uses.to_string()).is_ok());
    }
    assert_eq!(taken, 1);
    let distinct: std::collections::BTreeSet<&str> = SPELLINGS.into_iter().collect();
    assert_eq!(distinct.len(), 30);
}

#[test]
fn a_code_fits_one_step_either_way_and_no_further() {
    let step = u64::try_from(at(0).seconds()).unwrap() / STEP;
    let fits = |off: i64| {
        check(
            &totp(),
            &totp().code(step.checked_add_signed(off).unwrap()),
            at(0),
        )
    };
    for off in [-1, 0, 1] {
        assert_eq!(fits(off), Ok(step.checked_add_signed(off).unwrap()));
    }
    for off in [-2, 2, -240, 240] {
        assert!(matches!(fits(off), Err(CodeError::Clock(_))), "{off}");
    }
    for off in [-242, 242, 1000] {
        assert_eq!(fits(off), Err(CodeError::Wrong), "{off}");
    }
}

#[test]
fn a_clock_that_is_off_by_an_hour_is_said_plainly() {
    let an_hour_ago = u64::try_from(at(-3480).seconds()).unwrap() / STEP;
    let said = check(&totp(), &totp().code(an_hour_ago), at(0))
        .unwrap_err()
        .to_string();
    assert!(said.contains("differ by about 58 min"), "{said}");
    assert!(said.contains("this machine is ahead"), "{said}");
    let in_an_hour = u64::try_from(at(3600).seconds()).unwrap() / STEP;
    let said = check(&totp(), &totp().code(in_an_hour), at(0))
        .unwrap_err()
        .to_string();
    assert!(said.contains("60 min (this machine is behind)"), "{said}");
}

#[test]
fn what_is_no_code_is_told_from_a_wrong_one() {
    let said = |typed: &str| {
        enrolled()
            .check(&mira(), &Code::from(typed), at(0))
            .unwrap_err()
    };
    for typed in ["", "  ", "\t"] {
        assert_eq!(said(typed), CodeError::Missing);
    }
    for typed in [
        "12345",
        "1234567",
        "12345a",
        "①②③④⑤⑥",
        "+12345",
        "1e5",
        "0x1234",
        "½12345",
    ] {
        assert_eq!(said(typed), CodeError::Malformed, "{typed}");
    }
    let none = Enrolled::default().check(&mira(), &Code::from("123456"), at(0));
    assert_eq!(none, Err(CodeError::NotEnrolled(mira())));
}

#[test]
fn a_recovery_code_is_read_however_it_is_written_and_good_once() {
    let code = recovery_code(&[7; 10]);
    assert_eq!(code.raw(), "A4DQ-OBYH-A4DQ-OBYH");
    let once = Memory::default();
    for (n, typed) in [
        "A4DQ-OBYH-A4DQ-OBYH",
        "a4dqobyha4dqobyh",
        " A4DQ 08YH a4dq o8yh\n",
    ]
    .into_iter()
    .enumerate()
    {
        let uses = enrolled()
            .check(&mira(), &Code::from(typed), at(0))
            .unwrap();
        assert_eq!(
            uses,
            Use::Recovery {
                hash: recovery_hash(&code).unwrap()
            },
            "{typed}"
        );
        assert_eq!(once.take(&uses.to_string()).is_ok(), n == 0);
    }
    // Nor is it good again after the lines before it were taken out, or under another name.
    let mut edited = enrolled();
    edited.recovery.drain(..3);
    let uses = edited.check(&"noor".into(), &code, at(0)).unwrap();
    assert_eq!(once.take(&uses.to_string()), Err(OnceError::Already));
    let wrong = recovery_code(&[11; 10]);
    assert_eq!(
        enrolled().check(&mira(), &wrong, at(0)),
        Err(CodeError::Wrong)
    );
}

#[test]
fn what_is_used_up_is_named_once_whatever_the_name() {
    let uses = |person: &str, step| {
        let person = person.into();
        Use::Step { person, step }.to_string()
    };
    assert_eq!(uses("mira", 7), "totp 7 \"mira\"");
    assert_ne!(uses("mira", 7), uses("mira\"", 7));
    assert!(!uses("mi\nra", 7).contains('\n'));
}

#[test]
fn secrets_are_twenty_bytes_and_show_themselves_to_nobody() {
    let secret = totp();
    let words = secret.base32();
    assert_eq!(TotpSecret::parse(&words), Ok(secret.clone()));
    let spaced = format!("{} {}==", &words[..16].to_lowercase(), &words[16..]);
    assert_eq!(TotpSecret::parse(&spaced), Ok(secret.clone()));
    for wrong in ["", "GEZDGNBV", "1", &format!("{}A", words.as_str())] {
        assert!(TotpSecret::parse(wrong).is_err(), "{wrong}");
    }
    assert_eq!(format!("{secret:?} {:?}", Code::from("123456")), "… …");
}
