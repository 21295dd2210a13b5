//! The thread that speaks HTTP. It is not the one that commits: a slow disk neither lengthens a latency nor lets an answer run out of time.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use gatewright_core::exchange::{Blob, Exchange, Fault};
use gatewright_core::json::size_text;
use gatewright_core::manifest::Protocol;
use gatewright_core::response::Usage;
use reqwest::{Client, ClientBuilder, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use super::address::is_private_host;
use super::ask::Asker;
use super::door::Door;
use super::reply::{self, Head, Reading};
use super::reserve::Reserve;
use super::resolve::{
    Elsewhere, Lookup, PrivateAddress, Resolver, System, Unresolved, names, proxy,
};
use super::retry::retry_after;
use super::through;
use crate::crash;
use crate::limits::Limits;
use crate::secret::SecretText;
use crate::target::LiveTarget;

/// Headers of an answer that are kept, and the characters of each.
pub(super) const HEADERS_MAX: usize = 64;
pub(super) const HEADER_CHARS_MAX: usize = 1000;

/// One system's way to its host.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) asker: Asker,
    client: Client,
    /// Where the provider's protocol is not spoken here.
    door: Option<Arc<dyn Door>>,
    promise: Option<Duration>,
    reachable: bool,
    /// The run's limits, where the page says more of this system.
    limits: Option<Box<Limits>>,
    /// What follows an answer of its host at once.
    pub(crate) reserve: Arc<Reserve>,
}

/// A request that goes now.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) ticket: u64,
    pub(crate) line: usize,
    pub(crate) step: u32,
    pub(crate) call: u32,
    pub(crate) body: Vec<u8>,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) ticket: u64,
    pub(crate) exchange: Exchange,
    pub(crate) outcome: Outcome,
    pub(crate) retry_after: Option<Duration>,
    /// What was sent and what came back, secrets taken out.
    pub(crate) kept: Vec<Blob>,
    /// The request from the reserve that took its place, and when it went.
    pub(crate) followed: Option<(u64, Instant)>,
    /// The room of a large answer: given back when this is dropped.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    Read(Reading),
    /// The system exceeded its own promise of time.
    PromiseBroken(u64),
}

/// The thread. Dropping it leaves what is on its way.
pub(crate) struct Wire {
    pub(crate) orders: Option<mpsc::UnboundedSender<Order>>,
    pub(crate) heard: mpsc::UnboundedReceiver<Heard>,
    thread: Option<JoinHandle<()>>,
}

/// How connections to one host are made.
pub(super) struct Way<'w> {
    /// The operator's proxy.
    pub(super) proxy: Option<&'w SecretText>,
    /// Whether the operator allowed a private address.
    pub(super) private_allowed: bool,
    /// The only names that are resolved; all of them without.
    pub(super) only: Option<Vec<String>>,
    /// The host.
    pub(super) host: &'w str,
    /// Most connections that are kept.
    pub(super) most: u32,
}

/// Clients by the way that they connect: systems on one host share its connections, so that those which one of them leaves idle are not missed by
/// another (F22).
#[derive(Default)]
pub(crate) struct Clients(Vec<(Connects, Client)>);

/// What two systems have in common that share connections.
#[derive(PartialEq, Eq)]
struct Connects {
    proxy: Option<String>,
    private_allowed: bool,
    only: Option<Vec<String>>,
    host: String,
}

impl Clients {
    fn of(&mut self, way: &Way<'_>, limits: &Limits) -> Result<Client, String> {
        let connects = Connects {
            proxy: way.proxy.map(|proxy| proxy.reveal().to_owned()),
            private_allowed: way.private_allowed,
            only: way.only.clone(),
            host: way.host.to_owned(),
        };
        if let Some((_, known)) = self.0.iter().find(|(of, _)| *of == connects) {
            return Ok(known.clone());
        }
        let made = client(way, limits)?;
        self.0.push((connects, made.clone()));
        Ok(made)
    }
}

/// Prepares connections: no redirect, no retry, no compression, no proxy but the operator's.
///
/// # Errors
/// What cannot be used, for people.
pub(super) fn client(way: &Way<'_>, limits: &Limits) -> Result<Client, String> {
    // Installed once for the process; a second time changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let proxy = proxy(way.proxy, way.only.is_some().then_some(way.host))?;
    let resolver = Resolver {
        private_allowed: way.private_allowed,
        only: way.only.clone(),
        lookup: System,
    };
    builder(way.most, limits, resolver, proxy)
        .build()
        .map_err(|error| format!("the connection cannot be prepared: {}", chain(&error)))
}

