//! `gatewright init`

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::path::Path;

use gatewright_core::class::SHIPPED;
use gatewright_core::manifest::{self, PRODUCT_PLACEHOLDER};
use gatewright_core::problem::misspelt;

use crate::args::InitArgs;
use crate::commands::{Context, shell};
use crate::console::document;
use crate::error::Failure;
use crate::example;
use crate::exit;
use crate::project::PAGE;
use crate::workflow::workflow;

pub(super) const SCHEMA: &str = "gatewright.schema.json";
pub(super) const SCHEMA_COMMENT: &str = "# yaml-language-server: $schema=";

pub(crate) fn init(context: &Context, args: &InitArgs) -> Result<u8, Failure> {
    let dir = context.here.join(&args.dir);
    let workflow = workflow(args, &dir)?;
    if let Some(workflow) = &workflow {
        refuse_existing(&workflow.path)?;
    }
    let mut files = match &args.example {
        // Whoever has a page wants the workflow beside it.
        None if workflow.is_some() && dir.join(PAGE).exists() => Vec::new(),
        Some(_) => shipped(),
        None => {
            let page = dir.join(PAGE);
            refuse_existing(&page)?;
            let answers = if context.console.interactive && !context.global.yes && unanswered(args)
            {
                let (mut input, mut out) = (std::io::stdin().lock(), std::io::stderr().lock());
                ask(Answers::of(args).sound()?, &mut input, &mut out)?
            } else {
                Answers::of(args).sound()?
            };
            let answers = answers.named(&dir);
            started(&answers, &context.now.today.to_string())
        }
    };
    let begun = args.example.is_none() && !files.is_empty();
    if !files.is_empty() {
        files.push((
            SCHEMA.to_owned(),
            document(&manifest::schema::schema())?.into_bytes(),
        ));
    }
    for (path, _) in &files {
        refuse_existing(&dir.join(path))?;
    }
    for (path, bytes) in &files {
        write(&dir.join(path), bytes)?;
    }
    let mut paths: Vec<String> = files.into_iter().map(|(path, _)| path).collect();
    if let Some(workflow) = workflow {
        write(&workflow.path, &workflow.bytes)?;
        let shown = workflow.path.strip_prefix(&context.here);
        paths.push(shown.unwrap_or(&workflow.path).display().to_string());
    }
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-init/1", "dir": args.dir, "files": paths, "next": "gatewright check",
        }))?;
        return Ok(exit::SHIP);
    }
    let go = match args.dir.as_path() {
        here if here == Path::new(".") => String::new(),
        dir => format!("  cd {}\n", shell(dir)),
    };
    let wrote = match paths.as_slice() {
        [one] => one.clone(),
        many => format!("{} files, {PAGE} among them", many.len()),
    };
    let left = match begun {
        true => TO_FILL_IN,
        false => "",
    };
    context.console.out(&format!(
        "Wrote {wrote}. Next:\n{go}  gatewright check\n{left}  gatewright gate\n",
    ))?;
    Ok(exit::SHIP)
}

/// What a page that was just begun lacks, between its first two commands.
const TO_FILL_IN: &str = "\
Then fill in, before anything can be decided:
  reference/first.jsonl   what users ask, and a fact that must be in the answer
  runs/candidate.jsonl    what each version answered, a line an example:
  runs/production.jsonl   {\"example\": ID, \"output\": TEXT}; or name a program or an
                          endpoint under `systems` that answers while the gate runs
And ask for the decision:
";

/// The shipped example, with its first line pointing at the schema beside it.
fn shipped() -> Vec<(String, Vec<u8>)> {
    example::BILLING_SUPPORT
        .iter()
        .map(|(path, bytes)| {
            let own = std::str::from_utf8(bytes).ok().filter(|_| *path == PAGE);
            let bytes = match own.and_then(|text| text.split_once('\n')) {
                Some((first, rest)) if first.starts_with(SCHEMA_COMMENT) => {
                    format!("{SCHEMA_COMMENT}{SCHEMA}\n{rest}").into_bytes()
                }
                _ => bytes.to_vec(),
            };
            ((*path).to_owned(), bytes)
        })
        .collect()
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    // A link counts too, whatever it points at.
    if path.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!(
            "`{}` is there already, and init never overwrites",
            path.display()
        ))
        .next("gatewright init ANOTHER-FOLDER"));
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |source: std::io::Error| {
        Failure::usage(format!("cannot write `{}`", path.display())).why(source.to_string())
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)
}

/// The seven answers; an empty one leaves a comment.
#[derive(Debug, Default)]
struct Answers {
    product: String,
    promise: String,
    tasks: Vec<String>,
    failures: Vec<String>,
    evidence: String,
    question: String,
    segments: Vec<String>,
    owner: String,
}

