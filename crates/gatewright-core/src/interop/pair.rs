//! Which rows answer the same example, for which role and as which trial; what has no partner is named.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::criteria::{self, Criterion, Vocabulary};
use super::ids::{Namer, question};
use super::keys::{is_asked, no_key, no_question, same_questions, several_questions};
use super::roles::Chosen;
use super::{Case, End, Log, Row, name};
use crate::digest::Digest;
use crate::json::scalar_text;
use crate::manifest::Role;
use crate::problem::{Location, Problem};

/// By what rows are matched.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Key {
    /// By the tool's ids where it gives stable ones (Inspect, OpenAI evals, a table with ids), else by what was asked.
    #[default]
    Auto,
    /// By what was asked.
    Content,
    /// By a field: `id`, `vars.NAME`, `metadata.NAME`, or a name alone.
    Field(String),
}

/// An example that the page has already.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// What it asks: a text or messages; null where it is withheld.
    pub input: Value,
}

/// Everything that was imported, as examples and answers.
#[derive(Debug)]
pub struct Paired<'l> {
    /// In the order in which files name them.
    pub examples: Vec<Example<'l>>,
    /// In the order of role, example, trial.
    pub answers: Vec<Answer<'l>>,
    /// What judged.
    pub criteria: Vec<Criterion>,
    /// Roles with their systems' names, each name of its own.
    pub systems: Vec<(Role, String)>,
    /// Examples that not every role has.
    pub unpaired: Vec<Unpaired>,
    /// What a reader should know, in words.
    pub notes: Vec<String>,
}

/// One example.
#[derive(Debug)]
pub struct Example<'l> {
    /// Its id.
    pub id: String,
    /// What was asked, as the first row of it says.
    pub case: &'l Case,
    /// The page has it already.
    pub known: bool,
    /// The criteria that judge it, by their names in the tool; all of them where nothing says.
    pub judged: Option<BTreeSet<String>>,
}

/// One answer of one role.
#[derive(Debug)]
pub struct Answer<'l> {
    /// Whose.
    pub role: Role,
    /// Index of the example.
    pub example: usize,
    /// From 0.
    pub trial: u32,
    /// What the file says.
    pub row: &'l Row,
}

/// An example without a partner.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Unpaired {
    /// Its id.
    pub example: String,
    /// Roles that answer it.
    pub only: Vec<&'static str>,
    /// Where its first row stands.
    pub at: String,
}

/// How rows are matched, once it is settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum By {
    /// The tool's ids.
    Tool,
    /// A field that the user named.
    Field,
    /// What was asked.
    Content,
}

/// A row, whose it is, and the file it stands in.
pub(super) type Placed<'l> = (Role, usize, &'l Row);

/// Rows of one example.
pub(super) struct Group<'l> {
    pub(super) key: String,
    pub(super) rows: Vec<Placed<'l>>,
}

/// Pairs rows. What could be matched in two ways is a problem, and nothing is dropped in silence.
pub fn pair<'l>(
    logs: &'l [Log],
    chosen: &[Chosen],
    key: &Key,
    vocabulary: &Vocabulary,
    known: &[Known],
    problems: &mut Vec<Problem>,
) -> Paired<'l> {
    let mut rows: Vec<Placed<'l>> = Vec::new();
    for of in chosen {
        for (log, system) in &of.parts {
            let of_system = logs[*log].rows.iter().filter(|row| row.system == *system);
            rows.extend(of_system.map(|row| (of.role, *log, row)));
        }
    }
    let file = logs.first().map_or("", |log| log.file.as_str());
    let mut paired = Paired {
        examples: Vec::new(),
        answers: Vec::new(),
        criteria: criteria::settle(
            rows.iter().map(|(.., row)| *row),
            vocabulary,
            file,
            problems,
        ),
        systems: systems(chosen),
        unpaired: Vec::new(),
        notes: Vec::new(),
    };
    let by = match key {
        Key::Content => By::Content,
        Key::Field(_) => By::Field,
        Key::Auto if rows.iter().all(|(.., row)| row.case.id.is_some()) => By::Tool,
        Key::Auto => By::Content,
    };
    let mut groups = grouped(logs, &rows, by, key, problems);
    if by == By::Content {
        groups = told_apart(groups, &mut paired.notes);
    } else {
        if by == By::Field {
            several_questions(&groups, logs, problems);
        }
        same_questions(&groups, by, logs, &mut paired.notes, problems);
    }
    paired.notes.extend(silent(&rows));
    let suites = suites(&rows);
    let mut told = BTreeSet::new();
    let mut namer = Namer::new(known);
    for group in groups {
        let (_, log, first) = group.rows[0];
        let at = format!("{}: {}", logs[log].file, first.place);
        let (id, is_known) = namer.id(&group.key, by, &first.case, &logs[log].file, &at, problems);
        let index = paired.examples.len();
        let answers = trials(&group, index, logs, chosen, &mut told, problems);
        paired.answers.extend(answers);
        let roles: BTreeSet<Role> = group.rows.iter().map(|(role, ..)| *role).collect();
        if roles.len() < chosen.len() {
            paired.unpaired.push(Unpaired {
                example: id.clone(),
                only: roles.iter().map(|role| role.word()).collect(),
                at,
            });
        }
        paired.examples.push(Example {
            id,
            case: &first.case,
            known: is_known,
            judged: judged(&group, &suites),
        });
    }
    paired
        .answers
        .sort_by_key(|answer| (answer.role, answer.example, answer.trial));
    paired
}

