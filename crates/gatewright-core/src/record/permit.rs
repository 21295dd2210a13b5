//! Who may sign, what a reason must be, and what an override may bypass.

use std::collections::BTreeSet;

use crate::analyse::{Analysis, Finding, Flip, Standing};
use crate::decide::{Answer, DecisionContext};
use crate::manifest::{Manifest, SignRules, Subject, Verb, identity, may_be_one};
use crate::reference::ReferenceSet;

/// Shortest and longest reason, in characters without the white space around it.
pub const REASON_CHARS: std::ops::RangeInclusive<usize> = 10..=2000;

/// Why somebody may not sign, or not this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The page lists who may sign.
    #[error("{0} is not among those who may sign by the page")]
    NotAmong(String),
    /// The author of the change.
    #[error("{0} is an author of the change, and authors may not sign")]
    Author(String),
    /// The page wants the author to be known.
    #[error("authors may not sign, and nobody says who they are")]
    AuthorUnknown,
    /// A person signs once.
    #[error("{} has signed this decision already{}", .by, whose(.who, .by))]
    Twice {
        /// Who wants to sign.
        who: String,
        /// Who has signed, and is or may be the same person.
        by: String,
    },
    /// The reason says nothing, or too much.
    #[error("the reason is too short, or too long")]
    Reason,
    /// A rule that no override may bypass.
    #[error("no override may bypass {}", .0.join(", "))]
    NotOverridable(Vec<String>),
    /// A run that cannot decide cannot be overridden either.
    #[error("the run itself is invalid: {0}")]
    Invalid(String),
    /// The same answer as the gate's.
    #[error("the gate says {0} already: there is nothing to override")]
    NothingToOverride(&'static str),
    /// No date, a past one, or one too far away.
    #[error("an override ends on a date from {from} to {to}")]
    Expiry {
        /// First date.
        from: String,
        /// Last date.
        to: String,
    },
}

fn whose(who: &str, by: &str) -> String {
    match who == by {
        true => String::new(),
        false => format!(", and {who} may be the same person"),
    }
}

/// Says whether somebody may sign.
///
/// # Errors
/// The [`Refusal`].
pub fn may_sign(
    rules: &SignRules,
    signer: &str,
    authors: &[String],
    signed: &[String],
) -> Result<(), Refusal> {
    let who = || signer.to_owned();
    let bare = identity(signer).unwrap_or_else(who);
    let same = |other: &String| identity(other).is_some_and(|other| other == bare);
    // An account of the review server has a plain name: it may be whoever's mail address begins with it.
    let may_be = |other: &String| may_be_one(other, &bare);
    if !rules.by.is_empty() && !rules.by.iter().any(same) {
        return Err(Refusal::NotAmong(bare));
    }
    if rules.author_may_sign != Some(true) {
        if authors.iter().any(may_be) {
            return Err(Refusal::Author(bare));
        }
        if rules.author_may_sign == Some(false) && authors.is_empty() {
            return Err(Refusal::AuthorUnknown);
        }
    }
    if let Some(by) = signed.iter().find(|one| may_be(one)) {
        return Err(Refusal::Twice {
            by: identity(by).unwrap_or_else(|| by.clone()),
            who: bare,
        });
    }
    Ok(())
}

/// Checks a reason: somebody will read it in a year.
///
/// # Errors
/// [`Refusal::Reason`].
pub fn reason(text: &str) -> Result<(), Refusal> {
    let text = text.trim();
    let words = text.split_whitespace().count();
    match REASON_CHARS.contains(&text.chars().count()) && words > 1 {
        true => Ok(()),
        false => Err(Refusal::Reason),
    }
}