impl Answers {
    fn of(args: &InitArgs) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            product: text(&args.product),
            promise: text(&args.promise),
            tasks: args.task.clone(),
            failures: args.failure.clone(),
            evidence: text(&args.evidence),
            question: text(&args.question),
            segments: args.segment.clone(),
            owner: text(&args.owner),
        }
    }
}

fn unanswered(args: &InitArgs) -> bool {
    args.promise.is_none() || args.task.is_empty()
}

impl Answers {
    /// Refuses what no page could be written with: what flags say is not asked again.
    fn sound(self) -> Result<Self, Failure> {
        let lists = [
            ("--task", &self.tasks, Checked::Names),
            ("--failure", &self.failures, Checked::Failures),
            ("--segment", &self.segments, Checked::Segments),
        ];
        for (flag, given, checked) in lists {
            if let Err(why) = checked.check(&given.join(",")) {
                return Err(Failure::usage(format!("{flag}: {why}")));
            }
        }
        Ok(self)
    }

    /// The product is called as its folder, where nobody says more.
    fn named(mut self, dir: &Path) -> Self {
        if self.product.is_empty() {
            let name = dir.file_name().unwrap_or_default().to_string_lossy();
            self.product = or(&slug(&name), PRODUCT_PLACEHOLDER);
        }
        self
    }
}

/// What an answer must be. Empty ones are allowed: the page then says what is missing.
#[derive(Clone, Copy)]
enum Checked {
    Sentence,
    Names,
    Failures,
    Segments,
    Name,
    Anything,
}

impl Checked {
    /// Says what is wrong with an answer.
    fn check(self, answer: &str) -> Result<(), String> {
        let parts = list(answer);
        let nameless = parts.iter().find(|part| slug(part).is_empty());
        match (self, nameless) {
            _ if answer.is_empty() => Ok(()),
            (Self::Anything, _) => Ok(()),
            (Self::Sentence, _) => match answer.split_whitespace().count() {
                0..3 => Err("a sentence, please: people decide by it".to_owned()),
                _ => Ok(()),
            },
            (Self::Name, _) if slug(answer).is_empty() => {
                Err(format!("`{answer}` has no letter and no digit"))
            }
            (Self::Name, _) => Ok(()),
            (_, Some(part)) => Err(format!("`{part}` has no letter and no digit")),
            (_, None) => self.check_names(&parts),
        }
    }

