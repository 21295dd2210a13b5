//! How many parts an answer has, and which of them nobody labelled.

use std::sync::Arc;

use crate::label::{NO_PART, Row};
use crate::reference::Example;
use crate::response::Response;

/// How many parts an answer should have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Parts {
    /// The page does not say.
    Unstated,
    /// So many.
    Count(u32),
    /// The page names a field that does not say it, and why not.
    Unknown(Arc<str>),
}

impl Parts {
    /// Reads a field of the response, else of the example: a number, or a list of the parts.
    pub(super) fn of(field: &str, example: &Example, response: Option<&Response>) -> Self {
        let of_response = response.and_then(|response| response.fields.get(field));
        let Some(stated) = of_response.or_else(|| example.fields.get(field)) else {
            let why =
                format!("neither the answer nor the example has `{field}`, the number of parts");
            return Parts::Unknown(why.into());
        };
        let count = match stated {
            serde_json::Value::Array(parts) => Some(parts.len() as u64),
            other => other.as_u64(),
        };
        match count.and_then(|count| u32::try_from(count).ok()) {
            Some(count) => Parts::Count(count),
            None => {
                let why = format!("`{field}` is neither a number of parts nor a list of them");
                Parts::Unknown(why.into())
            }
        }
    }
}

/// Most parts without a label that one answer is charged with: part numbers come from files.
const GAPS_MAX: usize = 1000;

/// The parts without a label: those between labelled ones, and where the page says how many there should be all others. Parts are numbered from 0,
/// or from 1 where a label has the number of the last. `rows` are in the order of parts.
pub(super) fn unlabelled(rows: &[Row], parts: &Parts) -> Vec<u32> {
    // A label of the whole answer is none of a part; it stands behind all of them.
    let labelled = &rows[..rows.partition_point(|row| row.part != NO_PART)];
    let there = |part: u32| labelled.binary_search_by_key(&part, |row| row.part).is_ok();
    let Parts::Count(parts) = *parts else {
        return gaps(labelled).take(GAPS_MAX).collect();
    };
    let first = u32::from(there(parts) && !there(0));
    // More labelled parts than declared: what lies between them is missing all the same.
    let last = labelled.last().map_or(0, |row| row.part.saturating_add(1));
    let end = first.saturating_add(parts).max(last);
    (first..end)
        .filter(|part| !there(*part))
        .take(GAPS_MAX)
        .collect()
}

/// Parts are numbered in a row, so a number between two labelled ones is a part whose label is not there.
fn gaps(rows: &[Row]) -> impl Iterator<Item = u32> + '_ {
    let between = |pair: &[Row]| pair[0].part.saturating_add(1)..pair[1].part;
    rows.windows(2).flat_map(between)
}
