//! Where SSM is called.

use aws_types::service_config::ServiceConfigKey;
use penstock_app::partition::Partition;

use crate::sdk::{ENDPOINT, Sdk};

/// Where the configuration says, for this service or for all, else at AWS. What was given in code comes before what the
/// environment says of the service (AWS SDKs and tools reference, "Service-specific endpoints").
pub(super) fn endpoint(sdk: &Sdk) -> String {
    let config = sdk.config();
    let all = config.endpoint_url().map(str::to_owned);
    let given =
        if config.get_origin("endpoint_url").is_client_config() { all } else { of_the_service(sdk).or(all) };
    given.unwrap_or_else(|| at_aws(sdk.region()))
}

fn of_the_service(sdk: &Sdk) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("SSM").env(ENDPOINT).profile("endpoint_url").build();
    sdk.config().service_config()?.load_config(key.ok()?)
}

fn at_aws(region: &str) -> String {
    format!("https://ssm.{region}.{}", Partition::of(region).services)
}

#[cfg(test)]
mod tests {
    use aws_config::{Region, SdkConfig};
    use aws_types::service_config::LoadServiceConfig;

    use super::*;

    #[derive(Debug)]
    struct Elsewhere;

    impl LoadServiceConfig for Elsewhere {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            let asked = (key.service_id(), key.env(), key.profile());
            (asked == ("SSM", "AWS_ENDPOINT_URL", "endpoint_url")).then(|| "http://own".to_owned())
        }
    }

    #[test]
    fn each_partition_has_its_domain() {
        for (region, expected) in [
            ("eu-central-1", "https://ssm.eu-central-1.amazonaws.com"),
            ("cn-north-1", "https://ssm.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "https://ssm.us-gov-west-1.amazonaws.com"),
            ("eusc-de-east-1", "https://ssm.eusc-de-east-1.amazonaws.eu"),
        ] {
            let config = SdkConfig::builder().region(Region::new(region)).build();
            assert_eq!(endpoint(&Sdk::from_config(config)), expected);
        }
    }

    #[test]
    fn an_endpoint_of_ones_own_is_called_and_the_services_before_that_of_all() {
        let all = SdkConfig::builder().endpoint_url("http://all").build();
        assert_eq!(endpoint(&Sdk::from_config(all.clone())), "http://all");
        let own = all.into_builder().service_config(Elsewhere).build();
        assert_eq!(endpoint(&Sdk::from_config(own)), "http://own");
    }
}
