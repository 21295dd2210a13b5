//! `gatewright sign`

use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, ProjectEvent};
use gatewright_core::manifest::identity;
use gatewright_core::record::envelope::{PAYLOAD_TYPE, Signature, to_base64};
use gatewright_core::record::permit::{self, Refusal};
use gatewright_core::record::statement::RecordedBy;
use gatewright_core::record::{
    Checkpoint, Envelope, Keys, Kind, Predicate, Recorded, SecretKey, Statement, canonical,
    recorded,
};
use gatewright_core::report::untrusted::{line, wrap};
use gatewright_store::ProjectLog;

use crate::args::SignArgs;
use crate::commands::key::short;
use crate::commands::{Context, replace};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{
    Claim, ENVELOPE, Loaded, PROPOSAL, Place, Recomputed, RecordFolder, Session, Stage, VerifyAsks,
    find_record, keys, project_events, project_log, read_record, recompute, refuse_changed,
    sign_off, signers, verify, writer,
};

const COMMAND: &str = "gatewright sign";
/// Ids of examples that a message names.
const NAMED_MAX: usize = 8;

pub(crate) fn sign(context: &Context, args: &SignArgs) -> Result<u8, Failure> {
    permit::reason(&args.reason).map_err(refused)?;
    let authors = authors(args)?;
    let mut loaded = context.sound()?;
    let run = args.stored.run.as_deref();
    let session = Session::read(&mut loaded, run, &context.now, &context.console, COMMAND)?;
    session.whole()?;
    if session.decided.is_none() {
        return Err(
            Failure::usage(format!("run {} is not decided yet", session.name))
                .why("there is no proposal to stand behind")
                .next(format!("gatewright decide {}", session.name)),
        );
    }
    refuse_changed(&loaded, &session)?;
    // From reading the log to adding to it, one at a time: two who sign at once would write over each other's signature.
    let _alone = keys::alone(&loaded.project.state)?;
    let log = project_events(&loaded.project)?;
    let (secret, by) = signer(context, args, &log)?;
    let work = Work {
        context,
        args,
        loaded: &loaded,
        run: &session.name,
        log: &log,
        secret,
        recorded: RecordedBy {
            by,
            key: String::new(),
            at: context.now.at.clone(),
            reason: args.reason.trim().to_owned(),
        },
        authors,
    };
    work.go()
}

/// Reads who wrote the change.
fn authors(args: &SignArgs) -> Result<Vec<String>, Failure> {
    let of = |text: &String| {
        identity(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is no identity")).next(
                "--change-author with a plain name or a mail address, such as ana@example.com",
            )
        })
    };
    args.change_author.iter().map(of).collect()
}

/// Finds the key and whose it is.
fn signer(
    context: &Context,
    args: &SignArgs,
    log: &[Event<ProjectEvent>],
) -> Result<(SecretKey, String), Failure> {
    let known = Keys::fold(log);
    let secret = match &args.key {
        Some(path) => keys::secret(&context.here.join(path))?,
        None => keys::own(&known)?,
    };
    let id = secret.public().id();
    let Some(entry) = known.get(&id) else {
        return Err(Failure::usage(format!(
            "the key {} is not in the project's list",
            short(&id)
        ))
        .why("nobody could say whose signature it is")
        .next("gatewright key add FILE.pub.pem --identity YOU"));
    };
    if let Some(revoked) = &entry.revoked {
        return Err(Failure::usage(format!(
            "the key {} of {} was revoked on {}",
            short(&id),
            entry.identity,
            revoked.at
        ))
        .why(line(&revoked.reason, 300))
        .next(format!("gatewright key new --identity {}", entry.identity)));
    }
    Ok((secret, entry.identity.clone()))
}

