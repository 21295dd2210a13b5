//! Which system of which file is candidate, production, fallback: the user says it, nobody guesses it.

use crate::manifest::Role;

/// A system in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The file's place among those that were given.
    pub log: usize,
    /// The file's name.
    pub file: String,
    /// The system, as the tool names it.
    pub system: String,
    /// Its rows.
    pub rows: usize,
}

/// What the user says: a system's name, a file, or `FILE=NAME`.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The role.
    pub role: Role,
    /// As typed.
    pub text: String,
}

/// The systems of one role.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The role.
    pub role: Role,
    /// (File, system), in the order in which they were named.
    pub parts: Vec<(usize, String)>,
    /// Whether each part was named by itself, so that one example in several files is repeats of it.
    pub one_by_one: bool,
}

/// Why no roles follow from what was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Unclear {
    /// What is wrong.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What to type.
    pub next: Vec<String>,
}

/// Chooses the systems. Where one of two is named, the other is its counterpart.
///
/// # Errors
/// When names are unknown or mean several systems, when nothing is named, or one system is named twice.
pub fn choose(found: &[Found], named: &[Named]) -> Result<Vec<Chosen>, Unclear> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for one in named {
        let parts = meant(found, &one.text)?;
        match chosen.iter_mut().find(|of| of.role == one.role) {
            Some(of) => {
                of.parts.extend(parts);
                of.one_by_one = true;
            }
            None => chosen.push(Chosen {
                role: one.role,
                one_by_one: parts.len() == 1,
                parts,
            }),
        }
    }
    if chosen.is_empty() {
        chosen = by_their_names(found);
    }
    if let Some(several) = chosen.iter().find_map(|of| several(of, found)) {
        return Err(several);
    }
    let used = |chosen: &[Chosen], one: &Found| {
        let part = (one.log, one.system.clone());
        chosen.iter().filter(|of| of.parts.contains(&part)).count()
    };
    if let ([only], 2) = (chosen.as_slice(), found.len()) {
        let other = found
            .iter()
            .find(|one| used(std::slice::from_ref(only), one) == 0);
        let role = match only.role {
            Role::Candidate => Role::Production,
            _ => Role::Candidate,
        };
        if let Some(other) = other {
            let parts = vec![(other.log, other.system.clone())];
            chosen.push(Chosen {
                role,
                parts,
                one_by_one: true,
            });
        }
    }
    if let Some(twice) = found.iter().find(|one| used(&chosen, one) > 1) {
        return Err(Unclear {
            what: format!(
                "`{}` of {} is named for two roles",
                twice.system, twice.file
            ),
            why: "a system compared with itself shows nothing".to_owned(),
            next: listed(found),
        });
    }
    if !chosen.iter().any(|of| of.role == Role::Candidate) {
        let what = match found.len() {
            1 => "there is one system, and nothing says what it is".to_owned(),
            count => format!("there are {count} systems, and nothing says which is the candidate"),
        };
        return Err(Unclear {
            what,
            why: "a gate compares the candidate with what is in production".to_owned(),
            next: listed(found),
        });
    }
    chosen.sort_by_key(|of| of.role);
    Ok(chosen)
}

/// One role is one system: the answers of two would be compared as if one release gave them.
fn several(of: &Chosen, found: &[Found]) -> Option<Unclear> {
    let mut names: Vec<&str> = Vec::new();
    for (_, system) in &of.parts {
        if !names.contains(&system.as_str()) {
            names.push(system);
        }
    }
    if names.len() < 2 {
        return None;
    }
    let word = of.role.word();
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let mut next: Vec<String> = names
        .iter()
        .map(|name| format!("--{word} '{name}'"))
        .collect();
    let files = of.parts.iter().map(|(log, _)| log);
    let files: std::collections::BTreeSet<&usize> = files.collect();
    if files.len() > 1 && found.len() > 1 {
        next.push(
            "when they are repeats of one system: the same name for it in every file".to_owned(),
        );
    }
    Some(Unclear {
        what: format!(
            "{} are {} systems, and the {word} is one",
            quoted.join(" and "),
            names.len()
        ),
        why: "the answers of several would be mixed, and nobody could say what is released"
            .to_owned(),
        next,
    })
}

/// Systems that are named after a role.
fn by_their_names(found: &[Found]) -> Vec<Chosen> {
    let roles = [
        (Role::Candidate, "candidate"),
        (Role::Production, "production"),
        (Role::Fallback, "fallback"),
    ];
    let of = |(role, word): (Role, &str)| {
        let parts: Vec<(usize, String)> = found
            .iter()
            .filter(|one| one.system.eq_ignore_ascii_case(word))
            .map(|one| (one.log, one.system.clone()))
            .collect();
        let one_by_one = parts.len() == 1;
        (!parts.is_empty()).then_some(Chosen {
            role,
            parts,
            one_by_one,
        })
    };
    roles.into_iter().filter_map(of).collect()
}

