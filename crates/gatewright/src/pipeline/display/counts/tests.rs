use gatewright_core::digest::Digest;
use gatewright_core::plan::PlannedSystem;
use gatewright_core::response::{Response, Usage};

use super::*;

fn plan(n: usize) -> Plan {
    let system = |role| PlannedSystem {
        role,
        fingerprint: Digest::of(b"x"),
        trials: 1,
    };
    Plan {
        examples: (0..n)
            .map(|index| ExampleId(format!("refund-{index:03}").into()))
            .collect(),
        example_digests: (0..n).map(|index| Digest::of(&[index as u8])).collect(),
        systems: vec![system(Role::Candidate), system(Role::Production)],
        seed: 1,
        confirmations: Vec::new(),
        shard: None,
    }
}

fn attempt(example: u32, system: Role) -> AttemptSpec {
    AttemptSpec {
        example,
        system,
        trial: 0,
    }
}

fn exchange(dollars: Option<f64>, fault: Option<Fault>) -> Exchange {
    Exchange {
        usage: Usage {
            input_tokens: Some(1000),
            output_tokens: Some(50),
            cost_usd: dollars,
        },
        fault,
        ..Exchange::default()
    }
}

/// Half of a run with everything that can happen in it.
fn half(plan: &Plan) -> Counts<'_> {
    let mut todo = BTreeMap::new();
    for attempt in plan.attempts() {
        *todo.entry(attempt.system).or_default() += 1;
    }
    let mut limits = Limits::standard();
    limits.cost_max_usd = Some(5.0);
    let mut counts = Counts::new(plan, &todo, &limits, None, true);
    let now = Duration::from_secs(10);
    for example in 0..10 {
        let attempt = attempt(example, Role::Candidate);
        counts.observe(&EngineEvent::Started { attempt }, now);
        let exchange = exchange(Some(0.1), None);
        let end = AttemptEnd::Answered {
            response: Response {
                latency_ms: Some(100.0 + f64::from(example)),
                ..Response::default()
            },
        };
        counts.observe(
            &EngineEvent::Ended {
                attempt,
                end: &end,
                exchange: Some(&exchange),
            },
            now,
        );
    }
    let faulty = exchange(None, Some(Fault::RateLimited));
    let production = attempt(0, Role::Production);
    counts.observe(
        &EngineEvent::Started {
            attempt: production,
        },
        now,
    );
    counts.observe(
        &EngineEvent::Exchanged {
            attempt: production,
            exchange: &faulty,
            again_in: Some(Duration::from_secs(3)),
        },
        now,
    );
    let host = "api.example.com:443";
    let (wait, why) = (Duration::from_secs(3), "rate-limited");
    counts.observe(&EngineEvent::Waiting { host, wait, why }, now);
    let (concurrency, why) = (12, "429");
    counts.observe(
        &EngineEvent::Paced {
            host,
            concurrency,
            why,
        },
        now,
    );
    let end = AttemptEnd::ProviderError {
        message: "no".to_owned(),
        code: None,
        latency_ms: None,
    };
    counts.observe(
        &EngineEvent::Ended {
            attempt: attempt(1, Role::Production),
            end: &end,
            exchange: Some(&exchange(None, Some(Fault::Server))),
        },
        now,
    );
    counts
}

#[test]
fn a_terminal_of_80_columns() {
    let plan = plan(20);
    let lines = half(&plan).lines(Duration::from_secs(11), 80, true);
    assert_eq!(
        lines,
        [
            "candidate  ██████████░░░░░░░░░░ 10/20",
            "production █░░░░░░░░░░░░░░░░░░░ 1/20  1 error",
            "12 calls (1 again) · 1.00 of 5.00 USD · waiting · 11 s so far · 1 begun",
            "api.example.com:443: 12 at once, waits 2 s: rate-limited",
            "begun 1 s ago: production refund-000 trial 0",
        ]
    );
}

#[test]
fn a_terminal_of_40_columns_never_wraps() {
    let plan = plan(20);
    let counts = half(&plan);
    for width in [1, 10, 40, 60, 79, 200] {
        for slow in [true, false] {
            let lines = counts.lines(Duration::from_secs(11), width, slow);
            assert!(lines.len() <= LINES_MAX);
            for line in lines {
                assert!(untrusted::columns(&line) <= width, "{width}: {line}");
            }
        }
    }
    assert_eq!(
        counts.lines(Duration::from_secs(11), 40, false)[0],
        "candidate  ████░░░░ 10/20"
    );
}

