//! What once let a release through that an import should have held: verdicts that nothing counted, two systems as one, a page without a verdict.

use gatewright_testkit::TestEnvironment;
use serde_json::{Value, json};

use crate::project::environment;

/// Twelve questions to two systems as promptfoo writes them. With `safe`, the first six are judged by that too, and the candidate fails it.
fn promptfoo(safe: bool) -> String {
    let mut rows = Vec::new();
    for index in 0..12 {
        for system in ["old", "new"] {
            let question = format!("question {index}?");
            let part = |metric: &str, kind: &str, pass: bool| json!({"pass": pass, "score": 1, "reason": "", "assertion": {"type": kind, "metric": metric}});
            let mut parts = vec![part("right", "icontains", true)];
            if safe && index < 6 {
                parts.push(part("safe", "javascript", system == "old"));
            }
            let success = parts.iter().all(|part| part["pass"] == true);
            let asserts: Vec<Value> = parts.iter().map(|part| part["assertion"].clone()).collect();
            rows.push(json!({
                "success": success, "failureReason": u8::from(!success), "provider": {"id": system}, "promptId": "p",
                "prompt": {"raw": question, "label": "{{q}}"}, "vars": {"q": question}, "response": {"output": "yes"},
                "testCase": {"vars": {"q": question}, "assert": asserts},
                "gradingResult": {"pass": success, "score": 1, "reason": "", "componentResults": parts},
            }));
        }
    }
    json!({"evalId": "e", "results": {"version": 3, "results": rows}, "metadata": {"promptfooVersion": "0.121.20"}}).to_string()
}

/// The page of a first import, with the criterion, rule and files of a second.
fn merged(project: &TestEnvironment) -> String {
    let page = project.read("gatewright.yaml");
    let parts = project.read("imported/autumn/page-parts.yaml");
    let from = parts.find("  safe:\n").expect("a criterion");
    let to = parts.find("gate:\n").expect("a gate");
    let rule = parts.lines().find(|line| line.contains("guard: safe"));
    page.replace("imported/promptfoo/candidate", "imported/autumn/candidate")
        .replace(
            "imported/promptfoo/production",
            "imported/autumn/production",
        )
        .replace("imported/promptfoo/labels", "imported/autumn/labels")
        .replace(
            "\ncriteria:\n",
            &format!("\ncriteria:\n{}", &parts[from..to]),
        )
        + rule.expect("a rule")
        + "\n"
}

#[test]
fn a_failing_verdict_on_a_known_example_counts() {
    let project = environment();
    project.write("spring.json", promptfoo(false));
    project.write("autumn.json", promptfoo(true));
    let import = |file: &str, more: &[&str]| {
        let mut all = vec!["import", "promptfoo", file, "--candidate", "new"];
        all.extend(more);
        let _ = project.run(&all).expect(0);
    };
    import("spring.json", &[]);
    let _ = project.run(&["gate"]).expect(0);
    import("autumn.json", &["--name", "autumn"]);
    let page = merged(&project);
    project.write("gatewright.yaml", &page);
    let _ = project.run(&["check"]).expect(0);
    let held = project.run(&["gate"]).expect(100);
    assert!(held.stdout.contains("safe"), "{held}");
    // A mark that these examples do not have: nothing counts their verdicts, and the page is refused.
    let from = page.find("applies_to: {id: [").expect("a list of ids");
    let to = from + page[from..].find('\n').expect("its end");
    let marked = format!(
        "{}applies_to: {{fields.judged.safe: \"yes\"}}{}",
        &page[..from],
        &page[to..]
    );
    project.write("gatewright.yaml", marked);
    let said = project.run(&["gate"]).expect(2).said();
    assert!(
        said.contains("`safe` has verdicts on examples that it does not apply to: ")
            && said.contains("and 1 more")
            && said.contains("[verdict-not-counted]"),
        "{said}"
    );
}

const TABLE: &str = "id,system,answer,correct\n1,old,x,yes\n1,new,y,no\n1,newer,z,yes\n";

#[test]
fn one_role_takes_one_system() {
    let project = environment();
    project.write("t.csv", TABLE);
    let said = project
        .run(&[
            "import",
            "csv",
            "t.csv",
            "--candidate",
            "newer",
            "--candidate",
            "new",
            "--production",
            "old",
        ])
        .expect(2)
        .said();
    assert!(
        said.contains("`newer` and `new` are 2 systems, and the candidate is one")
            && said.contains("--candidate 'newer'"),
        "{said}"
    );
}

#[test]
fn a_judge_of_a_misspelt_criterion_is_an_error() {
    let project = environment();
    project.write("t.csv", TABLE);
    let import = ["import", "csv", "t.csv", "--candidate", "new"];
    let mut all = import.to_vec();
    all.extend(["--production", "old", "--by", "corect=model"]);
    let said = project.run(&all).expect(2).said();
    assert!(
        said.contains("nothing was judged by `corect`") && said.contains("did you mean `correct`?"),
        "{said}"
    );
}

#[test]
fn without_a_verdict_no_page_is_written() {
    for (table, why, next) in [
        (
            "id,system,answer\n1,old,x\n1,new,y\n",
            "these files hold no verdict on any answer",
            "--label CRITERION=COLUMN",
        ),
        (
            "id,system,answer,error,correct\n1,old,,boom,yes\n1,new,,boom,yes\n",
            "every attempt in these files ended in an error",
            "run it again",
        ),
    ] {
        let project = environment();
        project.write("t.csv", table);
        let import = ["import", "csv", "t.csv", "--candidate", "new"];
        let said = project.run(&import).expect(2).said();
        assert!(said.contains(why) && said.contains(next), "{said}");
        let written = ["imported", "gatewright.yaml"];
        assert!(
            written
                .iter()
                .all(|it| !project.project().join(it).exists())
        );
    }
}

/// A page that is there judges by criteria of its own: answers alone are worth taking over.
#[test]
fn answers_alone_go_into_a_page_that_is_there() {
    let project = environment();
    project.write("spring.json", promptfoo(false));
    let first = ["import", "promptfoo", "spring.json", "--candidate", "new"];
    let _ = project.run(&first).expect(0);
    project.write("t.csv", "id,system,answer\n1,old,x\n1,new,y\n");
    let _ = project
        .run(&["import", "csv", "t.csv", "--candidate", "new"])
        .expect(0);
    let parts = project.read("imported/csv/page-parts.yaml");
    assert!(
        parts.contains("systems:") && !parts.contains("criteria:"),
        "{parts}"
    );
}