/// Names the systems; two roles never share a name, because labels are joined by it.
fn systems(chosen: &[Chosen]) -> Vec<(Role, String)> {
    let mut named: Vec<(Role, String)> = Vec::new();
    for of in chosen {
        let mut called = of
            .parts
            .first()
            .map(|(_, system)| name(system))
            .unwrap_or_default();
        if called.is_empty() {
            called = of.role.word().to_owned();
        }
        let shared = chosen.iter().filter(|other| {
            other.parts.first().map(|(_, system)| name(system)) == Some(called.clone())
        });
        if shared.count() > 1 {
            called = format!("{called} ({})", of.role.word());
        }
        named.push((of.role, called));
    }
    named
}

fn grouped<'l>(
    logs: &[Log],
    rows: &[Placed<'l>],
    by: By,
    key: &Key,
    problems: &mut Vec<Problem>,
) -> Vec<Group<'l>> {
    let suites: BTreeSet<&Option<String>> = rows.iter().map(|(.., row)| &row.case.suite).collect();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Group<'l>> = Vec::new();
    let mut without = BTreeSet::new();
    for placed in rows {
        let (_, log, row) = *placed;
        let stated = match (by, key) {
            (By::Content, _) => is_asked(&row.case).then(|| question(&row.case.content)),
            (By::Field, Key::Field(field)) => row
                .case
                .field(field)
                .as_ref()
                .and_then(scalar_text)
                .map(|text| text.into_owned()),
            _ => row
                .case
                .id
                .clone()
                .map(|id| match (&row.case.suite, suites.len()) {
                    (Some(suite), 2..) => format!("{suite}/{id}"),
                    _ => id,
                }),
        };
        let Some(stated) = stated.filter(|text| !text.trim().is_empty()) else {
            if without.insert(log) {
                problems.push(match by {
                    By::Content => no_question(&logs[log], row),
                    _ => no_key(&logs[log], row, key),
                });
            }
            continue;
        };
        let next = groups.len();
        let place = *places.entry(stated.clone()).or_insert(next);
        if place == next {
            groups.push(Group {
                key: stated,
                rows: Vec::new(),
            });
        }
        groups[place].rows.push(*placed);
    }
    groups
}

/// Hashes what is expected of a case. What else a file keeps beside it (a time, a note) may differ from repeat to repeat.
fn whole(case: &Case) -> Digest {
    Digest::of_json(&(&case.answer, &case.judged_by, &case.sources))
}

/// Splits questions that one system is asked more than once with different expectations: those are several examples, matched by these too.
fn told_apart<'l>(groups: Vec<Group<'l>>, notes: &mut Vec<String>) -> Vec<Group<'l>> {
    let mut made = Vec::new();
    let (mut ties, mut differ) = (0, 0);
    for group in groups {
        let mut by_role: BTreeMap<Role, BTreeSet<Digest>> = BTreeMap::new();
        for (role, _, row) in &group.rows {
            by_role.entry(*role).or_default().insert(whole(&row.case));
        }
        if by_role.values().all(|wholes| wholes.len() == 1) {
            let all: BTreeSet<&Digest> = by_role.values().flatten().collect();
            differ += u32::from(all.len() > 1);
            made.push(group);
            continue;
        }
        ties += 1;
        let mut apart: Vec<(Digest, Group<'l>)> = Vec::new();
        for placed in group.rows {
            let whole = whole(&placed.2.case);
            match apart.iter_mut().find(|(known, _)| *known == whole) {
                Some((_, of)) => of.rows.push(placed),
                None => apart.push((
                    whole,
                    Group {
                        key: format!("{}{}", group.key, whole.hex()),
                        rows: vec![placed],
                    },
                )),
            }
        }
        made.extend(apart.into_iter().map(|(_, group)| group));
    }
    if ties > 0 {
        notes.push(format!("{ties} questions are asked more than once with different expectations: they are matched by these too"));
    }
    if differ > 0 {
        notes.push(format!("{differ} examples expect something else in another file or system: what the first says is kept"));
    }
    made
}

