//! One row a rule: what is changed in a faultless definition, and what is said of it.

use super::*;

/// Each row: what to replace, by what, and all that is found.
fn check(table: &[(&str, &str, &[&str])]) {
    for (from, to, expected) in table {
        let parsed = parse(&changed(from, to));
        assert_eq!(codes(&parsed), *expected, "{from} -> {to}\n{}", lines(&parsed));
        let refused = expected.iter().any(|code| code.starts_with("error"));
        assert_eq!(parsed.pipeline.is_none(), refused, "{from} -> {to}");
    }
}

#[test]
fn the_definition_itself_is_faultless() {
    assert_eq!(lines(&parse(FULL)), "");
}

#[test]
fn keys_and_kinds() {
    check(&[
        ("name: web\n", "", &["error missing-key"]),
        ("name: web\n", "name: [web]\n", &["error wrong-type"]),
        ("executionMode:", "executionmode:", &["warning unknown-key"]),
        ("  - name: Site\n", "  - name: Site\n    comment: hello\n", &["warning unknown-key"]),
        ("name: web\n", "name: !Ref Web\n", &["error foreign-tag"]),
        ("name: web\n", "name: !!str web\n", &[]),
        ("version: 3", "version: 0", &["error version"]),
        ("version: 3", "version: new", &["error wrong-type"]),
        ("executionMode: QUEUED", "executionMode: FIFO", &["error execution-mode"]),
        ("pipelineType: V2", "pipelineType: V3", &["error pipeline-type"]),
        (
            "- name: Deploy\n",
            "- name: Deploy\n  blockers: [{name: a, type: Schedule}]\n",
            &["error blockers"],
        ),
        ("- name: Deploy\n", "- name: Deploy\n  blockers: []\n", &[]),
        (
            "    outputVariables: [TAG]",
            "    outputVariables: TAG",
            &["error wrong-type", "warning unknown-output-variable"],
        ),
        ("[{name: Report}]", "[Report]", &["error wrong-type"]),
    ]);
}

#[test]
fn names() {
    check(&[
        ("name: web\n", "name: my web\n", &["error pipeline-name"]),
        ("- name: Deploy\n", "- name: De/ploy\n", &["error stage-name"]),
        ("  - name: Site\n", "  - name: ''\n", &["error action-name"]),
        ("namespace: Look\n", "namespace: Lo.ok\n", &["error namespace", "error unknown-namespace"]),
        ("{name: Region,", "{name: Re gion,", &["error variable-name", "error undeclared-variable"]),
        ("role/pipeline", "user/pipeline", &["error role-arn"]),
        ("123456789012:role/deploy", "12:role/deploy", &["error role-arn"]),
        ("region: eu-west-1", "region: eu", &["error region"]),
        ("region: eu-west-1", "region: EU-WEST-1", &["error region"]),
        ("region: eu-west-1", "region: evil.example/x", &["error region"]),
    ]);
    let long = format!("name: {}\n", "a".repeat(101));
    check(&[("name: web\n", &long, &["error pipeline-name"])]);
}

#[test]
fn stores_role_and_type() {
    check(&[
        ("roleArn: arn:aws:iam::123456789012:role/pipeline\n", "", &["warning default-role"]),
        ("type: S3,", "type: GCS,", &["error artifact-store"]),
        ("location: artifacts", "location: a", &["error artifact-store"]),
        ("type: KMS", "type: HSM", &["error artifact-store"]),
        ("version: 3", "artifactStores: {eu-west-1: {type: S3, location: abc}}", &["error artifact-store"]),
        (
            "artifactStore: {type: S3, location: artifacts, encryptionKey: {id: alias/key, type: KMS}}\n",
            "",
            &["warning default-artifact-store"],
        ),
        (
            "artifactStore: {type: S3, location: artifacts, encryptionKey: {id: alias/key, type: KMS}}",
            "artifactStores: {us-east-1: {type: S3, location: abc}}",
            &["error region-without-store"],
        ),
        ("pipelineType: V2", "pipelineType: V1", &["error needs-v2"; 5]),
    ]);
}

