//! A forge that keeps issues: HTTP/1.1 on loopback, as much of GitHub's REST interface v3 and of GitLab's v4 as issues need.
//!
//! Its answers have the field names and shapes of the examples that both publish in their documentation (`recorded`); no real forge was asked. It
//! keeps what it is told, in memory, gives two issues a page, and does wrong what a [`Fault`] says.

mod recorded;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;

/// Entries of a page, whatever is asked for: so that a few issues are several pages.
const PAGE: usize = 2;

/// Whose interface it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GitHub.
    Github,
    /// GitLab.
    Gitlab,
}

/// An issue that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// It is open.
    pub open: bool,
    /// What was said there.
    pub comments: Vec<String>,
    /// It is a pull request, which GitHub lists among issues.
    pub pull_request: bool,
}

/// One request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// What was sent.
    pub body: String,
}

impl Came {
    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(own, _)| own == name).map(|(_, it)| &**it)
    }
}

/// What goes wrong once, with the next request of a method.
#[derive(Clone, Debug)]
pub struct Fault {
    /// `GET`, `POST` …
    pub method: &'static str,
    /// How many such requests are dealt with as they should be before.
    pub after: usize,
    /// What happens.
    pub does: Does,
}

/// What a fault does.
#[derive(Clone, Debug)]
pub enum Does {
    /// Answers this instead, and does nothing.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Does what is asked for, and cuts the connection instead of an answer.
    CutAfter,
    /// Keeps an issue without its labels.
    NoLabels,
}

/// What the forge has.
#[derive(Debug, Default)]
struct State {
    issues: Vec<Kept>,
    came: Vec<Came>,
    faults: Vec<Fault>,
}

