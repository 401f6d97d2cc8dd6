//! `GetParameter` as AWS JSON 1.1 (Systems Manager API reference, `GetParameter`; Smithy, "AWS JSON 1.1 protocol").

use std::fmt;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// What the service answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer {
    /// The parameter.
    pub(super) parameter: Option<Parameter>,
}

/// A parameter, decrypted.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Parameter {
    /// `String`, `StringList` or `SecureString`.
    #[serde(rename = "Type")]
    pub(super) kind: Option<String>,
    /// The value: never printed.
    pub(super) value: Option<String>,
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameter").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The question for the parameter `name`, still without a host.
pub(super) fn question(name: &str) -> Result<HttpRequest, BoxError> {
    let input = json!({ "Name": name, "WithDecryption": true });
    let mut request = HttpRequest::new(SdkBody::from(input.to_string()));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", "application/x-amz-json-1.1");
    request.headers_mut().insert("x-amz-target", "AmazonSSM.GetParameter");
    Ok(request)
}

/// The service's answer. What is not its own, as of a proxy or broken off, is a refusal without a code: it passes.
pub(super) fn answer(response: &HttpResponse) -> Result<Answer, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    let answer = if response.status().is_success() {
        serde_json::from_slice(body).map_err(|_| ErrorMetadata::builder().build())
    } else {
        Err(refusal(response.headers().get("x-amzn-errortype"), body))
    };
    answer.map_err(OrchestratorError::operation)
}

/// A refusal's code, which the header has before the body, and its message.
fn refusal(header: Option<&str>, body: &[u8]) -> ErrorMetadata {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let first = |names: &[&str]| names.iter().find_map(|name| body[name].as_str());
    let mut refusal = ErrorMetadata::builder();
    if let Some(code) = header.or_else(|| first(&["code", "__type"])) {
        refusal = refusal.code(bare(code));
    }
    if let Some(message) = first(&["message", "Message", "errorMessage"]) {
        refusal = refusal.message(message);
    }
    refusal.build()
}

/// A code without the namespace before and the address behind it.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &'static str) -> Result<Answer, OrchestratorError<ErrorMetadata>> {
        answer(&HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body)))
    }

    #[test]
    fn a_parameter_is_read_and_its_value_not_printed() {
        let body =
            r#"{"Parameter": {"ARN": "arn", "Type": "SecureString", "Value": "hunter2", "Version": 1}}"#;
        let answer = answered(200, body).unwrap();
        assert!(!format!("{answer:?}").contains("hunter2"));
        let parameter = answer.parameter.unwrap();
        assert_eq!(parameter.kind.as_deref(), Some("SecureString"));
        assert_eq!(parameter.value.as_deref(), Some("hunter2"));
    }

    #[test]
    fn a_refusal_has_its_code_and_message() {
        for (header, body, code, message) in [
            (None, r#"{"__type": "ParameterNotFound"}"#, Some("ParameterNotFound"), None),
            (
                None,
                r#"{"__type": "com.amazonaws.ssm#InvalidKeyId", "message": "no"}"#,
                Some("InvalidKeyId"),
                Some("no"),
            ),
            (
                None,
                r#"{"__type": "ThrottlingException", "Message": "slow"}"#,
                Some("ThrottlingException"),
                Some("slow"),
            ),
            (
                Some("AccessDeniedException:http://h/"),
                r#"{"__type": "Other"}"#,
                Some("AccessDeniedException"),
                None,
            ),
            (None, "<html>Bad Gateway</html>", None, None),
            (None, "", None, None),
            (None, "[]", None, None),
        ] {
            let refusal = refusal(header, body.as_bytes());
            assert_eq!((refusal.code(), refusal.message()), (code, message), "{body}");
        }
    }

    #[test]
    fn what_is_not_the_services_own_has_no_code() {
        for (status, body) in [(200, "<html></html>"), (200, r#"{"Parameter": {"Val"#), (200, ""), (502, "")]
        {
            let error = answered(status, body).unwrap_err();
            assert_eq!(error.as_operation_error().and_then(ErrorMetadata::code), None, "{status} {body}");
        }
    }

    #[test]
    fn the_question_is_one_for_the_decrypted_value() {
        let asked = question("/a").unwrap();
        assert_eq!((asked.method(), asked.uri()), ("POST", "/"));
        let body: Json = serde_json::from_slice(asked.body().bytes().unwrap()).unwrap();
        assert_eq!(body, json!({ "Name": "/a", "WithDecryption": true }));
    }
}
