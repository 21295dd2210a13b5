//! The way of the data, wired: load → check → seal → run → grade → analyse → confirm → decide → view.
//!
//! No rule of the domain is here: every step is one call into core, the engine or the store.

mod adapters;
mod attempts;
mod calibration;
mod caller;
mod desk;
mod display;
mod drive;
mod dry;
mod due;
mod ends;
mod evidence;
mod forge;
mod hashing;
mod hosts;
mod judge;
mod judging;
pub(crate) mod keys;
mod ledger;
mod load;
mod looking;
mod merge;
mod programs;
mod prompts;
mod recompute;
mod records;
mod replay;
mod reuse;
mod rows;
mod runs;
mod said;
pub(crate) mod secrets;
mod select;
mod session;
mod signing;
mod stable;
pub(crate) mod triage;
mod verified;

pub(crate) use adapters::problems as adapter_problems;
pub(crate) use attempts::ended;
pub(crate) use calibration::{Judging, record as record_calibrations};
pub(crate) use desk::DeskLog;
pub(crate) use display::restore_terminal;
pub(crate) use drive::Drive;
pub(crate) use dry::dry_run;
pub(crate) use due::due;
pub(crate) use evidence::{Answers, answers, ends, graders, with_outcomes};
pub(crate) use forge::{Done, Issues, Wanted as WantedIssues};
pub(crate) use hashing::digest as digest_of;
pub(crate) use judge::{Judged, confirm, judge, record};
pub(crate) use judging::{
    Left, Without, ask as ask_judges, judged as what_judges_said, without_verdict,
};
pub(crate) use ledger::{newer_run, project_events, project_log};
pub(crate) use load::{Depth, Loaded, page as page_of};
pub(crate) use looking::{look, looks, names as names_of};
pub(crate) use merge::merge;
pub(crate) use programs::problems as program_problems;
pub(crate) use prompts::problems as prompt_problems;
pub(crate) use recompute::{changed, not_looked_at, on_record, outlined, refuse_changed};
pub(crate) use records::{
    ENVELOPE, PROPOSAL, RecordFolder, find as find_record, list as list_records,
    read as read_record,
};
pub(crate) use replay::{Now as ReplayedNow, Replayed, find as find_run, holds, replay};
pub(crate) use runs::list as run_folders;
pub(crate) use said::{evidence, in_full, telling};
pub(crate) use select::Selection;
pub(crate) use session::{Asked, Session, Start, nothing_to_resume, writer};
pub(crate) use signing::{Done as Signed, Signer, Signing, Stopped, Wish, stored};
pub(crate) use stable::{UNASKED_MAX, stable};
pub(crate) use verified::{Asks as VerifyAsks, Verified, log_against, verify};

/// The tool and its version, as records name it.
pub(crate) const TOOL: &str = concat!("gatewright ", env!("CARGO_PKG_VERSION"));
