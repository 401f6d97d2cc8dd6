//! Reads a trust policy as far as it concerns one principal: may it assume the role, and must it say an external id?
//!
//! IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements: Principal, Condition". What is not
//! understood is said to be unclear, never guessed.

use serde_json::Value as Json;

/// What a trust policy means for a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// It may assume the role with one of the external ids that it says.
    Granted,
    /// It may assume the role, whatever external id it says: so may whoever gets it to.
    WithoutExternalId,
    /// It is trusted with another external id than those.
    OtherExternalId,
    /// No statement names it.
    None,
    /// It is refused outright.
    Refused,
    /// It depends on a condition that is not understood here: its key.
    Unclear(String),
}

/// Who asks to assume a role, and what they say of themselves.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The ARN of their own role.
    pub principal: &'a str,
    /// The external ids that they say, one after the other while they are refused.
    pub external_ids: &'a [&'a str],
    /// What they call the session.
    pub session: &'a str,
}

/// One of them, saying one external id.
#[derive(Debug, Clone, Copy)]
struct Saying<'a> {
    principal: &'a str,
    session: &'a str,
    external_id: &'a str,
}

/// What `policy` means for `asker`.
pub fn trust(policy: &Json, asker: Asker<'_>) -> Trust {
    let Asker { principal, external_ids, session } = asker;
    let saying = external_ids.iter().map(|external_id| Saying { principal, session, external_id });
    let of_each = saying.map(|saying| of_one(policy, saying));
    // Where one id is the wanted one, what that one meets is the matter, not that the other is another.
    of_each.min_by_key(|trust| (*trust == Trust::OtherExternalId, rank(trust))).unwrap_or(Trust::None)
}

fn of_one(policy: &Json, asker: Saying<'_>) -> Trust {
    let about: Vec<(&Json, Trust)> = each(&policy["Statement"])
        .filter(|statement| concerns(statement, asker.principal))
        .map(|statement| (statement, conditions(&statement["Condition"], asker)))
        .collect();
    let applies = |trust: &Trust| matches!(trust, Trust::Granted | Trust::WithoutExternalId);
    if about.iter().any(|(statement, trust)| statement["Effect"] == "Deny" && applies(trust)) {
        return Trust::Refused;
    }
    let allowing = about.into_iter().filter(|(statement, _)| statement["Effect"] == "Allow");
    allowing.map(|(_, trust)| trust).min_by_key(rank).unwrap_or(Trust::None)
}

/// The statement that allows most decides; an id that anybody may leave out is what matters of two that allow.
fn rank(trust: &Trust) -> u8 {
    match trust {
        Trust::WithoutExternalId => 0,
        Trust::Granted => 1,
        Trust::Unclear(_) => 2,
        Trust::OtherExternalId => 3,
        Trust::None | Trust::Refused => 4,
    }
}

fn concerns(statement: &Json, principal: &str) -> bool {
    let assumes = each(&statement["Action"])
        .filter_map(Json::as_str)
        .any(|action| like(&action.to_ascii_lowercase(), "sts:assumerole"));
    let named = &statement["Principal"];
    let whom = if named == "*" { named } else { &named["AWS"] };
    assumes && each(whom).filter_map(Json::as_str).any(|whom| names(whom, principal))
}

/// Whether a `Principal` entry means `principal`: itself, its whole account, or everybody.
fn names(entry: &str, principal: &str) -> bool {
    let account = principal.split(':').nth(4).unwrap_or_default();
    let root = entry.ends_with(":root") && entry.split(':').nth(4) == Some(account);
    entry == "*" || entry == principal || entry == account || root
}

fn conditions(conditions: &Json, asker: Saying<'_>) -> Trust {
    let mut result = Trust::WithoutExternalId;
    for (operator, keys) in conditions.as_object().into_iter().flatten() {
        for (key, wanted) in keys.as_object().into_iter().flatten() {
            let actual = match key.to_ascii_lowercase().as_str() {
                "sts:externalid" => asker.external_id,
                "sts:rolesessionname" => asker.session,
                "aws:principalarn" => asker.principal,
                "aws:principalaccount" | "aws:sourceaccount" => {
                    asker.principal.split(':').nth(4).unwrap_or_default()
                }
                _ => return Trust::Unclear(key.clone()),
            };
            let Some(holds) = holds(operator, wanted, actual) else {
                return Trust::Unclear(format!("{operator} {key}"));
            };
            let is_id = key.eq_ignore_ascii_case("sts:ExternalId");
            match (holds, is_id) {
                (true, true) => result = Trust::Granted,
                (true, false) => {}
                (false, true) => return Trust::OtherExternalId,
                (false, false) => return Trust::None,
            }
        }
    }
    result
}

