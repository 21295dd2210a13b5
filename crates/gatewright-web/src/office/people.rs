//! Reviewers: how often each of them is right, and how far they agree.

use askama::Template;
use axum::http::StatusCode;
use gatewright_core::review::{
    self, CriterionView, EstimateView, LEAST_GOLD, PersonLine, Standing,
};

use super::Served;
use super::access::Visit;
use super::answer::{Answer, page};
use super::frame::Frame;

struct PersonRow {
    name: String,
    labelled: u64,
    gold: u64,
    right: String,
    lately: String,
    differed: u64,
    settled: String,
}

struct AgreementRow {
    criterion: String,
    people: String,
    units: u64,
    shared: u64,
    differ: u64,
    percent: String,
    alpha: String,
    ac1: String,
    standing: &'static str,
}

#[derive(Template)]
#[template(path = "office/reviewers.html")]
struct Reviewers {
    frame: Frame,
    left_out: usize,
    people: Vec<PersonRow>,
    agreement: Vec<AgreementRow>,
}

/// GET /people-who-label.
pub(super) fn people(served: &Served, visit: &Visit) -> Answer {
    let desk = served.office.desk()?;
    // Whoever is still to label an answer learns nothing of what others said of it, not even how often they differ.
    served.tell(&visit.who.person);
    let left_out = desk.entries().len();
    let desk = desk.seen_by(&visit.who.person, &visit.call.now);
    let left_out = left_out - desk.entries().len();
    let agreement = served.office.agreement(&desk);
    let reviewers = Reviewers {
        frame: Frame::of(served, &visit.who, "Reviewers", "/people-who-label"),
        left_out,
        people: review::people(&desk).into_iter().map(person_row).collect(),
        agreement: agreement.criteria.iter().map(agreement_row).collect(),
    };
    page(StatusCode::OK, &reviewers)
}

fn share(value: f64) -> String {
    format!("{:.1}%", 100.0 * value)
}

fn person_row(line: PersonLine) -> PersonRow {
    let right = of_known(line.right, LEAST_GOLD);
    let lately = of_known(line.lately, 2 * LEAST_GOLD);
    let (as_said, settled) = line.settled_as;
    PersonRow {
        name: line.name,
        labelled: line.labelled,
        gold: line.gold,
        right,
        lately,
        differed: line.differed,
        settled: format!("{as_said} of {settled}"),
    }
}

fn of_known(found: Option<(f64, f64, f64)>, least: u64) -> String {
    match found {
        Some((right, lower, upper)) => {
            format!("{} [{}, {}]", share(right), share(lower), share(upper))
        }
        None => format!("needs {least}"),
    }
}

fn estimate(estimate: Option<EstimateView>) -> String {
    match estimate {
        Some(EstimateView {
            value,
            interval: Some((lower, upper)),
        }) => format!("{value:.3} [{lower:.2}, {upper:.2}]"),
        Some(EstimateView { value, .. }) => format!("{value:.3}, no interval"),
        None => "not defined".to_owned(),
    }
}

fn agreement_row(view: &CriterionView) -> AgreementRow {
    let criterion = match &view.rubric {
        Some(rubric) => format!("{} (rubric {rubric})", view.criterion),
        None => view.criterion.clone(),
    };
    AgreementRow {
        criterion,
        people: view.people.join(", "),
        units: view.all.units,
        shared: view.all.shared,
        differ: view.all.differ,
        percent: view.all.percent.map_or_else(|| "–".to_owned(), share),
        alpha: estimate(view.all.alpha),
        ac1: estimate(view.all.ac1),
        standing: match view.all.standing {
            Standing::NotShared => "nobody labelled the same answer",
            Standing::Anecdote => "an anecdote: fewer than 20 shared answers",
            Standing::AllEqual => "all labels are equal",
            Standing::RepairRubric => "repair the rubric",
            Standing::Agrees => "people agree",
        },
    }
}
