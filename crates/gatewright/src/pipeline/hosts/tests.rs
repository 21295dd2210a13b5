use clap::Parser as _;

use gatewright_core::manifest::Role;

use super::*;
use crate::args::Cli;

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

fn console(interactive: bool) -> Console {
    let cli = Cli::try_parse_from(["gatewright", "check", "--yes"]).expect("parsed");
    let mut console = Console::new(&cli.global, |_| None);
    console.interactive = interactive;
    console
}

fn called(host: &str, keys: &[&str], own: bool) -> Called {
    Called {
        caller: Caller::System(Role::Candidate),
        host: host.to_owned(),
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        private: is_private(&url(&format!("http://{host}/"))),
        own,
        plain: false,
        at: Location::new(&"gatewright.yaml".into(), 12, 3),
    }
}

fn manifest(systems: &str) -> Manifest {
    let page = format!(
        "gatewright: 1\npromise: Answer.\ntasks: {{refund: Give money back}}\nfailures: {{unsupported-claim: {{severity: high}}}}\nowners: {{product: Maria}}\nsystems: {systems}\ngate: [{{guard: contains, against: production, margin: 10 pts, then: {{violated: hold}}, owner: product}}]\n"
    );
    let (manifest, problems) =
        gatewright_core::manifest::read::survey(page.as_bytes(), "gatewright.yaml");
    manifest.unwrap_or_else(|| panic!("{problems:?}"))
}

/// A15: however a private address is written, it is private.
#[test]
fn a15_private_addresses_in_every_form() {
    for private in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://172.31.255.255/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.100.100.200/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://localhost:8080/",
        "http://LOCALHOST./",
        "http://model.localhost/",
    ] {
        assert!(is_private(&url(private)), "{private}");
    }
    for public in [
        "https://api.openai.com/",
        "http://172.32.0.1/",
        "http://8.8.8.8/",
        "http://[2606:4700::1111]/",
        "http://[::ffff:8.8.8.8]/",
        "https://localhost.example.com/",
    ] {
        assert!(!is_private(&url(public)), "{public}");
    }
}

/// A15: what stands behind a public name may be private only where a flag says so.
#[test]
fn a15_private_addresses_are_allowed_by_the_operator_alone() {
    let public = called("api.example.com:443", &[], false);
    let private = called("127.0.0.1:8080", &[], false);
    assert!(private.private && !public.private);
    assert!(Known::Flag.private_allowed(&public));
    assert!(Known::Remembered.private_allowed(&private));
    assert!(!Known::Remembered.private_allowed(&public));
    assert!(!Known::Own.private_allowed(&private));
}

/// A16: only the provider's own address gets the provider's own key without a question.
#[test]
fn a16_the_own_address_and_the_own_key() {
    let known = |systems: &str| {
        let called = super::called(&manifest(systems));
        called.iter().map(|one| one.own).collect::<Vec<_>>()
    };
    assert_eq!(
        known(
            "{candidate: {openai: {model: m}}, production: {anthropic: {model: m}}, fallback: {openai: {model: m, key: none}}}"
        ),
        [true, true, true]
    );
    assert_eq!(
        known(
            "{candidate: {openai: {model: m, base_url: https://evil.example.com/v1, key: env:OPENAI_API_KEY}}, production: {openai: {model: m, key: env:GITHUB_TOKEN}}, fallback: {openai: {model: m, base_url: http://api.openai.com:443/v1, key: env:OPENAI_API_KEY}}}"
        ),
        [false, false, false]
    );
    assert_eq!(
        known(
            "{candidate: {anthropic: {model: m, headers: {x-more: env:AWS_SECRET_ACCESS_KEY}}}, production: {http: {url: https://api.openai.com/x, key: env:OPENAI_API_KEY, answer: $.a}}}"
        ),
        [false, false]
    );
    // An adapter's own address needs its own key, too: without a key nobody knows who is asked.
    assert_eq!(
        known(
            "{candidate: {provider: {adapter: gemini, model: m}}, production: {provider: {adapter: gemini, model: m, key: env:OPENAI_API_KEY}}, fallback: {provider: {adapter: mistral, model: m, key: none}}}"
        ),
        [true, false, false]
    );
    assert_eq!(
        known(
            "{candidate: {provider: {adapter: gemini, model: m, base_url: \"https://evil.example.com/\", key: env:GEMINI_API_KEY}}, production: {provider: {adapter: ollama, model: m}}}"
        ),
        [false, false]
    );
}

