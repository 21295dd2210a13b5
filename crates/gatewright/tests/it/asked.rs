//! Live systems that answer, on loopback: what is asked and what is not, and how a run is told apart from another.

use gatewright_testkit::TestEnvironment;
use gatewright_testkit::provider::{Behaviour, Provider, Script};

use crate::project::{GUARD, environment, examples, page};

/// A project whose two systems are one provider, with a key that it names.
fn project(provider: &Provider, more: &str) -> TestEnvironment {
    let environment = environment().with_variable("LOCAL_KEY", "sk-local");
    let system = format!(
        "{{openai: {{model: m, base_url: \"{}/v1\", key: env:LOCAL_KEY}}{more}}}",
        provider.url()
    );
    let page = page("standard: unbroken", GUARD)
        .replace("{recorded: runs/candidate.jsonl}", &system)
        .replace("{recorded: runs/production.jsonl}", &system)
        .replace("reference: [", "trials: 1\nreference: [");
    environment.write("gatewright.yaml", page);
    environment.write("reference/all.jsonl", examples(4));
    environment
}

fn allow(provider: &Provider) -> String {
    format!("--allow-host={}=env:LOCAL_KEY", provider.address())
}

/// A16: the host alone is no consent to the page's key; and what is complete sends nothing, so nobody is asked.
#[test]
fn a16_a_key_needs_its_own_consent_and_a_complete_run_needs_none() {
    let provider = Provider::start(Script::default());
    let project = project(&provider, "");
    let host = format!("--allow-host={}", provider.address());
    let refused = project.run(&["run", &host]).expect(2);
    assert!(
        refused
            .stderr
            .contains("which was allowed here without this key"),
        "{refused}"
    );
    assert_eq!(
        refused.stderr.matches("[unknown-host]").count(),
        1,
        "{refused}"
    );
    assert!(
        refused
            .stderr
            .contains("the candidate and the production send"),
        "{refused}"
    );
    assert!(!project.project().join(".gatewright").exists());
    assert_eq!(provider.log().len(), 0);

    let other = project
        .read("gatewright.yaml")
        .replace("env:LOCAL_KEY", "env:HOME");
    let mine = project.read("gatewright.yaml");
    project.write("gatewright.yaml", other);
    let refused = project.run(&["run", &allow(&provider)]).expect(2);
    assert!(refused.stderr.contains("the key env:HOME"), "{refused}");
    project.write("gatewright.yaml", mine);

    let _ = project.run(&["run", &allow(&provider)]).expect(0);
    assert_eq!(provider.log().len(), 16);
    // Neither a flag nor the key's value from here on.
    let project = project.with_variable("LOCAL_KEY", "");
    for command in ["run", "confirm", "gate"] {
        let _ = project.run(&[command]).expect(0);
    }
    assert_eq!(provider.log().len(), 16, "nothing was sent");
    let more = project.run(&["gate", "--fresh"]).expect(2);
    assert!(
        more.stderr.contains("[unknown-host]"),
        "what sends is asked about: {more}"
    );
    assert_eq!(provider.log().len(), 16);
}

/// What a confirmation sends beyond a complete first look is asked about before it is sent.
#[test]
fn a16_a_confirmation_is_asked_about_when_it_comes() {
    let wrong = serde_json::json!({"reply": {"fixed": "no idea"}});
    let lost = Provider::start(Script::parse(&wrong.to_string()).expect("a script"));
    let provider = Provider::start(Script::default());
    let project = project(&provider, "");
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replacen(&provider.url(), &lost.url(), 1),
    );
    let both = [allow(&provider), allow(&lost)];
    let _ = project.run(&["run", &both[0], &both[1]]).expect(0);
    let refused = project.run(&["gate"]).expect(2);
    assert!(refused.stderr.contains("tripped a guard"), "{refused}");
    assert_eq!(
        refused.stderr.matches("[unknown-host]").count(),
        2,
        "{refused}"
    );
    assert_eq!((provider.log().len(), lost.log().len()), (8, 8));
    let gate = project.run(&["gate", &both[0], &both[1]]).expect(100);
    assert!(gate.stdout.starts_with("HOLD"), "{gate}");
    assert_eq!(
        (provider.log().len(), lost.log().len()),
        (48, 48),
        "five fresh trials of eight"
    );
}

/// A dry run says apart what a confirmation may add at most, with money where prices are known.
#[test]
fn a_dry_run_says_what_a_confirmation_may_add() {
    let provider = Provider::start(Script::default());
    let project = project(&provider, "");
    let page = project.read("gatewright.yaml").replace(
        "key: env:LOCAL_KEY",
        "key: env:LOCAL_KEY, max_tokens: 100, price: {input: 2 USD, output: 10 USD}",
    );
    project.write("gatewright.yaml", page);
    let dry = project.run(&["gate", "--dry-run", "--json"]).expect(0);
    let dry: serde_json::Value = serde_json::from_str(&dry.stdout).expect("JSON");
    let most = &dry["confirmation"];
    assert_eq!(most["examples"], 8);
    assert_eq!(most["calls"], 80, "8 examples, 5 fresh trials, 2 systems");
    let to = most["usd_to"].as_f64().expect("priced");
    assert!(
        (0.08..0.09).contains(&to),
        "{to}: 80 answers of 100 tokens at 10 USD"
    );
    // A guard between systems that cannot be called is confirmed by nothing.
    let page = project
        .read("gatewright.yaml")
        .replace("guard: right", "watch: right");
    let page = page.replace(
        ", against: production, margin: 10 pts, then: {violated: hold}",
        "",
    );
    project.write("gatewright.yaml", page);
    let dry = project.run(&["run", "--dry-run"]);
    assert!(!dry.stdout.contains("confirmation:"), "{dry}");
}

