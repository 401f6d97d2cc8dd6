//! Links to the console's page of a build.

use penstock_app::partition::console;

/// The page of the build or batch with this ARN: `arn:PARTITION:codebuild:REGION:ACCOUNT:build/PROJECT:ID`.
pub(super) fn link(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (region, account) = (parts.nth(3)?, parts.next()?);
    let (kind, id) = parts.next()?.split_once('/')?;
    let (project, _) = id.split_once(':')?;
    let page = if kind == "build-batch" { "batch" } else { "build" };
    let id = id.replace(':', "%3A");
    Some(format!(
        "{}/codesuite/codebuild/{account}/projects/{project}/{page}/{id}/?region={region}",
        console(region)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_a_page() {
        assert_eq!(
            link("arn:aws:codebuild:eu-west-1:123456789012:build/web:8745a7a9").as_deref(),
            Some(
                "https://eu-west-1.console.aws.amazon.com/codesuite/codebuild/123456789012/projects/web/build/web%3A8745a7a9/?region=eu-west-1"
            )
        );
        assert!(
            link("arn:aws-cn:codebuild:cn-north-1:1:build-batch/web:87").unwrap().contains(".amazonaws.cn/")
        );
        assert_eq!(link("web:8745a7a9"), None);
    }
}
