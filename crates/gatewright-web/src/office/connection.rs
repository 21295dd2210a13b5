//! Connections: how many there may be, and how long one may take to say what it wants.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::front::Tls;
use super::held;

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

/// Most connections of one client that is not this machine and no proxy of ours: the others have room beside it.
const OF_CLIENT: usize = 64;

/// How many connections each client has.
#[derive(Clone, Default)]
struct Clients(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A client's connection, while it is open.
struct Counted(Clients, IpAddr);

impl Clients {
    fn count(&self, client: IpAddr) -> Option<Counted> {
        let mut all = held(&self.0);
        let count = all.entry(client).or_default();
        (*count < OF_CLIENT).then(|| {
            *count += 1;
            Counted(self.clone(), client)
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = held(&self.0.0);
        if let Some(count) = all.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.1);
            }
        }
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

/// Answers connections until `stop` ends, then finishes what is being answered. `counts` names the client whose connections are counted.
pub(super) async fn answer(
    listener: TcpListener,
    app: Router,
    tls: Option<Tls>,
    counts: impl Fn(IpAddr) -> Option<IpAddr>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let acceptor = tls.map(|tls| TlsAcceptor::from(tls.0));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (end, ended) = watch::channel(false);
    let clients = Clients::default();
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
        let Ok((stream, from)) = accepted else {
            sleep(PAUSE).await;
            continue;
        };
        let (app, acceptor, ended) = (app.clone(), acceptor.clone(), ended.clone());
        let peer = Peer(from.ip());
        let counted = match counts(from.ip()) {
            None => None,
            Some(client) => match clients.count(client) {
                Some(counted) => Some(counted),
                // Closed at once.
                None => continue,
            },
        };
        let one = async move {
            match acceptor {
                None => serve_one(stream, peer, app, ended).await,
                Some(acceptor) => greet(stream, peer, app, ended, &acceptor).await,
            }
        };
        open.spawn(async move {
            one.await;
            drop((place, counted));
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

/// Agrees on a key first. Who takes too long over it, or speaks something else, is not answered.
async fn greet(
    stream: TcpStream,
    peer: Peer,
    app: Router,
    ended: watch::Receiver<bool>,
    acceptor: &TlsAcceptor,
) {
    if let Ok(Ok(stream)) = timeout(HEADER_TIME, acceptor.accept(stream)).await {
        serve_one(stream, peer, app, ended).await;
    }
}

async fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    app: Router,
    mut ended: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES);
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        app.call(request)
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // What goes wrong with a connection is its other end's to see.
        _ = connection.as_mut() => return,
        _ = ended.wait_for(|ended| *ended) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
