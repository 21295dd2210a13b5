//! Rule graders with options that must fit together: everything that is wrong is said here, before anything is graded.

use super::super::segments;
use super::{PARTS, required};
use crate::grade;
use crate::manifest::node::{Content, Node};
use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{
    DateOrder, Edge, Grader, Join, LengthIn, Limits, ListMarks, Manifest, Reading,
    SimilarityMetric, quantity,
};
use crate::problem::nearest;

/// Largest count of a page.
const COUNT_MAX: u64 = 1_000_000_000;

const LENGTHS: [(&str, LengthIn); 5] = [
    ("characters", LengthIn::Characters),
    ("words", LengthIn::Words),
    ("sentences", LengthIn::Sentences),
    ("lines", LengthIn::Lines),
    ("paragraphs", LengthIn::Paragraphs),
];
const MARKS: [(&str, ListMarks); 3] = [
    ("bullets", ListMarks::Bullets),
    ("numbers", ListMarks::Numbers),
    ("any", ListMarks::Any),
];
const ORDERS: [(&str, DateOrder); 2] = [("dmy", DateOrder::Dmy), ("mdy", DateOrder::Mdy)];
const READINGS: [(&str, Reading); 2] = [("strict", Reading::Strict), ("loose", Reading::Loose)];

pub(super) fn read(
    w: &mut Walk<'_>,
    kind: &str,
    fields: &Fields<'_>,
    page: &Manifest,
) -> Option<Grader> {
    match kind {
        "all" => joined(w, Join::All, fields, page),
        "any" => joined(w, Join::Any, fields, page),
        "none" => joined(w, Join::None, fields, page),
        "starts_with" => edge(w, Edge::Start, fields),
        "ends_with" => edge(w, Edge::End, fields),
        "length" => length(w, fields),
        "language" => language(w, fields),
        "script" => script(w, fields),
        "json_path" => json_path(w, fields),
        "json_contains" => json_contains(w, fields),
        "code_fence" => Some(Grader::CodeFence {
            languages: w.texts_at(fields, "languages"),
            limits: limits(w, fields),
            only: w.flag_at(fields, "only", false),
        }),
        "list" => Some(Grader::List {
            marks: w.word_at(fields, "marks", &MARKS).unwrap_or(ListMarks::Any),
            limits: limits(w, fields),
            nested: w.flag_at(fields, "nested", false),
        }),
        "table" => Some(Grader::Table {
            columns: w.texts_at(fields, "columns"),
            width: w.count_at(fields, "width", 1..=1000),
            limits: limits(w, fields),
        }),
        "quantity" => quantity_of(w, fields),
        "date" => date(w, fields),
        "similarity" => similarity(w, fields),
        _ => Some(Grader::Instructions {
            field: w
                .text_at(fields, "from")
                .unwrap_or("instructions")
                .to_owned(),
            reading: w
                .word_at(fields, "reading", &READINGS)
                .unwrap_or(Reading::Strict),
            parts: w.word_at(fields, "parts", &PARTS),
        }),
    }
}

fn limits(w: &mut Walk<'_>, fields: &Fields<'_>) -> Limits {
    let limits = Limits {
        at_least: w.count_at(fields, "at_least", 0..=COUNT_MAX),
        at_most: w.count_at(fields, "at_most", 0..=COUNT_MAX),
    };
    if let (Some(low), Some(high)) = (limits.at_least, limits.at_most)
        && low > high
    {
        let what = format!("`at_least` is {low} and `at_most` is {high}: nothing can pass");
        w.error_in(fields, "out-of-range", what, "`at_least` ≤ `at_most`");
    }
    limits
}

fn joined(w: &mut Walk<'_>, join: Join, fields: &Fields<'_>, page: &Manifest) -> Option<Grader> {
    let path = fields.at("of");
    let items = w.list_at(fields, "of");
    if items.is_empty() {
        let what = format!("`{}` joins no rule", fields.path);
        w.error_in(
            fields,
            "missing-key",
            what,
            "`of: [{contains: {texts: [a]}}, {length: {of: words, at_most: 80}}]`",
        );
        return None;
    }
    let mut of = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let grader = super::read(w, item, &format!("{path}[{index}]"), page);
        of.extend(grader.filter(|grader| may_be_joined(w, item, grader)));
    }
    (of.len() == items.len()).then_some(Grader::Joined { join, of })
}

/// Only what says pass or fail of the whole answer, from the answer alone, can be joined.
fn may_be_joined(w: &mut Walk<'_>, node: &Node, grader: &Grader) -> bool {
    let (why, instead) = match grader {
        Grader::Label(_) | Grader::Preference(_) => {
            ("reads labels", "a criterion of its own for it")
        }
        Grader::Instructions { .. } => (
            "judges parts of the answer",
            "a criterion of its own for it",
        ),
        Grader::Latency {
            at_most_ms: None, ..
        }
        | Grader::Cost { at_most_usd: None }
        | Grader::Similarity { at_least: None, .. } => {
            ("measures and says neither pass nor fail", "give it a limit")
        }
        Grader::JsonSchema {
            schema: serde_json::Value::String(_),
        } => (
            "names a file, which only a grader by itself may",
            "write the schema out",
        ),
        _ => return true,
    };
    w.error(
        node,
        "cannot-be-joined",
        format!("this grader {why}"),
        instead,
    );
    false
}