/// What does not fit into one row goes on in the next: nothing of it is cut off where there is room for it.
#[test]
fn facts_that_fill_more_than_a_row_go_on_in_the_next() {
    let plan = plan(20);
    let mut counts = half(&plan);
    let now = Duration::from_secs(11);
    let unpriced = exchange(None, None);
    let attempt = attempt(2, Role::Production);
    counts.observe(
        &EngineEvent::Exchanged {
            attempt,
            exchange: &unpriced,
            again_in: None,
        },
        now,
    );
    assert_eq!(
        counts.lines(now, 79, false)[2..4],
        [
            "13 calls (1 again) · 1.00 of 5.00 USD and what has no price · waiting",
            "11 s so far · 1 begun",
        ]
    );
}

/// Nothing is queued any more: the pace so far says nothing about the last answers.
#[test]
fn no_time_left_is_guessed_when_all_that_is_left_is_begun() {
    let plan = plan(20);
    let mut counts = half(&plan);
    let late = Duration::from_secs(30);
    assert!(counts.line(late).contains("left"));
    for example in 10..20 {
        let attempt = attempt(example, Role::Candidate);
        counts.observe(&EngineEvent::Started { attempt }, late);
    }
    for example in 2..20 {
        let attempt = attempt(example, Role::Production);
        counts.observe(&EngineEvent::Started { attempt }, late);
    }
    let line = counts.line(late);
    assert!(
        !line.contains("left") && line.contains("29 begun"),
        "{line}"
    );
}

#[test]
fn a_piped_line_says_the_same() {
    let plan = plan(20);
    assert_eq!(
        half(&plan).line(Duration::from_secs(11)),
        "candidate 10/20; production 1/20, 1 error; 12 calls (1 again), 1.00 of 5.00 USD, waiting, 11 s so far, 1 begun; api.example.com:443: 12 at once, waits 2 s: rate-limited"
    );
}

#[test]
fn the_end_says_what_was_done() {
    let plan = plan(20);
    assert_eq!(
        half(&plan).summary(Duration::from_secs(75)),
        [
            "11 attempts in 1 min 15 s; 12 calls, 1 again; 1 error; 1.00 of 5.00 USD; 12,000 tokens read, 600 written",
            "time of answers: candidate p50 104 ms, p95 109 ms",
            "faults on the way: rate-limited 1, server 1",
        ]
    );
}

/// A9: what a host or an example is called cannot move a cursor.
#[test]
fn a9_names_stay_names_in_the_display() {
    let plan = plan(20);
    let mut counts = half(&plan);
    let (host, why) = ("evil\u{1b}[2J\nhost", "\u{202e}why");
    let wait = Duration::from_secs(60);
    counts.observe(
        &EngineEvent::Waiting { host, wait, why },
        Duration::from_secs(10),
    );
    let shown = counts.lines(Duration::from_secs(11), 200, true).concat()
        + &counts.line(Duration::from_secs(11));
    assert!(!shown.contains(['\u{1b}', '\n', '\u{202e}']), "{shown:?}");
}

#[test]
fn times_and_numbers_read_well() {
    let shown = [0.35, 12.0, 185.0, 7440.0].map(|seconds| span(Duration::from_secs_f64(seconds)));
    assert_eq!(shown, ["0.3 s", "12 s", "3 min 5 s", "2 h 4 min"]);
    assert_eq!(
        [7, 1234, 1_234_567].map(number),
        ["7", "1,234", "1,234,567"]
    );
}

/// Money that is not nothing never reads as nothing.
#[test]
fn money_below_a_dollar_has_two_significant_digits() {
    for (amount, shown) in [
        (0.0, "0.00"),
        (0.0042, "0.0042"),
        (0.004_249, "0.0042"),
        (0.05, "0.05"),
        (0.056, "0.056"),
        (0.1, "0.10"),
        (0.426, "0.43"),
        (0.000_000_31, "0.00000031"),
        (0.001, "0.001"),
        (0.0999, "0.10"),
        (1.0, "1.00"),
        (12.345, "12.35"),
        (1e-30, "0.00"),
    ] {
        assert_eq!(dollars(amount), shown, "{amount}");
    }
}

