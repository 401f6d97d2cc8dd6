//! What an S3 deployment is called in its bucket: what S3 refuses, and what one machine cannot publish.

use crate::definition::draft::{Action, Text};
use crate::definition::findings::{Findings, quoted};
use crate::pipeline::Category;

pub(super) fn check(action: &Action, findings: &mut Findings) {
    if !action.is(Category::Deploy, "S3") {
        return;
    }
    let literal = |key: &str| action.setting(key).filter(|value| value.known && !value.text.contains("#{"));
    if let Some(bucket) = literal("BucketName") {
        check_bucket(bucket, findings);
    }
    if let Some(key) = literal("ObjectKey") {
        check_key(key, findings);
    }
}

fn check_bucket(bucket: &Text, findings: &mut Findings) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name = bucket.text.as_str();
    let refused = !name.chars().all(plain) || name.starts_with('.');
    // An access point may stand where a bucket does.
    if refused && !name.is_empty() && !name.starts_with("arn:") {
        let message =
            format!("{} is no bucket; a bucket's name is letters, digits, `.`, `_` and `-`", quoted(name));
        findings.error(bucket.place, "configuration-value", message);
    }
}

/// S3 counts `..` from the left and refuses a key that steps above where it began (S3 user guide, Naming objects).
fn check_key(key: &Text, findings: &mut Findings) {
    let mut depth = 0_i32;
    let parts: Vec<&str> = key.text.trim_end_matches('/').split('/').collect();
    for part in &parts {
        depth += if *part == ".." { -1 } else { 1 };
        if depth < 0 {
            let message =
                format!("{} leaves the bucket, which S3 refuses; take its `..` out", quoted(&key.text));
            return findings.error(key.place, "configuration-value", message);
        }
    }
    let odd = |part: &&str| {
        matches!(*part, "" | "." | "..") || part.contains('\\') || part.chars().any(char::is_control)
    };
    if parts.iter().any(odd) {
        let message = format!(
            "{} can be published on AWS only; for one machine write a relative path without empty parts, `.`, `..` and backslashes",
            quoted(&key.text)
        );
        findings.warning(key.place, "key-on-aws-only", message);
    }
}