/// Criteria that tests name and that said nothing of any answer: no rule would show that they are missing.
fn silent(rows: &[Placed<'_>]) -> Option<String> {
    let answered = rows.iter().map(|(.., row)| *row);
    let answered: Vec<&Row> = answered
        .filter(|row| matches!(row.end, End::Answered(_)))
        .collect();
    let said = answered.iter().flat_map(|row| &row.grades);
    let said: BTreeSet<&str> = said.map(|grade| grade.criterion.as_str()).collect();
    let named = answered.iter().flat_map(|row| &row.case.criteria);
    let silent: BTreeSet<&str> = named
        .map(String::as_str)
        .filter(|named| !said.contains(named))
        .collect();
    let quoted: Vec<String> = silent.iter().map(|it| format!("`{}`", name(it))).collect();
    (!silent.is_empty()).then(|| {
        format!(
            "no answer has a verdict of {}, which the tests ask for: no rule is written for it",
            quoted.join(", ")
        )
    })
}

/// The criteria of each suite.
fn suites<'l>(rows: &[Placed<'l>]) -> BTreeMap<Option<&'l str>, BTreeSet<String>> {
    let mut made: BTreeMap<Option<&str>, BTreeSet<String>> = BTreeMap::new();
    for (.., row) in rows {
        let of = made.entry(row.case.suite.as_deref()).or_default();
        of.extend(row.grades.iter().map(|grade| grade.criterion.clone()));
    }
    made
}

/// Says what judges an example: what its file says, else everything that judges its suite.
fn judged(
    group: &Group<'_>,
    suites: &BTreeMap<Option<&str>, BTreeSet<String>>,
) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for (.., row) in &group.rows {
        found.extend(row.case.criteria.iter().cloned());
    }
    if found.is_empty() {
        let (.., first) = group.rows[0];
        return match first.case.suite {
            // promptfoo and DeepEval say for each case what judges it: nothing does.
            None if group.rows.iter().all(|(.., row)| row.grades.is_empty()) => Some(found),
            _ => suites.get(&first.case.suite.as_deref()).cloned(),
        };
    }
    for (.., row) in &group.rows {
        found.extend(row.grades.iter().map(|grade| grade.criterion.clone()));
    }
    Some(found)
}

/// Numbers the trials of each role.
fn trials<'l>(
    group: &Group<'l>,
    example: usize,
    logs: &[Log],
    chosen: &[Chosen],
    told: &mut BTreeSet<Role>,
    problems: &mut Vec<Problem>,
) -> Vec<Answer<'l>> {
    let mut made = Vec::new();
    for of in chosen {
        let mut rows: Vec<(usize, &'l Row)> = group
            .rows
            .iter()
            .filter(|(role, ..)| *role == of.role)
            .map(|(_, log, row)| (*log, *row))
            .collect();
        let files: BTreeSet<usize> = rows.iter().map(|(log, _)| *log).collect();
        if files.len() > 1 && !of.one_by_one {
            if told.insert(of.role) {
                problems.push(twice(&rows, logs, of));
            }
            continue;
        }
        let order = |log: usize| of.parts.iter().position(|(part, _)| *part == log);
        // Stable: rows without a number stay in their file's order.
        rows.sort_by_key(|(log, row)| (order(*log), row.trial));
        let same = rows.windows(2).find(|two| {
            two[0].0 == two[1].0 && two[0].1.trial.is_some() && two[0].1.trial == two[1].1.trial
        });
        if let Some([(log, first), (_, second)]) = same {
            let what = format!(
                "{} and {} are the same trial of one example of `{}`",
                first.place,
                second.place,
                name(&first.system)
            );
            problems.push(
                Problem::error("same-trial", Location::file(&logs[*log].file), what)
                    .why("one attempt has one answer")
                    .instead("a number of its own for each repeat, or --key with a field that tells the examples apart"),
            );
            continue;
        }
        let unnumbered = rows.iter().find(|(_, row)| row.trial.is_none());
        if let Some((log, row)) = unnumbered
            && rows
                .iter()
                .any(|(other, row)| other == log && row.trial.is_some())
        {
            let what = format!(
                "{} has no number of its trial, and other rows of its example have",
                row.place
            );
            problems.push(
                Problem::error("missing-trial", Location::file(&logs[*log].file), what)
                    .why("nobody can say which repeat it is")
                    .instead("a number in every row of the example, or in none"),
            );
            continue;
        }
        let several = files.len() > 1;
        made.extend(
            rows.into_iter()
                .enumerate()
                .map(|(index, (_, row))| Answer {
                    role: of.role,
                    example,
                    trial: row.trial.filter(|_| !several).unwrap_or(index as u32),
                    row,
                }),
        );
    }
    made
}

fn twice(rows: &[(usize, &Row)], logs: &[Log], of: &Chosen) -> Problem {
    let names: BTreeSet<&str> = rows
        .iter()
        .map(|(log, _)| logs[*log].file.as_str())
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    let (first, row) = rows[0];
    let typed = |file: &&str| {
        let log = logs.iter().find(|log| log.file == **file);
        let alone = log.is_none_or(|log| log.rows.iter().all(|other| other.system == row.system));
        let part = if alone {
            String::new()
        } else {
            format!("={}", row.system)
        };
        format!("--{} '{file}{part}'", of.role.word())
    };
    let flags: Vec<String> = names.iter().map(typed).collect();
    Problem::error(
        "same-system",
        Location::file(&logs[first].file),
        format!("`{}` answers the same examples in {}", name(&row.system), names.join(" and in ")),
    )
    .why("they may be two versions under one name, or repeats")
    .instead(format!("one file for each role: --candidate NEW --production OLD; when they are repeats of one system: {}", flags.join(" ")))
}
