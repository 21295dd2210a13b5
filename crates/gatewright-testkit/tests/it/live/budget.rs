//! How much may be spent, and how hard a host is driven.

use std::time::Instant;

use gatewright_core::manifest::Role;
use gatewright_engine::{Limit, Limits, RunEnd};
use gatewright_testkit::provider::{Behaviour, Provider, Script};

use super::{CHAT, examples, limits, run, system, targets};

#[test]
fn calls_have_a_limit() {
    let provider = Provider::start(Script::default());
    let few = Limits {
        calls_max: Some(17),
        ..limits()
    };
    let live = run(
        &targets(system(CHAT, &provider.url())),
        &examples(100),
        &few,
    );
    assert_eq!(
        live.ran.end.as_ref().expect("ran"),
        &RunEnd::Limited { what: Limit::Calls }
    );
    assert_eq!(provider.log().len(), 17);
    assert_eq!(live.ran.answers(), 17, "what was paid for is kept");
    assert_eq!(live.ran.started().len(), 17);
}

#[test]
fn money_has_a_limit() {
    let provider = Provider::start(Script::default());
    let way = "{openai: {model: m, base_url: URL/v1, max_tokens: 8, price: {input: 1000 USD, output: 1000 USD}, limits: {concurrency: 4}}}";
    let few = Limits {
        cost_max_usd: Some(0.2),
        ..limits()
    };
    let live = run(&targets(system(way, &provider.url())), &examples(500), &few);
    assert_eq!(
        live.ran.end.as_ref().expect("ran"),
        &RunEnd::Limited { what: Limit::Cost }
    );
    let spent: f64 = live
        .exchanges()
        .iter()
        .filter_map(|(_, it)| it.usage.cost_usd)
        .sum();
    assert!(spent > 0.05 && spent <= 0.2, "{spent}");
}

#[test]
fn no_more_are_on_their_way_than_the_page_says() {
    let provider = Provider::start(Script::always(Behaviour::answer_after(20)));
    let way = "{openai: {model: m, base_url: URL/v1, limits: {concurrency: 3}}}";
    let live = run(
        &targets(system(way, &provider.url())),
        &examples(30),
        &limits(),
    );
    live.ran.complete();
    let log = provider.log();
    let mut edges: Vec<(u64, i32)> = Vec::new();
    for served in &log {
        edges.push((served.received_ms, 1));
        edges.push((served.ended_ms.expect("ended"), -1));
    }
    edges.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, change) in edges {
        now += change;
        most = most.max(now);
    }
    assert!((2..=3).contains(&most), "{most}");
}

#[test]
fn requests_a_minute_are_kept() {
    let provider = Provider::start(Script::default());
    let way = "{openai: {model: m, base_url: URL/v1, limits: {requests_per_minute: 1200}}}";
    let start = Instant::now();
    let live = run(
        &targets(system(way, &provider.url())),
        &examples(40),
        &limits(),
    );
    live.ran.complete();
    let took = start.elapsed().as_secs_f64();
    assert!(
        took >= 0.9,
        "20 go at once and 20 more take a second: {took}"
    );
}

/// Arms stay paired: an interrupted run has both sides of what it has.
#[test]
fn both_arms_go_side_by_side() {
    let provider = Provider::start(Script::default());
    let mut both = targets(system(CHAT, &provider.url()));
    let other = both.by_role[&Role::Candidate].clone();
    both.by_role.insert(Role::Production, other);
    let examples = examples(50);
    let todo = (0..50)
        .flat_map(|example| {
            [Role::Candidate, Role::Production].map(|role| crate::runner::attempt(role, example, 0))
        })
        .collect();
    let few = Limits {
        calls_max: Some(41),
        concurrency: 4,
        ..limits()
    };
    let (_, stop) = gatewright_engine::stop_pair();
    let live = super::run_todo(&both, &examples, todo, &few, stop);
    let count = |role| {
        live.ran
            .ends()
            .keys()
            .filter(|it| it.system == role)
            .count()
    };
    assert_eq!(count(Role::Candidate) + count(Role::Production), 41);
    assert!(count(Role::Candidate).abs_diff(count(Role::Production)) <= 4);
}