/// Checks the last date of an override; `today` and the date are `YYYY-MM-DD`.
///
/// # Errors
/// [`Refusal::Expiry`].
pub fn expiry(rules: &SignRules, today: &str, text: &str) -> Result<String, Refusal> {
    let date = |text: &str| text.trim().parse::<jiff::civil::Date>().ok();
    let from = date(today).unwrap_or(jiff::civil::Date::ZERO);
    let to = date(&last_day(rules, today)).unwrap_or(from);
    match date(text).filter(|date| (from..=to).contains(date)) {
        Some(date) => Ok(date.to_string()),
        None => Err(Refusal::Expiry {
            from: from.to_string(),
            to: to.to_string(),
        }),
    }
}

/// Returns the last date on which an override of today may end.
pub fn last_day(rules: &SignRules, today: &str) -> String {
    let from = today.trim().parse().unwrap_or(jiff::civil::Date::ZERO);
    let span = jiff::Span::new().days(i64::from(rules.override_days));
    from.checked_add(span).unwrap_or(from).to_string()
}

/// Names the rules that an answer other than the gate's bypasses, in page order, then open obligations. An answer that lets less out than
/// the gate's bypasses none; whatever leaves out what the gate takes back bypasses what took it back.
///
/// # Errors
/// [`Refusal::NotOverridable`], [`Refusal::Invalid`], [`Refusal::NothingToOverride`].
pub fn bypassed(
    manifest: &Manifest,
    analysis: &Analysis,
    context: &DecisionContext,
    proposed: Answer,
    wanted: Answer,
) -> Result<Vec<String>, Refusal> {
    if proposed == wanted {
        return Err(Refusal::NothingToOverride(proposed.word()));
    }
    if let Some(part) = context.broken_seal.first() {
        return Err(Refusal::Invalid(format!("{part} changed since the seal")));
    }
    if let Some(why) = context.invalid.first() {
        return Err(Refusal::Invalid(why.clone()));
    }
    let lets_out = matches!(wanted, Answer::Ship | Answer::Narrow) || proposed == Answer::Rollback;
    if !lets_out || proposed == Answer::Ship {
        return Ok(Vec::new());
    }
    let against = analysis
        .findings
        .iter()
        .filter(|finding| finding.deciding && !matches!(finding.standing, Standing::Holds));
    let rules: BTreeSet<usize> = against.map(|finding| finding.rule).collect();
    let rules = rules.into_iter().map(|rule| &manifest.gate[rule]);
    let (may, may_not): (Vec<_>, Vec<_>) = rules.partition(|rule| rule.overridable);
    if !may_not.is_empty() {
        let names = may_not.iter().map(|rule| rule.id.to_string()).collect();
        return Err(Refusal::NotOverridable(names));
    }
    let obliged = context.obligations.iter();
    Ok(may
        .iter()
        .map(|rule| rule.id.to_string())
        .chain(obliged.map(|one| format!("incident {}", one.incident)))
        .collect())
}

/// Lists what somebody is to look at before a decision is signed: the regressed examples of never and guard rules, as indices into the
/// analysis' flips, in their order.
pub fn to_look_at(manifest: &Manifest, analysis: &Analysis) -> Vec<usize> {
    let asks = |finding: &Finding, flip: &Flip| {
        let rule = &manifest.gate[finding.rule];
        let is_its = match rule.subject {
            Subject::Criterion(criterion) => flip.criterion == criterion,
            Subject::Class(class) => flip.class == Some(class),
        };
        finding.deciding
            && matches!(rule.verb, Verb::Never | Verb::Guard)
            && is_its
            && finding.examples.contains(&flip.example)
    };
    let flips = analysis.flips.iter().enumerate();
    flips
        .filter(|(_, flip)| flip.change < 0.0)
        .filter(|(_, flip)| analysis.findings.iter().any(|finding| asks(finding, flip)))
        .map(|(index, _)| index)
        .collect()
}

