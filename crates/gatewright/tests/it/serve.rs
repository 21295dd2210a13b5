//! `gatewright serve` as a process: the first account, a label, SIGKILL, and the label is there; what it refuses.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use gatewright_testkit::TestEnvironment;

use crate::project::{GUARD, labelled};

pub(crate) const PASSWORD: &str = "a-long-enough-password";

/// A server, killed at the latest with the test.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    pub(crate) code: Option<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    pub(crate) fn start(project: &TestEnvironment, port: u16) -> Self {
        Self::with(project, &["--address", &format!("127.0.0.1:{port}")], &[])
    }

    /// Starts a server with these arguments and variables, and waits until it says where it is.
    pub(crate) fn with(
        project: &TestEnvironment,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_gatewright"))
            .arg("serve")
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(project.project())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut server = Self {
            process,
            port: 0,
            code: None,
        };
        let output = server.process.stdout.take().expect("its output");
        for line in BufReader::new(output)
            .lines()
            .map(|line| line.expect("text"))
        {
            if let Some(word) = line.strip_prefix("  ") {
                server.code = Some(word.to_owned());
            }
            if let Some((_, rest)) = line.split_once("://") {
                let port = rest.trim_end_matches('/').rsplit(':').next();
                // A public address need not have one.
                server.port = port.and_then(|it| it.parse().ok()).unwrap_or_default();
                return server;
            }
        }
        panic!("the server does not say where it is");
    }

    /// Asks the server to end, and says with which code it did.
    pub(crate) fn end(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("sent");
        self.process.wait().expect("ended").code()
    }

    /// Sends a request; returns the status, the cookie that was set, and the page.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        cookie: &str,
        form: &str,
    ) -> (u16, String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let port = self.port;
        let origin = match method {
            "POST" => format!(
                "Origin: http://127.0.0.1:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                form.len()
            ),
            _ => String::new(),
        };
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n{origin}Connection: close\r\n\r\n{form}").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        let set = head.lines().find_map(|line| {
            let line = line
                .to_ascii_lowercase()
                .starts_with("set-cookie:")
                .then_some(line)?;
            line.split_once(": ")?.1.split(';').next()
        });
        (
            status.expect("a status"),
            set.unwrap_or_default().to_owned(),
            body.to_owned(),
        )
    }
}

/// The answer that is asked about; another may be there to be taken back.
pub(crate) fn asked_about(page: &str) -> &str {
    let rest = page.split_once("data-item=\"").expect("an answer").1;
    rest.split('"').next().expect("a value")
}

pub(crate) fn hidden<'p>(page: &'p str, name: &str) -> &'p str {
    let from = format!("name=\"{name}\" value=\"");
    let rest = page.split_once(&from).expect("a hidden field").1;
    rest.split('"').next().expect("a value")
}

pub(crate) fn asked() -> TestEnvironment {
    let label = "from: [labels.jsonl], by: person, rubric: r1";
    let project = labelled(("standard: unbroken", GUARD), (label, ""), 3, |_| true);
    project.write("labels.jsonl", "");
    let said = project
        .run(&["review", "ask", "--criterion", "right", "--people", "1"])
        .expect(0);
    assert!(
        said.stdout.starts_with("12 answers, 12 of them new"),
        "{said}"
    );
    project
}

#[test]
fn a_label_that_was_told_is_there_after_a_kill() {
    let project = asked();
    let server = Server::start(&project, 0);
    let code = server.code.clone().expect("a code for the first account");
    let form = format!("code={code}&name=ana&password={PASSWORD}");
    let (status, _, page) = server.ask("POST", "/first", "", &form);
    assert_eq!(status, 303, "{page}");
    let form = format!("name=ana&password={PASSWORD}");
    let (status, cookie, page) = server.ask("POST", "/login", "", &form);
    assert_eq!(status, 303, "{page}");
    let (status, _, page) = server.ask("GET", "/review", &cookie, "");
    assert_eq!(status, 200, "{page}");
    // A23: nothing says who answered.
    for word in ["candidate", "production"] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    let item = asked_about(&page).to_owned();
    let form = format!("csrf={}&item={item}&choice=1&note=", hidden(&page, "csrf"));
    let (status, _, page) = server.ask("POST", "/review/label", &cookie, &form);
    assert_eq!(status, 303, "{page}");
    let port = server.port;
    drop(server);
    let again = Server::start(&project, port);
    assert_eq!(again.code, None, "there is an account");
    let (status, _, page) = again.ask("GET", "/review", &cookie, "");
    assert_eq!(status, 200, "the session outlives the server: {page}");
    assert_ne!(asked_about(&page), item, "the same answer is asked again");
    drop(again);
    let wrote = project
        .run(&["review", "export", "-o", "reviewed.jsonl"])
        .expect(0);
    assert!(
        wrote
            .stdout
            .starts_with("Wrote 1 label to reviewed.jsonl\n11 answers are not labelled by all yet"),
        "{wrote}"
    );
    // Who has an account is known, and a slip of the name is no day off.
    let due = project.run(&["today", "--person", "ANA"]).expect(0);
    assert!(due.stdout.starts_with("ana: 11 to label"), "{due}");
    let slip = project.run(&["today", "--person", "anna"]).expect(2);
    assert!(slip.said().contains("did you mean"), "{slip}");
    // The gate reads it: one answer of twelve has a verdict.
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("[labels.jsonl]", "[labels.jsonl, reviewed.jsonl]"),
    );
    let gate = project.run(&["gate", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&gate.stdout).expect("json");
    let cells = view["tables"].as_array().expect("tables").iter();
    let all = cells.filter(|cell| cell["slice"]["words"] == "all examples");
    let graded: u64 = all
        .flat_map(|cell| cell["systems"].as_object().expect("systems").values())
        .map(|system| system["pass"].as_u64().unwrap_or(0) + system["fail"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(graded, 1, "{gate}");
}

#[test]
fn a19_a_server_for_others_is_refused() {
    let project = asked();
    for address in ["0.0.0.0:0", "192.0.2.1:7418", "[::]:0"] {
        let refused = project.run(&["serve", "--address", address]).expect(2);
        assert!(
            refused.said().contains("passwords would cross the network"),
            "{refused}"
        );
    }
    assert!(!project.project().join(".gatewright/accounts.db").exists());
}
