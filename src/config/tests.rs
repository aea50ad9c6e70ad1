//! Who has the say, what is refused and what is hidden, over the whole list.

use std::{collections::BTreeSet, ffi::OsString, path::Path};

use super::*;

/// What somebody says in the three places.
#[derive(Default)]
struct Said {
    flags: Flags,
    variables: Vec<(String, OsString)>,
    file: Option<File>,
}

impl Said {
    fn flag(mut self, setting: &Setting, raw: &str) -> Self {
        self.flags.insert(super::all().find(|it| it.name == setting.name).expect("on the list").name, raw.into());
        self
    }

    fn variable(mut self, name: &str, raw: &str) -> Self {
        self.variables.push((name.into(), raw.into()));
        self
    }

    fn file(mut self, text: &str) -> Self {
        self.file = Some(File::parse(Path::new("/etc/brain/brain.toml"), text).expect("TOML"));
        self
    }

    fn settle(&self, reader: Option<Reader>) -> Result<Effective, Faults> {
        let given = Given { flags: Some(&self.flags), variables: &self.variables, file: self.file.as_ref() };
        resolve::resolve(reader, given)
    }

    /// Everything that is said to be wrong.
    fn faults(&self, reader: Reader) -> Vec<String> {
        self.settle(Some(reader)).expect_err("something is wrong").0.into_iter().map(|fault| fault.detail).collect()
    }
}

fn said() -> Said {
    Said::default()
}

fn up(said: &Said) -> Config {
    Config::of(&said.settle(Some(Reader::Up)).expect("nothing is wrong"))
}

#[test]
fn every_setting_is_described_once_and_its_default_is_one_of_its_values() {
    let mut names = BTreeSet::new();
    for setting in all() {
        let all_names =
            [setting.name].into_iter().chain(setting.aliases.iter().copied()).chain(setting.variables.iter().copied());
        for name in all_names.map(str::to_owned).chain(setting.flag.map(|flag| format!("--{flag}"))) {
            assert!(names.insert(name.clone()), "{name} stands twice");
        }
        assert!(!setting.about.is_empty() && !setting.readers.is_empty(), "{}", setting.name);
        if let Some(value) = setting.default() {
            assert_eq!((setting.check)(&value), Ok(()), "{}", setting.name);
        }
        let nothing = matches!(setting.fallback, Fallback::Absent(""));
        assert!(!nothing, "{}: what holds without it?", setting.name);
    }
}

