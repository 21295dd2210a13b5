//! Keys: ed25519, as PKCS#8 and SPKI files; and the list of them with its history.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::digest::Digest;
use crate::event::{Event, ProjectEvent};
use crate::manifest::identity;

/// A key that signs.
pub struct SecretKey(SigningKey);

/// A key that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// Not a private key of ours.
    #[error("it is not an ed25519 private key in PKCS#8 form (PEM)")]
    Private,
    /// Not a public key of ours.
    #[error("it is not an ed25519 public key (PEM)")]
    Public,
}

impl SecretKey {
    /// Makes a key of 32 random bytes.
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PEM block `PRIVATE KEY`.
    ///
    /// # Errors
    /// [`NoKey::Private`].
    pub fn read(pem: &str) -> Result<Self, NoKey> {
        SigningKey::from_pkcs8_pem(pem)
            .map(Self)
            .map_err(|_| NoKey::Private)
    }

    /// Writes a PEM block `PRIVATE KEY`. The caller sees to it that only its owner can read it.
    pub fn pem(&self) -> String {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF);
        pem.map(|pem| pem.to_string())
            .expect("an ed25519 key always has a PKCS#8 form")
    }

    /// Returns the key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs. The same bytes give the same signature.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).to_bytes().to_vec()
    }
}

impl PublicKey {
    /// Reads a PEM block `PUBLIC KEY`.
    ///
    /// # Errors
    /// [`NoKey::Public`].
    pub fn read(pem: &str) -> Result<Self, NoKey> {
        VerifyingKey::from_public_key_pem(pem)
            .map(Self)
            .map_err(|_| NoKey::Public)
    }

    /// Writes a PEM block `PUBLIC KEY`.
    pub fn pem(&self) -> String {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .expect("an ed25519 key always has an SPKI form")
    }

    /// Returns its id: the SHA-256 of the SPKI form, in hexadecimal.
    pub fn id(&self) -> String {
        let der = self.0.to_public_key_der();
        let der = der.expect("an ed25519 key always has an SPKI form");
        Digest::of(der.as_bytes()).hex()
    }

    /// Says whether a signature is this key's over these bytes, in the one form that it has.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(bytes, &signature).is_ok())
    }
}

/// A key in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyEntry {
    /// The key.
    pub public: PublicKey,
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub identity: String,
    /// The key that it took the place of.
    pub replaces: Option<String>,
    /// The account of the review server that it signs for: nobody holds it but the server.
    pub account: Option<String>,
    /// Where in the log it was added.
    pub added: u64,
    /// When, for showing.
    pub added_at: String,
    /// Since when it signs no more.
    pub revoked: Option<Revoked>,
}

/// A revocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Revoked {
    /// Where in the log.
    pub seq: u64,
    /// When, for showing.
    pub at: String,
    /// From this civil date on all its signatures are void.
    pub since: Option<String>,
    /// Why.
    pub reason: String,
}

/// Why a signature of a listed key does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    /// The list does not have the key, or had it only later.
    #[error("the key {0} is not in the project's list")]
    Unknown(String),
    /// It was revoked before.
    #[error("the key of {identity} was revoked on {at}, before it signed")]
    Revoked {
        /// Whose key.
        identity: String,
        /// When it was revoked.
        at: String,
    },
    /// It was revoked for everything since a date.
    #[error("the key of {identity} is void since {since}: {reason}")]
    Since {
        /// Whose key.
        identity: String,
        /// Since when.
        since: String,
        /// Why.
        reason: String,
    },
}

/// The list of keys with its history, folded from a project log.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// In the order in which they were added.
    pub entries: Vec<KeyEntry>,
    /// Where in the log a later time was said than ever before, and which. Whoever signs can say any time; the log had come so far.
    latest: Vec<(u64, String)>,
}

