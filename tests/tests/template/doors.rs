//! Who may call a function: each route and each rule that leads to one is permitted to, and nothing else is.

use std::collections::BTreeSet;

use crate::document::{Resource, Template, list, referred};

/// The function that a route leads to.
fn behind(template: &Template, route: Resource<'_>) -> String {
    let target = route.property("Target")["Fn::Sub"].as_str().unwrap();
    let integration = target.strip_prefix("integrations/${").unwrap().trim_end_matches('}');
    let integration = template.resource(integration);
    assert_eq!(integration.property("IntegrationType"), "AWS_PROXY");
    referred(integration.property("IntegrationUri")).unwrap().to_owned()
}

/// What API Gateway calls a function in the name of: stage, method and path of the route (API Gateway developer guide,
/// "Create AWS Lambda proxy integrations for HTTP APIs").
fn source(key: &str) -> String {
    let (method, path) = key.split_once(' ').unwrap_or(("", key));
    if method.is_empty() { format!("$default/{path}") } else { format!("$default/{method}{path}") }
}

/// Whether `pattern`, in which `*` is anything, is of all of `text`.
fn admits(pattern: &str, text: &str) -> bool {
    let pattern = regex::escape(pattern).replace(r"\*", ".*");
    regex::Regex::new(&format!("^{pattern}$")).unwrap().is_match(text)
}

/// Of a permission for API Gateway: the function and the routes that it admits.
fn for_routes(permission: Resource<'_>) -> Option<(String, String)> {
    (permission.property("Principal") == "apigateway.amazonaws.com").then(|| {
        let source = permission.property("SourceArn")["Fn::Sub"].as_str().unwrap();
        let api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/";
        let routes = source.strip_prefix(api).unwrap_or_else(|| panic!("{}: {source}", permission.name));
        (referred(permission.property("FunctionName")).unwrap().to_owned(), routes.to_owned())
    })
}

#[test]
fn every_route_may_call_its_function_and_no_permission_is_for_nothing() {
    let template = Template::load();
    let permissions = template.of_type("AWS::Lambda::Permission");
    let permissions: Vec<_> = permissions.into_iter().filter_map(for_routes).collect();
    let routes = template.of_type("AWS::ApiGatewayV2::Route");
    let routes = routes
        .into_iter()
        .map(|route| (behind(&template, route), source(route.property("RouteKey").as_str().unwrap())));
    let routes: Vec<_> = routes.collect();
    for (function, source) in &routes {
        let is_permitted = permissions.iter().any(|(of, pattern)| of == function && admits(pattern, source));
        assert!(is_permitted, "the route {source} may not call {function}");
    }
    for (function, pattern) in &permissions {
        let is_used = routes.iter().any(|(of, source)| of == function && admits(pattern, source));
        assert!(is_used, "nothing needs that {pattern} may call {function}");
    }
    let integrations = template.of_type("AWS::ApiGatewayV2::Integration");
    let reached: BTreeSet<_> = routes.into_iter().map(|(function, _)| function).collect();
    assert_eq!(reached.len(), integrations.len());
}

#[test]
fn every_rule_may_call_the_observer_and_leave_what_it_does_not_take() {
    let template = Template::load();
    // With its condition: whoever is named and is not there keeps the stack from being deployed.
    let conditional = |it: &Resource<'_>| it.whole["Condition"].as_str().map(str::to_owned);
    let rules = template.of_type("AWS::Events::Rule");
    let rules: BTreeSet<_> = rules.iter().map(|rule| (rule.name.to_owned(), conditional(rule))).collect();
    let statement = &template.resource("EventDeadLettersPolicy").property("PolicyDocument")["Statement"][0];
    let named = list(&statement["Condition"]["ArnEquals"]["aws:SourceArn"]).into_iter().map(|rule| {
        let (condition, rule) = match rule.get("Fn::If") {
            Some(branches) => (branches[0].as_str().map(str::to_owned), &branches[1]),
            None => (None, rule),
        };
        (referred(rule).unwrap().to_owned(), condition)
    });
    assert_eq!(named.collect::<BTreeSet<_>>(), rules, "who may send to EventDeadLetters");
    let permissions = template.of_type("AWS::Lambda::Permission");
    let of_events = permissions.iter().filter(|it| it.property("Principal") == "events.amazonaws.com");
    let permitted = of_events.map(|permission| {
        assert_eq!(
            referred(permission.property("FunctionName")),
            Some("ObserverFunction"),
            "{}",
            permission.name
        );
        (referred(permission.property("SourceArn")).unwrap().to_owned(), conditional(permission))
    });
    assert_eq!(permitted.collect::<BTreeSet<_>>(), rules, "who may call the observer");
}
