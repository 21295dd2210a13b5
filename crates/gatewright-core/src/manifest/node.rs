//! The page as a tree of texts with places: YAML without its guesses.
//!
//! Every scalar stays the text that was written; what it means is decided by the key it stands under (hardening.md A4).
//! Size, depth and the work that aliases can cause are limited. Tags and keys given twice are errors; the rest is still read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span};

use crate::problem::{Location, Problem};

/// Largest page, in bytes.
pub const PAGE_LIMIT: usize = 1 << 20;
/// Deepest nesting, aliases included.
const DEPTH_LIMIT: usize = 48;
/// Most nodes, those that aliases repeat included.
const NODE_LIMIT: usize = 50_000;

/// One value of the page and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Line and column, from 1.
    pub(super) place: (u32, u32),
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A text; `plain` when it is written without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) place: (u32, u32),
}

impl Node {
    /// Says whether nothing was written (`key:`, `~`, `null`).
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// Says what it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            _ if self.is_empty() => "nothing",
            Content::Scalar { .. } => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }

    /// Returns the value as JSON. Unquoted `true`, `false` and `null` are themselves; an unquoted number is a number only when it reads
    /// back as it was written, so that `1.10`, `007` and `1e3` stay texts.
    pub(super) fn json(&self) -> Value {
        match &self.content {
            _ if self.is_empty() => Value::Null,
            Content::Scalar { text, plain: false } => Value::String(text.clone()),
            Content::Scalar { text, .. } => match text.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => match serde_json::from_str::<serde_json::Number>(text) {
                    Ok(number) if number.to_string() == *text => Value::Number(number),
                    _ => Value::String(text.clone()),
                },
            },
            Content::List(items) => items.iter().map(Node::json).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.text.clone(), value.json()))
                .collect(),
        }
    }

    fn count(&self) -> usize {
        match &self.content {
            Content::Scalar { .. } => 1,
            Content::List(items) => 1 + items.iter().map(Node::count).sum::<usize>(),
            Content::Map(entries) => 1 + entries.iter().map(|(_, it)| it.count()).sum::<usize>(),
        }
    }

    fn depth(&self) -> usize {
        match &self.content {
            Content::Scalar { .. } => 1,
            Content::List(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Content::Map(entries) => {
                1 + entries.iter().map(|(_, it)| it.depth()).max().unwrap_or(0)
            }
        }
    }
}

/// Reads the tree; `None` when there is none, with at least one error.
pub(super) fn parse(bytes: &[u8], file: &Arc<str>, problems: &mut Vec<Problem>) -> Option<Node> {
    let text = match text(bytes, file) {
        Ok(text) => text,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.flow_nesting_limit = DEPTH_LIMIT;
    options.block_nesting_limit = DEPTH_LIMIT;
    let mut tree = Tree {
        file,
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        root: None,
        documents: 0,
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let step = match next {
            Ok((event, span)) => tree.take(event, span),
            Err(error) => Err(syntax(&error, file)),
        };
        if let Err(problem) = step {
            tree.problems.push(problem);
            return None;
        }
    }
    let root = tree.root.filter(|root| !root.is_empty());
    if root.is_none() {
        problems.push(empty(file));
    }
    root
}

/// Checks size and encoding, and takes a byte order mark away.
fn text<'b>(bytes: &'b [u8], file: &Arc<str>) -> Result<&'b str, Problem> {
    if bytes.len() > PAGE_LIMIT {
        // Where the first byte stands that is too many.
        let before = String::from_utf8_lossy(&bytes[..PAGE_LIMIT]);
        let line = before.matches('\n').count() as u32 + 1;
        let last = before.rsplit('\n').next().unwrap_or_default();
        let at = Location::new(file, line, last.chars().count() as u32 + 1);
        let what = "the page is larger than 1 MiB, and no larger one is read";
        return Err(Problem::error("page-too-large", at, what)
            .why("one page is meant to be read by people")
            .instead(
                "keep examples and outputs in files of their own, under `reference` and `recorded`",
            ));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = good.matches('\n').count() as u32 + 1;
        let column = good.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1;
        Problem::error(
            "not-utf-8",
            Location::new(file, line, column),
            "these bytes are no UTF-8 text",
        )
        .instead("save the page as UTF-8")
    })
}

fn empty(file: &Arc<str>) -> Problem {
    Problem::error("empty-page", Location::new(file, 1, 1), "the page is empty")
        .instead("start with `gatewright: 1`, or let `gatewright init` write a page")
}