#[test]
fn stages_and_their_actions() {
    check(&[
        ("- name: Deploy\n", "- name: Build\n", &["error duplicate-stage"]),
        ("  - name: Site\n", "  - name: Stack\n", &["error duplicate-action"]),
        ("    runOrder: 2\n", "    runOrder: 1000\n", &["error run-order"]),
        ("    runOrder: 2\n", "    runOrder: 999\n", &[]),
        (
            "    actionType: Approval\n    provider: Manual\n    timeoutInMinutes: 60\n    configuration: {CustomData: 'ship #{Look.TAG}?'}\n",
            "    actionType: Source\n    provider: ECR\n    configuration: {RepositoryName: r}\n    outputArtifacts: [{name: Image}]\n",
            &["error source-stage"],
        ),
        (
            "stages:\n- name: Source\n",
            "stages:\n- name: Empty\n  actions: []\n- name: Source\n",
            &["error action-count", "error source-stage"],
        ),
        (
            "stages:\n- name: Source\n  actions:\n",
            "stages:\n- name: Source\n  actions:\n  - {name: Ask, actionType: Approval, provider: Manual}\n",
            &["error source-stage"],
        ),
    ]);
    assert_eq!(
        codes(&parse(
            "name: web\nroleArn: arn:aws:iam::123456789012:role/r\nartifactStore: {type: S3, location: abc}\nstages: []\n"
        )),
        ["error stage-count"]
    );
}

/// A definition with this many stages of this many approvals behind its source stage.
fn many(stages: usize, actions: usize) -> String {
    let mut text = "name: web\nstages:\n- name: S\n  actions:\n  - {name: S, actionType: Source, provider: ECR, configuration: {RepositoryName: r}, outputArtifacts: [{name: S}]}\n".to_owned();
    for stage in 0..stages {
        text += &format!("- name: S{stage}\n  actions:\n");
        for action in 0..actions {
            text += &format!("  - {{name: A{action}, actionType: Approval, provider: Manual}}\n");
        }
    }
    text
}

#[test]
fn limits_of_a_pipeline() {
    let refused = |source: &str| -> Vec<String> {
        codes(&parse(source)).into_iter().filter(|code| code.starts_with("error")).collect()
    };
    assert_eq!(refused(&many(49, 1)), Vec::<String>::new());
    assert_eq!(refused(&many(50, 1)), ["error stage-count"]);
    assert_eq!(refused(&many(1, 50)), Vec::<String>::new());
    assert_eq!(refused(&many(1, 51)), ["error action-count"]);
    assert_eq!(refused(&many(10, 50)), ["error action-count"], "501 actions");
    let variables = (0..51).map(|index| format!("- {{name: V{index}}}\n")).collect::<String>();
    assert_eq!(refused(&format!("{}variables:\n{variables}", many(1, 1))), ["error too-many-variables"]);
    let triggers = "- {providerType: GitHub, gitConfiguration: {sourceActionName: App}}\n".repeat(51);
    let with_triggers = FULL.replace(
        "triggers:\n",
        &format!("triggers:\n{}", triggers.replace("GitHub", "CodeStarSourceConnection")),
    );
    assert_eq!(refused(&with_triggers), ["error too-many"]);
}

