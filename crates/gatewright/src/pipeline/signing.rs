//! Putting a decision on the record: one way to sign, for the command and for the review server.

use std::collections::BTreeMap;
use std::fs::File;

use gatewright_core::decide::Answer;
use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, ProjectEvent};
use gatewright_core::manifest::identity;
use gatewright_core::record::envelope::{PAYLOAD_TYPE, Signature, to_base64};
use gatewright_core::record::permit::{self, Refusal};
use gatewright_core::record::statement::{LOG_SUBJECT, RecordedBy};
use gatewright_core::record::{
    Checkpoint, Envelope, Keys, Kind, Predicate, Recorded, SecretKey, Statement, canonical,
    recorded,
};
use gatewright_store::{ProjectLog, StoreError};

use crate::commands::{Context, replace};
use crate::crash;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::keys;
use crate::pipeline::ledger::newer_run;
use crate::pipeline::ledger::project_events;
use crate::pipeline::load::Loaded;
use crate::pipeline::recompute::{Claim, Place, Recomputed, recompute, sign_off};
use crate::pipeline::records::{self, ENVELOPE, PROPOSAL, RecordFolder, Stage};
use crate::pipeline::session::writer;
use crate::pipeline::verified::{Asks, signers, verify};

/// Whose signature it is, and the key it is made with.
pub(crate) trait Signer {
    /// Says whose signature it will be. Nothing is made by asking.
    ///
    /// # Errors
    /// When there is no key that may sign.
    fn who(&self, known: &Keys) -> Result<String, Failure>;

    /// Takes the key; where the project's list does not have it yet, with the event that puts it there.
    ///
    /// # Errors
    /// When it cannot be read or made.
    fn key(&self, known: &Keys, at: &str) -> Result<(SecretKey, Option<ProjectEvent>), Failure>;

    /// Says whether another identity may be the same person, beside being the same identity.
    fn may_be(&self, _other: &str) -> bool {
        false
    }
}

/// What somebody wants to put on the record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// Why.
    pub(crate) reason: String,
    /// Another answer than the gate's.
    pub(crate) other: Option<Answer>,
    /// The last date of that.
    pub(crate) expires: Option<String>,
    /// Who wrote the change, as identities.
    pub(crate) authors: Vec<String>,
    /// Sign although nobody looked at some regressed examples.
    pub(crate) without_looking: bool,
    /// Record a new decision where the one before rests on something else.
    pub(crate) anew: bool,
    /// What was on the screen, where there was one.
    pub(crate) seen: Option<Seen>,
}

/// What a decision would rest on: names to digests.
pub(crate) type Seen = BTreeMap<String, String>;

/// Why nothing was recorded.
pub(crate) enum Stopped {
    /// By the rules of signing; it is on the record that somebody tried.
    Refused(Refusal),
    /// What was seen, or what another person signed, is something else by now.
    Moved {
        /// Who signed it, where somebody did.
        by: Option<String>,
        /// What moved.
        what: Vec<String>,
    },
    /// Nobody has looked at these regressed examples.
    NotLookedAt(Vec<String>),
    /// Something else.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A decision that is on the record.
pub(crate) struct Done {
    /// Its folder.
    pub(crate) folder: RecordFolder,
    /// What it says.
    pub(crate) predicate: Predicate,
    /// The hash of what is signed.
    pub(crate) payload: Digest,
}

/// What another person has recorded of the same run.
pub(crate) struct Before {
    folder: RecordFolder,
    statement: Statement,
    /// Examples that nobody has looked at by now.
    left: Vec<String>,
    /// What it rests on that is something else by now.
    pub(crate) moved: Vec<String>,
}

/// A run of which the decision was computed again, and nobody else signs meanwhile.
pub(crate) struct Signing<'a> {
    context: &'a Context,
    command: &'static str,
    loaded: &'a Loaded,
    run: &'a str,
    signer: &'a dyn Signer,
    /// Whose signature it will be.
    pub(crate) who: String,
    log: Vec<Event<ProjectEvent>>,
    known: Keys,
    stage: Stage,
    /// What the gate computes.
    pub(crate) computed: Recomputed,
    /// The last decision about the run.
    pub(crate) last: Option<Recorded>,
    _alone: File,
}

