//! What is said to the identity provider and what it answers: where logins go, which codes are whose, and who signed that.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::http::Response;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenClaims,
    CoreJwsSigningAlgorithm as Signed, CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, TokenResponse as _,
};
use url::{Host, Url};

use super::begun::Begun;
use super::{DONE, Errand, Fetch, Issuer};
use crate::office::held;

/// For so long what the provider says of itself is not asked again, in seconds.
const KNOWN: i64 = 600;
/// For so long a provider that could not be asked is not asked again, in seconds.
const DOWN: i64 = 10;
/// How long somebody may have waited for another's answer, in seconds. What is further ahead is of a clock that was set back.
const LATE: i64 = 60;

/// What may sign who somebody is: keys that the provider alone has, and not the secret that we have too.
const SIGNATURES: [Signed; 9] = [
    Signed::RsaSsaPkcs1V15Sha256,
    Signed::RsaSsaPkcs1V15Sha384,
    Signed::RsaSsaPkcs1V15Sha512,
    Signed::RsaSsaPssSha256,
    Signed::RsaSsaPssSha384,
    Signed::RsaSsaPssSha512,
    Signed::EcdsaP256Sha256,
    Signed::EcdsaP384Sha384,
    Signed::EdDsa,
];

/// A client that knows where to log in.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Whom the provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vouched {
    /// Its own name for the person.
    pub(super) sub: String,
    /// The address of e-mail, in lower case.
    pub(super) email: Option<String>,
    /// It vouches for the address too.
    pub(super) verified: bool,
}

/// Why nobody is vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unvouched {
    /// The provider cannot be asked.
    Unreached {
        /// Why.
        why: String,
        /// It was tried just now.
        new: bool,
    },
    /// What it said is not to be believed, or is a refusal.
    Refused(String),
}

/// Why a request was not answered.
#[derive(Debug)]
pub(super) struct Unsaid(String);

impl fmt::Display for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Unsaid {}

/// Says whether an address is of this machine.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// What the provider has said of itself last, and why it said nothing since; each with when.
#[derive(Default)]
struct Told {
    said: Option<(i64, CoreProviderMetadata)>,
    down: Option<(i64, String)>,
}

/// The provider, asked through somebody else's connections.
pub(super) struct Provider {
    issuer: Issuer,
    client_id: String,
    client_secret: Option<String>,
    fetch: Arc<dyn Fetch>,
    known: Mutex<Told>,
}

impl Provider {
    pub(super) fn new(
        issuer: Issuer,
        client_id: String,
        client_secret: Option<String>,
        fetch: Arc<dyn Fetch>,
    ) -> Self {
        Self {
            issuer,
            client_id,
            client_secret,
            fetch,
            known: Mutex::default(),
        }
    }