/// A16: in CI, and wherever nobody can answer, a new host is refused with its place; `--yes` changes nothing.
#[test]
fn a16_a_new_host_is_refused_where_nobody_can_answer() {
    let mut allowed = Allowed::default();
    let stranger = called("evil.example.com:443", &["env:OPENAI_API_KEY"], false);
    let refused = allowed
        .consent(&[stranger], None, &console(false))
        .expect_err("refused");
    assert_eq!(refused.code(), 2);
    let text = refused.text(200);
    for part in [
        "gatewright.yaml:12:3",
        "the key env:OPENAI_API_KEY",
        "evil.example.com:443",
        "--allow-host evil.example.com:443=env:OPENAI_API_KEY",
        "why:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// A16: a remembered host is bound to the keys that were allowed with it.
#[test]
fn a16_another_key_for_a_remembered_host_asks_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().display().to_string();
    let var = |name: &str| (name == "HOME").then(|| home.clone());
    let console = console(false);
    let first = called("llm.example.com:443", &["env:LLM_KEY"], false);
    let allowed = Allowed::read(&[], var, &console).expect("read");
    assert_eq!(allowed.knows(&first), None);
    allowed.remember(&first, &console);
    let file = folder.path().join(".config/gatewright/hosts.jsonl");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file)
            .expect("written")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let allowed = Allowed::read(&[], var, &console).expect("read");
    assert_eq!(allowed.knows(&first), Some(Known::Remembered));
    for keys in [&["env:GITHUB_TOKEN"][..], &["env:LLM_KEY", "env:OTHER"]] {
        let other = called("llm.example.com:443", keys, false);
        assert_eq!(allowed.knows(&other), None, "{keys:?}");
    }
    assert_eq!(
        allowed.knows(&called("llm.example.com:8443", &["env:LLM_KEY"], false)),
        None,
        "another port is another party"
    );
    // What others may write allows nothing.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(&file, open).expect("changed");
        let allowed = Allowed::read(&[], var, &console).expect("read");
        assert_eq!(allowed.knows(&first), None);
    }
}

