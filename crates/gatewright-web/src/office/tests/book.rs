//! A project with one release, and what is asked of it; and who sees it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use gatewright_core::report::model::{ChangedView, FlipView};

use super::super::access::Role;
use super::super::project::{
    Aside, AsideWish, CauseLine, CauseWish, Due, FailingClass, FailingLine, FailingOne, Failures,
    IncidentLine, IncidentWish, Incidents, Look, Looked, NotDone, Patch, Project, Proposal,
    Release, ReleaseLine, Releases, RubricWish, Stale, Suite, ToLook, Wish,
};
use super::*;
use crate::page::top::Top;

pub(super) const RUN: &str = "0001-0123abcd";

/// A project with one release of one regressed example.
#[derive(Default)]
pub(super) struct Book {
    /// The release's examples.
    pub(super) examples: Mutex<BTreeSet<String>>,
    /// What was recorded.
    pub(super) done: Mutex<Vec<String>>,
}

impl Book {
    fn examples(&self) -> BTreeSet<String> {
        self.examples.lock().expect("held").clone()
    }

    fn release(&self) -> Release {
        Release {
            run: RUN.to_owned(),
            top: Top {
                class: "hold",
                word: "Hold".to_owned(),
                sentence: "<warm> lost 1 of 1".to_owned(),
                follows: Vec::new(),
                title: String::new(),
                standard: "",
                fired: Vec::new(),
                nothing_fired: None,
                change: Vec::new(),
                acts: Vec::new(),
                watches: Vec::new(),
                basis: None,
            },
            question: "Release?".to_owned(),
            first: Vec::new(),
            decisions: Vec::new(),
            overrides: Vec::new(),
            to_look: vec![entry()],
            changed: false,
            examples: self.examples(),
        }
    }
}

fn entry() -> ToLook {
    ToLook {
        example: "e1".to_owned(),
        criterion: "grounded".to_owned(),
        ..ToLook::default()
    }
}

fn known<T>(run: &str, make: impl FnOnce() -> T) -> Result<Result<T, NotDone>, String> {
    Ok(if run == RUN {
        Ok(make())
    } else {
        Err(NotDone::Missing)
    })
}

impl Project for Book {
    fn due(&self, _: &str) -> Result<Due, String> {
        Ok(Due {
            to_sign: Some(RUN.to_owned()),
            without_cause: 3,
            incidents: 0,
        })
    }

    fn releases(&self) -> Result<Releases, String> {
        let line = ReleaseLine {
            run: RUN.to_owned(),
            answer: "hold".to_owned(),
            ..ReleaseLine::default()
        };
        Ok(Releases {
            lines: vec![line],
            overrides: Vec::new(),
        })
    }

    fn release(&self, run: &str) -> Result<Result<Release, NotDone>, String> {
        known(run, || self.release())
    }

    fn look(&self, run: &str, number: usize) -> Result<Result<Look, NotDone>, String> {
        let run = if number == 1 { run } else { "" };
        known(run, || Look {
            entry: entry(),
            of: 1,
            flip: FlipView {
                example: "e1".to_owned(),
                criterion: "grounded".to_owned(),
                segments: Default::default(),
                change: -1.0,
                candidate: 0.0,
                production: 1.0,
                fresh: None,
                class: None,
                cost: 1.0,
                why: Some("the judge failed it".to_owned()),
            },
            changed: ChangedView {
                flip: 0,
                input: Some("May I cancel?".to_owned()),
                expected: Vec::new(),
                sources: Vec::new(),
                owner: None,
                repair: String::new(),
                cause: None,
                candidate: None,
                production: None,
                clipped: 0,
            },
            examples: self.examples(),
        })
    }

    fn looked(&self, what: &Looked<'_>) -> Result<Result<(), NotDone>, String> {
        if what.example != "e1" {
            return Ok(Err(NotDone::Moved(vec!["the list".to_owned()])));
        }
        let said = format!("{} looked", what.account);
        self.done.lock().expect("held").push(said);
        Ok(Ok(()))
    }

    fn proposal(&self, run: &str, account: &str) -> Result<Result<Proposal, NotDone>, String> {
        known(run, || Proposal {
            release: self.release(),
            answer: "hold",
            who: account.to_owned(),
            seen: [("labels".to_owned(), "ab".to_owned())].into(),
            left: 1,
            before: None,
            moved: Vec::new(),
            decided: true,
            overridden: false,
            persons: 1,
            authors: Vec::new(),
            wants_author: false,
            not_overridable: Vec::new(),
            ends: ("2026-11-27".to_owned(), "2026-12-27".to_owned()),
        })
    }

    fn sign(&self, wish: &Wish) -> Result<Result<String, NotDone>, String> {
        if wish.reason.is_empty() {
            return Ok(Err(NotDone::Bad("The reason is empty.".to_owned())));
        }
        if wish.seen.get("labels").map(String::as_str) != Some("ab") {
            return Ok(Err(NotDone::Moved(vec!["labels".to_owned()])));
        }
        let said = format!("{} signed {:?}", wish.account, wish.other);
        self.done.lock().expect("held").push(said);
        Ok(Ok("signed".to_owned()))
    }

