//! A provider and a notifier that fail.

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::notifier::{Notice, Notifier};
use penstock_app::port::provider::{Begun, Done, Observation, Provider, Stop, Work};
use penstock_engine::state::External;

use super::Faulty;

#[async_trait]
impl<T: Provider + ?Sized> Provider for Faulty<T> {
    async fn start(&self, work: &Work, taken_over: bool) -> Result<Begun, PortError> {
        self.faults.around("start", self.inner.start(work, taken_over)).await
    }

    fn anticipate(&self, work: &Work) {
        self.inner.anticipate(work);
    }

    async fn ahead(&self, work: &Work) -> Option<Done> {
        self.inner.ahead(work).await
    }

    async fn start_until(&self, work: &Work, taken_over: bool, stop: &Stop) -> Result<Begun, PortError> {
        self.faults.around("start", self.inner.start_until(work, taken_over, stop)).await
    }

    async fn observe(&self, work: &Work, external: &External) -> Result<Observation, PortError> {
        self.faults.around("observe", self.inner.observe(work, external)).await
    }

    async fn cancel(&self, work: &Work, external: Option<&External>) -> Result<Observation, PortError> {
        self.faults.around("cancel", self.inner.cancel(work, external)).await
    }

    async fn discard(&self, work: &Work, spare: &External) -> Result<(), PortError> {
        self.faults.around("discard", self.inner.discard(work, spare)).await
    }
}

#[async_trait]
impl<T: Notifier + ?Sized> Notifier for Faulty<T> {
    async fn tell(&self, notice: &Notice) -> Result<(), PortError> {
        self.faults.around("tell", self.inner.tell(notice)).await
    }
}