impl<'a> Signing<'a> {
    /// Computes the decision of a run again, from copies of everything it rests on.
    ///
    /// # Errors
    /// When something cannot be read, or there is no key that may sign.
    pub(crate) fn begin(
        context: &'a Context,
        command: &'static str,
        (loaded, run): (&'a Loaded, &'a str),
        signer: &'a dyn Signer,
    ) -> Result<Self, Failure> {
        let state = &loaded.project.state;
        // From reading the log to adding to it, one at a time: two who sign at once would write over each other's signature.
        let alone = keys::alone(state)?;
        let log = project_events(&loaded.project)?;
        let known = Keys::fold(&log);
        let who = signer.who(&known)?;
        // Two pages with one gate share a run, and each has its own decision about it.
        let product = &loaded.manifest.product;
        let mut all = recorded(&log, &known).into_iter();
        let last = all.rfind(|one| one.summary.run == run && one.summary.product == *product);
        let stage = Stage::new(state)?;
        let files = stage.copy(&loaded.project)?;
        let place = Place {
            dir: &stage.dir,
            state,
            page: &loaded.project.page_name(),
            run,
            log: checkpoint(&log),
        };
        let computed = recompute(context, &place, files, &context.now)?;
        let said = computed.judged.view.answer.word();
        context.console.detail(&format!("computed again: {said}"));
        Ok(Self {
            context,
            command,
            loaded,
            run,
            signer,
            who,
            log,
            known,
            stage,
            computed,
            last,
            _alone: alone,
        })
    }

    /// Returns what a decision would rest on now: what the statement is about, the rules of signing, what was looked at, and who has signed.
    ///
    /// # Errors
    /// When the project's log cannot be read.
    pub(crate) fn seen(&self) -> Result<Seen, Failure> {
        let subjects = self.computed.evidence.subjects().into_iter();
        let mut seen: Seen = subjects
            .filter(|subject| subject.name != LOG_SUBJECT)
            .filter_map(|subject| Some((subject.name, subject.digest.into_values().next()?)))
            .collect();
        let signed = self.last.as_ref();
        let signed = signed.map(|last| {
            let persons: Vec<&str> = last.signed.iter().map(|one| one.by.as_str()).collect();
            (last.payload, persons)
        });
        let rules = &self.loaded.manifest.signing;
        for (name, digest) in [
            ("rules of signing", Digest::of_json(rules)),
            ("signatures", Digest::of_json(&signed)),
            ("looked at", Digest::of_json(&self.computed.left())),
        ] {
            seen.insert(name.to_owned(), digest.hex());
        }
        let (state, product) = (&self.loaded.project.state, &self.loaded.manifest.product);
        let newer = newer_run(state, self.run, product)?;
        seen.insert("newest run".to_owned(), Digest::of_json(&newer).hex());
        Ok(seen)
    }

    /// Finds what another person has recorded, where a wish is to sign that; nothing where it is to record a new decision.
    ///
    /// # Errors
    /// When the record cannot be read, or an override may not be.
    pub(crate) fn before(&self, wish: &Wish) -> Result<Option<Before>, Stopped> {
        let Some(last) = self.last.as_ref().filter(|last| is_about(wish, last)) else {
            return Ok(None);
        };
        let state = &self.loaded.project.state;
        let folder = records::find(state, Some(&last.summary.record))?;
        let statement = stored(&folder)?;
        let predicate = &statement.predicate;
        let own = self.predicate(wish, &predicate.recorded, predicate.parent)?;
        // What somebody has looked at since the first signature is looked at.
        let left = own.not_looked_at.clone();
        let moved = statement.moved(&Statement::new(self.computed.evidence.subjects(), own));
        Ok(Some(Before {
            folder,
            statement,
            left,
            moved,
        }))
    }

    /// Puts a decision on the record, or a second signature under one.
    ///
    /// # Errors
    /// Why nothing was recorded.
    pub(crate) fn put(self, wish: &Wish) -> Result<Done, Stopped> {
        permit::reason(&wish.reason).map_err(|refusal| self.refuse(refusal))?;
        let about = self.before(wish)?;
        let last = self.last.as_ref();
        match about {
            Some(before) if before.moved.is_empty() && !wish.anew => {
                return self.second(wish, before);
            }
            Some(before) if !wish.anew => {
                return Err(Stopped::Moved {
                    by: last.map(|last| last.summary.by.clone()),
                    what: before.moved,
                });
            }
            Some(_) => {}
            None if last.is_some_and(|last| last.summary.kind == Kind::Override)
                && wish.other.is_none()
                && !wish.anew =>
            {
                return Err(Failure::usage(format!(
                    "the last decision about run {} is an override",
                    self.run
                ))
                .next("gatewright sign --anew --reason WHY   (records the gate's answer after it)")
                .into());
            }
            None if last.is_none() && wish.other.is_some() => {
                return Err(Failure::usage("there is no decision to override yet")
                    .why("an override is a new decision after the one it overrides")
                    .next(
                        "gatewright sign --reason WHY   (records what the gate says; then override it)",
                    )
                    .into());
            }
            None => {}
        }
        self.first(wish)
    }