/// What every connection has in common.
pub(super) fn builder<L: Lookup>(
    most: u32,
    limits: &Limits,
    resolver: Resolver<L>,
    proxy: Option<reqwest::Proxy>,
) -> ClientBuilder {
    let builder = Client::builder()
        .no_proxy()
        // Another part of the build may have compiled them in, and then they would be on.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tcp_nodelay(true)
        .connect_timeout(limits.connect_timeout)
        .pool_max_idle_per_host(most as usize)
        .pool_idle_timeout(Duration::from_secs(20))
        .dns_resolver(Arc::new(resolver));
    match proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    }
}

impl Line {
    /// Prepares a system's connections.
    ///
    /// # Errors
    /// What cannot be used, for people.
    pub(crate) fn new(
        target: &LiveTarget,
        limits: &Limits,
        (clients, most): (&mut Clients, u32),
    ) -> Result<Self, String> {
        let asker = Asker::new(target)?;
        let host = asker.url.host_str().unwrap_or_default().to_owned();
        let is_through = target.live.protocol == Protocol::Provider;
        let way = Way {
            proxy: target.proxy.as_ref(),
            private_allowed: target.private_allowed,
            only: is_through.then(|| names(&host, target.proxy.as_ref())),
            host: &host,
            most,
        };
        let client = clients.of(&way, limits)?;
        // A number in an address is never resolved, so it is looked at here.
        let reachable = target.private_allowed || !is_private_host(&host);
        let door = match (is_through, target.door) {
            (false, _) => None,
            (true, None) => return Err("this build has no adapters".to_owned()),
            (true, Some(open)) => {
                let key = target.secrets.first();
                Some(open(&target.live, key, client.clone())?)
            }
        };
        Ok(Self {
            asker,
            client,
            door,
            promise: target.timeout,
            reachable,
            limits: target.live.pace.answer_size_mib.map(|mib| {
                Box::new(Limits {
                    response_bytes_max: (mib as usize) << 20,
                    ..limits.clone()
                })
            }),
            reserve: Arc::default(),
        })
    }
}

impl Wire {
    /// Starts the thread.
    pub(crate) fn start(lines: Arc<[Line]>, limits: &Limits) -> std::io::Result<Self> {
        let (orders, mut received) = mpsc::unbounded_channel::<Order>();
        let (said, heard) = mpsc::unbounded_channel();
        let limits = Arc::new(limits.clone());
        let rooms = Arc::new(Semaphore::new(limits.large_bodies_max.max(1) as usize));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("gatewright-http".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    // Ends when the loop drops its side; what is on its way is dropped with the runtime.
                    while let Some(order) = received.recv().await {
                        let (lines, limits, said) = (lines.clone(), limits.clone(), said.clone());
                        let rooms = rooms.clone();
                        tokio::spawn(async move {
                            let mut next = Some(order);
                            while let Some(order) = next.take() {
                                let line = &lines[order.line];
                                let mut heard = call(line, order, &limits, rooms.clone()).await;
                                if matches!(heard.outcome, Outcome::Read(Reading::Reply(_))) {
                                    next = line.reserve.follow();
                                } else {
                                    line.reserve.flow(false);
                                }
                                heard.followed =
                                    next.as_ref().map(|it| (it.ticket, Instant::now()));
                                if said.send(heard).is_err() {
                                    // Nobody listens any more: the run has left.
                                    return;
                                }
                            }
                        });
                    }
                });
                runtime.shutdown_background();
            })?;
        Ok(Self {
            orders: Some(orders),
            heard,
            thread: Some(thread),
        })
    }

    /// Sends a request; nothing happens when the thread is gone, which the loop sees by itself.
    pub(crate) fn send(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has shown itself already as the end of what is heard.
            let _ = thread.join();
        }
    }
}

