//! What the page says about the product: promise, tasks, failures, owners, evidence, traffic, decision.

use std::collections::{BTreeMap, BTreeSet};

use crate::class::{Cost, FailureClass, SHIPPED, Severity};
use crate::id::OwnerId;
use crate::manifest::node::{Content, Key, Node};
use crate::manifest::walk::{Fields, Walk, join};
use crate::manifest::{
    Enforce, EvidenceSource, Kind, Manifest, MixedModels, Owner, Promise, SignRules, Standard,
    Traffic, Uses, identity, quantity,
};
use crate::problem::nearest;

/// What to write for a promise that is not there.
const PROMISED: &str = "`promise: {does: …, for: …, evidence: …, when_not_ready: …}`";
/// What to write where no task is named.
const TASKS: &str = "`tasks: {refund: Give money back, …}`";
/// Keys of the promise.
pub(in crate::manifest) const PROMISE: [&str; 5] =
    ["does", "for", "evidence", "constraints", "when_not_ready"];
/// Keys of a failure class.
pub(in crate::manifest) const FAILURE: [&str; 4] = ["severity", "cost", "owner", "repair"];
/// Keys of an owner.
pub(in crate::manifest) const OWNER: [&str; 2] = ["name", "contact"];
/// Keys of a source of evidence.
pub(in crate::manifest) const EVIDENCE: [&str; 3] = ["id", "kind", "at"];
/// Keys of the traffic.
pub(in crate::manifest) const TRAFFIC: [&str; 2] = ["per_week", "share"];
/// Keys of the decision.
pub(in crate::manifest) const DECISION: [&str; 10] = [
    "question",
    "decided_by",
    "exposed",
    "standard",
    "route_by",
    "narrow_share",
    "enforce",
    "attempts",
    "mixed_models",
    "sign",
];
pub(in crate::manifest) const SIGN: [&str; 5] = [
    "persons",
    "author_may_sign",
    "authors",
    "by",
    "override_days",
];

/// Words of severity.
pub(super) const SEVERITY: [(&str, Severity); 4] = [
    ("low", Severity::Low),
    ("medium", Severity::Medium),
    ("high", Severity::High),
    ("critical", Severity::Critical),
];

/// Reads product, promise, uses, tasks, owners, failures and evidence.
pub(super) fn read(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    if let Some(product) = w.text_at(top, "product") {
        product.clone_into(&mut page.product);
    }
    page.promise = promise(w, top);
    const USES: [(&str, Uses); 4] = [
        ("policy", Uses::Policy),
        ("retrieval", Uses::Retrieval),
        ("support", Uses::Support),
        ("tools", Uses::Tools),
    ];
    for (index, node) in w.list_at(top, "uses").iter().enumerate() {
        page.uses
            .extend(w.word(node, &format!("uses[{index}]"), &USES));
    }
    tasks(w, top, page);
    owners(w, top, page);
    page.classes = classes(w, top, page);
    evidence(w, top, page);
}

fn promise(w: &mut Walk<'_>, top: &Fields<'_>) -> Promise {
    let Some(node) = top.get("promise") else {
        w.error_in(top, "no-promise", "the page promises nothing", PROMISED);
        return Promise::default();
    };
    if let Content::Scalar { text, .. } = &node.content {
        if text.trim().is_empty() {
            w.error(node, "no-promise", "the promise says nothing", PROMISED);
        }
        return Promise {
            does: text.clone(),
            ..Promise::default()
        };
    }
    let Some(fields) = w.fields(node, "promise", &PROMISE) else {
        return Promise::default();
    };
    let mut text = |key| w.text_at(&fields, key).unwrap_or_default().to_owned();
    Promise {
        does: text("does"),
        for_whom: text("for"),
        evidence: text("evidence"),
        when_not_ready: text("when_not_ready"),
        constraints: w.texts_at(&fields, "constraints"),
    }
}

fn tasks(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    let Some(node) = top.get("tasks") else {
        w.error_in(top, "no-tasks", "the page names no tasks", TASKS);
        return;
    };
    let Some(tasks) = w.open_fields(node, "tasks") else {
        return;
    };
    if tasks.entries().next().is_none() {
        w.error(node, "no-tasks", "the page names no tasks", TASKS);
    }
    for (key, value) in tasks.entries() {
        w.name(key.place, &key.text, "a task");
        let description = if value.is_empty() {
            ""
        } else {
            w.text(value, &tasks.at(&key.text)).unwrap_or_default()
        };
        page.tasks.insert(key.text.clone(), description.to_owned());
    }
}

