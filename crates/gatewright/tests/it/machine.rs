//! The machine around a run of live systems: its clock, its certificates, its home, another process (hardening.md A16, F6, F7, F15, F29).
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::{Behaviour, Provider, Script};
use gatewright_testkit::tls::{Certificate, TlsEndpoint};

use crate::project::{GUARD, environment, examples, page};

fn page_of(url: &str, key: &str) -> String {
    let system = format!("{{openai: {{model: m, base_url: \"{url}/v1\", key: {key}}}}}");
    page("standard: unbroken", GUARD)
        .replace("{recorded: runs/candidate.jsonl}", &system)
        .replace("{recorded: runs/production.jsonl}", &system)
        .replace("reference: [", "trials: 1\nreference: [")
}

fn project(url: &str, key: &str) -> TestEnvironment {
    let environment = environment();
    environment.write("gatewright.yaml", page_of(url, key));
    environment.write("reference/all.jsonl", examples(4));
    environment
}

fn allow(provider: &Provider) -> String {
    format!("--allow-host={}", provider.address())
}

/// F6: the wall clock jumps a year on and an hour back between the parts of a run. Nothing is asked twice, and the answer is the same.
#[test]
fn f6_a_clock_that_jumps_changes_no_answer_and_asks_nothing_twice() {
    let provider = Provider::start(Script::default());
    let allow = allow(&provider);
    let today = "--now=2026-11-02T09:00:00Z";
    let plain = project(&provider.url(), "none");
    let plain = plain.run(&["gate", &allow, today]).expect(0);
    assert_eq!(provider.log().len(), 16);
    let jumpy = project(&provider.url(), "none");
    for (now, limit) in [
        ("--now=2026-11-02T09:00:00Z", "1"),
        ("--now=2027-11-02T09:00:00Z", "3"),
        ("--now=2026-11-02T08:00:00Z", "5"),
        ("--now=1969-12-31T23:59:59Z", "6"),
    ] {
        let _ = jumpy.run(&["run", &allow, now, "--limit", limit]).expect(0);
    }
    let gate = jumpy.run(&["gate", &allow, today]).expect(0);
    assert_eq!(provider.log().len(), 32, "each once");
    assert_eq!(gate.stdout, plain.stdout);
}

/// F7: a second command on a run that is being made is refused with the holder's name, and sends nothing.
#[test]
fn f7_two_commands_on_one_live_run_never_ask_the_same() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(250)));
    let allow = allow(&provider);
    let project = project(&provider.url(), "none");
    let first = project
        .command(&["run", &allow, "-j", "1"])
        .stdin(Stdio::null())
        .spawn()
        .expect("starts");
    provider.wait_for(1);
    for command in ["run", "gate"] {
        let second = project.run(&[command, &allow]).expect(111);
        let holder = format!("process {}", first.id());
        assert!(second.said().contains(&holder), "{second}");
        assert!(second.said().contains("gatewright run"), "{second}");
        assert!(second.stdout.is_empty(), "{second}");
    }
    let output = first.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(provider.log().len(), 16, "each once");
    let _ = project.run(&["gate", &allow]).expect(0);
    assert_eq!(provider.log().len(), 16);
}

