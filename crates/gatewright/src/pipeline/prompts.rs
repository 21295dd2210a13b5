//! Prompts of live systems, filled in for examples: what `check` tries out and `--dry-run` shows. Nothing is sent from here.

use gatewright_core::manifest::{Live, Manifest, Role, Template};
use gatewright_core::problem::{Location, Problem};
use gatewright_core::prompt::{self, Inserted, Prompt, values_of_turn};
use gatewright_core::reference::{Entry, Example, Input};
use serde_json::Value;

use crate::pipeline::load::Loaded;

/// Examples that are named when their prompt cannot be filled in.
const NAMED_MAX: usize = 20;

/// The prompt of one system, ready to be filled in.
pub(super) struct Ready<'l> {
    live: &'l Live,
    system: Option<(Prompt, &'l Template)>,
    prompt: Option<(Prompt, &'l Template)>,
}

/// What one example makes of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filled {
    /// What is sent first, for people: role and text.
    pub(super) parts: Vec<(String, String)>,
    /// Characters that are read in all turns, without the system's own answers.
    pub(super) characters: u64,
    /// Requests that one attempt takes when nothing is tried again.
    pub(super) turns: u64,
}

/// Why an example gives no prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfilled {
    /// Which template, as a person finds it.
    pub(super) template: String,
    /// What is wrong.
    pub(super) what: String,
}

impl<'l> Ready<'l> {
    /// Reads the templates; nothing when one is no template, which was said before.
    pub(super) fn new(live: &'l Live) -> Option<Self> {
        let read = |template: &'l Option<Template>| match template {
            None => Some(None),
            Some(template) => Some(Some((Prompt::read(&template.text).ok()?, template))),
        };
        Some(Self {
            live,
            system: read(&live.system)?,
            prompt: read(&live.prompt)?,
        })
    }

    /// Fills everything in for an example.
    ///
    /// # Errors
    /// When a template reads what the example does not have.
    pub(super) fn fill(&self, example: &Example) -> Result<Filled, Unfilled> {
        let values = prompt::values(example, &self.live.variables);
        if let Some(http) = &self.live.http {
            return self.body(&http.body, example);
        }
        let mut parts = Vec::new();
        if let Some(system) = &self.system {
            parts.push(("system".to_owned(), one(system, &values)?));
        }
        let given: u64 = count(&parts);
        let mut turns = 1;
        let mut characters = None;
        match (&self.prompt, &example.input) {
            (prompt, Input::Turns(script)) => {
                // Each turn reads everything that the user said before it.
                let mut said = given;
                let mut read = 0;
                for turn in script {
                    let text = match prompt {
                        Some(prompt) => {
                            let variables = &self.live.variables;
                            one(prompt, &values_of_turn(example, variables, turn))?
                        }
                        None => turn.clone(),
                    };
                    said += text.chars().count() as u64;
                    read += said;
                    parts.push(("user".to_owned(), text));
                }
                turns = script.len() as u64;
                characters = Some(read);
            }
            (Some(prompt), _) => parts.push(("user".to_owned(), one(prompt, &values)?)),
            (None, Input::Messages(messages)) => parts.extend(
                messages
                    .iter()
                    .map(|message| (message.role.clone(), message.content.clone())),
            ),
            (None, input) => parts.push(("user".to_owned(), input.text().into_owned())),
        }
        Ok(Filled {
            characters: characters.unwrap_or_else(|| count(&parts)),
            parts,
            turns,
        })
    }

    fn body(&self, body: &Value, example: &Example) -> Result<Filled, Unfilled> {
        let mut variables = self.live.variables.clone();
        variables.insert("seed".to_owned(), 0.into());
        let values = prompt::values(example, &variables);
        let body = prompt::render_tree(body, &values).map_err(|error| Unfilled {
            template: "`body`".to_owned(),
            what: error.what,
        })?;
        let text = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let parts = vec![("body".to_owned(), text)];
        Ok(Filled {
            characters: count(&parts),
            parts,
            turns: match &example.input {
                Input::Turns(script) => script.len() as u64,
                _ => 1,
            },
        })
    }
}

fn one((prompt, template): &(Prompt, &Template), values: &Inserted) -> Result<String, Unfilled> {
    prompt.render(values).map_err(|error| Unfilled {
        template: match &template.file {
            Some(file) => format!("`{file}`"),
            None => format!("the template at {}", template.at),
        },
        what: error.what,
    })
}

fn count(parts: &[(String, String)]) -> u64 {
    parts
        .iter()
        .map(|(_, text)| text.chars().count() as u64)
        .sum()
}

/// Says which example could not be filled in, and why.
pub(super) fn problem(role: Role, example: &Example, why: &Unfilled) -> Problem {
    let what = format!(
        "the prompt of the {} cannot be filled in for {}: {}",
        role.word(),
        example.id,
        why.what
    );
    Problem::error("prompt-not-filled", example.at.clone(), what)
        .why(format!("{} reads it", why.template))
        .instead("give the example that part, or test for it: `{% if context.plan is defined %}`")
}

/// The prompts of a page's live systems.
pub(super) struct Tried<'l>(Vec<Ready<'l>>);

/// Prepares to try every prompt of every live system out.
pub(super) fn tried(manifest: &Manifest) -> Tried<'_> {
    Tried(
        lives(manifest)
            .filter_map(|(_, live)| Ready::new(live))
            .collect(),
    )
}

impl Tried<'_> {
    /// Says whether some prompt cannot be filled in for an example.
    pub(super) fn fails(&self, example: &Example) -> bool {
        example.input != Input::Withheld && self.0.iter().any(|one| one.fill(example).is_err())
    }
}

/// Says for which examples a prompt of a live system could not be filled in; at most twenty are named for each system.
///
/// They were tried out while the set was loaded ([`crate::pipeline::Depth::Suggestions`]): only those that failed are read again.
pub(crate) fn problems(loaded: &Loaded) -> Vec<Problem> {
    let mut problems = Vec::new();
    let failed = |(_, entry): &(u32, &Entry)| entry.traits.noted;
    for (role, live) in lives(&loaded.manifest) {
        let Some(ready) = Ready::new(live) else {
            continue;
        };
        let mut more = 0;
        let before = problems.len();
        for (index, _) in (0..).zip(&loaded.reference.examples).filter(failed) {
            let example = match loaded.reference.example(index) {
                Ok(example) => example,
                Err(changed) => {
                    problems.push(changed.problem());
                    break;
                }
            };
            let Err(why) = ready.fill(&example) else {
                continue;
            };
            if problems.len() - before < NAMED_MAX {
                problems.push(problem(role, &example, &why));
            } else {
                more += 1;
            }
        }
        if more > 0 {
            let at = loaded.manifest.at(&format!("systems.{}", role.word()));
            problems.push(rest(role, at, more));
        }
    }
    problems
}

fn rest(role: Role, at: Location, more: usize) -> Problem {
    Problem::error(
        "prompt-not-filled",
        at,
        format!(
            "the prompt of the {} cannot be filled in for {more} more examples",
            role.word()
        ),
    )
}

/// Lists live systems by role.
pub(super) fn lives(manifest: &Manifest) -> impl Iterator<Item = (Role, &Live)> {
    manifest
        .systems
        .values()
        .filter_map(|system| Some((system.role, system.live()?)))
}
