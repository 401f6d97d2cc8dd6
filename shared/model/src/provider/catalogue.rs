//! The table of providers, in the order of the user guide: sources, builds and tests, deployments, the rest.

use super::Provider;
use crate::pipeline::{
    Category::{self, Approval, Build, Compute, Deploy, Invoke, Source, Test},
    Owner::{self, Aws, Custom, ThirdParty},
};

type Keys = &'static [&'static str];
type Counts = (usize, usize);

const fn row(
    categories: &'static [Category],
    owner: Owner,
    name: &'static str,
    inputs: Counts,
    outputs: Counts,
    required: Keys,
    optional: Keys,
) -> Provider {
    Provider {
        categories,
        owner,
        name,
        inputs: inputs.0..=inputs.1,
        outputs: outputs.0..=outputs.1,
        required,
        optional,
        variables: None,
        v2_only: false,
    }
}

const fn aws(
    name: &'static str,
    category: &'static [Category],
    inputs: Counts,
    outputs: Counts,
    required: Keys,
    optional: Keys,
) -> Provider {
    row(category, Aws, name, inputs, outputs, required, optional)
}

const fn partner(
    name: &'static str,
    category: &'static [Category],
    inputs: Counts,
    outputs: Counts,
) -> Provider {
    row(category, ThirdParty, name, inputs, outputs, &[], &[])
}

const fn with_variables(provider: Provider, variables: Keys) -> Provider {
    Provider { variables: Some(variables), ..provider }
}

const fn v2(provider: Provider) -> Provider {
    Provider { v2_only: true, ..provider }
}

/// What a source of a git repository produces here. `CodePipeline` documents more of some; who refers to what is never
/// produced should hear of it before an execution does.
const GIT_VARIABLES: Keys = &[
    "AuthorDate",
    "BranchName",
    "CommitId",
    "CommitMessage",
    "CommitUrl",
    "CommitterDate",
    "FullRepositoryName",
    "RepositoryName",
];

/// The same of a connection source.
const CONNECTION_VARIABLES: Keys = &[
    "AuthorDate",
    "BranchName",
    "CommitId",
    "CommitMessage",
    "CommitUrl",
    "CommitterDate",
    "ConnectionArn",
    "FullRepositoryName",
    "RepositoryName",
];