/// A forge on a thread of its own; it stops when it is dropped.
#[derive(Debug)]
pub struct Forge {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

impl Forge {
    /// Starts one that takes this token.
    ///
    /// # Panics
    /// When there is no port or thread to be had.
    pub fn start(kind: Kind, token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket's address");
        let state = Arc::new(Mutex::new(State::default()));
        let (own, token) = (Arc::clone(&state), token.to_owned());
        let serve = move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                if !answer(kind, &token, address, &own, stream) {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("forge".to_owned());
        Self {
            address,
            state,
            thread: Some(thread.spawn(serve).expect("a thread")),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `HOST:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its interface's address.
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// Returns what it keeps.
    pub fn issues(&self) -> Vec<Kept> {
        self.state().issues.clone()
    }

    /// Keeps an issue.
    pub fn keep(&self, issue: Kept) {
        self.state().issues.push(issue);
    }

    /// Returns what came, and forgets it.
    pub fn came(&self) -> Vec<Came> {
        std::mem::take(&mut self.state().came)
    }

    /// Does something wrong once.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        // A request that is none wakes the thread, which then ends.
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.write_all(b"END\r\n\r\n");
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is answered: status, headers, body.
type Answer = (u16, Vec<(&'static str, String)>, String);

/// Deals with one connection of one request; says whether to go on.
fn answer(
    kind: Kind,
    token: &str,
    address: SocketAddr,
    state: &Mutex<State>,
    mut stream: TcpStream,
) -> bool {
    let Some(came) = read(&stream) else {
        return true;
    };
    if came.method == "END" {
        return false;
    }
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.came.push(came.clone());
    let fault = due(&mut state.faults, &came.method);
    let given = match kind {
        Kind::Github => came
            .header("authorization")
            .and_then(|it| it.strip_prefix("Bearer ")),
        Kind::Gitlab => came.header("private-token"),
    };
    let done = match fault {
        Some(Does::Answer(status, headers, body)) => (status, headers, body),
        _ if given != Some(token) => recorded::refused(kind),
        Some(Does::CutAfter) => {
            do_it(kind, address, &mut state.issues, &came, true);
            return true;
        }
        Some(Does::NoLabels) => do_it(kind, address, &mut state.issues, &came, false),
        None => do_it(kind, address, &mut state.issues, &came, true),
    };
    drop(state);
    let (status, headers, body) = done;
    let mut head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\ndate: Mon, 02 Nov 2026 09:00:00 GMT\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
    true
}

fn due(faults: &mut Vec<Fault>, method: &str) -> Option<Does> {
    let at = faults.iter().position(|fault| fault.method == method)?;
    if faults[at].after > 0 {
        faults[at].after -= 1;
        return None;
    }
    Some(faults.remove(at).does)
}

fn read(stream: &TcpStream) -> Option<Came> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let path = words.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, it)| it.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Came {
        method,
        path,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}

/// Does what is asked for.
fn do_it(
    kind: Kind,
    address: SocketAddr,
    issues: &mut Vec<Kept>,
    came: &Came,
    labels: bool,
) -> Answer {
    let (path, query) = came.path.split_once('?').unwrap_or((&came.path, ""));
    let root = match kind {
        Kind::Github => "/api/repos/octocat/Hello-World/issues",
        Kind::Gitlab => "/api/projects/4/issues",
    };
    // GitHub's next pages are under another path than the one that was asked for.
    let root = match path.strip_prefix("/api/repositories/1296269/issues") {
        Some(_) => "/api/repositories/1296269/issues",
        None => root,
    };
    let Some(rest) = path.strip_prefix(root) else {
        return recorded::not_found(kind);
    };
    let sent: Value = serde_json::from_str(&came.body).unwrap_or_default();
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    let number = parts.first().and_then(|it| it.parse::<u64>().ok());
    let known = number.and_then(|number| issues.iter().position(|it| it.number == number));
    match (came.method.as_str(), parts.as_slice(), known) {
        ("GET", [], _) => list(kind, address, root, issues, query),
        ("POST", [], _) => {
            let kept = opened(kind, issues, &sent, labels);
            let shown = recorded::issue(kind, &kept);
            issues.push(kept);
            (201, Vec::new(), shown.to_string())
        }
        ("GET", [_, _], Some(at)) => {
            let said = issues[at].comments.iter();
            let said: Vec<Value> = said.map(|text| recorded::comment(kind, text)).collect();
            (200, Vec::new(), Value::from(said).to_string())
        }
        ("POST", [_, _], Some(at)) => {
            let text = sent["body"].as_str().unwrap_or_default().to_owned();
            let shown = recorded::comment(kind, &text);
            issues[at].comments.push(text);
            (201, Vec::new(), shown.to_string())
        }
        ("PATCH", [_], Some(at)) if kind == Kind::Github => {
            issues[at].open = sent["state"] != "closed";
            (
                200,
                Vec::new(),
                recorded::issue(kind, &issues[at]).to_string(),
            )
        }
        ("PUT", [_], Some(at)) if kind == Kind::Gitlab => {
            issues[at].open = sent["state_event"] != "close";
            (
                200,
                Vec::new(),
                recorded::issue(kind, &issues[at]).to_string(),
            )
        }
        _ => recorded::not_found(kind),
    }
}

fn opened(kind: Kind, issues: &[Kept], sent: &Value, labels: bool) -> Kept {
    let text = |name: &str| sent[name].as_str().unwrap_or_default().to_owned();
    let given = match kind {
        Kind::Github => sent["labels"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
        Kind::Gitlab => vec![sent["labels"].clone()],
    };
    Kept {
        number: 1 + issues.iter().map(|it| it.number).max().unwrap_or(0),
        title: text("title"),
        body: match kind {
            Kind::Github => text("body"),
            Kind::Gitlab => text("description"),
        },
        labels: given
            .iter()
            .filter(|_| labels)
            .filter_map(|it: &Value| it.as_str().map(str::to_owned))
            .collect(),
        open: true,
        ..Kept::default()
    }
}

/// A page of open issues with a label, the newest first, with links to the others.
fn list(kind: Kind, address: SocketAddr, root: &str, issues: &[Kept], query: &str) -> Answer {
    let asked = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(own, _)| *own == name).map(|(_, it)| it)
    };
    let page: usize = asked("page").and_then(|it| it.parse().ok()).unwrap_or(1);
    let label = asked("labels").unwrap_or_default().to_lowercase();
    let open = match kind {
        Kind::Github => asked("state") == Some("open"),
        Kind::Gitlab => asked("state") == Some("opened"),
    };
    let has =
        |it: &&Kept| it.open == open && it.labels.iter().any(|own| own.to_lowercase() == label);
    let all: Vec<&Kept> = issues.iter().rev().filter(has).collect();
    let shown = all.iter().skip((page - 1) * PAGE).take(PAGE);
    let shown: Vec<Value> = shown.map(|it| recorded::issue(kind, it)).collect();
    let mut headers = Vec::new();
    if page * PAGE < all.len() {
        let own = match kind {
            Kind::Github => "/api/repositories/1296269/issues",
            Kind::Gitlab => root,
        };
        let state = asked("state").unwrap_or_default();
        let next = format!(
            "http://{address}{own}?state={state}&labels={label}&page={}",
            page + 1
        );
        let first = format!("http://{address}{own}?state={state}&labels={label}&page=1");
        headers.push((
            "link",
            format!("<{next}>; rel=\"next\", <{first}>; rel=\"first\""),
        ));
    }
    (200, headers, Value::from(shown).to_string())
}
