//! The project whose commits travel: two pipelines, a build of several commands, a deployment of several events. Every
//! command and every script bears witness in a file outside, and says under which server: that is in `USER`, which they
//! inherit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each execution of `river` goes through; `brook` has no approval.
fn definition(name: &str) -> String {
    let approval = match name {
        "river" => "  - {name: Approve, actions: [{name: Ask, actionType: Approval, provider: Manual}]}\n",
        _ => "",
    };
    format!(
        "name: {name}
executionMode: QUEUED
stages:
  - name: Source
    actions: [{{name: Checkout, actionType: Source, provider: GitHub, outputArtifacts: [{{name: Code}}]}}]
  - name: Build
    actions:
      - name: Make
        actionType: Build
        provider: CodeBuild
        configuration: {{ProjectName: site}}
        inputArtifacts: [{{name: Code}}]
        outputArtifacts: [{{name: Site}}]
{approval}  - name: Deploy
    actions:
      - name: Roll
        actionType: Deploy
        provider: CodeDeploy
        configuration: {{ApplicationName: {name}, DeploymentGroupName: live}}
        inputArtifacts: [{{name: Site}}]
      - name: Publish
        runOrder: 2
        actionType: Deploy
        provider: S3
        configuration: {{BucketName: {name}, Extract: \"true\"}}
        inputArtifacts: [{{name: Site}}]
"
    )
}

const BUILDSPEC: &str = r#"version: 0.2
phases:
  build:
    commands:
      - sh ci/begin.sh
      - sh ci/step.sh compile
      - sh ci/step.sh test
      - mkdir out && cp -r appspec.yml hooks out
      - echo "$CODEBUILD_RESOLVED_SOURCE_VERSION" > out/index.html
      - sh ci/step.sh pack
artifacts: {files: ['**/*'], base-directory: out}
"#;

/// Notes what of the execution's earlier builds is alive, and leaves a process that escapes its session.
const BEGIN: &str = r#"echo "$USER build-begun $PENSTOCK_EXECUTION_ID $CODEBUILD_BUILD_ID" >> "$WITNESS"
pids="$WITNESS.$PENSTOCK_EXECUTION_ID"
touch "$pids"
while read -r pid born; do
  set -- $(cat "/proc/$pid/stat" 2>/dev/null)
  if [ "${22}" = "$born" ] && [ "$3" != Z ]; then
    echo "$USER still-alive $PENSTOCK_EXECUTION_ID $CODEBUILD_BUILD_ID $pid" >> "$WITNESS"
  fi
done < "$pids"
setsid sleep 600 > /dev/null 2>&1 &
echo "$! $(cut -d' ' -f22 "/proc/$!/stat")" >> "$pids"
"#;

const STEP: &str = r#"echo "$$ $(cut -d' ' -f22 "/proc/$$/stat")" >> "$WITNESS.$PENSTOCK_EXECUTION_ID"
sleep 0.08
echo "$USER step-done $PENSTOCK_EXECUTION_ID $CODEBUILD_BUILD_ID $1" >> "$WITNESS"
"#;

const APPSPEC: &str = "version: 0.0
os: linux
files: [{source: index.html, destination: /srv}]
hooks:
  BeforeInstall: [{location: hooks/event.sh}]
  AfterInstall: [{location: hooks/event.sh}]
  ApplicationStart: [{location: hooks/event.sh}]
  ValidateService: [{location: hooks/event.sh}]
";

const EVENT: &str = r#"#!/bin/sh
echo "$USER event-begun $APPLICATION_NAME $(cat index.html) $DEPLOYMENT_ID $PENSTOCK_INSTANCE_NAME $LIFECYCLE_EVENT" >> "$WITNESS"
sleep 0.04
"#;

/// The lifecycle events that have scripts, in their order.
pub(crate) const EVENTS: [&str; 4] = ["BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"];

/// The two pipelines.
pub(crate) const PIPELINES: [&str; 2] = ["brook", "river"];

/// A folder with the project's git repository and, beside it, what bears witness.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// A project with a first commit.
    pub(crate) fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(project.tree().join(".penstock")).unwrap();
        for (name, text) in [
            ("buildspec.yml", BUILDSPEC),
            ("ci/begin.sh", BEGIN),
            ("ci/step.sh", STEP),
            ("appspec.yml", APPSPEC),
            ("hooks/event.sh", EVENT),
            (".gitignore", ".penstock\n"),
        ] {
            project.write(name, text);
        }
        let witness = project.witness();
        let witness = witness.to_str().unwrap();
        project.write(
            ".penstock/projects.yml",
            &format!("projects: {{site: {{environment: {{WITNESS: {witness}}}}}}}\n"),
        );
        let group = format!("{{live: {{instances: [one, two], environment: {{WITNESS: {witness}}}}}}}");
        project.write(
            ".penstock/deployment-groups.yml",
            &format!("applications: {{river: {group}, brook: {group}}}\n"),
        );
        fs::write(project.witness(), "").unwrap();
        project.git(&["init", "-q"]);
        project.git(&["symbolic-ref", "HEAD", "refs/heads/main"]);
        project
    }

    /// A commit that differs from the one before; its id.
    pub(crate) fn commit(&self, number: usize) -> String {
        self.write("number", &format!("{number}\n"));
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", &format!("Change {number}")]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// The definitions of both pipelines.
    pub(crate) fn definitions() -> [String; 2] {
        PIPELINES.map(definition)
    }

    /// The working tree, in which the server is started.
    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("tree")
    }

    /// The file that commands and scripts write to.
    pub(crate) fn witness(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("witness")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join("tree").join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Penstock", "-c", "user.email=penstock@localhost"])
            .args(arguments)
            .current_dir(self.tree())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