/// F15: a certificate that has ended, has not begun, is another host's, or nobody vouches for: the run pauses, says which, and keeps everything.
#[test]
fn f15_a_certificate_that_is_no_good_pauses_and_is_named() {
    let run = |certificate, trusted: bool| {
        let endpoint = TlsEndpoint::start(certificate);
        let project = project(&endpoint.url(), "none");
        project.write("authority.pem", endpoint.authority());
        let host = endpoint.url().replace("https://", "");
        let mut command = project.command(&["run", &format!("--allow-host={host}")]);
        if trusted {
            command.env("SSL_CERT_FILE", project.project().join("authority.pem"));
        }
        let output = command.output().expect("runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), stderr, endpoint.answered())
    };
    let (code, stderr, answered) = run(Certificate::Good, true);
    assert_eq!((code, answered), (Some(0), 16), "{stderr}");
    for (certificate, trusted, word) in [
        (Certificate::Expired, true, "expired"),
        (Certificate::NotYet, true, "not valid yet"),
        (Certificate::OtherName, true, "not valid for name"),
        (Certificate::Good, false, "UnknownIssuer"),
    ] {
        let (code, stderr, answered) = run(certificate, trusted);
        assert_eq!(
            (code, answered),
            (Some(111), 0),
            "{certificate:?}: {stderr}"
        );
        assert!(stderr.contains("cannot be asked (tls)"), "{stderr}");
        assert!(stderr.contains(word), "{certificate:?}: {stderr}");
        assert!(
            stderr.contains("check the certificate of localhost:"),
            "{stderr}"
        );
    }
}

/// F15: a certificate that ends in the middle of a run pauses it: what was answered is kept, and no attempt ends in an error for it.
#[test]
fn f15_a_certificate_that_ends_in_the_middle_pauses_and_costs_no_attempt() {
    let endpoint = TlsEndpoint::start_then(Certificate::Good, 5, Certificate::Expired);
    let project = project(&endpoint.url(), "none");
    project.write("authority.pem", endpoint.authority());
    let consent = format!("--allow-host={}", endpoint.url().replace("https://", ""));
    let authority = project.project().join("authority.pem");
    let project = project.with_variable("SSL_CERT_FILE", &authority.display().to_string());
    let paused = project.run(&["run", &consent, "-j", "1"]).expect(111);
    assert!(paused.stderr.contains("cannot be asked (tls)"), "{paused}");
    assert!(paused.stderr.contains("expired"), "{paused}");
    assert_eq!(endpoint.answered(), 5);
    let seen = project.run(&["grade", "--json"]).expect(0);
    let seen: serde_json::Value = serde_json::from_str(&seen.stdout).expect("JSON");
    let denominators = seen["denominators"].as_array().expect("two");
    let answered = denominators.iter().map(|one| one["answered"].as_u64());
    assert_eq!(answered.sum::<Option<u64>>(), Some(5), "{seen}");
    for one in denominators {
        assert!(one["missing"]["provider error"].is_null(), "{seen}");
    }
}

/// What merely waited for another try when a run was stopped was not on its way: it cannot have been paid for.
#[test]
fn what_waited_for_another_try_is_not_counted_as_paid_for() {
    let script = r#"{"rules": [{"when": {"nth": {"from": 3, "to": 3}}, "do": {"rate_limited": {"seconds": 60}}}]}"#;
    let provider = Provider::start(Script::parse(script).expect("a script"));
    let project = project(&provider.url(), "none");
    let allow = allow(&provider);
    let child = project
        .command(&["run", &allow, "-j", "1"])
        .spawn()
        .expect("starts");
    provider.wait_for_ended(3);
    // The answer has to be heard and committed; the wait is a minute.
    std::thread::sleep(Duration::from_millis(600));
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
    let output = child.wait_with_output().expect("ends");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("stopping: nothing is on its way. To go on: gatewright run"),
        "{stderr}"
    );
    assert_eq!(provider.log().len(), 3);
    let rest = project.run(&["run", &allow]).expect(0);
    assert!(!rest.stderr.contains("may have been paid for"), "{rest}");
    assert!(rest.stdout.contains("16 of 16 attempts ended."), "{rest}");
    assert_eq!(provider.log().len(), 17);
}

/// Requires that everything below a folder is its owner's alone.
fn private(folder: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let mode = path.metadata().expect("there").permissions().mode() & 0o777;
        if path.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            files += private(&path);
        } else {
            assert_eq!(mode, 0o600, "{}", path.display());
            files += 1;
        }
    }
    files
}

