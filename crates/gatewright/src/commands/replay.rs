//! `gatewright replay`

use gatewright_core::decide::Answer;
use gatewright_core::record::{Keys, Recorded, recorded};
use gatewright_core::report::View;
use gatewright_core::report::untrusted::{clip, columns, pad, wrap};
use serde_json::{Value, json};

use crate::args::ReplayArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{
    PROPOSAL, Replayed, ReplayedNow, find_run, holds, list_records, project_events, read_record,
    replay as decide_again, run_folders,
};

pub(crate) fn replay(context: &Context, args: &ReplayArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let folders = match args.runs.is_empty() {
        false => {
            let named = args
                .runs
                .iter()
                .map(|name| find_run(&project, name, &context.here));
            named.collect::<Result<Vec<_>, Failure>>()?
        }
        true => {
            let mut all = run_folders(&project.state);
            let first = all.len().saturating_sub(args.last as usize);
            all.split_off(first)
        }
    };
    if folders.is_empty() {
        return Err(
            Failure::expected(exit::NOTHING, "there is no run to replay").next("gatewright gate"),
        );
    }
    let events = project_events(&project)?;
    let decisions = recorded(&events, &Keys::fold(&events));
    let mut lines = Vec::new();
    for folder in folders {
        let proposal = proposal(context, &folder.name)?;
        // A run of another project may have the same name.
        let own = folder.dir.starts_with(&project.state);
        let stands = |one: &&Recorded| own && one.stands() && one.summary.run == folder.name;
        let stood = decisions.iter().rfind(stands);
        let replayed = decide_again(context, folder)?;
        lines.push(Line::of(&replayed, proposal.as_ref(), stood));
    }
    if context.console.json {
        context.console.document(&document(&lines))?;
    } else {
        context
            .console
            .out(&told(&lines, context.console.options.width))?;
    }
    Ok(exit::SHIP)
}

/// Reads what was proposed then, where the decision was signed: only a record keeps it whole.
fn proposal(context: &Context, run: &str) -> Result<Option<Value>, Failure> {
    let state = context.project()?.state;
    for folder in list_records(&state).into_iter().rev() {
        let Ok(bytes) = read_record(&folder.dir, PROPOSAL) else {
            continue;
        };
        let read = gatewright_core::json::parse(&bytes).ok();
        if let Some(proposal) = read.filter(|proposal| proposal["run"]["name"] == run) {
            return Ok(Some(proposal));
        }
    }
    Ok(None)
}

/// One run in the table.
struct Line {
    run: String,
    at: String,
    /// What was decided: by people where a decision stands on the record, else by the gate.
    then: Option<String>,
    /// True when people decided otherwise than the gate said.
    overridden: bool,
    /// What the gate said then.
    gate_then: Option<String>,
    /// What fired then, where a record says it.
    fired_then: Option<String>,
    now: Option<Answer>,
    fired_now: Vec<Value>,
    sentence: String,
    cannot: Option<String>,
}

impl Line {
    fn of(replayed: &Replayed, then: Option<&Value>, stood: Option<&Recorded>) -> Self {
        let (now, fired_now, sentence, cannot) = match &replayed.now {
            ReplayedNow::Decided(view) => {
                (Some(view.answer), fired(view), view.sentence.clone(), None)
            }
            ReplayedNow::Cannot(why) => (None, Vec::new(), String::new(), Some(why.clone())),
        };
        Self {
            run: replayed.run.clone(),
            at: replayed.at.clone(),
            then: stood.map_or_else(
                || replayed.then.clone(),
                |stood| Some(stood.summary.answer.word().to_owned()),
            ),
            overridden: stood.is_some_and(|it| it.summary.answer != it.summary.proposed),
            gate_then: replayed.then.clone(),
            fired_then: then.and_then(|then| {
                let first = then["fired"][0].as_u64()? as usize;
                let finding = &then["findings"][first];
                Some(rule_words(finding["rule"].as_str()?, &finding["slice"]))
            }),
            now,
            fired_now,
            sentence,
            cannot,
        }
    }

    fn is_changed(&self) -> bool {
        match (&self.then, self.now) {
            (Some(then), Some(now)) => then != now.word(),
            _ => false,
        }
    }
}

/// The rules that made the answer, with where.
fn fired(view: &View) -> Vec<Value> {
    let findings = view
        .fired
        .iter()
        .filter_map(|index| view.findings.get(*index));
    let of = findings.map(|finding| {
        let slice = serde_json::to_value(&finding.slice).unwrap_or_default();
        json!({"rule": finding.rule, "at": finding.at, "slice": slice, "sentence": finding.sentence})
    });
    of.collect()
}

fn rule_words(rule: &str, slice: &Value) -> String {
    let place = slice["words"].as_str().unwrap_or_default();
    match place {
        "" | "all examples" => rule.to_owned(),
        place => format!("{rule} in {place}"),
    }
}

struct Sums {
    /// Runs that were decided again.
    replayed: usize,
    /// Of them, those that would not ship.
    not_shipped: usize,
    /// Of those, the ones that shipped then.
    shipped_then: usize,
    /// Of the replayed, those that would be kept back because something broke.
    held: usize,
    held_and_shipped_then: usize,
    changed: usize,
    cannot: usize,
}

