//! How people come in: addresses, certificates, proxies and the identity provider, as the flags name them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatewright_engine::{Errands, Limits, SecretText};
use gatewright_store::Accounts;
use gatewright_web::front::{BadTls, Front, PublicUrl, Tls};
use gatewright_web::oidc::{Errand, Fetch, Issuer, Oidc, Returned};
use gatewright_web::{is_loopback, may_log_in};

use super::COMMAND;
use crate::args::{OidcArgs, Reached, ServeArgs};
use crate::console;
use crate::error::Failure;
use crate::pipeline::secrets;
use crate::project::Project;

/// Largest file with a certificate or a key.
const PEM_BYTES_MAX: u64 = 1 << 20;
/// How long the identity provider may take for an answer, and to take a connection.
const ANSWER: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Largest answer of the identity provider.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How others reach the server.
///
/// # Errors
/// When passwords would cross a network as they are typed, and when a file or an address cannot be used.
pub(super) fn front(args: &ServeArgs) -> Result<Front, Failure> {
    let Reached {
        tls_cert,
        tls_key,
        public_url,
        trust_proxy,
    } = &args.reached;
    let front = Front {
        tls: match (tls_cert, tls_key) {
            (Some(certificate), Some(key)) => Some(tls(certificate, key)?),
            _ => None,
        },
        public: public_url.as_deref().map(public).transpose()?,
        proxies: trust_proxy.clone(),
    };
    if front.is_safe_at(args.address) {
        return Ok(front);
    }
    let address = args.address;
    Err(Failure::usage(format!(
        "`{address}` is not an address of this machine alone"
    ))
    .why("passwords would cross the network as they are typed")
    .next(format!(
        "{COMMAND} --address {address} --tls-cert FILE --tls-key FILE"
    ))
    .next(format!(
        "{COMMAND} --address {address} --public-url https://HOST   (behind a proxy that ends TLS)"
    ))
    .next("ssh -L 7418:127.0.0.1:7418 THIS-MACHINE   (from where people sit)"))
}

fn public(text: &str) -> Result<PublicUrl, Failure> {
    PublicUrl::parse(text).map_err(|why| {
        Failure::usage(format!("`{text}` cannot be the address that people type"))
            .why(why)
            .next("--public-url https://evals.example.com")
    })
}

fn tls(certificate: &Path, key: &Path) -> Result<Tls, Failure> {
    let (chain, own) = (read(certificate)?, read(key)?);
    Tls::from_pem(&chain, &own).map_err(|bad| {
        let (file, why) = match bad {
            BadTls::Certificate(why) => (certificate, why),
            BadTls::Key(why) => (key, why),
        };
        unusable(file, &why)
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file);
    let done = opened.and_then(|file| file.take(PEM_BYTES_MAX).read_to_end(&mut bytes));
    match done {
        Ok(_) => Ok(bytes),
        Err(error) => Err(unusable(file, &error.to_string())),
    }
}

fn unusable(file: &Path, why: &str) -> Failure {
    Failure::usage(format!("`{}` cannot be used for TLS", file.display()))
        .why(why)
        .next("--tls-cert with the certificate and those that vouch for it, --tls-key with its key: both PEM")
}

/// Refuses to be reached by others while nobody may log in. Nothing is written.
///
/// # Errors
/// When it is so, and when the accounts cannot be read.
pub(super) fn refuse_nobody(
    args: &ServeArgs,
    project: &Project,
    by_provider: bool,
) -> Result<(), Failure> {
    if is_loopback(args.address) || by_provider {
        return Ok(());
    }
    let is_there = project.state.join(Accounts::FILE).exists();
    if is_there && may_log_in(&Accounts::open(&project.state)?, by_provider)? {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "nobody may log in yet, and others can reach {}",
        args.address
    ))
    .why("the first admin is made at this machine")
    .next(format!(
        "{COMMAND}   (make the first admin at http://127.0.0.1:7418/first with the code that it prints, and end it)"
    ))
    .next("the same command again"))
}

/// The identity provider; nothing without one.
///
/// # Errors
/// When its address or the secret cannot be used.
pub(super) fn oidc(args: &OidcArgs, project: &Project) -> Result<Option<Oidc>, Failure> {
    let (Some(issuer), Some(id)) = (&args.oidc_issuer, &args.oidc_client_id) else {
        return Ok(None);
    };
    let issuer = Issuer::parse(issuer).map_err(|why| {
        // What was given is not repeated where a password may stand in it.
        Failure::usage("--oidc-issuer names no issuer that can be used")
            .why(why)
            .next("--oidc-issuer https://accounts.example.com")
    })?;
    let var = |name: &str| std::env::var(name).ok();
    let secret = match args.oidc_client_secret.as_deref() {
        None => None,
        Some(text) => {
            const FLAG: &str = "--oidc-client-secret";
            let named = secrets::reference(FLAG, text)?;
            let value = secrets::value(&named, project, var);
            let value = value.map_err(|why| {
                Failure::usage(format!("the secret {named} {why}"))
                    .why("the identity provider gives a token to nobody without it")
                    .next(format!("{FLAG} env:NAME or {FLAG} file:PATH"))
            })?;
            Some(SecretText::new(value))
        }
    };
    if let Some(secret) = &secret {
        console::guard([secret]);
    }
    let limits = Limits {
        answer_timeout: ANSWER,
        connect_timeout: CONNECT,
        response_bytes_max: ANSWER_BYTES_MAX,
        ..Limits::standard()
    };
    let proxy = secrets::proxy(issuer.url().as_str(), var);
    let host = issuer.url().host_str().unwrap_or_default();
    let errands = Errands::new(host, proxy.as_ref(), &secret, &limits).map_err(Failure::usage)?;
    let fetch = Arc::new(Carrier(errands));
    let secret = secret.map(|secret| secret.reveal().to_owned());
    Ok(Some(Oidc::new(issuer, id.clone(), secret, fetch)))
}

/// Carries the server's requests over the product's own connections.
struct Carrier(Errands);

impl Fetch for Carrier {
    fn fetch(&self, errand: &Errand) -> Result<Returned, String> {
        let Errand {
            method,
            address,
            headers,
            body,
        } = errand;
        let came = self.0.send(method, address, headers, body);
        let reply = came.map_err(|fault| fault.what)?;
        Ok(Returned {
            status: reply.status,
            headers: reply.headers.into_iter().collect(),
            body: reply.body,
        })
    }
}