/// Says why somebody may not sign.
pub(crate) fn refused(refusal: Refusal) -> Failure {
    let failure = Failure::usage(refusal.to_string());
    match refusal {
        Refusal::Reason => failure
            .why("somebody will read it in a year")
            .next("--reason with 10 to 2,000 characters, and more than one word"),
        Refusal::NotAmong(_) => failure.next("somebody of `decision.sign.by` on the page signs"),
        Refusal::Author(_) => failure
            .why("who wrote a change sees what it was meant to do")
            .next("somebody else signs"),
        Refusal::AuthorUnknown => failure
            .why("`decision.sign.author_may_sign` is false on the page")
            .next("--change-author IDENTITY (GATEWRIGHT_CHANGE_AUTHOR in CI)"),
        Refusal::Twice(_) => failure.next("another person signs"),
        Refusal::NotOverridable(_) => failure
            .why("the page says `overridable: false`, and it was sealed before the run")
            .next("repair what the rule found, and run again"),
        Refusal::Invalid(_) => failure
            .why("its numbers are of something else than what was agreed")
            .next("gatewright gate --fresh"),
        Refusal::NothingToOverride(_) => failure.next("gatewright sign --reason WHY"),
        Refusal::Expiry { to, .. } => failure
            .why("an override that nobody ends is a rule nobody wrote")
            .next(format!("--expires {to}, or sooner")),
    }
}

/// What signing needs.
struct Work<'a> {
    context: &'a Context,
    args: &'a SignArgs,
    loaded: &'a Loaded,
    run: &'a str,
    log: &'a [Event<ProjectEvent>],
    secret: SecretKey,
    recorded: RecordedBy,
    authors: Vec<String>,
}

