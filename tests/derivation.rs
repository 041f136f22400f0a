//! The derivation against a rotation that broke for real: what `rotascope events` prints of
//! `../shared/logs/vault-postgres` is compared with what was done (`what.json`) and with the logs
//! as this file reads them by itself.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and say so when there is nothing to read"
)]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rotascope::audit::identity::IdentityRules;
use rotascope::cli::events::{Args, run};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("ROTASCOPE_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("logs/vault-postgres");
    if folder.exists() {
        return Some(folder);
    }
    println!("no ../shared here: fixtures alone are used");
    None
}

/// What the command prints: its lines, read, and all of its words.
struct Printed {
    events: Vec<Value>,
    words: String,
}

fn printed(paths: &[PathBuf], identity: Option<&Path>) -> Printed {
    let args = Args {
        paths: paths.to_vec(),
        identity: identity.map(Path::to_owned),
        vault_source: "/vault".into(),
        postgres_source: "/postgresql".into(),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    assert_eq!(
        run(&args, IdentityRules::default(), &mut out, &mut err).unwrap(),
        0
    );
    let out = String::from_utf8(out).unwrap();
    Printed {
        events: out
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect(),
        words: out + &String::from_utf8(err).unwrap(),
    }
}

impl Printed {
    fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events
            .iter()
            .filter(move |e| e["type"] == format!("rotascope.{kind}"))
    }

    fn about<'a>(&'a self, kind: &'a str, secret: &'a str) -> impl Iterator<Item = &'a Value> {
        self.all(kind)
            .filter(move |e| e["data"]["secret"] == secret)
    }
}

/// A moment in microseconds since midnight; all of the incident is on one day.
fn micros(time: &Value) -> i64 {
    let words = time.as_str().unwrap();
    let clock = words.split('T').nth(1).unwrap();
    let digits: String = clock
        .chars()
        .take_while(|c| c.is_ascii_digit() || ":.".contains(*c))
        .collect();
    let mut parts = digits.split(':');
    let mut next = || parts.next().unwrap();
    let (hours, minutes): (i64, i64) = (next().parse().unwrap(), next().parse().unwrap());
    // Digits behind the sixth do not matter.
    let seconds = next();
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let fraction = format!("{fraction:0<6}");
    let seconds: i64 = whole.parse().unwrap();
    ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction[..6].parse::<i64>().unwrap()
}

fn what(folder: &Path) -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("what.json")).unwrap()).unwrap()
}

fn done<'a>(what: &'a [Value], begins: &str) -> &'a Value {
    what.iter()
        .find(|w| w["what"].as_str().unwrap().starts_with(begins))
        .unwrap()
}

