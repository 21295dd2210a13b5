//! Opening a door, and the calls through it.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::Arc;

use gatewright_core::manifest::Live;
use gatewright_engine::{Calling, Came, Door, SecretText, Wanted};
use genai::adapter::AdapterKind;
use genai::resolver::{AuthData, Endpoint};
use genai::webc::Error as WebError;
use genai::{Client, Error, ModelIden, ServiceTarget};

use crate::{answer, request};

/// One system's way through one adapter.
#[derive(Debug)]
struct Through {
    client: Client,
    kind: AdapterKind,
    url: String,
    key: SecretText,
}

/// Opens a door to a system's provider (`OpenDoor`).
///
/// # Errors
/// When the page names an adapter that is not here.
pub fn open(
    live: &Live,
    key: Option<&SecretText>,
    client: reqwest::Client,
) -> Result<Arc<dyn Door>, String> {
    let name = live.adapter.map_or("", |adapter| adapter.name);
    let kind =
        AdapterKind::from_lower_str(name).ok_or_else(|| format!("there is no adapter `{name}`"))?;
    let client = Client::builder().with_reqwest(client).build();
    Ok(Arc::new(Through {
        client: client.map_err(|error| error.to_string())?,
        kind,
        url: live.url.clone(),
        // Never left to the adapter, which would look into the environment. Servers that want no key read none.
        key: key
            .cloned()
            .unwrap_or_else(|| SecretText::new(String::new())),
    }))
}

impl Door for Through {
    fn call(&self, wanted: Wanted) -> Calling<'_> {
        Box::pin(async move {
            let target = ServiceTarget {
                endpoint: Endpoint::from_owned(self.url.as_str()),
                auth: AuthData::from_single(self.key.reveal()),
                model: ModelIden::new(self.kind, wanted.model.as_str()),
            };
            let (chat, options) = request::write(wanted);
            match self.client.exec_chat(target, chat, Some(&options)).await {
                Ok(response) => Came::Answer(Box::new(answer::read(response))),
                Err(error) => failed(error),
            }
        })
    }
}

/// Says what came where no answer did.
fn failed(error: Error) -> Came {
    match error {
        Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => {
            refused(webc_error)
        }
        Error::HttpError {
            status,
            body,
            headers,
            ..
        } => Came::Other {
            status: Some(status.as_u16()),
            headers: known(&headers),
            body: body.into_bytes(),
            why: String::new(),
        },
        // Its own text repeats the whole request.
        Error::ChatResponseGeneration {
            response_body,
            cause,
            ..
        } => Came::Other {
            status: None,
            headers: BTreeMap::new(),
            body: response_body.to_string().into_bytes(),
            why: cause,
        },
        error => Came::Unasked(error.to_string()),
    }
}

fn refused(error: WebError) -> Came {
    match error {
        WebError::ResponseFailedStatus {
            status,
            body,
            headers,
        } => Came::Other {
            status: Some(status.as_u16()),
            headers: known(&headers),
            body: body.into_bytes(),
            why: String::new(),
        },
        WebError::ResponseFailedNotJson { content_type, body } => Came::Other {
            status: None,
            why: format!("it is not JSON but {content_type:?}"),
            headers: BTreeMap::from([("content-type".to_owned(), content_type)]),
            body: body.into_bytes(),
        },
        WebError::ResponseFailedInvalidJson { body, cause } => Came::Other {
            status: None,
            headers: BTreeMap::new(),
            body: body.into_bytes(),
            why: format!("it is not JSON ({cause})"),
        },
        WebError::Reqwest(error) => Came::Broken(Box::new(error)),
        error @ WebError::JsonValueExt(_) => {
            Came::Broken(Box::<dyn StdError + Send + Sync>::from(error.to_string()))
        }
    }
}

fn known(headers: &reqwest::header::HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &reqwest::header::HeaderValue| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    };
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use gatewright_core::manifest::{ADAPTERS, EFFORTS};
    use genai::chat::ReasoningEffort;

    use super::*;

    /// The page's table of adapters says what the adapters do.
    #[test]
    fn the_table_of_adapters_is_true() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        let client = Client::builder()
            .with_reqwest(plain())
            .build()
            .expect("a client");
        for adapter in &ADAPTERS {
            let kind = AdapterKind::from_lower_str(adapter.name).expect(adapter.name);
            assert_eq!(kind.default_key_env_name(), adapter.key, "{adapter:?}");
            let Some(url) = adapter.base_url else {
                continue;
            };
            let target = client.resolve_service_target(ModelIden::new(kind, "m"));
            let target = runtime.block_on(target).expect("a target");
            assert_eq!(target.endpoint.base_url(), url, "{adapter:?}");
        }
        for effort in EFFORTS {
            assert!(ReasoningEffort::from_keyword(effort).is_some(), "{effort}");
        }
    }

    fn plain() -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build();
        client.expect("a client")
    }
}