#[test]
fn providers() {
    check(&[
        ("provider: S3\n", "provider: S33\n", &["error unknown-provider"]),
        ("provider: S3\n", "provider: S3\n    owner: ThirdParty\n", &["error provider-owner"]),
        ("provider: S3\n", "provider: S3\n    owner: aws\n", &["error owner"]),
        ("provider: S3\n", "provider: S3\n    version: '2'\n", &["error provider-version"]),
        ("provider: S3\n", "provider: Mine\n    owner: Custom\n    version: v7\n", &[]),
        ("provider: S3\n", "provider: Theirs\n    owner: ThirdParty\n", &["warning unknown-provider"]),
        ("    actionType: Build\n", "    actionType: Deploy\n", &["error provider-category"]),
        ("    actionType: Build\n", "    actionType: Bild\n", &["error category"]),
        ("    actionType: Build\n", "", &["error missing-key"]),
        ("    provider: CodeBuild\n", "", &["error missing-key"]),
        (
            "provider: CodeBuild\n",
            "provider: Code Build\n",
            &["error unknown-provider", "error unknown-provider"],
        ),
        ("    inputArtifacts: [{name: Report}]\n", "", &["error input-artifact-count"]),
        (
            "inputArtifacts: [{name: Report}]",
            "inputArtifacts: [{name: Report}, {name: App}]",
            &["error input-artifact-count"],
        ),
        (
            "outputArtifacts: [{name: App}]",
            "outputArtifacts: [{name: App}, {name: More}]",
            &["error output-artifact-count"],
        ),
    ]);
}

#[test]
fn artifacts() {
    check(&[
        (
            "inputArtifacts: [{name: Report}]",
            "inputArtifacts: [{name: Repot}]",
            &["error artifact-not-produced"],
        ),
        (
            "outputArtifacts: [{name: Built}]",
            "outputArtifacts: [{name: Built}, {name: App}]",
            &["error artifact-produced-twice"],
        ),
        ("    runOrder: 2\n", "", &["error variable-order", "error artifact-not-yet-produced"]),
        (
            "inputArtifacts: [{name: App}]",
            "inputArtifacts: [{name: Report}]",
            &["error artifact-not-yet-produced"],
        ),
        (
            "inputArtifacts: [{name: App}]",
            "inputArtifacts: [{name: Built}]",
            &["error artifact-not-yet-produced"],
        ),
        (
            "inputArtifacts: [{name: App}]",
            "inputArtifacts: [{name: App}, {name: App}]",
            &["error missing-configuration", "error artifact-consumed-twice"],
        ),
        ("timeoutInMinutes: 30", "inputArtifacts: [{name: Nothing}]", &["error artifact-not-produced"]),
        ("timeoutInMinutes: 30", "inputArtifacts: [{name: Report}]", &[]),
    ]);
}

