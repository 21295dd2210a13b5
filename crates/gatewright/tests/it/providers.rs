//! Further providers from the command line: with adapters in the build, and without.

use gatewright_testkit::TestEnvironment;

use crate::project::{GUARD, environment, examples, page};

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

#[cfg(not(feature = "providers"))]
mod without {
    use super::*;

    const GEMINI: &str = "{provider: {adapter: gemini, model: m}}";
    const RECORDED: &str = "{recorded: runs/production.jsonl}";

    /// A build without adapters says where the page wants one, and what to type; nothing is asked and nothing written.
    #[test]
    fn a_page_that_wants_an_adapter_is_told_how_to_get_one() {
        let project = project(GEMINI, RECORDED);
        project.write(
            "runs/production.jsonl",
            crate::project::outputs(10, |_, _| true),
        );
        for arguments in [&["check"][..], &["run"], &["gate"], &["run", "--dry-run"]] {
            let refused = project.run(arguments).expect(2);
            let all = format!("{}{}", refused.stdout, refused.stderr);
            for part in [
                "gatewright.yaml:15:15",
                "[no-adapters]",
                "the candidate is reached through the adapter `gemini`",
                "--features providers",
            ] {
                assert!(all.contains(part), "{part}: {arguments:?} {all}");
            }
            assert!(!all.contains("GEMINI_API_KEY is not set"), "{all}");
        }
        assert!(!project.project().join(".gatewright").exists());
    }

    /// What was recorded is judged all the same, and a judge's place is its own.
    #[test]
    fn a_judge_that_wants_an_adapter_is_named() {
        let project = project(RECORDED, RECORDED);
        project.write(
            "runs/production.jsonl",
            crate::project::outputs(10, |_, _| true),
        );
        let page = project.read("gatewright.yaml").replace(
            "reference: [",
            "judges: {strict: {provider: {adapter: mistral, model: m}}}\nreference: [",
        );
        project.write("gatewright.yaml", page);
        let refused = project.run(&["check"]).expect(2);
        let all = format!("{}{}", refused.stdout, refused.stderr);
        assert!(all.contains("the judge strict is reached through"), "{all}");
        let _ = project.run(&["gate"]).expect(0);
    }
}

#[cfg(feature = "providers")]
mod with {
    use std::path::Path;
    use std::process::Command;

    use gatewright_testkit::provider::{Provider, Script};
    use serde_json::Value;

    use super::*;

    const KEY: &str = "sk-canary-4711-never-kept";

