//! A new version of a rubric, as the review server gives it: the page, and the rubric's file where a judge reads one, leave as a patch.

use std::io::Read as _;

use gatewright_core::patch::patch;
use gatewright_core::review::{file_with, is_version, page_with};
use gatewright_web::project::{NotDone, Patch, RubricWish};

use super::releases::{Made, Served};
use crate::error::Failure;
use crate::project::Project;

/// Largest file of which a patch is made, in bytes.
const BYTES_MAX: u64 = 4 << 20;

impl Served {
    pub(super) fn rubric_patch_of(&self, wish: &RubricWish) -> Made<Patch> {
        let context = self.context()?;
        let loaded = self.loaded(&context)?;
        let (criterion, to) = (wish.criterion.as_str(), wish.to.trim());
        if !is_version(to) {
            let said = "A version has 1 to 60 letters, digits, dots, hyphens and underscores.";
            return Ok(Err(NotDone::Bad(said.to_owned())));
        }
        let Some(from) = wish.from.as_deref() else {
            let said = format!(
                "The page names no version of {criterion}'s rubric: write `rubric: {to}` there by hand."
            );
            return Ok(Err(NotDone::Stands(said)));
        };
        if from == to {
            let said = format!("{to} is the version that these labels follow: name another.");
            return Ok(Err(NotDone::Bad(said)));
        }
        let project = &loaded.project;
        let page = project.page.strip_prefix(&project.root);
        let page = page.ok().and_then(|path| path.to_str());
        let Some(page) = page else {
            let said = "The page is outside the project: change it where it is kept.";
            return Ok(Err(NotDone::Stands(said.to_owned())));
        };
        let text = read(project, page)?;
        let Some(new) = page_with(&text, criterion, from, to) else {
            let said = format!(
                "{page} does not say `rubric: {from}` of {criterion} in a way that can be changed here: write `rubric: {to}` by hand."
            );
            return Ok(Err(NotDone::Stands(said)));
        };
        let mut all = patch(page, Some(&text), &new);
        let mut files = loaded.manifest.rubric_files().into_iter();
        let file = files.find(|(index, _)| {
            let declared = &loaded.manifest.criteria[usize::from(*index)];
            declared.id.as_str() == criterion
        });
        if let Some((_, file)) = file.filter(|(_, file)| !file.contains(':')) {
            let text = read(project, &file)?;
            let Some(new) = file_with(&text, to, &wish.clause) else {
                let said = format!(
                    "{file} has no head whose `version` can be changed here: change it by hand."
                );
                return Ok(Err(NotDone::Stands(said)));
            };
            all.push_str(&patch(&file, Some(&text), &new));
        }
        Ok(Ok(Patch {
            name: format!("rubric-{criterion}-{to}"),
            text: all,
        }))
    }
}

fn read(project: &Project, path: &str) -> Result<String, Failure> {
    let cannot = |why: String| Failure::usage(format!("cannot read `{path}`")).why(why);
    let file = project
        .look_at(path)
        .map_err(|error| cannot(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| cannot(error.to_string()))?;
    Ok(text)
}
