//! What a person types, line by line, without keeping anybody waiting who does not ask.

use std::io::{BufRead, stdin};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Reads lines from standard input on a thread of its own, which begins with the first question.
#[derive(Default)]
pub(crate) struct Keyboard {
    lines: Option<UnboundedReceiver<String>>,
}

impl Keyboard {
    /// Forgets what was typed before the question, so that it answers nothing by accident.
    pub(crate) fn forget(&mut self) {
        let lines = self.lines.get_or_insert_with(read);
        while lines.try_recv().is_ok() {}
    }

    /// The next line; `None` once nobody can type any more.
    pub(crate) async fn line(&mut self) -> Option<String> {
        self.lines.get_or_insert_with(read).recv().await
    }

    /// Whether nobody can type any more, as after Ctrl-D.
    pub(crate) fn is_closed(&self) -> bool {
        self.lines.as_ref().is_some_and(|lines| lines.is_closed() && lines.is_empty())
    }
}

fn read() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// What was typed as an answer to "approve?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A verdict with the comment that followed it.
    Verdict {
        /// Approved or rejected.
        approved: bool,
        /// The rest of the line.
        comment: String,
    },
    /// Neither yes nor no.
    Unclear,
}

impl Answer {
    /// Reads `yes`, `y`, `no`, `n`, `approve` or `reject`, and a comment after it.
    pub(crate) fn read(line: &str) -> Self {
        let line = line.trim();
        let (word, comment) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let comment = comment.trim().to_owned();
        match word.to_ascii_lowercase().trim_end_matches(',') {
            "y" | "yes" | "approve" => Self::Verdict { approved: true, comment },
            "n" | "no" | "reject" => Self::Verdict { approved: false, comment },
            _ => Self::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_clear_word_and_maybe_a_comment() {
        let yes = |comment: &str| Answer::Verdict { approved: true, comment: comment.into() };
        assert_eq!(Answer::read("Y"), yes(""));
        assert_eq!(Answer::read(" yes, ship it "), yes("ship it"));
        assert_eq!(
            Answer::read("no too late"),
            Answer::Verdict { approved: false, comment: "too late".into() }
        );
        assert_eq!(Answer::read(""), Answer::Unclear);
        assert_eq!(Answer::read("yesterday"), Answer::Unclear);
    }
}
