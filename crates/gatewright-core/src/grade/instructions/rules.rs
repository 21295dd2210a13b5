//! One instruction and one text: followed or not.

use serde_json::{Map, Value};

use super::super::{language, structure};
use super::{layout, words};
use crate::json;

/// Every instruction that is known, by its id.
pub(in crate::grade) const IDS: [&str; 25] = [
    "change_case:capital_word_frequency",
    "change_case:english_capital",
    "change_case:english_lowercase",
    "combination:repeat_prompt",
    "combination:two_responses",
    "detectable_content:number_placeholders",
    "detectable_content:postscript",
    "detectable_format:constrained_response",
    "detectable_format:json_format",
    "detectable_format:multiple_sections",
    "detectable_format:number_bullet_lists",
    "detectable_format:number_highlighted_sections",
    "detectable_format:title",
    "keywords:existence",
    "keywords:forbidden_words",
    "keywords:frequency",
    "keywords:letter_frequency",
    "language:response_language",
    "length_constraints:nth_paragraph_first_word",
    "length_constraints:number_paragraphs",
    "length_constraints:number_sentences",
    "length_constraints:number_words",
    "punctuation:no_comma",
    "startend:end_checker",
    "startend:quotation",
];

/// The arguments of an instruction, read as what each must be.
struct Args<'a>(&'a Map<String, Value>);

impl<'a> Args<'a> {
    fn text(&self, key: &str) -> Result<&'a str, String> {
        let value = self.0.get(key).and_then(Value::as_str);
        value.ok_or_else(|| format!("the argument `{key}` is no text"))
    }

    fn texts(&self, key: &str) -> Result<Vec<&'a str>, String> {
        let items = self.0.get(key).and_then(Value::as_array);
        let items = items.map(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        items
            .flatten()
            .ok_or_else(|| format!("the argument `{key}` is no list of texts"))
    }

    fn count(&self, key: &str) -> Result<u64, String> {
        let value = self.0.get(key);
        // Numbers of Python files may carry a fraction of zero.
        value
            .and_then(|it| it.as_u64().or_else(|| whole(it.as_f64()?)))
            .ok_or_else(|| format!("the argument `{key}` is no whole number"))
    }

    /// Compares a count with the number under one key by the relation under another.
    fn compare(&self, found: usize, number: &str, relation: &str) -> Result<bool, String> {
        let number = self.count(number)?;
        match self.text(relation)? {
            "at least" => Ok(found as u64 >= number),
            "less than" => Ok((found as u64) < number),
            other => Err(format!(
                "the argument `{relation}` is {other:?}, neither `at least` nor `less than`"
            )),
        }
    }
}

fn whole(number: f64) -> Option<u64> {
    (number >= 0.0 && number.fract() == 0.0 && number < 1e15).then_some(number as u64)
}

/// Says whether a text follows an instruction.
///
/// # Errors
/// What is wrong with the arguments, or why the text cannot tell.
pub(super) fn follows(id: &str, args: &Map<String, Value>, text: &str) -> Result<bool, String> {
    let args = Args(args);
    match id.split(':').next() {
        Some("change_case" | "keywords" | "language") => of_words(id, &args, text),
        Some("length_constraints" | "punctuation" | "startend") => of_extent(id, &args, text),
        _ => of_layout(id, &args, text),
    }
}

fn unknown(id: &str) -> String {
    format!("`{id}` is no instruction that this grader knows")
}

