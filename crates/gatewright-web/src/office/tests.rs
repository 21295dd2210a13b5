//! The review server, asked as browsers and as attackers ask it. The desk, the accounts and the router are the real ones; the log is held in memory.

mod access;
mod blind;
mod book;
mod labels;
mod provider;
mod sessions;
mod settling;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use gatewright_core::digest::Digest;
use gatewright_core::review::{
    AgreementDocument, Desk, Item, Origin, Refusal, ReviewEvent, desk_agreement,
};
use gatewright_store::{Accounts, Note, Proof};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;
use url::form_urlencoded;

use super::access::{Role, app};
use super::project::Project;
use super::{Door, Office, Served};

const HOST: &str = "localhost:7418";
const CODE: &str = "correct-horse";
const PASSWORD: &str = "a long password";
/// 2026-11-27T10:00:00Z.
const START: i64 = 1_795_773_600;

/// A project log in memory, with a clock that stands still until it is moved.
struct Memory {
    desk: Mutex<Arc<Desk>>,
    events: Mutex<Vec<ReviewEvent>>,
    now: Mutex<i64>,
    drawn: AtomicU64,
}

impl Memory {
    fn events(&self) -> usize {
        self.events.lock().expect("held").len()
    }

    fn wait(&self, seconds: i64) {
        *self.now.lock().expect("held") += seconds;
    }

    /// Puts another desk in the place of this one.
    fn set(&self, desk: Desk) {
        *self.desk.lock().expect("held") = Arc::new(desk);
    }
}

impl Office for Memory {
    fn product(&self) -> String {
        "Billing <assistant>".to_owned()
    }

    fn now(&self) -> String {
        let second = *self.now.lock().expect("held");
        let now = jiff::Timestamp::from_second(second).expect("in range");
        now.to_string()
    }

    fn desk(&self) -> Result<Arc<Desk>, String> {
        Ok(Arc::clone(&self.desk.lock().expect("held")))
    }

    fn record(&self, event: ReviewEvent) -> Result<Result<(), Refusal>, String> {
        let mut desk = self.desk.lock().expect("held");
        if let Err(refusal) = desk.check(&event) {
            return Ok(Err(refusal));
        }
        Arc::make_mut(&mut desk).apply(&event);
        self.events.lock().expect("held").push(event);
        Ok(Ok(()))
    }

    fn agreement(&self, desk: &Desk) -> AgreementDocument {
        desk_agreement(desk, 1)
    }

    fn random(&self) -> Result<[u8; 32], String> {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        Ok(*Digest::of(&drawn.to_le_bytes()).bytes())
    }
}

/// An item of the criterion `grounded`.
fn item(name: &str, input: &str, output: &str) -> Item {
    Item {
        criterion: "grounded".to_owned(),
        example: name.to_owned(),
        answer_id: format!("code-{name}"),
        trial: 0,
        part: None,
        labels: vec!["supported".to_owned(), "unsupported".to_owned()],
        rubric: Some("r-1".to_owned()),
        input: input.to_owned(),
        output: Some(output.to_owned()),
        second: None,
        inclusion: None,
    }
}

fn asked(item: &Item, people: u32, why: &str) -> ReviewEvent {
    ReviewEvent::Asked {
        item: Box::new(item.clone()),
        people,
        not_by: ["author".to_owned()].into(),
        why: why.to_owned(),
        by: "gate".to_owned(),
        at: "2026-11-27T09:00:00Z".to_owned(),
    }
}

fn labelled(item: &Item, by: &str, label: &str, note: &str) -> ReviewEvent {
    ReviewEvent::Labelled {
        item: item.id(),
        label: label.to_owned(),
        by: by.to_owned(),
        note: note.to_owned(),
        settles: false,
        origin: Origin::Here,
        at: "2026-11-27T09:30:00Z".to_owned(),
    }
}

/// A desk of one answer that waits for two people, and one on which two differ.
fn two_answers() -> (Item, Item, Desk) {
    let (open, disputed) = (
        item("e1", "May I cancel?", "Yes, at any time."),
        item("e2", "And refunds?", "Within 14 days."),
    );
    let mut desk = Desk::default();
    for event in [
        asked(&open, 2, "the judge failed it"),
        asked(&disputed, 2, "picked at random"),
        labelled(&disputed, "zoe", "supported", "page 3 says so"),
        labelled(&disputed, "yan", "unsupported", "no source"),
    ] {
        desk.check(&event).expect("may be said");
        desk.apply(&event);
    }
    (open, disputed, desk)
}