fn owners(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    let Some(node) = top.get("owners") else {
        w.error_in(
            top,
            "no-owners",
            "the page names no owners",
            "`owners: {product: {name: Billing product, contact: \"#billing\"}}`",
        );
        return;
    };
    let Some(owners) = w.open_fields(node, "owners") else {
        return;
    };
    for (key, value) in owners.entries() {
        w.identifier(key.place, &key.text, "an owner");
        let path = owners.at(&key.text);
        let mut owner = Owner {
            name: key.text.clone(),
            contact: None,
        };
        match &value.content {
            _ if value.is_empty() => {}
            Content::Scalar { text, .. } => owner.name.clone_from(text),
            _ => {
                if let Some(fields) = w.fields(value, &path, &OWNER) {
                    if let Some(name) = w.text_at(&fields, "name") {
                        name.clone_into(&mut owner.name);
                    }
                    owner.contact = w.text_at(&fields, "contact").map(str::to_owned);
                }
            }
        }
        page.owners.insert(OwnerId(key.text.clone()), owner);
    }
}

/// Reads the owner under a key; it must be declared.
pub(super) fn owner(
    w: &mut Walk<'_>,
    fields: &Fields<'_>,
    key: &str,
    page: &Manifest,
) -> Option<OwnerId> {
    let text = w.text_at(fields, key)?;
    let owner = OwnerId(text.to_owned());
    if !page.owners.contains_key(&owner)
        && let Some(node) = fields.get(key)
    {
        let known = page.owners.keys().map(OwnerId::as_str);
        let instead = match nearest(text, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("add `{text}: {{name: …}}` under `owners`"),
        };
        w.error(
            node,
            "undefined-owner",
            format!("`{text}` is no owner of the page"),
            instead,
        );
    }
    Some(owner)
}

/// The owner of a shipped class that the page says nothing about: its role if the page has it, else `product`, else the first.
fn default_owner(page: &Manifest, role: Option<&str>) -> Option<OwnerId> {
    let declared = |name: &str| page.owners.contains_key(name).then(|| OwnerId::from(name));
    role.and_then(declared)
        .or_else(|| declared("product"))
        .or_else(|| page.owners.keys().next().cloned())
}

fn classes(w: &mut Walk<'_>, top: &Fields<'_>, page: &Manifest) -> Vec<FailureClass> {
    let mut classes: BTreeMap<String, FailureClass> = SHIPPED
        .iter()
        .map(|(id, role, repair)| {
            let owner = default_owner(page, Some(role)).unwrap_or_else(|| OwnerId::from(*role));
            let class = FailureClass {
                id: (*id).into(),
                severity: Severity::Medium,
                cost: unit_cost(),
                owner,
                repair: (*repair).to_owned(),
                declared: false,
            };
            ((*id).to_owned(), class)
        })
        .collect();
    let failures = top
        .get("failures")
        .and_then(|node| w.open_fields(node, "failures"));
    if top.get("failures").is_none() {
        w.error_in(
            top,
            "no-failures",
            "the page names no failure",
            "`failures: {unsupported-claim: {severity: high, cost: 100 USD, owner: …}}`",
        );
    }
    let mut currencies: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for (key, node) in failures.iter().flat_map(Fields::entries) {
        w.identifier(key.place, &key.text, "a failure class");
        let class = declared_class(w, key, node, page, classes.remove(&key.text));
        if let Some(code) = &class.cost.currency {
            currencies.entry(code.clone()).or_insert(key.place);
        }
        classes.insert(key.text.clone(), class);
    }
    if currencies.len() > 1 {
        let names: Vec<&str> = currencies.keys().map(String::as_str).collect();
        let place = currencies.values().max().copied().unwrap_or((1, 1));
        let at = w.location(place);
        let what = format!("costs in more than one currency: {}", names.join(", "));
        w.push(
            crate::problem::Problem::error("mixed-currencies", at, what)
                .why("costs of failures are added up")
                .instead("write all costs in one currency"),
        );
    } else if let Some(code) = currencies.into_keys().next() {
        // Bare amounts are in the page's only currency.
        for class in classes.values_mut() {
            class.cost.currency = Some(code.clone());
        }
    }
    classes.into_values().collect()
}

