//! `gatewright view`: the runs of a project, read-only, for whoever sits at this machine.
//!
//! Every request must name this server by a loopback name (a page of another site that points its own name here gets nothing), no
//! request changes anything, and one report is made at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::CONTENT_SECURITY_POLICY;

/// What is served. Each call may take as long as making a report does.
pub trait Shelf: Send + Sync + 'static {
    /// The list of runs, as HTML.
    ///
    /// # Errors
    /// What to show instead, as text.
    fn list(&self) -> Result<String, String>;

    /// The report of a run, as HTML; nothing when there is no run of this name.
    ///
    /// # Errors
    /// What to show instead, as text.
    fn report(&self, name: &str) -> Result<Option<String>, String>;
}

struct Served {
    shelf: Arc<dyn Shelf>,
    /// Reports are made one after the other: each holds a run in memory.
    turn: Semaphore,
    port: u16,
}

/// Serves until `stop` ends. Requests that are being answered are finished.
///
/// # Errors
/// When the address is not a loopback one, or the system refuses.
pub async fn serve(
    listener: TcpListener,
    shelf: Arc<dyn Shelf>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !is_loopback(address) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{address} is not an address of this machine alone"),
        ));
    }
    let served = Arc::new(Served {
        shelf,
        turn: Semaphore::new(1),
        port: address.port(),
    });
    axum::serve(listener, router(served))
        .with_graceful_shutdown(stop)
        .await
}

/// Says whether an address can be reached from this machine alone.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn router(served: Arc<Served>) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/runs/{name}", get(report))
        .layer(middleware::from_fn_with_state(Arc::clone(&served), guard))
        .with_state(served)
}

/// Refuses what does not name this server, before anything else is looked at; and says of every answer what it may do.
async fn guard(State(served): State<Arc<Served>>, request: Request, next: Next) -> Response {
    let mut response = if is_named(request.headers(), request.uri(), served.port) {
        next.run(request).await
    } else {
        let said = "this server answers to localhost only\n";
        (StatusCode::FORBIDDEN, said).into_response()
    };
    let policy = format!("{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'");
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Says whether a request asks for this server by a name of this machine, and for its port.
fn is_named(headers: &HeaderMap, uri: &Uri, port: u16) -> bool {
    let ours = |host: &str| {
        ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|name| host.eq_ignore_ascii_case(&format!("{name}:{port}")))
    };
    let mut named = headers.get_all(header::HOST).iter();
    let one = named.next().and_then(|host| host.to_str().ok());
    one.is_some_and(ours)
        && named.next().is_none()
        && uri
            .authority()
            .is_none_or(|authority| ours(authority.as_str()))
}

async fn list(State(served): State<Arc<Served>>) -> Response {
    let shelf = Arc::clone(&served.shelf);
    made(&served, move || shelf.list().map(Some)).await
}

async fn report(State(served): State<Arc<Served>>, Path(name): Path<String>) -> Response {
    let shelf = Arc::clone(&served.shelf);
    made(&served, move || shelf.report(&name)).await
}

/// Makes a page on a thread that may take its time.
async fn made(
    served: &Served,
    make: impl FnOnce() -> Result<Option<String>, String> + Send + 'static,
) -> Response {
    let _turn = served.turn.acquire().await;
    match spawn_blocking(make).await {
        Ok(Ok(Some(html))) => Html(html).into_response(),
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, "there is no such run\n").into_response(),
        Ok(Err(why)) => (StatusCode::UNPROCESSABLE_ENTITY, why).into_response(),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "this report could not be made: a defect, which the terminal shows\n",
        )
            .into_response(),
    }
}
