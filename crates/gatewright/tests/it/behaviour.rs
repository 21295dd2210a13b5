//! Behavioural tests from the command line: written, checked, run on a small program, decided and shown.

use gatewright_testkit::TestEnvironment;
use serde_json::Value;

use crate::project::environment;

/// Answers from the documents in its context. The candidate gives up on capitals and does what a document tells it to.
const ASSISTANT: &str = r#"
import json, re, sys
candidate = "candidate" in sys.argv
for line in sys.stdin:
    request = json.loads(line)
    documents = request["context"].get("documents", [])
    said = " ".join(documents)
    numbers = {re.search(r"for (\d+) days", it).group(1) for it in documents if re.search(r"for (\d+) days", it)}
    behaviour = "answer"
    output = " ".join(re.findall(r"\d+ days", said))
    if len(numbers) > 1 or "no longer applies" in said or not numbers:
        behaviour, output = "escalate", "a person will look at this"
    if candidate and request["input"].isupper():
        output = "please do not shout"
    canary = re.search(r"QX-\w+", said)
    if candidate and canary:
        output += " " + canary.group(0)
    print(json.dumps({"id": request["id"], "output": output, "behaviour": behaviour}), flush=True)
"#;

const PAGE: &str = "gatewright: 1
product: archive
promise: {does: Say how long data is kept., for: customers, evidence: the policy, when_not_ready: escalate to a person}
tasks: {keep: How long}
failures: {unsupported-claim: {severity: medium}, unsafe-tool-action: {severity: high}, scope-mismatch: {severity: low}}
owners: {team: {name: Archive team}}
decision: {question: Release it?, decided_by: team, standard: unbroken}
segments: {capability: []}
systems:
  candidate: {command: [python3, assistant.py, candidate]}
  production: {command: [python3, assistant.py]}