fn unit_cost() -> Cost {
    Cost {
        amount: 1.0,
        currency: None,
    }
}

fn declared_class(
    w: &mut Walk<'_>,
    key: &Key,
    node: &Node,
    page: &Manifest,
    shipped: Option<FailureClass>,
) -> FailureClass {
    let path = join("failures", &key.text);
    let own = shipped.is_none();
    let mut class = shipped.unwrap_or_else(|| FailureClass {
        id: key.text.as_str().into(),
        severity: Severity::Medium,
        cost: unit_cost(),
        owner: default_owner(page, None).unwrap_or_else(|| OwnerId::from("product")),
        repair: String::new(),
        declared: true,
    });
    class.declared = true;
    let fields = if node.is_empty() {
        None
    } else {
        w.fields(node, &path, &FAILURE)
    };
    if let Some(fields) = &fields {
        class.severity = w
            .word_at(fields, "severity", &SEVERITY)
            .unwrap_or(class.severity);
        if let Some(cost) = w.quantity_at(fields, "cost", quantity::money) {
            class.cost = cost;
        }
        if let Some(repair) = w.text_at(fields, "repair") {
            repair.clone_into(&mut class.repair);
        }
        if let Some(owner) = owner(w, fields, "owner", page) {
            class.owner = owner;
        }
    }
    let owned = fields.is_some_and(|fields| fields.has("owner"));
    if own && !owned && page.owners.len() > 1 {
        let at = w.location(key.place);
        w.push(
            crate::problem::Problem::error(
                "no-owner",
                at,
                format!("the failure `{}` has no owner", key.text),
            )
            .why("a failure that nobody owns is repaired by nobody")
            .instead(format!("`owner:` with one of {}", owner_names(page))),
        );
    }
    class
}

/// Lists the declared owners for messages.
pub(super) fn owner_names(page: &Manifest) -> String {
    let names: Vec<&str> = page.owners.keys().map(OwnerId::as_str).collect();
    names.join(", ")
}

fn evidence(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    let kinds = Kind::ALL.map(|kind| (kind.word(), kind));
    let mut seen = BTreeSet::new();
    for (index, node) in w.list_at(top, "evidence").iter().enumerate() {
        let path = format!("evidence[{index}]");
        let Some(fields) = w.fields(node, &path, &EVIDENCE) else {
            continue;
        };
        let id = w.text_at(&fields, "id").unwrap_or(&path).to_owned();
        if !seen.insert(id.clone()) {
            w.error(
                node,
                "duplicate-id",
                format!("`{id}` names two sources of evidence"),
                "give one another id",
            );
        }
        let kind = w.word_at(&fields, "kind", &kinds).unwrap_or(Kind::Traffic);
        let Some(at) = w.text_at(&fields, "at") else {
            w.error(
                node,
                "no-place",
                format!("`{path}` does not say where it is"),
                "`at: logs/2026-10/*.parquet`",
            );
            continue;
        };
        page.evidence.push(EvidenceSource {
            id,
            kind,
            at: at.to_owned(),
        });
    }
}

/// Reads traffic and decision, which name dimensions.
pub(super) fn traffic_and_decision(w: &mut Walk<'_>, top: &Fields<'_>, page: &mut Manifest) {
    if let Some(node) = top.get("traffic")
        && let Some(fields) = w.fields(node, "traffic", &TRAFFIC)
    {
        page.traffic = traffic(w, &fields, page);
    }
    if let Some(node) = top.get("decision")
        && let Some(fields) = w.fields(node, "decision", &DECISION)
    {
        decision(w, &fields, page);
    }
}

