//! The network in which the stack's project runs Commands: `StartBuild` cannot move a build into another.

use std::collections::BTreeSet;

use penstock_model::pipeline::Action;

use super::shape::is_open;
use crate::environment::optional;

/// Keys of a Commands action that say where it runs, with the parameters of the template that do.
const KEYS: [(&str, &str); 3] = [
    ("VpcId", "CommandsVpcId"),
    ("Subnets", "CommandsSubnetIds"),
    ("SecurityGroupIds", "CommandsSecurityGroupIds"),
];
/// The variable in which a function is told it.
const VARIABLE: &str = "COMMANDS_NETWORK";

/// A VPC, and its subnets and security groups that a build is in; none, if the project is in no VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network([BTreeSet<String>; 3]);

impl Network {
    /// From `VPC/SUBNET,.../GROUP,...`; without a VPC the parts are empty.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split('/').map(ids);
        Self([(); 3].map(|()| parts.next().unwrap_or_default()))
    }

    /// As the function's environment says.
    pub fn from_environment() -> Self {
        Self::parse(&optional(VARIABLE).unwrap_or_default())
    }

    /// Why a Commands action cannot run where it is to, with the way out.
    pub(super) fn refuse(&self, action: &Action) -> Option<String> {
        let said = |key: &str| action.configuration.get(key).filter(|value| !is_open(value));
        let ((key, parameter), here) = KEYS
            .iter()
            .zip(&self.0)
            .find(|((key, _), here)| said(key).is_some_and(|value| ids(value) != **here))?;
        let here = here.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let here = if here.is_empty() { "in no VPC".to_owned() } else { format!("in {here}") };
        Some(format!(
            "`{key}` cannot be honoured: Commands run on the stack's project, which is {here}, and a build cannot be moved; set the stack's parameter {parameter}, remove VpcId, Subnets and SecurityGroupIds, or use a CodeBuild action with a project in that VPC"
        ))
    }
}

fn ids(list: &str) -> BTreeSet<String> {
    list.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use penstock_model::pipeline::Category;
    use penstock_testkit::build::action;

    use super::*;

    fn refused(network: &str, said: [&str; 3]) -> Option<String> {
        let mut commands = action("C", Category::Compute, "Commands");
        for ((key, _), value) in KEYS.iter().zip(said) {
            commands = commands.set(key, value);
        }
        Network::parse(network).refuse(&commands.build())
    }

    #[test]
    fn the_network_of_the_project_may_be_named_and_no_other() {
        let here = "vpc-1/subnet-a,subnet-b/sg-1";
        assert_eq!(refused(here, ["vpc-1", "subnet-b, subnet-a", "sg-1"]), None);
        assert_eq!(refused(here, ["#{variables.VPC}", "subnet-a,subnet-b", "sg-1"]), None);
        for (said, parameter) in [
            (["vpc-2", "subnet-a,subnet-b", "sg-1"], "CommandsVpcId"),
            (["vpc-1", "subnet-a", "sg-1"], "CommandsSubnetIds"),
            (["vpc-1", "subnet-a,subnet-b", "sg-2"], "CommandsSecurityGroupIds"),
        ] {
            let why = refused(here, said).unwrap();
            assert!(why.contains(parameter) && why.contains("project in that VPC"), "{why}");
        }
    }

    #[test]
    fn a_project_in_no_vpc_takes_none() {
        for network in ["", "//"] {
            assert_eq!(Network::parse(network), Network::default());
            let why = refused(network, ["vpc-1", "subnet-a", "sg-1"]).unwrap();
            assert!(why.contains("which is in no VPC"), "{why}");
        }
        let plain = action("C", Category::Compute, "Commands").build();
        assert_eq!(Network::default().refuse(&plain), None);
    }
}
