//! `gatewright serve`

mod demo;
mod door;
mod failures;
mod held;
mod memo;
mod releases;
mod rubric;
mod suite;

use std::sync::{Arc, Mutex, PoisonError};

use gatewright_core::digest::Digest;
use gatewright_core::review::{
    AgreementDocument, Desk, Refusal, ReviewEvent, desk_agreement, rubrics,
};
use gatewright_store::{Accounts, StoreError};
use gatewright_web::{Door, Office};

use crate::args::ServeArgs;
use crate::commands::Context;
use crate::commands::listening::{Told, listen};
use crate::error::Failure;
use crate::exit;
use crate::now::Now;
use crate::pipeline::{Depth, DeskLog, Loaded, ended, page_of, writer};
use crate::project::Project;
use demo::Demo;
use releases::Served;

const COMMAND: &str = "gatewright serve";
/// Random bytes of the code that makes the first account.
const CODE_BYTES: usize = 10;

pub(crate) fn serve(context: &Context, args: &ServeArgs) -> Result<u8, Failure> {
    let front = door::front(args)?;
    let demo = match args.demo {
        true => Some(Demo::make(&context.now)?),
        false => None,
    };
    let loaded = match &demo {
        Some(demo) => Loaded::read(demo.project()?, &context.now, Depth::Errors)?.sound()?,
        None => context.sound()?,
    };
    let oidc = door::oidc(&args.oidc, &loaded.project)?;
    if demo.is_none() {
        door::refuse_nobody(args, &loaded.project, oidc.is_some())?;
    }
    let log = DeskLog::open(&loaded.project, writer(COMMAND, &context.now))?;
    let accounts = Accounts::open(&loaded.project.state)?;
    let mut also = Vec::new();
    let mut text = String::new();
    if let Some(demo) = &demo {
        demo.accounts(&accounts, &context.now)?;
        also.push(("password", demo.password.as_str()));
        text = format!(
            "Log in as ana or ben, who label, as cleo, who settles, or as vera, who looks at\nthe release. The password of all four: {}\n",
            demo.password
        );
    }
    let first_code = match accounts.people()?.is_empty() {
        true => Some(code()?),
        false => None,
    };
    if let Some(code) = &first_code {
        also.push(("first_code", code.as_str()));
        text = format!(
            "Nobody has an account yet. Make the first one at /first with this code:\n  {code}\n"
        );
    }
    if !context.console.json {
        context.console.out(&text)?;
    }
    let desk = Arc::new(ProjectDesk {
        product: loaded.manifest.product.clone(),
        seed: loaded.manifest.seed,
        log: Mutex::new(log),
        page: Mutex::new((loaded.project.clone(), Digest::default())),
    });
    let project = Arc::new(Served::new(context, loaded.project));
    let public = front.public.as_ref().map(ToString::to_string);
    let told = Told {
        command: COMMAND,
        format: "gatewright-serve/1",
        tls: front.tls.is_some(),
        public: public.as_deref(),
        note: "people label, settle and decide releases here; Ctrl-C ends it",
        also: &also,
    };
    let door = Door {
        first_code: first_code.clone(),
        front,
        oidc,
    };
    listen(&context.console, args.address, &told, |listener| {
        gatewright_web::office(listener, (desk, project), accounts, door, ended())
    })?;
    Ok(exit::SHIP)
}

/// Makes a code that nobody guesses, in letters and digits that nobody mistakes.
fn code() -> Result<String, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567899";
    let mut bytes = [0; CODE_BYTES];
    fill(&mut bytes)?;
    let letters = bytes
        .iter()
        .map(|byte| LETTERS[usize::from(byte % 32)] as char);
    Ok(letters.collect())
}

fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(bytes).map_err(|source| Failure::Unexpected {
        doing: "get random bytes from the system".to_owned(),
        source: Box::new(source),
    })
}

/// The labels of a project, as the server works on them.
struct ProjectDesk {
    product: String,
    seed: u64,
    log: Mutex<DeskLog>,
    /// The page, and its bytes when it was read last.
    page: Mutex<(Project, Digest)>,
}

impl ProjectDesk {
    /// One at a time; a thread that broke off left the log as it is on disk, and it is read from there.
    fn with<T>(
        &self,
        act: impl FnOnce(&mut DeskLog) -> Result<T, StoreError>,
    ) -> Result<T, String> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut log).map_err(|error| error.to_string())
    }
}

impl ProjectDesk {
    /// Asks by the versions of the rubrics that the page names now. While it cannot be read, those stay that it named before.
    fn by_page(&self) -> Result<(), String> {
        let mut known = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        let (project, before) = &mut *known;
        let Ok(bytes) = std::fs::read(&project.page) else {
            return Ok(());
        };
        let now = Digest::of(&bytes);
        if now == *before {
            return Ok(());
        }
        let (page, _) = page_of(project).map_err(|failure| failure.text(80))?;
        if let Some(page) = page {
            *before = now;
            let named = Arc::new(rubrics(&page));
            self.with(|log| {
                log.by_rubrics(named);
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Office for ProjectDesk {
    fn product(&self) -> String {
        self.product.clone()
    }

    fn now(&self) -> String {
        Now::read(None, None).map_or_else(|_| String::new(), |now| now.at)
    }

    fn desk(&self) -> Result<Arc<Desk>, String> {
        self.by_page()?;
        self.with(DeskLog::refresh)
    }

    fn record(&self, event: ReviewEvent) -> Result<Result<(), Refusal>, String> {
        self.by_page()?;
        let at = self.now();
        self.with(|log| log.record(event, &at))
    }

    fn agreement(&self, desk: &Desk) -> AgreementDocument {
        desk_agreement(desk, self.seed)
    }

    fn random(&self) -> Result<[u8; 32], String> {
        let mut bytes = [0; 32];
        fill(&mut bytes).map_err(|failure| failure.text(80))?;
        Ok(bytes)
    }
}
