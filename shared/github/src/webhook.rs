//! GitHub's webhook as the deliveries use case wants it: verified over the raw body, read from JSON or a form.

use penstock_app::delivery::{Received, Webhook, WebhookRefusal};
use percent_encoding::percent_decode;

use crate::payload::{Payload, read};
use crate::signature::WebhookSecrets;

/// GitHub's webhook under some secrets.
#[derive(Debug, Clone, Default)]
pub struct GitHubWebhook {
    secrets: WebhookSecrets,
}

impl GitHubWebhook {
    /// A webhook whose deliveries are signed under one of `secrets`.
    pub fn new(secrets: WebhookSecrets) -> Self {
        Self { secrets }
    }
}

impl Webhook for GitHubWebhook {
    fn verify(&self, signature_header: Option<&str>, body: &[u8]) -> Result<(), WebhookRefusal> {
        self.secrets
            .verify(signature_header, body)
            .map_err(|error| WebhookRefusal::Unsigned(error.to_string()))
    }

    fn read(&self, event: &str, content_type: &str, body: &[u8]) -> Result<Received, WebhookRefusal> {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let payload = match kind.as_str() {
            "application/json" => read(event, body),
            "application/x-www-form-urlencoded" => read(event, &form_payload(body)?),
            _ => {
                let message = format!(
                    "`{}` is not taken; choose application/json in the webhook's settings",
                    content_type.escape_debug()
                );
                return Err(WebhookRefusal::MediaType(message));
            }
        };
        match payload {
            Ok(Payload::Event(event)) => Ok(Received::Event(event)),
            Ok(Payload::Ignored(reason)) => Ok(Received::Ignored(reason)),
            Err(error) => Err(WebhookRefusal::Malformed(error.to_string())),
        }
    }
}

/// The form field `payload`, decoded.
fn form_payload(body: &[u8]) -> Result<Vec<u8>, WebhookRefusal> {
    let field = body.split(|byte| *byte == b'&').find_map(|field| field.strip_prefix(b"payload="));
    let field = field.ok_or_else(|| WebhookRefusal::Malformed("the form has no field `payload`".into()))?;
    let spaced: Vec<u8> = field.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Ok(percent_decode(&spaced).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_like_json() {
        let webhook = GitHubWebhook::default();
        let json = br#"{"zen": "a + b & c"}"#;
        let form = b"payload=%7B%22zen%22%3A+%22a+%2B+b+%26+c%22%7D";
        let read = |kind, body| webhook.read("ping", kind, body);
        assert_eq!(
            read("application/json; charset=utf-8", json),
            read("application/x-www-form-urlencoded", form)
        );
        assert!(matches!(
            read("application/x-www-form-urlencoded", b"x=1"),
            Err(WebhookRefusal::Malformed(_))
        ));
        assert!(matches!(read("text/plain", json), Err(WebhookRefusal::MediaType(_))));
    }
}