#[test]
fn configuration() {
    let long = "x".repeat(1001);
    check(&[
        ("ProjectName: web,", "", &["warning default-project"]),
        ("BucketName: site,", "", &["error missing-configuration"]),
        (
            "BucketName: site,",
            "Bucketname: site,",
            &["error missing-configuration", "warning unknown-configuration"],
        ),
        ("Extract: true", "Extract: false", &["error missing-configuration"]),
        ("Extract: true", "Extract: maybe", &["error configuration-value"]),
        ("Extract: true", "Extract: True", &[]),
        ("BucketName: site", "BucketName: ''", &["error configuration-length"]),
        ("BucketName: site", &format!("BucketName: {long}"), &["error configuration-length"]),
        ("ActionMode: CREATE_UPDATE", "ActionMode: CREATE", &["error configuration-value"]),
        ("ActionMode: CREATE_UPDATE", "ActionMode: CHANGE_SET_REPLACE", &["error missing-configuration"]),
        ("      TemplatePath: Built::template.yml\n", "", &["error missing-configuration"]),
        ("Built::template.yml", "template.yml", &["error configuration-value"]),
        ("Built::template.yml", "Report::template.yml", &["error artifact-not-consumed"]),
        ("'{\"Tag\": \"1\"}'", "Tag=1", &["error configuration-value"]),
        ("ProjectName: web,", "ProjectName: web, PrimarySource: Other,", &["error artifact-not-consumed"]),
        ("ProjectName: web,", "ProjectName: web, CombineArtifacts: true,", &["error configuration-value"]),
        ("\"type\":\"PLAINTEXT\"", "\"type\":\"PLAIN\"", &["error configuration-value"]),
        ("[{\"name\":\"COMMIT\"", "{\"name\":\"COMMIT\"", &["error configuration-value"]),
        (
            "    provider: S3\n    runOrder: 5\n    configuration: {BucketName: site, Extract: true}\n",
            "    provider: ECS\n",
            &["error missing-configuration", "error missing-configuration"],
        ),
    ]);
    check(&[
        ("BucketName: site", "BucketName: ../up", &["error configuration-value"]),
        ("BucketName: site", "BucketName: a/b", &["error configuration-value"]),
        ("BucketName: site", "BucketName: '..'", &["error configuration-value"]),
        ("BucketName: site", "BucketName: Old_Site.1", &[]),
        ("BucketName: site", "BucketName: 'arn:aws:s3:eu-west-1:123456789012:accesspoint/site'", &[]),
        ("BucketName: site", "BucketName: '#{variables.Region}/x'", &[]),
        ("BucketName: site", "BucketName: site, ObjectKey: ../up", &["error configuration-value"]),
        ("BucketName: site", "BucketName: site, ObjectKey: a/../../up", &["error configuration-value"]),
        ("BucketName: site", "BucketName: site, ObjectKey: a/../b", &["warning key-on-aws-only"]),
        ("BucketName: site", "BucketName: site, ObjectKey: /a", &["warning key-on-aws-only"]),
        ("BucketName: site", "BucketName: site, ObjectKey: '{datetime}/#{variables.Region}/'", &[]),
        ("BucketName: site", "BucketName: site, ObjectKey: 'releases/{uuid}/'", &[]),
    ]);
    let deploy = "    provider: S3\n    runOrder: 5\n    configuration: {BucketName: site, Extract: true}\n    inputArtifacts: [{name: Report}]\n";
    check(&[
        (
            deploy,
            "    provider: Lambda\n    configuration: {FunctionName: f}\n",
            &["error missing-configuration"],
        ),
        (
            deploy,
            "    provider: Lambda\n    configuration: {FunctionName: f, PublishedTargetVersion: '3'}\n",
            &[],
        ),
        (
            "    provider: S3\n    runOrder: 5\n    configuration: {BucketName: site, Extract: true}\n",
            "    owner: Custom\n    provider: S4\n    configuration: {Anything: goes}\n",
            &[],
        ),
        (
            deploy,
            "    provider: EKS\n    configuration: {ClusterName: c, HelmReleaseName: r}\n    inputArtifacts: [{name: Report}]\n",
            &["error missing-configuration"],
        ),
    ]);
    let key = format!("{}: 1, BucketName: site", "k".repeat(51));
    check(&[("BucketName: site", &key, &["warning unknown-configuration", "error configuration-length"])]);
}

#[test]
fn programs_are_lists_of_words() {
    let told = |command: &str| {
        let (before, _) = FULL.split_once("  - name: Site").unwrap();
        let action = format!(
            "  - name: Tell\n    actionType: Invoke\n    provider: Command\n    configuration: {{Command: {command}}}\n"
        );
        codes(&parse(&format!("{before}{action}")))
    };
    assert_eq!(told("'[\"echo\", \"a b\"]'"), Vec::<String>::new());
    assert_eq!(told("[echo, a b]"), ["warning configuration-not-text"]);
    assert_eq!(told("'[\"echo\", \"#{variables.Region}\"]'"), ["error reference-in-command"]);
    assert_eq!(told("echo a b"), ["error configuration-value"]);
    assert_eq!(told("[]"), ["warning configuration-not-text", "error configuration-value"]);
}

