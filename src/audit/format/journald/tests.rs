//! Exports of the journal, written by hand in the documented shapes, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::audit::format::testing::{counted, damaged, is_picked, is_picked_as_read, lines};
use crate::audit::record::JournalRecord;

/// A line of the journal with a message that is written as JSON.
fn line(program: &str, message: &str) -> String {
    format!(
        r#"{{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795612411014000","_HOSTNAME":"web-1","PRIORITY":"6","_SYSTEMD_UNIT":"ssh.service","SYSLOG_IDENTIFIER":"{program}","_COMM":"{program}","_PID":"7","MESSAGE":{message}}}"#
    )
}

fn said(program: &str, message: &str) -> String {
    line(program, &serde_json::to_string(message).unwrap())
}

fn records(log: &str) -> Vec<Record> {
    let reads = lines(&mut Journald::new(), log.as_bytes());
    let record = |read| match read {
        Read::Record(record, _) => record,
        Read::Rejected(rejected) => panic!("{rejected:?}"),
    };
    reads.into_iter().map(record).collect()
}

fn record(log: &str) -> JournalRecord {
    match records(log).pop() {
        Some(Record::Journal(record)) => *record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_line_says_when_who_and_what() {
    let record = record(&said("app", "ready"));
    assert_eq!(record.time, Timestamp::new(1_795_612_411, 14_000_000));
    assert_eq!(record.host, Some("web-1".into()));
    assert_eq!(record.unit, Some("ssh.service".into()));
    assert_eq!(record.program, Some("app".into()));
    assert_eq!((record.priority, record.level()), (Some(6), "info"));
    assert_eq!(record.message.raw(), "ready");
    assert_eq!(record.login, None);
}

/// What systemd says of a unit is said by the unit that systemd itself is.
#[test]
fn a_line_is_of_the_unit_that_wrote_it_and_else_of_the_one_that_it_is_about() {
    let about = |line: &str| line.replacen('{', r#"{"UNIT":"db.service","#, 1);
    let own = said("app", "ready");
    assert_eq!(record(&about(&own)).unit, Some("ssh.service".into()));
    let none = own.replace(r#""_SYSTEMD_UNIT":"ssh.service","#, "");
    assert_eq!(record(&about(&none)).unit, Some("db.service".into()));
    assert_eq!(record(&none).unit, None);
    assert_eq!(record(&none).cursor, Some("s=1;i=2".into()));
}

/// Anybody may write under any identifier; whose command it was is told by the kernel.
#[test]
fn a_login_is_believed_only_of_the_command_that_tells_logins() {
    let words = "Failed password for root from 192.0.2.7 port 22 ssh2";
    let line = |command: &str| {
        let line = said("sshd", words);
        line.replace(r#""_COMM":"sshd""#, &format!(r#""_COMM":"{command}""#))
    };
    assert!(record(&line("sshd")).login.is_some());
    let forged = record(&line("logger"));
    assert_eq!(forged.login, None);
    assert_eq!(forged.program, Some("sshd".into()));
    // An export without it is taken at its word.
    let without = said("sshd", words).replace(r#""_COMM":"sshd","#, "");
    assert!(record(&without).login.is_some());
}

/// serde would take its elements for the members.
#[test]
fn a_list_is_no_line_of_the_journal() {
    let place = Place {
        file: "log".into(),
        line: 1,
        byte: 0,
    };
    for list in [
        r#"["1795612411014000"]"#,
        "[]",
        r#" ["1795612411014000","a","b"]"#,
    ] {
        let reason = super::read(list.as_bytes(), |raw| super::record(raw, &place)).unwrap_err();
        assert!(reason.contains("a list and no object"), "{reason}");
    }
    let reason = super::read(b"[1,", |raw| super::record(raw, &place)).unwrap_err();
    assert!(reason.contains("ends early"), "{reason}");
}

#[test]
fn a_message_may_be_bytes_or_null_or_written_twice() {
    for (message, read) in [
        ("[104,105,7]", "hi\u{7}"),
        ("[255,104]", "\u{fffd}h"),
        ("null", ""),
        (r#"["first","second"]"#, "first"),
        ("[null,[104,105]]", "hi"),
        (r#"{"a":1}"#, ""),
        ("7", "7"),
    ] {
        assert_eq!(
            record(&line("app", message)).message.raw(),
            read,
            "{message}"
        );
    }
}

#[test]
fn logins_of_sshd_and_sudo_are_known() {
    for (program, message, want) in [
        (
            "sshd",
            "Failed password for root from 192.0.2.7 port 22 ssh2",
            Some(("sshd", "root", Some("192.0.2.7"), false)),
        ),
        (
            "sshd-session",
            "Failed password for invalid user a from b from 192.0.2.7 port 22 ssh2",
            Some(("sshd", "a from b", Some("192.0.2.7"), false)),
        ),
        (
            "sshd",
            "Accepted publickey for deploy from 2001:db8::1 port 5000 ssh2: ED25519 SHA256:x",
            Some(("sshd", "deploy", Some("2001:db8::1"), true)),
        ),
        (
            "sshd",
            "User mira from 192.0.2.7 not allowed because not listed in AllowUsers",
            Some(("sshd", "mira", Some("192.0.2.7"), false)),
        ),
        (
            "sudo",
            "    mira : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
            Some(("sudo", "mira", None, false)),
        ),
        (
            "sudo",
            "mira : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
            Some(("sudo", "mira", None, true)),
        ),
        (
            "su",
            "pam_unix(su:auth): authentication failure; logname=mira uid=1000 euid=0 tty=/dev/pts/0 ruser=mira rhost=  user=root",
            Some(("su", "root", None, false)),
        ),
        // The same attempt as the one that sshd tells of itself.
        (
            "sshd",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root",
            None,
        ),
        (
            "app",
            "Failed password for root from 192.0.2.7 port 22 ssh2",
            None,
        ),
        ("sshd", "Server listening on 0.0.0.0 port 22.", None),
    ] {
        let login = record(&said(program, message)).login;
        let got = login.as_ref().map(|l| {
            let remote = l.remote_address.as_ref().map(Text::raw);
            (l.program.raw(), l.user.raw(), remote, l.granted)
        });
        assert_eq!(got, want, "{message}");
    }
    // Whoever writes to the log may name any program; whose command it was they cannot say.
    let forged = said(
        "sshd",
        "Accepted password for root from 192.0.2.7 port 22 ssh2",
    )
    .replace("\"_COMM\":\"sshd\"", "\"_COMM\":\"logger\"");
    assert_eq!(record(&forged).login, None);
}

#[test]
fn a_line_of_another_format_comes_out_as_what_it_is() {
    let entry = r#"{"request":{"id":"a","operation":"read","path":"secret/a"},"time":"2026-01-01T00:00:00Z","type":"request"}"#;
    let json = r#"{"timestamp":"2026-01-01 00:00:00.000 UTC","pid":7,"error_severity":"LOG","message":"hi"}"#;
    let text = "2026-11-23 13:46:11.014 UTC [7] app@db FATAL:  password authentication failed for user \"app\"";
    let read = records(&format!(
        "{}\n{}\n{}\n{}\n{}",
        said("vault", entry),
        said("postgres", json),
        said("postgres", text),
        said("postgres", &format!("[3-1] {text}")),
        said("postgres", "\tDETAIL:  no severity of its own"),
    ));
    let [
        Record::Vault(entry),
        Record::Postgres(_),
        Record::Postgres(refused),
        Record::Postgres(numbered),
        Record::Journal(_),
    ] = &read[..]
    else {
        panic!("{read:?}");
    };
    assert_eq!(entry.request_id.raw(), "a");
    assert_eq!(refused.sqlstate, Some("28P01".into()));
    assert_eq!(refused.identity(), numbered.identity());
}

#[test]
fn no_secret_of_a_message_or_a_command_is_kept() {
    for message in [
        "connecting with password=hunter2",
        "Authorization: Bearer hunter2",
        "url postgres://app:hunter2@db/x",
        "{\"token\":\"hunter2\"}",
        "mira : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/mysql -phunter2",
    ] {
        let words = format!("{:?}", record(&said("sudo", message)));
        assert!(!words.contains("hunter2"), "{words}");
    }
    let kept = record(&said("app", &"x".repeat(1 << 20))).message;
    assert_eq!(kept.raw().len(), crate::model::mask::LONGEST);
}

#[test]
fn what_is_hostile_harms_nothing_else() {
    let good = said("app", "ready");
    for bad in [
        "hunter2",
        "{\"__REALTIME_TIMESTAMP\":\"hunter2\"}",
        "{\"MESSAGE\":\"x\"}",
        &good[..good.len() - 3],
    ] {
        let log = format!("{good}\n{bad}\n{good}\n-- cursor: s=1;i=2\n");
        let reads = lines(&mut Journald::new(), log.as_bytes());
        let [Read::Record(..), Read::Rejected(rejected), Read::Record(..)] = &reads[..] else {
            panic!("{reads:?}");
        };
        assert_eq!(rejected.place.line, 2);
        assert!(!format!("{rejected:?}").contains("hunter2"), "{rejected:?}");
    }
    let deep = line("app", &format!("{}{}", "[".repeat(5000), "]".repeat(5000)));
    let reads = lines(&mut Journald::new(), deep.as_bytes());
    assert_eq!(counted(&reads), (1, 0));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_rejected(bytes in any::<Vec<u8>>(), at in 0_usize..300, byte in any::<u8>(), message in any::<String>()) {
        lines(&mut Journald::new(), &bytes);
        let mut damaged = said("sshd", "Failed password for root from 192.0.2.7 port 22").into_bytes();
        if let Some(there) = damaged.get_mut(at) {
            *there = byte;
        }
        lines(&mut Journald::new(), &damaged);
        for program in ["sshd", "sudo", "su", "vault"] {
            let reads = lines(&mut Journald::new(), said(program, &message).as_bytes());
            prop_assert_eq!(counted(&reads), (1, 0));
        }
    }
}

/// Lines of all shapes.
const OTHERS: &[&str] = &[
    r#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795612411014000","_HOSTNAME":"web-1","PRIORITY":"6","_SYSTEMD_UNIT":"ssh.service","SYSLOG_IDENTIFIER":"sshd","_COMM":"sshd","_PID":"7","MESSAGE":"Accepted publickey for deploy from 192.0.2.8 port 4712 ssh2: ED25519 SHA256:x"}"#,
    r#"{"__REALTIME_TIMESTAMP":1795612411014000,"_HOSTNAME":["a","b"],"PRIORITY":3,"UNIT":"db.service","SYSLOG_IDENTIFIER":[null,[104,105]],"MESSAGE":[104,105,7]}"#,
    r#"{"__REALTIME_TIMESTAMP" : "1795612411014000", "MESSAGE" : null, "_COMM" : "a\"b", "PRIORITY" : true, "__CURSOR" : -7, "_X" : 1e9}"#,
    r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":"{\"time\":\"2026-11-23T13:00:05Z\",\"type\":\"request\",\"request\":{\"id\":\"v\"}}"}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn what_is_picked_serde_reads_and_the_same(words in damaged(OTHERS)) {
        let place = Place {
            file: "log".into(),
            line: 1,
            byte: 0,
        };
        is_picked_as_read::<Raw<'_>, _>(&words, |raw: &Raw<'_>| super::record(raw, &place))?;
    }
}

/// What is told of lines for an index is what is read of them.
fn is_told_as_read(log: &str) -> Result<(), TestCaseError> {
    for (number, line) in (1..).zip(log.split('\n')) {
        let place = Place {
            file: "log".into(),
            line: number,
            byte: 0,
        };
        let (mut reads, mut told) = (Vec::new(), 0);
        Journald::new().line(line.as_bytes(), &place, &mut |read| reads.push(read));
        let mut tell = |what: Told<'_>| {
            let read = reads.get(told);
            told += 1;
            match (what, read) {
                (Told::Journal(line), Some(Read::Record(Record::Journal(record), _))) => {
                    prop_assert_eq!(line.said, record.said());
                    prop_assert_eq!(Some(line.cursor), line.said.cursor);
                }
                (Told::Read(told), Some(read)) => prop_assert_eq!(&told, read),
                (_, read) => prop_assert!(false, "{:?}", read),
            }
            Ok(())
        };
        let mut all = Ok(());
        Journald::new().tell(line.as_bytes(), &place, &mut |what| {
            let one = tell(what);
            if all.is_ok() {
                all = one;
            }
        });
        all?;
        prop_assert_eq!(told, reads.len(), "{}", line);
    }
    Ok(())
}

#[test]
fn an_index_is_told_what_is_read() {
    let log = include_str!("../../../../fixtures/logs/journal.json");
    is_told_as_read(log).unwrap();
    for (program, message) in [
        ("app", ""),
        (
            "sudo",
            "mira : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/mysql -phunter2",
        ),
        (
            "sshd",
            "Failed password for invalid user a from b from 192.0.2.7 port 22 ssh2",
        ),
    ] {
        let named = said(program, message);
        is_told_as_read(&named).unwrap();
        is_told_as_read(&named.replace("__CURSOR", "CURSOR")).unwrap();
        is_told_as_read(&named.replace(r#""PRIORITY":"6""#, r#""PRIORITY":"3""#)).unwrap();
    }
    let mut is_told_in_words = false;
    let place = Place {
        file: "log".into(),
        line: 1,
        byte: 0,
    };
    Journald::new().tell(said("app", "ready").as_bytes(), &place, &mut |told| {
        is_told_in_words = matches!(told, Told::Journal(_));
    });
    assert!(is_told_in_words);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn an_index_is_told_what_is_read_of_any_line(
        words in damaged(OTHERS),
        message in "((LOG|FATAL|ERROR|WARN|:| {1,2}|Failed | for | from | port |invalid user |x : |COMMAND=|[a-z;])){0,9}",
        program in prop::sample::select(&["sshd", "sudo", "su", "app"][..]),
    ) {
        is_told_as_read(&words)?;
        is_told_as_read(&said(program, &message))?;
        let severe = ["LOG:  ", "FATAL:  ", "ERROR:  ", "WARNING:  ", "PANIC:  "];
        prop_assert_eq!(names_severity(&message), severe.iter().any(|mark| message.contains(mark)));
    }
}

#[test]
fn what_is_usual_is_picked() {
    for record in OTHERS.iter().filter(|line| !line.contains("1e9")) {
        assert!(is_picked::<Raw<'_>>(record), "{record}");
    }
}
