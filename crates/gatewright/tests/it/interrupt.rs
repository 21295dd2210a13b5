//! Stopping and going on: nothing that was answered is asked twice.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gatewright_testkit::TestEnvironment;

use crate::project::{GUARD, environment, examples, page};

/// A system that writes down what it is asked and answers slowly.
const SLOW: &str = r#"import json, os, sys, time
for line in sys.stdin:
    request = json.loads(line)
    with open("asked-" + sys.argv[1], "a") as asked:
        asked.write("%s %d\n" % (request["example"], request["trial"]))
    time.sleep(float(sys.argv[2]))
    print(json.dumps({"id": request["id"], "output": request["example"]}), flush=True)
"#;

fn project(seconds: &str) -> TestEnvironment {
    let environment = environment();
    let page = page("standard: unbroken", GUARD)
        .replace(
            "candidate: {recorded: runs/candidate.jsonl}",
            &format!("candidate: {{command: [python3, slow.py, candidate, \"{seconds}\"]}}"),
        )
        .replace(
            "production: {recorded: runs/production.jsonl}",
            &format!("production: {{command: [python3, slow.py, production, \"{seconds}\"]}}"),
        )
        .replace("reference: [", "trials: 1\nreference: [");
    environment.write("gatewright.yaml", page);
    environment.write("slow.py", SLOW);
    environment.write("reference/all.jsonl", examples(10));
    environment
}

fn asked(project: &TestEnvironment) -> Vec<String> {
    let of = |role: &str| {
        let path = project.project().join(format!("asked-{role}"));
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| format!("{role} {line}"))
            .collect::<Vec<_>>()
    };
    [of("candidate"), of("production")].concat()
}

#[test]
fn f21_an_interrupted_run_drains_says_how_to_go_on_and_goes_on() {
    let project = project("0.15");
    let child = project
        .command(&["gate"])
        .stdin(Stdio::null())
        .spawn()
        .expect("starts");
    let start = Instant::now();
    while asked(&project).len() < 6 && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill");
    assert!(killed.success());
    let output = child.wait_with_output().expect("ends");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("gatewright gate"), "{stderr}");
    assert!(output.stdout.is_empty());
    let before = asked(&project).len();
    assert!(before < 40, "it was interrupted: {before}");
    let gate = project.run(&["gate"]).expect(0);
    assert!(gate.stderr.contains("going on with run 0001-"), "{gate}");
    let mut all = asked(&project);
    assert_eq!(
        all.len(),
        40,
        "a drained attempt is not made again: {all:?}"
    );
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 40);
}

/// F1: a crash between the run's own record of its answer and the ledger, or before the answer was shown, costs no call.
#[test]
fn f1_a_decision_that_was_not_told_is_told_and_asks_nothing() {
    let project = project("0");
    let told = project.run(&["gate"]).expect(0);
    let state = project.project().join(".gatewright");
    let lease = std::fs::read_dir(state.join("runs"))
        .expect("runs")
        .map(|run| run.expect("a run").path().join("run.lease"))
        .next()
        .expect("one run");
    // What a crash leaves: no ledger; one without its first table; or all of it, and a lease that nobody gave back.
    for crash in ["no-ledger", "empty-ledger", "lease"] {
        if crash == "lease" {
            let holder = r#"{"name":"gatewright gate","actor":"you","pid":1,"host":"h","since":"2026-11-26T09:00:00Z"}"#;
            std::fs::write(&lease, holder).expect("written");
        } else {
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(state.join(format!("project.db{end}")));
            }
        }
        if crash == "empty-ledger" {
            std::fs::write(state.join("project.db"), "").expect("written");
            let _ = project.run(&["grade"]).expect(0);
            let _ = project.run(&["triage"]).expect(0);
        }
        let dry = project.run(&["gate", "--dry-run"]).expect(0);
        assert!(dry.stdout.contains("Run 0001-"), "{crash}: {dry}");
        let again = project.run(&["gate"]).expect(0);
        assert!(
            again.stderr.contains("interrupted before it had said so"),
            "{crash}: {again}"
        );
        assert_eq!(again.stdout, told.stdout, "{crash}");
        assert_eq!(asked(&project).len(), 40, "{crash}");
        assert!(state.join("project.db").exists(), "{crash}");
    }
    let _ = project.run(&["gate"]).expect(0);
    assert_eq!(
        asked(&project).len(),
        80,
        "told once; then a new run begins"
    );
}