    /// Where the browser goes to log in.
    pub(super) fn place(&self, begun: &Begun, now: i64) -> Result<Url, Unvouched> {
        let known = self.known(now, KNOWN)?;
        let place = known.authorization_endpoint().url().clone();
        self.may_ask(&place).map_err(unreached)?;
        let client = self.client(known, begun)?;
        let verifier = PkceCodeVerifier::new(begun.verifier.clone());
        let (state, nonce) = (begun.state.clone(), begun.nonce.clone());
        let (place, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(place)
    }

    /// Asks whom a code is of, and looks at everything that is said: signature, issuer, audience, time and nonce.
    pub(super) fn vouch(&self, code: &str, begun: &Begun, now: i64) -> Result<Vouched, Unvouched> {
        let client = self.client(self.known(now, KNOWN)?, begun)?;
        let answer = self.exchange(&client, code, begun)?;
        let Some(token) = answer.id_token() else {
            return Err(Unvouched::Refused("it sent no ID token".to_owned()));
        };
        let nonce = Nonce::new(begun.nonce.clone());
        let check = |client: &Client| {
            let verifier = client.id_token_verifier().set_allowed_algs(SIGNATURES);
            token.claims(&verifier, &nonce).map(vouched)
        };
        let checked = match check(&client) {
            // Keys are changed now and then: the newest are looked at, once.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => check(&self.client(self.known(now, DOWN)?, begun)?),
            checked => checked,
        };
        checked.map_err(|why| Unvouched::Refused(chain(&why)))
    }

    fn exchange(
        &self,
        client: &Client,
        code: &str,
        begun: &Begun,
    ) -> Result<CoreTokenResponse, Unvouched> {
        let exchange = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(unreached)?
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier.clone()));
        exchange
            .request(&|request| self.carry(&request))
            .map_err(|why| match why {
                RequestTokenError::Request(why) => unreached(why),
                RequestTokenError::ServerResponse(said) => {
                    Unvouched::Refused(format!("it refuses the code: {said}"))
                }
                why => Unvouched::Refused(chain(&why)),
            })
    }

    /// What the provider says of itself, and its keys; asked anew when it was asked more than so many seconds ago.
    fn known(&self, now: i64, seconds: i64) -> Result<CoreProviderMetadata, Unvouched> {
        // Held while it is asked: of many at once, one asks.
        let mut known = held(&self.known);
        // Who waited while another asked came before the answer did: that is new enough.
        let is_new = |at: i64, lasts: i64| (-LATE..lasts).contains(&(now - at));
        if let Some((at, said)) = &known.said
            && is_new(*at, seconds)
        {
            return Ok(said.clone());
        }
        if let Some((at, why)) = &known.down
            && is_new(*at, DOWN)
        {
            let why = why.clone();
            return Err(Unvouched::Unreached { why, new: false });
        }
        let asked = Instant::now();
        let said = IssuerUrl::new(self.issuer.text.clone())
            .map_err(|why| why.to_string())
            .and_then(|issuer| {
                let found =
                    CoreProviderMetadata::discover(&issuer, &|request| self.carry(&request));
                found.map_err(|why| chain(&why))
            });
        // An answer may take longer than it lasts where it is that nobody answers.
        let at = now + i64::try_from(asked.elapsed().as_secs()).unwrap_or(0);
        match &said {
            Ok(said) => {
                *known = Told {
                    said: Some((at, said.clone())),
                    down: None,
                };
            }
            Err(why) => known.down = Some((at, why.clone())),
        }
        said.map_err(unreached)
    }

    fn client(&self, known: CoreProviderMetadata, begun: &Begun) -> Result<Client, Unvouched> {
        let ways = known.token_endpoint_auth_methods_supported();
        let has = |way| ways.is_some_and(|ways| ways.contains(&way));
        let in_body = has(CoreClientAuthMethod::ClientSecretPost)
            && !has(CoreClientAuthMethod::ClientSecretBasic);
        let back = RedirectUrl::new(format!("{}{DONE}", begun.origin)).map_err(unreached)?;
        let id = ClientId::new(self.client_id.clone());
        let secret = self.client_secret.clone().map(ClientSecret::new);
        let client = CoreClient::from_provider_metadata(known, id, secret).set_redirect_uri(back);
        Ok(client.set_auth_type(match in_body {
            true => AuthType::RequestBody,
            false => AuthType::BasicAuth,
        }))
    }

    /// What the provider names may be asked by https alone; on this machine, where the issuer is here and speaks http, by http as well.
    fn may_ask(&self, url: &Url) -> Result<(), Unsaid> {
        let is_plain = self.issuer.url.scheme() == "http" && url.scheme() == "http" && is_here(url);
        match url.scheme() == "https" || is_plain {
            true => Ok(()),
            false => Err(Unsaid(format!("it names {url}, which is not https"))),
        }
    }

    fn carry(&self, request: &HttpRequest) -> Result<HttpResponse, Unsaid> {
        let address = request.uri().to_string();
        let url = Url::parse(&address).map_err(|why| Unsaid(format!("{address}: {why}")))?;
        self.may_ask(&url)?;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = request.headers().iter();
        let returned = self
            .fetch
            .fetch(&Errand {
                method: request.method().to_string(),
                address,
                headers: headers
                    .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                    .collect(),
                body: request.body().clone(),
            })
            .map_err(Unsaid)?;
        if returned.status >= 500 {
            let status = returned.status;
            return Err(Unsaid(format!("{} answers {status}", url.path())));
        }
        let mut response = Response::builder().status(returned.status);
        for (name, value) in &returned.headers {
            response = response.header(name, value);
        }
        response
            .body(returned.body)
            .map_err(|why| Unsaid(format!("what it answered cannot be read: {why}")))
    }
}

fn vouched(claims: &CoreIdTokenClaims) -> Vouched {
    let email = claims.email().map(|email| email.to_ascii_lowercase());
    Vouched {
        sub: claims.subject().to_string(),
        verified: email.is_some() && claims.email_verified() == Some(true),
        email,
    }
}

fn unreached(why: impl fmt::Display) -> Unvouched {
    Unvouched::Unreached {
        why: why.to_string(),
        new: true,
    }
}

/// An error with its causes.
fn chain(why: &dyn Error) -> String {
    let mut said = why.to_string();
    let mut cause = why.source();
    while let Some(one) = cause {
        said = format!("{said}: {one}");
        cause = one.source();
    }
    said
}
