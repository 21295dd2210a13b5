//! Work items as issues, against a forge on loopback (`gatewright_testkit::forge`). No real forge is reached.

use gatewright_testkit::forge::{Does, Fault, Forge, Kept, Kind};
use gatewright_testkit::{TestEnvironment, Transcript};
use serde_json::Value;

use crate::project::{environment, examples, outputs, page};

const TOKEN: &str = "canary-token-4711";
const GATE: &str = "  - {id: no-warm, never: unsupported-claim, where: {task: warm}, then: {violated: hold}, owner: team}
  - {id: no-cold, never: unsupported-claim, where: {task: cold}, then: {violated: hold}, owner: team}\n";

/// A project whose candidate is wrong on the first `lost` examples of both tasks.
fn project(lost: usize) -> TestEnvironment {
    let project = environment()
        .with_variable("GITHUB_TOKEN", TOKEN)
        .with_variable("GITLAB_TOKEN", TOKEN)
        .with_variable("GITHUB_REPOSITORY", "octocat/Hello-World")
        .with_variable("CI_PROJECT_ID", "4");
    project.write("gatewright.yaml", page("standard: unbroken", GATE));
    project.write("reference/all.jsonl", examples(6));
    project.write("runs/production.jsonl", outputs(6, |_, _| true));
    candidate(&project, |_| lost);
    project
}

fn candidate(project: &TestEnvironment, lost: impl Fn(&str) -> usize) {
    let said = outputs(6, |task, index| index >= lost(task));
    project.write("runs/candidate.jsonl", said);
}

fn decided(lost: usize, code: i32) -> TestEnvironment {
    let project = project(lost);
    let _ = project.run(&["gate"]).expect(code);
    project
}

fn work(project: &TestEnvironment, forge: &Forge, more: &[&str]) -> Transcript {
    let (url, host) = (forge.url(), forge.address());
    let kind = match more.first() {
        Some(&"gitlab") => ("gitlab", "GITLAB_TOKEN"),
        _ => ("github", "GITHUB_TOKEN"),
    };
    let allow = format!("--allow-host={host}=env:{}", kind.1);
    let more = more
        .iter()
        .filter(|word| !["github", "gitlab"].contains(word));
    let mut all = vec!["work", "--forge", kind.0, "--api", &url, &allow];
    all.extend(more);
    project.run(&all)
}

fn methods(forge: &Forge) -> Vec<String> {
    forge.came().into_iter().map(|came| came.method).collect()
}

fn titles(forge: &Forge, open: bool) -> Vec<String> {
    let kept = forge.issues().into_iter().filter(|it| it.open == open);
    kept.map(|it| it.title).collect()
}

fn says(status: u16, headers: &[(&'static str, &str)], body: &str) -> Does {
    let headers = headers.iter().map(|(name, it)| (*name, (*it).to_owned()));
    Does::Answer(status, headers.collect(), body.to_owned())
}

const WARM: &str = "demo: repair no-warm in warm";
const COLD: &str = "demo: repair no-cold in cold";

#[test]
fn work_items_are_listed_and_nothing_is_sent() {
    let project = decided(2, 100);
    let shown = project.run(&["work"]).expect(0);
    for part in [
        ": hold, 2 work items\n",
        "Colour team #colour: repair unsupported-claim in task warm",
        "rule no-warm (gatewright.yaml:",
        "look at warm-00, warm-01",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {shown}");
    }
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 100));
    let shown = project.run(&["work", "--json"]).expect(0);
    let said: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(said["items"][0]["owner"]["name"], "Colour team");
    assert_eq!(said["items"][1]["rule"], "no-cold");
    assert_eq!(said["items"][0]["examples"][1], "warm-01");
    assert_eq!(said["issues"], Value::Null);
    let good = decided(0, 0).run(&["work"]).expect(0);
    assert!(
        good.stdout.contains("nothing is asked of anybody"),
        "{good}"
    );
}

