//! How people are told: `<dir>/notifications.jsonl` (and before that `notifications.1.jsonl`), the console, a webhook.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use penstock_app::port::PortError;
use penstock_app::port::notifier::{Audience, Notice, Notifier};
use tokio::sync::mpsc;

use crate::room;

/// What shows a notice on the console.
pub type Console = Arc<dyn Fn(&Notice) + Send + Sync>;

/// A file with so many bytes of notices is put aside: the latest two hold some ten thousand each.
const FULL: u64 = 8 << 20;
/// How long a webhook may take to answer.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a webhook is tried; the pauses between are 1, 2, 4, ... seconds.
const WEBHOOK_TRIES: u32 = 6;
/// More notices than this do not wait for a webhook.
const WEBHOOK_QUEUE: usize = 1000;

/// Tells people on one machine.
pub struct Notices {
    file: PathBuf,
    console: Option<Console>,
    webhook: Option<mpsc::Sender<Notice>>,
}

impl Notices {
    /// Tells by the file in the state folder `dir`, by `console` and by posting to `webhook`.
    ///
    /// # Errors
    /// If the webhook's client cannot be set up.
    pub fn new(dir: &Path, console: Option<Console>, webhook: Option<&str>) -> Result<Self, String> {
        let webhook = webhook.map(post_to).transpose()?;
        Ok(Self { file: dir.join("notifications.jsonl"), console, webhook })
    }
}

#[async_trait]
impl Notifier for Notices {
    async fn tell(&self, notice: &Notice) -> Result<(), PortError> {
        // Topics are on AWS; here everybody is told in the same places, once.
        if notice.to != Audience::Everyone {
            return Ok(());
        }
        append(&self.file, notice).map_err(|error| {
            let error = room::needed_for(&self.file)(error);
            PortError::transient(format!("write {}: {error}", self.file.display()))
        })?;
        if let Some(console) = &self.console {
            console(notice);
        }
        if let Some(webhook) = &self.webhook
            && webhook.try_send(notice.clone()).is_err()
        {
            tracing::warn!(
                "the notification webhook is too slow: a notice is only in {}",
                self.file.display()
            );
        }
        Ok(())
    }
}

fn append(path: &Path, notice: &Notice) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(notice)?;
    line.push(b'\n');
    make_way(path)?;
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(&line)?;
    file.sync_data()
}

/// A file that has grown enough is put aside, in the place of the one that was put aside before.
fn make_way(path: &Path) -> std::io::Result<()> {
    match fs::metadata(path) {
        Ok(there) if there.len() >= FULL => fs::rename(path, path.with_extension("1.jsonl")),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Posts notices one after the other; a webhook that does not answer does not hold up anything else.
fn post_to(url: &str) -> Result<mpsc::Sender<Notice>, String> {
    // Another part of the program may have installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = reqwest::Url::parse(url)
        .map_err(|error| format!("the notification webhook `{}` is no URL: {error}", url.escape_debug()))?;
    let client =
        reqwest::Client::builder().timeout(WEBHOOK_TIMEOUT).build().map_err(|error| error.to_string())?;
    let (sender, mut notices) = mpsc::channel::<Notice>(WEBHOOK_QUEUE);
    tokio::spawn(async move {
        while let Some(notice) = notices.recv().await {
            if let Err(error) = post(&client, &url, &notice).await {
                tracing::warn!("the notification webhook was not told: {error}");
            }
        }
    });
    Ok(sender)
}

async fn post(client: &reqwest::Client, url: &reqwest::Url, notice: &Notice) -> Result<(), String> {
    let mut tried = 0;
    loop {
        let answer =
            client.post(url.clone()).json(notice).send().await.and_then(reqwest::Response::error_for_status);
        let Err(error) = answer else { return Ok(()) };
        tried += 1;
        if tried == WEBHOOK_TRIES {
            return Err(error.without_url().to_string());
        }
        tokio::time::sleep(Duration::from_secs(1 << (tried - 1))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_put_aside_when_it_has_grown_enough() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notifications.jsonl");
        let notice = serde_json::json!({
            "type": "execution-failed", "pipeline": "web", "executionId": "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607",
            "stage": "Build", "action": "Make", "summary": "it failed", "time": "2026-01-01T00:00:00Z"
        });
        let notice: Notice = serde_json::from_value(notice).unwrap();
        for older in ["first", "second"] {
            let mut text = older.to_owned();
            text.extend(std::iter::repeat_n('\n', usize::try_from(FULL).unwrap()));
            fs::write(&path, text).unwrap();
            append(&path, &notice).unwrap();
            append(&path, &notice).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
            let aside = fs::read_to_string(dir.path().join("notifications.1.jsonl")).unwrap();
            assert!(aside.starts_with(older));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