/// A run with another seed or number of trials does not become the run of the page without a word.
#[test]
fn a_run_that_differs_from_the_page_is_named_and_another_can_be_chosen() {
    let provider = Provider::start(Script::default());
    let project = project(&provider, "");
    let allow = allow(&provider);
    let _ = project.run(&["gate", &allow]).expect(0);
    let plain = project.run(&["decide"]).expect(0);
    assert!(!plain.stderr.contains("is used"), "{plain}");
    let first = std::fs::read_dir(project.project().join(".gatewright/runs"));
    let first = first
        .expect("runs")
        .next()
        .expect("one")
        .expect("one")
        .file_name();
    let first = first.into_string().expect("a name");
    let _ = project
        .run(&["run", &allow, "--seed", "9", "--repeat", "2"])
        .expect(0);
    let on = project.run(&["run", &allow]).expect(0);
    assert!(
        on.stderr
            .contains("(--repeat 2 --seed 9); --fresh begins another"),
        "{on}"
    );
    for command in ["decide", "grade", "diff", "triage", "report"] {
        let said = project.run(&[command]);
        assert!(
            said.stderr
                .contains("(--repeat 2 --seed 9): it is the newest of this page."),
            "{said}"
        );
        let other = format!("Another one: gatewright {command} {first}");
        assert!(said.stderr.contains(&other), "{said}");
        let named = project.run(&[command, &first]);
        assert!(!named.stderr.contains("is used"), "{named}");
    }
}

/// What came too late is a failure and no answer; errors stand apart from both.
#[test]
fn answers_are_counted_apart_from_what_was_too_late() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(700)));
    let project = project(&provider, ", timeout: 200 ms");
    let gate = project.run(&["gate", &allow(&provider)]);
    let line = gate.stdout.lines().find(|line| line.contains("Answered:"));
    let line = line.unwrap_or_else(|| panic!("{gate}"));
    assert!(line.contains("candidate 0 of 8 (8 too late)"), "{gate}");
    assert!(line.contains("production 0 of 8 (8 too late)"), "{gate}");
    let json = project.run(&["grade", "--json"]).expect(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["denominators"][0]["answered"], 0);
    assert_eq!(json["denominators"][0]["timed_out"], 8);
}

#[test]
fn templates_that_read_what_nothing_declares_are_named_before_anything_is_sent() {
    let provider = Provider::start(Script::default());
    let project = project(&provider, "");
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace(
            "model: m,",
            "model: m, variables: {tone: calm}, prompt: prompt.j2,",
        ),
    );
    project.write(
        "prompt.j2",
        "{% if context.plan is defined %}\n{% for s in sources %}  {{ tine }}{% endfor %}\n{% endif %}{{ input }}\n",
    );
    for arguments in [
        &["check"][..],
        &["run", "--dry-run"],
        &["run", &allow(&provider)],
    ] {
        let wrong = project.run(arguments).expect(2);
        let all = format!("{}{}", wrong.stdout, wrong.stderr);
        assert!(
            all.contains("prompt.j2:2:28: the template reads `tine`"),
            "{wrong}"
        );
        assert!(all.contains("did you mean `tone`?"), "{wrong}");
    }
    assert_eq!(provider.log().len(), 0);
    assert!(!project.project().join(".gatewright").exists());
}

/// A16: errors that would be made again are sent, so consent comes first and nothing is put back on the list without it.
#[test]
fn a16_errors_are_made_again_with_consent_alone() {
    let script = r#"{"rules": [{"when": {"nth": {"from": 4, "to": 4}}, "do": "context_length"}]}"#;
    let provider = Provider::start(Script::parse(script).expect("a script"));
    let project = project(&provider, "");
    let _ = project
        .run(&["run", &allow(&provider), "-j", "1"])
        .expect(0);
    assert_eq!(provider.log().len(), 16);
    let refused = project.run(&["run", "--retry-errors"]).expect(2);
    assert!(refused.stderr.contains("[unknown-host]"), "{refused}");
    let seen = project.run(&["run"]).expect(0);
    assert!(
        seen.stdout.contains("1 of them ended in an error"),
        "nothing was reopened: {seen}"
    );
    let _ = project
        .run(&["run", "--retry-errors", &allow(&provider)])
        .expect(0);
    assert_eq!(provider.log().len(), 17);
}
