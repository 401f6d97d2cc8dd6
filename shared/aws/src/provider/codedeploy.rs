//! The CodeDeploy provider.