#[test]
fn sources() {
    let source = "{category: Source, owner: AWS, provider: CodeStarSourceConnection, version: '1'}\n    namespace: Src\n    configuration: {ConnectionArn: arn, FullRepositoryId: acme/web, BranchName: main, DetectChanges: true}";
    let trigger = "triggers:\n- providerType: CodeStarSourceConnection\n";
    let hub = |configuration: &str| {
        let id = format!(
            "{{category: Source, owner: ThirdParty, provider: GitHub, version: '1'}}\n    namespace: Src\n    configuration: {{{configuration}}}"
        );
        let changed = changed(source, &id).replace(trigger, "triggers:\n- providerType: GitHub\n");
        codes(&parse(&changed))
    };
    assert_eq!(hub("Owner: a, Repo: b, Branch: main"), Vec::<String>::new());
    assert_eq!(hub("Owner: a, Repo: b, Branch: main, OAuthToken: '****'"), Vec::<String>::new());
    assert_eq!(hub("Owner: a, Repo: b, Branch: main, OAuthToken: t"), ["warning token-in-definition"]);
    assert_eq!(hub(""), ["warning source-without-repository"]);
    assert_eq!(hub("Branch: dev"), ["warning source-without-repository"]);
    assert_eq!(hub("Owner: a, Branch: main"), ["error missing-configuration"]);
    assert_eq!(hub("RepositoryPath: ../web, Tag: v1"), ["warning local-repository"]);
    assert_eq!(hub("Owner: a, Repo: b"), ["warning default-branch"]);
    assert_eq!(hub("Owner: a, Repo: b, Tag: v1"), Vec::<String>::new());
    check(&[
        ("ConnectionArn: arn, ", "", &["error missing-configuration"]),
        ("acme/web", "web", &["error repository-form"]),
        (" BranchName: main,", "", &["warning default-branch"]),
        ("DetectChanges: true", "DetectChanges: never", &["error configuration-value"]),
        ("DetectChanges: true", "OutputArtifactFormat: CODE_ZIP", &[]),
        ("DetectChanges: true", "OutputArtifactFormat: CODEBUILD_CLONE_REF", &["error clone-reference"]),
    ]);
    let bucket = |rest: &str| {
        let id = format!(
            "{{category: Source, owner: AWS, provider: S3, version: '1'}}\n    namespace: Src\n    configuration: {{S3Bucket: b, S3ObjectKey: k{rest}}}"
        );
        codes(&parse(&changed(source, &id)))
    };
    assert!(bucket("").contains(&"warning bucket-not-polled".to_owned()));
    assert!(bucket(", PollForSourceChanges: True").contains(&"warning bucket-not-polled".to_owned()));
    assert!(!bucket(", PollForSourceChanges: 'False'").contains(&"warning bucket-not-polled".to_owned()));
    let told = |named: &str| {
        let id = format!(
            "{{category: Source, owner: AWS, provider: S3, version: '1'}}\n    namespace: Src\n    configuration: {{S3Bucket: {named}, S3ObjectKey: k}}"
        );
        let found = parse(&changed(source, &id)).diagnostics;
        found.into_iter().find(|found| found.code == "bucket-not-polled").unwrap().message
    };
    assert!(
        told("acme-uploads").contains("--bucket acme-uploads --notification-configuration '{\"EventBridge")
    );
    // Nothing that a shell would carry out is put into a command.
    assert!(told("'$(id)'").contains("--bucket BUCKET --"));
}