#[test]
fn a16_flags_name_hosts_and_nothing_else() {
    let console = console(false);
    let flags = [
        "LLM.example.com".to_owned(),
        "[::1]:8080".to_owned(),
        "x.example:443".to_owned(),
    ];
    let allowed = Allowed::read(&flags, |_| None, &console).expect("read");
    assert!(allowed.file.is_none(), "HOME is not set");
    for host in [
        "llm.example.com:443",
        "llm.example.com:8080",
        "[::1]:8080",
        "x.example:443",
    ] {
        assert_eq!(
            allowed.knows(&called(host, &[], false)),
            Some(Known::Flag),
            "{host}"
        );
    }
    for host in ["[::1]:80", "x.example:80", "evil-llm.example.com:443"] {
        assert_eq!(allowed.knows(&called(host, &[], false)), None, "{host}");
    }
    for wrong in [
        "https://x.example",
        "x.example/path",
        "a b",
        "user@x.example",
        "x.example?q",
    ] {
        assert!(
            Allowed::read(&[wrong.to_owned()], |_| None, &console).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn a16_the_question_names_the_key_and_never_leaves_the_line() {
    let hostile = called("evil.example.com:443", &["env:K", "file:a\u{1b}[2J"], false);
    let question = hostile.question();
    assert!(question.contains("evil.example.com:443") && question.contains("env:K"));
    assert!(!question.contains('\u{1b}') && question.ends_with("[y/N/always] "));
}

/// A16: a flag names a host and a key; the host alone lets no key go there, and a key goes to no other host.
#[test]
fn a16_a_flag_binds_a_key_to_its_host() {
    let console = console(false);
    let read = |flags: &[&str]| {
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        Allowed::read(&flags, |_| None, &console).expect("read")
    };
    let keyed = |keys: &[&str]| called("llm.example.com:443", keys, false);
    let bare = read(&["llm.example.com"]);
    assert_eq!(bare.knows(&keyed(&[])), Some(Known::Flag));
    assert_eq!(bare.knows(&keyed(&["env:LLM_KEY"])), None);
    for flag in [
        "llm.example.com=env:LLM_KEY",
        "LLM.example.com:443=env:LLM_KEY",
    ] {
        let one = read(&[flag]);
        assert_eq!(one.knows(&keyed(&[])), Some(Known::Flag));
        assert_eq!(one.knows(&keyed(&["env:LLM_KEY"])), Some(Known::Flag));
        assert_eq!(one.knows(&keyed(&["env:GITHUB_TOKEN"])), None, "{flag}");
        assert_eq!(
            one.knows(&keyed(&["env:LLM_KEY", "env:GITHUB_TOKEN"])),
            None
        );
        let other = called("evil.example.com:443", &["env:LLM_KEY"], false);
        assert_eq!(one.knows(&other), None, "{flag}");
    }
    let both = read(&[
        "llm.example.com=env:A",
        "llm.example.com=file:/run/secrets/b",
    ]);
    let two = keyed(&["env:A", "file:/run/secrets/b"]);
    assert_eq!(both.knows(&two), Some(Known::Flag));
    // The provider's own address with the provider's own key: the flag says besides that it may be private.
    let own = called("api.openai.com:443", &["env:OPENAI_API_KEY"], true);
    assert_eq!(read(&["api.openai.com"]).knows(&own), Some(Known::Flag));
    assert_eq!(read(&[]).knows(&own), Some(Known::Own));
    for wrong in [
        "x.example=sk-canary-1",
        "x.example=",
        "x.example=env:",
        "x.example=none",
    ] {
        let refused = Allowed::read(&[wrong.to_owned()], |_| None, &console).expect_err(wrong);
        let text = refused.text(100);
        assert!(text.contains("--allow-host x.example=env:NAME"), "{text}");
        assert!(
            !text.contains("canary"),
            "a value is never repeated: {text}"
        );
    }
}

/// A16: what a flag and the user's file say is taken together, key by key.
#[test]
fn a16_a_remembered_key_and_one_of_a_flag_add_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().display().to_string();
    let var = |name: &str| (name == "HOME").then(|| home.clone());
    let console = console(false);
    let one = called("llm.example.com:443", &["env:A"], false);
    let none = Allowed::read(&[], var, &console).expect("read");
    none.remember(&one, &console);
    let two = called("llm.example.com:443", &["env:A", "env:B"], false);
    let remembers = Allowed::read(&[], var, &console).expect("read");
    assert_eq!(remembers.knows(&two), None);
    let flags = ["llm.example.com=env:B".to_owned()];
    let both = Allowed::read(&flags, var, &console).expect("read");
    assert_eq!(both.knows(&two), Some(Known::Flag));
}

/// One host is refused once, with all systems and all keys that nobody allowed; what was allowed is not listed again.
#[test]
fn a_host_is_refused_once_whichever_systems_are_there() {
    let console = console(false);
    let flags = ["evil.example.com=env:A".to_owned()];
    let mut allowed = Allowed::read(&flags, |_| None, &console).expect("read");
    let mut production = called("evil.example.com:443", &["env:A", "env:B"], false);
    production.caller = Caller::System(Role::Production);
    let systems = [
        called("evil.example.com:443", &["env:C"], false),
        production,
        called("other.example.com:443", &[], false),
    ];
    let refused = allowed
        .consent(&systems, None, &console)
        .expect_err("refused");
    let Failure::Problems(problems) = refused else {
        panic!("{refused:?}");
    };
    let said: Vec<&str> = problems.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "the candidate sends examples and the key env:C, and the production sends examples and the key env:B to evil.example.com:443, which was allowed here without these keys",
            "the candidate sends examples to other.example.com:443, which nobody allowed here",
        ]
    );
    assert!(
        problems[0].instead.starts_with(
            "--allow-host evil.example.com:443=env:B --allow-host evil.example.com:443=env:C "
        ),
        "{}",
        problems[0].instead
    );
}

/// An address that we parsed reads as one, also where it is IPv6.
#[test]
fn addresses_of_ipv6_are_shown_as_they_are() {
    let here = called("[::1]:8080", &["env:K"], false);
    assert!(
        here.question().contains(" to [::1]:8080, "),
        "{}",
        here.question()
    );
    let refused = Allowed::default().consent(&[here], None, &console(false));
    let text = refused.expect_err("refused").text(200);
    assert!(
        text.contains("to [::1]:8080, which nobody allowed here"),
        "{text}"
    );
    assert!(text.contains("--allow-host [::1]:8080=env:K"), "{text}");
}
