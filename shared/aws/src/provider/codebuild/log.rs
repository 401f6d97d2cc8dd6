//! The end of a build's log, out of `CloudWatch` Logs.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_codebuild::types::{Build, LogsLocation};
use penstock_model::plain::block;

use crate::error::port_error;
use crate::sdk::Sdk;

/// As many bytes of a log's end are kept.
const MAX_BYTES: usize = 64 << 10;
/// As many of its last events are read.
const EVENTS: i32 = 2000;
/// As many pages are read: those at the end may be empty.
const PAGES: usize = 3;
/// As many last lines go into an error.
const LINES: usize = 12;
/// The longest line of an error in characters.
const MAX_LINE: usize = 240;

/// The end of the build's log; why not, if it cannot be read; nothing if it has none.
pub(super) async fn end_of(sdk: &Sdk, build: &Build) -> Option<Result<String, String>> {
    let LogsLocation { group_name: Some(group), stream_name: Some(stream), .. } = build.logs.as_ref()? else {
        return None;
    };
    let config = aws_sdk_cloudwatchlogs::config::Builder::from(sdk.config()).interceptor(sdk.interceptor());
    let client = Client::from_conf(config.build());
    let call = client.get_log_events().log_group_name(group).log_stream_name(stream);
    let call = call.limit(EVENTS).start_from_head(false);
    let mut token = None;
    for _ in 0..PAGES {
        let answer = match call.clone().set_next_token(token).send().await {
            Ok(answer) => answer,
            Err(error) => return Some(Err(port_error("read the build's log", &error).message)),
        };
        if !answer.events().is_empty() {
            return Some(Ok(text(answer.events().iter().filter_map(|event| event.message()))));
        }
        token = answer.next_backward_token;
    }
    Some(Ok(String::new()))
}

/// The messages as lines without control characters, the last [`MAX_BYTES`].
fn text<'a>(messages: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for message in messages {
        for line in message.trim_end_matches(['\n', '\r']).split('\n') {
            text.push_str(&block(line));
            text.push('\n');
        }
    }
    let from = text.len().saturating_sub(MAX_BYTES);
    let from = (from..=text.len()).find(|&from| text.is_char_boundary(from)).unwrap_or(0);
    text.split_off(from)
}

/// The last lines before `phase` failed, else the last of all.
pub(super) fn last_lines(log: &str, phase: Option<&str>) -> Vec<String> {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let marker = phase.map(|phase| format!("Phase complete: {phase} State: FAILED"));
    let end = marker.and_then(|marker| lines.iter().rposition(|line| line.contains(&marker)));
    let lines = &lines[..end.unwrap_or(lines.len())];
    let last = lines[lines.len().saturating_sub(LINES)..].iter();
    last.map(|line| line.chars().take(MAX_LINE).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_control_characters_are_left_out() {
        assert_eq!(
            text(["\u{1b}[31mred\u{1b}[0m\tx\u{7}\r\n", "two\nlines\n"].into_iter()),
            "red\tx\ntwo\nlines\n"
        );
    }

    #[test]
    fn a_long_log_keeps_its_end() {
        let long = "ä".repeat(MAX_BYTES);
        let text = text([long.as_str(), "end"].into_iter());
        assert!(text.len() <= MAX_BYTES && text.ends_with("ä\nend\n"));
    }

    #[test]
    fn the_lines_before_the_failure_count() {
        let log = "one\ntwo\n\n[Container] Phase complete: BUILD State: FAILED\n[Container] Entering phase POST_BUILD\n";
        assert_eq!(last_lines(log, Some("BUILD")), ["one", "two"]);
        assert_eq!(last_lines(log, None).len(), 4);
    }
}
