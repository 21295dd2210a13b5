//! Live systems as the command line sees them: what would be sent, what is refused, what never leaves. Nothing is sent here.

#[cfg(unix)]
use std::process::Command;

use gatewright_testkit::TestEnvironment;

use crate::project::{GUARD, environment, examples, page};

const CANARY: &str = "sk-canary-4711-never-shown";

fn project(candidate: &str, production: &str) -> TestEnvironment {
    let environment = environment();
    let page = page("standard: unbroken", GUARD)
        .replace("{recorded: runs/candidate.jsonl}", candidate)
        .replace("{recorded: runs/production.jsonl}", production)
        .replace("reference: [", "trials: 1\nreference: [");
    environment.write("gatewright.yaml", page);
    environment.write("reference/all.jsonl", examples(10));
    environment
}

const PRICED: &str = "{openai: {model: gpt-x, system: \"Be short.\", max_tokens: 100, price: {input: 2 USD, output: 10 USD}, limits: {requests_per_minute: 10}}}";
const LOCAL: &str = "{openai: {model: m, base_url: \"http://127.0.0.1:9/v1\", key: env:LOCAL_KEY}}";

fn nothing_written(project: &TestEnvironment) {
    assert!(!project.project().join(".gatewright").exists());
}

#[test]
fn a_dry_run_says_calls_tokens_money_and_where_keys_go_and_writes_nothing() {
    let project = project(PRICED, LOCAL);
    for command in ["run", "gate"] {
        let dry = project.run(&[command, "--dry-run"]).expect(0);
        for part in [
            "candidate (openai): 20 attempts to make, 20 calls",
            "at most 2,000 written",
            "money: 0.00028 to 0.02 USD",
            "confirmation: guards that trip are run again by `gatewright gate`: at most 200 further calls",
            "api.openai.com:443 gets env:OPENAI_API_KEY (the provider's own)",
            "so at least 2 min 0 s",
            "| Be short.",
            "| what is cold-00?",
            "price unknown: add `price:`",
            "not allowed yet: --allow-host 127.0.0.1:9=env:LOCAL_KEY",
            "no bound on what is written",
        ] {
            assert!(dry.stdout.contains(part), "{part}: {dry}");
        }
    }
    let json = project
        .run(&[
            "run",
            "--dry-run",
            "--json",
            "--filter",
            "task=warm",
            "--limit",
            "3",
        ])
        .expect(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["format"], "gatewright-dry-run/1");
    assert_eq!(json["systems"][0]["calls"], 3);
    assert_eq!(json["systems"][0]["live"]["tokens_written_max"], 300);
    nothing_written(&project);
}

/// A16: a host that nobody allowed is refused before anything is written, with its place and what to type; `--yes` is no answer.
#[test]
fn a16_a_strangers_host_is_refused_in_ci_before_anything_is_written() {
    let evil =
        "{openai: {model: m, base_url: \"https://evil.example.com/v1\", key: env:OPENAI_API_KEY}}";
    let project = project(PRICED, evil);
    for arguments in [&["gate", "--yes"][..], &["run", "-y"], &["gate", "--json"]] {
        let output = project
            .command(arguments)
            .env("OPENAI_API_KEY", CANARY)
            .output()
            .expect("runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("gatewright.yaml:"), "{stderr}");
        assert!(
            stderr.contains("--allow-host evil.example.com:443=env:OPENAI_API_KEY"),
            "{stderr}"
        );
        let all = stderr + &String::from_utf8_lossy(&output.stdout);
        assert!(!all.contains(CANARY), "{all}");
    }
    nothing_written(&project);
}

/// A16: a key is said of those systems alone that send it.
#[test]
fn a16_a_refused_host_names_keys_of_those_who_send_them() {
    let without = "{openai: {model: m, base_url: \"http://127.0.0.1:9/v1\", key: none}}";
    let project = project(LOCAL, without);
    let refused = project.run(&["run"]).expect(2);
    let said = refused
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        said.contains("the candidate sends examples and the key env:LOCAL_KEY, and the production sends examples to 127.0.0.1:9, which nobody allowed here"),
        "{refused}"
    );
    assert!(
        said.contains("--allow-host 127.0.0.1:9=env:LOCAL_KEY"),
        "{refused}"
    );
    nothing_written(&project);
}

/// Where the answer says what it costs, no price is missing: `--max-cost` holds, and a dry run says so.
#[test]
fn a_cost_that_stands_in_the_answer_is_no_unknown_price() {
    let says = "{http: {url: \"http://127.0.0.1:9/answer\", answer: $.text, cost_usd: $.usd}}";
    let project = project(says, PRICED);
    let dry = project
        .run(&["run", "--dry-run", "--max-cost", "5"])
        .expect(0);
    assert!(
        dry.stdout
            .contains("money: known from each answer (`cost_usd`), and not before"),
        "{dry}"
    );
    assert!(!dry.stdout.contains("price unknown"), "{dry}");
}

/// A17: a key that is missing is named, and what to type; values never are.
#[test]
fn a17_missing_keys_are_named_at_once() {
    let project = project(PRICED, LOCAL);
    let refused = project
        .run(&["gate", "--allow-host", "127.0.0.1:9=env:LOCAL_KEY"])
        .expect(2);
    for part in [
        "export OPENAI_API_KEY=…",
        "export LOCAL_KEY=…",
        "[missing-secret]",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused}");
    }
    nothing_written(&project);
}