/// F29: the machine's settings change no byte of what comes out, and what is kept is its owner's alone whatever the umask.
#[test]
fn f29_the_same_bytes_on_every_machine_and_private_files() {
    let provider = Provider::start(Script::default());
    let deep = format!("with space/ünïcødé 日本/{0}/{0}/{0}", "x".repeat(90));
    let mut seen: Option<(String, String)> = None;
    for (what, umask, folder, settings) in [
        ("usual", "022", "", &[][..]),
        ("zone", "022", "", &[("TZ", Some("Asia/Kathmandu"))]),
        (
            "language",
            "022",
            "",
            &[
                ("LANG", Some("tr_TR.UTF-8")),
                ("LC_ALL", Some("de_DE.UTF-8")),
            ],
        ),
        ("no language", "022", "", &[("LANG", Some("C"))]),
        ("open", "000", "", &[]),
        ("closed", "077", "", &[]),
        ("homeless", "022", "", &[("HOME", None)]),
        (
            "a home that takes nothing",
            "022",
            "",
            &[("HOME", Some("/proc"))],
        ),
        (
            "a home that is none",
            "022",
            "",
            &[("HOME", Some("here/it/is"))],
        ),
        ("deep", "022", deep.as_str(), &[]),
    ] {
        let project = project(&provider.url(), "none");
        let here = project.project().join(folder);
        std::fs::create_dir_all(here.join("reference")).expect("made");
        std::fs::write(
            here.join("gatewright.yaml"),
            page_of(&provider.url(), "none"),
        )
        .expect("it");
        std::fs::write(here.join("reference/all.jsonl"), examples(4)).expect("it");
        let inner = project.command(&["gate", &allow(&provider), "-o", "report.md"]);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
        command.arg(inner.get_program()).args(inner.get_args());
        command.env_clear().current_dir(&here);
        for (name, value) in inner.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        for (name, value) in settings {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.output().expect("runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{what}: {stderr}");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let report = std::fs::read_to_string(here.join("report.md")).expect("written");
        let files = private(&here.join(".gatewright"));
        assert!(files >= 2, "{what}: the run's log and the project's");
        match &seen {
            None => seen = Some((stdout, report)),
            Some(first) => {
                assert_eq!(first.0, stdout, "{what}");
                assert_eq!(first.1, report, "{what}");
            }
        }
        assert!(!folder.is_empty() || here.as_os_str().len() < 260);
    }
    assert!(deep.len() > 260, "longer than some systems take");
}

/// A16: a file `.env` is read neither for a key nor for consent, and in CI an address that somebody edited into the page is refused.
#[test]
fn a16_a_dot_env_says_nothing_and_an_edited_address_is_refused() {
    let provider = Provider::start(Script::default());
    let project = project(&provider.url(), "env:LOCAL_KEY");
    let trap = format!(
        "LOCAL_KEY=sk-canary\nOPENAI_API_KEY=sk-canary\nGATEWRIGHT_ALLOW_HOST={0}=env:LOCAL_KEY\nOPENAI_BASE_URL={1}/v1\n",
        provider.address(),
        provider.url()
    );
    for place in [".env", "reference/.env", "../.env", "../home/.env"] {
        project.write(place, &trap);
    }
    let refused = project.run(&["run"]).expect(2);
    assert!(refused.stderr.contains("[unknown-host]"), "{refused}");
    let consent = format!("--allow-host={}=env:LOCAL_KEY", provider.address());
    let refused = project.run(&["run", &consent]).expect(2);
    assert!(refused.stderr.contains("export LOCAL_KEY=…"), "{refused}");
    let project = project
        .with_variable("LOCAL_KEY", "sk-real")
        .with_variable("CI", "true");
    let _ = project.run(&["run", &consent, "--limit", "1"]).expect(0);
    for served in provider.log() {
        let sent = served.request.header("authorization");
        assert_eq!(sent, Some("Bearer sk-real"), "the operator's own");
    }
    // Somebody edits where it goes: the same key, another host, with the consent of before.
    let stranger = Provider::start(Script::default());
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace(&provider.url(), &stranger.url()),
    );
    let refused = project.run(&["run", "--fresh", &consent]).expect(2);
    assert!(refused.stderr.contains("nobody allowed here"), "{refused}");
    assert_eq!(stranger.log().len(), 0);
}

