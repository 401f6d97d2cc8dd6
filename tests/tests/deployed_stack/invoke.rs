//! A function that an action invokes answers at the deployed API, and hands an artifact on.

use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use penstock_archive::Writer;
use serde_json::{Value as Json, json};

use crate::client::Client;
use crate::pipelines::{Pipeline, kind};
use crate::push::Delivery;
use crate::roles::{role, role_of_a_function};
use crate::stack::{Stack, beside_others};

#[tokio::test]
async fn an_invoked_function_answers_at_the_api_and_hands_an_artifact_on() {
    let _turn = beside_others().await;
    let client = Client::new();
    let stack = client.stack;
    function(stack).await;
    let s3 = s3(stack);
    s3.create_bucket().bucket("checked-reports").send().await.unwrap();
    let role = role(stack, "invokes-checker", &rights(stack)).await;
    let check = |name: &str, wanted: &str, input: &str, outputs: Json| {
        json!({
            "name": name, "actionTypeId": kind("Invoke", "AWS", "Lambda"), "roleArn": role, "namespace": name,
            "configuration": {"FunctionName": "checker", "UserParameters": wanted},
            "inputArtifacts": [{"name": input}], "outputArtifacts": outputs,
        })
    };
    let publish = json!({
        "name": "Publish", "actionTypeId": kind("Deploy", "AWS", "S3"), "roleArn": role,
        "configuration": {"BucketName": "checked-reports", "Extract": "true"},
        "inputArtifacts": [{"name": "Report"}],
    });
    Pipeline::new(stack, "checked")
        .stage("Smoke", &[check("Smokes", "succeed", "App", json!([{"name": "Report"}]))])
        .stage("Load", &[check("Loads", "#{Smokes.Bucket}", "Report", json!([]))])
        .stage("Publish", &[publish])
        .stage("Break", &[check("Breaks", "fail", "App", json!([{"name": "Remains"}]))])
        .create(&client)
        .await;
    Delivery::of_push(&client, "checked-1", "acme/checked", &[("a", "b")]).await.send(&client).await;

    let execution = client.until_execution("checked", "Failed").await;
    let actions = client.actions("checked", &execution).await;
    let told: Vec<_> = actions.iter().map(|it| (text(&it["actionName"]), text(&it["status"]))).collect();
    let expected = [
        ("Checkout", "Succeeded"),
        ("Smokes", "Succeeded"),
        ("Loads", "Succeeded"),
        ("Publish", "Succeeded"),
        ("Breaks", "Failed"),
    ];
    assert_eq!(told, expected.map(|(name, status)| (name.to_owned(), status.to_owned())));
    let bucket = &actions[2]["input"]["resolvedConfiguration"]["UserParameters"];
    assert_eq!(bucket, stack.output("ArtifactBucket"), "the answer's variable: {}", actions[2]);
    let output = &actions[1]["output"]["outputArtifacts"][0];
    assert_eq!(output["name"], "Report", "{}", actions[1]);
    assert_eq!(output["s3location"]["bucket"], stack.output("ArtifactBucket"), "{output}");
    let report = s3.get_object().bucket("checked-reports").key("report.txt").send().await.unwrap();
    let report = report.body.collect().await.unwrap().to_vec();
    assert_eq!(
        String::from_utf8(report).unwrap(),
        "checked a",
        "what the function made of the commit's file"
    );
    let broken = client.until_action("checked", "Breaks", "Failed").await;
    assert_eq!(broken["errorDetails"]["message"], "the smoke test failed", "{broken}");
}

fn text(value: &Json) -> String {
    value.as_str().unwrap().to_owned()
}

/// Whoever may put an artifact may let the function do so.
fn rights(stack: &Stack) -> Json {
    let artifacts = format!("arn:aws:s3:::{}/artifacts/*", stack.output("ArtifactBucket"));
    json!([
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:*:*:function:checker"},
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], "Resource": artifacts},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::checked-reports/*"},
    ])
}

fn s3(stack: &Stack) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&stack.sdk()).force_path_style(true).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// The function, as a team deploys it: with the address of the installation's API, which its role may invoke.
async fn function(stack: &Stack) {
    let rights =
        json!([{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:*"}]);
    let role = role_of_a_function(stack, "checker", &rights).await;
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("function.zip");
    let code = include_bytes!("checker.py");
    let mut writer = Writer::create(&zip).unwrap();
    writer.file("index.py", 0o644, code.len() as u64, &code[..]).unwrap();
    drop(writer.finish().unwrap());
    let code = FunctionCode::builder().zip_file(Blob::new(std::fs::read(&zip).unwrap())).build();
    let environment = Environment::builder().variables("PENSTOCK_JOBS", stack.url("/jobs")).build();
    let create = Lambda::new(&stack.sdk()).create_function().function_name("checker").role(role);
    let create = create.runtime(Runtime::Python312).handler("index.handler").timeout(60);
    create.code(code).environment(environment).send().await.unwrap();
}
