//! `gatewright view`

use std::sync::Arc;

use gatewright_store::RunLog;
use gatewright_web::{RunLine, Shelf};

use crate::args::ViewArgs;
use crate::commands::listening::{Told, listen};
use crate::commands::{Context, shell};
use crate::console::clean;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Session, ended, evidence, judge, on_record, outlined, run_folders, stable};
use crate::reports::html;

const COMMAND: &str = "gatewright report";

pub(crate) fn view(context: Context, args: &ViewArgs) -> Result<u8, Failure> {
    if !gatewright_web::is_loopback(args.address) {
        return Err(Failure::usage(format!(
            "`{}` is not an address of this machine alone",
            args.address
        ))
        .why("reports hold what customers wrote, and anybody who reaches the address could read them")
        .next("gatewright view --address 127.0.0.1:7417")
        .next("gatewright report -o report.html, and send the file"));
    }
    // What is wrong with the page is said here and not in the browser.
    drop(context.sound()?);
    let console = context.console.clone();
    let told = Told {
        command: "gatewright view",
        format: "gatewright-view/1",
        note: "the runs of this project, read-only, to this machine alone; Ctrl-C ends it",
        tls: false,
        public: None,
        also: &[],
    };
    let shelf = Arc::new(Runs { context });
    listen(&console, args.address, &told, |listener| {
        gatewright_web::serve(listener, shelf, ended())
    })?;
    Ok(exit::SHIP)
}

/// The runs of a project as pages.
struct Runs {
    context: Context,
}

impl Runs {
    fn text(&self, failure: &Failure) -> String {
        clean(&failure.text(100)).into_owned()
    }

    fn listed(&self) -> Result<String, Failure> {
        let mut loaded = self.context.sound()?;
        let mut lines = Vec::new();
        for folder in run_folders(&loaded.project.state) {
            let found = outlined(&mut loaded, &folder);
            let (at, answer, changed, broken) = match found {
                Ok((at, answer, changed)) => (at, answer, changed, None),
                Err(error) => (String::new(), None, Vec::new(), Some(error.to_string())),
            };
            lines.push(RunLine {
                name: folder.name,
                at,
                answer: answer.map(|(answer, _)| answer),
                changed,
                broken,
            });
        }
        lines.reverse();
        let page = gatewright_web::runs(&loaded.manifest.product, &lines);
        let page = page.map_err(|source| Failure::Unexpected {
            doing: "write HTML".to_owned(),
            source: Box::new(source),
        })?;
        Ok(clean(&page).into_owned())
    }

    fn made(&self, name: &str) -> Result<Option<String>, Failure> {
        let context = &self.context;
        let mut loaded = context.sound()?;
        // Only a name that is on the list is ever joined to a path.
        let known = run_folders(&loaded.project.state);
        let Some(folder) = known.into_iter().find(|folder| folder.name == name) else {
            return Ok(None);
        };
        // Nothing is written here, a newer schema neither.
        if let Err(gatewright_store::StoreError::Older { .. }) = RunLog::read_only(&folder.dir) {
            return Err(
                Failure::usage(format!("the run {name} is a file of an older program"))
                    .next(format!("gatewright report {}", shell(name.as_ref()))),
            );
        }
        let (now, console) = (&context.now, &context.console);
        let session = Session::read(&mut loaded, Some(name), now, console, COMMAND)?;
        session.whole()?;
        let mut judged = judge(&loaded, &session, now)?;
        judged.view.evidence = Some(evidence(&loaded, &session, &judged)?);
        judged.view.record = Some(on_record(&loaded, &judged.view, now)?);
        judged.view.stability = stable(&loaded, &session, &judged, false)?;
        html(&judged.view).map(Some)
    }
}

impl Shelf for Runs {
    fn list(&self) -> Result<String, String> {
        self.listed().map_err(|failure| self.text(&failure))
    }

    fn report(&self, name: &str) -> Result<Option<String>, String> {
        self.made(name).map_err(|failure| self.text(&failure))
    }
}
