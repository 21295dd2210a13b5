//! Somebody writes to the examples while a command runs: nothing is sent or decided on what was not loaded.
#![cfg(unix)]

use gatewright_testkit::TestEnvironment;

use crate::project::{GUARD, environment, examples, page};

/// A system that answers right, writes down what it is asked, and edits an example in its place when it is asked a certain one.
const EDITS: &str = r#"import json, sys
path = "reference/all.jsonl"
for line in sys.stdin:
    request = json.loads(line)
    with open("asked", "a") as asked:
        asked.write(request["example"] + "\n")
    if request["example"] == sys.argv[1]:
        text = open(path).read()
        with open(path, "r+") as file:
            file.write(text.replace("what is %s?" % sys.argv[2], "WHAT is %s?" % sys.argv[2]))
    print(json.dumps({"id": request["id"], "output": request["example"]}), flush=True)
"#;

/// Examples too long for more than the last to be kept after it was read.
fn long(per_task: usize) -> String {
    let more = format!("? {}\"", "word ".repeat(2000));
    examples(per_task).replace("?\"", &more)
}

fn project(per_task: usize, when: &str, edited: &str) -> TestEnvironment {
    let environment = environment();
    let command =
        format!("candidate: {{command: [python3, edits.py, {when}, {edited}], workers: 1}}");
    let page = page("standard: unbroken", GUARD)
        .replace("candidate: {recorded: runs/candidate.jsonl}", &command)
        .replace("reference: [", "trials: 1\nreference: [");
    environment.write("gatewright.yaml", page);
    environment.write("edits.py", EDITS);
    environment.write("reference/all.jsonl", long(per_task));
    environment.write(
        "runs/production.jsonl",
        crate::project::outputs(per_task, |_, _| true),
    );
    environment
}

#[test]
fn an_example_that_changes_before_it_is_asked_is_not_asked() {
    let project = project(20, "cold-03", "warm-09");
    let gate = project.run(&["gate"]).expect(111);
    assert!(
        gate.stderr.contains(
            "reference/all.jsonl:30 changed while this command was running; nothing was sent for it"
        ),
        "{gate}"
    );
    assert!(gate.stderr.contains("put it back as it was"), "{gate}");
    assert!(gate.stdout.is_empty(), "{gate}");
    let asked = project.read("asked");
    assert_eq!(asked.lines().count(), 29, "{asked}");
    assert!(!asked.contains("warm-09"), "{asked}");
    // Put back, the run goes on where it was.
    project.write("reference/all.jsonl", long(20));
    let _ = project.run(&["gate"]).expect(0);
    let asked = project.read("asked");
    let mut each: Vec<&str> = asked.lines().collect();
    each.sort_unstable();
    each.dedup();
    assert_eq!((asked.lines().count(), each.len()), (40, 40), "{asked}");
}

#[test]
fn nothing_is_decided_on_an_example_that_changed_after_it_was_asked() {
    let project = project(40, "warm-39", "cold-00");
    let gate = project.run(&["gate"]).expect(2);
    assert!(
        gate.stderr.contains(
            "reference/all.jsonl:1 changed while this command was running; nothing was decided"
        ),
        "{gate}"
    );
    assert!(gate.stdout.is_empty(), "{gate}");
    assert_eq!(project.read("asked").lines().count(), 80);
    // Put back, what was answered is judged.
    project.write("reference/all.jsonl", long(40));
    let _ = project.run(&["gate"]).expect(0);
    assert_eq!(project.read("asked").lines().count(), 80);
}
