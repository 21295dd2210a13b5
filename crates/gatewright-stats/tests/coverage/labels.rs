//! Coverage of prediction-powered paired differences in the three ways that labels come: whole clusters, rows inside
//! clusters, and all flips with a sample of the rest.

use gatewright_stats::choose::Rows;
use gatewright_stats::estimate::Undefined;
use gatewright_stats::ppi::{Labelled, Tuning, ppi_clustered};
use gatewright_stats::rng::Stream;
use gatewright_stats::special::norm_cdf;

use crate::normal;

/// People's and the grader's differences of two systems, by cluster.
#[derive(Default)]
struct Run {
    y: Vec<f64>,
    f: Vec<f64>,
    cluster: Vec<u32>,
}

/// The candidate passes with Φ(.6 + u_g + e_i), production with Φ(.9 + u_g + e_i); the grader errs in 10 of 100.
fn run(stream: &mut Stream, clusters: u32, size: u32) -> Run {
    let mut run = Run::default();
    for g in 0..clusters {
        let u = 0.6 * normal(stream);
        for _ in 0..size {
            let e = 0.5 * normal(stream);
            let mut seen = |at: f64| {
                let passes = stream.uniform() < norm_cdf(at + u + e);
                let says = passes == (stream.uniform() < 0.9);
                [passes, says].map(|pass| f64::from(u8::from(pass)))
            };
            let (candidate, production) = (seen(0.6), seen(0.9));
            run.y.push(candidate[0] - production[0]);
            run.f.push(candidate[1] - production[1]);
            run.cluster.push(g);
        }
    }
    run
}

fn truth() -> f64 {
    let scale = (1.0_f64 + 0.6 * 0.6 + 0.5 * 0.5).sqrt();
    norm_cdf(0.6 / scale) - norm_cdf(0.9 / scale)
}

fn pick<T: Copy>(values: &[T], keep: &[bool]) -> Vec<T> {
    let kept = values.iter().zip(keep).filter(|(_, keep)| **keep);
    kept.map(|(value, _)| *value).collect()
}

/// Share of intervals at 95 % that cover, and the mean width against that of labels alone. `label` draws each row's weight,
/// none for no label; `all` gives every row to the grader's term, else only those without a label.
fn coverage(
    design: &str,
    (clusters, size): (u32, u32),
    all: bool,
    label: impl Fn(&Run, usize, &mut Stream) -> Option<f64>,
) -> (f64, f64) {
    const RUNS: u64 = 2000;
    let (mut covered, mut width, mut alone) = (0, 0.0, 0.0);
    for number in 0..RUNS {
        let mut stream = Stream::new(20_261_127, design, "all", "labels", number);
        let run = run(&mut stream, clusters, size);
        let weights: Vec<Option<f64>> = (0..run.y.len())
            .map(|row| label(&run, row, &mut stream))
            .collect();
        let labelled: Vec<bool> = weights.iter().map(Option::is_some).collect();
        let graded: Vec<bool> = labelled.iter().map(|labelled| all || !labelled).collect();
        let (y, f) = (pick(&run.y, &labelled), pick(&run.f, &labelled));
        let (cluster, weight) = (
            pick(&run.cluster, &labelled),
            weights.iter().copied().flatten().collect::<Vec<f64>>(),
        );
        let labels = Labelled {
            y: &y,
            f: &f,
            cluster: &cluster,
            weight: Some(&weight),
        };
        let (value, of) = (pick(&run.f, &graded), pick(&run.cluster, &graded));
        let rows = Rows {
            value: &value,
            cluster: &of,
            weight: None,
        };
        let bounds = |tuning| {
            let found = ppi_clustered(&labels, &rows, tuning).expect("rows");
            match found.bounds(0.025) {
                Ok(bounds) => bounds,
                Err(Undefined::FewDegreesOfFreedom { shown, .. }) => *shown,
                Err(error) => panic!("{error}"),
            }
        };
        let (tuned, without) = (bounds(Tuning::Power), bounds(Tuning::Fixed(0.0)));
        covered += u64::from(tuned.lower <= truth() && truth() <= tuned.upper);
        width += tuned.upper - tuned.lower;
        alone += without.upper - without.lower;
    }
    let covered = covered as f64 / RUNS as f64;
    println!(
        "{design}: covered {covered:.4}, width {:.3} of that of labels alone",
        width / alone
    );
    (covered, width / alone)
}

#[test]
fn differences_cover_however_labels_come() {
    let one_in = |part: f64, stream: &mut Stream| (stream.uniform() < part).then_some(1.0);
    let whole = coverage("whole clusters", (120, 5), false, |run, row, _| {
        (run.cluster[row] < 30).then_some(1.0)
    });
    let inside = coverage("rows inside clusters", (60, 10), false, |_, _, stream| {
        one_in(0.25, stream)
    });
    // Every change that the grader sees, one in five of the rest, weighed back.
    let flips = coverage("all flips", (400, 1), true, |run, row, stream| {
        if run.f[row] != 0.0 {
            return Some(1.0);
        }
        one_in(0.2, stream).map(|_| 5.0)
    });
    // What the grader adds is much where labels are few, and little where it already chose what to label.
    for ((covered, width), most) in [(whole, 0.8), (inside, 0.8), (flips, 1.0)] {
        // Four standard errors of 2000 runs are 1.95 points.
        assert!((0.93..=0.97).contains(&covered), "{covered}");
        assert!(width < most, "{width}");
    }
}
