//! The providers of actions on AWS, one file each.

#[cfg(all(feature = "cloudformation", feature = "s3", feature = "sts"))]
pub mod cloudformation;
#[cfg(all(feature = "codebuild", feature = "s3", feature = "sts"))]
pub mod codebuild;
#[cfg(all(feature = "codedeploy", feature = "s3", feature = "sts"))]
pub mod codedeploy;
#[cfg(all(feature = "codebuild", feature = "s3", feature = "sts"))]
pub mod commands;
#[cfg(all(feature = "ecs", feature = "s3", feature = "sts"))]
pub mod ecs;
#[cfg(all(feature = "s3", feature = "sts"))]
pub mod handover;
#[cfg(all(feature = "lambda", feature = "s3", feature = "sts"))]
pub mod lambda;
#[cfg(all(feature = "s3", feature = "sts"))]
pub mod s3_deploy;
#[cfg(all(feature = "s3", feature = "sts"))]
pub mod s3_source;

#[cfg(all(
    feature = "sts",
    any(
        feature = "cloudformation",
        feature = "codebuild",
        feature = "codedeploy",
        feature = "ecs",
        feature = "lambda",
        feature = "s3"
    )
))]
mod failure;
#[cfg(all(feature = "sts", feature = "s3", any(feature = "codedeploy", feature = "ecs")))]
mod input_zip;
#[cfg(all(
    feature = "sts",
    any(feature = "codebuild", feature = "codedeploy", feature = "ecs", feature = "lambda")
))]
mod settings;