    fn run(project: &TestEnvironment, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command: Command = project.command(arguments);
        let output = command
            .env("LLM_KEY", KEY)
            .env("GEMINI_API_KEY", "sk-canary-of-the-environment")
            .output()
            .expect("runs");
        let both = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&both).into_owned(),
        )
    }

    fn nowhere(folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                nowhere(&path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("canary"), "{}", path.display());
        }
    }

    /// Gemini against Ollama, to the decision: a wrong key pauses, the same command goes on, the key is in no file.
    #[test]
    fn a_gate_over_two_adapters_from_a_wrong_key_to_the_decision() {
        let refusing = Script::parse(
            r#"{"rules": [{"when": {"nth": {"at": [1]}}, "do": "wrong_key"}, {"when": {"nth": {"at": [5]}}, "do": {"status": {"code": 429, "headers": [["retry-after", "0"]]}}}]}"#,
        );
        let gemini = Provider::start(refusing.expect("a script"));
        let ollama = Provider::start(Script::default());
        let project = project(
            &format!(
                "{{provider: {{adapter: gemini, model: g, base_url: \"{}/v1beta\", key: env:LLM_KEY, price: {{input: 1 USD, output: 1 USD}}}}}}",
                gemini.url()
            ),
            &format!(
                "{{provider: {{adapter: ollama, model: o, base_url: \"{}\"}}}}",
                ollama.url()
            ),
        );
        let (code, said) = run(&project, &["check"]);
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = run(&project, &["gate"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("=env:LLM_KEY"), "consent to the pair: {said}");
        let (first, second) = (
            format!("{}=env:LLM_KEY", gemini.address()),
            ollama.address().to_string(),
        );
        let gate = [
            "gate",
            "--allow-host",
            &first,
            "--allow-host",
            &second,
            "-j",
            "1",
        ];
        let (code, said) = run(&project, &gate);
        assert_eq!(code, Some(111), "{said}");
        assert!(said.contains("unauthorised"), "{said}");
        assert_eq!(gemini.log().len(), 1, "one call tells of a wrong key");
        let json = [&gate[..], &["--json"]].concat();
        let output = project
            .command(&json)
            .env("LLM_KEY", KEY)
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["answer"], "ship", "{report}");
        let asked = gemini.log();
        assert_eq!(asked.len(), 1 + 20 + 1, "a wait is tried again by us, once");
        assert!(
            asked
                .iter()
                .all(|it| it.request.header("x-goog-api-key") == Some(KEY))
        );
        assert_eq!(asked[0].request.path, "/v1beta/models/g:generateContent");
        assert_eq!(ollama.log().len(), 20);
        nowhere(project.project());
    }

    /// The provider's own address with the provider's own key needs no question; the key is ours to find.
    #[test]
    fn the_own_address_asks_for_its_key_only() {
        let gemini = "{provider: {adapter: gemini, model: m}}";
        let project = project(gemini, gemini);
        let refused = project.run(&["gate"]).expect(2);
        assert!(
            refused.stderr.contains("export GEMINI_API_KEY=…"),
            "{refused}"
        );
        let dry = project.run(&["gate", "--dry-run"]).expect(0);
        for part in [
            "candidate (provider): 20 attempts to make",
            "generativelanguage.googleapis.com:443 gets env:GEMINI_API_KEY (the provider's own)",
        ] {
            assert!(dry.stdout.contains(part), "{part}: {dry}");
        }
    }

    /// A judge is asked through an adapter as a system is.
    #[test]
    fn a_judge_through_an_adapter() {
        let reply =
            r#"{"reply": {"fixed": "{\"reason\": \"by its name\", \"level\": \"right\"}"}}"#;
        let judge = Provider::start(Script::parse(reply).expect("a script"));
        let recorded = "{recorded: runs/production.jsonl}";
        let project = project(recorded, recorded);
        project.write(
            "runs/production.jsonl",
            crate::project::outputs(10, |_, _| true),
        );
        project.write("rubric.md", "---\nversion: 1\nlevels: {right: pass, wrong: fail}\n---\nThe answer names the very colour it was asked about.\n");
        let page = project.read("gatewright.yaml").replace(
            "reference: [",
            &format!(
                "judges: {{strict: {{provider: {{adapter: mistral, model: m, base_url: \"{}/v1\", key: env:LLM_KEY}}}}}}\nreference: [",
                judge.url()
            ),
        ).replace(
            "gate:\n",
            "  judged: {grader: {judge: {rubric: rubric.md, by: strict, canaries: 0}}, fails_as: unsupported-claim}\ngate:\n",
        );
        project.write("gatewright.yaml", page);
        let allowed = format!("{}=env:LLM_KEY", judge.address());
        let (code, said) = run(&project, &["gate", "--allow-host", &allowed]);
        assert_eq!(code, Some(0), "{said}");
        let (_, graded) = run(&project, &["grade", "--json"]);
        let graded: Value = serde_json::from_str(&graded).expect("JSON");
        let cells = graded["criteria"].as_array().expect("cells");
        let cell = cells
            .iter()
            .find(|it| it["criterion"] == "judged")
            .expect("judged");
        assert_eq!(cell["systems"]["candidate"]["pass"], 20, "{cell}");
        assert!(!judge.log().is_empty());
        nowhere(project.project());
    }
}
