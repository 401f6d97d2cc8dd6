//! The Lambda and ECS shapes: `Resources` and `Hooks`, keys in any case.

use penstock_model::document::{Key, Node};

use super::checker::Checker;
use crate::appspec::{AppSpec, Ecs, EcsService, Lambda, LambdaFunction};
use crate::lifecycle::LifecycleEvent;

const LAMBDA: &str = "AWS::Lambda::Function";
const ECS: &str = "AWS::ECS::Service";

/// A resource with its properties, of a type that is known.
struct Resource<'n> {
    name: &'n str,
    ecs: bool,
    properties: &'n Node,
}

pub(super) fn read(checker: &mut Checker, root: &Node) -> Option<AppSpec> {
    known(checker, root, &["version", "resources", "hooks"], "the appspec");
    let node = find(root, "resources")?;
    let items = checker.items(node, "`Resources`");
    if items.is_empty() && node.list().is_some() || node.is_null() {
        checker.error(node.place, "resources-empty", "`Resources` needs a function or a service");
    }
    let resources: Vec<Resource<'_>> = items.iter().filter_map(|item| resource(checker, item)).collect();
    let ecs = resources.first()?.ecs;
    if resources.iter().any(|resource| resource.ecs != ecs) {
        let message = "one appspec is for Lambda functions or for ECS services, not both; split it";
        checker.error(node.place, "resources-mixed", message);
    }
    let hooks = find(root, "hooks").map(|node| hooks(checker, node, ecs)).unwrap_or_default();
    if ecs {
        let services = resources.iter().filter_map(|resource| service(checker, resource)).collect();
        Some(AppSpec::Ecs(Ecs { services, hooks }))
    } else {
        let functions = resources.iter().filter_map(|resource| function(checker, resource)).collect();
        Some(AppSpec::Lambda(Lambda { functions, hooks }))
    }
}

fn resource<'n>(checker: &mut Checker, item: &'n Node) -> Option<Resource<'n>> {
    let (key, node) = single(checker, item, "an entry of `Resources`")?;
    checker.entries(node, &format!("`{}`", key.text))?;
    known(checker, node, &["type", "properties"], &format!("`{}`", key.text));
    let kind = required(checker, node, "Type", &key.text);
    let properties = find(node, "properties");
    if properties.is_none() {
        checker.error(key.place, "missing-key", format!("`{}` needs `Properties`", key.text));
    }
    let ecs = match kind? {
        LAMBDA => false,
        ECS => true,
        other => {
            let message = format!("`{other}` cannot be deployed; the type is {LAMBDA} or {ECS}");
            checker.error(node.place, "resource-type", message);
            return None;
        }
    };
    let properties = properties?;
    checker.entries(properties, "`Properties`")?;
    Some(Resource { name: &key.text, ecs, properties })
}

/// The only entry of a mapping in a list such as `- Name: value`.
fn single<'n>(checker: &mut Checker, item: &'n Node, what: &str) -> Option<&'n (Key, Node)> {
    let entries = checker.entries(item, what)?;
    if let [entry] = entries {
        return Some(entry);
    }
    let message = format!("{what} has exactly one key, this has {}; mind the indentation", entries.len());
    checker.error(item.place, "not-one-key", message);
    None
}

fn function(checker: &mut Checker, resource: &Resource<'_>) -> Option<LambdaFunction> {
    let properties = resource.properties;
    known(checker, properties, &["name", "alias", "currentversion", "targetversion"], "`Properties`");
    let mut text = |key: &str| required(checker, properties, key, resource.name).map(String::from);
    let (name, alias) = (text("Name"), text("Alias"));
    let (current_version, target_version) = (text("CurrentVersion"), text("TargetVersion"));
    Some(LambdaFunction {
        logical_name: resource.name.into(),
        name: name?,
        alias: alias?,
        current_version: current_version?,
        target_version: target_version?,
    })
}

fn service(checker: &mut Checker, resource: &Resource<'_>) -> Option<EcsService> {
    let properties = resource.properties;
    const KEYS: [&str; 5] = [
        "taskdefinition",
        "loadbalancerinfo",
        "platformversion",
        "networkconfiguration",
        "capacityproviderstrategy",
    ];
    known(checker, properties, &KEYS, "`Properties`");
    let task_definition = required(checker, properties, "TaskDefinition", resource.name).map(String::from);
    network(checker, properties);
    let Some(balancer) = find(properties, "loadbalancerinfo") else {
        checker.error(
            properties.place,
            "missing-key",
            format!("`{}` needs `LoadBalancerInfo`", resource.name),
        );
        return None;
    };
    checker.entries(balancer, "`LoadBalancerInfo`")?;
    known(checker, balancer, &["containername", "containerport"], "`LoadBalancerInfo`");
    let container_name = required(checker, balancer, "ContainerName", "LoadBalancerInfo").map(String::from);
    let container_port = port(checker, balancer);
    Some(EcsService {
        logical_name: resource.name.into(),
        task_definition: task_definition?,
        container_name: container_name?,
        container_port: container_port?,
        properties: properties.to_json(),
    })
}

