//! A page for imported results: a whole one to start from, or the parts to put into the page that is there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::criteria::{Criterion, Measure};
use super::files::{Scope, Written, is_judged, scope};
use super::pair::Paired;
use super::slug;
use crate::manifest::{PRODUCT_PLACEHOLDER, Role};
use crate::outcome::GraderKind;

/// Fewest examples of a task that a rule of its own rests on.
const THIN: usize = 12;

/// Fewest examples whose loss trips a guard.
const TRIP: usize = 3;

/// Where the files are, and what the team says of itself.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The line that tells editors where the schema is; empty for none.
    pub schema_comment: String,
    /// The folder of the files, from the page's folder.
    pub folder: String,
    /// What was imported, in a few words.
    pub origin: String,
    /// What the tool says the product is, or nothing.
    pub product: String,
}

/// Writes a whole page. Something must have been judged: a page without a criterion is none.
pub fn whole(paired: &Paired<'_>, written: &Written, page: &Page) -> String {
    let system = |role: Role| {
        let found = paired.systems.iter().find(|(of, _)| *of == role);
        found.map_or("", |(_, system)| system.as_str())
    };
    let product = match slug(&page.product, 60) {
        named if named.is_empty() => PRODUCT_PLACEHOLDER.to_owned(),
        named => named,
    };
    let mut text = format!(
        "{}# The one page: seven questions, started from {}. `gatewright check` says what is missing or vague.\n\
gatewright: 1\n\
product: {product}\n\
\n\
# 1. What is promised, for whom, with what evidence, and what happens when the answer is not ready?\n\
promise:\n\
\x20 does: \"Say here what the product does, in one sentence.\"\n\
\x20 for: \"say who uses it, and where\"\n\
\x20 evidence: \"say what an answer must rest on\"\n\
\x20 when_not_ready: \"say when it asks, escalates or refuses\"\n\
\n\
# 2. What do users ask for?\n\
tasks:\n",
        page.schema_comment,
        one_line(&page.origin)
    );
    let tasks = written.values.get("task").cloned().unwrap_or_default();
    let tasks = if tasks.is_empty() {
        vec!["imported".to_owned()]
    } else {
        tasks
    };
    for task in &tasks {
        text.push_str(&format!(
            "  {}: \"Say what users want when they ask for it.\"\n",
            key(task)
        ));
    }
    text.push_str(
        "\n# 3. Which failures cost most, what does one cost, and who repairs it? Name them after what goes wrong.\nfailures:\n",
    );
    for class in classes(paired) {
        text.push_str(&format!(
            "  {class}: {{severity: high, cost: 100 USD, owner: product, repair: \"say what is repaired\"}}\n"
        ));
    }
    let standard = match decides(paired) {
        true => "unbroken       # `shown` once there are 200 examples or more",
        false => "shown          # no rule below decides yet: `unbroken` would ship whatever comes",
    };
    text.push_str(&format!(
        "owners:\n  product: {{name: \"Product team\"}}\n\
\n\
# 4. Where can real examples be sampled? These are what somebody chose to test.\n\
# evidence:\n#   - {{id: chat-logs, kind: traffic, at: \"logs/*.parquet\"}}\n\
# traffic: {{per_week: 10000}}      # then a verdict can say failures and money a week\n\
\n\
# 5. Which release decision does this answer, and who takes it?\n\
decision:\n\
\x20 question: {}\n\
\x20 decided_by: product\n\
\x20 standard: {standard}\n\
\x20 enforce: block\n\
\n\
# 6. By what are results reported separately? `task` comes by itself.\n",
        quoted(&match system(Role::Production) {
            "" => format!("Release {}?", system(Role::Candidate)),
            production => format!(
                "Release {} in place of {production}?",
                system(Role::Candidate)
            ),
        })
    ));
    text.push_str(&segments(written));
    text.push_str("\n# What is compared, as it was recorded.\nsystems:\n");
    text.push_str(&systems(paired, page));
    text.push_str(&format!(
        "reference: [{}]\n",
        quoted(&format!("{}/examples.jsonl", page.folder))
    ));
    text.push_str("\n# One thing each that can fail for its own reason, and the class it fails as.\ncriteria:\n");
    text.push_str(&criteria(paired, page));
    text.push_str("\n# 7. What follows each result, and who acts?\ngate:\n");
    let several = tasks.len() > 1;
    text.push_str(&gate(paired, |id| {
        several && written.fewest.get(id).is_some_and(|n| *n >= THIN)
    }));
    text
}

/// Writes the parts that go into a page that is there.
pub fn parts(paired: &Paired<'_>, written: &Written, page: &Page) -> String {
    let mut text = String::from("systems:\n");
    text.push_str(&systems(paired, page));
    if !written.examples.is_empty() {
        text.push_str(&format!(
            "reference:\n  - {}\n",
            quoted(&format!("{}/examples.jsonl", page.folder))
        ));
    }
    if !paired.criteria.is_empty() {
        text.push_str("criteria:\n");
        text.push_str(&criteria(paired, page));
        text.push_str("gate:\n");
        text.push_str(&gate(paired, |_| false));
    }
    text
}

/// Says whether a guard can stand on a criterion: production is there, and enough examples are judged for a loss to trip it.
fn guards(criterion: &Criterion, paired: &Paired<'_>) -> bool {
    let examples = paired.examples.iter();
    let judged = examples.filter(|example| is_judged(example, criterion));
    criterion.measure != Measure::Number && has(paired, Role::Production) && judged.count() >= TRIP
}

