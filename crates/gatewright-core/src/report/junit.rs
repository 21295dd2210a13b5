//! JUnit XML for test tabs: one suite for the gate, then one for each task and criterion.
//!
//! Format: the schema that Jenkins, GitLab and GitHub's readers share (`testsuites`, `testsuite`, `testcase` with `failure`, `error` or `skipped`).

use std::collections::BTreeMap;
use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::decide::Answer;
use crate::report::model::{FindingView, StandingWord, View};
use crate::report::record::overrides;
use crate::report::units::{Stands, Tally, Unit, Units};
use crate::report::untrusted::line;

/// Most characters of a message.
const MESSAGE_CHARS: usize = 600;

/// How a case ended.
enum Ended {
    Passed,
    Failed { kind: String, message: String },
    Error { kind: String, message: String },
    Skipped { message: String },
}

struct Case {
    name: String,
    class: String,
    ended: Ended,
    /// What production did, where that is another.
    note: Option<String>,
}

/// Writes a run as JUnit XML. Characters that XML 1.0 has no place for are shown as `\u{…}`.
///
/// # Errors
/// What the writer says.
pub fn junit(view: &View, units: &Units<'_>, out: impl Write) -> io::Result<()> {
    let mut suites = vec![("gate".to_owned(), gate(view))];
    let mut by_place: BTreeMap<(&str, u16), Vec<Case>> = BTreeMap::new();
    for (criterion, example, unit) in units.iter() {
        let task = units.task(example);
        let case = case(units, (criterion, example, unit));
        by_place.entry((task, criterion)).or_default().push(case);
    }
    suites.extend(by_place.into_iter().map(|((task, criterion), cases)| {
        let name = format!("task {} · {}", shown(task), units.criterion(criterion));
        (name, cases)
    }));
    let mut xml = Writer::new_with_indent(out, b' ', 1);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = suites.iter().flat_map(|(_, cases)| cases);
    let [tests, failures, errors, skipped] = counts(all);
    xml.create_element("testsuites")
        .with_attributes([
            ("name", shown(&view.product).as_str()),
            ("tests", tests.as_str()),
            ("failures", failures.as_str()),
            ("errors", errors.as_str()),
            ("skipped", skipped.as_str()),
        ])
        .write_inner_content(|xml| suites.iter().try_for_each(|it| suite(xml, &it.0, &it.1)))?;
    xml.into_inner().write_all(b"\n")
}

/// The decision, then every rule in every slice.
fn gate(view: &View) -> Vec<Case> {
    let message = shown(&view.sentence);
    let kind = view.answer.word().to_owned();
    let ended = match view.answer {
        Answer::Ship => Ended::Passed,
        Answer::NotEnoughEvidence => Ended::Error { kind, message },
        _ => Ended::Failed { kind, message },
    };
    let decision = Case {
        name: "decision".to_owned(),
        class: "gate".to_owned(),
        ended,
        note: match overrides(view).as_slice() {
            [] => None,
            all => Some(shown(&format!("override in force: {}", all.join("; ")))),
        },
    };
    let rules = view.findings.iter().map(|finding| Case {
        name: shown(&format!("{} in {}", finding.rule, finding.slice.words)),
        class: "gate".to_owned(),
        ended: rule(finding),
        note: None,
    });
    std::iter::once(decision).chain(rules).collect()
}

fn rule(finding: &FindingView) -> Ended {
    // The sentence says why it is undecided.
    let message = shown(&format!(
        "{}. It rests on {}.",
        finding.sentence, finding.rests_on
    ));
    if !finding.deciding {
        let message = format!("reports only: {message}");
        return Ended::Skipped { message };
    }
    match finding.standing {
        StandingWord::Holds => Ended::Passed,
        StandingWord::Violated => Ended::Failed {
            kind: finding.action.map_or("violated", |it| it.word()).to_owned(),
            message,
        },
        StandingWord::Undecided => Ended::Error {
            kind: "undecided".to_owned(),
            message,
        },
    }
}

