//! Expressions of the page (CEL): compiled with their names checked, and what they read.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::{Context, ExecutionError, Program, Value as Cel};
use serde_json::{Value, json};

use super::steps::Step;
use crate::problem::nearest;
use crate::reference::Example;
use crate::response::Response;

/// Loops (`all`, `exists`, `map`, `filter`) that may stand inside one another: each multiplies the work by the number of calls.
const LOOPS_MAX: usize = 2;
/// Calls that expressions look at; with more of them the rule cannot be worked out.
const CALLS_MAX: usize = 1000;
/// The parser recurses: what nests deeper than people write is refused before it is read.
const NESTING_MAX: usize = 64;

/// What every expression reads.
const VARIABLES: [&str; 11] = [
    "behaviour",
    "calls",
    "context",
    "earlier",
    "example",
    "fields",
    "input",
    "output",
    "results",
    "segments",
    "user",
];
/// What a rule on each call reads besides.
const CALL: &str = "call";
/// What are lists of calls.
const LISTS_OF_CALLS: [&str; 2] = ["calls", "earlier"];
/// The operators' own names in the parser's tree.
const INDEX: &str = operators::INDEX;
const CHOICE: &str = operators::CONDITIONAL;
const SUM: &str = operators::ADD;
/// What is known of a call.
const OF_CALL: [&str; 3] = ["arguments", "name", "step"];
/// Types, which stand where variables do: `type(x) == string`.
const TYPES: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "uint",
];
/// The functions that people use, for hints; what is known is asked of the language itself.
const FUNCTIONS: [&str; 15] = [
    "all",
    "bool",
    "contains",
    "double",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "has",
    "int",
    "map",
    "matches",
    "size",
    "startsWith",
    "string",
];

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// What.
    pub(crate) what: String,
    /// What to write instead, where that is known.
    pub(crate) instead: Option<String>,
    /// Characters before the name at fault, where there is one.
    pub(crate) at: Option<usize>,
}

/// Compiles an expression; one that is `on_call` is a rule on each call.
///
/// # Errors
/// What nests too deeply, is no CEL, or names what does not exist.
pub(super) fn expression(text: &str, on_call: bool) -> Result<Program, Flaw> {
    let plain = |what: String| Flaw {
        what,
        instead: None,
        at: None,
    };
    let mut depth = 0_usize;
    for one in text.chars() {
        match one {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            return Err(plain("it is nested too deeply".to_owned()));
        }
    }
    if loops(text) > LOOPS_MAX {
        return Err(plain(format!(
            "more than {LOOPS_MAX} loops stand inside one another"
        )));
    }
    let program = Program::compile(text).map_err(|error| {
        let first = error.to_string();
        plain(format!(
            "not a CEL expression: {}",
            first.lines().next().unwrap_or_default()
        ))
    })?;
    let mut names = Names {
        on_call,
        bound: Vec::new(),
        unknown: None,
    };
    names.look(program.expression());
    match names.unknown {
        None => Ok(program),
        Some(unknown) => Err(unknown.flaw(text, on_call)),
    }
}

/// Counts how deep loops stand inside one another.
fn loops(text: &str) -> usize {
    const NAMES: [&str; 5] = [".all", ".exists", ".exists_one", ".map", ".filter"];
    let mut open: Vec<bool> = Vec::new();
    let mut deepest = 0;
    for (at, one) in text.char_indices() {
        match one {
            '(' => {
                let before = text[..at].trim_end();
                open.push(NAMES.iter().any(|name| before.ends_with(name)));
                deepest = deepest.max(open.iter().filter(|is_loop| **is_loop).count());
            }
            ')' => {
                open.pop();
            }
            _ => {}
        }
    }
    deepest
}

/// A name that does not exist.
enum Unknown {
    Variable(String),
    Function(String),
    OfCall(String),
}

impl Unknown {
    fn flaw(self, text: &str, on_call: bool) -> Flaw {
        let mut variables = VARIABLES.to_vec();
        if on_call {
            variables.push(CALL);
        }
        let behind_dot = !matches!(self, Unknown::Variable(_));
        let (name, what, known) = match self {
            Unknown::Variable(name) if name == CALL => {
                let what = "`call` is not there: this is not a rule on each call".to_owned();
                (name, what, variables)
            }
            Unknown::Variable(name) => {
                let what = format!("there is no variable `{name}`");
                (name, what, variables)
            }
            Unknown::Function(name) => {
                let what = format!("there is no function `{name}`");
                (name, what, FUNCTIONS.to_vec())
            }
            Unknown::OfCall(name) => {
                let what = format!("a call has no `{name}`");
                (name, what, OF_CALL.to_vec())
            }
        };
        let there = format!("there are {}", known.join(", "));
        let instead = match nearest(&name, known) {
            Some(near) => format!("did you mean `{near}`? {there}"),
            None => there,
        };
        Flaw {
            what,
            instead: Some(instead),
            at: place(text, &name, behind_dot),
        }
    }
}