fn syntax(error: &ScanError, file: &Arc<str>) -> Problem {
    let mark = error.marker();
    let at = Location::new(file, mark.line() as u32, mark.col() as u32 + 1);
    let info = error.info();
    if info.contains("nest") || info.contains("recursion") {
        return Problem::error(
            "too-deep",
            at,
            format!("more than {DEPTH_LIMIT} levels of nesting"),
        )
        .instead("a page needs about eight");
    }
    Problem::error("syntax", at, format!("not YAML: {}", info.lines().next().unwrap_or_default()))
        .instead("check indentation, quotes and brackets before this place; quote texts that hold `: ` or ` #`")
}

/// A collection whose end has not come yet.
enum Open {
    List {
        place: (u32, u32),
        anchor: usize,
        items: Vec<Node>,
    },
    Map {
        place: (u32, u32),
        anchor: usize,
        entries: Vec<(Key, Node)>,
        key: Option<Key>,
    },
}

struct Tree<'a> {
    file: &'a Arc<str>,
    problems: &'a mut Vec<Problem>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
    documents: usize,
}

impl Tree<'_> {
    fn location(&self, place: (u32, u32)) -> Location {
        Location::new(self.file, place.0, place.1)
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = (span.start.line() as u32, span.start.col() as u32 + 1);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let what = "a second document begins here";
                    return Err(Problem::error("two-documents", self.location(place), what)
                        .instead("one page in one file: take the `---` away"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    self.tag(&span, place);
                }
                let content = Content::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.add(Node { place, content }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                if tag.is_some() {
                    self.tag(&span, place);
                }
                self.deeper(place, 1)?;
                self.open.push(Open::List {
                    place,
                    anchor,
                    items: Vec::new(),
                });
            }
            Event::MappingStart(_, anchor, tag) => {
                if tag.is_some() {
                    self.tag(&span, place);
                }
                self.deeper(place, 1)?;
                self.open.push(Open::Map {
                    place,
                    anchor,
                    entries: Vec::new(),
                    key: None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Alias(id) => self.alias(id, place)?,
            _ => {}
        }
        Ok(())
    }

    fn tag(&mut self, span: &Span, place: (u32, u32)) {
        let place = span
            .tag_start
            .map_or(place, |start| (start.line() as u32, start.col() as u32 + 1));
        let problem = Problem::error("tag", self.location(place), "a YAML tag (`!…`)")
            .why("what a value means follows from its key, never from a tag")
            .instead("take the tag away");
        self.problems.push(problem);
    }

    fn deeper(&self, place: (u32, u32), by: usize) -> Result<(), Problem> {
        if self.open.len() + by > DEPTH_LIMIT {
            let what = format!("more than {DEPTH_LIMIT} levels of nesting");
            return Err(Problem::error("too-deep", self.location(place), what)
                .instead("a page needs about eight"));
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, place: (u32, u32)) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&id) else {
            let what = "this alias stands inside what it names";
            return Err(
                Problem::error("alias", self.location(place), what).instead("write the value out")
            );
        };
        self.nodes += node.count();
        let copy = node.clone();
        self.deeper(place, copy.depth())?;
        self.add(copy, 0)
    }

    fn close(&mut self) -> Result<(), Problem> {
        let (node, anchor) = match self.open.pop() {
            Some(Open::List {
                place,
                anchor,
                items,
            }) => (
                Node {
                    place,
                    content: Content::List(items),
                },
                anchor,
            ),
            Some(Open::Map {
                place,
                anchor,
                entries,
                ..
            }) => (
                Node {
                    place,
                    content: Content::Map(entries),
                },
                anchor,
            ),
            None => return Ok(()),
        };
        self.add(node, anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODE_LIMIT {
            let what =
                format!("more than {NODE_LIMIT} values, aliases counted as often as they are used");
            return Err(
                Problem::error("too-many-values", self.location(node.place), what)
                    .instead("take aliases of aliases away"),
            );
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let place = node.place;
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => match node.content {
                    Content::Scalar { text, .. } => {
                        let twice = entries.iter().find(|(known, _)| known.text == text);
                        if let Some((first, _)) = twice {
                            let what = format!(
                                "the key `{text}` is already given on line {}",
                                first.place.0
                            );
                            let at = Location::new(self.file, place.0, place.1);
                            let problem = Problem::error("duplicate-key", at, what)
                                .why("one of the two would be lost")
                                .instead("keep one");
                            self.problems.push(problem);
                        }
                        *key = Some(Key { text, place });
                    }
                    _ => {
                        let at = Location::new(self.file, place.0, place.1);
                        return Err(Problem::error("bad-key", at, "a key that is no text")
                            .instead("write `name: value`"));
                    }
                },
            },
        }
        Ok(())
    }
}
