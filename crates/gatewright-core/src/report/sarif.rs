//! SARIF 2.1.0 for code scanning: the rules that fired at their lines of the page, and failing examples at their lines of the reference set.
//!
//! Standard: OASIS Static Analysis Results Interchange Format 2.1.0.

use serde_json::{Value, json};

use crate::class::Severity;
use crate::digest::Digest;
use crate::problem::Location;
use crate::report::model::{FindingView, View};
use crate::report::record::overrides;
use crate::report::units::{Stands, Unit, Units};
use crate::report::untrusted::line;
use crate::report::words;

/// Most results: viewers show no more than about so many.
pub const RESULTS_MAX: usize = 5000;
/// Most characters of a message.
const MESSAGE_CHARS: usize = 600;

/// Returns a run as SARIF: examples that were lost first, then by cost; at most [`RESULTS_MAX`], and how many more there are.
/// `folder` is the page's folder from the root of the repository, empty when it is the root: viewers look for files from there.
pub fn sarif(view: &View, units: &Units<'_>, folder: &str) -> Value {
    let fired = view.fired.iter().filter_map(|it| view.findings.get(*it));
    let mut results: Vec<Value> = fired.map(|it| finding(it, folder)).collect();
    let mut failing: Vec<(u16, u32, &Unit)> = units
        .iter()
        .filter(|(_, _, unit)| unit.candidate.stands() == Stands::Failed)
        .collect();
    let cost = |unit: &Unit| {
        let class = unit.candidate.class.map(usize::from);
        let class = class.and_then(|it| units.manifest.classes.get(it));
        class.map_or(0.0, |class| class.cost.amount)
    };
    failing.sort_by(|(_, _, one), (_, _, other)| {
        let lost = other.is_lost().cmp(&one.is_lost());
        lost.then(cost(other).total_cmp(&cost(one)))
    });
    let more = (results.len() + failing.len()).saturating_sub(RESULTS_MAX);
    let room = RESULTS_MAX.saturating_sub(results.len());
    results.extend(
        failing
            .iter()
            .take(room)
            .map(|it| failure(units, *it, folder)),
    );
    let notes: Vec<Value> = (more > 0)
        .then(|| {
            let text =
                format!("{more} more failing examples are in the JSON report and in the CSV");
            json!({"level": "note", "message": message(&text)})
        })
        .into_iter()
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "gatewright",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules(view, units),
            }},
            "automationDetails": {"id": format!("gatewright/{}/", line(&view.product, 100))},
            "invocations": [{
                "executionSuccessful": true,
                "exitCode": view.exit_code,
                "toolExecutionNotifications": notes,
            }],
            "columnKind": "unicodeCodePoints",
            "properties": {
                "answer": view.answer.word(),
                "sentence": line(&view.sentence, MESSAGE_CHARS),
                "run": view.run.name,
                "overrides": overrides(view),
            },
            "results": results,
        }],
    })
}

