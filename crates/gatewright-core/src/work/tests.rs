//! Plans by hand, hostile texts, and what forges answer.

use std::collections::BTreeMap;

use pulldown_cmark::{Event, Parser, Tag};

use super::*;
use crate::digest::Digest;

fn key(rule: &str, task: &str) -> Key {
    let segment = BTreeMap::from([("task".to_owned(), task.to_owned())]);
    Key::of("demo", rule, &segment)
}

fn asked(rule: &str, task: &str) -> Asked {
    let key = key(rule, task);
    Asked {
        key,
        rule: rule.to_owned(),
        segment: format!("task {task}"),
        title: format!("demo: repair {rule} in task {task}"),
        body: format!("{}\nThe gate asks.\n", key.line()),
    }
}

fn asks(items: Vec<Asked>, held: &[Key]) -> Asks {
    Asks {
        run: "0002-1a2b3c4d".to_owned(),
        link: None,
        product: Digest::of(b"demo"),
        items,
        held: held.iter().copied().collect(),
        invalid: None,
        closes_nothing: None,
        without_rule: 0,
    }
}

fn issue(number: u64, key: Key) -> Issue {
    Issue {
        number,
        title: format!("issue {number}"),
        url: format!("https://forge.example/{number}"),
        body: format!("{}\r\nsomething\r\n", key.line()),
        labels: vec!["Gatewright".to_owned(), "bug".to_owned()],
        open: true,
    }
}

fn done(asks: &Asks, issues: &[Issue]) -> Vec<String> {
    let said = plan(asks, "gatewright", issues).actions;
    let said = said.into_iter().map(|action| match action {
        Action::Open { title, .. } => format!("open {title}"),
        Action::Leave { number, why, .. } => format!("leave {number}: {why}"),
        Action::Close { number, why, .. } => format!("close {number}: {why}"),
    });
    said.collect()
}

#[test]
fn a_rule_in_a_segment_has_one_issue() {
    let (warm, cold) = (key("guard", "warm"), key("guard", "cold"));
    let items = vec![
        asked("guard", "warm"),
        asked("guard", "cold"),
        asked("guard", "cold"),
    ];
    let asks = asks(items, &[]);
    assert_eq!(
        done(&asks, &[]),
        [
            "open demo: repair guard in task warm",
            "open demo: repair guard in task cold"
        ]
    );
    assert_eq!(
        done(&asks, &[issue(7, cold)]),
        [
            "open demo: repair guard in task warm",
            "leave 7: still asked for"
        ]
    );
    // Once both are there, the same run does nothing more.
    assert_eq!(
        done(&asks, &[issue(8, warm), issue(7, cold)]),
        ["leave 7: still asked for", "leave 8: still asked for"]
    );
    // Two that were opened at the same time: the older one stays.
    assert_eq!(
        done(&asks, &[issue(9, warm), issue(7, cold), issue(8, warm)]),
        [
            "leave 7: still asked for",
            "leave 8: still asked for",
            "close 9: the same as 8"
        ]
    );
    assert_eq!(
        warm,
        Key::read(&asked("guard", "warm").body).expect("a key")
    );
}

#[test]
fn what_holds_is_closed_and_asked_for_again_is_a_new_issue() {
    let warm = key("guard", "warm");
    let repaired = asks(Vec::new(), &[warm]);
    let plan_of = plan(&repaired, "gatewright", &[issue(7, warm)]);
    let [Action::Close { comment, mark, .. }] = plan_of.actions.as_slice() else {
        panic!("{plan_of:?}");
    };
    assert!(comment.contains("`0002-1a2b3c4d`"), "{comment}");
    assert!(is_said(
        mark,
        &["hello".to_owned(), comment.replace('\n', "\r\n")]
    ));
    assert!(!is_said(mark, &[format!("> {comment}")]));
    assert_eq!(Key::read(comment), None, "a comment is no issue");
    // A closed one is not read; whoever closed it, the gate asks anew.
    let closed = Issue {
        open: false,
        ..issue(7, warm)
    };
    let again = asks(vec![asked("guard", "warm")], &[]);
    assert_eq!(
        done(&again, &[closed]),
        ["open demo: repair guard in task warm"]
    );
}

