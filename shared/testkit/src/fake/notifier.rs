//! A notifier that remembers.

use std::sync::Mutex;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::notifier::{Notice, Notifier};

use super::locked;

/// Remembers what it was told.
#[derive(Debug, Default)]
pub struct RecordingNotifier(Mutex<Vec<Notice>>);

impl RecordingNotifier {
    /// What it was told, in order.
    pub fn told(&self) -> Vec<Notice> {
        locked(&self.0).clone()
    }
}

#[async_trait]
impl Notifier for RecordingNotifier {
    async fn tell(&self, notice: &Notice) -> Result<(), PortError> {
        locked(&self.0).push(notice.clone());
        Ok(())
    }
}
