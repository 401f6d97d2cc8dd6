//! The picture of an execution while it is followed: a live tree on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use penstock_app::view::ExecutionView;
use penstock_model::id::AttemptId;
use penstock_model::pipeline::Category;

use crate::reach::Reach;
use crate::show::glyph::{Look, of_action};
use crate::show::live::Live;
use crate::show::out;
use crate::show::plain::Plain;
use crate::show::tree::{LastLines, Picture};
use crate::tail::Tail;

/// A tree that redraws itself, or lines.
pub(super) enum Screen {
    /// On a terminal.
    Tree {
        /// Draws.
        live: Live,
        /// Which picture.
        frame: usize,
        /// The logs of what is under way.
        tails: HashMap<AttemptId, Tail>,
    },
    /// Elsewhere.
    Lines(Plain),
    /// Where a program reads.
    Nothing,
}

impl Screen {
    /// Whichever suits standard output; nothing if it is to be `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        if quiet {
            Self::Nothing
        } else if out::is_live() {
            Self::Tree { live: Live::new(), frame: 0, tails: HashMap::new() }
        } else {
            Self::Lines(Plain::default())
        }
    }

    /// Shows `view`.
    pub(super) async fn show(&mut self, reach: &dyn Reach, view: &ExecutionView) -> anyhow::Result<()> {
        match self {
            Self::Nothing => {}
            Self::Lines(plain) => {
                for line in plain.lines(view) {
                    out::line(line)?;
                }
            }
            Self::Tree { live, frame, tails } => {
                *frame += 1;
                let last_lines = last_lines(reach, view, tails).await;
                live.draw(&fitting(view, &last_lines, *frame, live.size()))?;
            }
        }
        Ok(())
    }

    /// Between two looks at the execution: a picture moves at the pace of the eye, lines come as things happen.
    pub(super) fn tick(&self) -> Duration {
        match self {
            Self::Tree { .. } => Duration::from_millis(80),
            Self::Lines(_) => Duration::from_millis(20),
            Self::Nothing => Duration::from_millis(100),
        }
    }

    /// Leaves the picture as it is: other lines follow.
    pub(super) fn leave(&mut self) {
        match self {
            Self::Tree { live, .. } => live.leave(),
            Self::Lines(_) | Self::Nothing => {}
        }
    }
}

/// The tree, folded if it would not fit otherwise.
fn fitting(view: &ExecutionView, last_lines: &LastLines, frame: usize, size: (usize, usize)) -> Vec<String> {
    let (width, rows) = size;
    let mut picture = Picture { frame: Some(frame), last_lines, width, fold: false };
    let lines = picture.lines(view);
    if lines.len() < rows {
        return lines;
    }
    picture.fold = true;
    picture.lines(view)
}

/// Reads on in the logs of what is under way, and forgets the others.
async fn last_lines(
    reach: &dyn Reach,
    view: &ExecutionView,
    tails: &mut HashMap<AttemptId, Tail>,
) -> LastLines {
    let running = running(view);
    tails.retain(|attempt, _| running.contains(attempt));
    let mut last_lines = LastLines::new();
    for attempt in running {
        let tail = tails.entry(attempt.clone()).or_insert_with(|| Tail::new(20));
        // What a log says is an ornament here: the execution is shown without it too.
        let _ = tail.read_on(reach, &attempt).await;
        if let Some(line) = tail.last_line() {
            last_lines.insert(format!("{}/{}", attempt.stage, attempt.action), line);
        }
    }
    last_lines
}

fn running(view: &ExecutionView) -> Vec<AttemptId> {
    let actions =
        view.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)));
    actions
        .filter(|(_, action)| of_action(action) == Look::Busy && action.category != Category::Approval)
        .map(|(stage, action)| view.attempt_id(stage, action))
        .collect()
}
