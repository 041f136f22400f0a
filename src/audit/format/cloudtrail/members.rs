//! The members of a record's parameters and answer that are kept, and how they are found without
//! holding what stands beside them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::audit::record::Said;
use crate::model::Text;

/// The members of an object, unread, as they stand: they are few, and each is asked for by a few
/// names, which costs less than a table of them.
#[derive(Default)]
pub(super) struct Members<'a>(Vec<(Key<'a>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Those of a value; none where it is no object.
    pub(super) fn of(value: Option<&'a RawValue>) -> Self {
        let read = value.map(Self::deserialize);
        read.and_then(Result::ok).unwrap_or_default()
    }

    /// What stands under a name: the last where it is written more than once.
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rfind(|(key, _)| key.0 == name);
        found.map(|(_, value)| *value)
    }

    /// The object under a name.
    pub(super) fn inner(&self, name: &str) -> Members<'a> {
        Members::of(self.get(name))
    }

    /// The string under a name.
    pub(super) fn string(&self, name: &str) -> Option<Text> {
        self.get(name).and_then(string)
    }

    /// The string, number or truth value under a name; of a list its strings with commas between.
    fn words(&self, name: &str) -> Option<Text> {
        let value = self.get(name)?;
        scalar(value).or_else(|| {
            let list: Vec<&RawValue> = Deserialize::deserialize(value).ok()?;
            let strings: Vec<Text> = list.into_iter().filter_map(string).collect();
            let strings: Vec<&str> = strings.iter().map(Text::raw).collect();
            Some(Text::from(strings.join(",")))
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A name, borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A string.
pub(super) fn string(value: &RawValue) -> Option<Text> {
    Text::deserialize(value).ok()
}

/// A string, a number or a truth value, in words.
pub(super) fn scalar(value: &RawValue) -> Option<Text> {
    match value.get().as_bytes().first()? {
        b'"' => string(value),
        b'{' | b'[' | b'n' => None,
        _ => Some(Text::from(value.get())),
    }
}

/// The parts of a record in which names stand.
pub(super) struct Parts<'a> {
    pub(super) request_id: Option<&'a RawValue>,
    pub(super) parameters: Members<'a>,
    pub(super) answer: Option<&'a RawValue>,
    pub(super) additional: Members<'a>,
    pub(super) details: Option<&'a RawValue>,
    pub(super) resources: Option<&'a RawValue>,
}

impl Parts<'_> {
    /// The ARN of the first resource.
    fn first_resource(&self) -> Option<Text> {
        let list: Vec<&RawValue> = Deserialize::deserialize(self.resources?).ok()?;
        let first = Members::of(list.first().copied());
        first.string("ARN").or_else(|| first.string("arn"))
    }
}

/// What the call was about: the secret, else the first thing that is named, else what the error
/// names.
pub(super) fn resource(parts: &Parts<'_>, error: Option<&Text>) -> Option<Text> {
    const NAMES: [&str; 10] = [
        "name",
        "roleName",
        "userName",
        "functionName",
        "bucketName",
        "keyId",
        "roleArn",
        "instanceId",
        "groupId",
        "path",
    ];
    let parameters = &parts.parameters;
    parameters
        .string("secretId")
        .or_else(|| parts.additional.string("SecretId"))
        .or_else(|| parts.additional.string("ARN"))
        .or_else(|| parts.first_resource())
        .or_else(|| NAMES.iter().find_map(|name| parameters.string(name)))
        .or_else(|| refused(error?.raw()))
}

/// The resource that an error names. AWS writes `… is not authorized to perform: ACTION on
/// resource: NAME because …`, and begins with the ARN where it is the resource that is at fault.
fn refused(error: &str) -> Option<Text> {
    let rest = match error.split_once("on resource: ") {
        Some((_, rest)) => rest,
        None if error.starts_with("arn:") => error,
        None => return None,
    };
    let name = rest.split_whitespace().next()?;
    let name = name
        .trim_matches(['"', '\'', '`'])
        .trim_end_matches(['.', ',', ';']);
    (!name.is_empty() && name != "*").then(|| Text::from(name))
}

/// A place where a name stands: the objects that lead to it, and its own name.
type Place = (Said, &'static [&'static str], &'static str);

const ASKED: [(Said, &str); 15] = [
    (Said::Token, "clientRequestToken"),
    (Said::VersionAsked, "versionId"),
    (Said::Stage, "versionStage"),
    (Said::Stages, "versionStages"),
    (Said::MoveTo, "moveToVersionId"),
    (Said::RemoveFrom, "removeFromVersionId"),
    (Said::RotateNow, "rotateImmediately"),
    (Said::User, "userName"),
    (Said::KeyAsked, "accessKeyId"),
    (Said::Status, "status"),
    (Said::Alias, "aliasName"),
    (Said::Target, "targetKeyId"),
    (Said::Period, "rotationPeriodInDays"),
    (Said::Role, "roleArn"),
    (Said::Duration, "durationSeconds"),
];

/// Until February 2024 Secrets Manager wrote `aRN`.
const ANSWERED: [Place; 10] = [
    (Said::Arn, &[], "arn"),
    (Said::Arn, &[], "aRN"),
    (Said::Arn, &[], "ARN"),
    (Said::VersionMade, &[], "versionId"),
    (Said::KeyMade, &["accessKey"], "accessKeyId"),
    (Said::KeyUser, &["accessKey"], "userName"),
    (Said::LeaseKey, &["credentials"], "accessKeyId"),
    (Said::LeaseEnds, &["credentials"], "expiration"),
    (Said::LeaseUser, &["assumedRoleUser"], "arn"),
    (Said::LeaseUser, &["federatedUser"], "arn"),
];

const DETAILED: [(Said, &str); 4] = [
    (Said::RotationType, "rotationType"),
    (Said::Material, "currentKeyMaterialId"),
    (Said::MaterialBefore, "previousKeyMaterialId"),
    (Said::Arn, "keyId"),
];

/// The names that the record says, of the services that rotate secrets or issue credentials; of
/// others none are kept.
pub(super) fn said(parts: &Parts<'_>, source: &str) -> Vec<(Said, Text)> {
    let service = source.split('.').next().unwrap_or(source);
    if !matches!(service, "secretsmanager" | "kms" | "iam" | "sts") {
        return Vec::new();
    }
    let mut out: Vec<(Said, Text)> = Vec::new();
    let mut keep = |what: Said, words: Option<Text>| {
        if let Some(words) = words.filter(|_| out.iter().all(|(known, _)| *known != what)) {
            out.push((what, words));
        }
    };
    keep(Said::RequestId, parts.request_id.and_then(string));
    for (what, name) in ASKED {
        keep(what, parts.parameters.words(name));
    }
    let answer = Members::of(parts.answer);
    for (what, within, name) in ANSWERED {
        let found = match within {
            [object] => answer.inner(object).string(name),
            _ => answer.string(name),
        };
        keep(what, found);
    }
    keep(Said::Arn, parts.additional.string("SecretId"));
    keep(Said::Arn, parts.additional.string("ARN"));
    keep(Said::Arn, parts.first_resource());
    let details = Members::of(parts.details);
    for (what, name) in DETAILED {
        keep(what, details.string(name));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::format::testing::damaged;

    const OBJECTS: &[&str] = &[
        r#"{"secretId":"db","name":7,"secretId":null,"in":{"name":["x"]},"name":"\u00e9"}"#,
        r#"{ "n\u0061me" : "x" , "a" : {} , "" : true , "name" : { "a" : "b" } }"#,
        r#"["name","secretId"]"#,
        "null",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn members_are_those_of_a_table(words in damaged(OBJECTS)) {
            let Ok(value) = serde_json::from_str::<&RawValue>(&words) else {
                return Ok(());
            };
            let table = HashMap::<String, &RawValue>::deserialize(value).unwrap_or_default();
            let members = Members::of(Some(value));
            for name in ["secretId", "name", "in", "a", "", "value"] {
                let found = members.get(name).map(RawValue::get);
                prop_assert_eq!(found, table.get(name).map(|raw| raw.get()), "{}", words);
            }
            prop_assert_eq!(members.0.is_empty(), table.is_empty(), "{}", words);
        }
    }
}
