//! The source against a stand-in for GitHub's API on loopback: pinned commit, redirect, token, refusals.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use penstock_app::engine::state::{RevisionOverride, TriggerCause};
use penstock_app::port::PortError;
use penstock_app::port::artifacts::Artifacts;
use penstock_app::port::provider::{Begun, Ending, Provider, Work};
use penstock_app::port::revisions::Revisions;
use penstock_app::port::secrets::Secrets;
use penstock_archive::{Limits, extract};
use penstock_github::source::GitHubSource;
use penstock_model::artifact::Artifact;
use penstock_model::id::{ArtifactName, AttemptId, DefinitionVersion, PipelineName};
use penstock_model::pipeline::Action;
use penstock_model::time::Timestamp;

const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

/// Keeps the one artifact that is put, extracted.
struct Kept(tempfile::TempDir);

#[async_trait]
impl Artifacts for Kept {
    async fn put(
        &self,
        _: &PipelineName,
        _: &AttemptId,
        name: &ArtifactName,
        file: &Path,
    ) -> Result<Artifact, PortError> {
        let folder = self.0.path().join("kept");
        // What is there is adopted.
        if !folder.exists() {
            extract(file, &folder, Limits::default()).unwrap();
        }
        Ok(Artifact {
            name: name.clone(),
            bucket: "b".into(),
            key: "k".into(),
            version_id: None,
            sha256: "0".into(),
            size: 1,
        })
    }

    async fn fetch(&self, _: &Artifact, _: &Path) -> Result<(), PortError> {
        Err(PortError::permanent("not asked for"))
    }
}

/// A token, none, or a failure to read it.
struct Token(Result<Option<&'static str>, PortError>);

#[async_trait]
impl Secrets for Token {
    async fn secret(&self, name: &str) -> Result<String, PortError> {
        self.secret_if_any(name).await?.ok_or_else(|| PortError::permanent(name))
    }

    async fn secret_if_any(&self, _: &str) -> Result<Option<String>, PortError> {
        self.0.clone().map(|token| token.map(str::to_owned))
    }
}

/// The first revision of the one attempt.
#[derive(Default)]
struct First(Mutex<Option<String>>);

#[async_trait]
impl Revisions for First {
    async fn keep_to(&self, _: &AttemptId, revision: &str) -> Result<String, PortError> {
        Ok(self.0.lock().unwrap().get_or_insert_with(|| revision.to_owned()).clone())
    }
}

#[derive(Default)]
struct Seen {
    paths: Vec<String>,
    failures: u32,
    /// The commit to which all branches have moved.
    moved: Option<&'static str>,
}

type Api = Arc<Mutex<Seen>>;

fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(vec![], Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o755);
    header.set_cksum();
    builder.append_data(&mut header, "acme-web-6113728/run.sh", &b"hi\n"[..]).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

async fn commit(
    State(seen): State<Api>,
    UrlPath(reference): UrlPath<String>,
    headers: HeaderMap,
) -> Response {
    let mut seen = seen.lock().unwrap();
    seen.paths.push(format!("commit {reference}"));
    if seen.failures > 0 {
        seen.failures -= 1;
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if headers.get("authorization").is_none_or(|value| value != "Bearer t0ken") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let sha = if reference == SHA { SHA } else { seen.moved.unwrap_or(SHA) };
    axum::Json(serde_json::json!({
        "sha": sha, "html_url": "https://github.com/acme/web/commit/6113728",
        "commit": {"message": "Say hello\n\nlonger", "author": {"name": "Ada L", "email": "ada@example.com", "date": "2026-01-02T03:04:05Z"}, "committer": null}
    }))
    .into_response()
}

/// A stand-in on a free port; it ends with the test's runtime.
async fn stand_in(failures: u32) -> (String, Api) {
    let seen: Api = Arc::new(Mutex::new(Seen { failures, ..Seen::default() }));
    let router = Router::new()
        .route("/repos/acme/web/commits/{*reference}", get(commit))
        .route(
            "/repos/acme/web/tarball/{sha}",
            get(|State(seen): State<Api>, UrlPath(sha): UrlPath<String>| async move {
                seen.lock().unwrap().paths.push(format!("archive {sha}"));
                Redirect::to(&format!("/codeload/{sha}"))
            }),
        )
        .route("/codeload/{sha}", get(|| async { archive() }))
        .with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), seen)
}