    fn failures(&self) -> Result<Result<Failures, NotDone>, String> {
        let class = FailingClass {
            name: "unsupported claims".to_owned(),
            lines: vec![failing()],
            ..FailingClass::default()
        };
        Ok(Ok(Failures {
            run: RUN.to_owned(),
            runs: 1,
            classes: vec![class],
            repaired: Vec::new(),
            examples: self.examples(),
        }))
    }

    fn failure(&self, number: usize) -> Result<Result<FailingOne, NotDone>, String> {
        let run = if number == 1 { RUN } else { "" };
        known(run, || FailingOne {
            run: RUN.to_owned(),
            line: failing(),
            causes: vec!["noise".to_owned()],
            examples: self.examples(),
            ..FailingOne::default()
        })
    }

    fn set_cause(&self, wish: &CauseWish) -> Result<Result<(), NotDone>, String> {
        if wish.example != "e1" {
            return Ok(Err(NotDone::Moved(vec!["what fails".to_owned()])));
        }
        let said = format!("{} set {}", wish.account, wish.cause);
        self.done.lock().expect("held").push(said);
        Ok(Ok(()))
    }

    fn incidents(&self) -> Result<Result<Incidents, NotDone>, String> {
        let line = IncidentLine {
            id: "INC-1".to_owned(),
            open: true,
            ..IncidentLine::default()
        };
        Ok(Ok(Incidents {
            lines: vec![line],
            ..Incidents::default()
        }))
    }

    fn incident_patch(&self, wish: &IncidentWish) -> Result<Result<Patch, NotDone>, String> {
        match wish {
            IncidentWish::Add { id, .. } | IncidentWish::Cover { id, .. } => made(id),
        }
    }

    fn suite(&self) -> Result<Result<Suite, NotDone>, String> {
        Ok(Ok(Suite {
            stale: vec![Stale::default()],
            aside: vec![Aside::default()],
            ..Suite::default()
        }))
    }

    fn suite_patch(&self, wish: &AsideWish) -> Result<Result<Patch, NotDone>, String> {
        made(&wish.id)
    }

    fn rubric_patch(&self, wish: &RubricWish) -> Result<Result<Patch, NotDone>, String> {
        made(&format!("{}-{}", wish.criterion, wish.to))
    }
}

fn failing() -> FailingLine {
    FailingLine {
        number: 1,
        example: "e1".to_owned(),
        criterion: "grounded".to_owned(),
        failed: 1,
        graded: 1,
        why: "no <source>".to_owned(),
        cause: Some(CauseLine::default()),
        since: "2026-11-02".to_owned(),
    }
}

fn made(name: &str) -> Result<Result<Patch, NotDone>, String> {
    if name.is_empty() {
        return Ok(Err(NotDone::Bad("There is no name.".to_owned())));
    }
    Ok(Ok(Patch {
        name: format!("{name}/..\r\n\""),
        text: "+\u{202e}&<\n".to_owned(),
    }))
}

/// Who is still to label an answer of a release sees nothing of it, and signs nothing of it.
#[test]
fn a23_whoever_is_to_label_sees_nothing_of_the_release() {
    let (open, _, desk) = two_answers();
    let site = Site::new(desk);
    site.book
        .examples
        .lock()
        .expect("held")
        .insert("e1".to_owned());
    let rita = site.login("rita", Role::ReleaseManager);
    let seen = ["look/1", "sign", "override"].map(|page| format!("/releases/{RUN}/{page}"));
    let pages: Vec<String> = seen
        .into_iter()
        .chain([format!("/releases/{RUN}")])
        .collect();
    let form = [
        ("example", "e1"),
        ("criterion", "grounded"),
        ("reason", "as the gate says"),
        ("seen", "ab labels"),
        ("answer", "ship"),
        ("expires", "2026-12-01"),
    ];
    let refused = |site: &Site| {
        for page in &pages {
            let got = site.get(page, Some(&rita));
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{page}");
            assert!(
                got.body.contains("1 answer of this run waits"),
                "{}",
                got.body
            );
            let tells = ["lost 1 of 1", "the judge failed it", "May I cancel?"];
            assert!(tells.iter().all(|word| !got.body.contains(word)), "{page}");
        }
        for page in &pages[..3] {
            let got = site.post(page, Some(&rita), &form);
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{page}");
        }
        assert!(site.book.done.lock().expect("held").is_empty());
    };
    refused(&site);
    // A label that may still be taken back does not count.
    let id = site.alias(&open);
    let label = [("item", id.as_str()), ("choice", "1")];
    let got = site.post("/review/label", Some(&rita), &label);
    assert_eq!(got.place(), "/review");
    refused(&site);
    site.memory.wait(31);
    for page in &pages {
        let got = site.get(page, Some(&rita));
        assert_eq!(got.status, StatusCode::OK, "{page}: {}", got.body);
    }
    // A viewer labels nothing, so nothing waits.
    let vera = site.login("vera", Role::Viewer);
    let got = site.get(&pages[0], Some(&vera));
    assert_eq!(got.status, StatusCode::OK);
    assert!(
        !got.body.contains("I have looked at it"),
        "a viewer records nothing"
    );
    let got = site.post(&pages[0], Some(&rita), &form);
    assert_eq!(got.place(), format!("/releases/{RUN}"));
    assert_eq!(*site.book.done.lock().expect("held"), ["rita looked"]);
}