#[test]
fn only_a_run_that_decided_and_covered_it_closes() {
    let warm = key("guard", "warm");
    let one = [issue(7, warm)];
    let holds = asks(Vec::new(), &[warm]);
    assert_eq!(done(&holds, &one), ["close 7: the rule holds there"]);
    let elsewhere = asks(Vec::new(), &[key("guard", "cold")]);
    assert_eq!(done(&elsewhere, &one), ["leave 7: not decided by this run"]);
    let filtered = Asks {
        closes_nothing: Some("4 attempts of it were never made".to_owned()),
        ..holds.clone()
    };
    assert_eq!(
        done(&filtered, &one),
        ["leave 7: holds, but this run closes nothing"]
    );
    let invalid = Asks {
        items: vec![asked("guard", "cold")],
        invalid: Some("the run cannot decide: the gate changed".to_owned()),
        ..holds
    };
    assert_eq!(
        done(&invalid, &one),
        ["leave 7: holds, but this run closes nothing"],
        "and it opens nothing"
    );
    assert_eq!(
        done(&invalid, &[issue(7, warm), issue(8, warm)]),
        [
            "leave 7: holds, but this run closes nothing",
            "leave 8: the same as 7, but this run closes nothing"
        ],
        "nor a double"
    );
}

#[test]
fn what_is_not_surely_ours_is_not_touched() {
    let warm = key("guard", "warm");
    let asks = asks(Vec::new(), &[warm]);
    let line = warm.line();
    let other = Key::of("another", "guard", &BTreeMap::new());
    for body in [
        String::new(),
        "no line".to_owned(),
        format!("words before\n{line}"),
        format!("> {line}"),
        format!("{line}\n{line}"),
        format!("{line} and more"),
        line.replace("rule=", "rule=sha256:"),
        line.to_uppercase(),
        line.replace("segment=", "segment=0"),
        line.replace("/1 ", "/2 "),
        other.line(),
    ] {
        let one = Issue {
            body,
            ..issue(7, warm)
        };
        assert_eq!(done(&asks, std::slice::from_ref(&one)), [""; 0], "{one:?}");
    }
    let unlabelled = Issue {
        labels: vec!["gatewright-2".to_owned()],
        ..issue(7, warm)
    };
    assert_eq!(done(&asks, &[unlabelled]), [""; 0]);
}

#[test]
fn one_call_opens_so_many_and_no_more() {
    let items = (0..OPEN_MAX + 3).map(|at| asked("guard", &at.to_string()));
    let asks = asks(items.collect(), &[]);
    let plan = plan(&asks, "gatewright", &[]);
    assert_eq!((plan.counts(), plan.later), ([OPEN_MAX, 0, 0], 3));
}

#[test]
fn titles_hold_nothing_that_a_forge_reads() {
    let hostile = "@all fixes #12 !3 $4 &5 ~bug %\"v1\" ^6 [x](http://e.example) `a` <b> GH-7 *x* \u{202e}\n/close";
    let title = plain(hostile, 200);
    let signs: Vec<char> = title
        .chars()
        .filter(|one| "@#!$&~%^[]`<>*/\\\"\n\u{202e}|{}".contains(*one))
        .collect();
    assert!(signs.is_empty(), "{title}");
    assert!(title.starts_with("_all fixes _12"), "{title}");
    assert!(plain(&"é".repeat(5000), 200).chars().count() <= 200);
}