/// Dry run, open, open no second one, repair half, close half; closed and broken again is a new issue.
#[test]
fn issues_are_opened_once_and_closed_by_the_run_that_repairs() {
    for (kind, name) in [(Kind::Github, "github"), (Kind::Gitlab, "gitlab")] {
        let forge = Forge::start(kind, TOKEN);
        let project = decided(2, 100);
        let dry = work(&project, &forge, &[name]).expect(0);
        assert!(
            dry.stdout.contains("would: open 2, leave 0, close 0"),
            "{dry}"
        );
        assert!(dry.stdout.contains(&format!("  open {WARM}\n")), "{dry}");
        assert!(dry.stdout.contains("Nothing was sent."), "{dry}");
        assert_eq!(methods(&forge), ["GET"]);
        let sent = work(&project, &forge, &[name, "--send"]).expect(0);
        assert!(sent.stdout.contains("opened 2 of 2, left 0"), "{sent}");
        assert_eq!(titles(&forge, true), [WARM, COLD]);
        let kept = &forge.issues()[0];
        assert_eq!(kept.labels, ["gatewright"]);
        assert!(
            kept.body.starts_with("<!-- gatewright-work/1 product="),
            "{}",
            kept.body
        );
        assert!(
            kept.body
                .contains("- **Look at first:** `warm-00`, `warm-01`\n"),
            "{}",
            kept.body
        );
        let _ = forge.came();
        let again = work(&project, &forge, &[name, "--send"]).expect(0);
        assert!(again.stdout.contains("opened 0 of 0, left 2"), "{again}");
        assert_eq!(methods(&forge), ["GET"]);

        candidate(&project, |task| if task == "cold" { 2 } else { 0 });
        let _ = project.run(&["gate"]).expect(100);
        let closed = work(&project, &forge, &[name, "--send", "--json"]).expect(0);
        let said: Value = serde_json::from_str(&closed.stdout).expect("JSON");
        let actions = said["issues"]["actions"].as_array().expect("a list");
        let close = actions.iter().find(|it| it["do"] == "close").expect("one");
        assert_eq!(
            (&close["title"], &close["done"]),
            (&WARM.into(), &true.into())
        );
        assert_eq!(titles(&forge, true), [COLD]);
        let comments = &forge.issues()[0].comments;
        assert_eq!(comments.len(), 1);
        let run = said["run"].as_str().expect("a name");
        assert!(comments[0].contains(&format!("`{run}`")), "{comments:?}");

        candidate(&project, |_| 3);
        let _ = project.run(&["gate"]).expect(100);
        let anew = work(&project, &forge, &[name, "--send"]).expect(0);
        assert!(anew.stdout.contains("opened 1 of 1, left 1"), "{anew}");
        assert_eq!(titles(&forge, true), [COLD, WARM]);
    }
}

#[test]
fn a17_the_token_is_in_its_header_and_nowhere_else() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let project = decided(2, 100);
    let sent = work(&project, &forge, &["--send", "--verbose"]).expect(0);
    assert!(!sent.to_string().contains("canary"), "{sent}");
    for came in forge.came() {
        assert_eq!(
            came.header("authorization"),
            Some(&*format!("Bearer {TOKEN}"))
        );
        assert_eq!(came.header("accept"), Some("application/vnd.github+json"));
        assert_eq!(came.header("x-github-api-version"), Some("2022-11-28"));
        assert!(
            came.header("user-agent")
                .is_some_and(|it| it.starts_with("gatewright/"))
        );
        assert!(!came.path.contains("canary") && !came.body.contains("canary"));
    }
    let found = std::process::Command::new("grep")
        .args(["-r", "canary", "."])
        .current_dir(project.project())
        .output()
        .expect("grep");
    assert!(
        found.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&found.stdout)
    );
    // The token itself behind the flag is refused, and not repeated.
    let wrong = work(&project, &forge, &["--token", "ghp_canary"]).expect(2);
    assert!(
        !wrong.said().contains("canary") && wrong.said().contains("env:NAME"),
        "{wrong}"
    );
    // A forge that says the token back.
    forge.fault(Fault {
        method: "GET",
        after: 0,
        does: says(
            403,
            &[],
            &format!(r#"{{"message": "Resource not accessible by {TOKEN}"}}"#),
        ),
    });
    let echoed = work(&project, &forge, &[]).expect(2);
    assert!(!echoed.said().contains("canary"), "{echoed}");
    assert!(echoed.said().contains("issues: write"), "{echoed}");
}

