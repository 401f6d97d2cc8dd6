//! Events against pipelines, as tables.

use super::*;
use crate::definition;

fn pipeline(source: &str, rest: &str) -> Pipeline {
    let text = format!(
        "name: web\nstages:\n- name: Source\n  actions:\n  - name: App\n    actionType: Source\n{source}    outputArtifacts: [{{name: App}}]\n\
         - name: Build\n  actions:\n  - {{name: Make, actionType: Build, provider: CodeBuild, inputArtifacts: [{{name: App}}]}}\n{rest}"
    );
    let parsed = definition::parse(&text);
    parsed.pipeline.unwrap_or_else(|| panic!("{:#?}\n{text}", parsed.diagnostics))
}

fn github(rest: &str) -> Pipeline {
    pipeline("    provider: GitHub\n    configuration: {Owner: Acme, Repo: web, Branch: main}\n", rest)
}

fn trigger(git: &str) -> String {
    format!("triggers: [{{providerType: GitHub, gitConfiguration: {{sourceActionName: App, {git}}}}}]\n")
}

fn push(reference: &str) -> Push {
    Push {
        repository: "acme/web".into(),
        reference: Reference::parse(reference).unwrap(),
        commit: "c0ffee".into(),
        message: None,
        author: None,
        changed_paths: None,
        deleted: false,
    }
}

fn changed(reference: &str, paths: &[&str]) -> GitEvent {
    let paths = paths.iter().map(ToString::to_string).collect();
    GitEvent::Push(Push { changed_paths: Some(paths), ..push(reference) })
}

fn request(event: PullRequestEvent, base: &str) -> GitEvent {
    GitEvent::PullRequest(PullRequest {
        repository: "acme/web".into(),
        number: 7,
        title: None,
        event,
        base: base.into(),
        head: "topic".into(),
        commit: "c0ffee".into(),
        head_repository: Some("acme/web".into()),
        author: None,
        changed_paths: None,
    })
}

/// `+` and the cause, `?` and the cause, or `-` and the reason.
fn told(pipeline: &Pipeline, event: &GitEvent) -> String {
    match decide(pipeline, event) {
        Decision::Starts(start) => format!("+ {}", start.cause),
        Decision::NeedsRepository(start) => format!("? {}", start.cause),
        Decision::Ignored { reason } => format!("- {reason}"),
    }
}

#[test]
fn default_detection_follows_the_sources_branch() {
    let main = GitEvent::Push(push("refs/heads/main"));
    let gone = GitEvent::Push(Push { deleted: true, ..push("refs/heads/main") });
    let elsewhere = GitEvent::Push(Push { repository: "acme/api".into(), ..push("refs/heads/main") });
    let table = [
        (main.clone(), "+ push to branch `main` of `acme/web`"),
        (
            GitEvent::Push(push("refs/heads/dev")),
            "- branch `dev` is not `main`, which the source action `App` follows",
        ),
        (
            GitEvent::Push(push("refs/tags/v1")),
            "- tag `v1`: tags start a pipeline only by a trigger with `tags`",
        ),
        (gone, "- branch `main` was deleted"),
        (elsewhere, "- `acme/api` is not `Acme/web`, the repository of the source action `App`"),
        (
            request(PullRequestEvent::Open, "main"),
            "- pull requests start a pipeline only by a trigger, and it declares none",
        ),
    ];
    for (event, expected) in &table {
        assert_eq!(told(&github(""), event), *expected);
    }
    let Decision::Starts(start) = decide(&github(""), &main) else { panic!("main starts") };
    assert_eq!((start.commit.as_str(), start.reference), ("c0ffee", Reference::Branch("main".to_owned())));
    assert_eq!(start.sources, [ActionName::new("App").unwrap()]);
}

