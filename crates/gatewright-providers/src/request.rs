//! A request as the adapters take it.

use gatewright_engine::{Message, Wanted};
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ContentPart, MessageContent, ToolCall, ToolResponse,
};

/// Writes what is wanted; the raw answer is always kept.
pub(crate) fn write(wanted: Wanted) -> (ChatRequest, ChatOptions) {
    let messages = wanted.messages.into_iter().map(message).collect();
    let options = ChatOptions {
        temperature: wanted.temperature,
        max_tokens: wanted.max_tokens,
        top_p: wanted.top_p,
        stop_sequences: wanted.stop,
        seed: wanted.seed,
        capture_raw_body: Some(true),
        ..ChatOptions::default()
    };
    (ChatRequest::from_messages(messages), options)
}

fn message(message: Message) -> ChatMessage {
    match message {
        Message::System { content } => ChatMessage::system(content),
        Message::User { content } => ChatMessage::user(content),
        Message::Assistant { content, calls } if calls.is_empty() => {
            ChatMessage::assistant(content)
        }
        Message::Assistant { content, calls } => {
            let text = (!content.is_empty()).then_some(ContentPart::Text(content));
            let calls = calls.into_iter().map(|(id, tool)| {
                ContentPart::ToolCall(ToolCall {
                    call_id: id,
                    fn_name: tool.name,
                    fn_arguments: tool.arguments,
                    thought_signatures: None,
                })
            });
            let parts: Vec<ContentPart> = text.into_iter().chain(calls).collect();
            ChatMessage::assistant(MessageContent::from_parts(parts))
        }
        Message::Tool {
            call,
            name,
            content,
        } => ChatMessage::tool(ToolResponse::new(call, content).with_fn_name(name)),
    }
}