#[test]
fn the_defaults_are_those_of_the_parts_that_they_are_for() {
    let config = up(&said());
    assert_eq!(config.cache.settings(), crate::caches::Settings::default());
    assert_eq!(config.webhooks, Webhooks::default());
    assert_eq!(webhooks::TIMEOUT_S.default(), Some(Value::Number(crate::domain::webhook::retry::TIMEOUT_S_DEFAULT)));
    assert_eq!((config.memories, config.logging, config.security), Default::default());
    assert_eq!(config.servers.durability, crate::runtime::Durability::default());
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:7700");
    assert_eq!(config.servers.roles, Roles::all());
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file_before_the_default() {
    let setting = &cache::TTL_S;
    let in_file = said().file("[cache]\nttl = 3");
    let in_variable = said().file("[cache]\nttl = 3").variable("BRAIN_CACHE_TTL_S", "2");
    let in_flag = said().file("[cache]\nttl = 3").variable("BRAIN_CACHE_TTL_S", "2").flag(setting, "1");
    for (said, value, origin) in [
        (&said(), 3600, "default"),
        (&in_file, 3, "cache.ttl in /etc/brain/brain.toml"),
        (&in_variable, 2, "BRAIN_CACHE_TTL_S"),
        (&in_flag, 1, "--cache-ttl-s"),
    ] {
        let effective = said.settle(Some(Reader::Up)).expect("nothing is wrong");
        let row = effective.row(setting);
        assert_eq!((row.value.clone(), row.origin.to_string().as_str()), (Some(Value::Integer(value)), origin));
    }
}

#[test]
fn the_keys_of_the_specification_have_their_effect() {
    let config = up(&said().file(
        "[cache]\nenabled = true\nbackend = 'memory'\nttl = 60\nmax_size = '1GB'\neviction_policy = 'LRU'\nkey_prefix = 'sb_v282_'\n\
         [webhooks]\nenabled = false\nmax_retries = 3\ntimeout = 30\n[security]\nencryption_enabled = false\noauth_providers = []",
    ));
    assert_eq!((config.cache.ttl.as_secs(), config.cache.max_bytes), (60, 1_000_000_000));
    let retry = crate::domain::webhook::Retry { max_retries: Some(3), timeout_s: Some(30.0), base_delay_s: None };
    assert_eq!((config.webhooks.enabled, config.webhooks.retry), (false, retry));
    assert_eq!(up(&said().file("cache.enabled = false")).cache.settings().max_bytes, 0);
}

#[test]
fn what_this_brain_cannot_do_is_refused_and_not_passed_over() {
    for (text, words) in [
        ("security.oauth_providers = ['google']", "write a table [[auth.provider]]"),
        (
            "cache.backend = 'redis'",
            "cache.backend in /etc/brain/brain.toml is \"redis\": answers are kept in this process's own memory",
        ),
    ] {
        let faults = said().file(text).faults(Reader::Up);
        assert!(faults.len() == 1 && faults[0].contains(words), "{faults:?}");
    }
    // The specification's default, which it can do.
    assert!(up(&said().file("security.encryption_enabled = true")).security.encryption_enabled);
    assert!(!up(&said().variable("BRAIN_ENCRYPTION_ENABLED", "false")).security.encryption_enabled);
}

#[test]
fn everything_that_is_wrong_is_named_with_its_limit_and_its_value() {
    let faults = said()
        .file("[cache]\nttl = 0\nenabled = 'yes'\nmaxbytes = 1\n[webhooks]\nmax_retries = 21\n[colours]\nred = 1\n[cahce]")
        .variable("BRAIN_CACHE_EVICTION", "fifo")
        .variable("BRAIN_LISTN", "127.0.0.1:1")
        .flag(&webhooks::TIMEOUT_S, "31")
        .settle(Some(Reader::Up))
        .expect_err("much is wrong");
    let of = |field: &str| faults.0.iter().find(|fault| fault.field == field).unwrap_or_else(|| panic!("{field}: {faults}"));
    let seen = |field: &str| (of(field).value.clone().unwrap_or_default(), of(field).limit.clone().unwrap_or_default());
    assert_eq!(seen("cache.ttl"), ("0".into(), "1 to 3153600000".into()));
    assert_eq!(seen("cache.enabled"), ("\"yes\"".into(), "true, false".into()));
    assert_eq!(seen("webhooks.max_retries"), ("21".into(), "0 to 20".into()));
    assert_eq!(seen("BRAIN_CACHE_EVICTION"), ("\"fifo\"".into(), "lru, tinylfu".into()));
    assert_eq!(seen("--webhook-timeout-s"), ("\"31\"".into(), "1 to 30".into()));
    assert_eq!(
        of("cache.maxbytes").detail,
        "cache.maxbytes in /etc/brain/brain.toml is no setting of brain; did you mean cache.max_bytes?"
    );
    assert_eq!(of("BRAIN_LISTN").detail, "BRAIN_LISTN is set, but brain knows no such setting; did you mean BRAIN_LISTEN?");
    assert!(of("colours.red").detail.ends_with("is no setting of brain"), "{faults}");
    assert!(of("cahce").detail.contains("is no setting"), "{faults}");
    assert_eq!(faults.0.len(), 9, "{faults}");
}

#[test]
fn a_setting_has_one_value_in_a_file() {
    let faults = said().file("[cache]\nttl = 1\nttl_s = 1").faults(Reader::Up);
    assert_eq!(faults, ["cache.ttl and cache.ttl_s in /etc/brain/brain.toml are one setting: leave one out"]);
    let faults = said().file("client.url = 'http://h'").faults(Reader::Up);
    assert!(faults[0].contains("is read from no file") && faults[0].contains("--url or BRAIN_URL"), "{faults:?}");
}

#[test]
fn a_variable_that_a_server_would_ignore_is_refused_with_its_reader() {
    for (name, raw) in
        [("BRAIN_ROLES", "api"), ("BRAIN_NATS_URL", "nats://h"), ("BRAIN_NATS_REPLICAS", "3"), ("BRAIN_DATABASE_URL", "x")]
    {
        let faults = said().variable(name, raw).faults(Reader::Up);
        assert!(
            faults[0].contains(&format!("{name} is set, but `brain up` would ignore it: it is for `brain serve`")),
            "{faults:?}"
        );
    }
    let faults = said().variable("BRAIN_POSTGRES_BIN", "/bin").faults(Reader::Serve);
    assert!(faults[0].contains("`brain serve` would ignore it: it is for `brain up`"), "{faults:?}");
    let faults = said().variable("BRAIN_URL", "http://h").faults(Reader::Up);
    assert!(faults[0].contains("it is for the verbs that ask a server"), "{faults:?}");
    // What is empty says nothing, what the file says may be for another verb, and clients live in their server's environment.
    assert!(said().variable("BRAIN_ROLES", "").settle(Some(Reader::Up)).is_ok());
    assert!(said().file("servers.roles = ['api']").settle(Some(Reader::Up)).is_ok());
    assert!(said().variable("BRAIN_CACHE_TTL_S", "none").settle(Some(Reader::Client)).is_ok());
    assert!(said().variable("BRAIN_COLOUR", "red").settle(Some(Reader::Client)).is_err());
}

#[test]
fn serve_is_told_what_it_cannot_do_without() {
    let faults = said().variable("BRAIN_NATS_URL", "nats://h").faults(Reader::Serve);
    assert_eq!(
        faults,
        [
            "`brain serve` needs servers.database_url: say it by --database-url, BRAIN_DATABASE_URL or servers.database_url in brain.toml"
        ]
    );
    let whole =
        said().file("servers.nats_url = 'nats://h'\nservers.database_url = 'postgres://h/brain'\nservers.roles = ['api']");
    let config = Config::of(&whole.settle(Some(Reader::Serve)).expect("nothing is wrong"));
    assert_eq!((config.servers.nats_url.as_deref(), config.servers.roles.to_string().as_str()), (Some("nats://h"), "api"));
}

#[test]
fn no_secret_is_shown_also_not_a_wrong_one() {
    let url = "nats://brain:hunter2@nats:4222";
    let effective = said().variable("BRAIN_NATS_URL", url).variable("BRAIN_API_KEY", "hunter2").settle(None).expect("fine");
    for (setting, shown) in [(&servers::NATS_URL, "nats://brain:***@nats:4222"), (&client::KEY, "***")] {
        let row = effective.row(setting);
        assert_eq!(row.value.as_ref().map(|value| row.setting.shown(value)).as_deref(), Some(shown));
    }
    for wrong in [
        said().variable("BRAIN_NATS_URL", "hunter2"),
        said().file("servers.nats_url = 'nats//brain:hunter2@h'"),
        said().file("servers.nats_url = ['hunter2']"),
    ] {
        let faults = wrong.settle(None).expect_err("no URL");
        assert!(!format!("{faults:?}").contains("hunter2"), "{faults:?}");
    }
    let torn = File::parse(Path::new("/b.toml"), "[servers]\nnats_url = hunter2\n").expect_err("no TOML");
    assert!(torn.detail.starts_with("/b.toml, line 2: ") && !torn.detail.contains("hunter2"), "{torn:?}");
}

#[test]
fn empty_variables_say_nothing_where_shells_leave_them_behind() {
    let config = up(&said().variable("BRAIN_LOG", "").variable("RUST_LOG", "debug").variable("BRAIN_NATS_SERVER", ""));
    assert_eq!(config.logging.filter, Some(("debug".into(), "RUST_LOG".into())));
    assert_eq!(config.servers.programs.nats_server, None);
    assert!(said().variable("BRAIN_CACHE_TTL_S", "").settle(Some(Reader::Up)).is_err());
}

#[test]
fn a_path_in_the_file_begins_where_the_file_lies() {
    let config = up(&said().file("security.master_key_file = 'keys/master.key'"));
    assert_eq!(config.security.master_key_file.as_deref(), Some(Path::new("/etc/brain/keys/master.key")));
}

#[test]
fn clients_are_tables_of_the_file_and_come_back_to_safe_places_only() {
    let config = up(&said().file(
        "[[auth.client]]\nid = 'notes'\nredirect_uris = ['https://notes.example/back', 'http://127.0.0.1/back']\n[[auth.client]]\nid = 'tv'\nname = 'The TV'",
    ));
    let names: Vec<_> = config.auth.clients.iter().map(|it| (it.id.as_str(), it.name.as_str(), it.redirect_uris.len())).collect();
    assert_eq!(names, [("notes", "notes", 2), ("tv", "The TV", 0)]);
    for (table, field) in [
        ("name = 'x'", "auth.client[0].id"),
        ("id = 'brain-cli'", "auth.client[0].id"),
        ("id = 'a b'", "auth.client[0].id"),
        ("id = 'a'\nname = ''", "auth.client[0].name"),
        ("id = 'a'\nsecret = 'x'", "auth.client[0].secret"),
        ("id = 'a'\nredirect_uris = 'https://a.example'", "auth.client[0].redirect_uris"),
        ("id = 'a'\nredirect_uris = ['http://a.example']", "auth.client[0].redirect_uris"),
        ("id = 'a'\nredirect_uris = ['https://a.example/#x']", "auth.client[0].redirect_uris"),
        ("id = 'a'\nredirect_uris = ['com.example:/back']", "auth.client[0].redirect_uris"),
        ("id = 'a'\n[[auth.client]]\nid = 'a'", "auth.client[1].id"),
    ] {
        let faults = said().file(&format!("[[auth.client]]\n{table}")).settle(Some(Reader::Up)).expect_err(table);
        assert_eq!((faults.0.len(), faults.0[0].field.as_str()), (1, field), "{faults}");
    }
}

#[test]
fn login_providers_are_described_by_variables_alone() {
    let config = up(&said()
        .variable("BRAIN_AUTH_GOOGLE_CLIENT_ID", "x.apps.googleusercontent.com")
        .variable("BRAIN_AUTH_GOOGLE_CLIENT_SECRET_FILE", "/run/secrets/google")
        .variable("BRAIN_AUTH_GOOGLE_AUTO_CREATE", "true")
        .variable("BRAIN_AUTH_GOOGLE_DEFAULT", "reader@default")
        // As a composition passes on what is not set.
        .variable("BRAIN_AUTH_GITHUB_CLIENT_ID", "")
        .variable("BRAIN_AUTH_OIDC_ISSUER", "https://id.example.org")
        .variable("BRAIN_AUTH_OIDC_CLIENT_ID", "brain")
        .variable("BRAIN_AUTH_OIDC_CLIENT_SECRET", "hunter2")
        .variable("BRAIN_AUTH_OIDC_NAME", "Home")
        .variable("BRAIN_AUTH_OIDC_MAP", "admins=owner@*,family=editor@default"));
    let [google, oidc] = config.auth.providers.as_slice() else { panic!("{:?}", config.auth.providers) };
    assert_eq!((google.id.as_str(), google.preset, google.auto_create), ("google", auth::Preset::Google, true));
    assert_eq!(google.client_secret, Some(auth::Secret::In("/run/secrets/google".into())));
    assert!(google.rules.default.is_some());
    assert_eq!((oidc.id.as_str(), oidc.name.as_str(), oidc.preset), ("oidc", "Home", auth::Preset::Oidc));
    assert_eq!((oidc.client_secret.clone(), oidc.rules.map.len()), (Some(auth::Secret::Here("hunter2".into())), 2));
    for (variables, words) in [
        (&[("BRAIN_AUTH_OIDC_CLIENT_ID", "brain")][..], "BRAIN_AUTH_OIDC_ISSUER is missing"),
        (&[("BRAIN_AUTH_GITHUB_AUTO_CREATE", "true")], "BRAIN_AUTH_GITHUB_CLIENT_ID is missing"),
        (
            &[("BRAIN_AUTH_GITHUB_CLIENT_ID", "x"), ("BRAIN_AUTH_GITHUB_DEFAULT", "boss")],
            "BRAIN_AUTH_GITHUB_DEFAULT takes a role",
        ),
        (&[("BRAIN_AUTH_OIDC_MAP", "admins")], "BRAIN_AUTH_OIDC_MAP holds \"admins\""),
        (&[("BRAIN_AUTH_GITLAB_CLIENT_ID", "x")], "no such setting"),
    ] {
        let said = variables.iter().fold(said(), |said, (name, value)| said.variable(name, value));
        let faults = said.faults(Reader::Up);
        assert!(faults.len() == 1 && faults[0].contains(words), "{words}: {faults:?}");
    }
    let twice = said().file("[[auth.provider]]\nid = 'google'\nclient_id = 'y'").variable("BRAIN_AUTH_GOOGLE_CLIENT_ID", "x");
    assert!(twice.faults(Reader::Up)[0].contains("a second time"));
}

#[test]
fn the_master_key_has_one_source_that_is_whole() {
    use super::security::{MasterSource, Secret};
    let source = |said: &Said| up(said).security.source;
    assert_eq!(source(&said()), MasterSource::File);
    assert_eq!(source(&said().variable("BRAIN_MASTER_KEY", "AAAA")), MasterSource::Here(Secret("AAAA".into())));
    let service = said().file("security.kms_url = 'https://bao:8200'\nsecurity.kms_token_file = 'token'");
    let MasterSource::Kms(kms) = source(&service) else { panic!("a service") };
    assert_eq!(
        (kms.key.as_str(), kms.mount.as_str(), kms.token_file.to_str()),
        ("second-brain", "transit", Some("/etc/brain/token"))
    );
    for (said, words) in [
        (
            service.variable("BRAIN_MASTER_PASSPHRASE", "hunter2hunter2"),
            "BRAIN_MASTER_PASSPHRASE and security.kms_url in /etc/brain/brain.toml are set",
        ),
        (
            said().variable("BRAIN_MASTER_KEY", "hunter2").variable("BRAIN_MASTER_KEY_FILE", "/k"),
            "BRAIN_MASTER_KEY and BRAIN_MASTER_KEY_FILE are set",
        ),
        (said().variable("BRAIN_KMS_URL", "https://bao"), "BRAIN_KMS_URL needs a token"),
        (said().variable("BRAIN_MASTER_PASSPHRASE", "hunter2"), "at least 12 characters"),
        (said().variable("BRAIN_MASTER_KEY", ""), "at least 1 characters"),
        (said().file("security.kms_key = '../x'"), "with / between its parts"),
        (said().file("security.master_key = 'hunter2'"), "is read from no file"),
    ] {
        let faults = said.faults(Reader::Up);
        assert!(faults.len() == 1 && faults[0].contains(words), "{words}: {faults:?}");
        assert!(!format!("{faults:?}").contains("hunter2"), "{faults:?}");
    }
}
