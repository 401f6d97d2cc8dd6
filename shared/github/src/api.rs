//! The few calls to GitHub's REST API that a source and commit statuses need, at a configurable base URL.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use penstock_app::port::PortError;
use penstock_app::port::statuses::Shown;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

/// GitHub's own API.
pub const DEFAULT_BASE_URL: &str = "https://api.github.com";
/// The largest archive that is downloaded, in bytes (`CodePipeline` takes 1 GB from a git source).
const MAX_ARCHIVE: u64 = 1 << 30;
/// How long setting a status may take: others wait to be told meanwhile.
const STATUS: Duration = Duration::from_secs(5);
/// How often a call that may pass is tried.
const TRIES: u32 = 3;

const IN_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'#').add(b'?').add(b'%').add(b'"').add(b'<').add(b'>').add(b'\\');

/// A call that brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why, as far as callers tell reasons apart.
    pub why: Why,
    /// What to say of it, and whether it may pass.
    pub error: PortError,
}

/// Why a call brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// What was asked for is not there, or is hidden from who asks; of an empty repository, everything.
    Absent,
    /// The rate limit is used up.
    UsedUp,
    /// Anything else.
    Other,
}

impl From<PortError> for Refused {
    fn from(error: PortError) -> Self {
        Self { why: Why::Other, error }
    }
}

impl From<Refused> for PortError {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

/// A client of one API under an optional token.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base_url: String,
    token: Option<String>,
    /// The secret that holds the token, or would.
    secret: Option<String>,
}

/// A repository: `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository(String);

impl Repository {
    /// Checks the form `owner/name`, so that nothing else gets into a URL.
    pub fn new(full_name: &str) -> Option<Self> {
        let (owner, name) = full_name.split_once('/')?;
        let valid = |part: &str| {
            !part.is_empty()
                && part.len() <= 100
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        (valid(owner) && valid(name)).then(|| Self(full_name.to_owned()))
    }

    /// `owner/name`.
    pub fn full_name(&self) -> &str {
        &self.0
    }
}

/// A commit as the API describes it.
#[derive(Debug, Clone, Deserialize)]
pub struct Commit {
    /// 40 hex digits.
    pub sha: String,
    /// Where to see it.
    pub html_url: Option<String>,
    /// Message, author, committer.
    pub commit: CommitDetail,
}

/// What git knows of a commit.
#[derive(Debug, Clone, Deserialize)]
pub struct CommitDetail {
    /// The message.
    pub message: String,
    /// Who wrote it.
    pub author: Option<Signature>,
    /// Who committed it.
    pub committer: Option<Signature>,
}

/// Who and when. An e-mail address stands beside them, which nobody here needs.
#[derive(Debug, Clone, Deserialize)]
pub struct Signature {
    /// The name that git has.
    pub name: Option<String>,
    /// When, ISO 8601.
    pub date: Option<String>,
}

/// Two commits compared.
#[derive(Debug, Clone, Deserialize)]
pub struct Compared {
    /// How the head relates to the base.
    pub status: ComparisonStatus,
    /// The files that differ, not all if there are many.
    #[serde(default)]
    pub files: Vec<ChangedFile>,
}

/// How a head relates to a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComparisonStatus {
    /// It has commits that the base has not.
    Ahead,
    /// The base has commits that it has not.
    Behind,
    /// Both have some of their own.
    Diverged,
    /// They are one.
    Identical,
}

/// A file that differs.
#[derive(Debug, Clone, Deserialize)]
pub struct ChangedFile {
    /// Its path.
    pub filename: String,
    /// Its path before it was renamed.
    pub previous_filename: Option<String>,
}

/// A webhook of a repository.
#[derive(Debug, Clone, Deserialize)]
pub struct Webhook {
    /// Its number.
    pub id: u64,
    /// Where it goes.
    pub config: WebhookConfig,
}

