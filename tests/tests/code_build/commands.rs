//! Commands, on a project of the installation.

use penstock_app::port::provider::Ending;
use penstock_app::port::provider::Provider;
use penstock_model::pipeline::{Action, Category, EnvironmentVariable};
use penstock_testkit::build::action;

use super::providers::{end, failed, perform, running, succeeded};
use super::stage::Stage;

fn commands(commands: &[&str]) -> Action {
    let mut action = action("Build", Category::Compute, "Commands").consumes("App").produces("Out").build();
    action.commands = commands.iter().map(|command| (*command).to_owned()).collect();
    action
}

#[tokio::test]
async fn commands_run_as_they_are_written() {
    let stage = Stage::new("commands-run").await;
    let mut action = commands(&[r#"export SAID="$TEXT: it's #1""#, r#"printf '%s' "$SAID" > said"#]);
    action.output_variables = vec!["SAID".into()];
    action.output_artifacts[0].files = vec!["said".into()];
    let text = "$(touch stolen); `x` \"";
    action.environment_variables =
        vec![EnvironmentVariable { name: "TEXT".into(), value: text.into(), kind: Default::default() }];
    let work = stage.work(action).await;
    let done = succeeded(perform(&stage.commands(), &work).await);
    let said = format!("{text}: it's #1");
    assert_eq!(done.variables["SAID"], said);
    assert_eq!(stage.text(&done.artifacts[0], "said").await, said);
}

#[tokio::test]
async fn without_files_everything_is_handed_on() {
    let stage = Stage::new("commands-all").await;
    let work = stage.work(commands(&["mkdir -p a/b", "echo deep > a/b/c"])).await;
    let done = succeeded(perform(&stage.commands(), &work).await);
    assert_eq!(stage.text(&done.artifacts[0], "a/b/c").await, "deep\n");
    assert!(stage.text(&done.artifacts[0], "buildspec.yml").await.contains("version: 0.2"));
}

#[tokio::test]
async fn the_first_command_that_fails_ends_them() {
    let stage = Stage::new("commands-fail").await;
    let work = stage.work(commands(&["echo first", "echo wrong; exit 7", "echo never"])).await;
    let error = failed(perform(&stage.commands(), &work).await);
    assert_eq!(error.code, "JobFailed");
    assert!(error.message.contains("exit 7") && error.message.contains("\n  wrong"), "{}", error.message);
    assert!(!error.message.contains("never"), "{}", error.message);
}

#[tokio::test]
async fn commands_are_stopped() {
    let stage = Stage::new("commands-stop").await;
    let work = stage.work(commands(&["sleep 600"])).await;
    let provider = stage.commands();
    running(&provider, &work, false).await;
    let ending = end(async || provider.cancel(&work, None).await.unwrap()).await;
    assert_eq!(ending, Ending::Cancelled);
}