/// A number or a text with one; a placeholder that is filled in before the deployment passes with a warning.
fn port(checker: &mut Checker, balancer: &Node) -> Option<Option<u16>> {
    let text = required(checker, balancer, "ContainerPort", "LoadBalancerInfo")?;
    let place = find(balancer, "containerport").map_or(balancer.place, |node| node.place);
    match text.trim().parse::<u16>() {
        Ok(port @ 1..) => Some(Some(port)),
        Ok(0) | Err(_) if is_placeholder(text) => {
            let message =
                format!("`ContainerPort` is the placeholder `{text}`; fill it in before the deployment");
            checker.warn(place, "placeholder", message);
            Some(None)
        }
        Ok(0) | Err(_) => {
            let message = format!("`ContainerPort` is a number from 1 to 65535, this is `{text}`");
            checker.error(place, "container-port", message);
            None
        }
    }
}

fn is_placeholder(text: &str) -> bool {
    let bracketed = |open, close| text.starts_with(open) && text.ends_with(close);
    bracketed('<', '>') || bracketed('[', ']') || text.contains("${") || text.contains("{{")
}

/// All three parts or none (AWS CodeDeploy user guide, resources for ECS).
fn network(checker: &mut Checker, properties: &Node) {
    let Some(node) = find(properties, "networkconfiguration").filter(|node| !node.is_null()) else {
        return;
    };
    let Some(vpc) = find(node, "awsvpcconfiguration") else {
        checker.error(node.place, "missing-key", "`NetworkConfiguration` needs `AwsvpcConfiguration`");
        return;
    };
    if checker.entries(vpc, "`AwsvpcConfiguration`").is_none() {
        return;
    }
    known(checker, vpc, &["subnets", "securitygroups", "assignpublicip"], "`AwsvpcConfiguration`");
    for key in ["Subnets", "SecurityGroups", "AssignPublicIp"] {
        if find(vpc, &key.to_ascii_lowercase()).is_none() {
            let message =
                format!("`AwsvpcConfiguration` needs `{key}`: Subnets, SecurityGroups and AssignPublicIp");
            checker.error(vpc.place, "missing-key", message);
        }
    }
    if let Some(node) = find(vpc, "assignpublicip")
        && !matches!(node.text(), Some("ENABLED" | "DISABLED"))
    {
        checker.warn(node.place, "assign-public-ip", "`AssignPublicIp` is ENABLED or DISABLED");
    }
}

fn hooks(checker: &mut Checker, node: &Node, ecs: bool) -> Vec<(LifecycleEvent, String)> {
    let mut hooks: Vec<(LifecycleEvent, String)> = vec![];
    for item in checker.items(node, "`Hooks`") {
        let Some((key, function)) = single(checker, item, "an entry of `Hooks`") else {
            continue;
        };
        let function = checker.text(function, &key.text);
        let Some(event) = hook_event(checker, key, ecs) else {
            continue;
        };
        if hooks.iter().any(|(other, _)| *other == event) {
            checker.error(key.place, "hook-twice", format!("`{event}` has a function already; remove one"));
        }
        hooks.extend(function.map(|function| (event, function.to_owned())));
    }
    hooks
}

fn hook_event(checker: &mut Checker, key: &Key, ecs: bool) -> Option<LifecycleEvent> {
    let allowed = |event: &LifecycleEvent| {
        if ecs { event.hookable_on_ecs() } else { event.hookable_on_lambda() }
    };
    let event = LifecycleEvent::named(&key.text).filter(allowed);
    if event.is_none() {
        let known = if ecs {
            "BeforeInstall, AfterInstall, AfterAllowTestTraffic, BeforeAllowTraffic and AfterAllowTraffic"
        } else {
            "BeforeAllowTraffic and AfterAllowTraffic"
        };
        let message = format!("`{}` takes no function here; the events are {known}", key.text);
        checker.error(key.place, "event-unknown", message);
    }
    event
}

/// The value under `key`, in any case.
fn find<'n>(map: &'n Node, key: &str) -> Option<&'n Node> {
    map.map()?.iter().find(|(other, _)| other.text.eq_ignore_ascii_case(key)).map(|(_, node)| node)
}

fn required<'n>(checker: &mut Checker, map: &'n Node, key: &str, what: &str) -> Option<&'n str> {
    match find(map, key) {
        Some(node) => checker.text(node, key),
        None => {
            checker.error(map.place, "missing-key", format!("`{what}` needs `{key}`"));
            None
        }
    }
}

fn known(checker: &mut Checker, map: &Node, keys: &[&str], what: &str) {
    for (key, _) in map.map().unwrap_or_default() {
        if !keys.contains(&key.text.to_ascii_lowercase().as_str()) {
            let message =
                format!("unknown key `{}` in {what} is ignored; known are {}", key.text, keys.join(", "));
            checker.warn(key.place, "unknown-key", message);
        }
    }
}
