//! Prompts: templates over declared variables. What examples and systems say is inserted and never read as a template (hardening.md A7).

use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

pub use minijinja::Value as Inserted;
use serde_json::{Map, Value, json};

use crate::problem::{Location, Problem, nearest};
use crate::reference::{Example, Input};

/// Variables that every template may read.
pub const GIVEN: [&str; 4] = ["input", "messages", "context", "sources"];
/// Steps that one template may take: a loop over a loop over a long list ends.
const FUEL: u64 = 1_000_000;
/// Name of the one template.
const NAME: &str = "prompt";

/// A template that was read.
#[derive(Debug)]
pub struct Prompt {
    environment: Environment<'static>,
    /// A template without any tag is its own result.
    plain: Option<String>,
}

/// Why a template gives no text for an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct RenderError {
    /// What is wrong, with the line inside the template.
    pub what: String,
}

impl Prompt {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment
            .add_template_owned(NAME, text.to_owned())
            .map_err(|error| RenderError {
                what: words(&error),
            })?;
        let tagged = ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag));
        Ok(Self {
            environment,
            plain: (!tagged).then(|| text.strip_suffix('\n').unwrap_or(text).to_owned()),
        })
    }

    /// Says whether there is anything to fill in.
    pub fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// Fills the template in.
    ///
    /// # Errors
    /// When a variable has no such part in this example, or the template takes too many steps.
    pub fn render(&self, values: &Inserted) -> Result<String, RenderError> {
        if let Some(plain) = &self.plain {
            return Ok(plain.clone());
        }
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render(values))
            .map_err(|error| RenderError {
                what: words(&error),
            })
    }
}

/// Makes the values that a template reads: what the example shows to a system, and the system's own variables. What is expected of the
/// answer is not among them.
pub fn values(example: &Example, variables: &Map<String, Value>) -> Inserted {
    let messages = match &example.input {
        Input::Text(text) => json!([{"role": "user", "content": text}]),
        Input::Messages(messages) => json!(messages),
        Input::Turns(turns) => turns
            .iter()
            .map(|turn| json!({"role": "user", "content": turn}))
            .collect(),
        Input::Withheld => json!([]),
    };
    let sources: Vec<Value> = example
        .sources
        .iter()
        .map(|source| {
            json!({
                "id": source.id,
                "text": source.text.as_deref().unwrap_or_default(),
                "version": source.version.as_deref().unwrap_or_default(),
            })
        })
        .collect();
    let mut all = variables.clone();
    all.insert("input".to_owned(), example.input.text().into());
    all.insert("messages".to_owned(), messages);
    all.insert("context".to_owned(), Value::Object(example.context.clone()));
    all.insert("sources".to_owned(), sources.into());
    Inserted::from(Serde(all))
}

/// As [`values`], where `input` is one turn of a conversation script.
pub fn values_of_turn(example: &Example, variables: &Map<String, Value>, turn: &str) -> Inserted {
    let mut shown = example.clone();
    if matches!(shown.input, Input::Turns(_)) {
        shown.input = Input::Text(turn.to_owned());
    }
    values(&shown, variables)
}

/// Fills in every text of a JSON tree. A text that is one expression and nothing else (`{{ messages }}`) becomes the value itself.
///
/// # Errors
/// As [`Prompt::render`].
pub fn render_tree(tree: &Value, values: &Inserted) -> Result<Value, RenderError> {
    Ok(match tree {
        Value::String(text) => match lone_expression(text) {
            Some(expression) => evaluate(expression, values)?,
            None => Prompt::read(text)?.render(values)?.into(),
        },
        Value::Array(items) => items
            .iter()
            .map(|item| render_tree(item, values))
            .collect::<Result<_, _>>()?,
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| Ok((key.clone(), render_tree(value, values)?)))
            .collect::<Result<_, RenderError>>()?,
        other => other.clone(),
    })
}

fn evaluate(expression: &str, values: &Inserted) -> Result<Value, RenderError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let failed = |error: minijinja::Error| RenderError {
        what: words(&error),
    };
    let value = environment
        .compile_expression(expression)
        .and_then(|compiled| compiled.eval(values))
        .map_err(failed)?;
    if value.is_undefined() {
        return Err(RenderError {
            what: format!("`{expression}` has no value in this example"),
        });
    }
    serde_json::to_value(&value).map_err(|error| RenderError {
        what: format!("`{expression}` is no data: {error}"),
    })
}