fn case(units: &Units<'_>, (criterion, example, unit): (u16, u32, &Unit)) -> Case {
    let Unit {
        candidate,
        production,
    } = unit;
    let why = |tally: &Tally| tally.why.as_deref().map(shown).unwrap_or_default();
    let ended = match candidate.stands() {
        Stands::Passed => Ended::Passed,
        Stands::Failed => {
            let classes = &units.manifest.classes;
            let class = candidate.class.and_then(|it| classes.get(usize::from(it)));
            Ended::Failed {
                kind: class.map_or("failed", |class| class.id.as_str()).to_owned(),
                message: joined(&candidate.words(), &why(candidate)),
            }
        }
        Stands::Missing => Ended::Error {
            kind: candidate
                .reason
                .map_or("missing", |it| it.word())
                .to_owned(),
            message: joined(&candidate.words(), &why(candidate)),
        },
        Stands::Beside => Ended::Skipped {
            message: "nothing that passes or fails".to_owned(),
        },
    };
    let differs = production.stands() != candidate.stands();
    let note = match production.stands() {
        Stands::Passed | Stands::Failed if differs => {
            Some(format!("production: {}", production.words()))
        }
        _ => None,
    };
    Case {
        name: shown(units.example(example)),
        class: format!(
            "{}.{}",
            shown(units.task(example)),
            units.criterion(criterion)
        ),
        ended,
        note,
    }
}

fn joined(words: &str, why: &str) -> String {
    match why.is_empty() {
        true => words.to_owned(),
        false => format!("{words}: {why}"),
    }
}

/// Text that XML can hold, on one line.
fn shown(text: &str) -> String {
    let shown = line(text, MESSAGE_CHARS);
    // What `line` leaves and XML 1.0 has not: U+FFFE and U+FFFF.
    shown
        .replace('\u{fffe}', "\\u{fffe}")
        .replace('\u{ffff}', "\\u{ffff}")
}

/// Tests, failures, errors and skipped.
fn counts<'a>(cases: impl Iterator<Item = &'a Case>) -> [String; 4] {
    let mut of = [0_u64; 4];
    for case in cases {
        of[0] += 1;
        match case.ended {
            Ended::Passed => {}
            Ended::Failed { .. } => of[1] += 1,
            Ended::Error { .. } => of[2] += 1,
            Ended::Skipped { .. } => of[3] += 1,
        }
    }
    of.map(|count| count.to_string())
}

fn suite<W: Write>(xml: &mut Writer<W>, name: &str, cases: &[Case]) -> io::Result<()> {
    let [tests, failures, errors, skipped] = counts(cases.iter());
    xml.create_element("testsuite")
        .with_attributes([
            ("name", name),
            ("tests", tests.as_str()),
            ("failures", failures.as_str()),
            ("errors", errors.as_str()),
            ("skipped", skipped.as_str()),
        ])
        .write_inner_content(|xml| cases.iter().try_for_each(|case| write_case(xml, case)))?;
    Ok(())
}

fn write_case<W: Write>(xml: &mut Writer<W>, case: &Case) -> io::Result<()> {
    let names = [("classname", case.class.as_str()), ("name", &case.name)];
    let element = xml.create_element("testcase").with_attributes(names);
    if matches!(case.ended, Ended::Passed) && case.note.is_none() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|xml| {
        match &case.ended {
            Ended::Passed => {}
            Ended::Failed { kind, message } => {
                let of = [("type", kind.as_str()), ("message", message)];
                xml.create_element("failure")
                    .with_attributes(of)
                    .write_empty()?;
            }
            Ended::Error { kind, message } => {
                let of = [("type", kind.as_str()), ("message", message)];
                xml.create_element("error")
                    .with_attributes(of)
                    .write_empty()?;
            }
            Ended::Skipped { message } => {
                let of = [("message", message.as_str())];
                xml.create_element("skipped")
                    .with_attributes(of)
                    .write_empty()?;
            }
        }
        if let Some(note) = &case.note {
            xml.create_element("system-out")
                .write_text_content(BytesText::new(note))?;
        }
        Ok(())
    })?;
    Ok(())
}
