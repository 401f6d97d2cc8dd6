//! A queue, claims and outputs that fail.

use std::collections::BTreeMap;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::claims::{Claim, Claims, Recorded, Standing};
use penstock_app::port::outputs::Outputs;
use penstock_app::port::queue::{Message, Queue};
use penstock_engine::state::External;
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;

use super::Faulty;

#[async_trait]
impl<T: Queue + ?Sized> Queue for Faulty<T> {
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError> {
        // Each message by itself: a batch can arrive in part.
        for message in messages {
            self.faults.around("send", self.inner.send(vec![message])).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl<T: Claims + ?Sized> Claims for Faulty<T> {
    async fn claim(&self, attempt: &AttemptId, now: Timestamp, until: Timestamp) -> Result<Claim, PortError> {
        self.faults.around("claim", self.inner.claim(attempt, now, until)).await
    }

    async fn renew(&self, attempt: &AttemptId, held: Timestamp, until: Timestamp) -> Result<bool, PortError> {
        self.faults.around("renew a claim", self.inner.renew(attempt, held, until)).await
    }

    async fn started(&self, attempt: &AttemptId, external: &External) -> Result<Recorded, PortError> {
        self.faults.around("record a start", self.inner.started(attempt, external)).await
    }

    async fn cancel(&self, attempt: &AttemptId, now: Timestamp) -> Result<Claim, PortError> {
        self.faults.around("cancel a claim", self.inner.cancel(attempt, now)).await
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, PortError> {
        self.faults.around("look at a claim", self.inner.look(attempt)).await
    }
}

#[async_trait]
impl<T: Outputs + ?Sized> Outputs for Faulty<T> {
    async fn put(&self, attempt: &AttemptId, variables: &BTreeMap<String, String>) -> Result<(), PortError> {
        self.faults.around("write outputs", self.inner.put(attempt, variables)).await
    }

    async fn replace(
        &self,
        attempt: &AttemptId,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), PortError> {
        self.faults.around("write outputs", self.inner.replace(attempt, variables)).await
    }

    async fn get(&self, attempt: &AttemptId) -> Result<BTreeMap<String, String>, PortError> {
        self.faults.around("read outputs", self.inner.get(attempt)).await
    }
}
