//! XSum faithfulness: summaries of 500 documents by five systems, three annotators each.

use std::collections::BTreeMap;

use gatewright_core::calibrate::{ALPHA, Reason, Unit, reading};
use gatewright_core::label::Label;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Bin, Missing};
use gatewright_core::review::{Whose, reviewers};

use crate::ledger::{Ledger, escaped};
use crate::run::{Run, swap};

const PAGE: &str = "xsum_faithfulness/ptgen-berts2s.yaml";

pub(crate) fn check(ledger: &mut Ledger) {
    let first = split_passes(Run::of(PAGE, &[]));
    let second = Run::of("xsum_faithfulness/berts2s-tconvs2s.yaml", &[]);
    let third = Run::of(PAGE, &swap(("PtGen", "BERTS2S"), ("Gold", "TranS2S")));
    let alone = Run::of(PAGE, &swap(("PtGen", "BERTS2S"), ("TConvS2S", "TConvS2S")));
    for (run, pair) in [
        (&first, "production=PtGen candidate=BERTS2S"),
        (&second, "production=BERTS2S candidate=TConvS2S"),
    ] {
        let at = format!("/{}", escaped(&format!("paired_faithful_majority {pair}")));
        run.compare(ledger, &at, "faithful", &[]);
    }
    let systems = [
        ("BERTS2S", &first, Role::Candidate),
        ("PtGen", &first, Role::Production),
        ("TConvS2S", &second, Role::Candidate),
        ("TranS2S", &third, Role::Candidate),
        ("Gold", &third, Role::Production),
    ];
    let mut asked = 0;
    for (name, run, role) in systems {
        for (criterion, figure) in [
            ("faithful", "hallucinated"),
            ("no-intrinsic", "intrinsic"),
            ("no-extrinsic", "extrinsic"),
        ] {
            rates(
                ledger,
                run,
                role,
                criterion,
                &format!("/systems/{name}/{figure}"),
            );
        }
        raters(ledger, run, name);
        let factual = run.system("factual", &[], role);
        asked += factual.counts.graded() + factual.counts.missing_total();
        if name != "Gold" {
            ledger.count(
                &format!("/factuality/majority_factual_by_system/{name}"),
                factual.counts.pass,
            );
        }
    }
    ledger.count("/factuality/items", asked);
    // Every system once.
    let once = [&first, &third, &alone];
    let differ = once
        .iter()
        .map(|run| run.labels.disagreement(run.criterion("faithful")).differ)
        .sum::<u32>();
    ledger.count("/hallucinated_all/items_not_unanimous", u64::from(differ));
    let unread = once
        .iter()
        .map(|run| {
            labels_of(run, "factual")
                .filter(|label| &*label.label == "NULL")
                .count()
        })
        .sum::<usize>();
    ledger.count("/factuality/missing_label_NULL", unread as u64);
    metrics(ledger);
}

/// How alike metrics and people order the summaries of four systems.
fn metrics(ledger: &mut Ledger) {
    let names = ["r1", "r2", "rl", "bertscore", "entailment"];
    for people in ["faithful", "factual"] {
        let swapped = |pair: (&'static str, &'static str)| {
            let score = ("score: faithful", format!("score: {people}"));
            let texts = [("PtGen", pair.0), ("BERTS2S", pair.1), (score.0, &score.1)];
            Run::of("xsum_faithfulness/metrics.yaml", &texts)
        };
        let runs = [
            swapped(("PtGen", "BERTS2S")),
            swapped(("TConvS2S", "TranS2S")),
        ];
        for name in names {
            let units: Vec<Unit> = runs
                .iter()
                .flat_map(|run| {
                    let both = [Role::Production, Role::Candidate].into_iter();
                    both.flat_map(move |role| run.outcomes(name, role).map(Unit::of))
                })
                .collect();
            let units: Vec<&Unit> = units.iter().collect();
            let found = reading(&runs[0].reference, &units, false, ALPHA);
            let (rho, n) = found.ranks.expect("scores");
            ledger.rounded(&format!("/spearman/{name}/{people}"), rho, 6);
            assert_eq!(n, 1992);
        }
        for found in runs.iter().flat_map(|run| &run.analysis.calibrations) {
            assert!(
                matches!(found.fitness.reasons(), [Reason::Scores { ranks: Some(_) }]),
                "{:?}",
                found.fitness
            );
        }
    }
}