impl Work<'_> {
    fn go(mut self) -> Result<u8, Failure> {
        self.recorded.key = self.secret.public().id();
        let state = &self.loaded.project.state;
        let all = recorded(self.log, &Keys::fold(self.log));
        // Two pages with one gate share a run, and each has its own decision about it.
        let product = &self.loaded.manifest.product;
        let last = all
            .iter()
            .rev()
            .find(|one| one.summary.run == self.run && one.summary.product == *product);
        let stage = Stage::new(state)?;
        let computed = self.recompute(&stage)?;
        let signed = last.filter(|last| self.is_about(last));
        if let Some(last) = signed {
            let folder = find_record(state, Some(&last.summary.record))?;
            let before = stored(&folder)?;
            let own = self.predicate(
                &computed,
                &before.predicate.recorded,
                before.predicate.parent,
            )?;
            // What somebody has looked at since the first signature is looked at.
            let left = own.not_looked_at.clone();
            let moved = before.moved(&Statement::new(computed.evidence.subjects(), own));
            if moved.is_empty() && !self.args.anew {
                return self.second(&folder, last, &before, &left);
            }
            if !self.args.anew {
                return Err(Failure::usage(format!(
                    "what {} signed rests on something else by now",
                    last.summary.by
                ))
                .why(format!("moved since: {}", moved.join(", ")))
                .next(format!(
                    "gatewright report {}   (look at it again)",
                    self.run
                ))
                .next("gatewright sign --anew --reason WHY   (a new decision, after that one)"));
            }
        } else if last.is_some_and(|last| last.summary.kind == Kind::Override)
            && self.args.other.is_none()
            && !self.args.anew
        {
            return Err(Failure::usage(format!(
                "the last decision about run {} is an override",
                self.run
            ))
            .next("gatewright sign --anew --reason WHY   (records the gate's answer after it)"));
        } else if last.is_none() && self.args.other.is_some() {
            return Err(Failure::usage("there is no decision to override yet")
                .why("an override is a new decision after the one it overrides")
                .next(
                    "gatewright sign --reason WHY   (records what the gate says; then override it)",
                ));
        }
        self.first(stage, &computed, last)
    }

    /// Says whether the last decision is of the kind that is signed now.
    fn is_about(&self, last: &Recorded) -> bool {
        let summary = &last.summary;
        match self.args.other {
            None => summary.kind == Kind::Proposal,
            Some(answer) => {
                let same = self.args.expires.as_ref() == summary.expires.as_ref();
                summary.kind == Kind::Override && summary.answer == answer && same && !last.stands()
            }
        }
    }

    fn recompute(&self, stage: &Stage) -> Result<Recomputed, Failure> {
        let files = stage.copy(&self.loaded.project)?;
        let place = Place {
            dir: &stage.dir,
            state: &self.loaded.project.state,
            page: &self.loaded.project.page_name(),
            run: self.run,
            log: checkpoint(self.log),
        };
        let computed = recompute(self.context, &place, files, &self.context.now)?;
        let view = &computed.judged.view;
        self.context
            .console
            .detail(&format!("computed again: {}", view.answer.word()));
        Ok(computed)
    }

    fn predicate(
        &self,
        computed: &Recomputed,
        recorded: &RecordedBy,
        parent: Option<Digest>,
    ) -> Result<Predicate, Failure> {
        let expires = self.args.expires.clone().unwrap_or_default();
        let claim = Claim {
            recorded: recorded.clone(),
            other: self.args.other.map(|answer| (answer, expires)),
            authors: self.authors.clone(),
            parent,
        };
        computed
            .predicate(&claim)
            .map_err(|refusal| self.refuse(refusal))
    }

    /// Puts a refusal on the record, and says why.
    fn refuse(&self, refusal: Refusal) -> Failure {
        let event = ProjectEvent::SignRefused {
            run: self.run.to_owned(),
            by: self.recorded.by.clone(),
            why: refusal.to_string(),
            at: self.context.now.at.clone(),
        };
        match self.append(&[event]) {
            Ok(()) => refused(refusal),
            Err(failure) => failure,
        }
    }

    fn append(&self, events: &[ProjectEvent]) -> Result<(), Failure> {
        let now = &self.context.now;
        ProjectLog::open(&self.loaded.project.state, writer(COMMAND, now))?
            .append(events, &now.at)?;
        Ok(())
    }

    fn may(&self, authors: &[String], before: &[String]) -> Result<(), Failure> {
        let rules = &self.loaded.manifest.signing;
        let authors = [rules.authors.as_slice(), authors].concat();
        permit::may_sign(rules, &self.recorded.by, &authors, before)
            .map_err(|refusal| self.refuse(refusal))
    }

    /// Records a decision.
    fn first(
        &self,
        mut stage: Stage,
        computed: &Recomputed,
        last: Option<&Recorded>,
    ) -> Result<u8, Failure> {
        self.may(&self.authors, &[])?;
        let predicate = self.predicate(computed, &self.recorded, last.map(|last| last.payload))?;
        self.looked(&predicate.not_looked_at)?;
        let statement = Statement::new(computed.evidence.subjects(), predicate);
        let payload = statement.write();
        let digest = Digest::of(&payload);
        let mut envelope = Envelope {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload,
            signatures: Vec::new(),
        };
        let said = self.put_signature(&mut envelope, digest);
        let view = canonical(&computed.judged.view);
        stage.write(PROPOSAL, view.as_bytes())?;
        stage.write(ENVELOPE, envelope.write().as_bytes())?;
        let answer = statement.predicate.answer.word().replace(' ', "-");
        let rest = format!("{answer}-{}", &digest.hex()[..8]);
        let folder = stage.name(&self.loaded.project.state, &rest)?;
        let decided = ProjectEvent::Decided {
            payload: digest,
            decision: Box::new(statement.predicate.summary(&folder.name)),
        };
        self.append(&[decided, said])?;
        self.told(&folder, &statement.predicate, digest)
    }

    /// Signs what another person has recorded.
    fn second(
        &self,
        folder: &RecordFolder,
        last: &Recorded,
        statement: &Statement,
        left: &[String],
    ) -> Result<u8, Failure> {
        let state = &self.loaded.project.state;
        let before = signers(self.log, last.payload);
        let authors = [statement.predicate.authors.as_slice(), &self.authors].concat();
        self.may(&authors, &before)?;
        self.same_authors(&statement.predicate)?;
        let bytes = read_record(&folder.dir, ENVELOPE)?;
        let (mut envelope, _) = Envelope::read(&bytes)
            .map_err(|fault| Failure::expected(exit::ALTERED, fault.to_string()))?;
        // One's own signature that the log does not know is what a crash left between the two: it is made again.
        let all = envelope.signatures.len();
        envelope
            .signatures
            .retain(|one| one.keyid != self.recorded.key);
        if envelope.signatures.len() < all {
            replace(&folder.dir.join(ENVELOPE), envelope.write().as_bytes())?;
        }
        let asks = VerifyAsks {
            against: None,
            trusted: Vec::new(),
        };
        verify(self.context, folder, state, &asks)?;
        self.looked(left)?;
        let said = self.put_signature(&mut envelope, last.payload);
        replace(&folder.dir.join(ENVELOPE), envelope.write().as_bytes())?;
        self.append(&[said])?;
        self.told(folder, &statement.predicate, last.payload)
    }

    /// Refuses an author that the recorded decision does not know: those who signed it might be the ones.
    fn same_authors(&self, predicate: &Predicate) -> Result<(), Failure> {
        let known = predicate.authors.iter().chain(&predicate.sign.authors);
        let known: Vec<Option<String>> = known.map(|one| identity(one)).collect();
        let new = self
            .authors
            .iter()
            .find(|one| !known.contains(&identity(one)));
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
    fn put_signature(&self, envelope: &mut Envelope, payload: Digest) -> ProjectEvent {
        let sig = self.secret.sign(&envelope.signed());
        let keyid = self.recorded.key.clone();
        envelope.signatures.push(Signature {
            keyid,
            sig: sig.clone(),
        });
        ProjectEvent::Signed {
            payload,
            key: self.recorded.key.clone(),
            by: self.recorded.by.clone(),
            reason: self.recorded.reason.clone(),
            signature: to_base64(&sig),
            said: to_base64(&self.secret.sign(&sign_off(payload, &self.recorded))),
            at: self.recorded.at.clone(),
        }
    }

    /// Refuses when nobody looked at what regressed, and nobody says why.
    fn looked(&self, left: &[String]) -> Result<(), Failure> {
        if left.is_empty() || self.args.without_looking {
            return Ok(());
        }
        let named: Vec<String> = left.iter().take(NAMED_MAX).map(|id| line(id, 60)).collect();
        let more = match left.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(Failure::usage(format!(
            "nobody has looked at {} of the regressed examples",
            left.len()
        ))
        .why(format!("{}{more}", named.join(", ")))
        .next(format!(
            "gatewright diff {} --not-looked-at --looked-by {}",
            self.run, self.recorded.by
        ))
        .next("--without-looking, where the reason says why not"))
    }

    fn told(
        &self,
        folder: &RecordFolder,
        predicate: &Predicate,
        payload: Digest,
    ) -> Result<u8, Failure> {
        let events = project_events(&self.loaded.project)?;
        let all = recorded(&events, &Keys::fold(&events));
        let signed: Vec<String> = all
            .iter()
            .filter(|one| one.payload == payload)
            .flat_map(|one| one.signed.iter().map(|sign| sign.by.clone()))
            .collect();
        let needs = predicate.sign.persons;
        let stands = signed.len() as u32 >= needs;
        let checkpoint = match project_log(&self.loaded.project.state)? {
            Some(log) => log.checkpoint()?,
            None => Checkpoint::default(),
        };
        let path = folder.dir.join(ENVELOPE);
        if self.context.console.json {
            self.context.console.document(&serde_json::json!({
                "format": "gatewright-sign/1", "record": folder.name, "path": path, "payload": payload, "kind": predicate.kind,
                "answer": predicate.answer, "signed": signed, "persons": needs, "stands": stands, "checkpoint": checkpoint.to_string(),
                "bypasses": predicate.bypasses, "expires": predicate.expires,
            }))?;
            return Ok(exit::SHIP);
        }
        let what = match predicate.kind {
            Kind::Proposal => format!("{} of run {}", predicate.answer.word(), predicate.run),
            Kind::Override => format!(
                "{} instead of {} for run {} until {}, over {}",
                predicate.answer.word(),
                predicate.proposed.word(),
                predicate.run,
                predicate.expires.as_deref().unwrap_or_default(),
                match predicate.bypasses.as_slice() {
                    [] => "no rule".to_owned(),
                    rules => line(&rules.join(", "), 300),
                }
            ),
        };
        let persons = match stands {
            true => format!("signed by {}", signed.join(", ")),
            false => format!(
                "signed by {}: {} of {needs} persons, so it does not stand yet",
                signed.join(", "),
                signed.len()
            ),
        };
        let width = self.context.console.options.width;
        let mut text = String::new();
        for row in [
            format!("Recorded: {what}; {persons}."),
            format!("Record: {}", path.display()),
            format!("Log: {checkpoint}"),
            format!("Next: gatewright verify {}", folder.name),
        ]
        .iter()
        .flat_map(|row| wrap(row, width.max(80), 2))
        {
            text.push_str(&row);
            text.push('\n');
        }
        self.context.console.out(&text)?;
        Ok(exit::SHIP)
    }
}

fn checkpoint(log: &[Event<ProjectEvent>]) -> Checkpoint {
    let mut at = Checkpoint::default();
    log.iter().for_each(|event| at.take(event));
    at
}

/// Reads what a record says.
fn stored(folder: &RecordFolder) -> Result<Statement, Failure> {
    let bytes = read_record(&folder.dir, ENVELOPE)?;
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
