//! `gatewright replay`

use gatewright_core::decide::Answer;
use gatewright_core::report::View;
use gatewright_core::report::untrusted::{clip, pad, wrap};
use serde_json::{Value, json};

use crate::args::ReplayArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{
    PROPOSAL, Replayed, ReplayedNow, find_run, holds, list_records, read_record,
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
    let mut all = Vec::new();
    for folder in folders {
        let proposal = proposal(context, &folder.name)?;
        all.push((decide_again(context, folder)?, proposal));
    }
    let lines: Vec<Line> = all
        .iter()
        .map(|(replayed, then)| Line::of(replayed, then.as_ref()))
        .collect();
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
    then: Option<String>,
    /// What fired then, where a record says it.
    fired_then: Option<String>,
    now: Option<Answer>,
    fired_now: Vec<Value>,
    sentence: String,
    cannot: Option<String>,
}

impl Line {
    fn of(replayed: &Replayed, then: Option<&Value>) -> Self {
        let (now, fired_now, sentence, cannot) = match &replayed.now {
            ReplayedNow::Decided(view) => {
                (Some(view.answer), fired(view), view.sentence.clone(), None)
            }
            ReplayedNow::Cannot(why) => (None, Vec::new(), String::new(), Some(why.clone())),
        };
        Self {
            run: replayed.run.clone(),
            at: replayed.at.clone(),
            then: replayed.then.clone(),
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
    held: usize,
    shipped_then: usize,
    changed: usize,
    cannot: usize,
}

fn sums(lines: &[Line]) -> Sums {
    let held = lines.iter().filter(|line| line.now.is_some_and(holds));
    Sums {
        shipped_then: held
            .clone()
            .filter(|line| line.then.as_deref() == Some(Answer::Ship.word()))
            .count(),
        held: held.count(),
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
                "now": line.now.map(Answer::word), "changed": line.is_changed(),
                "fired_now": line.fired_now, "sentence": line.sentence, "cannot": line.cannot,
            })
        })
        .collect();
    json!({
        "format": "gatewright-replay/1", "runs": runs, "held": sums.held, "held_and_shipped_then": sums.shipped_then,
        "changed": sums.changed, "cannot": sums.cannot,
    })
}

fn told(lines: &[Line], width: usize) -> String {
    let sums = sums(lines);
    let n = lines.len();
    let s = if n == 1 { "" } else { "s" };
    let mut first = format!(
        "Today's page would have held {} of your last {n} run{s}",
        sums.held
    );
    if sums.shipped_then > 0 {
        first.push_str(&format!("; {} of them shipped", sums.shipped_then));
    }
    if sums.cannot > 0 {
        first.push_str(&format!("; {} cannot be replayed", sums.cannot));
    }
    let mut rows = wrap(&format!("{first}."), width, 2);
    rows.push(row(
        ["run", "date", "then", "now", "rule now"].map(str::to_owned),
        width,
    ));
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
        let then = line.then.clone().unwrap_or_else(|| "undecided".to_owned());
        let date = line.at.split('T').next().unwrap_or_default().to_owned();
        rows.push(row(
            [line.run.clone(), date, then, format!("{now}{mark}"), rule],
            width,
        ));
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

fn row(cells: [String; 5], width: usize) -> String {
    let [run, date, then, now, rule] = cells;
    let line = format!(
        "{}{}{}{}{rule}",
        pad(&clip(&run, 15), 16),
        pad(&date, 12),
        pad(&then, 21),
        pad(&now, 23)
    );
    clip(line.trim_end(), width)
}
