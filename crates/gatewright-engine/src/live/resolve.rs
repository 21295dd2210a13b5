//! Which hosts a connection may go to: names are resolved here, and what nobody allowed is refused.

use std::net::SocketAddr;
use std::pin::Pin;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::address::is_private;
use crate::secret::SecretText;

/// Names the hosts that a connection to one host may resolve: itself, and the proxy on the way.
pub(super) fn names(host: &str, proxy: Option<&SecretText>) -> Vec<String> {
    let proxy = proxy.and_then(|proxy| Url::parse(proxy.reveal()).ok());
    let proxy = proxy.and_then(|proxy| proxy.host_str().map(str::to_owned));
    std::iter::once(host.to_owned()).chain(proxy).collect()
}

/// Prepares the operator's proxy; with `only`, for that host alone.
///
/// # Errors
/// When its address is none.
pub(super) fn proxy(
    address: Option<&SecretText>,
    only: Option<&str>,
) -> Result<Option<reqwest::Proxy>, String> {
    const WRONG: &str = "the proxy's address cannot be used";
    let Some(address) = address else {
        return Ok(None);
    };
    let Some(only) = only else {
        let proxy = reqwest::Proxy::all(address.reveal());
        return proxy.map(Some).map_err(|_| WRONG.to_owned());
    };
    let address = Url::parse(address.reveal()).map_err(|_| WRONG.to_owned())?;
    let only = only.to_owned();
    Ok(Some(reqwest::Proxy::custom(move |url| {
        (url.host_str() == Some(only.as_str())).then(|| address.clone())
    })))
}

/// Resolves names, and refuses those that lead to private addresses unless the operator allowed it (A15). Each new connection resolves anew, so
/// a name that changes its address is judged each time.
pub(super) struct Resolver<L = System> {
    pub(super) private_allowed: bool,
    /// The only names that are resolved; all of them without.
    pub(super) only: Option<Vec<String>>,
    /// Who knows the addresses.
    pub(super) lookup: L,
}

/// Addresses of a name, or why there are none.
type Found = std::io::Result<Vec<SocketAddr>>;

/// Who knows the addresses of a name at this moment.
pub(super) trait Lookup: Send + Sync + 'static {
    /// Asks for them; ports are 0.
    fn addresses(&self, host: &str) -> Pin<Box<dyn Future<Output = Found> + Send>>;
}

/// The operating system.
pub(super) struct System;

impl Lookup for System {
    fn addresses(&self, host: &str) -> Pin<Box<dyn Future<Output = Found> + Send>> {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            found.map(Iterator::collect)
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` leads to a private address, and nobody allowed it")]
pub(super) struct PrivateAddress(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is another host than the one that was allowed")]
pub(super) struct Elsewhere(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` could not be resolved")]
pub(super) struct Unresolved(String, #[source] Option<std::io::Error>);

impl<L: Lookup> Resolve for Resolver<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let private_allowed = self.private_allowed;
        let host = name.as_str().to_owned();
        let is_allowed = |only: &Vec<String>| only.iter().any(|it| it.eq_ignore_ascii_case(&host));
        let elsewhere = !self.only.as_ref().is_none_or(is_allowed);
        let asked = (!elsewhere).then(|| self.lookup.addresses(&host));
        Box::pin(async move {
            let Some(asked) = asked else {
                return Err(Elsewhere(host).into());
            };
            let found = match asked.await {
                Ok(found) => found,
                Err(error) => return Err(Unresolved(host, Some(error)).into()),
            };
            if found.is_empty() {
                return Err(Unresolved(host, None).into());
            }
            // One private address among public ones is refused as well: which one is used is not ours to choose.
            if !private_allowed && found.iter().any(|address| is_private(address.ip())) {
                return Err(PrivateAddress(host).into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod changing;

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    #[tokio::test]
    async fn a16_only_the_host_that_was_allowed_is_resolved() {
        let resolver = Resolver {
            private_allowed: true,
            only: Some(names("localhost", None)),
            lookup: System,
        };
        let name = |text: &str| Name::from_str(text).expect("a name");
        assert!(resolver.resolve(name("LOCALHOST")).await.is_ok());
        let Err(refused) = resolver.resolve(name("other.example")).await else {
            panic!("another host was resolved");
        };
        assert!(refused.is::<Elsewhere>(), "{refused}");
    }

    #[test]
    fn a_proxy_on_the_way_is_resolved_too() {
        let proxy = SecretText::new("http://user:pw@proxy.example:3128".to_owned());
        assert_eq!(
            names("api.example.com", Some(&proxy)),
            ["api.example.com", "proxy.example"]
        );
    }
}
