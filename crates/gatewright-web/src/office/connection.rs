//! Connections: how many there may be, and how long one may take to say what it wants.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Most connections at once; more wait to be accepted.
const CONNECTIONS: usize = 512;
/// How long the lines before a request's body may take, and how long a connection may be silent between requests.
const HEADER_TIME: Duration = Duration::from_secs(20);
/// Most bytes of the lines before a request's body.
const HEADER_BYTES: usize = 32 * 1024;
/// How long those that are being answered may take once the server is told to stop.
const LAST_TIME: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more files to give.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers connections until `stop` ends, then finishes what is being answered.
pub(super) async fn answer(
    listener: TcpListener,
    app: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (end, ended) = watch::channel(false);
    let mut open = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = stop.as_mut() => break,
            next = next => next,
        };
        let Ok((stream, _)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let one = serve_one(stream, app.clone(), ended.clone());
        open.spawn(async move {
            one.await;
            drop(place);
        });
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    end.send_replace(true);
    let all = async { while open.join_next().await.is_some() {} };
    // Who does not take the answer by then does not get it.
    let _ = timeout(LAST_TIME, all).await;
    Ok(())
}

async fn serve_one(stream: TcpStream, app: Router, mut ended: watch::Receiver<bool>) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES);
    let service = TowerToHyperService::new(app);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // What goes wrong with a connection is its other end's to see.
        _ = connection.as_mut() => return,
        _ = ended.wait_for(|ended| *ended) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