fn work(configuration: &[(&str, &str)]) -> Work {
    let configuration: BTreeMap<_, _> =
        configuration.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let action: Action = serde_json::from_value(serde_json::json!({
        "name": "Fetch", "actionTypeId": {"category": "Source", "owner": "ThirdParty", "provider": "GitHub", "version": "1"},
        "configuration": configuration, "outputArtifacts": [{"name": "SourceOutput"}]
    }))
    .unwrap();
    Work {
        role_arn: None,
        artifact_store: None,
        attempt: "2b1f0c3a-5d7e-4f60-8a91-b2c3d4e5f607/Source/Fetch/1".parse().unwrap(),
        pipeline: "web".parse().unwrap(),
        definition: DefinitionVersion(1),
        action,
        inputs: vec![],
        revision_override: None,
        revisions: BTreeMap::new(),
        sources: vec![],
        trigger: TriggerCause {
            kind: "Webhook".into(),
            detail: String::new(),
            delivery: None,
            reference: None,
        },
        deadline: Timestamp(0),
    }
}

fn source(base_url: String, token: Option<&'static str>) -> (GitHubSource, Arc<Kept>) {
    let kept = Arc::new(Kept(tempfile::tempdir().unwrap()));
    let source =
        GitHubSource::new(base_url, Arc::new(Token(Ok(token))), kept.clone(), Arc::new(First::default()));
    (source.with_token_from("the-token"), kept)
}

#[tokio::test]
async fn a_branch_is_pinned_to_its_commit_and_fetched() {
    let (base_url, seen) = stand_in(1).await;
    let (source, kept) = source(base_url, Some("t0ken"));
    let work = work(&[("Owner", "acme"), ("Repo", "web"), ("Branch", "feature/x")]);
    let begun = source.start(&work, false).await.unwrap();
    let Begun::Ended(Ending::Succeeded(done)) = begun else { panic!("{begun:?}") };
    let revision = done.revision.unwrap();
    assert_eq!((revision.id.as_str(), revision.author.as_deref()), (SHA, Some("Ada L")));
    let told = format!("{:?}", done.variables);
    assert!(!told.contains("Ada"), "CodePipeline documents no variable for the author: {told}");
    assert_eq!(done.variables["CommitMessage"], "Say hello\n\nlonger");
    assert_eq!(done.variables["FullRepositoryName"], "acme/web");
    assert_eq!(std::fs::read_to_string(kept.0.path().join("kept/run.sh")).unwrap(), "hi\n");
    // The first answer was a 502: it was asked again.
    let archive = format!("archive {SHA}");
    assert_eq!(seen.lock().unwrap().paths, ["commit heads/feature/x", "commit heads/feature/x", &archive]);
}

#[tokio::test]
async fn what_pins_a_source_is_fetched_and_not_its_branch() {
    let asked = async |configuration: &[(&str, &str)]| {
        let (base_url, seen) = stand_in(0).await;
        let (source, _) = source(base_url, Some("t0ken"));
        let begun =
            source.start(&work(&[configuration, &[("FullRepositoryId", "acme/web")]].concat()), false).await;
        let Begun::Ended(Ending::Succeeded(done)) = begun.unwrap() else { panic!("{configuration:?}") };
        let asked = seen.lock().unwrap().paths[0].clone();
        (asked, done.variables["BranchName"].clone())
    };
    let said = |reference: &str, branch: &str| (format!("commit {reference}"), branch.to_owned());
    assert_eq!(asked(&[("Tag", "v1.2")]).await, said("tags/v1.2", "HEAD"));
    assert_eq!(asked(&[("Tag", "v1.2"), ("BranchName", "dev")]).await, said("tags/v1.2", "dev"));
    assert_eq!(asked(&[("Tag", "v1.2"), ("Commit", SHA)]).await, said(SHA, "HEAD"));
    assert_eq!(asked(&[("Tag", ""), ("Commit", "")]).await, said("heads/main", "main"));
}

#[tokio::test]
async fn a_connection_source_tells_its_connection() {
    let (base_url, _) = stand_in(0).await;
    let (source, _) = source(base_url, Some("t0ken"));
    let arn = "arn:aws:codeconnections:eu-west-1:111122223333:connection/1";
    let work = work(&[("FullRepositoryId", "acme/web"), ("BranchName", "main"), ("ConnectionArn", arn)]);
    let begun = source.start(&work, false).await.unwrap();
    let Begun::Ended(Ending::Succeeded(done)) = begun else { panic!("{begun:?}") };
    assert_eq!(done.variables["ConnectionArn"], arn);
}

