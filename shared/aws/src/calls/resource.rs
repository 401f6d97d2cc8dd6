//! Of what a call is made: which queue, table, part of a bucket, function, secret, parameter or topic, read from the request as it is
//! sent. Never more than names: no key of an object beyond its first part, no key of an item beyond its kind.

use serde_json::Value as Json;

/// The resource of a call, where its request names one that roles distinguish.
pub(super) fn resource(operation: &str, uri: &str, body: &[u8]) -> Option<String> {
    let (host, path) = uri.split_once("://")?.1.split_once('/')?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if let Some(function) = path.strip_prefix("2015-03-31/functions/") {
        return Some(function.split('/').next()?.to_owned());
    }
    if !path.is_empty() {
        return part_of_a_bucket(host, path, query);
    }
    match serde_json::from_slice(body) {
        Ok(body) => named(operation, &body),
        Err(_) => topic(body),
    }
}

/// `BUCKET/PREFIX` of an object, `BUCKET/PREFIX version` of one by its version, which has a right of its own, and `BUCKET` of
/// a bucket: the host's first label, or the path's first part.
fn part_of_a_bucket(host: &str, path: &str, query: &str) -> Option<String> {
    let by_host = host.split_once(".s3").map(|(bucket, _)| bucket);
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let bucket = by_host.or_else(|| parts.next())?;
    let version = if query.contains("versionId=") { " version" } else { "" };
    Some(parts.next().map_or_else(|| bucket.to_owned(), |prefix| format!("{bucket}/{prefix}{version}")))
}

fn named(operation: &str, body: &Json) -> Option<String> {
    let text = |name: &str| body[name].as_str();
    if let Some(queue) = text("QueueUrl") {
        return Some(queue.rsplit('/').next()?.to_owned());
    }
    if let Some(queue) = text("SourceArn") {
        return Some(queue.rsplit(':').next()?.to_owned());
    }
    if let Some(table) = text("TableName") {
        return Some(part_of_a_table(operation, table, body));
    }
    if let Some(tables) = body["RequestItems"].as_object() {
        return tables.keys().next().cloned();
    }
    if let Some(writes) = body["TransactItems"].as_array() {
        let tables = writes.iter().filter_map(Json::as_object).flat_map(|write| write.values());
        return tables.filter_map(|write| write["TableName"].as_str()).next().map(str::to_owned);
    }
    if operation == "GetParameter" {
        return text("Name").map(str::to_owned);
    }
    text("SecretId").or_else(|| body["Entries"][0]["EventBusName"].as_str()).map(str::to_owned)
}

/// `TABLE`, `TABLE/index/INDEX`, and of what is written `TABLE KIND`: roles distinguish writes by the kind of the item.
fn part_of_a_table(operation: &str, table: &str, body: &Json) -> String {
    if let Some(index) = body["IndexName"].as_str() {
        return format!("{table}/index/{index}");
    }
    let written = match operation {
        "PutItem" => body["Item"]["pk"]["S"].as_str(),
        "UpdateItem" | "DeleteItem" => body["Key"]["pk"]["S"].as_str(),
        _ => None,
    };
    let kind = written.and_then(|key| key.split('#').next());
    kind.map_or_else(|| table.to_owned(), |kind| format!("{table} {kind}"))
}

/// The topic of a publication, which is a form.
fn topic(body: &[u8]) -> Option<String> {
    let form = std::str::from_utf8(body).ok()?;
    let topic = form.split('&').find_map(|field| field.strip_prefix("TopicArn="))?;
    Some(topic.replace("%3A", ":"))
}

#[cfg(test)]
mod tests {
    use super::resource;

    fn of(operation: &str, uri: &str, body: &str) -> Option<String> {
        resource(operation, uri, body.as_bytes())
    }

    #[test]
    fn an_objects_first_part_is_told_and_no_more() {
        for (uri, expected) in [
            ("http://127.0.0.1:4566/store/artifacts/web/p-1.zip?x-id=GetObject", "store/artifacts"),
            ("http://127.0.0.1:4566/store/artifacts/web/p-1.zip?versionId=1", "store/artifacts version"),
            ("https://store.s3.eu-central-1.amazonaws.com/logs/p-1.log", "store/logs"),
            ("http://127.0.0.1:4566/store?versions&prefix=logs%2F", "store"),
            ("http://127.0.0.1:4566/2015-03-31/functions/transition/invocations", "transition"),
        ] {
            assert_eq!(of("Any", uri, "secret").as_deref(), Some(expected), "{uri}");
        }
    }

    #[test]
    fn what_a_body_names_is_told_and_no_more() {
        for (operation, body, expected) in [
            ("SendMessage", r#"{"QueueUrl":"http://h/1/web.fifo","MessageBody":"secret"}"#, "web.fifo"),
            ("StartMessageMoveTask", r#"{"SourceArn":"arn:aws:sqs:r:1:dead"}"#, "dead"),
            ("PutItem", r#"{"TableName":"t","Item":{"pk":{"S":"ATTEMPT#secret"}}}"#, "t ATTEMPT"),
            ("UpdateItem", r#"{"TableName":"t","Key":{"pk":{"S":"SWEEP"}}}"#, "t SWEEP"),
            ("GetItem", r#"{"TableName":"t","Key":{"pk":{"S":"ATTEMPT#secret"}}}"#, "t"),
            ("Query", r#"{"TableName":"t","IndexName":"due"}"#, "t/index/due"),
            ("BatchGetItem", r#"{"RequestItems":{"t":{"Keys":[]}}}"#, "t"),
            ("TransactWriteItems", r#"{"TransactItems":[{"Put":{"TableName":"t"}}]}"#, "t"),
            (
                "GetSecretValue",
                r#"{"SecretId":"arn:aws:secretsmanager:r:1:secret:x"}"#,
                "arn:aws:secretsmanager:r:1:secret:x",
            ),
            (
                "GetParameter",
                r#"{"Name":"arn:aws:ssm:r:1:parameter/a/b","WithDecryption":true}"#,
                "arn:aws:ssm:r:1:parameter/a/b",
            ),
            (
                "Publish",
                "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Ar%3A1%3At&Message=secret",
                "arn:aws:sns:r:1:t",
            ),
        ] {
            assert_eq!(of(operation, "https://h/", body).as_deref(), Some(expected), "{body}");
        }
        assert_eq!(of("GetCallerIdentity", "https://h/", "Action=GetCallerIdentity"), None);
    }
}
