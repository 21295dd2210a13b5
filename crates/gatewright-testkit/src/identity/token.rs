//! Tokens that say who somebody is, and the keys that sign them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::{Amiss, Somebody};

/// Made for these tests and used for nothing else: `ring` makes no such keys.
const RSA: &[u8] = include_bytes!("rsa-for-tests.pem");

/// What a token is signed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// RSA with SHA-256, as most providers do.
    #[default]
    Rs256,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-256 with a new key, which the provider shows from then on.
    New,
    /// ECDSA on P-256 with a key that is not among those that the provider shows.
    Unknown,
}

#[derive(Debug)]
pub(super) struct Keys {
    rsa: RsaKeyPair,
    curve: EcdsaKeyPair,
    random: SystemRandom,
}

fn coded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Keys {
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let pem = PrivatePkcs8KeyDer::from_pem_slice(RSA).expect("it is PEM");
        let rsa = RsaKeyPair::from_pkcs8(pem.secret_pkcs8_der()).expect("it is a key");
        let way = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(way, &random).expect("a key");
        let curve = EcdsaKeyPair::from_pkcs8(way, made.as_ref(), &random).expect("a key");
        Self { rsa, curve, random }
    }

    /// The keys that tokens are checked with.
    pub(super) fn public(&self, signing: Signing) -> Value {
        let rsa: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        let point = self.curve.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "r", "n": coded(rsa.n), "e": coded(rsa.e)},
            {"kty": "EC", "use": "sig", "alg": "ES256", "kid": if signing == Signing::New { "n" } else { "c" }, "crv": "P-256", "x": coded(&point[1..33]), "y": coded(&point[33..])},
        ]})
    }

    /// Makes a token.
    pub(super) fn token(
        &self,
        somebody: &Somebody,
        (signing, amiss): (Signing, Amiss),
        (issuer, nonce): (&str, &str),
        (client, secret): (&str, &str),
    ) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |since| since.as_secs());
        let or = |is: Amiss, wrong: &str, right: &str| match amiss == is {
            true => wrong.to_owned(),
            false => right.to_owned(),
        };
        let ends = if amiss == Amiss::Expired {
            now - 60
        } else {
            now + 300
        };
        let mut claims = json!({
            "iss": or(Amiss::WrongIssuer, "https://other.example", issuer),
            "sub": somebody.sub,
            "aud": or(Amiss::WrongAudience, "another-client", client),
            "nonce": or(Amiss::WrongNonce, "another", nonce),
            "iat": now - 120,
            "exp": ends,
        });
        if let Some(email) = &somebody.email {
            claims["email"] = email.as_str().into();
            claims["email_verified"] = somebody.verified.into();
        }
        let (alg, kid) = match (amiss, signing) {
            (Amiss::NoSignature, _) => ("none", "r"),
            (Amiss::SignedWithSecret, _) => ("HS256", "r"),
            (_, Signing::Rs256) => ("RS256", "r"),
            (_, Signing::Es256) => ("ES256", "c"),
            (_, Signing::New) => ("ES256", "n"),
            (_, Signing::Unknown) => ("ES256", "nobody's"),
        };
        let head = json!({"alg": alg, "kid": kid, "typ": "JWT"});
        let signed = format!("{}.{}", coded(head.to_string()), coded(claims.to_string()));
        let signature = self.sign(alg, secret, signed.as_bytes());
        match amiss {
            Amiss::WrongSignature => {
                claims["sub"] = "somebody-else".into();
                let changed = coded(claims.to_string());
                format!("{}.{changed}.{}", coded(head.to_string()), coded(signature))
            }
            _ => format!("{signed}.{}", coded(signature)),
        }
    }

    fn sign(&self, alg: &str, secret: &str, text: &[u8]) -> Vec<u8> {
        match alg {
            "none" => Vec::new(),
            "HS256" => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
                ring::hmac::sign(&key, text).as_ref().to_vec()
            }
            "RS256" => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa
                    .sign(&RSA_PKCS1_SHA256, &self.random, text, &mut signature)
                    .expect("signs");
                signature
            }
            _ => {
                let signature = self.curve.sign(&self.random, text).expect("signs");
                signature.as_ref().to_vec()
            }
        }
    }
}