pub(super) const PROVIDERS: &[Provider] = &[
    with_variables(
        row(
            &[Source],
            ThirdParty,
            "GitHub",
            (0, 0),
            (1, 1),
            &["Owner", "Repo", "Branch", "OAuthToken"],
            &["PollForSourceChanges", "RepositoryPath", "Commit", "Tag"],
        ),
        GIT_VARIABLES,
    ),
    with_variables(
        aws(
            "CodeStarSourceConnection",
            &[Source],
            (0, 0),
            (1, 1),
            &["ConnectionArn", "FullRepositoryId", "BranchName"],
            &["OutputArtifactFormat", "DetectChanges", "RepositoryPath", "Commit", "Tag"],
        ),
        CONNECTION_VARIABLES,
    ),
    with_variables(
        aws(
            "CodeCommit",
            &[Source],
            (0, 0),
            (1, 1),
            &["RepositoryName", "BranchName"],
            &["PollForSourceChanges", "OutputArtifactFormat", "RepositoryPath", "Commit", "Tag"],
        ),
        GIT_VARIABLES,
    ),
    with_variables(
        aws(
            "S3",
            &[Source],
            (0, 0),
            (1, 1),
            &["S3Bucket", "S3ObjectKey"],
            &["AllowOverrideForS3ObjectKey", "PollForSourceChanges"],
        ),
        &["BucketName", "ETag", "ObjectKey", "VersionId"],
    ),
    with_variables(
        aws("ECR", &[Source], (0, 0), (1, 1), &["RepositoryName"], &["ImageTag"]),
        &["RegistryId", "RepositoryName", "ImageTag", "ImageDigest", "ImageURI"],
    ),
    aws(
        "CodeBuild",
        &[Build, Test],
        (1, 5),
        (0, 5),
        &["ProjectName"],
        &[
            "PrimarySource",
            "BatchEnabled",
            "CombineArtifacts",
            "BuildspecOverride",
            "EnvironmentVariables",
            "ServiceRoleArnOverride",
        ],
    ),
    v2(with_variables(
        aws(
            "ECRBuildAndPublish",
            &[Build],
            (1, 1),
            (0, 0),
            &["ECRRepositoryName"],
            &["DockerFilePath", "ImageTags", "RegistryType"],
        ),
        &["ECRImageDigestId", "ECRRepositoryName"],
    )),
    v2(aws(
        "Commands",
        &[Compute],
        (1, 10),
        (0, 1),
        &[],
        &["EnvironmentType", "ComputeType", "VpcId", "Subnets", "SecurityGroupIds"],
    )),
    aws(
        "DeviceFarm",
        &[Test],
        (1, 1),
        (0, 0),
        &["ProjectId", "DevicePoolArn", "AppType", "App", "TestType"],
        &[
            "AppiumVersion",
            "Test",
            "FuzzEventCount",
            "FuzzEventThrottle",
            "FuzzRandomizerSeed",
            "RadioBluetoothEnabled",
            "RadioWifiEnabled",
            "RadioNfcEnabled",
            "RadioGpsEnabled",
            "RecordAppPerformanceData",
            "RecordVideo",
            "CustomHostMachineArtifacts",
            "CustomDeviceArtifacts",
            "UnmeteredDevicesOnly",
            "JobTimeoutMinutes",
            "Latitude",
            "Longitude",
        ],
    ),
    aws(
        "CloudFormation",
        &[Deploy],
        (0, 10),
        (0, 1),
        &["ActionMode", "StackName"],
        &[
            "ChangeSetName",
            "RoleArn",
            "TemplatePath",
            "Capabilities",
            "TemplateConfiguration",
            "ParameterOverrides",
            "OutputFileName",
        ],
    ),
    with_variables(
        aws(
            "CloudFormationStackSet",
            &[Deploy],
            (1, 3),
            (0, 0),
            &["StackSetName", "TemplatePath"],
            &[
                "DeploymentTargets",
                "Regions",
                "FailureTolerancePercentage",
                "MaxConcurrentPercentage",
                "RegionConcurrencyType",
                "ConcurrencyMode",
                "CallAs",
                "Description",
                "Capabilities",
                "Parameters",
                "PermissionModel",
                "AdministrationRoleArn",
                "ExecutionRoleName",
                "OrganizationsAutoDeployment",
            ],
        ),
        &["StackSetId", "OperationId"],
    ),
    with_variables(
        aws(
            "CloudFormationStackInstances",
            &[Deploy],
            (0, 2),
            (0, 0),
            &["StackSetName", "Regions"],
            &[
                "DeploymentTargets",
                "FailureTolerancePercentage",
                "MaxConcurrentPercentage",
                "RegionConcurrencyType",
                "ConcurrencyMode",
                "CallAs",
                "ParameterOverrides",
            ],
        ),
        &["StackSetId", "OperationId"],
    ),
    aws("CodeDeploy", &[Deploy], (1, 1), (0, 0), &["ApplicationName", "DeploymentGroupName"], &[]),
    aws(
        "CodeDeployToECS",
        &[Deploy],
        (1, 5),
        (0, 0),
        &[
            "ApplicationName",
            "DeploymentGroupName",
            "TaskDefinitionTemplateArtifact",
            "AppSpecTemplateArtifact",
        ],
        &[
            "TaskDefinitionTemplatePath",
            "AppSpecTemplatePath",
            "Image1ArtifactName",
            "Image1ContainerName",
            "Image2ArtifactName",
            "Image2ContainerName",
            "Image3ArtifactName",
            "Image3ContainerName",
            "Image4ArtifactName",
            "Image4ContainerName",
        ],
    ),
    aws(
        "ECS",
        &[Deploy],
        (1, 1),
        (0, 0),
        &["ClusterName", "ServiceName"],
        &["FileName", "DeploymentTimeout"],
    ),
    aws(
        "S3",
        &[Deploy],
        (1, 1),
        (0, 0),
        &["BucketName", "Extract"],
        &["ObjectKey", "KMSEncryptionKeyARN", "CannedACL", "CacheControl"],
    ),
    aws("ElasticBeanstalk", &[Deploy], (1, 1), (0, 0), &["ApplicationName", "EnvironmentName"], &[]),
    v2(with_variables(
        aws(
            "Lambda",
            &[Deploy],
            (0, 1),
            (0, 0),
            &["FunctionName"],
            &["FunctionAlias", "PublishedTargetVersion", "DeployStrategy", "Alarms"],
        ),
        &["FunctionVersion"],
    )),
    v2(aws(
        "EC2",
        &[Deploy],
        (1, 1),
        (0, 0),
        &["InstanceTagKey", "InstanceType"],
        &[
            "InstanceTagValue",
            "TargetDirectory",
            "PostScript",
            "PreScript",
            "DeploySpec",
            "MaxBatch",
            "MaxError",
            "TargetGroupNameList",
        ],
    )),
    v2(with_variables(
        aws(
            "EKS",
            &[Deploy],
            (1, 1),
            (0, 0),
            &["ClusterName"],
            &[
                "ManifestFiles",
                "HelmReleaseName",
                "HelmChartLocation",
                "HelmValuesFiles",
                "Namespace",
                "Subnets",
                "SecurityGroupIds",
            ],
        ),
        &["EKSClusterName"],
    )),
    aws(
        "AppConfig",
        &[Deploy],
        (1, 1),
        (0, 0),
        &["Application", "Environment", "ConfigurationProfile", "InputArtifactConfigurationPath"],
        &["DeploymentStrategy"],
    ),
    aws("OpsWorks", &[Deploy], (1, 1), (0, 0), &["App", "Stack"], &["Layer"]),
    aws(
        "ServiceCatalog",
        &[Deploy],
        (1, 1),
        (0, 0),
        &["ProductId"],
        &[
            "TemplateFilePath",
            "ProductVersionName",
            "ProductType",
            "ProductVersionDescription",
            "ConfigurationFilePath",
        ],
    ),
    aws("Manual", &[Approval], (0, 0), (0, 0), &[], &["NotificationArn", "CustomData", "ExternalEntityLink"]),
    aws("Lambda", &[Invoke], (0, 5), (0, 5), &["FunctionName"], &["UserParameters"]),
    with_variables(
        aws(
            "StepFunctions",
            &[Invoke],
            (0, 1),
            (0, 1),
            &["StateMachineArn"],
            &["ExecutionNamePrefix", "InputType", "Input"],
        ),
        &["StateMachineArn", "ExecutionArn"],
    ),
    v2(aws("CodePipeline", &[Invoke], (0, 0), (0, 0), &["PipelineName"], &["SourceRevisions", "Variables"])),
    with_variables(
        aws(
            "InspectorScan",
            &[Invoke],
            (0, 1),
            (1, 1),
            &["InspectorRunMode"],
            &[
                "ECRRepositoryName",
                "ImageTag",
                "CriticalThreshold",
                "HighThreshold",
                "MediumThreshold",
                "LowThreshold",
            ],
        ),
        &["HighestScannedSeverity"],
    ),
    row(&[Build, Test], Custom, "Jenkins", (0, 5), (0, 5), &["ProjectName"], &[]),
    // Ours, on one machine: a clone, and a program.
    with_variables(
        row(
            &[Source],
            Custom,
            "Git",
            (0, 0),
            (1, 1),
            &[],
            &["RepositoryPath", "Commit", "Tag", "Branch", "BranchName"],
        ),
        GIT_VARIABLES,
    ),
    row(&[Invoke], Custom, "Command", (0, 5), (0, 0), &["Command"], &[]),
    partner("AlexaSkillsKit", &[Deploy], (1, 2), (0, 0)),
    partner("BlazeMeter", &[Test], (0, 5), (0, 5)),
    partner("GhostInspector", &[Test], (0, 5), (0, 5)),
    partner("Runscope", &[Test], (0, 5), (0, 5)),
    partner("Snyk", &[Invoke], (1, 1), (0, 1)),
];