/// Returns what stands inside, when a text is `{{ … }}` and nothing else.
fn lone_expression(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then(|| inner.trim())
}

/// Finds what is wrong with a template: syntax, and variables that nothing declares.
pub fn check(text: &str, variables: &Map<String, Value>, file: &Arc<str>) -> Vec<Problem> {
    let prompt = match Prompt::read(text) {
        Ok(prompt) => prompt,
        Err(error) => {
            let at = Location::new(file, 1, 1);
            let problem = Problem::error("bad-template", at, error.what);
            return vec![problem.instead("a template such as `{{ input }}`")];
        }
    };
    let Ok(template) = prompt.environment.get_template(NAME) else {
        return Vec::new();
    };
    let mut unknown: Vec<String> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| !GIVEN.contains(&name.as_str()) && !variables.contains_key(name))
        // `range` and the like are the template language's own.
        .filter(|name| !prompt.environment.globals().any(|(own, _)| own == name))
        .collect();
    unknown.sort();
    unknown
        .into_iter()
        .map(|name| {
            let known = GIVEN
                .into_iter()
                .chain(variables.keys().map(String::as_str));
            let instead = match nearest(&name, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "one of {}; or declare it under `variables`",
                    known.collect::<Vec<_>>().join(", ")
                ),
            };
            let (line, column) = place(text, &name);
            let at = Location::new(file, line, column);
            Problem::error(
                "undeclared-variable",
                at,
                format!("the template reads `{name}`, which nothing declares"),
            )
            .why("a template reads declared variables only, never the environment or what is expected")
            .instead(instead)
        })
        .collect()
}

