//! What the server answers to whom, over real connections.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use gatewright_web::{Shelf, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

struct Fixed;

impl Shelf for Fixed {
    fn list(&self) -> Result<String, String> {
        Ok("<p>the list</p>".to_owned())
    }

    fn report(&self, name: &str) -> Result<Option<String>, String> {
        match name {
            "0001-0123abcd" => Ok(Some("<p>the report</p>".to_owned())),
            "0002-0123abcd" => Err("the log <b>cannot</b> be read".to_owned()),
            _ => Ok(None),
        }
    }
}

/// Serves on a port of its own while `ask` runs.
fn serving(ask: impl FnOnce(SocketAddr)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (tell, address) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address"))
                .expect("heard");
            let stop = async {
                let _ = stopped.await;
            };
            serve(listener, Arc::new(Fixed), stop)
                .await
                .expect("served");
        });
    });
    ask(address.recv().expect("an address"));
    stop.send(()).expect("stops");
    server.join().expect("ends");
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn get(address: SocketAddr, path: &str, host: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    )
}

#[test]
fn pages_are_served_to_this_machine_with_their_policy() {
    serving(|address| {
        for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
            let host = format!("{host}:{}", address.port());
            let answer = get(address, "/", &host);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(answer.contains("<p>the list</p>"), "{answer}");
        }
        let host = address.to_string();
        let answer = get(address, "/runs/0001-0123abcd", &host).to_lowercase();
        assert!(answer.contains("<p>the report</p>"), "{answer}");
        for said in [
            "content-security-policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
            "content-type: text/html; charset=utf-8",
        ] {
            assert!(answer.contains(said), "{said}: {answer}");
        }
        let answer = get(address, "/runs/0002-0123abcd", &host).to_lowercase();
        assert!(
            answer.starts_with("http/1.1 422 ") && answer.contains("text/plain"),
            "{answer}"
        );
    });
}

#[test]
fn a18_other_names_are_refused_before_anything_is_looked_at() {
    serving(|address| {
        let port = address.port();
        for host in [
            "evil.example".to_owned(),
            format!("evil.example:{port}"),
            format!("127.0.0.1.evil.example:{port}"),
            format!("localhost:{}", port.wrapping_add(1)),
            "localhost".to_owned(),
            String::new(),
        ] {
            for path in ["/", "/runs/0001-0123abcd", "/nothing"] {
                let answer = get(address, path, &host);
                assert!(answer.starts_with("HTTP/1.1 403 "), "{host}: {answer}");
                assert!(!answer.contains("the list") && !answer.contains("the report"));
            }
        }
        let without = ask(address, "GET / HTTP/1.0\r\n\r\n");
        assert!(
            without.starts_with("HTTP/1.0 403 ") || without.starts_with("HTTP/1.1 403 "),
            "{without}"
        );
        let twice = ask(
            address,
            &format!(
                "GET / HTTP/1.1\r\nHost: localhost:{port}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
            ),
        );
        assert!(!twice.starts_with("HTTP/1.1 200 "), "{twice}");
        let absolute = get(
            address,
            "http://evil.example/",
            &format!("localhost:{port}"),
        );
        assert!(absolute.starts_with("HTTP/1.1 403 "), "{absolute}");
    });
}

#[test]
fn a20_nothing_but_two_paths_is_there_and_nothing_can_be_changed() {
    serving(|address| {
        let host = address.to_string();
        for path in [
            "/runs",
            "/runs/",
            "/runs/x",
            "/runs/../x",
            "/runs/%2e%2e%2fx",
            "/runs/0001-0123abcd/",
            "//",
            "/RUNS/0001-0123abcd",
            "/runs/0001-0123abcd;x",
        ] {
            let answer = get(address, path, &host);
            assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            let answer = ask(
                address,
                &format!(
                    "{method} / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                ),
            );
            assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
        }
    });
}

#[test]
fn a19_an_address_of_others_is_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let refused = runtime.block_on(async {
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
        serve(listener, Arc::new(Fixed), async {}).await
    });
    assert!(refused.is_err());
}
