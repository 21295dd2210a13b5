//! Templates of behavioural tests: sentences with slots, what fills the slots, and what is expected.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::manifest::node::{self, Content, Node};
use crate::manifest::walk::{Fields, Walk};
use crate::perturb::template::{Template, slots};
use crate::perturb::{Direction, Test};
use crate::problem::{Problem, has_errors, nearest};

/// Keys of a template.
const KEYS: [&str; 13] = [
    "id",
    "template",
    "lexicon",
    "expect",
    "capability",
    "test",
    "vary",
    "direction",
    "tolerance",
    "probes",
    "segments",
    "sources",
    "context",
];
const DIRECTIONS: [(&str, Direction); 2] = [
    ("not-decrease", Direction::NotDecrease),
    ("not-increase", Direction::NotIncrease),
];

/// Reads a file of templates, YAML or JSON: one mapping, or a list of them.
///
/// # Errors
/// Everything wrong with it, with file, line and column.
pub fn templates(bytes: &[u8], file: &str) -> Result<Vec<Template>, Vec<Problem>> {
    let file: Arc<str> = file.into();
    let mut problems = Vec::new();
    let root = node::parse(bytes, &file, &mut problems);
    let mut read: Vec<Template> = Vec::new();
    if let Some(root) = root {
        let mut walk = Walk::new(&file, &mut problems);
        let w = &mut walk;
        let items = match &root.content {
            Content::List(_) => w.list(&root, "templates"),
            _ => std::slice::from_ref(&root),
        };
        for (index, item) in items.iter().enumerate() {
            let Some(template) = template(w, item, index) else {
                continue;
            };
            if read.iter().any(|known| known.id == template.id) {
                let what = format!("two templates are called `{}`", template.id);
                w.error(item, "duplicate-id", what, "give one another `id`");
            }
            read.push(template);
        }
        if items.is_empty() {
            let instead = "`{template: \"I want to {verb} my plan\", lexicon: {verb: [cancel, end]}, expect: {behaviour: answer}, capability: vocabulary, test: mft}`";
            w.error(&root, "no-template", "the file holds no template", instead);
        }
    }
    if has_errors(&problems) {
        return Err(problems);
    }
    Ok(read)
}

fn template(w: &mut Walk<'_>, node: &Node, index: usize) -> Option<Template> {
    let path = format!("templates[{index}]");
    let fields = w.fields(node, &path, &KEYS)?;
    for (key, instead) in [
        ("template", "`template: \"I want to {verb} my {thing}\"`"),
        (
            "expect",
            "`expect: {behaviour: answer}`, or what else an example may expect",
        ),
        (
            "capability",
            "`capability: vocabulary`, or another name for what is tested",
        ),
    ] {
        if fields.get(key).is_none() {
            let what = format!("the template has no `{key}`");
            w.error_in(&fields, "missing-key", what, instead);
        }
    }
    let texts = w.texts_at(&fields, "template");
    let lexicon = lexicon(w, &fields);
    let tests = Test::ALL.map(|test| (test.word(), test));
    let test = w.word_at(&fields, "test", &tests).unwrap_or(Test::Mft);
    let capability = w.text_at(&fields, "capability")?.to_owned();
    if let Some(node) = fields.get("capability") {
        w.name(node.place, &capability, "a capability");
    }
    let id = w.text_at(&fields, "id").map(str::to_owned);
    let direction = w.word_at(&fields, "direction", &DIRECTIONS);
    let tolerance = w.quantity_at(&fields, "tolerance", crate::manifest::quantity::number);
    let read = Template {
        id: id.unwrap_or_else(|| format!("template-{}", index + 1)),
        lexicon,
        expect: map(w, &fields, "expect"),
        capability,
        test,
        vary: w.text_at(&fields, "vary").map(str::to_owned),
        direction: direction.unwrap_or(Direction::NotDecrease),
        tolerance,
        probes: w.text_at(&fields, "probes").map(str::to_owned),
        segments: map(w, &fields, "segments"),
        sources: fields.get("sources").map(Node::json),
        context: map(w, &fields, "context"),
        texts,
        at: w.location(node.place),
    };
    slots_fit(w, &fields, &read);
    vary_fits(w, &fields, &read);
    Some(read)
}

fn lexicon(w: &mut Walk<'_>, fields: &Fields<'_>) -> BTreeMap<String, Vec<String>> {
    let mut lexicon = BTreeMap::new();
    let Some(node) = fields.get("lexicon") else {
        return lexicon;
    };
    let path = fields.at("lexicon");
    let Some(open) = w.open_fields(node, &path) else {
        return lexicon;
    };
    for (key, node) in open.entries() {
        w.identifier(key.place, &key.text, "a slot");
        let words = w.texts(node, &open.at(&key.text));
        let mut sorted = words.clone();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let what = format!("`{}` stands twice in the slot `{}`", twice[0], key.text);
            w.error(
                node,
                "duplicate-word",
                what,
                "keep one: two equal cases would count as two",
            );
        }
        if words.is_empty() {
            let what = format!("the slot `{}` has no words", key.text);
            w.error(node, "empty-slot", what, "at least one word");
        }
        lexicon.insert(key.text.clone(), words);
    }
    lexicon
}