#[test]
fn sources_of_other_providers_and_without_repository() {
    let main = GitEvent::Push(push("refs/heads/main"));
    let dev = GitEvent::Push(push("refs/heads/dev"));
    let connection = |rest: &str| {
        pipeline(
            &format!(
                "    provider: CodeStarSourceConnection\n    configuration: {{ConnectionArn: a, FullRepositoryId: acme/web{rest}}}\n"
            ),
            "",
        )
    };
    assert_eq!(told(&connection(""), &main), "+ push to branch `main` of `acme/web`");
    assert_eq!(told(&connection(", BranchName: dev"), &dev), "+ push to branch `dev` of `acme/web`");
    assert!(told(&connection(", DetectChanges: false"), &main).contains("DetectChanges"));
    let bare = pipeline("    provider: GitHub\n", "");
    assert_eq!(told(&bare, &dev), "? push to branch `dev` of `acme/web`");
    let bare_main = pipeline("    provider: GitHub\n    configuration: {Branch: main}\n", "");
    assert!(told(&bare_main, &dev).starts_with("- branch `dev` is not `main`"));
    let clone =
        pipeline("    provider: Git\n    configuration: {RepositoryPath: /srv/web, Branch: dev}\n", "");
    assert_eq!(told(&clone, &dev), "? push to branch `dev` of `acme/web`");
    assert!(told(&clone, &main).starts_with("- branch `main` is not `dev`"));
    let pinned = pipeline("    provider: Git\n    configuration: {Tag: v1}\n", "");
    assert_eq!(
        told(&pinned, &main),
        "- the source action `App` is pinned to tag `v1`, so pushes start nothing"
    );
    let bucket = pipeline("    provider: S3\n    configuration: {S3Bucket: b, S3ObjectKey: k}\n", "");
    assert_eq!(told(&bucket, &main), "- no source action of the pipeline follows a git repository");
    let by_variable = pipeline(
        "    provider: GitHub\n    configuration: {Owner: acme, Repo: web, Branch: '#{variables.Line}'}\n",
        "variables: [{name: Line, defaultValue: dev}]\n",
    );
    assert_eq!(told(&by_variable, &dev), "+ push to branch `dev` of `acme/web`");
}

#[test]
fn push_filters_decide() {
    let branches = trigger("push: [{branches: {includes: [main, 'release/**'], excludes: ['**/wip']}}]");
    let tags = trigger("push: [{tags: {includes: ['v*']}}]");
    let paths = trigger(
        "push: [{branches: {includes: [main]}, filePaths: {includes: ['src/**'], excludes: ['**/*.md']}}]",
    );
    let none = trigger("pullRequest: [{events: [OPEN]}]");
    let table = [
        (&branches, changed("refs/heads/release/1", &[]), "+"),
        (
            &branches,
            changed("refs/heads/release/wip", &[]),
            "- no push filter of the pipeline's triggers admits branch `release/wip`",
        ),
        (
            &branches,
            changed("refs/tags/main", &[]),
            "- no push filter of the pipeline's triggers admits tag `main`",
        ),
        (&tags, changed("refs/tags/v1", &[]), "+"),
        (
            &tags,
            changed("refs/heads/v1", &[]),
            "- no push filter of the pipeline's triggers admits branch `v1`",
        ),
        (&paths, changed("refs/heads/main", &["src/a.rs"]), "+"),
        (
            &paths,
            changed("refs/heads/main", &["src/a.md"]),
            "- none of the 1 changed files matches `filePaths`",
        ),
        (&paths, GitEvent::Push(push("refs/heads/main")), "+"),
        (&none, changed("refs/heads/main", &[]), "- the pipeline's triggers have no push filter"),
    ];
    for (trigger, event, expected) in table {
        let told = told(&github(trigger), &event);
        assert!(told.starts_with(expected), "{trigger}: {told}");
    }
}