/// F22: many attempts with 256 open files: all of them, once, in memory that is bounded. nginx answers where it is installed, else the scripted
/// provider.
/// `GATEWRIGHT_TEST_ATTEMPTS=100000` makes a hundred thousand, which takes minutes without optimisation.
#[test]
fn f22_many_attempts_in_little_room() {
    let wanted = std::env::var("GATEWRIGHT_TEST_ATTEMPTS").ok();
    let attempts = wanted.map_or(10_000, |text| text.parse().expect("a number"));

    let server = Server::start();
    let project = project(&server.url(), "none");
    let mut text = String::new();
    for index in 0..attempts / 2 {
        use std::fmt::Write as _;
        let task = if index % 2 == 0 { "warm" } else { "cold" };
        let _ = writeln!(
            text,
            r#"{{"id":"e{index:06}","input":"what is {index}?","segments":{{"task":"{task}"}},"expect":{{"contains":["fixed"]}},"provenance":{{"kind":"policy"}}}}"#
        );
    }
    project.write("reference/all.jsonl", text);
    let inner = project.command(&[
        "run",
        "-j",
        "512",
        &format!("--allow-host={}", server.host()),
    ]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 256; exec \"$@\"", "sh"]);
    command.arg(inner.get_program()).args(inner.get_args());
    command.env_clear().current_dir(project.project());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut most_kib = 0;
    while child.try_wait().expect("it").is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let peak = status.unwrap_or_default();
        let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
        most_kib = most_kib.max(peak.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().expect("ended");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    println!(
        "{:.1} s, {most_kib} KiB at most\n{stderr}",
        start.elapsed().as_secs_f64()
    );
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let ended = format!("{attempts} of {attempts} attempts ended.");
    assert!(stdout.contains(&ended), "{stdout}");
    assert_eq!(server.answered(), attempts, "each was asked once");
    assert!(stderr.contains("calls, 0 again"), "{stderr}");
    assert!(most_kib > 0 && most_kib < 300 << 10, "{most_kib} KiB");
}

/// What answers many attempts.
enum Server {
    Nginx(Nginx),
    Scripted(Provider),
}

impl Server {
    fn start() -> Self {
        match Nginx::start() {
            Some(nginx) => Self::Nginx(nginx),
            None => {
                let script = r#"{"reply": {"fixed": "a fixed answer"}}"#;
                Self::Scripted(Provider::start(Script::parse(script).expect("a script")))
            }
        }
    }

    fn host(&self) -> String {
        match self {
            Self::Nginx(nginx) => nginx.host(),
            Self::Scripted(provider) => provider.address().to_string(),
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    fn answered(&self) -> usize {
        match self {
            Self::Nginx(nginx) => nginx.answered(),
            Self::Scripted(provider) => provider.log().len(),
        }
    }
}

/// nginx of the distribution, with a fixed answer: as fast as an endpoint can be.
struct Nginx {
    child: std::process::Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Nginx {
    /// Starts it; nothing where it is not installed.
    fn start() -> Option<Self> {
        let programs = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let program = programs.iter().find(|path| Path::new(path).exists())?;
        let folder = tempfile::tempdir().expect("a folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = port.local_addr().expect("it").port();
        let answer = r#"{"object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"a fixed answer"}}],"usage":{"prompt_tokens":8,"completion_tokens":3}}"#;
        let at = folder.path().display();
        let text = format!(
            "daemon off; master_process off; worker_rlimit_nofile 2048; pid {at}/pid; error_log {at}/error.log warn;
events {{ worker_connections 1024; multi_accept on; }}
http {{
  log_format status '$status';
  access_log {at}/access.log status buffer=16k flush=100ms;
  keepalive_requests 100000000; tcp_nodelay on; default_type application/json;
  client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ return 200 '{answer}'; }} }}
}}
"
        );
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, text).expect("written");
        let child = Command::new(program)
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let server = Self {
            child,
            folder,
            port,
        };
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let why = std::fs::read_to_string(server.folder.path().join("error.log"));
            assert!(Instant::now() < until, "nginx does not answer: {why:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Counts requests that were answered well; its log is behind by a moment.
    fn answered(&self) -> usize {
        std::thread::sleep(Duration::from_millis(400));
        let log = std::fs::read_to_string(self.folder.path().join("access.log"));
        log.expect("its log")
            .lines()
            .filter(|line| *line == "200")
            .count()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
