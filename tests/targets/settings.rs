//! Settings that are wrong: each error names the kind and the key.

use crate::life::try_target;

fn wrong(kind: &str, settings: &str) -> (String, String) {
    match try_target(kind, settings) {
        Ok(_) => panic!("{kind} took {settings}"),
        Err(e) => (e.key.clone(), e.to_string()),
    }
}

#[test]
fn an_unknown_kind_lists_the_known_ones() {
    let (key, words) = wrong("postgress", "");
    assert_eq!(key, "kind");
    for kind in [
        "acme",
        "exec",
        "file",
        "jwks",
        "postgres,",
        "postgres-pair",
        "redis",
        "webhook",
    ] {
        assert!(words.contains(kind), "{words}");
    }
}

#[test]
fn every_wrong_setting_names_its_key() {
    let admin = "host = 'h'\nadmin_user = 'admin'\n";
    let acme = "directory_url = 'https://h/dir'\naccount_file = 'a'\n";
    for (kind, settings, key) in [
        ("postgres", "", "host"),
        ("postgres", admin, "role"),
        ("postgres", &format!("{admin}role = 'admin'"), "role"),
        (
            "postgres",
            &format!("{admin}role = 'x'\nport = 70000"),
            "port",
        ),
        (
            "postgres",
            &format!("{admin}role = 'x'\nca_file = '/no/such'"),
            "ca_file",
        ),
        (
            "postgres",
            &format!("{admin}role = 'x'\nadmin_password = 'canary-clear'"),
            "admin_password",
        ),
        (
            "postgres",
            &format!("{admin}role = 'x'\nend_session = true"),
            "end_session",
        ),
        ("postgres-pair", &format!("{admin}roles = ['a']"), "roles"),
        (
            "postgres-pair",
            &format!("{admin}roles = ['a', 'a']"),
            "roles",
        ),
        ("redis", "host = 'h'\nuser = 'default'", "user"),
        ("redis", "host = 'h'\nuser = 'a b'", "user"),
        ("webhook", "url = 'https://h'", "admin_token_file"),
        (
            "webhook",
            "url = 'https://me:canary-clear@h'\nadmin_token_env = 'T'",
            "url",
        ),
        ("webhook", "url = 'h'\nadmin_token_env = 'T'", "url"),
        ("jwks", "token_lifetime = '1h'", "jwks_file"),
        (
            "jwks",
            "jwks_file = 'f'\ntoken_lifetime = 'long'",
            "token_lifetime",
        ),
        ("file", "path = '/'", "path"),
        ("file", "path = 'f'\nmode = '0644'", "mode"),
        ("file", "path = 'f'\nsignal = 'HUP'", "pid_file"),
        (
            "file",
            "path = 'f'\npid_file = 'p'\nsignal = 'KILL'",
            "signal",
        ),
        (
            "file",
            "path = 'f'\npid_file = 'p'\nreload_url = 'http://h'",
            "reload_url",
        ),
        (
            "file",
            "path = 'f'\nsecret_kind = 'passport'",
            "secret_kind",
        ),
        ("exec", "program = 'sh'", "program"),
        ("acme", acme, "names"),
        ("acme", &format!("{acme}names = ['h']"), "folder"),
        (
            "acme",
            &format!("{acme}names = ['h']\nfolder = 'f'\nprobe = 'h'"),
            "probe",
        ),
        (
            "acme",
            &format!("{acme}names = ['h']\nfolder = 'f'\nhttp01_listen = 'x'"),
            "http01_listen",
        ),
    ] {
        let (named, words) = wrong(kind, settings);
        assert_eq!(named, key, "{kind} of {settings:?}: {words}");
        assert!(
            words.contains(kind) && !words.contains("canary-clear"),
            "{words}"
        );
    }
}
