//! The link in the e-mail with which SNS asks whether a subscription is meant.

use reqwest::Url;

/// What such a link carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// The topic.
    pub(crate) topic: String,
    /// The proof that the address gets its mail.
    pub(crate) token: String,
}

impl Confirmation {
    /// Reads `link`, which must be one of SNS's, or of the emulator at `endpoint`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn read(link: &str, endpoint: Option<&str>) -> Result<Self, String> {
        let url = Url::parse(link.trim()).map_err(|error| format!("that is no link: {error}"))?;
        let host = url.host_str().unwrap_or_default();
        let emulated = endpoint.and_then(|endpoint| Url::parse(endpoint).ok()).is_some_and(|endpoint| {
            endpoint.host_str() == Some(host)
                && endpoint.port_or_known_default() == url.port_or_known_default()
        });
        if !(emulated || url.scheme() == "https" && is_sns(host)) {
            return Err(format!(
                "the link leads to {host}, and SNS's lead to sns.REGION.amazonaws.com; copy the address of `Confirm subscription` in the e-mail"
            ));
        }
        let of = |wanted: &str| {
            let found =
                url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
            found.filter(|value| !value.is_empty()).ok_or_else(|| {
                format!("the link has no {wanted}; copy the whole address of `Confirm subscription` in the e-mail, in quotes")
            })
        };
        Ok(Self { topic: of("TopicArn")?, token: of("Token")? })
    }

    /// The region of the topic.
    pub(crate) fn region(&self) -> &str {
        self.topic.split(':').nth(3).unwrap_or_default()
    }
}

/// `sns.REGION.amazonaws.com`.
fn is_sns(host: &str) -> bool {
    let region = host.strip_prefix("sns.").and_then(|rest| {
        rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))
    });
    region.is_some_and(|region| {
        !region.is_empty() && region.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:penstock-approver-jo";

    #[test]
    fn the_link_of_the_e_mail_is_read() {
        let link = format!(
            "https://sns.eu-west-1.amazonaws.com/confirmation.html?TopicArn={TOPIC}&Token=23ab&Endpoint=jo@example.com"
        );
        let read = Confirmation::read(&link, None).unwrap();
        assert_eq!((read.topic.as_str(), read.token.as_str(), read.region()), (TOPIC, "23ab", "eu-west-1"));
        let api = format!(
            "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=23ab"
        );
        assert_eq!(Confirmation::read(&api, None).unwrap(), read);
        let emulated =
            format!("http://localhost:4577/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=23ab");
        assert_eq!(Confirmation::read(&emulated, Some("http://localhost:4577")).unwrap(), read);
    }

    #[test]
    fn links_to_elsewhere_and_halves_of_links_are_refused() {
        for host in [
            "https://sns.evil.example",
            "https://sns.a.b.amazonaws.com",
            "http://sns.eu-west-1.amazonaws.com",
            "https://xsns.eu-west-1.amazonaws.com",
        ] {
            let link = format!("{host}/?TopicArn={TOPIC}&Token=23ab");
            assert!(
                Confirmation::read(&link, Some("http://localhost:4577")).unwrap_err().contains("leads to"),
                "{host}"
            );
        }
        let half = format!("https://sns.eu-west-1.amazonaws.com/?TopicArn={TOPIC}");
        assert!(Confirmation::read(&half, None).unwrap_err().contains("has no Token"));
        assert!(Confirmation::read("confirm", None).unwrap_err().contains("no link"));
    }
}