/// A mapping with keys of the example's own, as JSON.
fn map(w: &mut Walk<'_>, fields: &Fields<'_>, key: &str) -> Map<String, Value> {
    let Some(node) = fields.get(key) else {
        return Map::new();
    };
    match node.json() {
        Value::Object(map) => map,
        _ => {
            let what = format!("`{key}` is {}, where a mapping is expected", node.kind());
            w.error(node, "wrong-kind", what, "write a mapping (`key: value`)");
            Map::new()
        }
    }
}

/// Every slot that a text names has words, and every slot with words is named.
fn slots_fit(w: &mut Walk<'_>, fields: &Fields<'_>, read: &Template) {
    let known = || read.lexicon.keys().map(String::as_str);
    let (mut named, mut whole) = (Vec::<String>::new(), true);
    for key in ["template", "expect", "segments", "sources", "context"] {
        let Some(node) = fields.get(key) else {
            continue;
        };
        for (place, text) in scalars(node) {
            match slots(text) {
                Ok(found) => {
                    for slot in found {
                        if !read.lexicon.contains_key(&slot) {
                            let at = w.location(place);
                            let what = format!("the slot `{{{slot}}}` has no words");
                            let problem = Problem::error("unknown-slot", at, what);
                            w.push(match nearest(&slot, known()) {
                                Some(near) => problem.instead(format!("did you mean `{{{near}}}`?")),
                                None => problem.instead(format!(
                                    "`{slot}: [.., ..]` under `lexicon`; two braces `{{{{` for one that is meant"
                                )),
                            });
                        }
                        named.push(slot);
                    }
                }
                Err(what) => {
                    whole = false;
                    let at = w.location(place);
                    let problem = Problem::error("bad-slot", at, what);
                    w.push(problem.instead("`{name}` for a slot, `{{` and `}}` for braces"));
                }
            }
        }
    }
    // What a broken text names is not known.
    if let Some(node) = fields.get("lexicon").filter(|_| whole) {
        for slot in known().filter(|slot| !named.iter().any(|it| it == slot)) {
            let what = format!("no text names the slot `{slot}`");
            let instead = format!("write `{{{slot}}}` where its words go, or take it away");
            w.error(node, "unused-slot", what, instead);
        }
    }
}

/// Texts of a node with their places.
fn scalars(node: &Node) -> Vec<((u32, u32), &str)> {
    match &node.content {
        Content::Scalar { text, .. } => vec![(node.place, text)],
        Content::List(items) => items.iter().flat_map(scalars).collect(),
        Content::Map(entries) => entries.iter().flat_map(|(_, it)| scalars(it)).collect(),
    }
}

/// Tests of a relation say which slot varies; others do not.
fn vary_fits(w: &mut Walk<'_>, fields: &Fields<'_>, read: &Template) {
    let varies = matches!(read.test, Test::Invariance | Test::Directional);
    match (&read.vary, fields.get("vary")) {
        (None, _) if varies => {
            let what = format!("`test: {}` does not say what changes", read.test.word());
            let at = w.location((read.at.line, read.at.column));
            w.push(
                Problem::error("no-vary", at, what)
                    .why("the first word of that slot makes the base, the others its variants")
                    .instead("`vary: SLOT`"),
            );
        }
        (Some(_), Some(node)) if !varies => {
            let what = format!(
                "`test: {}` compares nothing that could vary",
                read.test.word()
            );
            w.error(
                node,
                "not-here",
                what,
                "`test: invariance` or `directional`, or take `vary` away",
            );
        }
        (Some(slot), Some(node)) => match read.lexicon.get(slot) {
            Some(words) if words.len() > 1 => {}
            Some(_) => {
                let what = format!("the slot `{slot}` has one word, so nothing varies");
                w.error(node, "empty-slot", what, "at least two words");
            }
            None => {
                let known = read.lexicon.keys().map(String::as_str);
                let instead = match nearest(slot, known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("one of {}", known.collect::<Vec<_>>().join(", ")),
                };
                w.error(
                    node,
                    "unknown-slot",
                    format!("`{slot}` is no slot"),
                    instead,
                );
            }
        },
        _ => {}
    }
    if let (false, Some(node)) = (read.test == Test::Directional, fields.get("direction")) {
        let what = "only a directional test has a direction";
        w.error(
            node,
            "not-here",
            what,
            "`test: directional`, or take `direction` away",
        );
    }
}
