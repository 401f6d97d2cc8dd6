//! Work that is owed, from the messages of a queue: what the functions that perform actions do with each.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use penstock_app::dispatch::Dispatch;
use penstock_app::engine::debt::Debt;
use penstock_app::port::clock::{Clock, SystemClock};
use penstock_app::port::queue::Message;
use penstock_model::id::{AttemptId, PipelineName};
use tracing::{Instrument, Span, error, info, info_span, warn};

use crate::queue::SqsQueue;
use crate::telemetry::count_failure;

/// Carries out what is owed.
pub struct Debts {
    dispatch: Dispatch,
    mailbox: Arc<SqsQueue>,
}

impl Debts {
    /// Carries it out by `dispatch`; messages are read by `mailbox`.
    pub fn new(dispatch: Dispatch, mailbox: Arc<SqsQueue>) -> Self {
        Self { dispatch, mailbox }
    }

    /// Whether the message `body` is done with. One that fails is counted, and comes again and at last among the dead
    /// letters; what it is about stays owed by the state meanwhile.
    pub async fn take(&self, body: &str) -> bool {
        let is_done = self.attempt(body).await;
        if !is_done {
            count_failure(SystemClock.now());
        }
        is_done
    }

    async fn attempt(&self, body: &str) -> bool {
        match self.mailbox.receive(body).await {
            Ok(Message::Debt { pipeline, debt, category: _ }) => {
                self.carry_out(&pipeline, &debt).instrument(span(&pipeline, &debt)).await
            }
            Ok(Message::Command { .. } | Message::Delivery { .. }) => {
                error!("a command or a delivery is in the queue of debts; it belongs to `transition`");
                false
            }
            Err(error) => {
                error!(%error, "a message cannot be read; it is delivered again");
                false
            }
        }
    }

    async fn carry_out(&self, pipeline: &PipelineName, debt: &Debt) -> bool {
        info!("owed");
        match AssertUnwindSafe(self.dispatch.carry_out(pipeline, debt)).catch_unwind().await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                warn!(%error, "work that is owed failed; it is delivered again");
                false
            }
            Err(_) => {
                error!("work that is owed panicked; it is delivered again");
                false
            }
        }
    }
}

/// Says of every line that is logged meanwhile what it is about.
fn span(pipeline: &PipelineName, debt: &Debt) -> Span {
    let (debt, attempt) = match debt {
        Debt::Dispatch { attempt } => ("dispatch", Some(attempt)),
        Debt::Cancel { attempt } => ("cancel", Some(attempt)),
        Debt::Observe { attempt } => ("observe", Some(attempt)),
        Debt::GoOn => ("go-on", None),
    };
    let Some(AttemptId { execution, stage, action, number }) = attempt else {
        return info_span!("debt", %pipeline, debt);
    };
    info_span!("debt", %pipeline, debt, %execution, %stage, %action, attempt = number)
}

#[cfg(test)]
mod tests {
    use penstock_testkit::kept_logs::KeptLogs;
    use serde_json::{Value, json};

    use super::*;
    use crate::telemetry;

    #[test]
    fn each_line_of_work_that_is_owed_says_of_which_attempt() {
        let id = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607";
        let attempt: AttemptId = format!("{id}/Build/Compile/3").parse().unwrap();
        let pipeline = PipelineName::new("web").unwrap();
        let kept = KeptLogs::of(|to| telemetry::lines("info", move || to.clone()));
        let debts = [
            ("dispatch", Debt::Dispatch { attempt: attempt.clone() }),
            ("cancel", Debt::Cancel { attempt: attempt.clone() }),
            ("observe", Debt::Observe { attempt }),
        ];
        for (called, debt) in &debts {
            span(&pipeline, debt).in_scope(|| warn!(error = "no", "work that is owed failed"));
            let line: Value = serde_json::from_str(&kept.text()).unwrap();
            assert_eq!(
                (&line["message"], &line["level"]),
                (&json!("work that is owed failed"), &json!("WARN"))
            );
            let expected = json!({
                "name": "debt", "pipeline": "web", "debt": called, "execution": id, "stage": "Build",
                "action": "Compile", "attempt": 3,
            });
            assert_eq!(line["span"], expected);
        }
    }
}
