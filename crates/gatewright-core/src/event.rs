//! Events: what a log holds. One envelope for all; bodies are closed enums.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::exchange::Exchange;
use crate::id::ExampleId;
use crate::judge::JudgedUnit;
use crate::manifest::Role;
use crate::plan::{AttemptSpec, Confirmation, PlannedSystem, RunOptions};
use crate::record::Summary;
use crate::response::{AttemptEnd, Response};
use crate::review::ReviewEvent;
use crate::seal::Seal;

/// Version of the envelope and bodies that this build writes.
pub const FORMAT: u32 = 1;

/// The envelope of every stored event. `at` is shown and never orders anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event<B> {
    /// Format version.
    pub format: u32,
    /// Hash of the body.
    pub id: Digest,
    /// Name of the log (`run`, `project`).
    pub stream: String,
    /// Which process wrote it.
    pub writer: String,
    /// Order within the log, from 1.
    pub seq: u64,
    /// Who caused it.
    pub actor: String,
    /// When, RFC 3339; for showing.
    pub at: String,
    /// What happened.
    pub body: B,
}

/// What happens in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEvent {
    /// Everything that must not change was hashed, before the first outcome.
    Sealed {
        /// The hashes.
        seal: Box<Seal>,
    },
    /// An attempt is about to be made: it may be paid for from here on.
    Started {
        /// Which.
        attempt: AttemptSpec,
    },
    /// Something happened to a call of a judge or a grader program. The attempt that the inner event names is the call's own number in its session; what
    /// it is about stands in the unit.
    Judged {
        /// What is judged, by whom.
        unit: Box<JudgedUnit>,
        /// What happened: `started`, `shelved`, `exchanged` or `ended`.
        #[serde(rename = "call")]
        event: Box<RunEvent>,
    },
    /// An attempt ended.
    Ended {
        /// Which.
        attempt: AttemptSpec,
        /// For recorded systems: the trial number in the file, before renumbering.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recorded_trial: Option<u32>,
        /// How.
        end: AttemptEnd,
        /// For live systems: the last exchange of the attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exchange: Option<Box<Exchange>>,
    },
    /// An exchange of an attempt that goes on: it is tried again, or the conversation has more turns.
    Exchanged {
        /// Which attempt.
        attempt: AttemptSpec,
        /// What was sent and what came back.
        exchange: Box<Exchange>,
        /// What the system said, when the conversation goes on from here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response: Option<Box<Response>>,
    },
    /// An attempt was not made: an earlier run has the answer to the very same request and trial.
    Reused {
        /// Which.
        attempt: AttemptSpec,
        /// The run that has it, by its folder's name.
        from: String,
        /// How it ended there; its latency is the one measured then.
        end: AttemptEnd,
    },
    /// An attempt that was started is left for the next run: it was to be tried again, or had more turns, and nothing of it was on its way when the
    /// run stopped. What it has cost is on the record.
    Shelved {
        /// Which.
        attempt: AttemptSpec,
    },
    /// An attempt that ended in an error is made again; its error counts until the new end is there.
    Reopened {
        /// Which.
        attempt: AttemptSpec,
    },
    /// What this run was asked to differ in from the page; later commands on the run keep to it.
    Options {
        /// The options.
        options: RunOptions,
    },
    /// Part of the planned examples by id and digest, so that a log can be read, merged and reused without the page.
    Examples {
        /// Index of the first.
        first: u32,
        /// Ids and digests, in the plan's order.
        examples: Vec<(ExampleId, Digest)>,
    },
    /// The systems that are planned.
    Systems {
        /// Each with its fingerprint and trials.
        systems: Vec<PlannedSystem>,
        /// Their names on the page, by which labels are joined; logs of before do not say them.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        names: BTreeMap<Role, String>,
    },
    /// The run changed how hard it drives a host.
    Paced {
        /// The host.
        host: String,
        /// Requests that may be on their way at once from now on.
        concurrency: u32,
        /// Why: `rate-limited`, `overloaded`, `recovered`, `circuit-open`, `circuit-closed`.
        why: String,
    },
    /// A provider says that another model answers from here on (or the first one).
    ModelSeen {
        /// The system.
        system: Role,
        /// The model it names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// The fingerprint it gives.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String>,
    },
    /// The run stopped itself: nothing that it could send would succeed.
    Paused {
        /// The system.
        system: Role,
        /// Why, for people. It may quote the provider: untrusted text.
        why: String,
    },
    /// What a system wrote to its standard error.
    Stderr {
        /// The system.
        system: Role,
        /// One line of untrusted text, clipped.
        line: String,
    },
    /// Tripped segments are run again on both arms.
    Confirming {
        /// The round.
        round: Confirmation,
    },
    /// The answer that the gate computed, by hash; the proposal itself is computed again from the log at any time.
    Proposed {
        /// The answer's word.
        answer: String,
        /// Hash of the proposal.
        proposal: Digest,
        /// The context it was computed in.
        context: serde_json::Value,
    },
}

