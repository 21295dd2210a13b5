//! `gatewright view`: the runs of a project, read-only, for whoever sits at this machine.
//!
//! Every request must name this server by a loopback name (a page of another site that points its own name here gets nothing), no
//! request changes anything, and one report is made at a time.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::CONTENT_SECURITY_POLICY;
use crate::guard::{Guard, Names, guard, is_loopback};

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
    });
    let door = Guard::new(Names::of(address), CONTENT_SECURITY_POLICY, "no-referrer");
    axum::serve(listener, router(served, Arc::new(door)))
        .with_graceful_shutdown(stop)
        .await
}

fn router(served: Arc<Served>, door: Arc<Guard>) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/runs/{name}", get(report))
        .layer(middleware::from_fn_with_state(door, guard))
        .with_state(served)
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