#[test]
fn a16_a_host_that_nobody_allowed_is_asked_nothing() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let project = decided(2, 100);
    let url = forge.url();
    let host = forge.address();
    let bare = ["work", "--forge", "github", "--send", "--api", &url];
    let refused = project.run(&bare).expect(2);
    let hint = format!("--allow-host {host}=env:GITHUB_TOKEN");
    assert!(refused.said().contains(&hint), "{refused}");
    // Allowed without the token is not allowed with it.
    let allow = format!("--allow-host={host}");
    let _ = project.run(&[&bare[..], &[&allow]].concat()).expect(2);
    assert!(forge.came().is_empty());
}

/// Cut after the second post has arrived: it is said, and doing it again opens no third issue.
#[test]
fn a_cut_between_two_posts_makes_no_double() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let project = decided(2, 100);
    forge.fault(Fault {
        method: "POST",
        after: 1,
        does: Does::CutAfter,
    });
    let cut = work(&project, &forge, &["--send"]).expect(111);
    assert!(cut.stdout.contains("opened 1 of 2"), "{cut}");
    assert!(
        cut.said().contains("nobody knows whether it was done"),
        "{cut}"
    );
    assert!(cut.said().contains("run the same command again"), "{cut}");
    let posts = methods(&forge).into_iter().filter(|it| it == "POST");
    assert_eq!(posts.count(), 2, "a post is never sent again by itself");
    let again = work(&project, &forge, &["--send"]).expect(0);
    assert!(again.stdout.contains("opened 0 of 0, left 2"), "{again}");
    assert_eq!(titles(&forge, true), [WARM, COLD]);

    // Cut between the comment and the closing: the comment is not said twice.
    candidate(&project, |_| 0);
    let _ = project.run(&["gate"]).expect(0);
    forge.fault(Fault {
        method: "PATCH",
        after: 0,
        does: says(
            422,
            &[],
            r#"{"message": "Validation Failed", "errors": [{"code": "invalid"}]}"#,
        ),
    });
    let half = work(&project, &forge, &["--send"]).expect(111);
    assert!(half.stdout.contains("closed 1 of 2"), "{half}");
    assert!(half.said().contains("Validation Failed"), "{half}");
    let _ = work(&project, &forge, &["--send"]).expect(0);
    assert!(titles(&forge, true).is_empty());
    let said: Vec<usize> = forge.issues().iter().map(|it| it.comments.len()).collect();
    assert_eq!(said, [1, 1]);
}

#[test]
fn issues_on_later_pages_are_found_and_strangers_are_left_alone() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let project = decided(2, 100);
    let _ = work(&project, &forge, &["--send"]).expect(0);
    let ours = forge.issues()[0].clone();
    let stranger = |number, pull_request, body: String| Kept {
        number,
        title: format!("other {number}"),
        body,
        labels: vec!["gatewright".to_owned()],
        open: true,
        pull_request,
        ..Kept::default()
    };
    for number in 10..14 {
        forge.keep(stranger(number, false, "by a person".to_owned()));
    }
    forge.keep(stranger(14, true, ours.body.clone()));
    forge.keep(stranger(15, false, ours.body));
    let _ = forge.came();
    let dry = work(&project, &forge, &[]).expect(0);
    assert_eq!(forge.came().len(), 4, "eight issues, two a page");
    assert!(
        dry.stdout.contains("would: open 0, leave 2, close 1"),
        "{dry}"
    );
    assert!(
        dry.stdout.contains("close #15 other 15 (the same as 1)"),
        "{dry}"
    );
    let next = "<http://127.0.0.1:9/api/x?page=2>; rel=\"next\"";
    forge.fault(Fault {
        method: "GET",
        after: 0,
        does: says(200, &[("link", next)], "[]"),
    });
    let elsewhere = work(&project, &forge, &[]).expect(2);
    assert!(elsewhere.said().contains("on another host"), "{elsewhere}");
}