/// Lists the regressed examples of never and guard rules that nobody has looked at, by id, sorted. `looked` holds example and criterion.
pub fn not_looked_at(
    manifest: &Manifest,
    reference: &ReferenceSet,
    analysis: &Analysis,
    looked: &BTreeSet<(String, String)>,
) -> Vec<String> {
    let mut left = BTreeSet::new();
    for finding in &analysis.findings {
        let rule = &manifest.gate[finding.rule];
        if !finding.deciding || !matches!(rule.verb, Verb::Never | Verb::Guard) {
            continue;
        }
        let lost = analysis.flips.iter().filter(|flip| flip.change < 0.0);
        let lost: BTreeSet<u32> = lost
            .filter(|flip| match rule.subject {
                Subject::Criterion(criterion) => flip.criterion == criterion,
                Subject::Class(class) => flip.class == Some(class),
            })
            .map(|flip| flip.example)
            .collect();
        for &example in finding.examples.iter().filter(|one| lost.contains(one)) {
            let id = reference.examples[example as usize].id.to_string();
            let seen = match rule.subject {
                Subject::Criterion(criterion) => {
                    let criterion = manifest.criteria[usize::from(criterion)].id.to_string();
                    looked.contains(&(id.clone(), criterion))
                }
                // A class may be found by several criteria: who looked at the example has seen it.
                Subject::Class(_) => {
                    let from = (id.clone(), String::new());
                    looked
                        .range(from..)
                        .next()
                        .is_some_and(|(one, _)| *one == id)
                }
            };
            if !seen {
                left.insert(id);
            }
        }
    }
    left.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a24_authors_and_those_who_signed_are_refused_by_identity() {
        let rules = SignRules::default();
        let may = |signer, authors: &[&str], signed: &[&str]| {
            may_sign(&rules, signer, &names(authors), &names(signed))
        };
        assert_eq!(may("ana", &[], &[]), Ok(()));
        assert_eq!(
            may("ana@x.org", &["Ana+work@X.org"], &[]),
            Err(Refusal::Author("ana@x.org".to_owned()))
        );
        assert_eq!(
            may("Ana@x.org", &[], &["ana+2@x.org"]),
            Err(Refusal::Twice {
                who: "ana@x.org".to_owned(),
                by: "ana@x.org".to_owned(),
            })
        );
        let strict = SignRules {
            author_may_sign: Some(false),
            by: names(&["ana", "ben"]),
            ..SignRules::default()
        };
        assert_eq!(
            may_sign(&strict, "ana", &[], &[]),
            Err(Refusal::AuthorUnknown)
        );
        assert_eq!(may_sign(&strict, "ana", &names(&["ben"]), &[]), Ok(()));
        assert_eq!(
            may_sign(&strict, "eve", &names(&["ben"]), &[]),
            Err(Refusal::NotAmong("eve".to_owned()))
        );
        let open = SignRules {
            author_may_sign: Some(true),
            ..SignRules::default()
        };
        assert_eq!(may_sign(&open, "ana", &names(&["ana"]), &[]), Ok(()));
    }

    #[test]
    fn a26_reasons_have_a_length_and_overrides_an_end() {
        for text in [
            "",
            "ok!",
            "          ",
            "aaaaaaaaaaaaaaaa",
            &"word ".repeat(500),
        ] {
            assert_eq!(reason(text), Err(Refusal::Reason), "{text:?}");
        }
        assert_eq!(reason("the outage costs more"), Ok(()));
        let rules = SignRules {
            override_days: 30,
            ..SignRules::default()
        };
        let until = |text| expiry(&rules, "2026-11-02", text);
        assert_eq!(until("2026-11-02").as_deref(), Ok("2026-11-02"));
        assert_eq!(until("2026-12-02").as_deref(), Ok("2026-12-02"));
        for text in ["2026-11-01", "2026-12-03", "soon", "", "2026-13-01"] {
            let told = until(text).expect_err(text);
            assert_eq!(
                told.to_string(),
                "an override ends on a date from 2026-11-02 to 2026-12-02"
            );
        }
    }
}