/// What has come so far.
#[derive(Default)]
pub(super) struct Received {
    pub(super) status: Option<u16>,
    pub(super) headers: BTreeMap<String, String>,
    /// Nothing before an answer began.
    pub(super) body: Option<Vec<u8>>,
    first_token: Option<Instant>,
    /// Taken once the answer is large.
    pub(super) room: Option<OwnedSemaphorePermit>,
    /// How long it waited for room of ours: no time of the system's.
    pub(super) held: Duration,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

async fn call(line: &Line, order: Order, limits: &Limits, rooms: Arc<Semaphore>) -> Heard {
    let limits = line.limits.as_deref().unwrap_or(limits);
    let asker = &line.asker;
    let request = Blob::of(asker.kept(&order.body));
    let mut got = Received::default();
    let total = line.promise.unwrap_or(limits.answer_timeout);
    let start = Instant::now();
    let ended = go(line, order.body, limits, start + total, rooms, &mut got).await;
    crash::point("body-read");
    let latency = start.elapsed().saturating_sub(got.held);
    let wait = retry_after(got.header("retry-after"), got.header("date"));
    // Secrets go before anything is read: an answer may repeat them.
    let body = got.body.take().map(|body| asker.scrub.bytes(body));
    let outcome = match ended {
        Ok(Some(reading)) => Outcome::Read(reading),
        Ok(None) => {
            let head = Head {
                status: got.status.unwrap_or_default(),
                content_type: got.header("content-type").unwrap_or_default(),
                content_encoding: got.header("content-encoding"),
            };
            let body = body.as_deref().unwrap_or_default();
            Outcome::Read(reply::read(&asker.live, &head, body))
        }
        Err((Fault::TookTooLong, _)) => match line.promise {
            Some(promise) => Outcome::PromiseBroken(promise.as_millis() as u64),
            None => {
                let what = format!("it took longer than {} s", total.as_secs());
                Outcome::Read(Reading::Fault(Fault::TookTooLong, what))
            }
        },
        Err((fault, what)) => {
            Outcome::Read(Reading::Fault(fault, asker.scrub.text(&what).into_owned()))
        }
    };
    let response = body.map(Blob::of);
    let mut exchange = Exchange {
        step: order.step,
        call: order.call,
        request: request.digest,
        response: response.as_ref().map(|blob| blob.digest),
        status: got.status,
        headers: got
            .headers
            .into_iter()
            .map(|(name, value)| (name, asker.scrub.text(&value).into_owned()))
            .collect(),
        latency_ms: milliseconds(latency),
        first_token_ms: got.first_token.map(|first| milliseconds(first - start)),
        ..Exchange::default()
    };
    describe(&mut exchange, &outcome, asker);
    crash::point("parsed");
    Heard {
        ticket: order.ticket,
        exchange,
        outcome,
        retry_after: wait,
        kept: std::iter::once(request).chain(response).collect(),
        followed: None,
        room: got.room,
    }
}

/// Makes the exchange; returns what a door made of it, where one is used.
async fn go(
    line: &Line,
    body: Vec<u8>,
    limits: &Limits,
    deadline: Instant,
    rooms: Arc<Semaphore>,
    got: &mut Received,
) -> Result<Option<Reading>, (Fault, String)> {
    if !line.reachable {
        let what = "its address is private, and nobody allowed it".to_owned();
        return Err((Fault::PrivateAddress, what));
    }
    let Some(door) = &line.door else {
        let ended = exchange(line, body, limits, deadline, rooms, got).await;
        return ended.map(|()| None);
    };
    let scrub = &line.asker.scrub;
    let ended = through::call(&**door, &body, (limits, deadline), rooms, scrub, got).await;
    ended.map(Some)
}

/// Notes what the answer says of itself, and what it cost.
fn describe(exchange: &mut Exchange, outcome: &Outcome, asker: &Asker) {
    match outcome {
        Outcome::Read(Reading::Reply(reply)) => {
            exchange.model.clone_from(&reply.model);
            exchange.fingerprint.clone_from(&reply.fingerprint);
            let used = reply.response.usage;
            let priced = || asker.live.cost(used.input_tokens?, used.output_tokens?);
            exchange.usage = Usage {
                cost_usd: used.cost_usd.or_else(priced),
                ..used
            };
        }
        Outcome::Read(Reading::Fault(fault, _)) => exchange.fault = Some(*fault),
        Outcome::PromiseBroken(_) => exchange.fault = Some(Fault::TookTooLong),
    }
}

fn milliseconds(time: Duration) -> f64 {
    // A microsecond is finer than any clock of a network; more digits would only be noise on the disk.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

async fn exchange(
    line: &Line,
    body: Vec<u8>,
    limits: &Limits,
    mut deadline: Instant,
    rooms: Arc<Semaphore>,
    got: &mut Received,
) -> Result<(), (Fault, String)> {
    let too_long = |_| (Fault::TookTooLong, String::new());
    let asker = &line.asker;
    let mut request = line
        .client
        .request(asker.method.clone(), asker.url.clone())
        .headers(asker.headers.clone());
    if !body.is_empty() {
        request = request.body(body);
    }
    let sent = timeout_at(deadline, request.send())
        .await
        .map_err(too_long)?;
    let mut response = sent.map_err(|error| classify(&error))?;
    // The provider has the request, and its answer is on its way.
    crash::point("in-flight");
    got.status = Some(response.status().as_u16());
    for (name, value) in response.headers().iter().take(HEADERS_MAX) {
        let secret = *name == header::SET_COOKIE;
        let value = if secret {
            crate::secret::REDACTED.to_owned()
        } else {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.chars().take(HEADER_CHARS_MAX).collect()
        };
        got.headers.insert(name.as_str().to_owned(), value);
    }
    let read = got.body.insert(Vec::new());
    loop {
        let patience = Instant::now() + limits.idle_timeout;
        let chunk = match timeout_at(patience.min(deadline), response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| classify(&error))?,
            Err(elapsed) if deadline <= patience => return Err(too_long(elapsed)),
            Err(_) => {
                let idle = limits.idle_timeout.as_secs();
                let what = format!("nothing came for {idle} s, after {} bytes", read.len());
                return Err((Fault::Stalled, what));
            }
        };
        let Some(chunk) = chunk else { return Ok(()) };
        if read.len() + chunk.len() > limits.response_bytes_max {
            let what = too_large(limits.response_bytes_max);
            return Err((Fault::TooLarge, what));
        }
        if got.room.is_none() && read.len() + chunk.len() > limits.small_body_bytes {
            let since = Instant::now();
            // Closed only with the thread itself.
            got.room = rooms.clone().acquire_owned().await.ok();
            got.held += since.elapsed();
            deadline += since.elapsed();
        }
        read.extend_from_slice(&chunk);
        if got.first_token.is_none() && reply::has_token(&asker.live, read) {
            got.first_token = Some(Instant::now());
        }
    }
}

/// Says that an answer is beyond the limit.
pub(super) fn too_large(most: usize) -> String {
    format!("its answer is longer than {}", size_text(most))
}

/// Says what a failed exchange means.
pub(super) fn classify(error: &reqwest::Error) -> (Fault, String) {
    let mut fault = None;
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.is::<PrivateAddress>() {
            fault = Some(Fault::PrivateAddress);
        } else if one.is::<Elsewhere>() {
            fault = Some(Fault::Redirect);
        } else if one.is::<Unresolved>() {
            fault = Some(Fault::Dns);
        } else if is_tls(one) {
            fault = Some(Fault::Tls);
        } else if let Some(error) = one.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{
                BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof,
            };
            if matches!(
                error.kind(),
                ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof
            ) {
                fault = fault.or(Some(Fault::Cut));
            }
        }
        cause = one.source();
    }
    let text = chain(error);
    // What a proxy says to the request for a tunnel comes as the connection's error, without its status.
    if error.is_connect() && text.contains("proxy auth") {
        return (Fault::Proxy, text);
    }
    let fault = fault.unwrap_or_else(|| {
        if error.is_connect() {
            Fault::Connect
        } else if error.is_body() || error.is_decode() || text.contains("before message completed")
        {
            Fault::Cut
        } else if text.contains("invalid HTTP")
            || text.contains("header")
            || text.contains("too large")
        {
            Fault::Unreadable
        } else {
            Fault::Cut
        }
    });
    // Over a proxy or an encrypted tunnel, a reset while connecting is no answer that was cut.
    let fault = if error.is_connect() && fault == Fault::Cut {
        Fault::Connect
    } else {
        fault
    };
    (fault, text)
}

/// Says whether an error is one of an encrypted connection. It hides inside errors of input and output, which pass over it when they are asked
/// for their source.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| is_tls(inner))
}

/// Writes an error and its causes in one line, without the address: it is known, and may hold what must not be shown.
fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(one) = cause {
        let text = one.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        cause = one.source();
    }
    if texts.is_empty() {
        return "the request failed".to_owned();
    }
    texts.join(": ")
}
