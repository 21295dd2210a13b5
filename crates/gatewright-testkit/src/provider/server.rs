//! Connections: reading requests, deciding, taking the steps, writing down.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::plan::{Case, plan};
use super::record::Record;
use super::request::{Parsed, Request, asked, parse};
use super::script::{Facts, Script};
use super::wire::Step;

/// What all connections share.
struct Server {
    script: Script,
    record: Arc<Record>,
    /// Why the log could not be written: an oracle that has gaps is none, so everything stops.
    broken: Mutex<Option<io::Error>>,
    stop: Notify,
}

/// How the steps of one response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All sent; the connection can take another request.
    Whole,
    /// Cut on purpose, or by a client that left.
    Cut,
}

impl Server {
    fn give_up(&self, error: io::Error) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.stop.notify_one();
    }
}

/// Serves until `stop` is done, or the log cannot be written.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    script: Script,
    record: Arc<Record>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let server = Arc::new(Server {
        script,
        record,
        broken: Mutex::new(None),
        stop: Notify::new(),
    });
    let (own, record) = (Arc::clone(&server), Arc::clone(&server.record));
    tokio::spawn(async move {
        if let Err(error) = record.write_ends().await {
            own.give_up(error);
        }
    });
    tokio::select! {
        () = stop => {}
        () = server.stop.notified() => {}
        () = accept(&listener, &server) => {}
    }
    server.record.write()?;
    let broken = server
        .broken
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    broken.map_or(Ok(()), Err)
}

async fn accept(listener: &TcpListener, server: &Arc<Server>) {
    let mut number = 0;
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            // Out of descriptors, or a client that has left: others are served on.
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        number += 1;
        let fits =
            |nth: &Option<super::script::Nth>| nth.as_ref().is_some_and(|nth| nth.holds(number));
        if fits(&server.script.hang_up) {
            continue;
        }
        if fits(&server.script.half_open) {
            tokio::spawn(async move { left(&mut stream).await });
            continue;
        }
        let server = Arc::clone(server);
        tokio::spawn(async move {
            if let Err(error) = connection(stream, number, &server).await {
                server.give_up(error);
            }
        });
    }
}

/// Serves one connection; an error is one of the log.
async fn connection(mut stream: TcpStream, number: u64, server: &Server) -> io::Result<()> {
    // Without it, small pieces would wait for each other.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(8 << 10);
    let mut told = false;
    loop {
        match parse(&buffer) {
            Parsed::Whole(request, taken) => {
                buffer.drain(..taken);
                told = false;
                if respond(&mut stream, number, server, request).await? == End::Cut {
                    return Ok(());
                }
                continue;
            }
            Parsed::Continue if !told => {
                told = true;
                if stream
                    .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                    .await
                    .is_err()
                {
                    return Ok(());
                }
            }
            Parsed::Partial | Parsed::Continue => {}
            Parsed::Bad(why) => {
                let length = why.len();
                let response = format!(
                    "HTTP/1.1 400 Bad Request\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{why}"
                );
                let _ = stream.write_all(response.as_bytes()).await;
                return Ok(());
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(read) if read > 0 => {}
            _ => return Ok(()),
        }
    }
}

async fn respond(
    stream: &mut TcpStream,
    connection: u64,
    server: &Server,
    request: Request,
) -> io::Result<End> {
    let asked = asked(&request);
    let counted = server.record.count(&asked.key);
    let behaviour = server.script.behaviour(Facts {
        nth: counted.seq,
        nth_for_key: counted.nth_for_key,
        content: &asked.content,
        key: &asked.key,
        path: request.plain_path(),
    });
    let name = behaviour.map_or("answer", |behaviour| behaviour.name());
    let plan = plan(
        behaviour,
        Case {
            script: &server.script,
            request: &request,
            asked: &asked,
            nth: counted.seq,
            unix_now: unix_now(),
        },
    );
    let closes = request
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let chosen = (name, plan.status, plan.billed);
    server
        .record
        .received(connection, &counted, request, asked, chosen)?;
    let end = act(stream, plan.steps).await;
    server.record.ended(counted.seq, end == End::Whole)?;
    Ok(if closes { End::Cut } else { end })
}

/// Takes the steps one after the other.
async fn act(stream: &mut TcpStream, steps: Vec<Step>) -> End {
    for step in steps {
        let sent = match step {
            Step::Bytes(bytes) => stream.write_all(&bytes).await.is_ok(),
            Step::Repeat { pattern, times } => repeat(stream, &pattern, times).await,
            Step::Trickle { bytes, gap_ms } => trickle(stream, &bytes, gap_ms).await,
            Step::Wait(millis) => wait(stream, millis).await,
            Step::Stall => {
                left(stream).await;
                false
            }
            Step::Reset => {
                let _ = stream.set_zero_linger();
                false
            }
            Step::Close => {
                let _ = stream.shutdown().await;
                false
            }
        };
        if !sent {
            return End::Cut;
        }
    }
    End::Whole
}

async fn repeat(stream: &mut TcpStream, pattern: &[u8], times: u64) -> bool {
    for _ in 0..times {
        if stream.write_all(pattern).await.is_err() {
            return false;
        }
    }
    true
}

async fn trickle(stream: &mut TcpStream, bytes: &[u8], gap_ms: u64) -> bool {
    for byte in bytes {
        if !wait(stream, gap_ms).await || stream.write_all(&[*byte]).await.is_err() {
            return false;
        }
    }
    true
}

/// Waits; false when the client leaves meanwhile, as the first write after that would still succeed.
async fn wait(stream: &TcpStream, millis: u64) -> bool {
    if millis == 0 {
        return true;
    }
    let time = sleep(Duration::from_millis(millis));
    tokio::pin!(time);
    let mut byte = [0];
    tokio::select! {
        () = &mut time => true,
        seen = stream.peek(&mut byte) => {
            let stays = matches!(seen, Ok(read) if read > 0);
            if stays {
                // The next request is there already; it has to wait as well.
                time.await;
            }
            stays
        }
    }
}

/// Reads and forgets until the client has gone.
async fn left(stream: &mut TcpStream) {
    let mut heap = vec![0; 4 << 10];
    while matches!(stream.read(&mut heap).await, Ok(read) if read > 0) {}
}

fn unix_now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64)
}