/// Says whether any rule decides. What a model judged does not, before people's labels show the judge fit.
fn decides(paired: &Paired<'_>) -> bool {
    let mut criteria = paired.criteria.iter();
    criteria.any(|it| it.by != GraderKind::Model && guards(it, paired))
}

fn has(paired: &Paired<'_>, role: Role) -> bool {
    paired.systems.iter().any(|(of, _)| *of == role)
}

fn classes(paired: &Paired<'_>) -> Vec<&'static str> {
    let mut found: Vec<&str> = Vec::new();
    for criterion in &paired.criteria {
        if !found.contains(&criterion.class) {
            found.push(criterion.class);
        }
    }
    found
}

fn segments(written: &Written) -> String {
    let dimensions: BTreeMap<&String, &Vec<String>> = written
        .values
        .iter()
        .filter(|(name, _)| *name != "task")
        .collect();
    if dimensions.is_empty() {
        return "# segments:\n#   risk: {high: {input_matches: \"refund|cancel\"}, low: rest}\n"
            .to_owned();
    }
    let mut text = String::from("segments:\n");
    for (dimension, values) in dimensions {
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        text.push_str(&format!("  {}: [{}]\n", key(dimension), values.join(", ")));
    }
    text
}

fn systems(paired: &Paired<'_>, page: &Page) -> String {
    let mut text = String::new();
    for (role, system) in &paired.systems {
        text.push_str(&format!(
            "  {role}: {{name: {}, recorded: {}}}\n",
            quoted(system),
            quoted(&format!("{}/{}.jsonl", page.folder, role.word())),
            role = role.word(),
        ));
    }
    text
}

fn criteria(paired: &Paired<'_>, page: &Page) -> String {
    let mut text = String::new();
    let labels = quoted(&format!("{}/labels.jsonl", page.folder));
    for criterion in &paired.criteria {
        let mut grader = format!("from: {labels}, by: {}", criterion.by.word());
        match &criterion.measure {
            Measure::Number => grader.push_str(", score: true"),
            Measure::Words { pass, fail } => {
                let list = |words: &[String]| {
                    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                    words.join(", ")
                };
                grader.push_str(&format!(
                    ", values: {{pass: [{}], fail: [{}]}}",
                    list(pass),
                    list(fail)
                ));
                if criterion.parts {
                    grader.push_str(", parts: all");
                }
            }
        }
        let theirs = match criterion.theirs == criterion.id {
            true => String::new(),
            false => format!("    # theirs: {}\n", one_line(&criterion.theirs)),
        };
        text.push_str(&format!(
            "  {}:\n{theirs}    grader: {{label: {{{grader}}}}}\n    fails_as: {}\n",
            key(&criterion.id),
            criterion.class
        ));
        match scope(criterion, paired) {
            Scope::Everywhere => {}
            Scope::Marked => text.push_str(&format!(
                "    applies_to: {{fields.judged.{}: \"yes\"}}\n",
                criterion.id
            )),
            Scope::Listed => {
                let examples = paired.examples.iter();
                let judged = examples.filter(|example| is_judged(example, criterion));
                let ids: Vec<String> = judged.map(|example| quoted(&example.id)).collect();
                text.push_str(&format!("    applies_to: {{id: [{}]}}\n", ids.join(", ")));
            }
        }
    }
    text
}

/// Writes the rules; `by_task` says whether every task has examples enough for one of its own.
fn gate(paired: &Paired<'_>, by_task: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let guard = |id: &str| {
        format!(
            "  - {{id: no-loss-{id}, guard: {id}, {}against: production, margin: 10 pts, then: {{violated: hold}}, owner: product}}\n",
            if by_task(id) { "by: [task], " } else { "" }
        )
    };
    for criterion in &paired.criteria {
        let id = &criterion.id;
        let few = criterion.measure != Measure::Number && has(paired, Role::Production);
        if !guards(criterion, paired) {
            if few {
                text.push_str("  # It judges fewer than three examples, and a guard trips at a loss of three.\n");
            }
            text.push_str(&watch(criterion));
        } else {
            if criterion.by == GraderKind::Model {
                text.push_str("  # A model judged it: this only watches until people's labels show that it is fit (docs/calibration.md).\n");
            }
            text.push_str(&guard(id));
        }
    }
    text
}

fn watch(criterion: &Criterion) -> String {
    let metric = match criterion.measure {
        Measure::Number => ", metric: mean",
        Measure::Words { .. } => "",
    };
    format!(
        "  - {{id: watch-{id}, watch: {id}{metric}, owner: product}}\n",
        id = criterion.id
    )
}

/// Quotes a text for YAML: a JSON string is one.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes a key; what YAML could read as something else is quoted.
fn key(text: &str) -> String {
    let plain = text
        .chars()
        .all(|one| one.is_ascii_alphanumeric() || one == '-' || one == '_')
        && text.starts_with(|one: char| one.is_ascii_alphabetic())
        && !["yes", "no", "true", "false", "null", "on", "off", "y", "n"].contains(&text);
    if plain { text.to_owned() } else { quoted(text) }
}

/// Keeps a text of a tool inside its comment.
fn one_line(text: &str) -> String {
    super::name(text)
}