/// What happens in a project, apart from runs. Idempotent by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ProjectEvent {
    /// Somebody set the cause of a failing outcome.
    Triaged {
        /// The run it was seen in.
        run: String,
        /// Example id.
        example: String,
        /// The system.
        system: Role,
        /// Criterion id.
        criterion: String,
        /// Digest of the response it binds to, when there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response: Option<Digest>,
        /// The cause: a failure class, or `label-wrong` or `noise` (a person resolved the flip).
        cause: String,
        /// Who says so.
        author: String,
        /// Why.
        reason: String,
        /// When, RFC 3339.
        at: String,
    },
    /// A judge was held against people's labels. Its labels carry over to later runs while the judge is the same.
    Calibrated {
        /// Product.
        product: String,
        /// Criterion id.
        criterion: String,
        /// Hash of the judge: model, prompt and rubric, or annotator and rubric where its labels are recorded.
        judge: Digest,
        /// `fit`, `unfit` or `undecided`.
        fitness: String,
        /// People pass, judge passes.
        true_pass: u64,
        /// People pass, judge fails.
        false_fail: u64,
        /// People fail, judge passes.
        false_pass: u64,
        /// People fail, judge fails.
        true_fail: u64,
        /// When, RFC 3339.
        at: String,
    },
    /// A release attempt was decided: the ledger of attempts on one reference-set version.
    Attempted {
        /// Product.
        product: String,
        /// Digest of the reference set.
        reference: Digest,
        /// The candidate's fingerprint.
        candidate: Digest,
        /// Run folder's name.
        run: String,
        /// The answer's word.
        answer: String,
        /// When, RFC 3339.
        at: String,
    },
    /// A public key joined the list of those that may sign.
    KeyAdded {
        /// Its id: the SHA-256 of its SPKI form, in hexadecimal.
        key: String,
        /// The key, as a PEM block.
        public: String,
        /// Whose it is.
        identity: String,
        /// The key of the same person that it takes the place of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
        /// The account whose signatures the review server makes with it: the server holds the key, and no person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// When, RFC 3339.
        at: String,
    },
    /// A key signs no more. Signatures that stand before this in the log stay valid, unless `since` says otherwise.
    KeyRevoked {
        /// Its id.
        key: String,
        /// From this civil date on its signatures are void, those that stand before this in the log too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<String>,
        /// Why.
        reason: String,
        /// Who says so.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
    /// Somebody looked at an example that changed.
    Looked {
        /// The run.
        run: String,
        /// Example id.
        example: String,
        /// Criterion id.
        criterion: String,
        /// Who.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
    /// A decision was recorded: a proposal that somebody stands behind, or an override of one.
    Decided {
        /// What the record says, by hash.
        payload: Digest,
        /// The record's own short form.
        decision: Box<Summary>,
    },
    /// Somebody signed a decision.
    Signed {
        /// The decision, by the hash of what was signed.
        payload: Digest,
        /// The key's id.
        key: String,
        /// Who, by the list of keys.
        by: String,
        /// Why, in this person's words.
        reason: String,
        /// The signature of the decision, base64.
        signature: String,
        /// The signature of this sign-off (decision, person, reason, time), base64.
        said: String,
        /// When, RFC 3339.
        at: String,
    },
    /// Something happened to an answer that people label.
    Reviewed {
        /// What.
        #[serde(flatten)]
        what: ReviewEvent,
    },
    /// Somebody tried to sign and was refused.
    SignRefused {
        /// The run.
        run: String,
        /// Who.
        by: String,
        /// Why it was refused.
        why: String,
        /// When, RFC 3339.
        at: String,
    },
}

impl<B: Serialize> Event<B> {
    /// Wraps a body. `seq` is set by the log that stores it.
    pub fn wrap(stream: &str, writer: &str, actor: &str, at: &str, body: B) -> Self {
        Self {
            format: FORMAT,
            id: Digest::of_json(&body),
            stream: stream.to_owned(),
            writer: writer.to_owned(),
            seq: 0,
            actor: actor.to_owned(),
            at: at.to_owned(),
            body,
        }
    }
}
