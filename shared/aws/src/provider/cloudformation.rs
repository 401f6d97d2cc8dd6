//! The CloudFormation provider.
