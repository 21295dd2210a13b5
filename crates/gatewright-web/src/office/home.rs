//! Home: what waits for me, and how far all are.

use askama::Template;
use axum::http::StatusCode;
use gatewright_core::review::{Desk, Stand};

use super::Served;
use super::access::{Role, Visit};
use super::answer::{Answer, page};
use super::frame::Frame;
use super::project::Due;

#[derive(Template)]
#[template(path = "office/home.html")]
struct Home {
    frame: Frame,
    may_label: bool,
    labelled: u64,
    left: u64,
    /// Answers to settle; nothing for those who settle none.
    to_settle: Option<u64>,
    answers: usize,
    given: u64,
    wanted: u64,
    stands: Vec<(&'static str, usize)>,
    /// What is due beside labels, for owners.
    due: Due,
    may_sign: bool,
}

/// GET /.
///
/// Where answers stand depends on what people said of them: only those who settle see it, without the answers that wait for their own label. Others
/// see how many labels there are.
pub(super) fn home(served: &Served, visit: &Visit) -> Answer {
    let desk = served.office.desk()?;
    let person = &visit.who.person;
    let progress = desk.progress(person, &visit.call.now);
    let settles = visit.who.role >= Role::Owner;
    let (given, wanted) = labels(&desk);
    let home = Home {
        frame: Frame::of(served, &visit.who, "Home", "/"),
        may_label: visit.who.role >= Role::Reviewer,
        labelled: progress.labelled,
        left: progress.left,
        to_settle: settles.then_some(progress.disputed),
        answers: desk.current().count(),
        given,
        wanted,
        stands: match settles {
            true => stands(&desk.seen_by(person, &visit.call.now)),
            false => Vec::new(),
        },
        // A page with a mistake in it is told where it is needed: from here everybody gets on.
        due: match settles {
            true => served.project.due(person).unwrap_or_default(),
            false => Due::default(),
        },
        may_sign: visit.who.role >= Role::ReleaseManager,
    };
    page(StatusCode::OK, &home)
}

/// Counts the labels that were given and those that were asked for; what came on top counts in neither.
fn labels(desk: &Desk) -> (u64, u64) {
    let all = desk.current().map(|entry| {
        let wanted = u64::from(entry.people);
        (wanted.min(entry.given.len() as u64), wanted)
    });
    all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

fn stands(desk: &Desk) -> Vec<(&'static str, usize)> {
    let count = |stand: Stand| {
        let all = desk.current();
        all.filter(|entry| entry.stand() == stand).count()
    };
    vec![
        (
            "open: fewer have labelled them than are to",
            count(Stand::Open),
        ),
        ("agreed", count(Stand::Agreed)),
        ("disputed", count(Stand::Disputed)),
        ("settled", count(Stand::Settled)),
    ]
}