#[test]
fn pull_request_filters_decide() {
    let filter = trigger("pullRequest: [{events: [OPEN, UPDATED], branches: {includes: [main]}}]");
    let push_only = trigger("push: [{branches: {includes: [main]}}]");
    let table = [
        (
            &filter,
            request(PullRequestEvent::Open, "main"),
            "+ pull request 7 into branch `main` of `acme/web` opened",
        ),
        (
            &filter,
            request(PullRequestEvent::Closed, "main"),
            "- no pull-request filter of the pipeline's triggers has the event CLOSED",
        ),
        (
            &filter,
            request(PullRequestEvent::Open, "dev"),
            "- no pull-request filter of the pipeline's triggers admits the target branch `dev`",
        ),
        (
            &push_only,
            request(PullRequestEvent::Open, "main"),
            "- the pipeline's triggers have no pull-request filter",
        ),
    ];
    for (trigger, event, expected) in table {
        assert_eq!(told(&github(trigger), &event), expected, "{trigger}");
    }
}

#[test]
fn a_trigger_without_filters_detects_as_by_default() {
    let bare = "triggers: [{providerType: GitHub, gitConfiguration: {sourceActionName: App}}]\n";
    assert!(told(&github(bare), &changed("refs/heads/main", &[])).starts_with('+'));
    assert!(told(&github(bare), &changed("refs/heads/dev", &[])).starts_with('-'));
}

