//! A queue that keeps what it is sent until a test takes it.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::queue::{Message, Queue};

use super::locked;

/// A queue in memory.
#[derive(Debug, Default)]
pub struct MemoryQueue(Mutex<VecDeque<Message>>);

impl MemoryQueue {
    /// The oldest message.
    pub fn take(&self) -> Option<Message> {
        locked(&self.0).pop_front()
    }

    /// The message at `index`, 0 being the oldest.
    pub fn take_at(&self, index: usize) -> Option<Message> {
        locked(&self.0).remove(index)
    }

    /// Puts a message back, as if it had been sent again.
    pub fn put(&self, message: Message) {
        locked(&self.0).push_back(message);
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        locked(&self.0).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, messages: Vec<Message>) -> Result<(), PortError> {
        locked(&self.0).extend(messages);
        Ok(())
    }
}
