//! Sources: which git repository they follow, what it means when they name none, and what starts those in a bucket.

use crate::definition::draft::{Action, Draft};
use crate::definition::findings::{Findings, quoted};
use crate::pipeline::{Category, HIDDEN, TOKEN};
use crate::trigger::{DEFAULT_BRANCH, send_events};

/// Which keys name the repository and the branch.
struct GitSource {
    provider: &'static str,
    repository: &'static [&'static str],
    branch: &'static str,
}

const GIT_SOURCES: [GitSource; 3] = [
    GitSource { provider: "GitHub", repository: &["Owner", "Repo"], branch: "Branch" },
    GitSource {
        provider: "CodeStarSourceConnection",
        repository: &["FullRepositoryId"],
        branch: "BranchName",
    },
    GitSource { provider: "CodeCommit", repository: &["RepositoryName"], branch: "BranchName" },
];

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for (_, _, action) in draft.actions() {
        let source = GIT_SOURCES.iter().find(|source| action.is(Category::Source, source.provider));
        if let Some(source) = source.filter(|_| action.provider().is_some()) {
            check_repository(action, source, findings);
            check_format(action, findings);
            check_token(action, findings);
        }
        if action.is(Category::Source, "S3") {
            check_polling(action, findings);
        }
    }
}

/// A reference to a clone is made for builds that fetch the repository themselves; here they find its files.
fn check_format(action: &Action, findings: &mut Findings) {
    let format = action.setting("OutputArtifactFormat");
    if let Some(format) = format.filter(|format| format.known && format.text == "CODEBUILD_CLONE_REF") {
        let message = "`CODEBUILD_CLONE_REF` is not made: the output artifact holds the files and no git history; remove `OutputArtifactFormat`, and where a build needs the history let its buildspec clone the repository and check out `#{<namespace>.CommitId}`, handed over in an environment variable";
        findings.error(format.place, "clone-reference", message);
    }
}

/// That a bucket is not polled, as `CodePipeline` does unless it is told not to; what an installation on AWS is told by the
/// bucket instead can be looked at there.
pub const BUCKET_NOT_POLLED: &str = "bucket-not-polled";

fn check_polling(action: &Action, findings: &mut Findings) {
    let polls = action.setting("PollForSourceChanges");
    if polls.is_some_and(|polls| !polls.known || polls.text.eq_ignore_ascii_case("false")) {
        return;
    }
    let place = polls.map_or(action.place, |polls| polls.place);
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let bucket = action.setting("S3Bucket").filter(|bucket| bucket.known && is_name(&bucket.text));
    let command = send_events(bucket.map_or("BUCKET", |bucket| &bucket.text));
    let message = format!(
        "the bucket is not polled: on AWS an upload starts the pipeline if the stack's parameter SourceBuckets names the bucket and the bucket sends its events to EventBridge, by {command}, which replaces the bucket's whole notification configuration; `penstock check --aws` looks whether both is so; else start the pipeline after each upload and say so with `PollForSourceChanges: false`"
    );
    findings.warning(place, BUCKET_NOT_POLLED, message);
}

/// Whether `action` names its repository by rules of its own, so that nothing is simply required.
pub(super) fn is_git(action: &Action) -> bool {
    GIT_SOURCES.iter().any(|source| action.is(Category::Source, source.provider))
}

fn check_repository(action: &Action, source: &GitSource, findings: &mut Findings) {
    if let Some(path) = action.setting("RepositoryPath") {
        let message = "`RepositoryPath` names a clone on this machine, which the cloud refuses; the provider Git says the same without promising more";
        return findings.warning(path.place, "local-repository", message);
    }
    let missing: Vec<&str> =
        source.repository.iter().copied().filter(|key| action.setting(key).is_none()).collect();
    if missing.len() == source.repository.len() {
        let message = format!(
            "this source names no repository: on one machine it is the repository in which the server or `run` was started, the cloud refuses it; add {}",
            source.repository.join(" and ")
        );
        findings.warning(action.place, "source-without-repository", message);
        return;
    }
    for key in missing {
        let message = format!(
            "a {} source that names a repository needs `{key}` too; add it to `configuration`",
            source.provider
        );
        findings.error(action.place, "missing-configuration", message);
    }
    check_rest(action, source, findings);
}

fn check_token(action: &Action, findings: &mut Findings) {
    if let Some(token) = action.setting(TOKEN).filter(|token| token.text != HIDDEN) {
        let message = format!(
            "`{TOKEN}` is not used and not kept; remove it, and revoke it if others could read this file: on one machine the token is the secret `github-token`, on AWS that of the stack's parameter GitHubTokenArn"
        );
        findings.warning(token.place, "token-in-definition", message);
    }
}

fn check_rest(action: &Action, source: &GitSource, findings: &mut Findings) {
    let pinned = action.setting("Commit").or_else(|| action.setting("Tag"));
    if pinned.is_none() && action.setting(source.branch).is_none() {
        let message = format!(
            "no `{}`: the source follows the branch `{DEFAULT_BRANCH}`, on AWS that of the stack's parameter DefaultBranch; name the one you mean",
            source.branch
        );
        findings.warning(action.place, "default-branch", message);
    }
    if source.provider == "CodeStarSourceConnection" {
        check_connection(action, findings);
    }
}

fn check_connection(action: &Action, findings: &mut Findings) {
    if action.setting("ConnectionArn").is_none() {
        let message = "a connection source needs `ConnectionArn`; add it to `configuration`, or use the provider GitHub, which needs none";
        findings.error(action.place, "missing-configuration", message);
    }
    if let Some(id) = action.setting("FullRepositoryId").filter(|id| id.known && !id.text.contains("#{")) {
        let parts: Vec<&str> = id.text.split('/').collect();
        if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
            let message = format!("{} is no full repository id; write owner/repository", quoted(&id.text));
            findings.error(id.place, "repository-form", message);
        }
    }
}