impl Keys {
    /// Folds a log. A key belongs to whom it was first added for; what is no key is left out.
    pub fn fold<'e>(events: impl IntoIterator<Item = &'e Event<ProjectEvent>>) -> Self {
        let mut keys = Self::default();
        for event in events {
            if keys.latest.last().is_none_or(|(_, at)| *at < event.at) {
                keys.latest.push((event.seq, event.at.clone()));
            }
            match &event.body {
                ProjectEvent::KeyAdded {
                    key,
                    public,
                    identity: whose,
                    replaces,
                    account,
                    at,
                } => {
                    let Ok(public) = PublicKey::read(public) else {
                        continue;
                    };
                    let Some(whose) = identity(whose) else {
                        continue;
                    };
                    if public.id() == *key && keys.get(key).is_none() {
                        keys.entries.push(KeyEntry {
                            public,
                            id: key.clone(),
                            identity: whose,
                            replaces: replaces.clone(),
                            account: account.clone(),
                            added: event.seq,
                            added_at: at.clone(),
                            revoked: None,
                        });
                    }
                }
                ProjectEvent::KeyRevoked {
                    key,
                    since,
                    reason,
                    at,
                    ..
                } => {
                    let entry = keys.entries.iter_mut().find(|entry| entry.id == *key);
                    // The first revocation says from which place in the log on; a later one may only reach further back.
                    if let Some(entry) = entry {
                        let revoked = entry.revoked.get_or_insert_with(|| Revoked {
                            seq: event.seq,
                            at: at.clone(),
                            since: None,
                            reason: reason.clone(),
                        });
                        if let Some(since) = since {
                            let earlier = revoked.since.as_ref().is_none_or(|old| since < old);
                            if earlier {
                                revoked.since = Some(since.clone());
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        keys
    }

    /// Finds a key by its id.
    pub fn get(&self, id: &str) -> Option<&KeyEntry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// Finds a key by its id, the beginning of it (eight digits at least), or the identity that has only this one in use.
    pub fn find(&self, name: &str) -> Vec<&KeyEntry> {
        let whose = identity(name);
        self.entries
            .iter()
            .filter(|entry| {
                let by_id = name.len() >= 8 && entry.id.starts_with(name);
                let by_person = whose.as_ref() == Some(&entry.identity) && entry.revoked.is_none();
                by_id || by_person
            })
            .collect()
    }

    /// Returns the latest time that the log had said before a place in it.
    fn had_come(&self, seq: u64) -> &str {
        let before = self.latest.partition_point(|(place, _)| *place < seq);
        let latest = before.checked_sub(1).and_then(|it| self.latest.get(it));
        latest.map_or("", |(_, at)| at)
    }

    /// Returns the key of a signature that stands at `seq` in the log and says it was made at `at`, if it counts. A time before what the log
    /// had come to is not believed.
    ///
    /// # Errors
    /// Why it does not.
    pub fn counts(&self, id: &str, seq: u64, at: &str) -> Result<&KeyEntry, Void> {
        let entry = self
            .get(id)
            .filter(|entry| entry.added < seq)
            .ok_or_else(|| Void::Unknown(id.get(..16).unwrap_or(id).to_owned()))?;
        match &entry.revoked {
            Some(revoked) if revoked.seq < seq => Err(Void::Revoked {
                identity: entry.identity.clone(),
                at: revoked.at.clone(),
            }),
            Some(Revoked {
                since: Some(since),
                reason,
                ..
            }) if at
                .max(self.had_come(seq))
                .get(..10)
                .is_none_or(|day| day >= since.as_str()) =>
            {
                Err(Void::Since {
                    identity: entry.identity.clone(),
                    since: since.clone(),
                    reason: reason.clone(),
                })
            }
            _ => Ok(entry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = SecretKey::of_seed(&[7; 32]);
        let pem = key.pem();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{pem}");
        let again = SecretKey::read(&pem).expect("a key");
        assert_eq!(again.public(), key.public());
        let public = PublicKey::read(&key.public().pem()).expect("a key");
        assert_eq!(public.id(), key.public().id());
        let signature = again.sign(b"bytes");
        assert!(public.verifies(b"bytes", &signature));
        assert!(!public.verifies(b"byte", &signature));
        assert!(!public.verifies(b"bytes", &signature[..63]));
        assert_eq!(PublicKey::read(&pem), Err(NoKey::Public));
        assert!(SecretKey::read(&public.pem()).is_err());
    }

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let hex = |text: &str| Digest::parse(text).map(|digest| *digest.bytes());
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key = SecretKey::of_seed(&seed.expect("32 bytes"));
        let signature: String = key
            .sign(&[0x72])
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            signature,
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    fn log(bodies: Vec<ProjectEvent>) -> Vec<Event<ProjectEvent>> {
        (1..)
            .zip(bodies)
            .map(|(seq, body)| Event {
                seq,
                ..Event::wrap("project", "w", "a", "2026-11-01T00:00:00Z", body)
            })
            .collect()
    }

    fn added(key: &SecretKey, identity: &str) -> ProjectEvent {
        ProjectEvent::KeyAdded {
            key: key.public().id(),
            public: key.public().pem(),
            identity: identity.to_owned(),
            replaces: None,
            account: None,
            at: "2026-11-01T00:00:00Z".to_owned(),
        }
    }

    fn revoked(key: &SecretKey, since: Option<&str>) -> ProjectEvent {
        ProjectEvent::KeyRevoked {
            key: key.public().id(),
            since: since.map(str::to_owned),
            reason: "the laptop was lost".to_owned(),
            by: "ben".to_owned(),
            at: "2026-11-05T00:00:00Z".to_owned(),
        }
    }

    #[test]
    fn f25_a_signature_before_the_revocation_stays_and_one_after_never_was() {
        let key = SecretKey::of_seed(&[1; 32]);
        let id = key.public().id();
        let events = log(vec![added(&key, "Ana"), revoked(&key, None)]);
        let keys = Keys::fold(&events[..1]);
        assert_eq!(
            keys.counts(&id, 2, "2026-11-02").map(|it| &*it.identity),
            Ok("ana")
        );
        assert!(
            matches!(keys.counts(&id, 1, "2026-11-02"), Err(Void::Unknown(_))),
            "signed before the key was in the list"
        );
        // The list that ends with the revocation at place 2: what stood before it stays, whatever clock it claims.
        let mut events = log(vec![
            added(&key, "ana"),
            ProjectEvent::SignRefused {
                run: String::new(),
                by: String::new(),
                why: String::new(),
                at: String::new(),
            },
            revoked(&key, None),
        ]);
        let keys = Keys::fold(&events);
        assert!(keys.counts(&id, 2, "2026-11-09").is_ok());
        assert!(matches!(
            keys.counts(&id, 4, "2026-11-02"),
            Err(Void::Revoked { .. })
        ));
        // A date that somebody states reaches back.
        events.extend(log(vec![revoked(&key, Some("2026-11-02"))]));
        let keys = Keys::fold(&events);
        assert!(keys.counts(&id, 2, "2026-11-01T23:59:59Z").is_ok());
        assert!(matches!(
            keys.counts(&id, 2, "2026-11-02T00:00:00Z"),
            Err(Void::Since { .. })
        ));
    }

    #[test]
    fn a24_a_key_belongs_to_whom_it_was_first_added_for() {
        let key = SecretKey::of_seed(&[1; 32]);
        let other = SecretKey::of_seed(&[2; 32]);
        let mut wrong = added(&other, "eve");
        if let ProjectEvent::KeyAdded { key: id, .. } = &mut wrong {
            *id = key.public().id();
        }
        let events = log(vec![wrong, added(&key, "ana"), added(&key, "eve")]);
        let keys = Keys::fold(&events);
        assert_eq!(
            keys.entries.len(),
            1,
            "an id that is not the key's is no entry"
        );
        assert_eq!(keys.entries[0].identity, "ana");
        assert_eq!(keys.find("ana").len(), 1);
        assert_eq!(keys.find(&key.public().id()[..8]).len(), 1);
        assert!(keys.find("eve").is_empty() && keys.find("an").is_empty());
    }

    /// A clock that is put back does not bring a signature before a date that the log had passed.
    #[test]
    fn f25_a_back_dated_signature_does_not_escape_a_revocation() {
        let key = SecretKey::of_seed(&[1; 32]);
        let id = key.public().id();
        let events = log(vec![added(&key, "ana"), revoked(&key, Some("2026-11-01"))]);
        let keys = Keys::fold(&events);
        let early = keys.counts(&id, 2, "2026-10-20T00:00:00Z");
        assert!(matches!(early, Err(Void::Since { .. })), "{early:?}");
    }
}