#[test]
fn f8_f12_what_a_forge_refuses_is_said_with_what_to_do() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let project = decided(2, 100);
    let limited = r#"{"message": "You have exceeded a secondary rate limit."}"#;
    // Asked to wait no time at all: it is sent again, a post too, for it did nothing.
    forge.fault(Fault {
        method: "POST",
        after: 0,
        does: says(403, &[("retry-after", "0")], limited),
    });
    // An error of the forge while reading: tried again.
    forge.fault(Fault {
        method: "GET",
        after: 0,
        does: says(502, &[], "<html>"),
    });
    let sent = work(&project, &forge, &["--send"]).expect(0);
    assert!(sent.stdout.contains("opened 2 of 2"), "{sent}");
    assert_eq!(forge.issues().len(), 2);
    for (does, code, words) in [
        (
            says(403, &[("retry-after", "3600")], limited),
            111,
            "asks to wait 3600 s",
        ),
        (says(429, &[], limited), 111, "too many requests"),
        (says(403, &[], limited), 111, "too many requests"),
        (
            says(401, &[], r#"{"message": "Bad credentials"}"#),
            2,
            "env:GITHUB_TOKEN is not accepted",
        ),
        (
            says(
                403,
                &[],
                r#"{"message": "Resource not accessible by integration"}"#,
            ),
            2,
            "issues: write",
        ),
        (
            says(404, &[], r#"{"message": "Not Found"}"#),
            2,
            "no such project",
        ),
        (
            says(
                410,
                &[],
                r#"{"message": "Issues are disabled for this repo"}"#,
            ),
            2,
            "turned off",
        ),
        (
            says(301, &[("location", "https://e.example/")], ""),
            2,
            "has moved",
        ),
        (
            says(200, &[], "<html>"),
            111,
            "the answer is none of GitHub's",
        ),
    ] {
        forge.fault(Fault {
            method: "GET",
            after: 0,
            does,
        });
        let refused = work(&project, &forge, &["--send"]).expect(code);
        assert!(refused.said().contains(words), "{words}: {refused}");
    }
    let wrong = project.run(&[
        "work",
        "--forge=github",
        "--api",
        &forge.url(),
        "--token=file:other.txt",
        &format!("--allow-host={}=file:other.txt", forge.address()),
    ]);
    assert!(
        wrong
            .expect(2)
            .said()
            .contains("the token file:other.txt cannot be read")
    );
}

/// What is refused of one issue takes no other with it, and an issue without its label ends it: it would be opened again and again.
#[test]
fn one_refused_issue_stops_no_other_and_a_lost_label_stops_all() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let project = decided(2, 100);
    forge.fault(Fault {
        method: "POST",
        after: 0,
        does: says(422, &[], r#"{"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "custom"}]}"#),
    });
    let half = work(&project, &forge, &["--send"]).expect(111);
    assert!(half.stdout.contains("opened 1 of 2"), "{half}");
    assert!(
        half.stdout.contains(&format!("not done: open {WARM}")),
        "{half}"
    );
    assert_eq!(titles(&forge, true), [COLD]);
    let forge = Forge::start(Kind::Github, TOKEN);
    forge.fault(Fault {
        method: "POST",
        after: 0,
        does: Does::NoLabels,
    });
    let lost = work(&project, &forge, &["--send"]).expect(2);
    assert!(
        lost.said().contains("issue 1 was opened without the label"),
        "{lost}"
    );
    assert_eq!(forge.issues().len(), 1);
}

/// Comments of one issue that cannot be read stop no other issue.
#[test]
fn odd_comments_of_one_issue_stop_no_other() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let project = decided(2, 100);
    let _ = work(&project, &forge, &["--send"]).expect(0);
    candidate(&project, |_| 0);
    let _ = project.run(&["gate"]).expect(0);
    // The first request reads the issues, the next the comments of the first one.
    forge.fault(Fault {
        method: "GET",
        after: 1,
        does: says(200, &[], "<html>"),
    });
    let half = work(&project, &forge, &["--send"]).expect(111);
    assert!(half.stdout.contains("closed 1 of 2"), "{half}");
    assert!(half.said().contains("close issue 1 by hand"), "{half}");
    assert_eq!(titles(&forge, true).len(), 1);
    let _ = work(&project, &forge, &["--send"]).expect(0);
    assert!(titles(&forge, true).is_empty());
}

