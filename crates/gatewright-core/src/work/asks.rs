//! What a run asks for, of the view of its report.

use std::collections::BTreeSet;

use crate::decide::Answer;
use crate::digest::Digest;
use crate::outcome::Missing;
use crate::report::View;
use crate::report::model::{FindingView, StandingWord, WorkItemView};
use crate::work::text::{self, Key};

/// One work item that can be an issue: it follows from a rule in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which rule of which product, and where.
    pub key: Key,
    /// The rule.
    pub rule: String,
    /// Where, in words.
    pub segment: String,
    /// The title.
    pub title: String,
    /// The text.
    pub body: String,
}

/// What a run asks for, and what it shows to be repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asks {
    /// The run's name.
    pub run: String,
    /// Where the run's log can be seen, an address that was looked at.
    pub link: Option<String>,
    /// Whose work it is: product and page, by their hash.
    pub product: Digest,
    /// Work items, the most urgent first.
    pub items: Vec<Asked>,
    /// Rules that decide and hold, each where it does.
    pub held: BTreeSet<Key>,
    /// Why the run is no evidence at all: nothing is opened and nothing that holds is closed.
    pub invalid: Option<String>,
    /// Why the run is too little to close anything.
    pub closes_nothing: Option<String>,
    /// Work items that follow from no rule: open incidents, faults of the evaluation. They are no issues.
    pub without_rule: usize,
}

impl Asks {
    /// Reads a view. `page` tells pages of one repository apart: the page's path in it, or nothing where it is the one at the top. `link` is
    /// shown where it is a plain address of the web.
    pub fn of(view: &View, page: &str, link: Option<&str>) -> Self {
        let product = match page {
            "" => view.product.clone(),
            page => serde_json::json!([view.product, page]).to_string(),
        };
        let key = |finding: &FindingView| Key::of(&product, &finding.rule, &finding.slice.values);
        let link = link.filter(|link| text::is_plain_link(link));
        let mut without_rule = 0;
        let mut items = Vec::new();
        for item in &view.work_items {
            let Some(finding) = item.finding.and_then(|index| view.findings.get(index)) else {
                without_rule += 1;
                continue;
            };
            items.push(asked(view, item, finding, key(finding), link));
        }
        let holds = |finding: &&FindingView| {
            finding.deciding && finding.standing == StandingWord::Holds && finding.n > 0
        };
        Self {
            run: view.run.name.clone(),
            link: link.map(str::to_owned),
            product: Digest::of(product.as_bytes()),
            items,
            held: view.findings.iter().filter(holds).map(key).collect(),
            invalid: view
                .invalid
                .first()
                .map(|why| format!("the run cannot decide: {why}")),
            closes_nothing: too_little(view),
            without_rule,
        }
    }
}

/// Says why a run is too little to close anything: undecided, or made of a part of the examples.
fn too_little(view: &View) -> Option<String> {
    if view.answer == Answer::NotEnoughEvidence {
        return Some("the answer is: not enough evidence".to_owned());
    }
    let left = view.denominators.iter().map(|one| {
        let missing = one.missing.get(Missing::NotAttempted.word());
        missing.copied().unwrap_or(0)
    });
    match left.sum::<u64>() {
        0 => None,
        1 => Some("1 attempt of it was never made".to_owned()),
        more => Some(format!("{more} attempts of it were never made")),
    }
}

fn asked(
    view: &View,
    item: &WorkItemView,
    finding: &FindingView,
    key: Key,
    link: Option<&str>,
) -> Asked {
    Asked {
        key,
        rule: finding.rule.clone(),
        segment: finding.slice.words.clone(),
        title: text::title(&view.product, item.kind, finding),
        body: text::body(view, item, finding, &key, link),
    }
}
