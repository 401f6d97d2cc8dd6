//! What is wrong with a role that an action is to run under.

use penstock_aws::trust::{Asked, Asker, Denied, Role, Roles, Trust, trust};
use penstock_model::diagnostic::Severity;

use super::Offer;
use super::needs::Need;
use crate::aws::failed;

/// The tag that lets the stack's functions assume a role, as the template's policies ask for it.
const ASSUMABLE: (&str, &str) = ("penstock:assumable", "true");

/// What is known of a role.
#[derive(Debug, Clone)]
pub(super) struct Examined {
    /// Whether it is known to be there, so that its rights can be asked for.
    pub(super) is_there: bool,
    /// What is wrong with it.
    pub(super) problems: Vec<Problem>,
}

/// What is wrong with a role.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) message: String,
}

impl Problem {
    fn error(code: &'static str, message: String) -> Self {
        Self { code, severity: Severity::Error, message }
    }

    fn warning(code: &'static str, message: String) -> Self {
        Self { code, severity: Severity::Warning, message }
    }
}

/// A right that a role lacks, or that nobody would tell of.
pub(super) enum Lack {
    /// It lacks it.
    Denied(String),
    /// It lacks it, and the action works nevertheless.
    Useful(String),
    /// It could not be asked for.
    Unknown(String),
}

/// Looks at the role `arn`, which the role `by` of a function is to assume.
pub(super) async fn examine(roles: &Roles, offer: &Offer, arn: &str, by: &str) -> anyhow::Result<Examined> {
    let Some(name) = role_name(arn) else {
        return Ok(unseen(Problem::error(
            "role-unclear",
            format!("{arn} is no role's ARN; write arn:aws:iam::ACCOUNT:role/NAME"),
        )));
    };
    let account = arn.split(':').nth(4).unwrap_or_default();
    if account != offer.account {
        let listed = offer.listed.iter().any(|it| it == arn);
        let way_out = if listed {
            String::new()
        } else {
            format!(
                "; add it to the stack's parameter AssumableRoleArns, for tags of another account's roles do not count ({arn})"
            )
        };
        let message = format!(
            "the role is in the account {account}, which these credentials cannot look into: that it trusts {by} with the external id {}, or with {} for every pipeline, is not checked{way_out}",
            offer.pipelines_id, offer.external_id
        );
        let problem = if listed { Problem::warning } else { Problem::error };
        return Ok(unseen(problem("role-elsewhere", message)));
    }
    Ok(match roles.find(name).await.map_err(failed)? {
        Asked::Known(role) => {
            let mut problems = trusted(&role, offer, by);
            problems.extend(assumable(&role, offer, arn));
            Examined { is_there: true, problems }
        }
        Asked::Absent => unseen(Problem::error(
            "role-missing",
            format!("there is no role {arn}; create it, or correct the name"),
        )),
        Asked::Forbidden(why) => unseen(Problem::warning(
            "may-not-look",
            format!(
                "whether {arn} is there and whom it trusts is not checked: {why}; allow yourself iam:GetRole"
            ),
        )),
    })
}

/// The last part of a role's ARN: IAM asks for it without the path.
fn role_name(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let role = parts.get(5)?.strip_prefix("role/")?;
    (parts[0] == "arn" && parts[2] == "iam").then(|| role.rsplit('/').next().unwrap_or(role))
}

fn unseen(problem: Problem) -> Examined {
    Examined { is_there: false, problems: vec![problem] }
}

fn trusted(role: &Role, offer: &Offer, by: &str) -> Vec<Problem> {
    let (arn, id, all) = (&role.arn, &offer.pipelines_id, &offer.external_id);
    let statement = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{by}"}},"Action":"sts:AssumeRole","Condition":{{"StringEquals":{{"sts:ExternalId":"{id}"}}}}}}"#
    );
    let asker = Asker { principal: by, external_ids: &[id, all], session: &offer.session };
    match trust(&role.trust_policy, asker) {
        Trust::Granted => vec![],
        Trust::WithoutExternalId => vec![Problem::warning(
            "trust-without-external-id",
            format!(
                "{arn} trusts {by} without asking for an external id, so other stacks of the account may be led to use it; add the condition sts:ExternalId = {id}"
            ),
        )],
        Trust::OtherExternalId => vec![Problem::error(
            "trust-other-external-id",
            format!(
                "{arn} asks for another external id than this stack says for this pipeline; let its sts:ExternalId be {id}, or {all} if every pipeline may use it"
            ),
        )],
        Trust::None => vec![Problem::error(
            "trust-missing",
            format!(
                "{arn} does not trust the function that performs the action; add to its trust policy: {statement}"
            ),
        )],
        Trust::Refused => vec![Problem::error(
            "trust-refused",
            format!("the trust policy of {arn} denies {by}; remove that statement, or use another role"),
        )],
        Trust::Unclear(condition) => vec![Problem::warning(
            "trust-unclear",
            format!(
                "the trust policy of {arn} depends on {condition}, which is not understood here; see to it that it holds for {by}"
            ),
        )],
    }
}

fn assumable(role: &Role, offer: &Offer, written: &str) -> Option<Problem> {
    let (key, value) = ASSUMABLE;
    let tagged = role.tags.get(key).is_some_and(|found| found == value);
    let listed = offer.listed.iter().any(|arn| arn == written);
    (!tagged && !listed).then(|| {
        let name = role_name(&role.arn).unwrap_or_default();
        let message = format!(
            "the stack's functions may not assume {}: it is not tagged {key}={value}; aws iam tag-role --role-name {name} --tags Key={key},Value={value}",
            role.arn
        );
        Problem::error("role-not-assumable", message)
    })
}

/// What of `need` the role `arn` lacks.
pub(super) async fn lacking(roles: &Roles, arn: &str, need: &Need) -> anyhow::Result<Vec<Lack>> {
    let context: Vec<(String, String)> =
        need.context.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let asked = roles.denied(arn, &need.actions, &need.resource, &context).await.map_err(failed)?;
    Ok(match asked {
        Asked::Known(denied) if denied.is_empty() => vec![],
        Asked::Known(denied) => {
            let wanting = wanting(arn, need, &denied);
            vec![match need.without {
                Some(lost) => Lack::Useful(format!("{wanting}; without it {lost}")),
                None => Lack::Denied(wanting),
            }]
        }
        Asked::Absent => vec![],
        Asked::Forbidden(why) => vec![Lack::Unknown(format!(
            "what {arn} may do is not checked: {why}; allow yourself iam:SimulatePrincipalPolicy"
        ))],
    })
}

fn wanting(arn: &str, need: &Need, denied: &[Denied]) -> String {
    let names = |explicitly: bool| -> Vec<&str> {
        denied.iter().filter(|it| it.explicitly == explicitly).map(|it| it.action.as_str()).collect()
    };
    let (missing, forbidden) = (names(false), names(true));
    let resource = &need.resource;
    let allow = format!("{arn} lacks {} on {resource}; allow it that", missing.join(", "));
    let deny = format!("a policy denies {arn} {} on {resource}; remove that denial", forbidden.join(", "));
    match (missing.is_empty(), forbidden.is_empty()) {
        (false, true) => allow,
        (true, _) => deny,
        (false, false) => format!("{allow}; {deny}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_leave_their_path() {
        assert_eq!(role_name("arn:aws:iam::111122223333:role/deploy"), Some("deploy"));
        assert_eq!(role_name("arn:aws-cn:iam::111122223333:role/service/web/deploy"), Some("deploy"));
        assert_eq!(role_name("arn:aws:iam::111122223333:user/jo"), None);
        assert_eq!(role_name("deploy"), None);
    }
}