#[tokio::test]
async fn a_branch_is_no_commit() {
    let (base_url, seen) = stand_in(0).await;
    let (source, _) = source(base_url, Some("t0ken"));
    let pinned = work(&[("FullRepositoryId", "acme/web"), ("Commit", "main")]);
    let begun = source.start(&pinned, false).await.unwrap();
    let Begun::Ended(Ending::Failed { error, .. }) = begun else { panic!("{begun:?}") };
    assert!(error.message.contains("no commit id"), "{}", error.message);
    assert!(seen.lock().unwrap().paths.is_empty());
}

#[tokio::test]
async fn an_override_or_a_branch_leads_to_no_other_repository() {
    let elsewhere = "../../../other/private/commits/main";
    let mut pinned = work(&[("FullRepositoryId", "acme/web")]);
    pinned.revision_override = Some(RevisionOverride {
        action: pinned.action.name.clone(),
        kind: "COMMIT_ID".into(),
        value: elsewhere.into(),
    });
    for work in [pinned, work(&[("FullRepositoryId", "acme/web"), ("Branch", elsewhere)])] {
        let (base_url, seen) = stand_in(0).await;
        let (source, _) = source(base_url, Some("t0ken"));
        let begun = source.start(&work, false).await.unwrap();
        let Begun::Ended(Ending::Failed { error, .. }) = begun else { panic!("{begun:?}") };
        assert!(
            error.message.contains("commit id") || error.message.contains("reference"),
            "{}",
            error.message
        );
        assert!(seen.lock().unwrap().paths.is_empty());
    }
}

#[tokio::test]
async fn a_repetition_keeps_to_the_first_commit() {
    let (base_url, seen) = stand_in(0).await;
    let (source, _) = source(base_url, Some("t0ken"));
    let work = work(&[("Owner", "acme"), ("Repo", "web"), ("Branch", "main")]);
    let first = source.start(&work, false).await.unwrap();
    seen.lock().unwrap().moved = Some("0a1b2c3d4e5f60718293a4b5c6d7e8f901234567");
    // The report of the first was lost; another worker fetches anew.
    assert_eq!(source.start(&work, true).await.unwrap(), first);
    let seen = seen.lock().unwrap();
    let archives = [format!("archive {SHA}"), format!("archive {SHA}")];
    assert_eq!(
        seen.paths.iter().filter(|path| path.starts_with("archive")).collect::<Vec<_>>(),
        archives.iter().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_repository_that_cannot_be_seen_fails_with_the_way_out() {
    let (base_url, _) = stand_in(0).await;
    let (source, _) = source(base_url, None);
    let begun = source.start(&work(&[("FullRepositoryId", "acme/web")]), false).await.unwrap();
    let Begun::Ended(Ending::Failed { error, .. }) = begun else { panic!("{begun:?}") };
    assert!(error.message.contains("the-token"), "{}", error.message);
}

#[tokio::test]
async fn a_token_that_cannot_be_read_is_not_taken_for_none() {
    let (base_url, seen) = stand_in(0).await;
    let begun = async |failure: PortError| {
        let kept = Arc::new(Kept(tempfile::tempdir().unwrap()));
        let secrets = Arc::new(Token(Err(failure)));
        let source = GitHubSource::new(base_url.clone(), secrets, kept, Arc::new(First::default()));
        source.with_token_from("the-token").start(&work(&[("FullRepositoryId", "acme/web")]), false).await
    };
    let error = begun(PortError::transient("read the secret: ThrottlingException")).await.unwrap_err();
    assert!(error.retryable && error.message.contains("`the-token`"), "{error}");
    let begun = begun(PortError::permanent("read the secret: AccessDeniedException")).await.unwrap();
    let Begun::Ended(Ending::Failed { error, .. }) = begun else { panic!("{begun:?}") };
    assert!(
        error.message.contains("`the-token`") && error.message.contains("AccessDenied"),
        "{}",
        error.message
    );
    assert!(seen.lock().unwrap().paths.is_empty(), "GitHub is not asked without the token");
}

#[tokio::test]
async fn names_that_could_change_the_url_are_refused() {
    let (source, _) = source("http://127.0.0.1:1".into(), None);
    let begun = source.start(&work(&[("FullRepositoryId", "acme/web/../../x")]), false).await.unwrap();
    assert!(matches!(begun, Begun::Ended(Ending::Failed { .. })));
}