    fn recorded(&self, wish: &Wish, key: String) -> RecordedBy {
        RecordedBy {
            by: self.who.clone(),
            key,
            at: self.context.now.at.clone(),
            reason: wish.reason.trim().to_owned(),
        }
    }

    fn predicate(
        &self,
        wish: &Wish,
        recorded: &RecordedBy,
        parent: Option<Digest>,
    ) -> Result<Predicate, Stopped> {
        let expires = wish.expires.clone().unwrap_or_default();
        let claim = Claim {
            recorded: recorded.clone(),
            other: wish.other.map(|answer| (answer, expires)),
            authors: wish.authors.clone(),
            parent,
        };
        let predicate = self.computed.predicate(&claim);
        predicate.map_err(|refusal| self.refuse(refusal))
    }

    /// Puts a refusal on the record.
    fn refuse(&self, refusal: Refusal) -> Stopped {
        let event = ProjectEvent::SignRefused {
            run: self.run.to_owned(),
            by: self.who.clone(),
            why: refusal.to_string(),
            at: self.context.now.at.clone(),
        };
        match self.append(&[event]) {
            Ok(()) => Stopped::Refused(refusal),
            Err(failure) => failure.into(),
        }
    }

    fn append(&self, events: &[ProjectEvent]) -> Result<(), Failure> {
        let now = &self.context.now;
        let writer = writer(self.command, now);
        ProjectLog::open(&self.loaded.project.state, writer)?.append(events, &now.at)?;
        Ok(())
    }

    fn may(&self, authors: &[String], before: &[String]) -> Result<(), Stopped> {
        let rules = &self.loaded.manifest.signing;
        // Whoever may be one of them is one of them: the doubt is on the side of refusing.
        let known = |names: &[String]| -> Vec<String> {
            let own = names.iter().any(|name| self.signer.may_be(name));
            let own = own.then(|| self.who.clone());
            names.iter().cloned().chain(own).collect()
        };
        let authors = known(&[rules.authors.as_slice(), authors].concat());
        permit::may_sign(rules, &self.who, &authors, &known(before))
            .map_err(|refusal| self.refuse(refusal))
    }

    /// Refuses when something is not what was on the screen.
    fn unmoved(&self, wish: &Wish) -> Result<(), Stopped> {
        let Some(seen) = &wish.seen else {
            return Ok(());
        };
        let now = self.seen()?;
        let names: std::collections::BTreeSet<&String> = seen.keys().chain(now.keys()).collect();
        let moved = names
            .into_iter()
            .filter(|name| seen.get(*name) != now.get(*name));
        let what: Vec<String> = moved.cloned().collect();
        match what.is_empty() {
            true => Ok(()),
            false => Err(Stopped::Moved { by: None, what }),
        }
    }

    /// Refuses when nobody looked at what regressed, and nobody says why.
    fn looked(wish: &Wish, left: &[String]) -> Result<(), Stopped> {
        match left.is_empty() || wish.without_looking {
            true => Ok(()),
            false => Err(Stopped::NotLookedAt(left.to_vec())),
        }
    }

    /// Records a decision.
    fn first(mut self, wish: &Wish) -> Result<Done, Stopped> {
        self.may(&wish.authors, &[])?;
        self.unmoved(wish)?;
        let parent = self.last.as_ref().map(|last| last.payload);
        let mut predicate = self.predicate(wish, &self.recorded(wish, String::new()), parent)?;
        Self::looked(wish, &predicate.not_looked_at)?;
        let (secret, listed) = self.signer.key(&self.known, &self.context.now.at)?;
        predicate.recorded.key = secret.public().id();
        let recorded = predicate.recorded.clone();
        let statement = Statement::new(self.computed.evidence.subjects(), predicate);
        let payload = statement.write();
        let digest = Digest::of(&payload);
        let mut envelope = Envelope {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload,
            signatures: Vec::new(),
        };
        let said = put_signature(&mut envelope, digest, &secret, &recorded);
        let view = canonical(&self.computed.judged.view);
        self.stage.write(PROPOSAL, view.as_bytes())?;
        self.stage.write(ENVELOPE, envelope.write().as_bytes())?;
        let answer = statement.predicate.answer.word().replace(' ', "-");
        let rest = format!("{answer}-{}", &digest.hex()[..8]);
        let folder = self.stage.name(&self.loaded.project.state, &rest)?;
        crash::point("sign-off");
        let decided = ProjectEvent::Decided {
            payload: digest,
            decision: Box::new(statement.predicate.summary(&folder.name)),
        };
        let events: Vec<ProjectEvent> = listed.into_iter().chain([decided, said]).collect();
        self.append(&events)?;
        crash::point("checkpoint");
        Ok(Done {
            folder,
            predicate: statement.predicate,
            payload: digest,
        })
    }

