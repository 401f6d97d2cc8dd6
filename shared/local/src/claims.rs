//! Who works on an attempt: in memory, journalled to `claims.jsonl` before the answer.
//!
//! The journal is written to the system, not synchronised to the disk: it must survive the death of this process,
//! after which children may still run, but a machine that loses power has nothing running when it comes back.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use penstock_app::engine::state::External;
use penstock_app::port::PortError;
use penstock_app::port::claims::{Claim, Claims, Recorded, Standing};
use penstock_model::id::AttemptId;
use penstock_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::room;

/// The journal is rewritten when it holds this many lines more than there are claims.
const SLACK: usize = 20_000;
/// As many settled attempts are remembered, so that a late message about one finds its claim.
const SETTLED: usize = 10_000;

/// The claims on one folder's attempts.
pub struct ClaimJournal {
    path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    file: File,
    lines: usize,
    claims: HashMap<AttemptId, Held>,
    settled: VecDeque<AttemptId>,
}

/// A line of the journal: the latest one of an attempt counts.
#[derive(Serialize, Deserialize)]
struct Line {
    attempt: AttemptId,
    held: Option<Held>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Held {
    Claimed(Timestamp),
    Started(External),
    Cancelled,
    /// Cancelled after a claim on it expired: its worker may have begun.
    Withdrawn,
    /// Work of which the start was recorded after it was cancelled.
    Late(External),
}

impl ClaimJournal {
    /// Opens or creates the journal at `path`.
    ///
    /// # Errors
    /// As reading and writing files give them.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let mut claims = HashMap::new();
        if let Ok(file) = File::open(path) {
            for line in BufReader::new(file).split(b'\n') {
                // The last line may have been cut off by a crash: what it said was never acknowledged.
                let Ok(Line { attempt, held }) = serde_json::from_slice(&line?) else { continue };
                match held {
                    Some(held) => drop(claims.insert(attempt, held)),
                    None => drop(claims.remove(&attempt)),
                }
            }
        }
        let file = rewrite(path, &claims)?;
        let inner = Inner { file, lines: claims.len(), claims, settled: VecDeque::new() };
        Ok(Self { path: path.to_owned(), inner: Mutex::new(inner) })
    }

    /// The attempts that somebody claimed or started, for recovery.
    pub fn taken(&self) -> Vec<AttemptId> {
        let inner = self.lock();
        let taken = inner.claims.iter().filter(|(_, held)| !matches!(held, Held::Cancelled));
        taken.map(|(attempt, _)| attempt.clone()).collect()
    }

    /// Makes every claim of a server that is gone expire, so that its work is taken over.
    pub fn expire_all(&self) -> Result<(), PortError> {
        let mut inner = self.lock();
        let claimed = inner.claims.iter().filter(|(_, held)| matches!(held, Held::Claimed(_)));
        for attempt in claimed.map(|(attempt, _)| attempt.clone()).collect::<Vec<_>>() {
            inner.write(&self.path, &attempt, Some(Held::Claimed(Timestamp(0))))?;
        }
        Ok(())
    }

    /// Forgets an attempt that is settled, though not at once.
    pub fn settle(&self, attempt: &AttemptId) -> Result<(), PortError> {
        let mut inner = self.lock();
        inner.settled.push_back(attempt.clone());
        if inner.settled.len() > SETTLED
            && let Some(oldest) = inner.settled.pop_front()
        {
            inner.write(&self.path, &oldest, None)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self, path: &Path, attempt: &AttemptId, held: Option<Held>) -> Result<(), PortError> {
        let failed = |error: std::io::Error| {
            let error = room::needed_for(path)(error);
            PortError::transient(format!("write {}: {error}", path.display()))
        };
        let line = Line { attempt: attempt.clone(), held };
        // A line that a full disk cut off must not spoil this one: it begins with an end.
        let mut text = vec![b'\n'];
        serde_json::to_writer(&mut text, &line)
            .map_err(|error| PortError::permanent(format!("encode a claim: {error}")))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(failed)?;
        self.lines += 1;
        match line.held {
            Some(held) => drop(self.claims.insert(line.attempt, held)),
            None => drop(self.claims.remove(attempt)),
        }
        if self.lines > self.claims.len() + SLACK {
            self.file = rewrite(path, &self.claims).map_err(failed)?;
            self.lines = self.claims.len();
        }
        Ok(())
    }
}

/// Replaces the journal by one line a claim and opens it for more.
fn rewrite(path: &Path, claims: &HashMap<AttemptId, Held>) -> std::io::Result<File> {
    let fresh = path.with_extension("new");
    let mut text = vec![];
    for (attempt, held) in claims {
        serde_json::to_writer(&mut text, &Line { attempt: attempt.clone(), held: Some(held.clone()) })?;
        text.push(b'\n');
    }
    fs::write(&fresh, text)?;
    fs::rename(&fresh, path)?;
    OpenOptions::new().append(true).open(path)
}

#[async_trait]
impl Claims for ClaimJournal {
    async fn claim(&self, attempt: &AttemptId, now: Timestamp, until: Timestamp) -> Result<Claim, PortError> {
        let mut inner = self.lock();
        let answer = match inner.claims.get(attempt) {
            None => Claim::Taken,
            Some(Held::Claimed(before)) if *before <= now => Claim::TakenOver,
            Some(Held::Claimed(before)) => return Ok(Claim::Held { until: *before }),
            Some(Held::Started(external) | Held::Late(external)) => {
                return Ok(Claim::Started { external: external.clone() });
            }
            Some(Held::Cancelled | Held::Withdrawn) => return Ok(Claim::Cancelled),
        };
        inner.write(&self.path, attempt, Some(Held::Claimed(until)))?;
        Ok(answer)
    }