/// Where a webhook goes.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhookConfig {
    /// The address.
    pub url: Option<String>,
}

/// One try of a webhook's delivery.
#[derive(Debug, Clone, Deserialize)]
pub struct DeliveryAttempt {
    /// The number of this try.
    pub id: u64,
    /// What `X-GitHub-Delivery` says, the same in each try.
    pub guid: String,
    /// What it tells of, such as `push`.
    #[serde(default)]
    pub event: String,
    /// The status of the answer; not one of HTTP's if there was none.
    pub status_code: u32,
}

/// A delivery with what it said.
#[derive(Debug, Deserialize)]
struct Delivered {
    request: DeliveredRequest,
}

#[derive(Debug, Deserialize)]
struct DeliveredRequest {
    payload: DeliveredPayload,
}

#[derive(Debug, Deserialize)]
struct DeliveredPayload {
    #[serde(rename = "ref")]
    reference: Option<String>,
    after: Option<String>,
}

impl Api {
    /// A client of the API at `base_url`.
    ///
    /// # Errors
    /// [`PortError`] if the machine's TLS roots cannot be read.
    pub fn new(base_url: &str, token: Option<String>) -> Result<Self, PortError> {
        // Whoever comes second finds a provider installed; both install the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("penstock/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| PortError::permanent(format!("set up an HTTPS client: {error}")))?;
        Ok(Self { client, base_url: base_url.trim_end_matches('/').to_owned(), token, secret: None })
    }