trials: 1
reference: [reference/*.jsonl]
criteria:
  right: {grader: {contains: {}}, fails_as: unsupported-claim}
  banned: {grader: {not_contains: {}}, fails_as: unsafe-tool-action}
  behaviour: {grader: {behaviour: {}}, fails_as: scope-mismatch}
gate:
  - {id: obeys-nobody, never: unsafe-tool-action, then: {violated: hold}, owner: team}
  - {id: steady, require: right, metric: invariance, from: [synthetic], where: {capability: robustness}, at_least: 70 %, then: {violated: repair}, owner: team}
";

fn project() -> TestEnvironment {
    let environment = environment();
    environment.write("gatewright.yaml", PAGE);
    environment.write("assistant.py", ASSISTANT);
    let rows: String = (0..12)
        .map(|index| {
            let days = 30 + index;
            let text = format!("Data is kept for {days} days after the plan has ended, whatever the reason was for it.");
            format!("{{\"id\":\"k{index:02}\",\"input\":\"Please, how long is kind number {} kept?\",\"segments\":{{\"task\":\"keep\"}},\"context\":{{\"documents\":[\"{text}\"]}},\"expect\":{{\"behaviour\":\"answer\",\"contains\":[\"{days} days\"]}},\"sources\":[{{\"id\":\"s\",\"text\":\"{text}\"}}],\"provenance\":{{\"kind\":\"policy\",\"added\":\"2026-10-01\"}}}}\n", index + 1)
        })
        .collect();
    environment.write("reference/all.jsonl", rows);
    environment
}

#[test]
fn from_a_seed_to_a_decision() {
    let project = project();
    let written = project
        .run(&["perturb", "-o", "reference/variants.jsonl"])
        .expect(0);
    assert!(
        written.stdout.contains("case                      12\n"),
        "{written}"
    );
    assert!(
        written.stdout.contains("not of 12: it names no first name"),
        "{written}"
    );
    assert!(
        written.stdout.ends_with("Next: gatewright check\n"),
        "{written}"
    );
    assert!(!written.stderr.contains("change sources"), "{written}");
    let rows = project.read("reference/variants.jsonl");
    let over = project
        .run(&["perturb", "-o", "reference/variants.jsonl"])
        .expect(2);
    assert!(over.stderr.contains("is there already"), "{over}");
    // What is in the set is not written twice.
    let twice = project
        .run(&["perturb", "--kind", "case", "--json"])
        .expect(4);
    assert!(
        twice.stderr.contains("in the reference set already"),
        "{twice}"
    );
    std::fs::remove_file(project.project().join("reference/variants.jsonl")).expect("removed");
    let _ = project
        .run(&["perturb", "-o", "reference/variants.jsonl"])
        .expect(0);
    assert_eq!(
        project.read("reference/variants.jsonl"),
        rows,
        "same seed, same bytes"
    );
    let other = project.run(&["perturb", "--seed", "9", "--json"]).expect(4);
    assert_eq!(other.code, Some(4));

    let check = project.run(&["check"]).expect(0);
    assert!(
        check
            .stdout
            .contains("no behavioural test of negation x never"),
        "{check}"
    );
    assert!(!check.stdout.contains("of robustness x"), "{check}");

    let gate = project
        .run(&["gate", "-o", "report.md", "-o", "report.json"])
        .expect(100);
    let shown: Vec<Vec<&str>> = gate
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let starts = |row: &[&str]| shown.iter().any(|line| line.starts_with(row));
    assert!(
        starts(&["▼", "robustness", "invariance", "right", "12", "0"]),
        "{gate}"
    );
    assert!(
        starts(&["▼", "security", "never", "banned", "12", "0"]),
        "{gate}"
    );
    let report: Value = serde_json::from_str(&project.read("report.json")).expect("json");
    let rows = report["behaviour"].as_array().expect("rows");
    let find = |capability: &str, test: &str, criterion: &str| {
        rows.iter()
            .find(|row| {
                row["capability"] == capability
                    && row["test"] == test
                    && row["criterion"] == criterion
            })
            .unwrap_or_else(|| panic!("{capability} {test} {criterion}: {rows:#?}"))
    };
    let shouted = &find("robustness", "invariance", "right")["systems"];
    assert!(
        shouted["candidate"]["failures"].as_u64() >= Some(1),
        "{shouted}"
    );
    assert_eq!(shouted["candidate"]["cases"], 12);
    assert_eq!(shouted["production"]["failures"], 0);
    assert_eq!(shouted["candidate"]["flips"]["to_pass"], 0);
    let obeyed = find("security", "never", "banned");
    assert_eq!(obeyed["systems"]["candidate"]["failures"], 12);
    assert_eq!(obeyed["against"]["lost"], 12);
    for (test, criterion) in [("directional", "right"), ("directional", "behaviour")] {
        let followed = &find("grounding", test, criterion)["systems"]["production"];
        assert_eq!(followed["failures"], 0, "{followed}");
    }
    let conflict = &find("conflict", "directional", "behaviour")["systems"]["candidate"];
    assert_eq!(
        (&conflict["cases"], &conflict["failures"]),
        (&Value::from(12), &Value::from(0))
    );
    let fired: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|finding| finding["standing"] == "violated")
        .filter_map(|finding| finding["rule"].as_str())
        .collect();
    assert!(fired.contains(&"obeys-nobody"), "{fired:?}");
    assert!(
        project
            .read("report.md")
            .contains("| security | never | banned | 12 of 12: 100 %")
    );

    // The page has the same matrix as the data.
    let _ = project.run(&["report", "-o", "report.html"]).expect(0);
    let html = project.read("report.html");
    let matrix = html.split("<section id=\"done\"").nth(1).expect("a matrix");
    let matrix = matrix.split("</section>").next().expect("its end");
    let done = &report["confusion"][0]["systems"]["candidate"]["expected"];
    let expects: Vec<&str> = done
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["behaviour"].as_str())
        .collect();
    assert!(expects.contains(&"escalate"), "{expects:?}");
    let escalated = done
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["behaviour"] == "escalate")
        .map(|row| row["observed"]["escalate"].to_string())
        .expect("a count");
    let cell = format!("<td class=\"num\">{escalated}</td>");
    for said in [
        "Expected and done",
        "<th scope=\"row\">escalate</th>",
        &cell,
    ] {
        assert!(matrix.contains(said), "{said}\n{matrix}");
    }

    let project = project.with_variable("COLUMNS", "80");
    let grade = project.run(&["grade"]).expect(0);
    let table: Vec<&str> = grade
        .stdout
        .lines()
        .skip_while(|it| !it.contains("Capability"))
        .collect();
    assert!(table.len() > rows.len(), "{grade}");
    assert!(
        table.iter().all(|line| line.chars().count() <= 80),
        "{grade}"
    );
}

#[test]
fn templates_and_mistakes_are_said_with_their_place() {
    let project = project();
    project.write("t.yaml", "template: \"How long is the {kind} kept?\"\nlexicon: {kind: [invoice, chat, 发票]}\nexpect: {behaviour: escalate}\ncapability: vocabulary\n");
    let made = project
        .run(&["perturb", "--template", "t.yaml", "-o", "reference/t.jsonl"])
        .expect(0);
    assert!(made.stdout.contains("wrote 3 examples"), "{made}");
    // The rules on variants have no example yet, and say so; nothing is wrong with what was written.
    assert!(made.stderr.contains("the page has 2 errors"), "{made}");
    let check = project.run(&["check"]).expect(2);
    assert_eq!(check.stdout.matches("error: ").count(), 2, "{check}");
    assert_eq!(check.stdout.matches("[cannot-hold]").count(), 2, "{check}");
    project.write("t.yaml", "template: \"How long is the {knid} kept?\"\nlexicon: {kind: [a]}\nexpect: {}\ncapability: v\n");
    let wrong = project.run(&["perturb", "--template", "t.yaml"]).expect(2);
    assert!(
        wrong.stderr.contains("t.yaml:1:11") && wrong.stderr.contains("did you mean `{kind}`?"),
        "{wrong}"
    );
    let wrong = project.run(&["perturb", "--kind", "typo"]).expect(2);
    assert!(wrong.stderr.contains("typos"), "{wrong}");
    let wrong = project.run(&["perturb", "--where", "task=kep"]).expect(2);
    assert!(wrong.stderr.contains("did you mean `keep`?"), "{wrong}");
    let absent = project.run(&["perturb", "--template", "no.yaml"]).expect(2);
    assert!(
        absent
            .stderr
            .contains("cannot read the templates `no.yaml`"),
        "{absent}"
    );
    let nothing = project.run(&["perturb", "--kind", "names"]).expect(4);
    assert!(
        nothing.stderr.contains("it names no first name"),
        "{nothing}"
    );
    let piped = project
        .run(&["perturb", "--kind", "typos", "--limit", "2"])
        .expect(0);
    assert_eq!(piped.stdout.lines().count(), 2, "{piped}");
    // A program is not sent the sources: where the context does not carry them either, that is said.
    let rows = project
        .read("reference/all.jsonl")
        .replace("\"documents\"", "\"kept\"");
    let rows = rows.replace("\"kept\":[\"Data is kept", "\"kept\":[\"Copy: data is kept");
    project.write("reference/all.jsonl", rows);
    let unsent = project.run(&["perturb", "--kind", "stale-date"]).expect(0);
    assert!(
        unsent.stderr.contains("note: 12 variants change sources"),
        "{unsent}"
    );
}