    async fn renew(&self, attempt: &AttemptId, held: Timestamp, until: Timestamp) -> Result<bool, PortError> {
        let mut inner = self.lock();
        let is_held = matches!(inner.claims.get(attempt), Some(Held::Claimed(claimed)) if *claimed == held);
        if is_held {
            inner.write(&self.path, attempt, Some(Held::Claimed(until)))?;
        }
        Ok(is_held)
    }

    async fn started(&self, attempt: &AttemptId, external: &External) -> Result<Recorded, PortError> {
        let mut inner = self.lock();
        let (held, answer) = match inner.claims.get(attempt) {
            Some(Held::Started(first) | Held::Late(first)) if first.id != external.id => {
                return Ok(Recorded::Other { external: first.clone() });
            }
            None | Some(Held::Claimed(_) | Held::Started(_)) => {
                (Held::Started(external.clone()), Recorded::Counts)
            }
            Some(Held::Cancelled | Held::Withdrawn | Held::Late(_)) => {
                (Held::Late(external.clone()), Recorded::Cancelled)
            }
        };
        inner.write(&self.path, attempt, Some(held))?;
        Ok(answer)
    }

    async fn cancel(&self, attempt: &AttemptId, now: Timestamp) -> Result<Claim, PortError> {
        let mut inner = self.lock();
        let (held, answer) = match inner.claims.get(attempt) {
            None => (Held::Cancelled, Claim::Taken),
            Some(Held::Claimed(until)) if *until <= now => (Held::Withdrawn, Claim::TakenOver),
            Some(Held::Claimed(until)) => return Ok(Claim::Held { until: *until }),
            Some(Held::Started(external) | Held::Late(external)) => {
                return Ok(Claim::Started { external: external.clone() });
            }
            Some(Held::Cancelled) => return Ok(Claim::Cancelled),
            Some(Held::Withdrawn) => return Ok(Claim::TakenOver),
        };
        inner.write(&self.path, attempt, Some(held))?;
        Ok(answer)
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, PortError> {
        Ok(match self.lock().claims.get(attempt) {
            None => Standing::Free,
            Some(Held::Claimed(until)) => Standing::Claimed { until: *until },
            Some(Held::Started(external) | Held::Late(external)) => {
                Standing::Started { external: external.clone() }
            }
            Some(Held::Cancelled | Held::Withdrawn) => Standing::Cancelled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_was_cut_off_spoils_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("claims.jsonl");
        let claims = ClaimJournal::open(&path).unwrap();
        let cut_off =
            |text: &[u8]| OpenOptions::new().append(true).open(&path).unwrap().write_all(text).unwrap();
        let attempt: AttemptId = "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Unit/1".parse().unwrap();
        cut_off(b"{\"attempt\":\"2b1f");
        assert_eq!(claims.claim(&attempt, Timestamp(1), Timestamp(9)).await.unwrap(), Claim::Taken);
        cut_off(b"{\"att");
        let reopened = ClaimJournal::open(&path).unwrap();
        assert_eq!(reopened.look(&attempt).await.unwrap(), Standing::Claimed { until: Timestamp(9) });
    }

    /// `/dev/full` is a disk without room.
    #[tokio::test]
    async fn a_full_disk_refuses_claims_and_keeps_those_that_were_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("claims.jsonl");
        let attempt = |number: u32| -> AttemptId {
            format!("2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Build/Unit/{number}").parse().unwrap()
        };
        let claims = ClaimJournal::open(&path).unwrap();
        assert_eq!(claims.claim(&attempt(1), Timestamp(1), Timestamp(9)).await.unwrap(), Claim::Taken);
        claims.lock().file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let refused = claims.claim(&attempt(2), Timestamp(1), Timestamp(9)).await.unwrap_err();
        assert!(refused.retryable && refused.message.contains("make room"), "{refused}");
        assert_eq!(
            claims.look(&attempt(2)).await.unwrap(),
            Standing::Free,
            "nobody was told that it is taken"
        );
        let external = External { id: "1".into(), url: None };
        assert!(claims.started(&attempt(1), &external).await.unwrap_err().retryable);
        drop(claims);
        let reopened = ClaimJournal::open(&path).unwrap();
        assert_eq!(reopened.look(&attempt(1)).await.unwrap(), Standing::Claimed { until: Timestamp(9) });
        assert_eq!(reopened.claim(&attempt(2), Timestamp(1), Timestamp(9)).await.unwrap(), Claim::Taken);
    }
}
