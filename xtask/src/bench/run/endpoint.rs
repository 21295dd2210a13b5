//! The endpoint that every tool asks: nginx on the loopback, with a fixed answer after 0 or 50 ms, and its access logs.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::measure;
use crate::repository::{self, Failure};

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"The answer is 42.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":6,"total_tokens":26}}"#;
const PACKAGES: &str = "install the packages nginx, libnginx-mod-http-echo and wrk";

/// One address of the endpoint.
#[derive(Clone, Copy)]
pub(super) enum Door {
    /// Answers at once.
    Now,
    /// Answers after 50 ms.
    Later,
    /// Answers after 50 ms, and its log names the example of every request.
    Marked,
}

/// A running nginx; it ends with this value.
pub(super) struct Endpoint {
    server: Child,
    folder: PathBuf,
    ports: [u16; 3],
}

impl Endpoint {
    /// Starts it on free ports.
    pub(super) fn start() -> Result<Self, Failure> {
        let folder = measure::folder("endpoint")?;
        let ports = free_ports()?;
        let template = fs::read_to_string(repository::root().join("bench/run/nginx.conf"))?;
        let mut page = template
            .replace(
                "@FOLDER@",
                folder.to_str().ok_or("the cache's path is not UTF-8")?,
            )
            .replace("@ANSWER@", ANSWER);
        for (word, port) in ["@PORT_0@", "@PORT_50@", "@PORT_MARKED@"].iter().zip(ports) {
            page = page.replace(word, &port.to_string());
        }
        let configuration = folder.join("nginx.conf");
        fs::write(&configuration, page)?;
        for log in ["access-0.log", "access-50.log", "access-marked.log"] {
            fs::write(folder.join(log), "")?;
        }
        let server = Command::new(program("nginx")?)
            .arg("-e")
            .arg(folder.join("error.log"))
            .arg("-c")
            .arg(&configuration)
            .stdout(Stdio::null())
            .spawn()?;
        let mut endpoint = Self {
            server,
            folder,
            ports,
        };
        endpoint.wait()?;
        Ok(endpoint)
    }

    /// The port of one of its addresses.
    pub(super) fn port(&self, door: Door) -> u16 {
        self.ports[door as usize]
    }

    /// What was asked there so far, one line a request: the status and, at the marked one, the example.
    pub(super) fn asked(&self, door: Door) -> Result<Vec<String>, Failure> {
        // Logs are written every 100 ms.
        std::thread::sleep(Duration::from_millis(200));
        let text = fs::read_to_string(self.log(door))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// How many requests its log holds at this moment.
    pub(super) fn count(&self, door: Door) -> Result<usize, Failure> {
        Ok(fs::read(self.log(door))?
            .iter()
            .filter(|byte| **byte == b'\n')
            .count())
    }

    /// The most requests a second that it can answer at once, as `wrk` asks for them.
    pub(super) fn ceiling(&self, connections: usize) -> Result<f64, Failure> {
        let output = Command::new(program("wrk")?)
            .args(["-t1", "-d4s"])
            .arg(format!("-c{connections}"))
            .arg("-s")
            .arg(repository::root().join("bench/run/request.lua"))
            .arg(format!("http://127.0.0.1:{}", self.port(Door::Now)))
            .output()?;
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .find_map(|line| line.strip_prefix("Requests/sec:"))
            .and_then(|rate| rate.trim().parse().ok())
            .ok_or_else(|| "wrk named no rate".into())
    }

    fn log(&self, door: Door) -> PathBuf {
        self.folder.join(match door {
            Door::Now => "access-0.log",
            Door::Later => "access-50.log",
            Door::Marked => "access-marked.log",
        })
    }

    fn wait(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.ports[0])).is_err() {
            if let Some(status) = self.server.try_wait()? {
                let said = fs::read_to_string(self.folder.join("error.log")).unwrap_or_default();
                let last = said.lines().last().unwrap_or_default();
                return Err(format!("nginx ended with {status}: {last}; {PACKAGES}").into());
            }
            if start.elapsed() > Duration::from_secs(10) {
                return Err("nginx does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It is a child without children, and nothing of it is worth keeping.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Finds a program, also where only root has it on the path.
fn program(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .map(|folder| folder.join(name))
        .find(|file| file.exists())
        .ok_or_else(|| format!("{name} is missing: {PACKAGES}").into())
}

fn free_ports() -> Result<[u16; 3], Failure> {
    // All at once, so that they differ.
    let open = [
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    ];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&open) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
