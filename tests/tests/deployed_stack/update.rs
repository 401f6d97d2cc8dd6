//! An update of the stack, its functions' code included, finishes what was in flight.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::amendments;
use crate::client::Client;
use crate::pipelines::Pipeline;
use crate::push::Delivery;
use crate::stack::{Stack, alone};

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - sleep 5\nartifacts:\n  files: ['buildspec.yml']\n";

#[tokio::test]
async fn an_update_finishes_what_is_in_flight() {
    let _turn = alone().await;
    let client = Client::new();
    let stack = client.stack;
    Pipeline::new(stack, "updated").approval().build(stack).create(&client).await;
    Pipeline::new(stack, "building").build(stack).create(&client).await;
    for name in ["updated", "building"] {
        let repository = format!("acme/{name}");
        let files = [("buildspec.yml", BUILDSPEC)];
        Delivery::of_push(&client, &format!("{name}-1"), &repository, &files).await.send(&client).await;
    }
    client.until_action("updated", "Ask", "InProgress").await;
    client.until_action("building", "Compile", "InProgress").await;

    let before = codes(stack).await;
    let parameters = ["LogRetentionDays=14", "ThrottleRate=60", "Tracing=true"];
    stack.sam_deploy(&next_build(&stack.template), &parameters).await;
    amendments::make(stack).await;
    let after = codes(stack).await;
    assert_eq!(before.len(), 9, "{before:?}");
    assert!(before.iter().all(|(name, code)| after[name] != *code), "of each the code is another: {after:?}");

    client.approve("updated").await;
    for name in ["updated", "building"] {
        client.until_execution(name, "Succeeded").await;
        assert_eq!(stack.code_build.builds(&format!("penstock-{name}")).len(), 1, "{name}");
    }
}

/// Another build beside that of `template`, whose archives differ; its template.
fn next_build(template: &Path) -> PathBuf {
    let build = template.parent().unwrap();
    let next = build.with_file_name("next-build");
    if next.exists() {
        fs::remove_dir_all(&next).unwrap();
    }
    for entry in fs::read_dir(build).unwrap().map(Result::unwrap).filter(|it| it.path().is_dir()) {
        let (from, to) = (entry.path(), next.join(entry.file_name()));
        fs::create_dir_all(&to).unwrap();
        for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
            fs::hard_link(file.path(), to.join(file.file_name())).unwrap();
        }
        fs::write(to.join("RELEASE"), "the next").unwrap();
    }
    let copied = next.join(template.file_name().unwrap());
    fs::copy(template, &copied).unwrap();
    copied
}

/// The digests of the functions' code.
async fn codes(stack: &Stack) -> BTreeMap<String, String> {
    let lambda = aws_sdk_lambda::Client::new(&stack.sdk());
    let mut codes = BTreeMap::new();
    for (name, function) in stack.resources.iter().filter(|(name, _)| name.ends_with("Function")) {
        let found = lambda.get_function_configuration().function_name(function).send().await.unwrap();
        codes.insert(name.clone(), found.code_sha256.unwrap());
    }
    codes
}
