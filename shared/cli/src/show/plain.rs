//! An execution as plain lines, one for each thing that happens, for logs and pipes.

use std::collections::HashMap;

use console::style;
use penstock_app::view::{ActionStanding, ActionView, ExecutionView, StageStanding, StageView};
use penstock_model::pipeline::Category;
use penstock_model::time::Timestamp;

use super::clean::{clean, first_line};
use super::duration::elapsed;
use super::glyph::{self, Look, look};
use super::{brief, short};

/// Remembers what was said already.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    begun: bool,
    over: bool,
    actions: HashMap<String, Said>,
    notes: HashMap<String, String>,
    /// What was said last of an action that runs.
    progress: HashMap<String, String>,
}

/// What was said of an action.
#[derive(Debug, Default, Clone, Copy)]
struct Said {
    started: u32,
    ended: u32,
}

impl Plain {
    /// The lines for everything that is new in `view`, in the order in which it happened.
    pub(crate) fn lines(&mut self, view: &ExecutionView) -> Vec<String> {
        let mut lines = vec![];
        if !std::mem::replace(&mut self.begun, true) {
            lines.push(format!(
                "{}: execution {} ({})",
                view.pipeline,
                view.execution_id,
                clean(&view.trigger)
            ));
        }
        lines.extend(self.news(view));
        if view.status.is_terminal() && !std::mem::replace(&mut self.over, true) {
            lines.push(ended(view));
        }
        lines
    }

    fn news(&mut self, view: &ExecutionView) -> Vec<String> {
        let mut news: Vec<(Timestamp, String)> = vec![];
        for stage in &view.stages {
            for action in &stage.actions {
                news.extend(self.action(stage, action));
            }
        }
        let last = news.iter().map(|(at, _)| *at).max().unwrap_or_default();
        for stage in &view.stages {
            for action in &stage.actions {
                news.extend(self.progress(stage, action).map(|line| (last, line)));
            }
            news.extend(self.waiting(stage).map(|line| (last, line)));
        }
        news.sort_by_key(|(at, _)| *at);
        news.into_iter().map(|(_, line)| line).collect()
    }

    fn progress(&mut self, stage: &StageView, action: &ActionView) -> Option<String> {
        let text = action
            .summary
            .as_deref()
            .filter(|_| action.status == ActionStanding::InProgress)
            .map(first_line)?;
        let place = format!("{}/{}", stage.name, action.name);
        let said = self.progress.insert(place.clone(), text.clone());
        (said.as_ref() != Some(&text)).then(|| format!("{place}: {text}"))
    }

    fn waiting(&mut self, stage: &StageView) -> Option<String> {
        let note = stage.note.as_deref().filter(|_| stage.status == StageStanding::Waiting).map(clean)?;
        let said = self.notes.insert(stage.name.to_string(), note.clone());
        (said.as_ref() != Some(&note)).then(|| format!("{}: waiting: {note}", stage.name))
    }

    fn action(&mut self, stage: &StageView, action: &ActionView) -> Vec<(Timestamp, String)> {
        let place = format!("{}/{}", stage.name, action.name);
        let said = self.actions.entry(place.clone()).or_default();
        let mut lines = vec![];
        let Some(start) = action.started_at else {
            return lines;
        };
        if said.started < action.attempt {
            said.started = action.attempt;
            lines.push((start, begun(&place, action)));
        }
        if let Some(end) = action.ended_at.filter(|_| said.ended < action.attempt && is_over(action)) {
            said.ended = action.attempt;
            lines.push((end, result(&place, action, start)));
        }
        lines
    }
}

fn is_over(action: &ActionView) -> bool {
    matches!(look(action.status), Look::Good | Look::Bad | Look::Over)
}

fn begun(place: &str, action: &ActionView) -> String {
    let attempt = if action.attempt > 1 { format!(" (attempt {})", action.attempt) } else { String::new() };
    match (&action.link, action.category) {
        (Some(link), Category::Approval) if !is_over(action) => {
            format!("{place}: waits for a verdict{attempt}: {}", clean(link))
        }
        (_, Category::Approval) => format!("{place}: waits for a verdict{attempt}"),
        (
            _,
            Category::Source
            | Category::Build
            | Category::Test
            | Category::Deploy
            | Category::Invoke
            | Category::Compute,
        ) => format!("{place}: started{attempt}"),
    }
}

fn result(place: &str, action: &ActionView, start: Timestamp) -> String {
    let look = look(action.status);
    let code = action.error_code.as_ref().map(|code| format!(" {code}:")).unwrap_or_default();
    let summary = action.summary.as_deref().map(|text| format!(" {}", first_line(text))).unwrap_or_default();
    let colon = if code.is_empty() && summary.is_empty() { "" } else { ":" };
    let status = look.paint(glyph::words(action.status.as_str()));
    format!("{place}: {status} in {}{colon}{code}{summary}", elapsed(start, action.ended_at))
}

fn ended(view: &ExecutionView) -> String {
    let status = look(view.status).paint(glyph::words(view.status.as_str()));
    let why = view.status_summary.as_deref().map(|text| format!(": {}", clean(text))).unwrap_or_default();
    let commit = view.commit.as_deref().map(|commit| format!(" {}", short(commit))).unwrap_or_default();
    let time = elapsed(view.started_at, view.ended_at);
    format!("{}{commit}: {status} in {time}{why} {}", view.pipeline, style(brief(&view.execution_id)).dim())
}
