//! F16: names that change what they lead to, through the client that runs use. Servers, sockets and time are real; only who answers for the name
//! is scripted, because no test may depend on somebody's name server.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;
use crate::limits::Limits;
use crate::live::wire::builder;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Answers by script, one entry each time; `None` is a name server that fails.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<Option<Vec<IpAddr>>>>>,
    asked: Arc<AtomicUsize>,
}

impl Scripted {
    fn new(answers: &[Option<&[IpAddr]>]) -> Self {
        let answers = answers.iter().map(|one| one.map(<[IpAddr]>::to_vec));
        Self {
            answers: Arc::new(Mutex::new(answers.collect())),
            asked: Arc::default(),
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Lookup for Scripted {
    fn addresses(&self, _: &str) -> Pin<Box<dyn Future<Output = Found> + Send>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let next = self.answers.lock().expect("sound").pop_front();
        let found = next.expect("as often as scripted").map_or_else(
            || Err(io::Error::new(ErrorKind::TimedOut, "no name server")),
            |found| Ok(found.iter().map(|ip| SocketAddr::new(*ip, 0)).collect()),
        );
        Box::pin(std::future::ready(found))
    }
}

fn resolver(lookup: &Scripted, private_allowed: bool) -> Resolver<Scripted> {
    Resolver {
        private_allowed,
        only: None,
        lookup: lookup.clone(),
    }
}

fn client(lookup: &Scripted) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = builder(8, &Limits::standard(), resolver(lookup, true), None);
    builder.build().expect("a client")
}

/// Answers every connection once, with the address it stands at, and closes it.
fn serve(listener: TcpListener) {
    let here = listener.local_addr().expect("bound").ip().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let length = here.len();
            let said = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{here}"
            );
            let _ = stream.write_all(said.as_bytes()).await;
        }
    });
}

async fn get(client: &reqwest::Client, port: u16) -> Result<String, reqwest::Error> {
    let url = format!("http://model.example:{port}/");
    client.get(url).send().await?.text().await
}

fn is<E: std::error::Error + 'static>(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.is::<E>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[tokio::test]
async fn f16_a_name_that_fails_now_and_then_is_asked_again() {
    let listener = TcpListener::bind((ONE, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    serve(listener);
    let there: Option<&[IpAddr]> = Some(&[ONE]);
    let lookup = Scripted::new(&[None, there, Some(&[]), None, there]);
    let client = client(&lookup);
    for fails in [true, false, true, true, false] {
        match get(&client, port).await {
            Ok(said) => assert!(!fails && said == ONE.to_string()),
            Err(error) => assert!(fails && is::<Unresolved>(&error), "{error:?}"),
        }
    }
    assert_eq!(
        lookup.asked(),
        5,
        "a failure is not remembered, nor an address"
    );
}

#[tokio::test]
async fn f16_an_address_that_changes_is_followed_by_the_next_connection() {
    let first = TcpListener::bind((ONE, 0)).await.expect("a port");
    let port = first.local_addr().expect("bound").port();
    let Ok(second) = TcpListener::bind((OTHER, port)).await else {
        eprintln!("this machine has no second loopback address: not tested");
        return;
    };
    serve(first);
    serve(second);
    let lookup = Scripted::new(&[Some(&[ONE]), Some(&[OTHER]), Some(&[ONE])]);
    let client = client(&lookup);
    for expected in [ONE, OTHER, ONE] {
        let said = get(&client, port).await.expect("an answer");
        assert_eq!(said, expected.to_string());
    }
}

/// An address that was judged is no ticket for the next one, and a refusal does not stick either.
#[tokio::test]
async fn f16_a_changed_address_is_judged_again_each_time() {
    let public: Option<&[IpAddr]> = Some(&[PUBLIC]);
    let lookup = Scripted::new(&[
        public,
        Some(&[ONE]),
        public,
        Some(&[PUBLIC, ONE]),
        Some(&[SIX]),
        None,
        public,
    ]);
    let resolver = resolver(&lookup, false);
    for expected in [
        "goes",
        "private",
        "goes",
        "private",
        "private",
        "unresolved",
        "goes",
    ] {
        let name = Name::from_str("model.example").expect("a name");
        let came = match resolver.resolve(name).await {
            Ok(found) => {
                let found: Vec<IpAddr> = found.map(|it| it.ip()).collect();
                assert_eq!(found, [PUBLIC]);
                "goes"
            }
            Err(error) if error.is::<PrivateAddress>() => "private",
            Err(error) if error.is::<Unresolved>() => "unresolved",
            Err(error) => panic!("{error}"),
        };
        assert_eq!(came, expected);
    }
}

/// A name with an IPv6 address behind which every packet disappears is still reached by IPv4. The hole is real: a listener whose queue is full lets
/// the kernel drop what knocks.
#[tokio::test]
async fn f16_a_black_hole_of_ipv6_leaves_ipv4() {
    let four = TcpListener::bind((ONE, 0)).await.expect("a port");
    let port = four.local_addr().expect("bound").port();
    let hole = TcpSocket::new_v6().expect("a socket");
    if hole.bind(SocketAddr::new(SIX, port)).is_err() {
        eprintln!("this machine has no IPv6: not tested");
        return;
    }
    let _hole = hole.listen(1).expect("a listener");
    let mut knocks = Vec::new();
    let full = loop {
        let knock = TcpStream::connect((SIX, port));
        match tokio::time::timeout(std::time::Duration::from_millis(300), knock).await {
            Ok(Ok(stream)) if knocks.len() < 64 => knocks.push(stream),
            Ok(_) => break false,
            Err(_) => break true,
        }
    };
    if !full {
        eprintln!("this kernel's queues do not fill: not tested");
        return;
    }
    serve(four);
    let client = client(&Scripted::new(&[Some(&[SIX, ONE])]));
    assert_eq!(
        get(&client, port).await.expect("an answer"),
        ONE.to_string()
    );
}