fn sums(lines: &[Line]) -> Sums {
    let count = |wanted: &dyn Fn(&Line, Answer) -> bool| {
        let is = |line: &&Line| line.now.is_some_and(|now| wanted(line, now));
        lines.iter().filter(is).count()
    };
    let shipped = |line: &Line| line.then.as_deref() == Some(Answer::Ship.word());
    Sums {
        replayed: count(&|_, _| true),
        not_shipped: count(&|_, now| now != Answer::Ship),
        shipped_then: count(&|line, now| now != Answer::Ship && shipped(line)),
        held: count(&|_, now| holds(now)),
        held_and_shipped_then: count(&|line, now| holds(now) && shipped(line)),
        changed: lines.iter().filter(|line| line.is_changed()).count(),
        cannot: lines.iter().filter(|line| line.cannot.is_some()).count(),
    }
}

fn document(lines: &[Line]) -> Value {
    let sums = sums(lines);
    let runs: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "run": line.run, "at": line.at, "then": line.then, "fired_then": line.fired_then,
                "overridden": line.overridden, "gate_then": line.gate_then,
                "now": line.now.map(Answer::word), "changed": line.is_changed(),
                "fired_now": line.fired_now, "sentence": line.sentence, "cannot": line.cannot,
            })
        })
        .collect();
    json!({
        "format": "gatewright-replay/1", "runs": runs, "replayed": sums.replayed,
        "not_shipped": sums.not_shipped, "not_shipped_but_then": sums.shipped_then,
        "held": sums.held, "held_and_shipped_then": sums.held_and_shipped_then,
        "changed": sums.changed, "cannot": sums.cannot,
    })
}

fn told(lines: &[Line], width: usize) -> String {
    let sums = sums(lines);
    let mut first = match sums.replayed {
        0 => "No run could be replayed".to_owned(),
        1 if sums.not_shipped == 0 => {
            "Today's page would have shipped the one run that was replayed".to_owned()
        }
        n if sums.not_shipped == 0 => {
            format!("Today's page would have shipped all {n} runs that were replayed")
        }
        n => format!(
            "Today's page would not have shipped {} of {n} replayed run{}",
            sums.not_shipped,
            if n == 1 { "" } else { "s" }
        ),
    };
    if sums.not_shipped > 0 {
        first.push_str(&format!(
            "; {} of them shipped then",
            match sums.shipped_then {
                0 => "none".to_owned(),
                some => some.to_string(),
            }
        ));
    }
    if sums.cannot > 0 && sums.replayed > 0 {
        first.push_str(&format!("; {} cannot be replayed", sums.cannot));
    }
    let mut rows = wrap(&format!("{first}."), width, 2);
    let mut cells = vec![["run", "date", "then", "now", "rule now"].map(str::to_owned)];
    for line in lines {
        let now = line.now.map_or("—", Answer::word);
        let mark = if line.is_changed() { " *" } else { "" };
        let rule = match (&line.cannot, line.fired_now.first()) {
            (Some(_), _) => String::new(),
            (None, Some(fired)) => {
                rule_words(fired["rule"].as_str().unwrap_or_default(), &fired["slice"])
            }
            (None, None) => String::new(),
        };
        let then = match (&line.then, line.overridden) {
            (Some(then), true) => format!("{then} (override)"),
            (Some(then), false) => then.clone(),
            (None, _) => "undecided".to_owned(),
        };
        let date = line.at.split('T').next().unwrap_or_default().to_owned();
        let run = clip(&line.run, RUN_COLUMNS);
        cells.push([run, date, then, format!("{now}{mark}"), rule]);
    }
    rows.extend(table(&cells, width));
    if lines.iter().any(Line::is_changed) {
        rows.push("* another answer than then".to_owned());
    }
    for line in lines {
        if let Some(why) = &line.cannot {
            rows.extend(wrap(
                &format!("{} cannot be replayed: {why}", line.run),
                width,
                2,
            ));
        } else if line.is_changed() {
            let then = line
                .fired_then
                .as_deref()
                .map_or(String::new(), |then| format!(" (then: {then})"));
            rows.extend(wrap(
                &format!("{}{then}: {}", line.run, line.sentence),
                width,
                2,
            ));
        }
    }
    rows.push("No decision on record was touched.".to_owned());
    rows.join("\n") + "\n"
}

/// Widest name of a run that is shown whole.
const RUN_COLUMNS: usize = 24;

/// Columns as wide as what stands in them; a rule that fits in no line stands in the next.
fn table(cells: &[[String; 5]], width: usize) -> Vec<String> {
    let wide = |at: usize| cells.iter().map(|row| columns(&row[at])).max().unwrap_or(0);
    let widths = [wide(0), wide(1), wide(2), wide(3)];
    let mut rows = Vec::new();
    for row in cells {
        let padded = row.iter().zip(widths);
        let line: Vec<String> = padded.map(|(cell, wide)| pad(cell, wide)).collect();
        let line = line.join("  ");
        let rule = &row[4];
        if columns(&line) + 2 + columns(rule) <= width {
            rows.push(format!("{line}  {rule}").trim_end().to_owned());
        } else {
            rows.push(line.trim_end().to_owned());
            rows.extend(wrap(&format!("    {rule}"), width, 4));
        }
    }
    rows
}