/// Returns how many characters stand before a name: the last place where it stands by itself outside quotes, and for a variable not behind a
/// dot. The last, because a loop binds its variable before it is used.
fn place(text: &str, name: &str, behind_dot: bool) -> Option<usize> {
    let word = |one: char| one.is_alphanumeric() || one == '_';
    let mut quote = None;
    let mut before = None;
    let mut last = None;
    for (count, (at, one)) in text.char_indices().enumerate() {
        match quote {
            Some(open) if one == open && before != Some('\\') => quote = None,
            None if matches!(one, '"' | '\'') => quote = Some(one),
            None if !before.is_some_and(word)
                && (behind_dot || before != Some('.'))
                && text[at..].starts_with(name) =>
            {
                let after = text[at + name.len()..].chars().next();
                if !after.is_some_and(word) {
                    last = Some(count);
                }
            }
            _ => {}
        }
        before = Some(one);
    }
    last
}

/// Looks for the first name that does not exist.
struct Names {
    on_call: bool,
    /// Variables of the loops around, and whether each stands for a call.
    bound: Vec<(String, bool)>,
    unknown: Option<Unknown>,
}

impl Names {
    fn look(&mut self, one: &IdedExpr) {
        if self.unknown.is_some() {
            return;
        }
        match &one.expr {
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                self.of_call(&select.operand, &select.field);
                self.look(&select.operand);
            }
            Expr::Call(call) => {
                if let (INDEX, [list, at]) = (call.func_name.as_str(), call.args.as_slice())
                    && let Expr::Literal(LiteralValue::String(field)) = &at.expr
                {
                    self.of_call(list, field.inner());
                }
                if !is_function(&call.func_name) {
                    self.unknown = Some(Unknown::Function(call.func_name.clone()));
                }
                if let Some(target) = &call.target {
                    self.look(target);
                }
                call.args.iter().for_each(|argument| self.look(argument));
            }
            Expr::Comprehension(each) => {
                self.look(&each.iter_range);
                self.look(&each.accu_init);
                let outside = self.bound.len();
                let over_calls = self.are_calls(&each.iter_range);
                // With two variables the first is the place in the list.
                let element = each.iter_var2.as_ref().unwrap_or(&each.iter_var);
                self.bound.push((each.iter_var.clone(), false));
                self.bound.push((element.clone(), over_calls));
                self.bound.push((each.accu_var.clone(), false));
                for part in [&each.loop_cond, &each.loop_step, &each.result] {
                    self.look(part);
                }
                self.bound.truncate(outside);
            }
            Expr::List(list) => list.elements.iter().for_each(|item| self.look(item)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(made) => {
                made.entries
                    .iter()
                    .for_each(|entry| self.entry(&entry.expr));
            }
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    /// Notes a field that no call has, where a call is asked for it.
    fn of_call(&mut self, one: &IdedExpr, field: &str) {
        if self.unknown.is_none() && self.is_call(one) && !OF_CALL.contains(&field) {
            self.unknown = Some(Unknown::OfCall(field.to_owned()));
        }
    }

    /// Says whether an expression is a call, as far as that can be told without working it out.
    fn is_call(&self, one: &IdedExpr) -> bool {
        match &one.expr {
            Expr::Ident(name) => match self.bound.iter().rev().find(|bound| bound.0 == *name) {
                Some((_, is_call)) => *is_call,
                None => self.on_call && name == CALL,
            },
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (INDEX, [list, _]) => self.are_calls(list),
                _ => false,
            },
            _ => false,
        }
    }

    /// Says whether an expression is a list of calls: all of them, the earlier ones, or those of them that a filter keeps.
    fn are_calls(&self, one: &IdedExpr) -> bool {
        match &one.expr {
            Expr::Ident(name) => {
                LISTS_OF_CALLS.contains(&name.as_str())
                    && self.bound.iter().all(|bound| bound.0 != *name)
            }
            Expr::Comprehension(each) => {
                self.are_calls(&each.iter_range) && keeps(&each.loop_step, &each.iter_var)
            }
            _ => false,
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.look(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.look(&entry.key);
                self.look(&entry.value);
            }
        }
    }

    fn variable(&mut self, name: &str) {
        let known = name.starts_with('@')
            || (self.on_call && name == CALL)
            || VARIABLES.contains(&name)
            || TYPES.contains(&name)
            || self.bound.iter().any(|bound| bound.0 == name);
        if !known {
            self.unknown = Some(Unknown::Variable(name.to_owned()));
        }
    }
}

/// Says whether a loop's step adds nothing to its list but the element itself, as that of a filter does.
fn keeps(step: &IdedExpr, element: &str) -> bool {
    match &step.expr {
        Expr::List(list) => {
            let mut items = list.elements.iter();
            items.all(|item| matches!(&item.expr, Expr::Ident(name) if name == element))
        }
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (CHOICE, [_, kept, _]) => keeps(kept, element),
            (SUM, [_, kept]) => keeps(kept, element),
            _ => false,
        },
        _ => false,
    }
}

