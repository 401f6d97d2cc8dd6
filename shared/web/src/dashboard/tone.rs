//! How a status looks and reads: a word, and a tone that says the same by colour and shape.

use maud::{Markup, html};

/// The class of a status' tone.
pub(super) fn of(status: &str) -> &'static str {
    match status {
        "Succeeded" => "good",
        "Failed" => "bad",
        "InProgress" => "busy",
        "Waiting" | "Stopping" | "WaitingForVerdict" => "wait",
        _ => "idle",
    }
}

/// A status in words.
pub(super) fn word(status: &str) -> &str {
    match status {
        "InProgress" => "In progress",
        "NotStarted" => "Not started",
        "WaitingForVerdict" => "Waits for a verdict",
        other => other,
    }
}

/// A status as a pill.
pub(super) fn pill(status: &str) -> Markup {
    html! { span class={ "pill " (of(status)) } { (word(status)) } }
}