    fn check_names(self, parts: &[String]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for part in parts {
            let name = slug(part);
            let known = SHIPPED.iter().map(|class| class.0);
            if let Self::Failures = self
                && !known.clone().any(|class| class == name)
                && let Some(near) = misspelt(&name, known)
            {
                return Err(format!(
                    "`{part}` is no class that ships: did you mean `{near}`?"
                ));
            }
            if let Self::Segments = self
                && name == "task"
            {
                return Err("`task` is a segment by itself: name others, or none".to_owned());
            }
            if !seen.insert(name) {
                return Err(format!("`{part}` is named twice"));
            }
        }
        Ok(())
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Asks what the flags leave open, and again what cannot be used. At the end of the input the rest stays empty.
fn ask(
    mut answers: Answers,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Answers, Failure> {
    let failed = |source: std::io::Error| Failure::Unexpected {
        doing: "ask".to_owned(),
        source: Box::new(source),
    };
    let mut question = |text: &str, checked: Checked, answer: &mut String| -> Result<(), Failure> {
        while answer.is_empty() {
            write!(out, "{text}\n> ")
                .and_then(|()| out.flush())
                .map_err(failed)?;
            let read = input.read_line(answer).map_err(failed)?;
            *answer = answer.trim().to_owned();
            match checked.check(answer) {
                Err(why) if read > 0 => {
                    writeln!(out, "  {why}").map_err(failed)?;
                    answer.clear();
                }
                Err(_) => answer.clear(),
                Ok(()) => return Ok(()),
            }
            if read == 0 {
                return Ok(());
            }
        }
        Ok(())
    };
    let (mut tasks, mut failures, mut segments) = (
        answers.tasks.join(","),
        answers.failures.join(","),
        answers.segments.join(","),
    );
    let classes: Vec<&str> = SHIPPED.iter().map(|class| class.0).collect();
    question(
        "1. Promise: what does it do, for whom, in one sentence?",
        Checked::Sentence,
        &mut answers.promise,
    )?;
    question(
        "2. Tasks: what do users ask for? (comma-separated)",
        Checked::Names,
        &mut tasks,
    )?;
    question(
        &format!(
            "3. Failures that cost most? (comma-separated; of {}, or your own)",
            classes.join(", ")
        ),
        Checked::Failures,
        &mut failures,
    )?;
    question(
        "4. Evidence: where can real examples be sampled? (a path, a table)",
        Checked::Anything,
        &mut answers.evidence,
    )?;
    question(
        "5. Decision: which release question must be answered?",
        Checked::Sentence,
        &mut answers.question,
    )?;
    question(
        "6. Segments: by what must results be reported separately? (comma-separated: risk, intent, …)",
        Checked::Segments,
        &mut segments,
    )?;
    question(
        "7. Gate: who owns it? (a team)",
        Checked::Name,
        &mut answers.owner,
    )?;
    answers.tasks = list(&tasks);
    answers.failures = list(&failures);
    answers.segments = list(&segments);
    Ok(answers)
}

/// Makes a name that the page can use as a key: lower case, words joined by hyphens.
fn slug(text: &str) -> String {
    let words: Vec<String> = text
        .split(|one: char| !one.is_alphanumeric() && one != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}

/// Quotes a text for YAML: a JSON string is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Takes an answer, or what stands for it when there is none.
fn or(text: &str, default: &str) -> String {
    match text {
        "" => default.to_owned(),
        text => text.to_owned(),
    }
}

/// Takes names as keys, or what stands for them when there are none.
fn names(given: &[String], default: &[&str]) -> Vec<String> {
    let given: Vec<String> = given
        .iter()
        .map(|name| slug(name))
        .filter(|name| !name.is_empty())
        .collect();
    match given.is_empty() {
        true => default.iter().map(|name| (*name).to_owned()).collect(),
        false => given,
    }
}

/// Writes the page and the first examples.
fn started(answers: &Answers, today: &str) -> Vec<(String, Vec<u8>)> {
    let tasks = names(&answers.tasks, &["first-task", "second-task"]);
    let failures = names(&answers.failures, &["unsupported-claim"]);
    let owner = or(&slug(&answers.owner), "product");
    let mut page = format!(
        "{SCHEMA_COMMENT}{SCHEMA}\n\
# The one page: seven questions. `gatewright check` says what is missing or vague.\n\
gatewright: 1\n\
product: {product}\n\
\n\
# 1. What is promised, for whom, with what evidence, and what happens when the answer is not ready?\n\
promise:\n\
\x20 does: {does}\n\
\x20 for: {whom}\n\
\x20 evidence: {evidence}\n\
\x20 when_not_ready: {not_ready}\n\
\n\
# 2. What do users ask for?\n\
tasks:\n",
        product = quoted(&or(&answers.product, PRODUCT_PLACEHOLDER)),
        does = quoted(&or(
            &answers.promise,
            "Say here what the product does, in one sentence."
        )),
        whom = quoted("say who uses it, and where"),
        evidence = quoted("say what an answer must rest on"),
        not_ready = quoted("say when it asks, escalates or refuses"),
    );
    for task in &tasks {
        page.push_str(&format!(
            "  {task}: {}\n",
            quoted(&format!("Say what users want when they ask for {task}"))
        ));
    }
    page.push_str(&costs_and_decision(answers, &failures, &owner));
    page.push_str(&systems_and_gate(&failures[0], &owner));
    vec![
        (PAGE.to_owned(), page.into_bytes()),
        (
            "reference/first.jsonl".to_owned(),
            first_examples(&tasks, today).into_bytes(),
        ),
        // Nothing was answered yet: the gate says so, and decides nothing.
        ("runs/candidate.jsonl".to_owned(), Vec::new()),
        ("runs/production.jsonl".to_owned(), Vec::new()),
    ]
}

/// Questions 3 to 6.
fn costs_and_decision(answers: &Answers, failures: &[String], owner: &str) -> String {
    let mut page = String::new();
    page.push_str(
        "\n# 3. Which failures cost most, what does one cost, and who repairs it? The rest of the twelve that ship are medium.\nfailures:\n",
    );
    for (index, failure) in failures.iter().enumerate() {
        let severity = if index == 0 { "high" } else { "medium" };
        page.push_str(&format!(
            "  {failure}: {{severity: {severity}, cost: 100 USD, owner: {owner}, repair: \"say what is repaired\"}}\n"
        ));
    }
    page.push_str(&format!(
        "owners:\n  {owner}: {{name: {}}}\n\n# 4. Where can real examples be sampled?\n",
        quoted(&or(&answers.owner, "Product team"))
    ));
    match answers.evidence.as_str() {
        "" => page.push_str(
            "# evidence:\n#   - {id: chat-logs, kind: traffic, at: \"logs/*.parquet\"}\n",
        ),
        at => page.push_str(&format!(
            "evidence:\n  - {{id: logs, kind: traffic, at: {}}}\n",
            quoted(at)
        )),
    }
    page.push_str(&format!(
        "# traffic: {{per_week: 10000}}      # then a verdict can say failures and money a week\n\n\
# 5. Which release decision does this answer, and who takes it?\n\
decision:\n  question: {}\n  decided_by: {owner}\n  standard: unbroken       # `shown` once there are 200 examples or more\n  enforce: block\n\n\
# 6. By what are results reported separately? `task` comes by itself.\n",
        quoted(&or(&answers.question, "Release the candidate to everybody?"))
    ));
    let segments = names(&answers.segments, &[]);
    if segments.is_empty() {
        page.push_str(
            "# segments:\n#   risk: {high: {input_matches: \"refund|cancel\"}, low: rest}\n",
        );
    } else {
        page.push_str("segments:\n");
        for segment in segments {
            page.push_str(&format!(
                "  {segment}: {{}}                # whatever values the examples carry\n"
            ));
        }
    }
    page
}

fn systems_and_gate(failure: &str, owner: &str) -> String {
    format!(
        "\n\
# What is compared: answers that were recorded, a line an example: {{\"example\": ID, \"output\": TEXT}}.\n\
# Or a program that reads a JSON line and writes one: {{command: [\"python3\", \"assistant.py\"]}}.\n\
systems:\n\
\x20 candidate: {{recorded: runs/candidate.jsonl}}\n\
\x20 production: {{recorded: runs/production.jsonl}}\n\
reference: [reference/*.jsonl]\n\
\n\
# One thing each that can fail for its own reason, and the class it fails as.\n\
criteria:\n\
\x20 correct: {{grader: {{contains: {{}}}}, fails_as: {failure}}}\n\
\x20 behaviour:\n\
\x20   grader: {{behaviour: {{}}}}\n\
\x20   fails_as: {{answered-when-refuse: refusal-failure, refused-when-answer: over-refusal, otherwise: scope-mismatch}}\n\
\n\
# 7. What follows each result, and who acts?\n\
gate:\n\
\x20 - {{id: no-task-breaks, guard: correct, by: [task], against: production, margin: 10 pts, then: {{violated: hold}}, owner: {owner}}}\n\
\x20 - {{id: behaves, guard: behaviour, against: production, margin: 10 pts, then: {{violated: hold}}, owner: {owner}}}\n"
    )
}

fn first_examples(tasks: &[String], today: &str) -> String {
    let mut text = String::new();
    for task in tasks {
        let example = serde_json::json!({
            "id": format!("{task}-001"),
            "input": format!("Write here what a user asks for when the task is {task}"),
            "segments": {"task": task},
            "expect": {"behaviour": "answer", "contains": ["a fact that must be in the answer"]},
            "provenance": {"kind": "handpicked", "added": today, "why": "the first example of this task"},
        });
        text.push_str(&example.to_string());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_keys() {
        assert_eq!(slug("Invoice question!"), "invoice-question");
        assert_eq!(slug("  "), "");
        assert_eq!(quoted("say \"no\""), r#""say \"no\"""#);
    }

    /// Seven questions, and what cannot be used is asked again at once; at the end of the input the rest stays open.
    #[test]
    fn seven_questions_are_asked_and_each_answer_is_checked() {
        let typed = "help\nAnswers billing questions of customers\nRefund, invoice, refund\nRefund, invoice\n\
unsuported-claim\nunsupported-claim, wrong-tone\nlogs/*.jsonl\nShip it today?\ntask\nrisk\n!!\nRetrieval team\n";
        let (mut input, mut out) = (typed.as_bytes(), Vec::new());
        let answers = ask(Answers::default(), &mut input, &mut out).expect("asked");
        let said = String::from_utf8(out).expect("text");
        for number in 1..=7 {
            assert!(
                said.contains(&format!("\n> {number}. ")) || said.contains(&format!("{number}. ")),
                "{said}"
            );
        }
        assert_eq!(
            said.matches("\n> ").count(),
            12,
            "seven and five once more: {said}"
        );
        for why in [
            "a sentence, please",
            "`refund` is named twice",
            "did you mean `unsupported-claim`?",
            "`task` is a segment by itself",
            "`!!` has no letter and no digit",
        ] {
            assert!(said.contains(why), "{why}: {said}");
        }
        assert_eq!(answers.tasks, ["Refund", "invoice"]);
        assert_eq!(answers.failures, ["unsupported-claim", "wrong-tone"]);
        assert_eq!(answers.segments, ["risk"]);
        assert_eq!(answers.owner, "Retrieval team");
        let nothing = ask(Answers::default(), &mut &b""[..], &mut Vec::new()).expect("asked");
        assert!(nothing.promise.is_empty() && nothing.tasks.is_empty());
        assert_eq!(
            nothing.named(Path::new("/srv/Billing help")).product,
            "billing-help"
        );
    }

    #[test]
    fn the_example_points_at_the_schema_beside_it() {
        let files = shipped();
        let page = files.iter().find(|(path, _)| path == PAGE).expect("there");
        assert!(
            page.1
                .starts_with(format!("{SCHEMA_COMMENT}{SCHEMA}\n").as_bytes())
        );
    }
}