/// Issues are found again by the product's name: one that a page was only started with would find those of every such page.
#[test]
fn a_product_without_a_name_sends_nothing() {
    let forge = Forge::start(Kind::Github, TOKEN);
    for product in ["my-product", "product"] {
        let project = project(2);
        let page = project.read("gatewright.yaml");
        let unnamed = page.replace("product: demo", &format!("product: {product}"));
        assert_ne!(unnamed, page);
        project.write("gatewright.yaml", unnamed);
        let _ = project.run(&["gate"]).expect(100);
        let _ = work(&project, &forge, &[]).expect(0);
        assert!(!forge.came().is_empty(), "what is there was looked at");
        let said = work(&project, &forge, &["--send"]).expect(2).said();
        assert!(forge.came().is_empty(), "nothing was asked or written");
        assert!(
            said.contains(&format!("`{product}` is no name of a product"))
                && said.contains("product: NAME in gatewright.yaml"),
            "{said}"
        );
    }
    assert!(forge.issues().is_empty());
}

/// Two pages of one repository with one product and one rule have issues of their own.
#[test]
fn a_page_elsewhere_in_the_repository_closes_nothing_of_another() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let lost = decided(2, 100);
    let _ = work(&lost, &forge, &["--send"]).expect(0);
    assert_eq!(titles(&forge, true).len(), 2);
    let repaired = decided(0, 0);
    let top = repaired.project().parent().expect("a folder above");
    std::fs::create_dir(top.join(".git")).expect("made");
    let said = work(&repaired, &forge, &["--send"]).expect(0);
    assert!(said.stdout.contains("closed 0 of 0"), "{said}");
    assert_eq!(titles(&forge, true).len(), 2);
}

/// Only a run that decided, is valid, covers everything and is the newest says what is done.
#[test]
fn runs_that_decide_nothing_close_nothing() {
    let forge = Forge::start(Kind::Github, TOKEN);
    let project = decided(2, 100);
    let _ = work(&project, &forge, &["--send"]).expect(0);
    candidate(&project, |_| 0);
    let _ = project.run(&["run"]).expect(0);
    let undecided = work(&project, &forge, &["--send"]).expect(111);
    assert!(
        undecided.said().contains("gatewright decide"),
        "{undecided}"
    );
    let older = work(&project, &forge, &["0001", "--send"]);
    assert_eq!(older.code, Some(2), "{older}");
    assert_eq!(titles(&forge, true).len(), 2);
    // Only a part of the examples was asked.
    let _ = project
        .run(&["run", "--fresh", "--filter", "task=warm"])
        .expect(0);
    let _ = project.run(&["decide"]);
    let part = work(&project, &forge, &["--send"]).expect(0);
    assert!(
        part.stdout.contains("Nothing that holds is closed"),
        "{part}"
    );
    assert_eq!(titles(&forge, true).len(), 2, "{part}");
    // The gate changed after the run.
    let _ = project.run(&["gate", "--fresh"]).expect(0);
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("severity: high", "severity: low"),
    );
    let invalid = work(&project, &forge, &["--send"]).expect(0);
    assert!(
        invalid.stdout.contains("the run cannot decide"),
        "{invalid}"
    );
    assert_eq!(titles(&forge, true).len(), 2, "{invalid}");
    project.write("gatewright.yaml", page);
    let _ = work(&project, &forge, &["--send"]).expect(0);
    assert!(titles(&forge, true).is_empty());
}