#[test]
fn a_budget_of_money_needs_a_price() {
    let project = project(PRICED, LOCAL);
    let refused = project.run(&["gate", "--max-cost", "5"]).expect(2);
    assert!(
        refused.stderr.contains("the production has none"),
        "{refused}"
    );
    assert!(refused.stderr.contains("price: {input"), "{refused}");
    assert!(
        !refused.stderr.contains("the candidate has none"),
        "{refused}"
    );
}

#[test]
fn prompts_that_cannot_be_filled_in_are_errors_of_the_example() {
    let project = project(
        "{openai: {model: m, prompt: \"{{ context.plan }}: {{ input }}\"}}",
        PRICED,
    );
    for arguments in [&["check"][..], &["run", "--dry-run"]] {
        let wrong = project.run(arguments).expect(2);
        let all = format!("{}{}", wrong.stdout, wrong.stderr);
        assert!(all.contains("reference/all.jsonl:1:"), "{wrong}");
        assert!(all.contains("line 1 of the template"), "{wrong}");
        assert!(all.contains("prompt of the candidate"), "{wrong}");
    }
}

/// What is not selected stays outstanding, and the run goes on with it.
#[test]
fn a_selection_leaves_the_rest_outstanding() {
    const ECHO: &str = "import json, sys\nfor line in sys.stdin:\n    r = json.loads(line)\n    print(json.dumps({'id': r['id'], 'output': r['example']}), flush=True)\n";
    let command = "{command: [python3, echo.py]}";
    let project = project(command, command);
    project.write("echo.py", ECHO);
    let part = project
        .run(&["run", "--filter", "task=warm", "--sample", "4"])
        .expect(0);
    assert!(
        part.stdout
            .contains("8 of 40 attempts ended. 32 are outstanding."),
        "{part}"
    );
    assert!(part.stdout.contains("Next: gatewright run"), "{part}");
    let rest = project.run(&["run"]).expect(0);
    assert!(rest.stdout.contains("40 of 40 attempts ended."), "{rest}");
    let none = project.run(&["run", "--filter", "id=nothing*"]).expect(4);
    assert!(none.stderr.contains("nothing to run"), "{none}");
}

/// Answers the first question on a terminal of its own with what `ANSWER` says, and prints what was shown.
#[cfg(unix)]
const TERMINAL: &str = r#"
import os, pty, select, sys, time
os.environ.pop("CI", None)
os.environ["TERM"] = "xterm"
pid, master = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown, answered, end = b"", False, time.monotonic() + 30
while time.monotonic() < end:
    if select.select([master], [], [], 0.1)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:
            break
    if not answered and b"[y/N/always]" in shown:
        os.write(master, os.environ["ANSWER"].encode() + b"\n")
        answered = True
else:
    os.kill(pid, 9)
print(shown.decode())
print("code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "asked", answered)
"#;

#[cfg(unix)]
fn on_a_terminal(project: &TestEnvironment, answer: &str) -> String {
    let run = project.command(&["run", "--yes"]);
    let mut terminal = Command::new("python3");
    terminal.args(["-c", TERMINAL]).arg(run.get_program());
    terminal.args(run.get_args()).env_clear();
    for (name, value) in run.get_envs() {
        terminal.env(name, value.unwrap_or_default());
    }
    terminal.env("ANSWER", answer);
    terminal.env("XDG_CONFIG_HOME", project.project().join("config"));
    if let Some(folder) = run.get_current_dir() {
        terminal.current_dir(folder);
    }
    String::from_utf8_lossy(&terminal.output().expect("python3").stdout).into_owned()
}

/// A16: on a terminal a new host is asked about, also with `--yes`; `always` is remembered with its keys, for the user alone.
#[cfg(unix)]
#[test]
fn a16_a_new_host_is_asked_about_on_a_terminal_and_always_is_remembered() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = project(LOCAL, LOCAL);
    let file = project.project().join("config/gatewright/hosts.jsonl");
    let no = on_a_terminal(&project, "");
    assert!(no.contains("confirmation: guards that trip"), "{no}");
    assert!(no.contains("code 2 asked True"), "{no}");
    assert!(no.contains("the key env:LOCAL_KEY to 127.0.0.1:9"), "{no}");
    assert!(no.contains("unknown-host") && !file.exists(), "{no}");
    // Past the question, the missing key stops it: nothing is sent in a test.
    let yes = on_a_terminal(&project, "y");
    assert!(
        yes.contains("code 2 asked True") && yes.contains("missing-secret"),
        "{yes}"
    );
    assert!(!file.exists(), "yes is for once");
    let always = on_a_terminal(&project, "always");
    assert!(always.contains("code 2 asked True"), "{always}");
    assert_eq!(
        always.matches("[y/N/always]").count(),
        1,
        "one question for one host: {always}"
    );
    let mode = std::fs::metadata(&file)
        .expect("remembered")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        std::fs::read_to_string(&file).expect("read"),
        "{\"host\":\"127.0.0.1:9\",\"key\":\"env:LOCAL_KEY\"}\n"
    );
    let again = on_a_terminal(&project, "never asked");
    assert!(
        again.contains("code 2 asked False") && again.contains("missing-secret"),
        "{again}"
    );
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("env:LOCAL_KEY", "env:GITHUB_TOKEN"),
    );
    let other = on_a_terminal(&project, "n");
    assert!(
        other.contains("code 2 asked True") && other.contains("GITHUB_TOKEN"),
        "{other}"
    );
}
