//! Servers of this program: where they listen, what they print, and how they end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::console::Console;
use crate::error::Failure;
use crate::pipeline::ended;

/// How long an answer that is on its way is waited for, when the program is asked to end.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is said of a server once it listens.
pub(crate) struct Told<'t> {
    /// The command, as it is typed with its `--address`.
    pub(crate) command: &'t str,
    /// The format of what `--json` prints.
    pub(crate) format: &'t str,
    /// What it is, and how it ends.
    pub(crate) note: &'t str,
    /// Connections are encrypted.
    pub(crate) tls: bool,
    /// The address that people type, where it is another.
    pub(crate) public: Option<&'t str>,
    /// What else programs are told.
    pub(crate) also: &'t [(&'t str, &'t str)],
}

/// Listens, says where, and serves until the program is asked to end.
///
/// # Errors
/// When the address cannot be had, or the system refuses.
pub(crate) fn listen<F: Future<Output = io::Result<()>>>(
    console: &Console,
    address: SocketAddr,
    told: &Told<'_>,
    serve: impl FnOnce(TcpListener) -> F,
) -> Result<(), Failure> {
    let failed = |doing: &str, source: io::Error| Failure::Unexpected {
        doing: doing.to_owned(),
        source: Box::new(source),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| failed("start", source))?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.map_err(|source| {
            Failure::usage(format!("cannot listen at {address}"))
                .why(source.to_string())
                .next(format!("{} --address 127.0.0.1:0", told.command))
        })?;
        let address = listener
            .local_addr()
            .map_err(|source| failed("listen", source))?;
        let scheme = if told.tls { "https" } else { "http" };
        let own = format!("{scheme}://{address}/");
        let url = told.public.unwrap_or(&own);
        if console.json {
            let mut document = serde_json::json!({"format": told.format, "url": url});
            if *url != own {
                document["listens"] = own.into();
            }
            for (name, value) in told.also {
                document[*name] = (*value).into();
            }
            console.document(&document)?;
        } else {
            console.out(&format!("{url}\n"))?;
            if *url != own {
                console.note(&format!("it listens at {own}"));
            }
            console.note(told.note);
        }
        let served = tokio::select! {
            done = serve(listener) => done,
            () = async { ended().await; tokio::time::sleep(PATIENCE).await } => Ok(()),
        };
        served.map_err(|source| failed("serve", source))
    })?;
    // What is still being made is nobody's any more.
    runtime.shutdown_background();
    Ok(())
}
