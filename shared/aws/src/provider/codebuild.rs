//! The CodeBuild provider.