#[test]
fn commands_actions() {
    let many = format!("    commands: [{}]\n    environment", "'a', ".repeat(51));
    let commands = "    commands: ['echo \"$VERSION\"', 'export TAG=1']\n    environment";
    let long = format!("'{}'", "a".repeat(1001));
    let environment = (0..11).map(|n| format!("{{name: V{n}, value: a}}, ")).collect::<String>();
    let variables = format!("[{}TAG]", (0..15).map(|n| format!("V{n}, ")).collect::<String>());
    let files = format!("[{}]", "'a', ".repeat(11));
    check(&[
        (commands, "    environment", &["error missing-key"]),
        (commands, &many, &["error too-many"]),
        ("'export TAG=1'", &long, &["error text-length"]),
        ("'export TAG=1'", "\"export TAG=1\\ntrue\"", &["error command-lines"]),
        ("'export TAG=1'", "''", &["error text-length"]),
        ("'export TAG=1'", "'export TAG=#{Make.VERSION}'", &["warning reference-in-command"]),
        ("{name: TOKEN, value: 'a:b', type: SECRETS_MANAGER}", &environment, &["error too-many"]),
        ("type: SECRETS_MANAGER", "type: PARAMETER_STORE", &["error environment-variable"]),
        ("{name: TOKEN,", "{name: TO-KEN,", &["error environment-variable"]),
        ("{name: TOKEN,", "{name: TOKEN, value: a}, {name: TOKEN,", &["error environment-variable"]),
        ("[TAG]", &variables, &["error too-many"]),
        ("['out/**']", &files, &["error too-many"]),
        ("    provider: S3\n", "    provider: S3\n    commands: [ls]\n", &["error commands-elsewhere"]),
        ("    provider: S3\n", "    provider: S3\n    outputVariables: [A]\n", &["error commands-elsewhere"]),
        (
            "    provider: S3\n",
            "    provider: S3\n    environmentVariables: [{name: A, value: b}]\n",
            &["error commands-elsewhere"],
        ),
        (
            "[{name: Built}]\n  - name: Look",
            "[{name: Built, files: [a]}]\n  - name: Look",
            &["warning files-ignored"],
        ),
        ("timeoutInMinutes: 60", "timeoutInMinutes: 4", &["error timeout"]),
        ("timeoutInMinutes: 60", "timeoutInMinutes: 86401", &["error timeout"]),
        ("    provider: S3\n", "    provider: S3\n    timeoutInMinutes: 10\n", &["error timeout-elsewhere"]),
    ]);
}

#[test]
fn variables_and_namespaces() {
    check(&[
        ("#{Look.TAG}", "#{Lock.TAG}", &["error unknown-namespace"]),
        ("#{Look.TAG}", "#{Look.TAGS}", &["warning unknown-output-variable"]),
        ("#{Src.CommitId}", "#{Src.CommitID}", &["warning unknown-output-variable"]),
        ("#{Look.TAG}", "#{variables.Regio}", &["error undeclared-variable"]),
        ("#{Look.TAG}", "#{codepipeline.Name}", &["error unknown-variable"]),
        ("#{Look.TAG}", "#{Look}", &["error malformed-reference"]),
        ("#{Look.TAG}", "#{Look.TAG", &["error malformed-reference"]),
        ("#{Src.CommitId}", "#{Look.TAG}", &["error variable-order"]),
        ("#{Src.CommitId}", "#{Make.X}", &["error variable-order"]),
        ("#{Src.BranchName}", "#{Make.X}", &["error variable-order"]),
        ("{AlarmName: errors}", "{AlarmName: '#{Make.X}'}", &[]),
        (
            "namespace: Src\n",
            "namespace: Make\n",
            &[
                "error unknown-namespace",
                "error duplicate-namespace",
                "error unknown-namespace",
                "warning unknown-output-variable",
            ],
        ),
        (
            "namespace: Look\n",
            "namespace: Report\n",
            &["error namespace-is-artifact", "error unknown-namespace"],
        ),
        (
            "namespace: Look\n",
            "namespace: variables\n",
            &["error reserved-namespace", "error unknown-namespace"],
        ),
        ("- {name: Region,", "- {name: Region}\n- {name: Region,", &["error duplicate-variable"]),
        ("defaultValue: eu-west-1", "defaultValue: ''", &["error variable-length"]),
    ]);
    let long = format!("description: {}", "x".repeat(201));
    check(&[("description: where it goes", &long, &["error variable-length"])]);
}

