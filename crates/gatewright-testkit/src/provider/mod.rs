//! A provider of language models that misbehaves by script: HTTP/1.1 on loopback, written by hand so that it can be
//! wrong in any byte, and with a log of its own (faults F8–F16 and F27, attacks A15–A17).
//!
//! A [`Script`] says what is answered ([`Reply`]) and which requests are dealt with how ([`When`], [`Behaviour`]). The
//! dialect follows from the end of the path: `/chat/completions`, `/responses`, `/messages`, Gemini's `:generateContent`,
//! Ollama's `/api/chat`, or any other path for a plain JSON endpoint. [`Provider::start`] serves in this process; the binary `provider` serves in its own, so that
//! its log outlives a client that is killed.

mod behaviour;
mod dialect;
mod failures;
mod gzip;
mod plan;
mod record;
mod request;
mod script;
mod server;
mod wire;

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

pub use behaviour::{
    Behaviour, Code, Count, Gap, Pace, Redirect, RetryAfter, Size, Status, Tokens,
};
pub use record::Served;
pub use request::Request;
pub use script::{Change, Nth, Reply, Rule, Script, When};

use record::Record;

/// A provider on a thread of its own; it stops when it is dropped.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    record: Arc<Record>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Provider {
    /// Starts to serve on a free port of loopback.
    ///
    /// # Panics
    ///
    /// When there is no port, thread or runtime to be had.
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let record = Arc::new(Record::in_memory());
        let (stop, stopped) = oneshot::channel();
        let own = Arc::clone(&record);
        let thread = std::thread::Builder::new()
            .name("provider".to_owned())
            .spawn(move || {
                let stopped = async move {
                    let _ = stopped.await;
                };
                run(server::serve(listener, script, own, stopped))
                    .expect("a log in memory can be written");
            })
            .expect("a thread can be started");
        Self {
            address,
            record,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Returns `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns every request so far, in the order in which they were read. A client that has read its answer may be
    /// a moment ahead of `ended` and `whole`: use [`Provider::wait_for_ended`] where these matter.
    pub fn log(&self) -> Vec<Served> {
        self.record.all()
    }

    /// Waits until this many requests were read, and returns all of them.
    ///
    /// # Panics
    ///
    /// When they do not come within ten seconds.
    pub fn wait_for(&self, count: usize) -> Vec<Served> {
        self.record.wait(count, 0)
    }

    /// Waits until this many requests are dealt with, and returns all.
    ///
    /// # Panics
    ///
    /// When they are not within ten seconds.
    pub fn wait_for_ended(&self, count: usize) -> Vec<Served> {
        self.record.wait(count, count)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves on this thread until `stop` is done; each request and each end of a response is a line in the file, which
/// has to be open for appending.
///
/// # Errors
///
/// When there is no runtime to be had, or the log cannot be written: without it there is no point in going on.
pub fn serve_to_file(
    listener: TcpListener,
    script: Script,
    log: File,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    run(server::serve(
        listener,
        script,
        Arc::new(Record::in_file(log)),
        stop,
    ))
}

/// Runs on one thread; whatever is still being served is dropped at the end.
fn run(serving: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serving)
}