fn edge(w: &mut Walk<'_>, edge: Edge, fields: &Fields<'_>) -> Option<Grader> {
    let texts = w.texts_at(fields, "texts");
    if texts.iter().all(|text| text.trim().is_empty()) {
        let what = format!("`{}` has no `texts`", fields.path);
        w.error_in(fields, "missing-key", what, "`texts: [TEXT, …]`");
        return None;
    }
    Some(Grader::Edge {
        edge,
        texts,
        ignore_case: w.flag_at(fields, "ignore_case", false),
    })
}

fn length(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    let of = w.word_at(fields, "of", &LENGTHS).unwrap_or(LengthIn::Words);
    let limits = limits(w, fields);
    if limits == Limits::default() {
        let what = format!("`{}` has no limit", fields.path);
        w.error_in(
            fields,
            "missing-key",
            what,
            "`at_least: 50` or `at_most: 100`",
        );
        return None;
    }
    Some(Grader::Length { of, limits })
}

/// Expects names under `is`, all of them known.
fn names(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    what: &str,
    example: &str,
    known: impl Fn(&str) -> bool,
    near: impl Fn(&str) -> Option<String>,
) -> Option<Vec<String>> {
    let names = w.texts_at(fields, "is");
    let Some(node) = fields.get("is").filter(|_| !names.is_empty()) else {
        let problem = format!("`{}` names no {what}", fields.path);
        w.error_in(fields, "missing-key", problem, format!("`is: [{example}]`"));
        return None;
    };
    let items = match &node.content {
        Content::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut good = true;
    for (name, item) in names.iter().zip(items) {
        if !known(name) {
            good = false;
            let instead = near(name).map_or_else(
                || format!("such as `{example}`"),
                |near| format!("did you mean `{near}`?"),
            );
            let problem = format!("`{name}` is no {what} that this grader knows");
            w.error(item, "unknown-word", problem, instead);
        }
    }
    good.then_some(names)
}

fn language(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    let known = |code: &str| grade::knows_language(code);
    let near = |code: &str| nearest(code, grade::languages()).map(str::to_owned);
    let is = names(w, fields, "language", "en", known, near)?;
    Some(Grader::Language { is })
}

fn script(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    let known = |name: &str| grade::knows_script(name);
    let is = names(w, fields, "script", "Latin", known, |_| None)?;
    let share = w
        .quantity_at(fields, "share", quantity::share)
        .unwrap_or(1.0);
    if share == 0.0 {
        w.error_in(
            fields,
            "out-of-range",
            "a `share` of 0 lets every text pass",
            "`share: 95 %`",
        );
    }
    Some(Grader::Script { is, share })
}

fn json_path(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    let path = required(w, fields, "path", "`path: $.items[*].price`")?;
    if let (Some(node), Err(error)) = (fields.get("path"), serde_json_path::JsonPath::parse(&path))
    {
        let what = format!("not a JSONPath: {error}");
        w.error(node, "bad-path", what, "`$.items[*].price`, as in RFC 9535");
        return None;
    }
    let matches = w.text_at(fields, "matches").map(str::to_owned);
    if let (Some(node), Some(pattern)) = (fields.get("matches"), &matches) {
        segments::check_pattern(w, node, pattern);
    }
    Some(Grader::JsonPath {
        path,
        equals: fields.get("equals").map(Node::json),
        matches,
        limits: limits(w, fields),
    })
}

fn json_contains(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    let value = fields.get("value").map(Node::json);
    let schema = fields.get("schema").map(Node::json);
    if let (Some(serde_json::Value::String(_)), Some(node)) = (&schema, fields.get("schema")) {
        w.error(
            node,
            "bad-schema",
            "the `schema` of `json_contains` is written out, not named",
            "`schema: {type: object, required: [answer]}`",
        );
        return None;
    }
    if value.is_none() && schema.is_none() {
        let what = format!(
            "`{}` says neither what JSON holds nor its schema",
            fields.path
        );
        w.error_in(
            fields,
            "missing-key",
            what,
            "`value: {status: ok}` or `schema: {type: object, required: [answer]}`",
        );
        return None;
    }
    Some(Grader::JsonContains { value, schema })
}

fn quantity_of(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    let is = w.text_at(fields, "is").map(str::to_owned);
    if let (Some(node), Some(text)) = (fields.get("is"), &is)
        && !grade::is_quantity(text)
    {
        let what = format!("`{text}` is no number with a unit that this grader knows");
        w.error(
            node,
            "bad-quantity",
            what,
            "such as `12.5 km`, `250 ms`, `40 USD`",
        );
        return None;
    }
    Some(Grader::Quantity {
        is,
        tolerance: w
            .quantity_at(fields, "tolerance", quantity::number)
            .unwrap_or(0.0),
        relative: w
            .quantity_at(fields, "relative", quantity::share)
            .unwrap_or(0.0),
    })
}

fn date(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    let mut is = None;
    if let Some(text) = w.text_at(fields, "is") {
        match text.parse::<jiff::civil::Date>() {
            Ok(date) => is = Some(date),
            Err(_) => {
                if let Some(node) = fields.get("is") {
                    let what = format!("`{text}` is no date");
                    w.error(node, "bad-date", what, "year, month, day: `2026-03-12`");
                }
                return None;
            }
        }
    }
    Some(Grader::Date {
        is,
        order: w.word_at(fields, "order", &ORDERS),
        within_days: w.count_at(fields, "within_days", 0..=36_525).unwrap_or(0),
    })
}

fn similarity(w: &mut Walk<'_>, fields: &Fields<'_>) -> Option<Grader> {
    required(w, fields, "metric", "`metric: rouge_l`")?;
    let metric = w.word_at(fields, "metric", &SimilarityMetric::ALL)?;
    let at_least = w.quantity_at(fields, "at_least", quantity::share);
    Some(Grader::Similarity { metric, at_least })
}
