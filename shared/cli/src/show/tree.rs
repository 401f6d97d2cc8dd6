//! An execution as a tree of stages and actions, for a live picture and a still one.

use std::collections::HashMap;

use console::{pad_str, style, truncate_str};
use penstock_app::view::{ActionView, ExecutionView, StageView};
use penstock_model::time::Timestamp;

use super::clean::{clean, first_line};
use super::duration::{duration, elapsed, now};
use super::glyph::{self, Look, of_action, of_stage};

/// The last log line of each action under way, by `stage/action`.
pub(crate) type LastLines = HashMap<String, String>;

/// How a tree is drawn.
pub(crate) struct Picture<'a> {
    /// Which picture of a live sequence; `None` for a still one.
    pub(crate) frame: Option<usize>,
    /// The last log lines of what is under way.
    pub(crate) last_lines: &'a LastLines,
    /// Columns of the terminal; lines are cut there.
    pub(crate) width: usize,
    /// Whether the actions of stages that are done are left out, to save lines.
    pub(crate) fold: bool,
}

impl Picture<'_> {
    /// The lines of `view`.
    pub(crate) fn lines(&self, view: &ExecutionView) -> Vec<String> {
        let names = view.stages.iter().flat_map(|stage| {
            let actions = stage.actions.iter().map(|action| action.name.as_str().len() + 2);
            actions.chain([stage.name.as_str().len()])
        });
        let columns = Columns {
            name: names.max().unwrap_or(0),
            provider: view
                .stages
                .iter()
                .flat_map(|s| &s.actions)
                .map(|a| a.provider.len())
                .max()
                .unwrap_or(0),
        };
        let mut lines = vec![header(view), String::new()];
        for stage in &view.stages {
            lines.push(self.stage(stage, &columns));
            if !self.folds(stage) {
                lines.extend(stage.actions.iter().map(|action| self.action(stage, action, &columns)));
            }
        }
        lines.iter().map(|line| truncate_str(line, self.width, "…").into_owned()).collect()
    }

    fn folds(&self, stage: &StageView) -> bool {
        match of_stage(stage) {
            Look::Idle | Look::Waiting => true,
            Look::Good | Look::Over => self.fold,
            Look::Asking | Look::Busy | Look::Bad => false,
        }
    }

    fn stage(&self, stage: &StageView, columns: &Columns) -> String {
        let look = of_stage(stage);
        let name = pad_str(stage.name.as_str(), columns.name, console::Alignment::Left, None).into_owned();
        let name =
            if look == Look::Idle { look.paint(name).to_string() } else { style(name).bold().to_string() };
        let detail = match look {
            Look::Idle => style(action_names(stage)).dim().to_string(),
            Look::Waiting => style(waiting(stage)).yellow().to_string(),
            Look::Asking | Look::Busy | Look::Good | Look::Bad | Look::Over => {
                let time = span(stage).map(|(start, end)| elapsed(start, end)).unwrap_or_default();
                let behind = behind(stage);
                format!(
                    "{:columns$}  {} {behind}",
                    "",
                    style(format!("{time:>7}")).dim(),
                    columns = columns.provider
                )
            }
        };
        format!("{} {name}  {detail}", look.sign(self.frame)).trim_end().into()
    }

    fn action(&self, stage: &StageView, action: &ActionView, columns: &Columns) -> String {
        let look = of_action(action);
        let name =
            pad_str(action.name.as_str(), columns.name - 2, console::Alignment::Left, None).into_owned();
        let provider =
            pad_str(&action.provider, columns.provider, console::Alignment::Left, None).into_owned();
        let time = action.started_at.map(|start| elapsed(start, action.ended_at)).unwrap_or_default();
        let detail = match (action.attempt, self.detail(stage, action, look)) {
            (0 | 1, detail) => detail,
            (number, detail) if detail.is_empty() => format!("attempt {number}"),
            (number, detail) => format!("attempt {number}: {detail}"),
        };
        let detail = match look {
            Look::Bad | Look::Asking | Look::Over => look.paint(detail),
            Look::Idle | Look::Waiting | Look::Busy | Look::Good => style(detail).dim(),
        };
        let (provider, time) = (style(provider).dim(), style(format!("{time:>7}")).dim());
        format!("  {} {name}  {provider}  {time}  {detail}", look.sign(self.frame)).trim_end().into()
    }

    /// Whether there is room for `link` behind the other columns.
    fn fits(&self, link: &str) -> bool {
        self.width > link.len() + 80
    }

    fn detail(&self, stage: &StageView, action: &ActionView, look: Look) -> String {
        let summary = || first_line(action.summary.as_deref().unwrap_or_default());
        match look {
            Look::Busy => {
                let key = format!("{}/{}", stage.name, action.name);
                self.last_lines.get(&key).cloned().unwrap_or_else(summary)
            }
            // Half a link is of no use.
            Look::Asking => match action.link.as_deref().map(clean).filter(|link| self.fits(link)) {
                Some(link) => format!("waits for a verdict: {link}"),
                None => "waits for a verdict".into(),
            },
            Look::Bad => match &action.error_code {
                Some(code) if !summary().starts_with(code.as_str()) => format!("{code}: {}", summary()),
                Some(_) | None => summary(),
            },
            Look::Over if action.summary.is_none() => glyph::words(action.status.as_str()),
            Look::Over | Look::Good | Look::Idle | Look::Waiting => summary(),
        }
    }
}

struct Columns {
    name: usize,
    provider: usize,
}

fn header(view: &ExecutionView) -> String {
    let look = glyph::look(view.status);
    let time = duration(view.ended_at.unwrap_or_else(now).since(view.started_at));
    let commit = view.commit.as_deref().map(|commit| format!("  {}", style(super::short(commit)).yellow()));
    let message = view.commit_summary.as_deref().map(|text| format!("  {}", clean(text)));
    let status = glyph::words(view.status.as_str());
    let status = match view.status_summary.as_deref().map(clean) {
        Some(why) if why.starts_with(&status) => why,
        Some(why) => format!("{status}: {why}"),
        None => status,
    };
    format!(
        "{}{}{}  {} {}",
        style(&view.pipeline).bold(),
        commit.unwrap_or_default(),
        message.unwrap_or_default(),
        look.paint(status),
        style(format!("{time}  execution {}", view.execution_id)).dim(),
    )
}

fn action_names(stage: &StageView) -> String {
    stage.actions.iter().map(|action| action.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn waiting(stage: &StageView) -> String {
    let note = stage.note.as_deref().map_or_else(|| "waits".into(), clean);
    format!("{note} {}", behind(stage)).trim_end().into()
}

fn behind(stage: &StageView) -> String {
    match stage.waiting_behind {
        0 => String::new(),
        1 => "1 execution waits behind".into(),
        many => format!("{many} executions wait behind"),
    }
}

/// From the first action's start to the last one's end, or until now while something runs.
fn span(stage: &StageView) -> Option<(Timestamp, Option<Timestamp>)> {
    let start = stage.actions.iter().filter_map(|action| action.started_at).min()?;
    let open = glyph::look(stage.status) == Look::Busy;
    let end = stage.actions.iter().filter_map(|action| action.ended_at).max();
    Some((start, if open { None } else { end }))
}