#[test]
fn events_survive_a_queue() {
    let git = [changed("refs/tags/v1", &["a"]), request(PullRequestEvent::Updated, "main")];
    for event in git.clone().map(SourceEvent::Git).into_iter().chain([SourceEvent::ObjectCreated(object())]) {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<SourceEvent>(&json).unwrap(), event);
    }
    for event in git {
        let json = serde_json::to_value(SourceEvent::Git(event.clone())).unwrap();
        assert_eq!(json, serde_json::to_value(event).unwrap(), "as it was written before there were objects");
    }
    assert!(serde_json::from_str::<SourceEvent>(r#"{"imagePushed": {}}"#).is_err());
}

fn object() -> ObjectCreated {
    ObjectCreated {
        bucket: "acme-uploads".into(),
        key: "web/app.zip".into(),
        version: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".into()),
        sequencer: Some("617f08299329d189".into()),
    }
}

fn bucket(rest: &str) -> Pipeline {
    let configuration =
        format!("    configuration: {{S3Bucket: acme-uploads, S3ObjectKey: web/app.zip{rest}}}\n");
    pipeline(&format!("    provider: S3\n{configuration}"), "")
}

#[test]
fn an_upload_starts_what_follows_its_object() {
    let caused =
        "upload of `web/app.zip` in the bucket `acme-uploads`, version `IYV3p45BT0ac8hjHg1houSdS1a.Mro8e`";
    for rest in ["", ", PollForSourceChanges: true", ", AllowOverrideForS3ObjectKey: true"] {
        assert_eq!(uploaded(&bucket(rest), &object()).as_deref(), Ok(caused), "{rest}");
    }
    let by_variable = pipeline(
        "    provider: S3\n    configuration: {S3Bucket: acme-uploads, S3ObjectKey: 'web/#{variables.File}'}\n",
        "variables: [{name: File, defaultValue: app.zip}]\n",
    );
    assert!(uploaded(&by_variable, &object()).is_ok());
    let triggers = github(&trigger("push: [{branches: {includes: [main]}}]")).triggers;
    let with_triggers = Pipeline { triggers, ..bucket("") };
    assert!(uploaded(&with_triggers, &object()).is_ok(), "triggers are about git");
}

#[test]
fn an_upload_that_starts_nothing_has_a_reason() {
    let other = |key: &str| ObjectCreated { key: key.into(), ..object() };
    let table = [
        (
            bucket(", PollForSourceChanges: 'False'"),
            object(),
            "the source action `App` has `PollForSourceChanges: false`",
        ),
        (
            bucket(", AllowOverrideForS3ObjectKey: true"),
            other("web/other.zip"),
            "`web/other.zip` in the bucket `acme-uploads` is not `web/app.zip` in the bucket `acme-uploads`, which the source action `App` follows",
        ),
        (
            bucket(""),
            ObjectCreated { bucket: "acme-uploads-2".into(), ..object() },
            "`web/app.zip` in the bucket `acme-uploads-2` is not `web/app.zip` in the bucket `acme-uploads`, which the source action `App` follows",
        ),
        (
            bucket(""),
            ObjectCreated { version: None, ..object() },
            "`web/app.zip` in the bucket `acme-uploads` has no version that an execution could keep to: turn on versioning for the bucket and upload it again",
        ),
        (
            bucket(", PollForSourceChanges: false"),
            ObjectCreated { version: None, ..object() },
            "the source action `App` has `PollForSourceChanges: false`",
        ),
        (github(""), object(), "no source action of the pipeline follows an object of a bucket"),
    ];
    for (pipeline, object, reason) in table {
        assert_eq!(uploaded(&pipeline, &object), Err(reason.to_owned()));
    }
    // A key is compared as it is, and is shown to people without what would move their cursor.
    for key in ["WEB/app.zip", "web/app.zip ", "web%2Fapp.zip", "web/app.zip\u{1b}[2J\n\u{202e}", "", "web/*"]
    {
        let reason = uploaded(&bucket(""), &other(key)).unwrap_err();
        assert!(!reason.chars().any(char::is_control), "{reason:?}");
    }
}

#[test]
fn an_upload_is_one_delivery_however_often_it_is_told() {
    let id = |object: &ObjectCreated| object.delivery().unwrap();
    let told_again = ObjectCreated { sequencer: None, ..object() };
    assert_eq!(id(&object()), id(&told_again), "a version is written once");
    assert_eq!(id(&object()).as_str().len(), "object-".len() + 40);
    let unversioned = ObjectCreated { version: None, ..object() };
    let mut others = vec![
        object(),
        ObjectCreated { version: Some("other".into()), ..object() },
        ObjectCreated { key: "web/app.zip2".into(), ..object() },
        ObjectCreated { bucket: "acme".into(), key: "-uploadsweb/app.zip".into(), ..object() },
        unversioned.clone(),
        ObjectCreated { sequencer: Some("617f08299329d18a".into()), ..unversioned.clone() },
        ObjectCreated { sequencer: object().version, ..unversioned.clone() },
    ];
    let count = others.len();
    others.sort_by_key(|object| id(object));
    others.dedup_by_key(|object| id(object));
    assert_eq!(others.len(), count);
    assert_eq!(ObjectCreated { sequencer: None, ..unversioned }.delivery(), None);
}

#[test]
fn a_fork_starts_nothing() {
    let trigger = "triggers: [{providerType: GitHub, gitConfiguration: {sourceActionName: App, pullRequest: [{events: [OPEN]}]}}]\n";
    let from = |head: Option<&str>| {
        let GitEvent::PullRequest(mut pull_request) = request(PullRequestEvent::Open, "main") else {
            panic!("a pull request")
        };
        pull_request.head_repository = head.map(Into::into);
        told(&github(trigger), &GitEvent::PullRequest(pull_request))
    };
    assert!(from(Some("acme/web")).starts_with('+'), "{}", from(Some("acme/web")));
    assert!(from(Some("stranger/web")).contains("the fork `stranger/web`"));
    assert!(from(None).starts_with('-'));
}

#[test]
fn an_installation_names_the_branch_of_a_source_that_names_none() {
    let branch = |configuration: &str| {
        let mut pipeline = pipeline(
            &format!("    provider: GitHub\n    configuration: {{Owner: Acme, Repo: web{configuration}}}\n"),
            "",
        );
        name_branches(&mut pipeline, "develop");
        let source = git_sources(&pipeline).remove(0);
        (source.branch, source.pinned.is_some())
    };
    assert_eq!(branch(""), (Some("develop".to_owned()), false));
    assert_eq!(branch(", Branch: next"), (Some("next".to_owned()), false));
    assert_eq!(branch(", Tag: v1"), (Some("main".to_owned()), true), "a tag is no branch's");
}