/// Asks the language whether it has a function: one that it has complains of what it is given, not of its name.
fn is_function(name: &str) -> bool {
    let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '.');
    // Operators are named by signs.
    if !name.chars().all(plain) || !name.chars().any(|one| one.is_ascii_alphanumeric()) {
        return true;
    }
    let unknown = |asked: String| {
        let asked = Program::compile(&asked).ok();
        let answer = asked.map(|asked| asked.execute(&Context::default()));
        matches!(answer, Some(Err(ExecutionError::UndeclaredReference(_))))
    };
    // Some stand by themselves, some after a value.
    !(unknown(format!("{name}()")) && unknown(format!("''.{name}()")))
}

/// What expressions read.
pub(super) struct Facts<'f> {
    pub(super) steps: &'f [Step],
    pub(super) example: &'f Example,
    pub(super) response: &'f Response,
}

impl Facts<'_> {
    /// Iterates over the calls with the number of their step, from 1.
    pub(super) fn calls(&self) -> impl Iterator<Item = (usize, &str, &Value)> {
        self.steps
            .iter()
            .enumerate()
            .filter_map(|(index, step)| match step {
                Step::Call {
                    name, arguments, ..
                } => Some((index + 1, name.as_str(), arguments)),
                _ => None,
            })
    }

    /// Says whether an expression holds, or why that cannot be worked out; it sees `call` (`name`, `arguments`, `step`), `earlier` and `calls`, `results`, `user` (what was said last),
    /// `output`, `behaviour`, `fields`, `input`, `context`, `segments` and `example` (the example's own fields).
    pub(super) fn holds(
        &self,
        program: &Program,
        call: Option<(usize, &str, &Value)>,
    ) -> Result<bool, String> {
        if self.calls().nth(CALLS_MAX).is_some() {
            return Err(format!("more than {CALLS_MAX} calls"));
        }
        let at = call.map_or(usize::MAX, |(number, ..)| number);
        let listed = |until: usize| -> Vec<Value> {
            self.calls()
                .filter(|(number, ..)| *number < until)
                .map(|(step, name, arguments)| json!({"step": step, "name": name, "arguments": arguments}))
                .collect()
        };
        let before = self.steps.iter().take(at.saturating_sub(1));
        let user = before.clone().rev().find_map(|step| match step {
            Step::User(text) => Some(text.as_str()),
            _ => None,
        });
        let results: Vec<&str> = before
            .filter_map(|step| match step {
                Step::Result(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        let mut facts = vec![
            ("earlier", json!(listed(at))),
            ("calls", json!(listed(usize::MAX))),
            ("results", json!(results)),
            ("user", json!(user.unwrap_or_default())),
            ("output", json!(self.response.output)),
            ("behaviour", json!(self.response.behaviour)),
            ("fields", json!(self.response.fields)),
            ("input", json!(self.example.input.text())),
            ("context", json!(self.example.context)),
            ("segments", json!(self.example.segments)),
            ("example", json!(self.example.fields)),
        ];
        if let Some((step, name, arguments)) = call {
            facts.push((
                "call",
                json!({"step": step, "name": name, "arguments": arguments}),
            ));
        }
        let wanted = program.references();
        let mut context = Context::default();
        for (name, value) in facts {
            if wanted.has_variable(name) {
                let value = cel::to_value(value).map_err(|error| error.to_string())?;
                context.add_variable_from_value(name, value);
            }
        }
        match program.execute(&context) {
            Ok(Cel::Bool(holds)) => Ok(holds),
            Ok(_) => Err("an expression is neither true nor false".to_owned()),
            Err(error) => Err(format!("an expression cannot be worked out: {error}")),
        }
    }
}