/// Finds what a text means: a system's name, a file (its whole name or its last part), or `FILE=NAME`.
fn meant(found: &[Found], text: &str) -> Result<Vec<(usize, String)>, Unclear> {
    let part = |one: &Found| (one.log, one.system.clone());
    let by_name: Vec<_> = found
        .iter()
        .filter(|one| one.system == text)
        .map(part)
        .collect();
    if !by_name.is_empty() {
        return Ok(by_name);
    }
    let is_file = |one: &&Found, text: &str| one.file == text || super::last(&one.file) == text;
    let by_file: Vec<&Found> = found.iter().filter(|one| is_file(one, text)).collect();
    match by_file.as_slice() {
        [] => {}
        [only] => return Ok(vec![part(only)]),
        several => {
            let several: Vec<Found> = several.iter().map(|one| (*one).clone()).collect();
            return Err(Unclear {
                what: format!("`{text}` holds {} systems", several.len()),
                why: "one of them is meant".to_owned(),
                next: listed(&several),
            });
        }
    }
    let both: Vec<_> = text
        .match_indices('=')
        .flat_map(|(at, _)| {
            let (file, system) = (&text[..at], &text[at + 1..]);
            found
                .iter()
                .filter(move |one| is_file(one, file) && one.system == system)
        })
        .map(part)
        .collect();
    if !both.is_empty() {
        return Ok(both);
    }
    let near = crate::problem::nearest(text, found.iter().map(|one| one.system.as_str()));
    let mut next = listed(found);
    if let Some(near) = near {
        next.insert(0, format!("did you mean `{near}`?"));
    }
    Err(Unclear {
        what: format!("no file holds a system `{text}`"),
        why: String::new(),
        next,
    })
}

/// Lists what there is, as it is typed.
fn listed(found: &[Found]) -> Vec<String> {
    let shared = |one: &Found| {
        found
            .iter()
            .filter(|other| other.system == one.system)
            .count()
            > 1
    };
    let rows = |count: usize| format!("{count} answer{}", if count == 1 { "" } else { "s" });
    let typed = |one: &Found| match shared(one) {
        true => format!("{}={}", one.file, one.system),
        false => one.system.clone(),
    };
    let mut next: Vec<String> = found
        .iter()
        .take(20)
        .map(|one| {
            format!(
                "--candidate '{}'   ({}, {})",
                typed(one),
                one.file,
                rows(one.rows)
            )
        })
        .collect();
    if let [first, second, ..] = found {
        next.insert(
            0,
            format!(
                "--candidate '{}' --production '{}'",
                typed(second),
                typed(first)
            ),
        );
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(list: &[(usize, &str)]) -> Vec<Found> {
        let one = |(log, system): &(usize, &str)| Found {
            log: *log,
            file: format!("logs/{log}.json"),
            system: (*system).to_owned(),
            rows: 3,
        };
        list.iter().map(one).collect()
    }

    fn chosen(list: &[(usize, &str)], said: &[(Role, &str)]) -> Result<String, String> {
        let named: Vec<Named> = said
            .iter()
            .map(|(role, text)| Named {
                role: *role,
                text: (*text).to_owned(),
            })
            .collect();
        let words = |of: Chosen| format!("{}={:?}", of.role.word(), of.parts);
        choose(&found(list), &named)
            .map(|all| all.into_iter().map(words).collect::<Vec<_>>().join(" "))
            .map_err(|unclear| format!("{} | {}", unclear.what, unclear.next.join(" | ")))
    }

    #[test]
    fn names_files_and_both() {
        use Role::{Candidate, Production};
        let two = [(0, "a"), (0, "b")];
        let both = r#"candidate=[(0, "b")] production=[(0, "a")]"#;
        assert_eq!(
            chosen(&two, &[(Candidate, "b"), (Production, "a")]),
            Ok(both.to_owned())
        );
        assert_eq!(
            chosen(&two, &[(Candidate, "b")]),
            Ok(both.to_owned()),
            "the other one"
        );
        let same = [(0, "m"), (1, "m")];
        let both = r#"candidate=[(1, "m")] production=[(0, "m")]"#;
        assert_eq!(chosen(&same, &[(Candidate, "1.json")]), Ok(both.to_owned()));
        assert_eq!(
            chosen(&same, &[(Candidate, "logs/1.json=m")]),
            Ok(both.to_owned())
        );
        assert_eq!(
            chosen(&[(0, "Production"), (0, "candidate"), (0, "x")], &[]),
            Ok(r#"candidate=[(0, "candidate")] production=[(0, "Production")]"#.to_owned())
        );
        assert_eq!(
            chosen(&same, &[(Candidate, "0.json"), (Candidate, "1.json")]),
            Ok(r#"candidate=[(0, "m"), (1, "m")]"#.to_owned())
        );
    }

    #[test]
    fn one_role_is_one_system() {
        use Role::{Candidate, Production};
        let all = [(0, "a"), (0, "b"), (1, "b"), (1, "c")];
        let said = chosen(
            &all,
            &[(Candidate, "b"), (Candidate, "c"), (Production, "a")],
        );
        assert_eq!(
            said,
            Err("`b` and `c` are 2 systems, and the candidate is one | --candidate 'b' | --candidate 'c' | when they are repeats of one system: the same name for it in every file".to_owned())
        );
        let named = [(0, "candidate"), (0, "Candidate"), (0, "production")];
        assert!(
            chosen(&named, &[])
                .is_err_and(|said| said.starts_with("`candidate` and `Candidate` are 2 systems"))
        );
    }

    #[test]
    fn what_is_not_said_is_not_guessed() {
        use Role::{Candidate, Production};
        let two = [(0, "a"), (0, "bell")];
        assert_eq!(
            chosen(&two, &[]),
            Err("there are 2 systems, and nothing says which is the candidate | --candidate 'bell' --production 'a' | --candidate 'a'   (logs/0.json, 3 answers) | --candidate 'bell'   (logs/0.json, 3 answers)".to_owned())
        );
        assert!(
            chosen(&two, &[(Candidate, "bel")])
                .is_err_and(|said| said.contains("did you mean `bell`?"))
        );
        assert!(
            chosen(&two, &[(Candidate, "0.json")])
                .is_err_and(|said| said.starts_with("`0.json` holds 2 systems"))
        );
        let twice = [(Candidate, "a"), (Production, "a")];
        assert!(chosen(&two, &twice).is_err_and(|said| said.contains("named for two roles")));
        assert!(
            chosen(&[(0, "a")], &[]).is_err_and(|said| said.starts_with("there is one system"))
        );
    }
}