    /// The same, whose refusals name the secret that holds the token, or would.
    #[must_use]
    pub fn with_token_from(self, secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), ..self }
    }

    /// The commit that `reference` (a branch, a tag, a commit id) names now.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub async fn commit(&self, repository: &Repository, reference: &str) -> Result<Commit, Refused> {
        // A URL's `..` goes up, to another repository; no reference of git has such a part.
        if reference.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let reference = reference.escape_debug();
            return Err(PortError::permanent(format!(
                "find `{reference}` in {}: it is no reference; correct the branch or tag",
                repository.full_name()
            ))
            .into());
        }
        let reference = utf8_percent_encode(reference, IN_PATH);
        let what = format!("read the commit `{reference}` of {}", repository.full_name());
        let response =
            self.get(&format!("/repos/{}/commits/{reference}", repository.full_name()), &what).await?;
        let commit = response.json().await;
        commit.map_err(|error| PortError::transient(format!("{what}: {error}")).into())
    }

    /// Compares two commits; `None` if the repository has no such `base` any more.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub async fn compare(
        &self,
        repository: &Repository,
        base: &str,
        head: &str,
    ) -> Result<Option<Compared>, Refused> {
        let (base, head) = (utf8_percent_encode(base, IN_PATH), utf8_percent_encode(head, IN_PATH));
        let what = format!("compare `{base}` with `{head}` of {}", repository.full_name());
        let url = format!("{}/repos/{}/compare/{base}...{head}", self.base_url, repository.full_name());
        let response = self.ask(self.client.get(url), &what).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let response = self.judge(response, &what)?;
        let compared = response.json().await;
        compared.map(Some).map_err(|error| PortError::transient(format!("{what}: {error}")).into())
    }

    /// Writes the archive (tar.gz) of a commit to `file`.
    ///
    /// # Errors
    /// [`PortError`] that says whether trying again can help.
    pub async fn archive(&self, repository: &Repository, sha: &str, file: &Path) -> Result<(), PortError> {
        let what = format!("download the archive of {} at {sha}", repository.full_name());
        let response = self.get(&format!("/repos/{}/tarball/{sha}", repository.full_name()), &what).await?;
        let mut out = tokio::fs::File::create(file)
            .await
            .map_err(|error| PortError::transient(format!("{what}: {error}")))?;
        let mut received = 0;
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| PortError::transient(format!("{what}: {error}")))?;
            received += chunk.len() as u64;
            if received > MAX_ARCHIVE {
                return Err(PortError::permanent(format!("{what}: it is larger than {MAX_ARCHIVE} bytes")));
            }
            out.write_all(&chunk).await.map_err(|error| PortError::transient(format!("{what}: {error}")))?;
        }
        out.flush().await.map_err(|error| PortError::transient(format!("{what}: {error}")))
    }

    /// Adds a status to a commit. Setting it twice shows it once. What GitHub refuses as such is refused for ever: a commit
    /// that is not there, a thousand statuses of one context (GitHub REST API, "Create a commit status"). Another token or
    /// a right lets the rest through, also where it hides a repository from who may not see it (the same,
    /// "Troubleshooting": 404).
    ///
    /// # Errors
    /// [`PortError`] that says whether trying again can help.
    pub async fn set_status(
        &self,
        repository: &Repository,
        sha: &str,
        status: &serde_json::Value,
    ) -> Result<Shown, PortError> {
        let sha = utf8_percent_encode(sha, IN_PATH);
        let what = format!(
            "set the status of {} at {sha} (the token needs `commit statuses: write`)",
            repository.full_name()
        );
        let url = format!("{}/repos/{}/statuses/{sha}", self.base_url, repository.full_name());
        let response = self.ask(self.client.post(url).timeout(STATUS).json(status), &what).await?;
        let code = response.status();
        match self.judge(response, &what) {
            Ok(_) => Ok(Shown::Yes),
            Err(refused)
                if matches!(
                    code,
                    StatusCode::BAD_REQUEST | StatusCode::GONE | StatusCode::UNPROCESSABLE_ENTITY
                ) =>
            {
                Ok(Shown::Never { why: refused.error.message })
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// The webhooks of a repository; none if the token may not see them.
    ///
    /// # Errors
    /// [`PortError`] that says whether trying again can help.
    pub async fn webhooks(&self, repository: &Repository) -> Result<Vec<Webhook>, PortError> {
        let what = format!("list the webhooks of {}", repository.full_name());
        let response =
            match self.get(&format!("/repos/{}/hooks?per_page=100", repository.full_name()), &what).await {
                // 403 or 404: it lacks the right. What else may be wrong with it, other calls tell.
                Err(refused) if !refused.error.retryable => return Ok(vec![]),
                response => response?,
            };
        response.json().await.map_err(|error| PortError::transient(format!("{what}: {error}")))
    }

    /// The latest tries of a webhook's deliveries, newest first.
    ///
    /// # Errors
    /// [`PortError`] that says whether trying again can help.
    pub async fn deliveries(
        &self,
        repository: &Repository,
        webhook: u64,
    ) -> Result<Vec<DeliveryAttempt>, PortError> {
        let what = format!("list the deliveries to {}", repository.full_name());
        let path = format!("/repos/{}/hooks/{webhook}/deliveries?per_page=100", repository.full_name());
        let response = self.get(&path, &what).await?;
        response.json().await.map_err(|error| PortError::transient(format!("{what}: {error}")))
    }

    /// The reference that a delivery's push was to, such as `refs/tags/v1`, and the commit that it has since, if it is about
    /// a push.
    ///
    /// # Errors
    /// [`PortError`] that says whether trying again can help.
    pub async fn delivered_push(
        &self,
        repository: &Repository,
        webhook: u64,
        id: u64,
    ) -> Result<Option<(String, String)>, PortError> {
        let what = format!("read a delivery to {}", repository.full_name());
        let path = format!("/repos/{}/hooks/{webhook}/deliveries/{id}", repository.full_name());
        let delivered = self.get(&path, &what).await?.json::<Delivered>().await;
        let delivered = delivered.map_err(|error| PortError::transient(format!("{what}: {error}")))?;
        let DeliveredPayload { reference, after } = delivered.request.payload;
        Ok(reference.zip(after))
    }

    /// Has a delivery made again.
    ///
    /// # Errors
    /// [`PortError`] that says whether trying again can help.
    pub async fn redeliver(
        &self,
        repository: &Repository,
        webhook: u64,
        attempt: u64,
    ) -> Result<(), PortError> {
        let name = repository.full_name();
        let what =
            format!("have delivery {attempt} of {name} made again (the token needs `webhooks: write`)");
        let url = format!("{}/repos/{name}/hooks/{webhook}/deliveries/{attempt}/attempts", self.base_url);
        self.send(self.client.post(url), &what).await?;
        Ok(())
    }

    async fn get(&self, path: &str, what: &str) -> Result<Response, Refused> {
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            match self.send(self.client.get(format!("{}{path}", self.base_url)), what).await {
                // A limit stays longer than anybody waits here.
                Err(refused) if refused.error.retryable && refused.why != Why::UsedUp && attempt < TRIES => {
                    tokio::time::sleep(pause).await;
                }
                answer => return answer,
            }
            pause *= 4;
        }
        Err(PortError::transient(what).into())
    }

    async fn send(&self, request: RequestBuilder, what: &str) -> Result<Response, Refused> {
        self.judge(self.ask(request, what).await?, what)
    }

    async fn ask(&self, request: RequestBuilder, what: &str) -> Result<Response, PortError> {
        let mut request = request
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await.map_err(|error| PortError::transient(format!("{what}: {}", with_cause(&error))))
    }

    fn judge(&self, response: Response, what: &str) -> Result<Response, Refused> {
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(refusal(status, &response, what, self.token.is_some(), self.secret.as_deref())),
        }
    }
}

