//! How scalars, keys and both spellings are read, and where a diagnostic stands.

use super::*;

#[test]
fn settings_are_texts_whatever_was_written() {
    let parsed = parse(&changed(
        "{BucketName: site, Extract: true}",
        "{BucketName: 8.0, Extract: true, ObjectKey: 007, CacheControl: NO, CannedACL: 1e3, KMSEncryptionKeyARN: null}",
    ));
    assert_eq!(codes(&parsed), ["warning configuration-null"]);
    let pipeline = parsed.pipeline.unwrap();
    let written: Vec<String> = pipeline.stages[2].actions[2]
        .configuration
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        written,
        ["BucketName=8.0", "CacheControl=NO", "CannedACL=1e3", "Extract=true", "ObjectKey=007"]
    );
}

#[test]
fn lists_and_mappings_become_compact_json() {
    let parsed = parse(&changed("'{\"Tag\": \"1\"}'", "{Tag: 8.10, Count: 2, Name: web}"));
    assert_eq!(codes(&parsed), ["warning configuration-not-text"]);
    let pipeline = parsed.pipeline.unwrap();
    let overrides = &pipeline.stages[2].actions[1].configuration["ParameterOverrides"];
    assert_eq!(overrides, r#"{"Count":2,"Name":"web","Tag":"8.10"}"#);
    let list = "'[{\"name\":\"COMMIT\",\"value\":\"#{Src.CommitId}\",\"type\":\"PLAINTEXT\"}]'";
    let parsed = parse(&changed(list, "[{name: COMMIT, value: x, type: PLAINTEXT}]"));
    assert_eq!(codes(&parsed), ["warning configuration-not-text"]);
    let variables = &parsed.pipeline.unwrap().stages[1].actions[0].configuration["EnvironmentVariables"];
    assert_eq!(variables, r#"[{"name":"COMMIT","type":"PLAINTEXT","value":"x"}]"#);
}

#[test]
fn numbers_are_read_from_texts_and_texts_from_numbers() {
    let source = FULL.replace("version: '1'", "version: 1").replace("runOrder: 2", "runOrder: \"2\"");
    let parsed = parse(&source);
    assert_eq!(lines(&parsed), "");
    assert_eq!(parsed.pipeline, parse(FULL).pipeline);
}

#[test]
fn both_spellings_may_stand_in_one_action_if_they_agree() {
    let id = "    actionTypeId: {category: Build, owner: AWS, provider: CodeBuild, version: '1'}\n    namespace: Make\n";
    assert_eq!(parse(&changed("    namespace: Make\n", id)).pipeline, parse(FULL).pipeline);
    let other = id.replace("category: Build", "category: Test");
    assert_eq!(codes(&parse(&changed("    namespace: Make\n", &other))), ["error action-type-conflict"]);
}

#[test]
fn owners_that_the_short_spelling_leaves_out() {
    let owner = |provider: &str| {
        let source = changed("    provider: CodeBuild\n", &format!("    provider: {provider}\n"));
        parse(&source).pipeline.map(|pipeline| pipeline.stages[1].actions[0].action_type_id.owner)
    };
    assert_eq!(owner("Jenkins"), Some(crate::pipeline::Owner::Custom));
    assert_eq!(owner("CodeBuild"), Some(crate::pipeline::Owner::Aws));
}

#[test]
fn diagnostics_stand_where_the_fault_is() {
    let parsed =
        parse(&changed("location: artifacts", "location: a_b").replace("runOrder: 2", "runOrder: two"));
    assert_eq!(
        lines(&parsed),
        "3:37: error[artifact-store]: `a_b` is no bucket: 3 to 63 of letters, digits, - and .\n\
         50:15: error[wrong-type]: `runOrder` must be a whole number, not `two`\n"
    );
}

#[test]
fn a_request_names_paths() {
    let mut json = document::parse(FULL).root.unwrap().to_json();
    json["stages"][1]["actions"][0]["configuration"]["ProjectNam"] = 1.into();
    json["stages"][0]["actions"][0]["name"] = "a b".into();
    let wrapped = serde_json::json!({ "pipeline": json });
    let lines = lines(&from_json(&wrapped));
    assert!(
        lines.contains("1:1: error[action-name]: pipeline.stages[0].actions[0].name: `a b` is no"),
        "{lines}"
    );
    let unknown = "1:1: warning[unknown-configuration]: pipeline.stages[1].actions[0].configuration.ProjectNam: CodeBuild";
    assert!(lines.contains(unknown), "{lines}");
    assert!(lines.contains("did you mean `ProjectName`?"), "{lines}");
}

#[test]
fn a_request_too_deep_is_refused() {
    let mut json = serde_json::json!(1);
    for _ in 0..200 {
        json = serde_json::json!([json]);
    }
    assert_eq!(codes(&from_json(&json)), ["error too-deep"]);
}

#[test]
fn what_is_no_definition_is_said_to_be_none() {
    let table = [
        ("", "error empty"),
        ("# nothing\n", "error empty"),
        ("a: [", "error syntax"),
        ("- 1\n", "error wrong-type"),
        ("hello\n", "error wrong-type"),
        ("pipeline: 3\n", "error wrong-type"),
        ("hello: world\n", "error no-definition"),
    ];
    for (source, expected) in table {
        assert_eq!(codes(&parse(source)), [expected], "{source}");
    }
}

#[test]
fn a_full_definition_reads_back_from_its_own_json() {
    let parsed = parse(FULL);
    assert_eq!(lines(&parsed), "");
    let pipeline = parsed.pipeline.unwrap();
    let json = serde_json::to_value(&pipeline).unwrap();
    let again = from_json(&json);
    assert_eq!(lines(&again), "");
    assert_eq!(again.pipeline.as_ref(), Some(&pipeline));
    assert_eq!(serde_json::from_value::<Pipeline>(json).unwrap(), pipeline);
}
