//! The words that the payloads of events have in common, picked out of a payload without writing
//! it down as JSON.

use std::fmt;

use compact_str::CompactString;
use serde::ser::{self, Impossible, Serialize, SerializeStruct, Serializer};

use crate::model::Event;

/// What payloads share for who, what and how.
const NAMES: [&str; 15] = [
    "actor",
    "by",
    "consumer",
    "path",
    "secret",
    "outcome",
    "status",
    "state",
    "phase",
    "remote_addr",
    "error",
    "reason",
    "stage",
    "summary",
    "version",
];

/// The words of a payload, by the names of its members. What is no string is not there.
#[derive(Default)]
pub(super) struct Picked(Vec<(&'static str, CompactString)>);

impl Picked {
    pub(super) fn of(event: &Event) -> Self {
        let mut picked = Self::default();
        // What is no object has nothing to pick.
        let _ = event.data.serialize(Picker(&mut picked));
        picked
    }

    /// The first of these that is a string.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let mut all = self.0.iter();
            all.find(|(named, _)| named == name)
                .map(|(_, words)| words.as_str())
        })
    }
}

/// Takes the members of an object.
struct Picker<'p>(&'p mut Picked);

/// Takes a string.
struct Word;

/// It is nothing that is picked.
#[derive(Debug)]
struct Other;

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing that is picked")
    }
}

impl std::error::Error for Other {}

impl ser::Error for Other {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type No<T> = Impossible<T, Other>;

/// What neither an object nor a word is made of.
macro_rules! refuse {
    ($ok:ty: $($name:ident($($ty:ty),*);)+) => {
        $(fn $name(self, $(_: $ty),*) -> Result<$ok, Other> {
            Err(Other)
        })+
    };
    ($ok:ty; $($name:ident($($ty:ty),*) -> $compound:ident;)+) => {
        type SerializeSeq = No<$ok>;
        type SerializeTuple = No<$ok>;
        type SerializeTupleStruct = No<$ok>;
        type SerializeTupleVariant = No<$ok>;
        type SerializeMap = No<$ok>;
        type SerializeStructVariant = No<$ok>;
        $(fn $name(self, $(_: $ty),*) -> Result<Self::$compound, Other> {
            Err(Other)
        })+
        refuse! {
            $ok:
            serialize_bool(bool);
            serialize_i8(i8);
            serialize_i16(i16);
            serialize_i32(i32);
            serialize_i64(i64);
            serialize_u8(u8);
            serialize_u16(u16);
            serialize_u32(u32);
            serialize_u64(u64);
            serialize_f32(f32);
            serialize_f64(f64);
            serialize_bytes(&[u8]);
            serialize_none();
            serialize_unit();
            serialize_unit_struct(&'static str);
        }
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<$ok, Other> {
            Err(Other)
        }
    };
}

macro_rules! refuse_compounds {
    ($ok:ty) => {
        refuse! {
            $ok;
            serialize_seq(Option<usize>) -> SerializeSeq;
            serialize_tuple(usize) -> SerializeTuple;
            serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
            serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
            serialize_map(Option<usize>) -> SerializeMap;
            serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
        }
    };
}

impl<'p> Serializer for Picker<'p> {
    type Ok = ();
    type Error = Other;
    type SerializeStruct = Picker<'p>;

    refuse_compounds!(());

    fn serialize_char(self, _: char) -> Result<(), Other> {
        Err(Other)
    }

    fn serialize_str(self, _: &str) -> Result<(), Other> {
        Err(Other)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Other> {
        Err(Other)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Other> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Other> {
        value.serialize(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Picker<'p>, Other> {
        Ok(self)
    }
}

impl SerializeStruct for Picker<'_> {
    type Ok = ();
    type Error = Other;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Other> {
        if NAMES.contains(&name)
            && let Ok(word) = value.serialize(Word)
        {
            self.0.0.push((name, word));
        }
        Ok(())
    }

    fn end(self) -> Result<(), Other> {
        Ok(())
    }
}

impl Serializer for Word {
    type Ok = CompactString;
    type Error = Other;
    type SerializeStruct = No<CompactString>;

    refuse_compounds!(CompactString);

    fn serialize_char(self, value: char) -> Result<CompactString, Other> {
        Ok(CompactString::from(value.encode_utf8(&mut [0; 4]) as &str))
    }

    fn serialize_str(self, value: &str) -> Result<CompactString, Other> {
        Ok(CompactString::new(value))
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<CompactString, Other> {
        Ok(CompactString::new(variant))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<CompactString, Other> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<CompactString, Other> {
        value.serialize(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<No<CompactString>, Other> {
        Err(Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every event of a recording against its payload as JSON.
    #[test]
    fn what_is_picked_is_what_stands_in_the_payload() {
        let recorded = include_str!("../../../fixtures/incidents/first-night/events.jsonl");
        let mut picked = 0;
        for line in recorded.lines() {
            let event = Event::from_json(line.as_bytes()).unwrap();
            let data = serde_json::to_value(&event.data).unwrap();
            let words = Picked::of(&event);
            for name in NAMES {
                let written = data.get(name).and_then(serde_json::Value::as_str);
                assert_eq!(words.first(&[name]), written, "{name} of {line}");
                picked += usize::from(written.is_some());
            }
        }
        assert!(picked > 500, "{picked}");
    }
}
