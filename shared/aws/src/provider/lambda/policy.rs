//! What a function may do with `artifactCredentials`.

use penstock_app::jobs::OutputPlace;
use penstock_model::artifact::Artifact;
use serde_json::{Value, json};

/// The longest policy of a session, in characters (STS API reference, `AssumeRole`).
const LONGEST: usize = 2048;

/// Reading `inputs` and putting `outputs`, with what S3 decrypts and encrypts for that.
pub(super) fn of(inputs: &[Artifact], outputs: &[OutputPlace], partition: &str) -> String {
    let arn = |bucket: &str, key: &str| format!("arn:{partition}:s3:::{bucket}/{key}");
    let read: Vec<String> = inputs.iter().map(|it| arn(&it.bucket, &it.key)).collect();
    let put: Vec<String> = outputs.iter().map(|it| arn(&it.bucket, &it.key)).collect();
    let policy = document(&read, &put);
    if policy.len() <= LONGEST {
        return policy;
    }
    // Nothing else is beneath the attempt's key.
    let mut folders: Vec<String> =
        put.iter().filter_map(|it| Some(format!("{}/*", it.rsplit_once('/')?.0))).collect();
    folders.dedup();
    document(&read, &folders)
}

fn document(read: &[String], put: &[String]) -> String {
    let allow = |actions: &[&str], resources: &[String]| -> Option<Value> {
        let statement = json!({"Effect": "Allow", "Action": actions, "Resource": resources});
        (!resources.is_empty()).then_some(statement)
    };
    let keys = json!({
        "Effect": "Allow",
        "Action": if put.is_empty() { vec!["kms:Decrypt"] } else { vec!["kms:Decrypt", "kms:GenerateDataKey"] },
        "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": "s3.*"}},
    });
    let statements =
        [allow(&["s3:GetObject", "s3:GetObjectVersion"], read), allow(&["s3:PutObject"], put), Some(keys)];
    let statements: Vec<Value> = statements.into_iter().flatten().collect();
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

#[cfg(test)]
mod tests {
    use penstock_testkit::build::name;

    use super::*;

    fn places(count: usize, bucket: &str) -> Vec<OutputPlace> {
        let key = |number: usize| format!("artifacts/web/p-1/{}{number}.zip", "x".repeat(80));
        let place = |number| OutputPlace { name: name("x"), bucket: bucket.to_owned(), key: key(number) };
        (0..count).map(place).collect()
    }

    fn resources(policy: &str, action: &str) -> Vec<String> {
        let policy: Value = serde_json::from_str(policy).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        let of_action =
            statements.iter().filter(|it| it["Action"].as_array().unwrap().contains(&json!(action)));
        let resources = of_action.flat_map(|it| it["Resource"].as_array().cloned().unwrap_or_default());
        resources.map(|it| it.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn exactly_the_outputs_may_be_put() {
        let places = places(2, "b");
        let policy = of(&[], &places, "aws-cn");
        let expected: Vec<_> = places.iter().map(|it| format!("arn:aws-cn:s3:::b/{}", it.key)).collect();
        assert_eq!(resources(&policy, "s3:PutObject"), expected);
        assert!(!policy.contains("GetObject"), "there is nothing to read");
    }

    #[test]
    fn what_is_only_read_is_not_written() {
        let input = Artifact {
            name: name("App"),
            bucket: "b".into(),
            key: "artifacts/web/p-0/App.zip".into(),
            version_id: None,
            sha256: String::new(),
            size: 1,
        };
        let policy = of(&[input], &[], "aws");
        assert_eq!(resources(&policy, "s3:GetObject"), ["arn:aws:s3:::b/artifacts/web/p-0/App.zip"]);
        assert!(!policy.contains("Put") && !policy.contains("GenerateDataKey"), "{policy}");
    }

    #[test]
    fn a_policy_that_would_be_too_long_names_the_attempts_folder() {
        let bucket = "b".repeat(500);
        let policy = of(&[], &places(5, &bucket), "aws");
        assert_eq!(
            resources(&policy, "s3:PutObject"),
            [format!("arn:aws:s3:::{bucket}/artifacts/web/p-1/*")]
        );
        assert!(policy.len() <= LONGEST);
    }
}