/// A session: its cookie and the token of its forms.
#[derive(Clone, Debug)]
struct Login {
    cookie: String,
    csrf: String,
}

/// What the server answered.
#[derive(Debug, PartialEq)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn place(&self) -> &str {
        let place = self.headers.get(header::LOCATION);
        place.map_or("", |place| place.to_str().expect("text"))
    }

    /// The cookie that was set.
    fn cookie(&self) -> String {
        let line = self.headers[header::SET_COOKIE].to_str().expect("text");
        line.split(';').next().expect("a pair").to_owned()
    }
}

struct Site {
    app: Router,
    memory: Arc<Memory>,
    book: Arc<book::Book>,
    served: Arc<Served>,
    runtime: Runtime,
    _dir: TempDir,
}

impl Site {
    fn new(desk: Desk) -> Self {
        let address = "127.0.0.1:7418".parse().expect("an address");
        Self::reached(desk, Door::default(), address)
    }

    /// A server that others reach.
    fn reached(desk: Desk, door: Door, address: SocketAddr) -> Self {
        let door = Door {
            first_code: Some(CODE.to_owned()),
            ..door
        };
        let dir = tempfile::tempdir().expect("a folder");
        let memory = Arc::new(Memory {
            desk: Mutex::new(Arc::new(desk)),
            events: Mutex::default(),
            now: Mutex::new(START),
            drawn: AtomicU64::new(0),
        });
        let accounts = Accounts::open(dir.path()).expect("opens");
        let office = Arc::clone(&memory) as Arc<dyn Office>;
        let book = Arc::new(book::Book::default());
        let project = Arc::clone(&book) as Arc<dyn Project>;
        let served = Served::new((office, project), accounts, door, address).expect("made");
        let served = Arc::new(served);
        Self {
            app: app(Arc::clone(&served)),
            memory,
            book,
            served,
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            _dir: dir,
        }
    }

    /// Adds somebody who cannot log in by password, where there is nobody of the name yet, and gives a session.
    fn login(&self, name: &str, role: Role) -> Login {
        let (token, csrf) = (
            self.served.token().expect("drawn"),
            self.served.token().expect("drawn"),
        );
        let hash = Digest::of(token.as_bytes());
        let now = *self.memory.now.lock().expect("held");
        let accounts = self.served.accounts();
        let at = self.memory.now();
        accounts
            .add(name, role.word(), ("none", false), &at)
            .expect("adds");
        // Whatever the password is held against: here nobody types it.
        let person = accounts.find(name).expect("reads").expect("is there");
        let proof = Proof::Password { hash: &person.hash };
        accounts
            .start_session(hash.bytes(), (name, proof), &csrf, now, now + 43_200)
            .expect("begins");
        let cookie = format!("{}={token}", self.served.cookie);
        Login { cookie, csrf }
    }

    /// The name of an answer in a browser.
    fn alias(&self, item: &Item) -> String {
        self.served.aliases.of(&item.id())
    }

    /// Makes the first admin, ana, with her password.
    fn first(&self) -> Got {
        let form = [("code", CODE), ("name", "Ana"), ("password", PASSWORD)];
        self.post("/first", None, &form)
    }

    fn get(&self, path: &str, login: Option<&Login>) -> Got {
        self.ask("GET", path, login, &[], String::new())
    }

    /// Sends a form with the session's token.
    fn post(&self, path: &str, login: Option<&Login>, fields: &[(&str, &str)]) -> Got {
        let mut form = form_urlencoded::Serializer::new(String::new());
        if let Some(login) = login {
            form.append_pair("csrf", &login.csrf);
        }
        let form = form.extend_pairs(fields).finish();
        self.ask("POST", path, login, &[], form)
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        login: Option<&Login>,
        headers: &[(&str, &str)],
        body: String,
    ) -> Got {
        let uri = format!("http://{HOST}{path}");
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", HOST)
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(login) = login {
            request = request.header("cookie", &login.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).expect("a request");
        self.runtime.block_on(async {
            let response = self.app.clone().oneshot(request).await.expect("answers");
            let (parts, body) = response.into_parts();
            let bytes = to_bytes(body, 1 << 22).await.expect("a body");
            Got {
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8(bytes.to_vec()).expect("text"),
            }
        })
    }

    fn notes(&self) -> Vec<Note> {
        self.served.accounts().notes().expect("reads")
    }
}
