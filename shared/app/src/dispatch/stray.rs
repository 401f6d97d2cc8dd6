//! Work that nobody waits for: begun by a worker that was frozen while its claim expired.
//!
//! Whoever cancels an attempt looks at the provider, and whoever takes a claim over does; a start that was on its way meanwhile
//! may land after their look. So a start that does not count is ended by the one who began it. If that
//! one dies first, work beside the attempt's own runs to its end: nobody else knows of it.

use std::time::Duration;

use penstock_engine::state::External;

use crate::port::PortError;
use crate::port::provider::{Provider, Work};

/// How often ending it is tried before the message is left to come again, which may take hours.
const TRIES: u32 = 5;
/// The first pause between two tries, doubling.
const PAUSE: Duration = Duration::from_millis(500);

/// Why nobody waits for it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stray {
    /// Its attempt had been cancelled.
    Late,
    /// Its attempt has other work.
    Beside,
}

/// Ends it.
pub(super) async fn end(
    provider: &dyn Provider,
    work: &Work,
    external: &External,
    stray: Stray,
) -> Result<(), PortError> {
    tracing::warn!(attempt = %work.attempt, external = external.id, ?stray, "work that nobody waits for is ended");
    for number in 1..TRIES {
        match once(provider, work, external, stray).await {
            Err(error) if error.retryable => {
                tracing::warn!(attempt = %work.attempt, %error, "it could not be ended; trying again");
                tokio::time::sleep(PAUSE * 2_u32.pow(number - 1)).await;
            }
            ended => return ended,
        }
    }
    once(provider, work, external, stray).await
}

async fn once(
    provider: &dyn Provider,
    work: &Work,
    external: &External,
    stray: Stray,
) -> Result<(), PortError> {
    match stray {
        Stray::Late => provider.cancel(work, Some(external)).await.map(drop),
        Stray::Beside => provider.discard(work, external).await,
    }
}