#[test]
fn triggers() {
    let nine = format!("includes: [{}release]", "a, ".repeat(8));
    check(&[
        (
            "triggers:\n- providerType: CodeStarSourceConnection",
            "triggers:\n- providerType: GitLab",
            &["error trigger-provider"],
        ),
        (
            "triggers:\n- providerType: CodeStarSourceConnection",
            "triggers:\n- providerType: GitHub",
            &["error trigger-source"],
        ),
        ("sourceActionName: App", "sourceActionName: Make", &["error trigger-source"]),
        (
            "    - tags: {includes: ['v*']}\n",
            &"    - tags: {includes: ['v*']}\n".repeat(3),
            &["error too-many"],
        ),
        (
            "    - tags: {includes: ['v*']}\n",
            "    - tags: {includes: ['v*']}\n      branches: {includes: [a]}\n",
            &["error push-filter"],
        ),
        (
            "    - tags: {includes: ['v*']}\n",
            "    - filePaths: {includes: ['v*']}\n",
            &["warning push-filter"],
        ),
        ("    - tags: {includes: ['v*']}\n", "    - {}\n", &["warning push-filter"]),
        ("events: [OPEN, UPDATED]", "events: [OPENED]", &["error pull-request-event"]),
        (
            "    - events: [OPEN, UPDATED]\n      branches: {includes: [release]}\n",
            "    - {}\n",
            &["warning pull-request-filter"],
        ),
        ("includes: [release]", &nine, &["error too-many"]),
        ("includes: [release]", "includes: []", &["error no-pattern"]),
        ("includes: [release]", "includes: ['{a']", &["error glob"]),
        ("includes: [release]", "includes: ['']", &["error glob"]),
        ("  gitConfiguration:\n    sourceActionName: App\n", "  gitConfiguration:\n", &["error missing-key"]),
    ]);
}

#[test]
fn conditions() {
    let rules = "      - name: Alarm\n        ruleTypeId: {provider: CloudWatchAlarm}\n        configuration: {AlarmName: errors}\n";
    check(&[
        ("result: SKIP", "result: ROLLBACK", &["error condition-result"]),
        ("result: SKIP", "result: FAIL", &[]),
        ("result: ROLLBACK", "result: RETRY", &["error condition-result"]),
        ("result: ROLLBACK", "result: SKIP", &["error condition-result", "error condition-result"]),
        ("    result: RETRY\n", "", &["error retry-mode"]),
        ("    retryConfiguration: {retryMode: FAILED_ACTIONS}\n", "", &[]),
        ("retryMode: FAILED_ACTIONS", "retryMode: SOME", &["error retry-mode"]),
        (
            "  onFailure:\n    result: RETRY\n    retryConfiguration: {retryMode: FAILED_ACTIONS}\n",
            "  onFailure: {}\n",
            &["error condition"],
        ),
        ("{provider: CloudWatchAlarm}", "{provider: CloudWatch}", &["error rule-type"]),
        ("{provider: CloudWatchAlarm}", "{provider: CloudWatchAlarm, owner: Custom}", &["error rule-type"]),
        (
            "{provider: CloudWatchAlarm}",
            "{provider: Commands}",
            &["error missing-key", "warning unknown-configuration"],
        ),
        (
            "{AlarmName: errors}",
            "{Alarmname: errors}",
            &["error missing-configuration", "warning unknown-configuration"],
        ),
        ("Operator: EQ", "Operator: LIKE", &["error configuration-value"]),
        ("- name: OnlyMain", "- name: Only Main", &["error rule-name"]),
        ("timeoutInMinutes: 30", "timeoutInMinutes: 1", &["error timeout"]),
        (rules, &rules.repeat(6), &["error condition"]),
        (
            "stages:\n- name: Source\n",
            "stages:\n- name: Source\n  onFailure: {result: ROLLBACK}\n",
            &["error condition-result"],
        ),
        ("stages:\n- name: Source\n", "stages:\n- name: Source\n  onFailure: {result: RETRY}\n", &[]),
        (
            "stages:\n- name: Source\n",
            "stages:\n- name: Source\n  onSuccess: {conditions: [{rules: []}]}\n",
            &["error condition"],
        ),
        (
            "stages:\n- name: Source\n",
            "stages:\n- name: Source\n  onSuccess: {}\n",
            &["error condition", "error missing-key"],
        ),
    ]);
}