/// Failure classes, and the rules of the page that fired.
fn rules(view: &View, units: &Units<'_>) -> Vec<Value> {
    let mut rules: Vec<Value> = units
        .manifest
        .classes
        .iter()
        .map(|class| {
            let owner = units.manifest.owners.get(&class.owner);
            let owner = owner.map_or(class.owner.as_str(), |owner| owner.name.as_str());
            json!({
                "id": class.id.as_str(),
                "shortDescription": message(&words::class(class.id.as_str(), 1)),
                "help": message(&format!("Repair: {}. Owner: {owner}.", class.repair)),
                "defaultConfiguration": {"level": level(class.severity)},
            })
        })
        .collect();
    let mut named: Vec<&str> = Vec::new();
    for finding in view.fired.iter().filter_map(|it| view.findings.get(*it)) {
        if named.contains(&finding.rule.as_str()) {
            continue;
        }
        named.push(&finding.rule);
        let text = format!("{} {}", finding.verb.word(), finding.subject);
        rules.push(json!({
            "id": format!("gate/{}", line(&finding.rule, 100)),
            "shortDescription": message(&text),
            "help": message(&format!("Owner: {}.", finding.owner.name)),
            "defaultConfiguration": {"level": "error"},
        }));
    }
    rules
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

fn finding(finding: &FindingView, folder: &str) -> Value {
    let text = format!(
        "{}. Owner: {}. It rests on {}.",
        finding.sentence, finding.owner.name, finding.rests_on
    );
    let id = format!("gate/{}", line(&finding.rule, 100));
    json!({
        "ruleId": id,
        "level": if finding.standing == crate::report::model::StandingWord::Violated { "error" } else { "warning" },
        "message": message(&text),
        "locations": [place(&location(&finding.at), folder)],
        "partialFingerprints": {"gatewright/v1": print(&[&id, &finding.slice.words])},
    })
}

fn failure(
    units: &Units<'_>,
    (criterion, example, unit): (u16, u32, &Unit),
    folder: &str,
) -> Value {
    let class = unit.candidate.class.map(usize::from);
    let class = class.and_then(|it| units.manifest.classes.get(it));
    let id = class.map_or("failed", |class| class.id.as_str());
    let (name, criterion) = (units.example(example), units.criterion(criterion));
    let why = unit.candidate.why.as_deref().unwrap_or("it failed");
    let beside = match unit.production.stands() {
        Stands::Passed => "; production passes it",
        Stands::Failed => "; production fails it too",
        _ => "",
    };
    let text = format!(
        "{name}, {criterion}: {why} ({}{beside})",
        unit.candidate.words()
    );
    let entry = units.reference.examples.get(example as usize);
    let at = entry.map(|entry| units.reference.at(entry));
    json!({
        "ruleId": id,
        "level": level(class.map_or(Severity::Medium, |class| class.severity)),
        "message": message(&text),
        "locations": at.iter().map(|at| place(at, folder)).collect::<Vec<_>>(),
        "partialFingerprints": {"gatewright/v1": print(&[id, name, criterion])},
        "properties": {"example": name, "criterion": criterion, "lost": unit.is_lost()},
    })
}

/// A message object: what others wrote stays text. A plain text message reads `[text](address)` as a link, in which `\\` escapes
/// brackets and itself, and `{0}` as a placeholder, of which a doubled brace is none (SARIF 2.1.0 §3.11.5, §3.11.6).
fn message(text: &str) -> Value {
    // Clipped first: half an escape would take the next character with it.
    let shown = line(text, MESSAGE_CHARS);
    let mut out = String::with_capacity(shown.len());
    for one in shown.chars() {
        match one {
            '\\' | '[' | ']' => out.extend(['\\', one]),
            '{' | '}' => out.extend([one, one]),
            one => out.push(one),
        }
    }
    json!({"text": out})
}

/// A fingerprint that stays when lines move.
fn print(parts: &[&str]) -> String {
    Digest::of_json(&parts).to_string()
}

/// Reads `file:line:column` again.
fn location(at: &str) -> Location {
    let mut parts = at.rsplitn(3, ':');
    let column = parts.next().and_then(|it| it.parse().ok());
    let line = parts.next().and_then(|it| it.parse().ok());
    match (parts.next(), line, column) {
        (Some(file), Some(line), Some(column)) => Location::new(&file.into(), line, column),
        _ => Location::file(at),
    }
}

fn place(at: &Location, folder: &str) -> Value {
    let path = match folder {
        "" => at.file.to_string(),
        folder => format!("{folder}/{}", at.file),
    };
    let mut physical = json!({"artifactLocation": {"uri": uri(&path)}});
    if at.line > 0 {
        physical["region"] = match at.column {
            0 => json!({"startLine": at.line}),
            column => json!({"startLine": at.line, "startColumn": column}),
        };
    }
    json!({"physicalLocation": physical})
}

/// A path as a relative URI: with forward slashes, and what a URI reserves in per cent.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ if byte.is_ascii_alphanumeric() => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