fn traffic(w: &mut Walk<'_>, fields: &Fields<'_>, page: &Manifest) -> Option<Traffic> {
    let per_week = w.quantity_at(fields, "per_week", quantity::number);
    let mut share = BTreeMap::new();
    if let Some(node) = fields.get("share")
        && let Some(dimensions) = w.open_fields(node, "traffic.share")
    {
        for (key, node) in dimensions.entries() {
            if !super::segments::known(w, key, page) {
                continue;
            }
            let path = dimensions.at(&key.text);
            let Some(values) = w.open_fields(node, &path) else {
                continue;
            };
            let mut shares: BTreeMap<String, f64> = BTreeMap::new();
            for (value, node) in values.entries() {
                super::segments::known_value(w, value.place, &key.text, &value.text, page);
                if let Some(share) = w.quantity(node, &values.at(&value.text), quantity::share) {
                    shares.insert(value.text.clone(), share);
                }
            }
            let sum: f64 = shares.values().sum();
            if sum > 1.0 + 1e-9 {
                let what = format!("the shares of `{}` add up to {:.4}", key.text, sum);
                w.error(
                    node,
                    "shares-above-one",
                    what,
                    "shares that add up to at most 1",
                );
            }
            share.insert(key.text.clone(), shares);
        }
    }
    if per_week.is_none() && !fields.has("per_week") {
        w.error_in(
            fields,
            "no-volume",
            "`traffic` does not say how many requests a week there are",
            "`per_week: 42000`",
        );
    }
    Some(Traffic {
        per_week: per_week?,
        share,
    })
}

fn decision(w: &mut Walk<'_>, fields: &Fields<'_>, page: &mut Manifest) {
    if let Some(question) = w.text_at(fields, "question") {
        question.clone_into(&mut page.decision.question);
    }
    page.decision.decided_by = owner(w, fields, "decided_by", page);
    page.decision.exposed = w.flag_at(fields, "exposed", false);
    const STANDARDS: [(&str, Standard); 2] =
        [("shown", Standard::Shown), ("unbroken", Standard::Unbroken)];
    if let Some(standard) = w.word_at(fields, "standard", &STANDARDS) {
        page.decision.standard = standard;
    }
    const ENFORCE: [(&str, Enforce); 3] = [
        ("observe", Enforce::Observe),
        ("advise", Enforce::Advise),
        ("block", Enforce::Block),
    ];
    if let Some(enforce) = w.word_at(fields, "enforce", &ENFORCE) {
        page.decision.enforce = enforce;
    }
    page.decision.route_by = super::segments::dimension_list(w, fields, "route_by", page);
    if let Some(share) = w.quantity_at(fields, "narrow_share", quantity::share) {
        if share > 0.0 && share < 1.0 {
            page.decision.narrow_share = share;
        } else if let Some(node) = fields.get("narrow_share") {
            w.error(
                node,
                "out-of-range",
                "`decision.narrow_share` is none or all of the traffic",
                "a share between 0 and 1, such as `5 %`",
            );
        }
    }
    page.decision.attempts = w
        .count_at(fields, "attempts", 1..=1000)
        .map(|count| count as u32);
    const MIXED: [(&str, MixedModels); 2] =
        [("hold", MixedModels::Hold), ("allow", MixedModels::Allow)];
    if let Some(mixed) = w.word_at(fields, "mixed_models", &MIXED) {
        page.decision.mixed_models = mixed;
    }
    if let Some(node) = fields.get("sign")
        && let Some(fields) = w.fields(node, "decision.sign", &SIGN)
    {
        page.signing = signing(w, &fields);
    }
}

/// Reads who may sign.
fn signing(w: &mut Walk<'_>, fields: &Fields<'_>) -> SignRules {
    let standing = SignRules::default();
    let persons = w.count_at(fields, "persons", 1..=9);
    let days = w.count_at(fields, "override_days", 1..=366);
    let stated = fields.has("author_may_sign");
    let author = w.flag_at(fields, "author_may_sign", false);
    SignRules {
        persons: persons.map_or(standing.persons, |count| count as u32),
        author_may_sign: stated.then_some(author),
        authors: identities(w, fields, "authors"),
        by: identities(w, fields, "by"),
        override_days: days.map_or(standing.override_days, |count| count as u32),
    }
}

fn identities(w: &mut Walk<'_>, fields: &Fields<'_>, key: &str) -> Vec<String> {
    let mut known = Vec::new();
    for text in w.texts_at(fields, key) {
        match identity(&text) {
            Some(identity) => known.push(identity),
            None => {
                if let Some(node) = fields.get(key) {
                    let what = format!("`{text}` is no identity");
                    w.error(
                        node,
                        "bad-identity",
                        what,
                        "a plain name or a mail address in ASCII, such as ana@example.com",
                    );
                }
            }
        }
    }
    known
}

/// Says whether the page states its standard of proof.
pub(super) fn states_standard(top: &Fields<'_>) -> bool {
    top.get("decision").is_some_and(|node| match &node.content {
        Content::Map(entries) => entries.iter().any(|(key, _)| key.text == "standard"),
        _ => false,
    })
}
