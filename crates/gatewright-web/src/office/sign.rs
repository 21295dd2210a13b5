//! Signing a decision, and deciding otherwise than the gate.
//!
//! The form carries the digest of everything that the page rests on. Whoever serves the project signs only while all of it is the same.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;

use super::Served;
use super::access::Visit;
use super::answer::{Answer, go_on, page as show_page};
use super::frame::Frame;
use super::project::{NotDone, Proposal, Wish};
use super::releases::{blind, parts, refuse, told};

/// Answers, as forms send them and as people read them.
const ANSWERS: [(&str, &str); 6] = [
    ("ship", "ship"),
    ("narrow", "narrow"),
    ("hold", "hold"),
    ("repair", "repair"),
    ("rollback", "rollback"),
    ("not-enough-evidence", "not enough evidence"),
];

/// What was sent and not recorded.
#[derive(Default)]
struct Refused {
    said: String,
    moved: Vec<String>,
}

#[derive(Template)]
#[template(path = "office/sign.html")]
struct Sign<'a> {
    frame: Frame,
    run: &'a str,
    /// It is another answer than the gate's.
    other: bool,
    proposal: Proposal,
    /// What the form carries of what the page shows.
    seen: String,
    answers: Vec<(&'static str, &'static str)>,
    refused: Option<Refused>,
    typed: Wish,
    moved: Vec<String>,
}

/// GET /releases/{run}/sign and /releases/{run}/override.
pub(super) fn page(served: &Served, visit: &Visit) -> Answer {
    show(served, visit, None, Wish::default())
}

fn show(served: &Served, visit: &Visit, refused: Option<&NotDone>, typed: Wish) -> Answer {
    let (run, rest) = parts(&visit.call.path);
    let proposal = match served.project.proposal(run, &visit.who.person)? {
        Ok(proposal) => proposal,
        Err(not_done) => return refuse(served, visit, &not_done),
    };
    if let Some(refused) = blind(served, visit, &proposal.release.examples)? {
        return refused;
    }
    let other = rest == ["override"];
    let question = match other {
        true => "Decide otherwise",
        false => "Sign",
    };
    let title = match refused {
        Some(_) => format!("Not recorded · {question}"),
        None => format!("{question} · run {run}"),
    };
    let status = refused.map_or(StatusCode::OK, |it| told(it).0);
    let answers = ANSWERS.into_iter();
    let sign = Sign {
        frame: Frame::of(served, &visit.who, &title, "/releases"),
        run,
        other,
        seen: written(&proposal.seen),
        answers: answers
            .filter(|(_, word)| *word != proposal.answer)
            .collect(),
        moved: in_words(&proposal.moved),
        proposal,
        refused: refused.map(|it| Refused {
            said: told(it).1,
            moved: match it {
                NotDone::Moved(what) => in_words(what),
                _ => Vec::new(),
            },
        }),
        typed,
    };
    show_page(status, &sign)
}

/// POST /releases/{run}/sign and /releases/{run}/override.
pub(super) fn sign(served: &Served, visit: &Visit) -> Answer {
    let (run, rest) = parts(&visit.call.path);
    let form = &visit.call.form;
    let other = (rest == ["override"]).then(|| (form.text("answer"), form.text("expires")));
    let authors = form.text("authors");
    let authors = authors.split([',', ' ', '\n']).filter(|it| !it.is_empty());
    let wish = Wish {
        run: run.to_owned(),
        account: visit.who.person.clone(),
        reason: form.text("reason"),
        other,
        authors: authors.map(str::to_owned).collect(),
        without_looking: !form.get("without_looking").is_empty(),
        anew: !form.get("anew").is_empty(),
        seen: read(form.get("seen")),
    };
    // Who is still to label answers of this run signs nothing of it.
    match served.project.release(run)? {
        Ok(release) => {
            if let Some(refused) = blind(served, visit, &release.examples)? {
                return refused;
            }
        }
        Err(not_done) => return refuse(served, visit, &not_done),
    }
    match served.project.sign(&wish)? {
        Ok(what) => {
            served.note(
                &visit.call.now,
                &visit.who.person,
                &format!("run {run}: {what}"),
            )?;
            go_on(&format!("/releases/{run}"))
        }
        Err(not_done) => {
            let (_, said) = told(&not_done);
            let what = format!("run {run}: signed nothing: {said}");
            served.note(&visit.call.now, &visit.who.person, &what)?;
            show(served, visit, Some(&not_done), wish)
        }
    }
}

/// Writes what was seen as lines `digest name`.
fn written(seen: &BTreeMap<String, String>) -> String {
    let lines = seen.iter().map(|(name, digest)| format!("{digest} {name}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Reads it back; what is no such line was not seen.
fn read(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(digest, name)| (name.to_owned(), digest.to_owned()))
        .collect()
}

/// Names the parts of what a decision rests on, as people know them.
fn in_words(parts: &[String]) -> Vec<String> {
    parts.iter().map(|part| in_word(part)).collect()
}

fn in_word(part: &str) -> String {
    match part.split_once(':') {
        Some(("file", path)) => return format!("the file {path}"),
        Some(("sealed", what)) => return format!("what was sealed: {what}"),
        _ => {}
    }
    let said = match part {
        "labels" => "labels of people, causes, or calibrations of judges",
        "outcomes" => "what graders said",
        "proposal" => "what the gate computes",
        "run:events" => "the run's log",
        "run:kept" => "the kept bytes of the run",
        "signatures" => "who has signed",
        "looked at" => "which examples somebody has looked at",
        "newest run" => "which run is the newest",
        "tool" => "the version of the program",
        other => other,
    };
    said.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a25_what_was_seen_comes_back_as_it_was_sent() {
        let seen: BTreeMap<String, String> = [
            ("file:reference/two words.jsonl", "ab"),
            ("labels", "cd"),
            ("sealed:gate", "ef"),
        ]
        .into_iter()
        .map(|(name, digest)| (name.to_owned(), digest.to_owned()))
        .collect();
        assert_eq!(read(&written(&seen)), seen);
        // Browsers send line ends their own way.
        assert_eq!(read(&written(&seen).replace('\n', "\r\n")), seen);
        assert_eq!(read("nothing"), BTreeMap::new());
    }
}
