//! AWS's partitions, by region: ARNs begin with a partition's name, and each has a console of its own.
//!
//! Source: AWS General Reference, "Amazon Resource Names"; the user guides of AWS in China, `GovCloud` and the European
//! Sovereign Cloud.

/// A partition of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// As ARNs have it, such as `aws-cn`.
    pub name: &'static str,
    /// The host of its console, which a region's name stands before.
    pub console: &'static str,
    /// The domain of its services, which a service's and a region's names stand before.
    pub services: &'static str,
}

const COMMERCIAL: Partition =
    Partition { name: "aws", console: "console.aws.amazon.com", services: "amazonaws.com" };

/// By what the names of a partition's regions begin with.
const OTHERS: [(&str, Partition); 3] = [
    ("cn-", Partition { name: "aws-cn", console: "console.amazonaws.cn", services: "amazonaws.com.cn" }),
    (
        "us-gov-",
        Partition { name: "aws-us-gov", console: "console.amazonaws-us-gov.com", services: "amazonaws.com" },
    ),
    ("eusc-", Partition { name: "aws-eusc", console: "console.amazonaws-eusc.eu", services: "amazonaws.eu" }),
];

impl Partition {
    /// The partition that `region` is in.
    pub fn of(region: &str) -> Self {
        let other = OTHERS.iter().find(|(prefix, _)| region.starts_with(prefix));
        other.map_or(COMMERCIAL, |(_, partition)| *partition)
    }
}

/// The console of `region`, to be followed by a page's path.
pub fn console(region: &str) -> String {
    format!("https://{region}.{}", Partition::of(region).console)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_its_name_and_its_console() {
        for (region, name, page) in [
            ("eu-west-1", "aws", "https://eu-west-1.console.aws.amazon.com"),
            ("us-east-1", "aws", "https://us-east-1.console.aws.amazon.com"),
            ("cn-north-1", "aws-cn", "https://cn-north-1.console.amazonaws.cn"),
            ("us-gov-west-1", "aws-us-gov", "https://us-gov-west-1.console.amazonaws-us-gov.com"),
            ("eusc-de-east-1", "aws-eusc", "https://eusc-de-east-1.console.amazonaws-eusc.eu"),
        ] {
            assert_eq!((Partition::of(region).name, console(region).as_str()), (name, page));
        }
    }
}