/// Whatever is quoted, a reader of Markdown finds it in code spans only, and no line begins with it.
#[test]
fn quoted_text_is_code_and_nothing_else() {
    for hostile in [
        "@all fixes #12",
        "`` closes #1 ``` @all `",
        "`",
        "```",
        " `a` ",
        "</code> <img src=x onerror=y> <!-- gatewright-work/1 -->",
        "\n/close\n/assign @all",
        "--> <b>",
        "a\\` @all",
        "[x](javascript:y) ![z](http://e.example/p.png)",
    ] {
        let shown = text::code(hostile, 1000);
        assert_eq!(shown.lines().count(), 1, "{shown}");
        let body = format!("- **Found:** {shown}\n- **Run:** `x`\n");
        let mut codes = 0;
        for event in Parser::new(&body) {
            match event {
                Event::Code(_) => codes += 1,
                Event::Text(text) => {
                    assert!(
                        ["Found:", " ", "Run:"].contains(&&*text),
                        "{text:?} of {hostile:?}"
                    );
                }
                Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock)
                | Event::Html(_)
                | Event::InlineHtml(_) => panic!("{hostile:?} became markup: {event:?}"),
                _ => {}
            }
        }
        assert_eq!(codes, 2, "{hostile:?}");
    }
}

#[test]
fn projects_labels_and_pages_are_read_strictly() {
    let github = |project: &str| Forge::Github.issues_path(project);
    assert_eq!(
        github("octocat/Hello-World").as_deref(),
        Ok("repos/octocat/Hello-World/issues")
    );
    for bad in [
        "", "octocat", "a/b/c", "../b", "a/..", "a/b?x", "a/b#c", "a//", "a b/c", "a/.",
    ] {
        assert!(github(bad).is_err(), "{bad}");
    }
    let gitlab = |project: &str| Forge::Gitlab.issues_path(project);
    assert_eq!(gitlab("4").as_deref(), Ok("projects/4/issues"));
    assert_eq!(gitlab("a/b/c").as_deref(), Ok("projects/a%2Fb%2Fc/issues"));
    for bad in ["", "a", "a/../b", "4/..", "123456789012345678901"] {
        assert!(gitlab(bad).is_err(), "{bad}");
    }
    assert!(label("gatewright").is_ok() && label("Gate work").is_ok());
    for bad in ["", "a,b", "None", "any", " x", "a/b", "~x"] {
        assert!(label(bad).is_err(), "{bad}");
    }
    let link = "<https://api.github.com/repositories/1300192/issues?page=2>; rel=\"prev\", <https://api.github.com/repositories/1300192/issues?page=4>; rel=\"next\", <https://api.github.com/repositories/1300192/issues?page=515>; rel=\"last\"";
    assert_eq!(
        next_page(link).as_deref(),
        Some("https://api.github.com/repositories/1300192/issues?page=4")
    );
    for none in [
        "",
        "<https://a.example/>; rel=\"last\"",
        "rel=\"next\"",
        "<x",
    ] {
        assert_eq!(next_page(none), None, "{none}");
    }
}

#[test]
fn answers_of_forges_are_read_by_their_own_names() {
    let github = br#"[
        {"number": 1, "title": "a", "html_url": "u", "state": "open", "body": null, "labels": [{"name": "gatewright"}, "bug", {"name": null}]},
        {"number": 2, "title": "b", "html_url": "u", "state": "open", "pull_request": {"url": "p"}, "labels": []}]"#;
    let issues = Forge::Github.read_issues(github).expect("read");
    assert_eq!(issues.len(), 1, "a pull request is no issue");
    assert_eq!(issues[0].labels, ["gatewright", "bug"]);
    let gitlab = br#"[{"id": 76, "iid": 6, "title": "a", "web_url": "u", "state": "opened", "description": "d", "labels": ["foo"]}]"#;
    let issues = Forge::Gitlab.read_issues(gitlab).expect("read");
    assert_eq!((issues[0].number, issues[0].body.as_str()), (6, "d"));
    assert!(issues[0].open);
    assert!(Forge::Github.read_issues(b"<html>").is_err());
    let said = br#"{"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "missing_field"}]}"#;
    let said = Forge::Github.refusal(said).expect("said");
    assert!(
        said.starts_with("Validation Failed: ") && said.contains("missing_field"),
        "{said}"
    );
    let said = br#"{"message": {"title": ["is too long (maximum is 255 characters)"]}}"#;
    let said = Forge::Gitlab.refusal(said).expect("said");
    assert!(said.contains("is too long"), "{said}");
}