/// The form carries what the page showed, and says what moved; what was typed is kept.
#[test]
fn a25_the_form_carries_what_was_seen_and_says_what_moved() {
    let site = Site::new(Desk::default());
    let rita = site.login("rita", Role::ReleaseManager);
    let path = format!("/releases/{RUN}/sign");
    let got = site.get(&path, Some(&rita));
    assert!(got.body.contains(">ab labels</textarea>"), "{}", got.body);
    assert!(
        got.body.contains("logged in here as <strong>rita</strong>"),
        "{}",
        got.body
    );
    for seen in ["", "cd labels", "ab other"] {
        let form = [("seen", seen), ("reason", "as <b>the</b> gate says")];
        let got = site.post(&path, Some(&rita), &form);
        assert_eq!(got.status, StatusCode::CONFLICT, "{seen}");
        assert!(
            got.body.contains("labels of people, causes"),
            "{}",
            got.body
        );
        assert!(
            got.body.contains("as &#60;b&#62;the&#60;/b&#62; gate says"),
            "{}",
            got.body
        );
    }
    assert!(site.book.done.lock().expect("held").is_empty());
    let form = [("seen", "ab labels"), ("reason", "as the gate says")];
    let got = site.post(&path, Some(&rita), &form);
    assert_eq!(got.place(), format!("/releases/{RUN}"));
    let notes = site.notes();
    assert_eq!(notes.len(), 4, "each try is in the audit: {notes:?}");
}

/// Of failures, whoever is still to label sees how many and not which.
#[test]
fn a23_whoever_is_to_label_sees_not_which_examples_fail() {
    let site = Site::new(two_answers().2);
    site.book
        .examples
        .lock()
        .expect("held")
        .insert("e1".to_owned());
    let owen = site.login("owen", Role::Owner);
    let got = site.get("/failures", Some(&owen));
    assert_eq!(got.status, StatusCode::OK);
    assert!(
        got.body.contains("unsupported claims") && got.body.contains("waits"),
        "{}",
        got.body
    );
    for tells in ["e1", "/failures/1", "source"] {
        assert!(!got.body.contains(&format!(">{tells}")) && !got.body.contains("no &#60;source"));
    }
    let form = [
        ("example", "e1"),
        ("cause", "noise"),
        ("reason", "it is right"),
    ];
    assert_eq!(
        site.get("/failures/1", Some(&owen)).status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        site.post("/failures/1", Some(&owen), &form).status,
        StatusCode::FORBIDDEN
    );
    assert!(site.book.done.lock().expect("held").is_empty());
    site.memory.set(Desk::default());
    let got = site.get("/failures", Some(&owen));
    assert!(got.body.contains("<bdi>e1</bdi>") && got.body.contains("no &#60;source&#62;"));
    assert_eq!(
        site.post("/failures/1", Some(&owen), &form).place(),
        "/failures"
    );
    assert_eq!(*site.book.done.lock().expect("held"), ["owen set noise"]);
}

/// A patch is a file with its bytes as they are, under a plain name.
#[test]
fn a9_a_patch_is_a_file_under_a_plain_name() {
    let site = Site::new(Desk::default());
    let owen = site.login("owen", Role::Owner);
    for path in ["/incidents", "/suite"] {
        let got = site.post(path, Some(&owen), &[("id", "INC-1")]);
        assert_eq!(got.status, StatusCode::OK);
        assert_eq!(got.headers["content-type"], "text/x-patch; charset=utf-8");
        assert_eq!(
            got.headers["content-disposition"],
            "attachment; filename=\"INC-1...patch\""
        );
        assert_eq!(got.headers["x-content-type-options"], "nosniff");
        assert_eq!(got.body, "+\u{202e}&<\n");
    }
    assert_eq!(site.notes().len(), 2);
    let rae = site.login("rae", Role::Reviewer);
    assert_eq!(
        site.post("/suite", Some(&rae), &[("id", "e1")]).status,
        StatusCode::FORBIDDEN
    );
}

#[test]
fn home_says_what_is_due_to_whom() {
    let site = Site::new(Desk::default());
    let page = |name: &str, role| site.get("/", Some(&site.login(name, role))).body;
    let rita = page("rita", Role::ReleaseManager);
    assert!(
        rita.contains("decision to sign") && rita.contains("<strong>3</strong> failures"),
        "{rita}"
    );
    let owen = page("owen", Role::Owner);
    assert!(!owen.contains("decision to sign") && owen.contains("failures without a cause"));
    let rae = page("rae", Role::Reviewer);
    assert!(!rae.contains("failures without a cause"), "{rae}");
}
