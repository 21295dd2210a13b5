//! Estimates: a number never travels without its bounds, level, n and method.

use std::fmt;

/// One-sided lower and upper bounds, each at level alpha, with everything a report must show beside a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// Point estimate.
    pub point: f64,
    /// One-sided lower bound; −∞ when there is none.
    pub lower: f64,
    /// One-sided upper bound; +∞ when there is none.
    pub upper: f64,
    /// One-sided level of each bound, in (0, 0.5).
    pub alpha: f64,
    /// Rows.
    pub n: u64,
    /// Independent clusters.
    pub clusters: u64,
    /// Effective number of rows after weights and clusters.
    pub n_eff: f64,
    /// Degrees of freedom, where the method has them.
    pub df: Option<f64>,
    /// Design effect, where clusters or weights are in play.
    pub deff: Option<f64>,
    /// How the bounds were made.
    pub method: Method,
}

/// How bounds were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Clopper–Pearson 1934.
    ClopperPearson,
    /// Korn–Graubard 1998.
    KornGraubard,
    /// Wilson 1927, exploratory only.
    Wilson,
    /// Tango 1998 score.
    Tango,
    /// Tango score at an effective count (statistics.md §2.3).
    EffectiveTango,
    /// CR2 with Satterthwaite degrees of freedom (Bell–McCaffrey 2002).
    Cr2Satterthwaite,
    /// Student's t.
    StudentT,
    /// Fixed-n betting interval (Waudby-Smith & Ramdas 2024).
    Betting,
    /// Order statistics.
    OrderStatistic,
    /// Delta method for ratios.
    Delta,
    /// Fieller 1954.
    Fieller,
    /// Rogan–Gladen corrected for the grader's errors (Lang & Reiczigel 2014).
    LangReiczigel,
    /// A difference corrected for the grader's errors, which are the same on both sides.
    CorrectedDifference,
    /// Prediction-powered mean, power-tuned (Angelopoulos et al. 2023).
    PpiPlusPlus,
}

impl Method {
    /// Returns the method's name for reports.
    pub fn name(self) -> &'static str {
        match self {
            Method::ClopperPearson => "Clopper-Pearson",
            Method::KornGraubard => "Korn-Graubard",
            Method::Wilson => "Wilson (exploratory)",
            Method::Tango => "Tango score",
            Method::EffectiveTango => "Tango score, effective count",
            Method::Cr2Satterthwaite => "CR2, Satterthwaite t",
            Method::StudentT => "Student t",
            Method::Betting => "betting",
            Method::OrderStatistic => "order statistics",
            Method::Delta => "delta method",
            Method::Fieller => "Fieller",
            Method::LangReiczigel => "Lang-Reiczigel",
            Method::CorrectedDifference => "difference corrected for the judge's errors",
            Method::PpiPlusPlus => "PPI++",
        }
    }
}

/// Why a number cannot be given.
#[derive(Clone, Debug, PartialEq)]
pub enum Undefined {
    /// No rows.
    Empty,
    /// Fewer than two independent clusters.
    TooFewClusters {
        /// Clusters seen.
        clusters: u64,
    },
    /// Fewer than four degrees of freedom: the interval is shown and gates nothing.
    FewDegreesOfFreedom {
        /// Degrees of freedom.
        df: f64,
        /// The interval to show.
        shown: Box<Bounds>,
    },
    /// The weights add up to zero.
    ZeroWeight,
    /// Too few rows for a bound on this quantile.
    TooFewForQuantile {
        /// Rows needed.
        needs: u64,
    },
    /// The statistic is unbounded (a ratio whose denominator may be 0).
    Unbounded,
    /// Nothing varies: agreement by chance is certain, or an interval would have no width.
    NoVariation,
    /// The grader's labels say no more about people's labels than chance does.
    Uninformative,
    /// Fewer rows than the method may be used on.
    TooFewRows {
        /// Rows needed.
        needs: u64,
    },
    /// A value is not finite or outside its range.
    OutOfRange,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undefined::Empty => f.write_str("no examples"),
            Undefined::TooFewClusters { clusters } => {
                let s = if *clusters == 1 { "" } else { "s" };
                write!(f, "only {clusters} independent source{s}")
            }
            Undefined::FewDegreesOfFreedom { df, .. } => {
                write!(
                    f,
                    "too few independent sources ({df:.1} degrees of freedom)"
                )
            }
            Undefined::ZeroWeight => f.write_str("weights add up to zero"),
            Undefined::TooFewForQuantile { needs } => {
                write!(f, "this quantile needs {needs} examples")
            }
            Undefined::Unbounded => f.write_str("unbounded at this n"),
            Undefined::NoVariation => f.write_str("nothing varies"),
            Undefined::Uninformative => {
                f.write_str("the grader says no more about people's labels than chance")
            }
            Undefined::TooFewRows { needs } => write!(f, "needs at least {needs} examples"),
            Undefined::OutOfRange => f.write_str("a value is outside its range"),
        }
    }
}
