//! What is picked is what serde reads.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::audit::format::testing::damaged;

#[derive(Default, Deserialize)]
struct Sample<'a> {
    #[serde(borrow)]
    a: Once<Words<'a>>,
    #[serde(borrow)]
    b: Once<Words<'a>>,
    #[serde(borrow, default, deserialize_with = "object")]
    part: Once<Inner<'a>>,
    #[serde(borrow, default, deserialize_with = "object_or_odd")]
    odd: Once<Option<Inner<'a>>>,
}

#[derive(Default, Deserialize)]
struct Inner<'a> {
    #[serde(borrow)]
    c: Once<Words<'a>>,
    #[serde(borrow, default, deserialize_with = "object")]
    deep: Once<Deep<'a>>,
}

#[derive(Default, Deserialize)]
struct Deep<'a> {
    #[serde(borrow)]
    d: Once<Words<'a>>,
}

impl<'a> Members<'a> for Sample<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "a" => json.words(&mut self.a),
            "b" => json.words(&mut self.b),
            "part" => json.part(&mut self.part),
            "odd" => json.part_or_odd(&mut self.odd),
            _ => json.skip(),
        }
    }
}

impl<'a> Members<'a> for Inner<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "c" => json.words(&mut self.c),
            "deep" => json.part(&mut self.deep),
            _ => json.skip(),
        }
    }
}

impl<'a> Members<'a> for Deep<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        match name {
            "d" => json.words(&mut self.d),
            _ => json.skip(),
        }
    }
}

/// All of what was read.
fn all(some: &Sample<'_>) -> Vec<Option<String>> {
    let words = |once: &Once<Words<'_>>| once.as_ref().map(|words| words.0.to_string());
    let inner = |inner: Option<&Inner<'_>>| {
        let deep = inner.and_then(|inner| inner.deep.as_ref());
        let here = |is_here: bool| is_here.then(String::new);
        [
            here(inner.is_some()),
            inner.and_then(|inner| words(&inner.c)),
            here(deep.is_some()),
            deep.and_then(|deep| words(&deep.d)),
        ]
    };
    let odd = some.odd.as_ref();
    let mut all = vec![words(&some.a), words(&some.b), odd.map(|_| String::new())];
    all.extend(inner(some.part.as_ref()));
    all.extend(inner(odd.and_then(Option::as_ref)));
    all
}

fn picked(words: &str) -> Option<Sample<'_>> {
    let mut sample = Sample::default();
    pick(words, &mut sample).map(|()| sample)
}

const RECORDS: &[&str] = &[
    r#"{"a":"x","part":{"c":7,"deep":{"d":"\u0026y"},"zz":[1.5,{"c":"no"}]},"odd":{"c":true},"b":-12}"#,
    r#" { "zz" : {"a":[[],{}]} , "odd" : 7 , "a" : null , "part" : null , "b" : "more than sixteen bytes \" of it" } "#,
    r#"{"part":{},"odd":null,"zz":"","b":"é","a":"twice sixteen plain bytes and more"}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn what_is_picked_serde_reads_and_the_same(words in damaged(RECORDS)) {
        if let Some(picked) = picked(&words) {
            let read: Sample<'_> = serde_json::from_str(&words).unwrap();
            prop_assert_eq!(all(&picked), all(&read), "{}", words);
        }
    }

    #[test]
    fn what_is_plain_ends_where_it_does(text in prop::collection::vec(prop_oneof![
        9 => any::<u8>(),
        1 => prop::sample::select(b"\"\\\n".to_vec()),
    ], 0..70)) {
        let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
        prop_assert_eq!(plain(&text), text.iter().position(is_stop).unwrap_or(text.len()));
    }
}

#[test]
fn what_is_usual_is_picked() {
    for record in RECORDS {
        assert!(picked(record).is_some(), "{record}");
    }
    let words = r#"{"a":"\"\u00e9","b":-12,"odd":[],"zz":[1,-2.5,true,false,null,"\ud7ff"]}"#;
    let picked = picked(words).unwrap();
    assert_eq!(picked.a.as_ref().unwrap().0, "\"\u{e9}");
    assert_eq!(picked.b.as_ref().unwrap().0, "-12");
    assert!(matches!(*picked.odd, Some(None)));
    assert!(!picked.part.is_told);
}

#[test]
fn what_is_odd_is_left_to_serde() {
    for record in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":null,"a":2}"#,
        r#"{"part":7,"part":{}}"#,
        r#"{"odd":{"c":1,"c":2}}"#,
        r#"{"\u0061":1}"#,
        r#"{"a":{}}"#,
        r#"{"a":-0}"#,
        r#"{"a":1.0}"#,
        r#"{"a":1234567890123456789}"#,
        r#"{"zz":"\ud800"}"#,
        r#"{"zz":01}"#,
        r#"{"zz":1e9}"#,
        r#"{"zz":[1,]}"#,
        "{\"zz\":\"\t\"}",
        r#"{"zz":1}}"#,
        r#"["x","y",{},{}]"#,
        "",
    ] {
        assert!(picked(record).is_none(), "{record}");
    }
    let nested = |depth| format!(r#"{{"zz":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(picked(&nested(60)).is_some());
    assert!(picked(&nested(100_000)).is_none());
}