/// What will be left is not known while nothing goes; a limit a minute that we keep by ourselves is a pace.
#[test]
fn while_a_host_waits_no_time_left_is_guessed() {
    let plan = plan(20);
    let host = "api.example.com:443";
    let after = |why: &str| {
        let mut counts = half(&plan);
        let (wait, now) = (Duration::from_secs(60), Duration::from_secs(10));
        counts.observe(&EngineEvent::Waiting { host, wait, why }, now);
        counts.line(Duration::from_secs(12))
    };
    for why in ["rate-limited", "overloaded", "circuit-open"] {
        let line = after(why);
        assert!(
            line.contains(", waiting,") && !line.contains("left"),
            "{line}"
        );
    }
    for why in ["requests-a-minute", "tokens-a-minute"] {
        let line = after(why);
        assert!(
            line.contains("left") && !line.contains(", waiting,"),
            "{line}"
        );
    }
    // An open circuit, also between its waits; and after it has closed.
    let mut counts = half(&plan);
    let late = Duration::from_secs(30);
    let paced = |why| EngineEvent::Paced {
        host,
        concurrency: 1,
        why,
    };
    assert!(counts.line(late).contains("left"));
    counts.observe(&paced("circuit-open"), late);
    assert!(counts.line(late).contains(", waiting,"));
    counts.observe(&paced("circuit-closed"), late);
    assert!(counts.line(late).contains("left"));
}

/// Two systems are two distributions.
#[test]
fn times_of_answers_are_each_systems_own() {
    let plan = plan(20);
    let mut counts = half(&plan);
    for example in 2..6 {
        let end = AttemptEnd::Answered {
            response: Response {
                latency_ms: Some(5000.0),
                ..Response::default()
            },
        };
        let ended = EngineEvent::Ended {
            attempt: attempt(example, Role::Production),
            end: &end,
            exchange: None,
        };
        counts.observe(&ended, Duration::from_secs(10));
    }
    let lines = counts.summary(Duration::from_secs(75));
    let times =
        "time of answers: candidate p50 104 ms, p95 109 ms; production p50 5000 ms, p95 5000 ms";
    assert!(lines.iter().any(|line| line == times), "{lines:?}");
}

/// F15: what hangs is named where nothing is drawn: the oldest first, a few at a time, each ever more rarely.
#[test]
fn f15_what_hangs_is_named_line_by_line_and_not_over_and_over() {
    let plan = plan(20);
    let mut counts = half(&plan);
    for example in 2..8 {
        let attempt = attempt(example, Role::Production);
        let at = Duration::from_secs(100 + u64::from(example));
        counts.observe(&EngineEvent::Started { attempt }, at);
    }
    let all = |counts: &mut Counts<'_>, at| counts.stuck(Duration::from_secs(at)).join("\n");
    let others = all(&mut counts, 150);
    assert!(
        !others.contains("refund-002"),
        "not before a minute: {others}"
    );
    while !all(&mut counts, 151).is_empty() {}
    assert_eq!(
        all(&mut counts, 163),
        "begun 1 min 1 s ago: production refund-002 trial 0\nbegun 1 min 0 s ago: production refund-003 trial 0"
    );
    assert_eq!(
        all(&mut counts, 164),
        "begun 1 min 0 s ago: production refund-004 trial 0"
    );
    assert_eq!(all(&mut counts, 164), "", "once");
    let gone = attempt(5, Role::Production);
    let end = AttemptEnd::TimedOut { after_ms: 1 };
    counts.observe(
        &EngineEvent::Ended {
            attempt: gone,
            end: &end,
            exchange: None,
        },
        Duration::from_secs(165),
    );
    let later = all(&mut counts, 180);
    assert!(
        !later.contains("refund-005") && later.contains("refund-006"),
        "{later}"
    );
    let again = all(&mut counts, 224);
    assert!(
        again.contains("begun 2 min 2 s ago: production refund-002"),
        "{again}"
    );
}