    /// Signs what another person has recorded.
    fn second(self, wish: &Wish, before: Before) -> Result<Done, Stopped> {
        let state = &self.loaded.project.state;
        let Before {
            folder,
            statement,
            left,
            ..
        } = before;
        let payload = self
            .last
            .as_ref()
            .map(|last| last.payload)
            .unwrap_or_default();
        let persons = signers(&self.log, payload);
        let authors = [statement.predicate.authors.as_slice(), &wish.authors].concat();
        self.may(&authors, &persons)?;
        self.unmoved(wish)?;
        same_authors(&statement.predicate, &wish.authors)?;
        Self::looked(wish, &left)?;
        let (secret, listed) = self.signer.key(&self.known, &self.context.now.at)?;
        let recorded = self.recorded(wish, secret.public().id());
        let bytes = records::read(&folder.dir, ENVELOPE)?;
        let (mut envelope, _) = Envelope::read(&bytes)
            .map_err(|fault| Failure::expected(exit::ALTERED, fault.to_string()))?;
        // One's own signature that the log does not know is what a crash left between the two: it is made again.
        let all = envelope.signatures.len();
        envelope.signatures.retain(|one| one.keyid != recorded.key);
        if envelope.signatures.len() < all {
            replace(&folder.dir.join(ENVELOPE), envelope.write().as_bytes())?;
        }
        let asks = Asks {
            against: None,
            trusted: Vec::new(),
        };
        verify(self.context, &folder, state, &asks)?;
        let said = put_signature(&mut envelope, payload, &secret, &recorded);
        replace(&folder.dir.join(ENVELOPE), envelope.write().as_bytes())?;
        crash::point("sign-off");
        let events: Vec<ProjectEvent> = listed.into_iter().chain([said]).collect();
        self.append(&events)?;
        crash::point("checkpoint");
        Ok(Done {
            folder,
            predicate: statement.predicate,
            payload,
        })
    }
}

/// Says whether the last decision is of the kind that is wished for.
fn is_about(wish: &Wish, last: &Recorded) -> bool {
    let summary = &last.summary;
    match wish.other {
        None => summary.kind == Kind::Proposal,
        Some(answer) => {
            let same = wish.expires.as_ref() == summary.expires.as_ref();
            summary.kind == Kind::Override && summary.answer == answer && same && !last.stands()
        }
    }
}

/// Refuses an author that the recorded decision does not know: those who signed it might be the ones.
fn same_authors(predicate: &Predicate, authors: &[String]) -> Result<(), Failure> {
    let known = predicate.authors.iter().chain(&predicate.sign.authors);
    let known: Vec<Option<String>> = known.map(|one| identity(one)).collect();
    let new = authors.iter().find(|one| !known.contains(&identity(one)));
    match new {
        None => Ok(()),
        Some(new) => Err(Failure::usage(format!(
            "{new} is an author of the change, and the decision was recorded without that"
        ))
        .why("who has signed it already was not asked whether they are that author")
        .next("gatewright sign --anew --change-author … --reason WHY   (a new decision)")),
    }
}

/// Signs the envelope; returns the sign-off for the project's log.
fn put_signature(
    envelope: &mut Envelope,
    payload: Digest,
    secret: &SecretKey,
    recorded: &RecordedBy,
) -> ProjectEvent {
    let sig = secret.sign(&envelope.signed());
    envelope.signatures.push(Signature {
        keyid: recorded.key.clone(),
        sig: sig.clone(),
    });
    ProjectEvent::Signed {
        payload,
        key: recorded.key.clone(),
        by: recorded.by.clone(),
        reason: recorded.reason.clone(),
        signature: to_base64(&sig),
        said: to_base64(&secret.sign(&sign_off(payload, recorded))),
        at: recorded.at.clone(),
    }
}

fn checkpoint(log: &[Event<ProjectEvent>]) -> Checkpoint {
    let mut at = Checkpoint::default();
    log.iter().for_each(|event| at.take(event));
    at
}

/// Reads what a record says.
///
/// # Errors
/// Altered (112), when it cannot be read.
pub(crate) fn stored(folder: &RecordFolder) -> Result<Statement, Failure> {
    let bytes = records::read(&folder.dir, ENVELOPE)?;
    let altered = |what: String| {
        Failure::expected(
            exit::ALTERED,
            format!("record {} cannot be read", folder.name),
        )
        .why(what)
        .next(format!("gatewright verify {}", folder.name))
    };
    let (envelope, _) = Envelope::read(&bytes).map_err(|fault| altered(fault.to_string()))?;
    let (statement, _) =
        Statement::read(&envelope.payload).map_err(|fault| altered(fault.to_string()))?;
    Ok(statement)
}