/// F1: what a crash kept out of the ledger is in it before a new run begins, so that it is the second attempt and not the first.
#[test]
fn f1_an_attempt_that_the_ledger_missed_counts_before_a_fresh_run() {
    let project = project("0");
    let _ = project.run(&["gate"]).expect(0);
    let state = project.project().join(".gatewright");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(state.join(format!("project.db{end}")));
    }
    // Another candidate: the same one again would be the same attempt.
    project.write("slow.py", format!("{SLOW}# another\n"));
    let page = project.read("gatewright.yaml");
    let fresh = project.run(&["gate", "--fresh", "--json"]).expect(0);
    let view: serde_json::Value = serde_json::from_str(&fresh.stdout).expect("JSON");
    let plain = project_with_ledger(&page);
    assert_eq!(
        view["run"]["attempt"], plain,
        "as with a ledger that was never lost"
    );
}

/// The attempt's number of the second candidate where nothing was lost.
fn project_with_ledger(page: &str) -> serde_json::Value {
    let project = project("0");
    project.write("gatewright.yaml", page);
    let _ = project.run(&["gate"]).expect(0);
    project.write("slow.py", format!("{SLOW}# another\n"));
    let fresh = project.run(&["gate", "--fresh", "--json"]).expect(0);
    let view: serde_json::Value = serde_json::from_str(&fresh.stdout).expect("JSON");
    assert_eq!(view["run"]["attempt"], 2);
    view["run"]["attempt"].clone()
}

#[test]
fn an_unfinished_run_is_not_renegotiated() {
    let project = project("0");
    let _ = project.run(&["run"]).expect(0);
    let easier = project.read("gatewright.yaml").replace("10 pts", "40 pts");
    project.write("gatewright.yaml", easier);
    let refused = project.run(&["gate"]).expect(2);
    assert!(
        refused.stderr.contains("sealed on other terms") && refused.stderr.contains("gate"),
        "{refused}"
    );
    assert!(refused.stderr.contains("--fresh"), "{refused}");
    let _ = project.run(&["gate", "--fresh"]).expect(0);
}

#[test]
fn a_system_that_cannot_be_started_leaves_a_run_that_goes_on() {
    let project = project("0");
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("[python3, slow.py, candidate", "[./broken, candidate"),
    );
    // It is there and may be executed; what it says it runs in is not.
    project.write("broken", "#!/nowhere/at-all\n");
    project.mode("broken", 0o755);
    let broken = project.run(&["gate"]).expect(111);
    assert!(
        broken.stderr.contains("candidate cannot be worked with"),
        "{broken}"
    );
    assert!(broken.stderr.contains("gatewright gate"), "{broken}");
    assert!(broken.stdout.is_empty(), "{broken}");
}

#[test]
fn an_edited_program_is_another_system() {
    let project = project("0");
    let _ = project.run(&["gate"]).expect(0);
    project.write("slow.py", format!("{SLOW}# edited\n"));
    let refused = project.run(&["decide"]).expect(112);
    assert!(refused.stderr.contains("systems (sealed "), "{refused}");
}

/// A terminal of its own for a program: types `t` when the block is there, then Ctrl-C twice, and prints what became of the terminal's modes.
const TERMINAL: &str = r#"
import fcntl, os, pty, select, struct, sys, termios, time
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for stream in (0, 1, 2):
        os.dup2(slave, stream)
    os.environ.pop("CI", None)
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], sys.argv[1:])
shown = b""
def until(text):
    global shown
    end = time.monotonic() + 30
    while text not in shown and time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            shown += os.read(master, 65536)
    return text in shown
print("block", until(b"candidate  "))
print("keys", not termios.tcgetattr(slave)[3] & termios.ICANON)
os.write(master, b"t")
print("slowest", until(b" ago: "))
os.write(master, b"\x03")
print("drains", until(b"once more stops now"))
os.write(master, b"\x03")
print("ends", until(b"interrupted; every result so far is kept"))
end = time.monotonic() + 30
code = (0, 0)
while code[0] == 0 and time.monotonic() < end:
    code = os.waitpid(pid, os.WNOHANG)
    time.sleep(0.02)
print("code", os.waitstatus_to_exitcode(code[1]))
print("restored", termios.tcgetattr(slave) == before)
"#;

/// F21: the second Ctrl-C stops now, and the terminal has its modes back.
#[test]
fn f21_the_terminal_is_restored_after_the_second_interrupt() {
    let project = project("5");
    let run = project.command(&["run"]);
    let mut terminal = Command::new("python3");
    terminal.args(["-c", TERMINAL]).arg(run.get_program());
    terminal.args(run.get_args());
    terminal.env_clear();
    for (name, value) in run.get_envs() {
        terminal.env(name, value.unwrap_or_default());
    }
    if let Some(folder) = run.get_current_dir() {
        terminal.current_dir(folder);
    }
    let output = terminal.output().expect("python3");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        said,
        "block True\nkeys True\nslowest True\ndrains True\nends True\ncode 130\nrestored True\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
