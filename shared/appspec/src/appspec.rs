//! What an appspec says, checked.

use std::collections::BTreeMap;

use penstock_model::diagnostic::Place;

use crate::acl::AclEntry;
use crate::lifecycle::LifecycleEvent;
use crate::mode::Mode;
use crate::path::RelativePath;
use crate::pattern::{Glob, Pattern};

/// An appspec of any compute platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppSpec {
    /// EC2 or on-premises: files, permissions and scripts.
    Server(Server),
    /// Lambda: which version an alias is moved to.
    Lambda(Lambda),
    /// ECS: which task definition a service is moved to.
    Ecs(Ecs),
}

/// The operating system that an EC2/on-premises appspec is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux.
    Linux,
    /// Windows Server.
    Windows,
}

/// The EC2/on-premises shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// For which system.
    pub os: Os,
    /// What is installed where.
    pub files: Vec<FileRule>,
    /// What becomes of files that are in the way; absent: the deployment says.
    pub file_exists_behavior: Option<FileExistsBehavior>,
    /// Owners, groups, modes and acls, applied in this order.
    pub permissions: Vec<PermissionRule>,
    /// Scripts by event.
    pub hooks: BTreeMap<LifecycleEvent, Vec<Script>>,
}

/// An entry of `files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// A file or folder of the revision; the top is the whole revision.
    pub source: RelativePath,
    /// The folder that receives it, beneath the instance's folder.
    pub destination: RelativePath,
}

/// What becomes of a file that stands where one is installed and that no deployment of the group has put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileExistsBehavior {
    /// The deployment fails.
    #[default]
    Disallow,
    /// It is replaced.
    Overwrite,
    /// It stays.
    Retain,
}

impl FileExistsBehavior {
    /// The behaviour called `name`, in upper case as an appspec has it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "DISALLOW" => Some(Self::Disallow),
            "OVERWRITE" => Some(Self::Overwrite),
            "RETAIN" => Some(Self::Retain),
            _ => None,
        }
    }
}

/// An entry of `permissions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionRule {
    /// A file, or a folder whose contents are meant.
    pub object: RelativePath,
    /// Which of the contents.
    pub pattern: Pattern,
    /// Which not.
    pub except: Vec<Glob>,
    /// Whether files are meant.
    pub files: bool,
    /// Whether folders are meant.
    pub directories: bool,
    /// The owner to set.
    pub owner: Option<String>,
    /// The group to set.
    pub group: Option<String>,
    /// The mode to set.
    pub mode: Option<Mode>,
    /// The acl entries to set.
    pub acls: Vec<AclEntry>,
    /// Whether a `SELinux` context is asked for.
    pub context: bool,
    /// Where the entry stands.
    pub place: Place,
}

/// An entry of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The path as written.
    pub location: String,
    /// The path in the revision.
    pub path: RelativePath,
    /// After how many seconds it is ended.
    pub timeout_seconds: u64,
    /// As whom it runs; absent: as whoever deploys.
    pub run_as: Option<String>,
}

/// The Lambda shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lambda {
    /// The functions whose aliases move.
    pub functions: Vec<LambdaFunction>,
    /// The functions that check, in the order of the file.
    pub hooks: Vec<(LifecycleEvent, String)>,
}

/// A function whose alias moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaFunction {
    /// Its name in the file.
    pub logical_name: String,
    /// The function's name.
    pub name: String,
    /// The alias.
    pub alias: String,
    /// The version that the alias has now.
    pub current_version: String,
    /// The version that it gets.
    pub target_version: String,
}

/// The ECS shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ecs {
    /// The services that move.
    pub services: Vec<EcsService>,
    /// The functions that check, in the order of the file.
    pub hooks: Vec<(LifecycleEvent, String)>,
}

/// A service that moves to another task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsService {
    /// Its name in the file.
    pub logical_name: String,
    /// The task definition's ARN, or a placeholder that is filled in before the deployment.
    pub task_definition: String,
    /// The container that takes traffic.
    pub container_name: String,
    /// Its port; `None` where a placeholder stands.
    pub container_port: Option<u16>,
    /// All properties as written, for the call to the service.
    pub properties: serde_json::Value,
}
