//! `penstock redrive`: dead letters back to where they came from.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use console::style;
use penstock_aws::dead_letters::{DeadLetterQueue, DeadLetters, Letter};
use serde_json::{Value as Json, json};

use super::Output;
use crate::aws::installation::Installation;
use crate::aws::{dead_letters, failed, letter};
use crate::client::suggest;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupts;
use crate::show::glyph::Look;
use crate::show::out;

/// Between two looks at a move.
const TICK: Duration = Duration::from_secs(1);

/// SQS's word for a message that was sent to the dead-letter queue itself (SQS API reference, `ListMessageMoveTasks`).
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

/// Show what could not be delivered, and move it back to where it came from
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock redrive --stack penstock --dry-run     only show what lies there
  penstock redrive --stack penstock
  penstock redrive --stack penstock --queue penstock-CommandDeadLetters.fifo

Find out first why the messages failed (`penstock doctor`, the functions' logs); what fails again comes back. Messages are
safe to deliver twice. Exit code 1 if anything could not be moved.")]
pub(crate) struct Redrive {
    /// The installation's stack
    #[arg(long, env = "PENSTOCK_STACK", value_name = "NAME")]
    stack: String,
    /// Only this dead-letter queue; may be given several times
    #[arg(long = "queue", value_name = "NAME")]
    queues: Vec<String>,
    /// Move nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

/// What became of a queue's letters.
enum Became {
    /// Nothing lay there.
    Empty,
    /// They stay: that was asked for, or nothing can move them, with the reason and what to do.
    Left(Option<String>),
    /// They were moved.
    Moved(u64),
    /// They could not be moved, or not all.
    Failed(String),
}

impl Redrive {
    /// Shows and moves.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        let installation = Installation::find(&self.stack).await?;
        let (letters, queues) = dead_letters::of(&installation).await?;
        let queues = self.chosen(queues)?;
        let mut interrupts = Interrupts::listen()?;
        let (mut told, mut exit) = (vec![], Exit::Succeeded);
        for queue in queues {
            let peeked =
                if queue.depth > 0 { letters.peek(&queue.url).await.map_err(failed)? } else { vec![] };
            self.announce(&queue, &peeked)?;
            let became = tokio::select! {
                became = self.treat(&letters, &queue, &peeked) => became,
                () = interrupts.next() => {
                    out::note("The move goes on; look again with --dry-run.");
                    return Ok(Exit::Succeeded);
                }
            };
            if matches!(became, Became::Failed(_)) {
                exit = Exit::Failed;
            }
            told.push(self.tell(&queue, &peeked, &became)?);
        }
        if self.output.is_json() {
            out::json(&json!({ "queues": told }))?;
        } else if told.is_empty() {
            out::line(format!("The stack {} has no dead-letter queues.", self.stack))?;
        }
        Ok(exit)
    }

    /// The queues that are asked for, or all.
    fn chosen(&self, queues: Vec<DeadLetterQueue>) -> anyhow::Result<Vec<DeadLetterQueue>> {
        let mut by_name: BTreeMap<String, DeadLetterQueue> =
            queues.into_iter().map(|queue| (queue.name().to_owned(), queue)).collect();
        if self.queues.is_empty() {
            return Ok(by_name.into_values().collect());
        }
        let known: Vec<String> = by_name.keys().cloned().collect();
        let found = self.queues.iter().map(|name| {
            by_name.remove(name).ok_or_else(|| {
                let hint = suggest::hint(name, &known);
                Failure::misused(format!("`{name}` is no dead-letter queue of {}{hint}", self.stack)).into()
            })
        });
        found.collect()
    }

    async fn treat(&self, letters: &DeadLetters, queue: &DeadLetterQueue, peeked: &[Letter]) -> Became {
        if queue.depth == 0 {
            return Became::Empty;
        }
        if queue.sources.is_empty() {
            return Became::Left(Some(letter::unmovable(queue, peeked)));
        }
        if self.dry_run {
            return Became::Left(None);
        }
        match move_back(letters, queue).await {
            Ok(moved) => Became::Moved(moved),
            Err(error) => Became::Failed(format!("{error:#}")),
        }
    }

    fn announce(&self, queue: &DeadLetterQueue, peeked: &[Letter]) -> anyhow::Result<()> {
        if self.output.is_json() {
            return Ok(());
        }
        let look = if queue.depth == 0 { Look::Good } else { Look::Bad };
        let count = match queue.depth {
            0 => "empty".to_owned(),
            1 => "1 message".to_owned(),
            depth => format!("{depth} messages"),
        };
        let sources = match queue.sources.is_empty() {
            true => String::new(),
            false => format!(", from {}", queue.sources.join(", ")),
        };
        out::line(format!(
            "{} {}: {}{sources}",
            look.sign(None),
            style(queue.name()).bold(),
            look.paint(count)
        ))?;
        for letter in peeked {
            out::line(format!("    {}", letter::line(letter)))?;
        }
        let unseen = queue.depth.saturating_sub(peeked.len() as u64);
        if unseen > 0 {
            out::line(style(format!("    and about {unseen} more")).dim())?;
        }
        Ok(())
    }

    fn tell(&self, queue: &DeadLetterQueue, peeked: &[Letter], became: &Became) -> anyhow::Result<Json> {
        if !self.output.is_json() {
            match became {
                Became::Empty | Became::Left(None) => {}
                Became::Left(Some(why)) => out::line(format!("  left: {why}"))?,
                Became::Moved(moved) => out::line(format!("  {} moved {moved} back", Look::Good.sign(None)))?,
                Became::Failed(why) => out::line(format!("  {} {why}", Look::Bad.sign(None)))?,
            }
        }
        let (moved, error) = match became {
            Became::Moved(moved) => (*moved, None),
            Became::Failed(why) => (0, Some(why.clone())),
            Became::Left(why) => (0, why.clone()),
            Became::Empty => (0, None),
        };
        let about: Vec<String> = peeked.iter().map(letter::line).collect();
        Ok(json!({
            "queue": queue.name(), "depth": queue.depth, "sources": queue.sources, "messages": about,
            "moved": moved, "reason": error,
        }))
    }
}

/// Begins a move, or joins the one under way, and waits for its end. How many messages it moved.
async fn move_back(letters: &DeadLetters, queue: &DeadLetterQueue) -> anyhow::Result<u64> {
    let before = letters.latest_move(&queue.arn).await.map_err(failed)?;
    if before.is_none_or(|latest| latest.is_over()) {
        letters.move_back(queue).await.map_err(failed)?;
    }
    loop {
        let latest = letters.latest_move(&queue.arn).await.map_err(failed)?;
        match latest {
            Some(latest) if latest.status == "COMPLETED" => return Ok(latest.moved),
            Some(latest) if latest.is_over() => {
                let why = latest.failure.unwrap_or_else(|| latest.status.to_lowercase());
                anyhow::bail!("moved {} and stopped: {why}; {}", latest.moved, after(&why, queue));
            }
            Some(_) | None => tokio::time::sleep(TICK).await,
        }
    }
}

/// What to do after a move that SQS gave up for this reason.
fn after(why: &str, queue: &DeadLetterQueue) -> String {
    if why != NO_SOURCE {
        return "run it again".to_owned();
    }
    format!(
        "a message there came from no queue, such as a batch of the table's stream: --dry-run shows it; once you know what it is about, clear the queue: aws sqs purge-queue --queue-url {}",
        queue.url
    )
}