/// Finds what is wrong with the templates of a JSON tree.
pub fn check_tree(tree: &Value, variables: &Map<String, Value>, file: &Arc<str>) -> Vec<Problem> {
    match tree {
        Value::String(text) => check(text, variables, file),
        Value::Array(items) => items
            .iter()
            .flat_map(|item| check_tree(item, variables, file))
            .collect(),
        Value::Object(members) => members
            .values()
            .flat_map(|value| check_tree(value, variables, file))
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns line and column of a variable inside a template's tags, from 1. A part of another value (`context.name`) and a text in quotes are not it.
fn place(text: &str, name: &str) -> (u32, u32) {
    let at = text
        .match_indices(name)
        .map(|(at, _)| at)
        .find(|&at| is_read(text, name, at))
        .unwrap_or(0);
    let line = text[..at].matches('\n').count() as u32 + 1;
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    (line, text[start..at].chars().count() as u32 + 1)
}

/// Says whether the name that stands at a place in a template is a variable that is read there.
fn is_read(text: &str, name: &str, at: usize) -> bool {
    let open = text[..at].rfind("{{").max(text[..at].rfind("{%"));
    let closed = text[..at].rfind("}}").max(text[..at].rfind("%}"));
    let Some(open) = open.filter(|_| open > closed) else {
        return false;
    };
    let before = text[..at].chars().next_back();
    let after = text[at + name.len()..].chars().next();
    let part = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    let inside = &text[open..at];
    let quoted = |quote: char| inside.matches(quote).count() % 2 == 1;
    let of_another = inside.trim_end().ends_with('.');
    !part(before) && !part(after) && !of_another && !quoted('\'') && !quoted('"')
}

/// Says what minijinja found, in one line.
fn words(error: &minijinja::Error) -> String {
    let what = match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    match error.line() {
        Some(line) => format!("{what} (line {line} of the template)"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: Value) -> Inserted {
        Inserted::from(Serde(values))
    }

    fn rendered(template: &str, values: Value) -> Result<String, RenderError> {
        Prompt::read(template)?.render(&Inserted::from(Serde(values)))
    }

    /// A7: what an example says is shown literally, whatever it looks like.
    #[test]
    fn a7_data_is_never_read_as_a_template() {
        for hostile in [
            "{{ context.key }}",
            "{% include 'x' %}",
            "{# x #}",
            "{{ 7 * 7 }}",
        ] {
            let text = rendered(
                "Q: {{ input }}",
                json!({"input": hostile, "context": {"key": "k"}}),
            )
            .expect("rendered");
            assert_eq!(text, format!("Q: {hostile}"));
            let tree = render_tree(
                &json!({"q": "{{ input }}", "m": "<{{ input }}>"}),
                &filled(json!({"input": hostile})),
            );
            assert_eq!(
                tree.expect("rendered"),
                json!({"q": hostile, "m": format!("<{hostile}>")})
            );
        }
        let markup = rendered("{{ input }}", json!({"input": "<b>&\"'</b>"})).expect("rendered");
        assert_eq!(markup, "<b>&\"'</b>", "a prompt is no HTML");
    }

    #[test]
    fn templates_cannot_reach_files_or_other_templates() {
        for template in [
            "{% include 'gatewright.yaml' %}",
            "{% import 'x' as y %}",
            "{% extends 'x' %}",
        ] {
            assert!(
                rendered(template, json!({"input": ""})).is_err(),
                "{template}"
            );
        }
    }

    #[test]
    fn undeclared_variables_are_named_with_their_place() {
        let mut declared = Map::new();
        declared.insert("tone".to_owned(), "calm".into());
        let problems = check(
            "Be {{ tone }}.\n{% if contxt.plan %}{{ expect.answer }}{% endif %}",
            &declared,
            &"p.j2".into(),
        );
        let found: Vec<_> = problems
            .iter()
            .map(|it| (it.at.to_string(), it.instead.as_str()))
            .collect();
        assert_eq!(found[0], ("p.j2:2:7".to_owned(), "did you mean `context`?"));
        assert!(found[1].0.starts_with("p.j2:2:"), "{found:?}");
        assert_eq!(problems.len(), 2);
    }

    /// In loops, branches, macros and arguments too; what a loop or `set` declares, and what the language has itself, is declared.
    #[test]
    fn undeclared_variables_are_found_wherever_they_are_read() {
        let found = |template: &str| -> Vec<(String, String)> {
            let problems = check(template, &Map::new(), &"p.j2".into());
            let said = problems
                .iter()
                .map(|it| (it.at.to_string(), it.what.clone()));
            said.collect()
        };
        for (template, place, name) in [
            (
                "{% for s in sources %}{{ s.id }} {{ tone }}{% endfor %}",
                "p.j2:1:37",
                "tone",
            ),
            (
                "{% for s in sorces %}{{ s.id }}{% endfor %}",
                "p.j2:1:13",
                "sorces",
            ),
            (
                "{% if context.plan %}x{% elif plan %}y{% endif %}",
                "p.j2:1:31",
                "plan",
            ),
            (
                "{% if input %}x{% else %}\n  {{ plan }}{% endif %}",
                "p.j2:2:6",
                "plan",
            ),
            (
                "{{ context.tone }} 'tone' {{ 'tone' ~ tone }}",
                "p.j2:1:39",
                "tone",
            ),
            ("{{ input | default(tone) }}", "p.j2:1:20", "tone"),
            ("{% set a = tone %}{{ a }}", "p.j2:1:12", "tone"),
            (
                "{% for s in sources if s.id != tone %}{{ s.id }}{% endfor %}",
                "p.j2:1:32",
                "tone",
            ),
        ] {
            let found = found(template);
            assert_eq!(found.len(), 1, "{template}: {found:?}");
            assert_eq!(found[0].0, place, "{template}");
            assert!(found[0].1.contains(&format!("`{name}`")), "{template}");
        }
        for declared in [
            "{% for s in sources %}{{ loop.index }} {{ s.id }}{% endfor %}",
            "{% for i in range(3) %}{{ i }}{% endfor %}",
            "{% set a = input %}{{ a }}",
            "{{ messages | length }} {# tone #}",
            "{% for key, value in context | items %}{{ key }}={{ value }}{% endfor %}",
        ] {
            assert_eq!(found(declared), [], "{declared}");
        }
    }

    #[test]
    fn a_missing_part_of_a_variable_is_an_error_and_not_nothing() {
        let error = rendered("{{ context.plan }}", json!({"context": {}})).expect_err("missing");
        assert!(error.what.contains("line 1"), "{error}");
    }

    #[test]
    fn endless_templates_end() {
        let template =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(rendered(template, json!({})).is_err());
    }

    #[test]
    fn a_lone_expression_is_the_value_itself() {
        let values = filled(json!({"messages": [{"role": "user"}], "n": 3}));
        let tree = json!({"messages": "{{ messages }}", "n": "{{ n }}", "t": "n={{ n }}", "k": 1});
        assert_eq!(
            render_tree(&tree, &values).expect("rendered"),
            json!({"messages": [{"role": "user"}], "n": 3, "t": "n=3", "k": 1})
        );
    }
}
