//! An ECS service: describe it, move it to another task definition, stop a deployment (ECS API reference).

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::describe_services::DescribeServicesError;
use aws_sdk_ecs::types::{
    Deployment, DeploymentController, DeploymentControllerType, Service, ServiceDeploymentStatus,
    StopServiceDeploymentStopType,
};
use penstock_app::engine::state::External;
use penstock_app::partition::console;
use penstock_app::port::PortError;
use penstock_app::port::provider::Work;

use super::rollout::{self, Rollout, primary};
use super::task_definition::{client, is_of};
use crate::provider::failure::Failure;
use crate::provider::settings::required;
use crate::sdk::Sdk;

/// The service that an action names.
pub(super) struct Services {
    client: Client,
    region: String,
    cluster: String,
    name: String,
}

impl Services {
    pub(super) fn of(sdk: &Sdk, work: &Work) -> Result<Self, Failure> {
        Ok(Self {
            client: client(sdk),
            region: sdk.region().to_owned(),
            cluster: required(work, "ClusterName")?.to_owned(),
            name: required(work, "ServiceName")?.to_owned(),
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The service, or why it cannot be deployed to.
    pub(super) async fn describe(&self) -> Result<Service, Failure> {
        self.find().await?.ok_or_else(|| {
            Failure::configuration(format!(
                "the cluster {} has no active service `{}`; create it, or correct the action's configuration",
                self.cluster, self.name
            ))
        })
    }

    /// The service, if there is one that is active.
    pub(super) async fn find(&self) -> Result<Option<Service>, Failure> {
        let call = self.client.describe_services().cluster(&self.cluster).services(&self.name);
        match call.send().await {
            Ok(found) => {
                let mut services = found.services.unwrap_or_default().into_iter();
                Ok(services.find(|service| service.status() != Some("INACTIVE")))
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeServicesError::is_cluster_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Failure::of_look(&format!("describe the service {}", self.name), &error)),
        }
    }

    /// Moves the service to the task definition `arn`; says the deployment that does.
    pub(super) async fn update(&self, arn: &str) -> Result<External, Failure> {
        let call =
            self.client.update_service().cluster(&self.cluster).service(&self.name).task_definition(arn);
        let updated = call
            .send()
            .await
            .map_err(|error| Failure::of_call(&format!("update the service {}", self.name), &error))?;
        let id = updated.service.as_ref().and_then(primary).and_then(Deployment::id);
        let id = id.ok_or_else(|| {
            Failure::Passing(PortError::transient("update the service: the answer names no deployment"))
        })?;
        Ok(self.external(id))
    }

    /// The deployment of `service` to the task definition that the attempt with this token registered.
    pub(super) async fn deployment_of(
        &self,
        service: &Service,
        token: &str,
    ) -> Result<Option<String>, Failure> {
        for deployment in service.deployments() {
            if let (Some(arn), Some(id)) = (deployment.task_definition(), deployment.id())
                && is_of(&self.client, arn, token).await?
            {
                return Ok(Some(id.to_owned()));
            }
        }
        Ok(None)
    }

    /// Where the deployment `id` stands.
    pub(super) async fn rollout(&self, service: &Service, id: &str, token: &str) -> Result<Rollout, Failure> {
        let is_listed = service.deployments().iter().any(|it| it.id() == Some(id));
        let definition = primary(service).and_then(Deployment::task_definition);
        let ours = match definition {
            Some(arn) if !is_listed => is_of(&self.client, arn, token).await?,
            Some(_) | None => false,
        };
        Ok(rollout::of(service, id, |_| ours))
    }

    /// Has ECS go back to what the service ran before. A service has one deployment under way at most.
    pub(super) async fn stop(&self) -> Result<(), Failure> {
        let under_way = self
            .client
            .list_service_deployments()
            .cluster(&self.cluster)
            .service(&self.name)
            .status(ServiceDeploymentStatus::Pending)
            .status(ServiceDeploymentStatus::InProgress)
            .send()
            .await
            .map_err(|error| {
                Failure::of_look(&format!("list the deployments of the service {}", self.name), &error)
            })?;
        let newest = under_way
            .service_deployments
            .unwrap_or_default()
            .into_iter()
            .max_by_key(|it| it.created_at().and_then(|moment| moment.to_millis().ok()));
        let Some(arn) = newest.and_then(|it| it.service_deployment_arn) else {
            return Ok(());
        };
        let call = self
            .client
            .stop_service_deployment()
            .service_deployment_arn(&arn)
            .stop_type(StopServiceDeploymentStopType::Rollback);
        call.send().await.map_err(|error| Failure::of_call(&format!("stop the deployment {arn}"), &error))?;
        Ok(())
    }

    /// The id that ECS's events carry as `deploymentId`, and the console's page.
    pub(super) fn external(&self, id: &str) -> External {
        let region = &self.region;
        let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let (cluster, service) = (last(&self.cluster), last(&self.name));
        let url = format!(
            "{}/ecs/v2/clusters/{cluster}/services/{service}/deployments?region={region}",
            console(region)
        );
        External { id: id.to_owned(), url: Some(url) }
    }
}

/// Whether ECS itself deploys the service.
pub(super) fn check(service: &Service) -> Result<(), Failure> {
    let controller = service.deployment_controller().map(DeploymentController::r#type);
    match controller {
        None | Some(DeploymentControllerType::Ecs) => Ok(()),
        Some(other) => Err(Failure::configuration(format!(
            "the service's deployment controller is {other}; an ECS action deploys services of the controller ECS: use CodeDeployToECS for CODE_DEPLOY"
        ))),
    }
}

/// The task definition that the service uses now, which need not be the family's latest.
pub(super) fn task_definition_in_use(service: &Service) -> Result<&str, Failure> {
    primary(service).and_then(Deployment::task_definition).or(service.task_definition()).ok_or_else(|| {
        Failure::configuration("the service has no task definition to copy; create it with one")
    })
}