/// The consumers of some services, as `what.json` names them.
fn consumers(what: &[Value], services: &[&str]) -> BTreeSet<String> {
    let all = done(what, "ready")["consumers"].as_array().unwrap();
    all.iter()
        .filter(|c| services.contains(&c["service"].as_str().unwrap()))
        .map(|c| c["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Who is on which version of a secret at a moment.
fn versions_at(printed: &Printed, secret: &str, moment: i64) -> BTreeMap<String, String> {
    let mut told: Vec<&Value> = printed
        .about("consumer.version", secret)
        .filter(|e| micros(&e["time"]) <= moment)
        .collect();
    told.sort_by_key(|e| micros(&e["time"]));
    let word = |v: &Value| v.as_str().unwrap().to_owned();
    told.iter()
        .map(|e| (word(&e["data"]["consumer"]), word(&e["data"]["version"])))
        .collect()
}

const PAYMENTS: &str = "database/static-creds/payments";
const LEDGER: &str = "database/static-creds/ledger";
const PAYMENTS_SERVICES: [&str; 3] = ["checkout", "billing", "refunds"];

#[test]
fn the_rotation_that_broke_is_told_as_it_was() {
    let Some(folder) = folder() else { return };
    let (what, printed) = (what(&folder), printed(&[folder], None));
    let rotation = done(&what, "rotate static role payments");
    let healed = micros(&done(&what, "healed")["time"]);

    let starts: Vec<&Value> = printed.about("rotation.started", PAYMENTS).collect();
    let [asked, named] = starts.as_slice() else {
        panic!("{starts:#?}");
    };
    assert_eq!(
        micros(&asked["time"]) / 1_000_000,
        micros(&rotation["time"]) / 1_000_000
    );
    assert_eq!(asked["data"]["by"], rotation["by"]);
    assert_eq!(asked["data"]["correlation"], rotation["correlation"]);
    assert_eq!(asked["data"]["trigger"], "manual");
    assert_eq!(asked["data"]["dual_run"], false);
    assert_eq!(asked["rotationid"], named["rotationid"]);
    let stages: Vec<&str> = printed
        .all("rotation.stage")
        .filter(|e| e["rotationid"] == asked["rotationid"])
        .map(|e| e["data"]["stage"].as_str().unwrap())
        .collect();
    assert_eq!(stages, ["store", "cutover"], "no revocation is invented");

    let new = named["data"]["to_version"].as_str().unwrap();
    let all = consumers(&what, &PAYMENTS_SERVICES);
    assert_eq!(all.len(), 12);
    let behind = |moment| {
        let on_new: BTreeSet<String> = versions_at(&printed, PAYMENTS, moment)
            .into_iter()
            .filter_map(|(consumer, version)| (version == new).then_some(consumer))
            .collect();
        assert!(on_new.is_subset(&all), "{on_new:?}");
        all.difference(&on_new).cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        behind(micros(&rotation["time"])),
        all.iter().cloned().collect::<Vec<_>>()
    );
    let left_behind = ["checkout-eu-1-0", "checkout-eu-1-1"];
    for seconds in [5, 10, 30, 50] {
        let moment = micros(&rotation["time"]) + seconds * 1_000_000;
        assert_eq!(behind(moment), left_behind, "{seconds} s after");
    }
    assert_eq!(behind(healed), left_behind);
    assert_eq!(behind(healed + 5_000_000), Vec::<String>::new());

    let of_ready = done(&what, "ready")["consumers"].as_array().unwrap();
    for event in printed.all("consumer.version") {
        let data = &event["data"];
        let known = of_ready
            .iter()
            .find(|c| c["name"] == data["consumer"])
            .unwrap();
        assert_eq!(data["service"], known["service"]);
        assert_eq!(data["region"], known["region"]);
        assert_eq!(data["identities"][0], known["ip"]);
    }
}

#[test]
fn refused_logins_are_counted_from_the_rotation_until_it_is_healed() {
    let Some(folder) = folder() else { return };
    let (what, printed) = (what(&folder), printed(std::slice::from_ref(&folder), None));
    let rotated = micros(&done(&what, "rotate static role payments")["time"]);
    let healed = micros(&done(&what, "healed")["time"]);
    let samples = |role: &'static str| {
        printed
            .all("auth.sample")
            .filter(move |e| e["data"]["service"] == role)
    };
    let number = |e: &Value, name: &str| e["data"][name].as_u64().unwrap();

    for sample in samples("payments_app") {
        let (end, length) = (
            micros(&sample["time"]),
            sample["data"]["window_seconds"].as_i64().unwrap() * 1_000_000,
        );
        assert_eq!(end % 10_000_000, 0, "aligned");
        assert_eq!(sample["data"]["secret"], PAYMENTS);
        let failed = number(sample, "failed_401");
        if end <= rotated || end - length > healed + 2_000_000 {
            assert_eq!(failed, 0, "{sample}");
        } else {
            assert!(failed > 0, "{sample}");
        }
    }

    // Counted from the log by other means: window by window.
    let log = std::fs::read_to_string(folder.join("postgresql.log")).unwrap();
    for role in ["payments_app", "ledger_app"] {
        let mut counted: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for line in log.lines() {
            let failed = line.contains(&format!(
                "password authentication failed for user \"{role}\""
            )) && line.contains("FATAL:");
            let fine = line.contains(&format!("connection authenticated: identity=\"{role}\""));
            if failed || fine {
                let time = Value::from(line[..23].replace(' ', "T") + "Z");
                let end = (micros(&time).div_euclid(10_000_000) + 1) * 10_000_000;
                let counts = counted.entry(end).or_default();
                counts.0 += 1;
                counts.1 += u64::from(failed);
            }
        }
        let told: BTreeMap<i64, (u64, u64)> = samples(role)
            .map(|e| {
                (
                    micros(&e["time"]),
                    (number(e, "total"), number(e, "failed_401")),
                )
            })
            .collect();
        assert_eq!(told, counted, "{role}");
    }
    let refused = |role| samples(role).map(|e| number(e, "failed_401")).sum::<u64>();
    assert_eq!((refused("payments_app"), refused("ledger_app")), (99, 22));
    let denied = printed
        .all("audit.entry")
        .filter(|e| e["source"] == "/postgresql" && e["data"]["outcome"] == "denied");
    assert_eq!(denied.count(), 121);
}

#[test]
fn rotations_that_vault_makes_by_itself_leave_nobody_behind() {
    let Some(folder) = folder() else { return };
    let (what, printed) = (what(&folder), printed(&[folder], None));
    let starts: Vec<&Value> = printed.about("rotation.started", LEDGER).collect();
    assert!(starts.len() >= 8, "{}", starts.len());
    for pair in starts.windows(2) {
        let apart = micros(&pair[1]["time"]) - micros(&pair[0]["time"]);
        assert!((apart - 10_000_000).abs() < 200_000, "{apart}");
        assert_eq!(
            pair[1]["data"]["from_version"],
            pair[0]["data"]["to_version"]
        );
    }
    for start in &starts {
        assert_eq!(start["data"]["trigger"], "schedule");
        assert_eq!(start["data"]["audit_expected"], false);
        assert_eq!(start["data"].get("by"), None, "no actor is invented");
    }
    let last = starts.last().unwrap()["data"]["to_version"]
        .as_str()
        .unwrap();
    let end = versions_at(&printed, LEDGER, i64::MAX);
    assert_eq!(
        end.keys().cloned().collect::<BTreeSet<_>>(),
        consumers(&what, &["ledger"])
    );
    assert!(end.values().all(|version| version == last), "{end:?}");
}

#[test]
fn a_write_and_its_rollback_a_key_revoked_too_early_and_a_prefix_of_leases() {
    let Some(folder) = folder() else { return };
    let (what, printed) = (what(&folder), printed(&[folder], None));
    let at = |begins| micros(&done(&what, begins)["time"]) / 1_000_000;

    let secret = done(&what, "KV write and rollback")["path"]
        .as_str()
        .unwrap();
    let starts: Vec<&Value> = printed.about("rotation.started", secret).collect();
    let [start] = starts.as_slice() else {
        panic!("{starts:#?}");
    };
    assert_eq!(
        micros(&start["time"]) / 1_000_000,
        at("KV write and rollback")
    );
    assert_eq!(
        (&start["data"]["from_version"], &start["data"]["to_version"]),
        (&"1".into(), &"2".into())
    );
    let ends: Vec<&Value> = printed.all("rotation.finished").collect();
    let [end] = ends.as_slice() else {
        panic!("{ends:#?}");
    };
    assert_eq!(end["rotationid"], start["rotationid"]);
    assert_eq!(end["data"]["outcome"], "rolled_back");
    let search = versions_at(&printed, secret, i64::MAX);
    assert_eq!(search.len(), 4);
    assert!(search.values().all(|version| version == "3"), "{search:?}");

    let stage = |stage: &'static str, status: &'static str| {
        let mut all = printed
            .all("rotation.stage")
            .filter(move |e| e["data"]["stage"] == stage && e["data"]["status"] == status);
        micros(&all.next().unwrap()["time"]) / 1_000_000
    };
    let key = "transit/keys/mailer";
    let rotated = printed.about("rotation.started", key).next().unwrap();
    assert_eq!(
        micros(&rotated["time"]) / 1_000_000,
        at("transit key rotated")
    );
    assert_eq!(
        stage("revoke", "completed"),
        at("min_decryption_version raised")
    );
    assert_eq!(
        stage("revoke", "skipped"),
        at("min_decryption_version lowered")
    );
    let bad: Vec<&Value> = printed
        .about("signal.sample", key)
        .filter(|e| e["data"]["bad"].as_u64() > Some(0))
        .collect();
    assert_eq!(
        bad.iter()
            .map(|e| e["data"]["bad"].as_u64().unwrap())
            .sum::<u64>(),
        17
    );

    let oidc = printed
        .about("rotation.started", "identity/oidc/key/gateway")
        .next()
        .unwrap();
    assert_eq!(micros(&oidc["time"]) / 1_000_000, at("OIDC key rotate"));
    let revoked = printed
        .all("certificate.observed")
        .filter(|e| e["data"]["error"] == "revoked");
    assert_eq!(revoked.count(), 1);
    let ended: HashSet<&str> = printed
        .all("lease.observed")
        .filter(|e| e["data"].get("expires_at").is_some())
        .map(|e| e["data"]["lease"].as_str().unwrap())
        .collect();
    let issued: HashSet<&str> = printed
        .all("lease.observed")
        .filter(|e| micros(&e["time"]) / 1_000_000 < at("lease prefix revoked"))
        .map(|e| e["data"]["lease"].as_str().unwrap())
        .collect();
    assert!(!issued.is_empty() && issued.is_subset(&ended));
}

#[test]
fn a_refused_probe_is_refused_and_no_consumer() {
    let Some(folder) = folder() else { return };
    let printed = printed(&[folder], None);
    let probe = "token-ci---31mrunner";
    let mut paths = BTreeMap::<&str, u32>::new();
    for entry in printed
        .all("audit.entry")
        .filter(|e| e["data"]["actor"] == probe)
    {
        assert_eq!(entry["data"]["outcome"], "denied");
        assert_eq!(entry["data"]["remote_addr"], "10.66.6.6");
        *paths
            .entry(entry["data"]["path"].as_str().unwrap())
            .or_default() += 1;
    }
    let read = [
        (PAYMENTS, 6),
        ("secret/data/checkout/api", 3),
        ("sys/leases/lookup/database", 2),
    ];
    assert_eq!(paths, BTreeMap::from(read));
    let refused: u64 = printed
        .all("auth.sample")
        .filter(|e| e["data"]["service"] == probe)
        .map(|e| e["data"]["failed_403"].as_u64().unwrap())
        .sum();
    assert_eq!(refused, 11);
    let people = [probe, "mira", "tomas", "root"];
    for event in printed.all("consumer.version") {
        assert!(
            !people.contains(&event["data"]["consumer"].as_str().unwrap()),
            "{event}"
        );
    }
}

#[test]
fn devices_rotated_files_and_renderings_double_nothing() {
    let Some(folder) = folder() else { return };
    let ids = |printed: &Printed, kind: &str, source: &str| -> BTreeSet<String> {
        let of = printed.all(kind).filter(|e| e["source"] == source);
        let list: Vec<String> = of.map(|e| e["id"].as_str().unwrap().to_owned()).collect();
        let set: BTreeSet<String> = list.iter().cloned().collect();
        assert_eq!(list.len(), set.len(), "{kind} {source}");
        set
    };
    let whole = printed(std::slice::from_ref(&folder), None);
    assert_eq!(ids(&whole, "audit.entry", "/vault").len(), 2797);
    let counts = rotascope::audit::open(&[&folder], &rotascope::audit::Options::default())
        .unwrap()
        .tally();
    assert_eq!(counts.events, 2797 + 4545);

    let one = |names: &[&str]| {
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        printed(&paths, None)
    };
    let logins = ids(&whole, "audit.entry", "/postgresql");
    let samples = ids(&whole, "auth.sample", "/postgresql");
    for rendering in [
        "postgresql.json.zst",
        "postgresql.csv.zst",
        "postgresql.log",
    ] {
        let alone = one(&[rendering]);
        assert_eq!(
            ids(&alone, "audit.entry", "/postgresql"),
            logins,
            "{rendering}"
        );
        assert_eq!(
            ids(&alone, "auth.sample", "/postgresql"),
            samples,
            "{rendering}"
        );
    }
    // Each device alone tells the same rotations, whatever its key.
    let rotations = |printed: &Printed| -> BTreeSet<String> {
        let starts = printed.all("rotation.started");
        starts.map(|e| e["rotationid"].to_string()).collect()
    };
    let (hashed, raw) = (
        one(&["audit.log", "audit.log.1.gz"]),
        one(&["audit-raw.log.zst"]),
    );
    assert_eq!(rotations(&hashed), rotations(&raw));
    assert_eq!(rotations(&hashed), rotations(&whole));
    // What the raw device says in clear is told though the other logs each call first.
    let graces = |printed: &Printed| ids(printed, "rotation.grace", "/vault");
    assert_eq!(graces(&hashed), BTreeSet::new());
    assert_eq!(graces(&raw).len(), 1);
    assert_eq!(graces(&whole), graces(&raw));
    let finished = |printed: &Printed| ids(printed, "rotation.finished", "/vault");
    assert_eq!(finished(&hashed), finished(&raw));
    assert_eq!(finished(&raw).len(), 1);
}

#[test]
fn an_unknown_tie_is_left_open_until_a_rule_makes_it() {
    let Some(folder) = folder() else { return };
    let hashed = ["audit.log", "audit.log.1.gz", "postgresql.log"].map(|name| folder.join(name));
    let secrets = |printed: &Printed| -> BTreeSet<String> {
        let of = printed
            .all("auth.sample")
            .filter(|e| e["data"]["service"] == "payments_app");
        of.map(|e| e["data"]["secret"].as_str().unwrap_or("unknown").to_owned())
            .collect()
    };
    let unknown = BTreeSet::from(["unknown".to_owned()]);
    assert_eq!(secrets(&printed(&hashed, None)), unknown);

    let rules = tempfile::NamedTempFile::new().unwrap();
    let rule = format!(
        "[[identity]]\nmatch = {{ postgres_role = \"payments_app\" }}\nsecret = \"{PAYMENTS}\"\n"
    );
    std::fs::write(rules.path(), rule).unwrap();
    let with_rule = printed(&hashed, Some(rules.path()));
    assert_eq!(secrets(&with_rule), BTreeSet::from([PAYMENTS.to_owned()]));
}

/// Strings of the raw device that are secrets, by the key that they stand under or by their look.
fn secrets(value: &Value, key: &str, found: &mut HashSet<String>) {
    const KEYS: [&str; 12] = [
        "client_token",
        "accessor",
        "client_token_accessor",
        "password",
        "secret_id",
        "role_id",
        "private_key",
        "token",
        "plaintext",
        "ciphertext",
        "connection_url",
        "wrapped_accessor",
    ];
    match value {
        Value::String(words) => {
            let looks = words.starts_with("hvs.")
                || words.starts_with("k-0.")
                || words.starts_with("-----");
            if (KEYS.contains(&key) || looks) && words.len() > 5 {
                found.insert(words.clone());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secrets(item, key, found)),
        Value::Object(members) => members.iter().for_each(|(k, v)| secrets(v, k, found)),
        _ => {}
    }
}

#[test]
fn no_secret_of_a_raw_device_comes_out() {
    let Some(folder) = folder() else { return };
    let mut raw = String::new();
    let file = std::fs::File::open(folder.join("audit-raw.log.zst")).unwrap();
    zstd::Decoder::new(file)
        .unwrap()
        .read_to_string(&mut raw)
        .unwrap();
    let mut found = HashSet::new();
    for line in raw.lines() {
        let entry: Value = serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap();
        secrets(&entry, "", &mut found);
    }
    assert!(found.len() > 900, "{}", found.len());
    // Broken lines are shown with an excerpt: break all of them, in several places.
    let broken = tempfile::NamedTempFile::new().unwrap();
    let torn: String = raw
        .lines()
        .flat_map(|line| [7, 150, 400, 700].map(|at| line.get(at..line.len() - at % 50)))
        .flatten()
        .flat_map(|line| [line, "\n"])
        .collect();
    std::fs::write(
        broken.path(),
        format!("{}\n{torn}", raw.lines().nth(3).unwrap()),
    )
    .unwrap();
    let mut words = printed(&[folder], None).words;
    let opened = rotascope::audit::open(&[broken.path()], &rotascope::audit::Options::default());
    let mut opened = opened.unwrap();
    let progress = opened.progress();
    for sighted in opened.by_ref() {
        write!(words, "{sighted:?}").unwrap();
    }
    assert!(progress.rejections().len() > 5000);
    for rejected in progress.rejections() {
        words.push_str(rejected.excerpt.raw());
        words.push_str(rejected.reason.raw());
    }
    for secret in &found {
        assert!(!words.contains(secret.as_str()), "{secret}");
    }
    assert!(
        !words
            .chars()
            .any(|c| c != '\n' && rotascope::model::text::is_hidden(c))
    );
}