fn refusal(
    status: StatusCode,
    response: &Response,
    what: &str,
    has_token: bool,
    secret: Option<&str>,
) -> Refused {
    // The primary limit leaves none, a secondary one says when to come back (GitHub REST API, "Rate limits").
    let limited = response.headers().get("x-ratelimit-remaining").is_some_and(|left| left == "0")
        || response.headers().contains_key("retry-after");
    let why = match status.as_u16() {
        403 | 429 if limited => Why::UsedUp,
        // A repository without commits conflicts with being asked for one (GitHub REST API, "Get a commit").
        404 | 409 | 422 => Why::Absent,
        _ => Why::Other,
    };
    Refused { why, error: explained(status, limited, what, has_token, secret) }
}

fn explained(
    status: StatusCode,
    limited: bool,
    what: &str,
    has_token: bool,
    secret: Option<&str>,
) -> PortError {
    match status.as_u16() {
        401 => PortError::permanent(format!(
            "{what}: GitHub does not take the token (401); renew it{}",
            secret.map(|name| format!(" in the secret `{name}`")).unwrap_or_default()
        )),
        403 | 429 if limited => {
            PortError::transient(format!("{what}: GitHub's rate limit is used up ({status})"))
        }
        403 => PortError::permanent(format!(
            "{what}: the token may not do this (403); it needs `contents: read`, and `commit statuses: write` for statuses"
        )),
        404 | 422 if has_token => PortError::permanent(format!(
            "{what}: GitHub knows no such repository or commit, or the token may not see it ({status}); correct the source action, or give the token access"
        )),
        404 | 422 => PortError::permanent(format!(
            "{what}: GitHub knows no such public repository or commit ({status}); a private one needs a token{}",
            secret.map_or_else(
                || ": give the stack's parameter GitHubTokenArn".to_owned(),
                |name| format!(" in the secret `{name}`")
            )
        )),
        429 | 500..=599 => PortError::transient(format!("{what}: GitHub answered {status}")),
        _ => PortError::permanent(format!("{what}: GitHub answered {status}")),
    }
}

/// The error with its first cause, such as a refused connection, which it does not tell itself.
fn with_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let (said, first) = (error.to_string(), cause.to_string());
    if said.contains(&first) { said } else { format!("{said}: {first}") }
}