/// Which words, letters and language.
fn of_words(id: &str, args: &Args<'_>, text: &str) -> Result<bool, String> {
    Ok(match id {
        "change_case:capital_word_frequency" => {
            let found = words::capital_words(text);
            args.compare(found, "capital_frequency", "capital_relation")?
        }
        "change_case:english_capital" => words::is_upper(text) && english(text),
        "change_case:english_lowercase" => words::is_lower(text) && english(text),
        "keywords:existence" => {
            let lower = text.to_lowercase();
            let keywords = args.texts("keywords")?;
            keywords.iter().all(|it| lower.contains(&it.to_lowercase()))
        }
        "keywords:forbidden_words" => {
            let lower = text.to_lowercase();
            let forbidden = args.texts("forbidden_words")?;
            !forbidden
                .iter()
                .any(|it| words::stands_as_word(&lower, &it.to_lowercase()))
        }
        "keywords:frequency" => {
            let keyword = args.text("keyword")?.trim().to_lowercase();
            if keyword.is_empty() {
                return Err("the argument `keyword` is empty".to_owned());
            }
            let found = text.to_lowercase().matches(&keyword).count();
            args.compare(found, "frequency", "relation")?
        }
        "keywords:letter_frequency" => {
            let letter = args.text("letter")?.trim().to_lowercase();
            if letter.chars().count() != 1 {
                return Err("the argument `letter` is not one character".to_owned());
            }
            let found = text.to_lowercase().matches(&letter).count();
            args.compare(found, "let_frequency", "let_relation")?
        }
        "language:response_language" => {
            let code = args.text("language")?;
            if !language::knows_language(code) {
                return Err(format!("the language `{code}` cannot be told"));
            }
            // As the original counts: a text without letters is in no other language.
            language::is_in(text, code).unwrap_or(true)
        }
        _ => return Err(unknown(id)),
    })
}

/// How long, how punctuated, how it begins and ends.
fn of_extent(id: &str, args: &Args<'_>, text: &str) -> Result<bool, String> {
    Ok(match id {
        "length_constraints:nth_paragraph_first_word" => layout::paragraph_starts(
            text,
            args.count("num_paragraphs")?,
            args.count("nth_paragraph")?,
            &args.text("first_word")?.to_lowercase(),
        ),
        "length_constraints:number_paragraphs" => {
            layout::divided(text) == Some(args.count("num_paragraphs")?)
        }
        "length_constraints:number_sentences" => {
            args.compare(words::sentences(text), "num_sentences", "relation")?
        }
        "length_constraints:number_words" => {
            args.compare(words::words(text), "num_words", "relation")?
        }
        "punctuation:no_comma" => !text.contains(','),
        "startend:end_checker" => {
            let phrase = args.text("end_phrase")?.trim().to_lowercase();
            let text = text.trim().trim_matches('"').to_lowercase();
            text.ends_with(&phrase)
        }
        "startend:quotation" => {
            let text = text.trim();
            text.len() > 1 && text.starts_with('"') && text.ends_with('"')
        }
        _ => return Err(unknown(id)),
    })
}

/// How it is laid out, and how answers are put together.
fn of_layout(id: &str, args: &Args<'_>, text: &str) -> Result<bool, String> {
    Ok(match id {
        "combination:repeat_prompt" => {
            let prompt = args.text("prompt_to_repeat")?.trim().to_lowercase();
            text.trim().to_lowercase().starts_with(&prompt)
        }
        "combination:two_responses" => layout::two_responses(text),
        "detectable_content:number_placeholders" => {
            layout::placeholders(text) as u64 >= args.count("num_placeholders")?
        }
        "detectable_content:postscript" => {
            layout::postscript(text, args.text("postscript_marker")?)
        }
        "detectable_format:constrained_response" => layout::constrained(text),
        "detectable_format:json_format" => {
            let inside = layout::unfenced(text);
            inside.len() <= structure::OUTPUT_LIMIT && json::parse(inside.as_bytes()).is_ok()
        }
        "detectable_format:multiple_sections" => {
            let found = layout::sections(text, args.text("section_spliter")?);
            found as u64 >= args.count("num_sections")?
        }
        "detectable_format:number_bullet_lists" => {
            layout::bullets(text) as u64 == args.count("num_bullets")?
        }
        "detectable_format:number_highlighted_sections" => {
            layout::highlights(text) as u64 >= args.count("num_highlights")?
        }
        "detectable_format:title" => layout::title(text),
        _ => return Err(unknown(id)),
    })
}

/// The likeliest language counts, sure or not: an unsure one that passed would let other languages pass too. A text without letters is English.
fn english(text: &str) -> bool {
    language::is_in(text, "en").unwrap_or(true)
}
