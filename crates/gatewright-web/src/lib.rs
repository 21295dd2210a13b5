//! The HTML report: one self-contained file, without script and without network; a server that shows the runs of a
//! project to whoever sits at the machine; and the review server, where people label, differ and settle.
//!
//! `page` takes what it shows from the report's view, every number already chosen, and puts it into words; `chart`
//! places drawings; `serve` answers; `office` is the review server; `guard` stands before both; the templates under `templates/` are checked at compile time and escape everything.

mod chart;
mod guard;
mod office;
mod page;
mod serve;
mod text;

use askama::Template as _;
use gatewright_core::report::{View, untrusted};

pub use guard::is_loopback;
pub use office::{Door, Office, front, may_log_in, office, oidc, password_hash, project};
pub use page::RunLine;
pub use page::top::Top;
pub use serve::{Shelf, serve};

/// What a browser may load for such a page: nothing from anywhere, no script, its own styles.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// Shows a view as one HTML file. The same view gives the same bytes.
///
/// Text that others wrote is escaped by the templates; characters that hide or reorder text are then shown by their
/// number, wherever they stand.
///
/// # Errors
/// When a template cannot be written: a defect.
pub fn report(view: &View) -> Result<String, askama::Error> {
    let html = page::Page::of(view).render()?;
    Ok(untrusted::visible(&html))
}

/// Shows the runs of a project, the newest first, each with a link to its report.
///
/// # Errors
/// As [`report`].
pub fn runs(product: &str, runs: &[RunLine]) -> Result<String, askama::Error> {
    let html = page::Runs { product, runs }.render()?;
    Ok(untrusted::visible(&html))
}
