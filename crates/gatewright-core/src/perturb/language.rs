//! Two languages in one message: a greeting in another one. The question stays, and so must the verdict.

use super::draw::Draw;
use super::spoken::{beside, said, say};
use super::{Change, NotApplicable};
use crate::reference::Example;

/// A sentence that asks nothing, with its language by ISO 639-3 and in words.
const GREETINGS: [(&str, &str, &str); 10] = [
    (
        "spa",
        "Spanish",
        "Buenos días, perdón por la molestia y gracias de antemano.",
    ),
    (
        "fra",
        "French",
        "Bonjour, excusez-moi de vous déranger et merci d'avance.",
    ),
    (
        "deu",
        "German",
        "Guten Tag, entschuldigen Sie die Störung und vielen Dank im Voraus.",
    ),
    (
        "por",
        "Portuguese",
        "Bom dia, desculpe o incômodo e obrigado desde já.",
    ),
    (
        "ita",
        "Italian",
        "Buongiorno, scusi il disturbo e grazie in anticipo.",
    ),
    (
        "tur",
        "Turkish",
        "İyi günler, rahatsız ettiğim için özür dilerim, şimdiden teşekkürler.",
    ),
    (
        "rus",
        "Russian",
        "Добрый день, извините за беспокойство и заранее спасибо.",
    ),
    (
        "jpn",
        "Japanese",
        "こんにちは、お忙しいところ失礼いたします。よろしくお願いします。",
    ),
    ("ara", "Arabic", "مرحبا، أعتذر عن الإزعاج وشكرا لكم مقدما."),
    (
        "hin",
        "Hindi",
        "नमस्ते, परेशानी के लिए क्षमा करें और पहले से धन्यवाद।",
    ),
];

/// Puts a greeting in another language before or after the question.
pub(super) fn mixed(base: &Example, draw: &mut Draw) -> Result<Change, NotApplicable> {
    let text = said(&base.input)?;
    let own = whatlang::detect(text).map(|found| found.lang().code());
    let other: Vec<_> = GREETINGS
        .iter()
        .filter(|(code, _, greeting)| Some(*code) != own && !text.contains(greeting))
        .collect();
    let Some((_, language, greeting)) = draw.pick(&other) else {
        return NotApplicable::because("it holds every greeting already");
    };
    let after = draw.flip();
    Ok(Change::said(
        say(&base.input, beside(text, greeting, after)),
        format!("a greeting in {language} beside it"),
    ))
}
