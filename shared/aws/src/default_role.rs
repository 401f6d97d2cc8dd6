//! Which actions may run under the installation's default role: those of CodeBuild and Commands, and of providers that
//! whoever installs it adds.

use std::collections::BTreeSet;

use penstock_app::port::PortError;
use penstock_model::pipeline::{Action, Category, Owner, Pipeline};

use crate::environment::optional;

/// The providers that it serves in every installation.
const ALWAYS: [&str; 2] = ["CodeBuild", "Commands"];
/// Those that it may serve besides; the parameter's pattern in the template names the same.
pub const ADDABLE: [&str; 6] = ["CloudFormation", "CodeDeploy", "CodeDeployToECS", "ECS", "Lambda", "S3"];
/// The template's parameter that adds them.
pub const PARAMETER: &str = "DefaultRoleProviders";
/// The variable in which a function is told them, comma-separated.
const VARIABLE: &str = "DEFAULT_ROLE_PROVIDERS";

/// The variable with the role's ARN.
const ROLE: &str = "DEFAULT_ACTION_ROLE_ARN";

/// The providers whose actions need no role of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultRoleProviders {
    added: BTreeSet<String>,
    /// The default role's ARN, which is no role of an action's own whoever names it.
    role: Option<String>,
}

impl DefaultRoleProviders {
    /// From a comma-separated list of what is added.
    ///
    /// # Errors
    /// Permanent, if it names a provider that there is not.
    pub fn parse(list: &str) -> Result<Self, PortError> {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        let known = |name: &&str| ALWAYS.contains(name) || ADDABLE.contains(name);
        match names.clone().find(|name| !known(name)) {
            None => Ok(Self { added: names.map(str::to_owned).collect(), role: None }),
            Some(unknown) => Err(PortError::permanent(format!(
                "read {PARAMETER}: there is no provider `{}`; it may name {}",
                unknown.escape_debug(),
                ADDABLE.join(", ")
            ))),
        }
    }

    /// As the function's environment says; no more than CodeBuild and Commands where it says nothing.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_environment() -> Result<Self, PortError> {
        let added = Self::parse(&optional(VARIABLE).unwrap_or_default())?;
        Ok(Self { role: optional(ROLE), ..added })
    }

    /// The same, of the role with this ARN.
    #[must_use]
    pub fn of_role(self, arn: Option<String>) -> Self {
        Self { role: arn, ..self }
    }

    /// Whether actions of `provider` may run under the default role.
    pub fn serves(&self, provider: &str) -> bool {
        ALWAYS.contains(&provider) || self.added.contains(provider)
    }

    /// The role that `action` of `pipeline` names, if it is another than the default one.
    pub fn own_role<'a>(&self, pipeline: &'a Pipeline, action: &'a Action) -> Option<&'a str> {
        let named = action.role_arn.as_deref().or(pipeline.role_arn.as_deref());
        named.filter(|role| Some(*role) != self.role.as_deref())
    }

    /// Why `action` of `pipeline` cannot be performed, if it needs a role and names none.
    pub fn refuse(&self, pipeline: &Pipeline, action: &Action) -> Option<String> {
        let kind = &action.action_type_id;
        let needs_none =
            kind.category == Category::Approval || kind.owner != Owner::Aws || kind.is_github_source();
        (!needs_none && self.own_role(pipeline, action).is_none() && !self.serves(&kind.provider))
            .then(|| without_role(&kind.provider))
    }
}

/// What is wrong with an action of `provider` that has no role, with the ways out.
pub fn without_role(provider: &str) -> String {
    let provider = provider.escape_debug();
    format!(
        "it has no role of its own, and the stack's default action role does not serve {provider}; set roleArn on the action or its pipeline, or add {provider} to the stack's parameter {PARAMETER} and give the role the rights with DefaultActionPolicyArns"
    )
}

#[cfg(test)]
mod tests {
    use penstock_testkit::build::{action, build, pipeline};

    use super::*;

    fn added(list: &str) -> DefaultRoleProviders {
        DefaultRoleProviders::parse(list).unwrap()
    }

    #[test]
    fn builds_and_commands_are_served_and_others_when_they_are_named() {
        let none = added("");
        assert_eq!(none, DefaultRoleProviders::default());
        assert!(none.serves("CodeBuild") && none.serves("Commands") && !none.serves("S3"));
        let some = added("S3, ECS");
        assert!(some.serves("S3") && some.serves("ECS") && some.serves("Commands"));
        assert!(!some.serves("Lambda"));
    }

    #[test]
    fn a_name_that_is_no_providers_is_refused_with_those_that_are() {
        let error = DefaultRoleProviders::parse("S3,s3").unwrap_err();
        assert!(!error.retryable);
        assert!(error.message.contains("no provider `s3`"), "{error:?}");
        assert!(error.message.contains("CodeDeployToECS"), "{error:?}");
    }

    #[test]
    fn an_action_without_a_role_is_refused_with_both_ways_out() {
        let deploy = action("Publish", Category::Deploy, "S3").build();
        let mut web = pipeline("web").build();
        web.role_arn = None;
        let why = added("ECS").refuse(&web, &deploy).unwrap();
        assert!(why.contains("roleArn") && why.contains(PARAMETER) && why.contains("S3"), "{why}");
        assert_eq!(added("S3").refuse(&web, &deploy), None);
        assert_eq!(added("").refuse(&web, &build("Build").build()), None);
        let approval = action("Ask", Category::Approval, "Manual").build();
        assert_eq!(added("").refuse(&web, &approval), None);
        let mut own = deploy.clone();
        own.role_arn = Some("arn:aws:iam::111122223333:role/deploy".into());
        assert_eq!(added("").refuse(&web, &own), None);
        let of_role = added("").of_role(own.role_arn.clone());
        assert_eq!(of_role.refuse(&web, &own), Some(why), "whoever names the default role");
        web.role_arn = own.role_arn;
        assert_eq!(added("").refuse(&web, &deploy), None);
    }
}