/// Whether the condition holds; `None` if the operator is not one that is known here.
fn holds(operator: &str, wanted: &Json, actual: &str) -> Option<bool> {
    let mut wanted = each(wanted).filter_map(Json::as_str);
    match operator {
        "StringEquals" => Some(wanted.any(|it| it == actual)),
        "StringEqualsIgnoreCase" => Some(wanted.any(|it| it.eq_ignore_ascii_case(actual))),
        "StringLike" | "ArnLike" | "ArnEquals" => Some(wanted.any(|it| like(it, actual))),
        _ => None,
    }
}

/// Whether `text` fits `pattern`, in which `*` is any text and `?` any character.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| like(rest, &text[at..]))
        }
        Some(first) => {
            let mut characters = text.chars();
            characters.next().is_some_and(|c| first == '?' || first == c)
                && like(&pattern[first.len_utf8()..], characters.as_str())
        }
    }
}

/// The elements of a list, or the one value that stands for a list of one.
fn each(value: &Json) -> impl Iterator<Item = &Json> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const US: &str = "arn:aws:iam::111122223333:role/penstock-ActionFunctionRole-1";

    const ASKER: Asker<'_> =
        Asker { principal: US, external_ids: &["id-1/web", "id-1"], session: "penstock-web" };

    fn of(statement: &Json) -> Trust {
        trust(&json!({ "Version": "2012-10-17", "Statement": statement }), ASKER)
    }

    fn allow(principal: &str, condition: impl Into<Json>) -> Json {
        json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole", "Condition": condition.into() })
    }

    #[test]
    fn a_role_its_account_and_everybody_are_named() {
        let id = json!({ "StringEquals": { "sts:ExternalId": "id-1" } });
        for principal in [US, "arn:aws:iam::111122223333:root", "111122223333", "*"] {
            assert_eq!(of(&json!([allow(principal, id.clone())])), Trust::Granted, "{principal}");
        }
        assert_eq!(of(&allow("arn:aws:iam::999999999999:root", id.clone())), Trust::None);
        assert_eq!(of(&json!([])), Trust::None);
        assert_eq!(trust(&Json::Null, ASKER), Trust::None);
    }

    #[test]
    fn a_role_may_trust_one_pipeline_or_all() {
        let with = |ids: Json| of(&allow(US, json!({ "StringEquals": { "sts:ExternalId": ids } })));
        assert_eq!(with(json!("id-1")), Trust::Granted);
        assert_eq!(with(json!(["id-1/api", "id-1/web"])), Trust::Granted);
        assert_eq!(with(json!(["id-1/api", "id-1/web2"])), Trust::OtherExternalId);
    }

    #[test]
    fn external_ids_are_compared() {
        assert_eq!(
            of(&allow(US, json!({ "StringEquals": { "sts:ExternalId": "x" } }))),
            Trust::OtherExternalId
        );
        assert_eq!(
            of(&allow(US, json!({ "StringLike": { "sts:externalid": ["x", "id-*"] } }))),
            Trust::Granted
        );
        assert_eq!(of(&allow(US, Json::Null)), Trust::WithoutExternalId);
    }

    #[test]
    fn a_service_alone_is_not_us_and_a_refusal_wins() {
        let service = json!({ "Effect": "Allow", "Principal": { "Service": "codepipeline.amazonaws.com" }, "Action": "sts:AssumeRole" });
        assert_eq!(of(&json!([service])), Trust::None);
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:*" });
        assert_eq!(of(&json!([allow(US, Json::Null), deny])), Trust::Refused);
    }

    #[test]
    fn other_conditions_hold_fail_or_stay_unclear() {
        let arn = |pattern: &str| allow("*", json!({ "ArnLike": { "aws:PrincipalArn": pattern } }));
        assert_eq!(of(&arn("arn:aws:iam::111122223333:role/penstock-*")), Trust::WithoutExternalId);
        assert_eq!(of(&arn("arn:aws:iam::111122223333:role/other-*")), Trust::None);
        let session = |name: &str| {
            let both = json!({ "StringEquals": { "sts:ExternalId": "id-1", "sts:RoleSessionName": name } });
            of(&allow(US, both))
        };
        assert_eq!(session("penstock-web"), Trust::Granted);
        assert_eq!(session("penstock-shop"), Trust::None, "another pipeline's role");
        let mfa = allow(US, json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } }));
        assert_eq!(of(&mfa), Trust::Unclear("aws:MultiFactorAuthPresent".into()));
    }
}
