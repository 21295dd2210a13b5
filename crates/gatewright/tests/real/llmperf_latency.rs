//! LLMPerf: times and refused requests of 19 provider × model-size services.

use gatewright_core::analyse::{Standing, Undecided};
use gatewright_core::decide::Answer;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::Missing;

use crate::ledger::Ledger;
use crate::run::Run;

const PAGE: &str = "llmperf_latency/latency.yaml";

pub(crate) fn check(ledger: &mut Ledger) {
    for service in ledger.keys("") {
        let Some((provider, size)) = service
            .rsplit_once('_')
            .filter(|(provider, _)| !provider.is_empty())
        else {
            continue;
        };
        if service.starts_with('_') {
            continue;
        }
        let run = load(PAGE, provider, size);
        let at = format!("/{service}");
        let first = run.system("first-token", &[], Role::Candidate);
        let whole = run.system("whole-answer", &[], Role::Candidate);
        let errors = first.counts.missing[place(Missing::ProviderError)];
        let never = first.counts.missing[place(Missing::NotAttempted)];
        ledger.count(&format!("{at}/requests"), first.counts.total() - never);
        ledger.count(
            &format!("{at}/published_requests_started"),
            first.counts.total() - never,
        );
        ledger.count(&format!("{at}/errors"), errors);
        for (name, cell) in [("ttft_s", first), ("end_to_end_latency_s", whole)] {
            let found = cell.quantiles.unwrap_or([f64::NAN; 3]);
            for (quantile, milliseconds) in ["p50", "p95", "p99"].into_iter().zip(found) {
                ledger.rounded(&format!("{at}/{name}_{quantile}"), milliseconds / 1000.0, 6);
            }
        }
        // The share that was served, as the status says: the source publishes its complement.
        let served = load("llmperf_latency/served.yaml", provider, size);
        let counts = served.system("served", &[], Role::Candidate).counts;
        let refused = counts.fail as f64 / counts.graded() as f64;
        ledger.full(&format!("{at}/published_error_rate"), refused);
    }
    // 150 requests were meant, 145 were recorded: five stay in sight, though the source publishes an error rate of 0.
    let replicate = load(PAGE, "replicate", "70b");
    let missing = replicate
        .system("first-token", &[], Role::Candidate)
        .counts
        .missing;
    ledger.described(
        "replicate 70b, never recorded",
        missing[place(Missing::NotAttempted)],
        5,
    );
}

fn load(page: &str, provider: &str, size: &str) -> Run {
    let sizes = format!("segment_model_size: {size}");
    Run::of(
        page,
        &[("lepton", provider), ("segment_model_size: 70b", &sizes)],
    )
}

fn place(reason: Missing) -> usize {
    Missing::ALL
        .iter()
        .position(|one| *one == reason)
        .expect("every reason is in the list")
}

/// The requests that lepton answered were quick; 130 of 150 were refused. A gate on the survivors would ship it.
#[test]
fn refused_requests_keep_a_quick_p95_from_holding() {
    if gatewright_testkit::shared_data().is_none() {
        return;
    }
    let run = load(PAGE, "lepton", "70b");
    let cell = run.system("first-token", &[], Role::Candidate);
    assert_eq!((cell.counts.pass, cell.counts.missing_total()), (20, 130));
    let p95 = cell.quantiles.expect("20 requests were timed")[1];
    assert!(
        p95 < 2000.0,
        "p95 of the survivors is {p95} ms, under the limit"
    );
    for finding in &run.analysis.findings {
        assert!(
            matches!(
                finding.standing,
                Standing::Undecided(Undecided::Missing { units: 130 })
            ),
            "{:?}",
            finding.standing
        );
    }
    assert_eq!(run.proposal.answer, Answer::NotEnoughEvidence);
    let served = load("llmperf_latency/served.yaml", "lepton", "70b");
    assert_eq!(served.proposal.answer, Answer::Hold);
}