/// Shares of 500 documents by majority, by any annotator and by all.
fn rates(ledger: &mut Ledger, run: &Run, role: Role, criterion: &str, at: &str) {
    let share = |criterion: &str| {
        let counts = run.system(criterion, &[], role).counts;
        100.0 * counts.fail as f64 / counts.graded() as f64
    };
    ledger.rounded(&format!("{at}/majority_pct"), share(criterion), 1);
    // A verdict fails unanimously when no annotator passes it, and for any when not all pass it.
    ledger.rounded(
        &format!("{at}/unanimous_pct"),
        share(&format!("{criterion}-any")),
        1,
    );
    ledger.rounded(
        &format!("{at}/any_pct"),
        share(&format!("{criterion}-unanimous")),
        1,
    );
}

/// Every label that a criterion read, of both systems of the page.
fn labels_of<'r>(run: &'r Run, criterion: &str) -> impl Iterator<Item = Label> + 'r {
    let criterion = run.criterion(criterion);
    (0..run.reference.examples.len() as u32)
        .flat_map(move |example| run.labels.of_example(criterion, example))
}

/// Summaries of one system with all three ratings, for each of the three questions.
fn raters(ledger: &mut Ledger, run: &Run, system: &str) {
    for (criterion, figure) in [
        ("faithful", "hallucinated"),
        ("no-intrinsic", "intrinsic"),
        ("no-extrinsic", "extrinsic"),
    ] {
        let mut ratings: BTreeMap<u32, u32> = BTreeMap::new();
        for label in
            labels_of(run, criterion).filter(|label| label.system.as_deref() == Some(system))
        {
            *ratings.entry(label.example).or_default() += 1;
        }
        let full = ratings.values().filter(|count| **count == 3).count();
        ledger.count(&format!("/systems/{system}/{figure}/n_full"), full as u64);
        let whose = Whose {
            criterion: run.criterion(criterion),
            beside: false,
            system: Some(system),
        };
        let found = reviewers(&run.labels, &run.reference, whose);
        ledger.rounded(
            &format!("/systems/{system}/{figure}/krippendorff_alpha"),
            found.alpha.expect("defined"),
            6,
        );
        // Fleiss' kappa is of complete tables; the source leaves the summary with two ratings out.
        if let Some(fleiss) = found.fleiss {
            let pointer = format!("/systems/{system}/{figure}/fleiss_kappa");
            ledger.rounded(&pointer, fleiss, 6);
        }
    }
}

/// One summary has two ratings, and they differ: no majority. It is missing here; the source, which looks for a majority that
/// finds a fault, counts it as a pass.
fn split_passes(run: Run) -> Run {
    let criteria = ["faithful", "no-intrinsic"].map(|name| run.criterion(name));
    run.reading(|outcome| {
        if criteria.contains(&outcome.criterion)
            && outcome.bin == Bin::Missing(Missing::GraderError)
        {
            outcome.bin = Bin::Pass;
        }
    })
}

/// In the product's own reading the summary without a majority is missing, and the pair leaves the table in sight.
#[test]
fn a_split_vote_is_missing_and_in_sight() {
    if gatewright_testkit::shared_data().is_none() {
        return;
    }
    let run = Run::of(PAGE, &[]);
    let production = run.system("faithful", &[], Role::Production);
    assert_eq!(
        (
            production.counts.pass,
            production.counts.fail,
            production.counts.missing_total()
        ),
        (52, 447, 1)
    );
    let pair = &run.cell("faithful", &[]).against[&Role::Production];
    assert_eq!((pair.n, pair.lost, pair.gained), (499, 34, 41));
}
