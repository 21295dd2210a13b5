//! Which decisions stand: a fold of the project log.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::event::{Event, ProjectEvent};
use crate::manifest::identity;
use crate::record::key::Keys;
use crate::record::statement::{Kind, Summary};

/// A decision as the project log has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What it says.
    pub summary: Summary,
    /// The hash of what is signed.
    pub payload: Digest,
    /// Its place in the log.
    pub seq: u64,
    /// Sign-offs whose keys count, one a person, in the order of the log.
    pub signed: Vec<SignedBy>,
    /// A later decision that stands comes after it.
    pub superseded: bool,
}

/// A sign-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBy {
    /// Who.
    pub by: String,
    /// Id of the key.
    pub key: String,
    /// The account of the review server that was logged in, where the server signed.
    pub account: Option<String>,
    /// Why.
    pub reason: String,
    /// When, for showing.
    pub at: String,
}

impl Recorded {
    /// Says whether enough persons have signed.
    pub fn stands(&self) -> bool {
        self.signed.len() >= self.summary.persons.max(1) as usize
    }

    /// Says whether it counts on a civil date (`YYYY-MM-DD`): overrides end.
    pub fn counts_on(&self, today: &str) -> bool {
        let expires = self.summary.expires.as_deref();
        self.stands() && !self.superseded && expires.is_none_or(|last| today <= last)
    }
}

/// Folds a log into its decisions, in order. A sign-off counts when its key did at its place in the log; whether the signatures are good is for
/// `verify` to say.
pub fn recorded(events: &[Event<ProjectEvent>], keys: &Keys) -> Vec<Recorded> {
    let mut all: Vec<Recorded> = Vec::new();
    for event in events {
        match &event.body {
            ProjectEvent::Decided { payload, decision }
                if all.iter().all(|one| one.payload != *payload) =>
            {
                all.push(Recorded {
                    summary: (**decision).clone(),
                    payload: *payload,
                    seq: event.seq,
                    signed: Vec::new(),
                    superseded: false,
                });
            }
            ProjectEvent::Signed {
                payload,
                key,
                by,
                reason,
                at,
                ..
            } => {
                let counts = keys.counts(key, event.seq, at);
                let person = identity(by);
                let account = counts.as_ref().ok().and_then(|entry| entry.account.clone());
                let whose = counts.is_ok_and(|entry| Some(&entry.identity) == person.as_ref());
                let one = all.iter_mut().find(|one| one.payload == *payload);
                if let Some(one) = one.filter(|_| whose)
                    && one
                        .signed
                        .iter()
                        .all(|before| identity(&before.by) != person)
                {
                    one.signed.push(SignedBy {
                        by: by.clone(),
                        key: key.clone(),
                        account,
                        reason: reason.clone(),
                        at: at.clone(),
                    });
                }
            }
            _ => {}
        }
    }
    // What stands takes the place of everything before it, also where a decision between them never stood.
    let parents: BTreeMap<Digest, Option<Digest>> = all
        .iter()
        .map(|one| (one.payload, one.summary.parent))
        .collect();
    let mut before: BTreeSet<Digest> = BTreeSet::new();
    for one in all.iter().filter(|one| one.stands()) {
        let mut parent = one.summary.parent;
        while let Some(payload) = parent.filter(|it| before.insert(*it)) {
            parent = parents.get(&payload).copied().flatten();
        }
    }
    for one in &mut all {
        one.superseded = before.contains(&one.payload);
    }
    all
}

/// Picks the overrides of a product that are in force on a civil date, in the order of the log.
pub fn in_force<'r>(
    all: &'r [Recorded],
    product: &'r str,
    today: &'r str,
) -> impl Iterator<Item = &'r Recorded> {
    all.iter().filter(move |one| {
        one.summary.kind == Kind::Override && one.summary.product == product && one.counts_on(today)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Answer;
    use crate::record::key::SecretKey;
    use crate::record::statement::tests::predicate;

    fn decided(kind: Kind, payload: &[u8], parent: Option<Digest>, persons: u32) -> ProjectEvent {
        let mut predicate = predicate();
        predicate.kind = kind;
        predicate.parent = parent;
        predicate.sign.persons = persons;
        if kind == Kind::Override {
            predicate.answer = Answer::Ship;
            predicate.expires = Some("2026-11-20".to_owned());
        }
        ProjectEvent::Decided {
            payload: Digest::of(payload),
            decision: Box::new(predicate.summary("0001")),
        }
    }

    fn signed(payload: &[u8], key: &SecretKey, by: &str) -> ProjectEvent {
        ProjectEvent::Signed {
            payload: Digest::of(payload),
            key: key.public().id(),
            by: by.to_owned(),
            reason: "a good reason".to_owned(),
            signature: String::new(),
            said: String::new(),
            at: "2026-11-02T09:00:00Z".to_owned(),
        }
    }

    fn added(key: &SecretKey, identity: &str) -> ProjectEvent {
        ProjectEvent::KeyAdded {
            key: key.public().id(),
            public: key.public().pem(),
            identity: identity.to_owned(),
            replaces: None,
            account: None,
            at: String::new(),
        }
    }

    fn fold(bodies: Vec<ProjectEvent>) -> Vec<Recorded> {
        let events: Vec<Event<ProjectEvent>> = (1..)
            .zip(bodies)
            .map(|(seq, body)| Event {
                seq,
                ..Event::wrap("project", "w", "a", "", body)
            })
            .collect();
        recorded(&events, &Keys::fold(&events))
    }

    #[test]
    fn a28_persons_are_counted_and_not_keys() {
        let [one, two, ben] = [1, 2, 3].map(|seed| SecretKey::of_seed(&[seed; 32]));
        let mut log = vec![
            added(&one, "ana"),
            added(&two, "ana"),
            added(&ben, "ben"),
            decided(Kind::Proposal, b"1", None, 2),
            signed(b"1", &one, "ana"),
            signed(b"1", &two, "ana"),
            // Another's name over one's own key is nobody's signature.
            signed(b"1", &two, "ben"),
        ];
        assert!(!fold(log.clone())[0].stands());
        log.push(signed(b"1", &ben, "ben"));
        let all = fold(log);
        assert!(all[0].stands());
        assert_eq!(all[0].signed.len(), 2);
    }

    #[test]
    fn a26_an_override_stands_until_it_ends_or_another_decision_follows() {
        let key = SecretKey::of_seed(&[1; 32]);
        let mut log = vec![
            added(&key, "ana"),
            decided(Kind::Proposal, b"1", None, 1),
            signed(b"1", &key, "ana"),
            decided(Kind::Override, b"2", Some(Digest::of(b"1")), 1),
        ];
        let force =
            |log: &Vec<ProjectEvent>, today| in_force(&fold(log.clone()), "demo", today).count();
        assert_eq!(force(&log, "2026-11-02"), 0, "nobody has signed it");
        log.push(signed(b"2", &key, "ana"));
        assert_eq!(force(&log, "2026-11-02"), 1);
        assert_eq!(force(&log, "2026-11-20"), 1);
        assert_eq!(force(&log, "2026-11-21"), 0);
        assert!(fold(log.clone())[0].superseded);
        log.push(decided(Kind::Proposal, b"3", Some(Digest::of(b"2")), 1));
        assert_eq!(
            force(&log, "2026-11-02"),
            1,
            "a decision nobody signed takes nothing's place"
        );
        log.push(signed(b"3", &key, "ana"));
        assert_eq!(force(&log, "2026-11-02"), 0);
    }

    /// What stands takes the place of everything before it, also across a decision that never stood.
    #[test]
    fn a26_nothing_before_a_decision_that_stands_counts() {
        let [ana, ben] = [1, 2].map(|seed| SecretKey::of_seed(&[seed; 32]));
        let all = fold(vec![
            added(&ana, "ana"),
            added(&ben, "ben"),
            decided(Kind::Proposal, b"1", None, 2),
            signed(b"1", &ana, "ana"),
            signed(b"1", &ben, "ben"),
            decided(Kind::Override, b"2", Some(Digest::of(b"1")), 2),
            signed(b"2", &ana, "ana"),
            decided(Kind::Override, b"3", Some(Digest::of(b"2")), 2),
            signed(b"3", &ana, "ana"),
            signed(b"3", &ben, "ben"),
        ]);
        let counts = |one: &Recorded| one.counts_on("2026-11-02");
        let counted: Vec<bool> = all.iter().map(counts).collect();
        assert_eq!(counted, [false, false, true]);
        // Decisions that name each other end somewhere.
        let ring = fold(vec![
            added(&ana, "ana"),
            decided(Kind::Proposal, b"1", Some(Digest::of(b"2")), 1),
            decided(Kind::Proposal, b"2", Some(Digest::of(b"1")), 1),
            signed(b"1", &ana, "ana"),
            signed(b"2", &ana, "ana"),
        ]);
        assert!(ring.iter().all(|one| one.superseded));
    }

    /// One person in two spellings is one person.
    #[test]
    fn a24_spellings_of_a_name_are_one_person() {
        let [one, two] = [1, 2].map(|seed| SecretKey::of_seed(&[seed; 32]));
        let all = fold(vec![
            added(&one, "ana"),
            added(&two, "ana"),
            decided(Kind::Proposal, b"1", None, 2),
            signed(b"1", &one, "ana"),
            signed(b"1", &two, "Ana"),
        ]);
        assert_eq!(all[0].signed.len(), 1);
        assert!(!all[0].stands());
    }
}
