//! Approvers get a topic of their own, and a signed call confirms what they were asked.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{Request, Response};
use serde_json::json;

use crate::account::ACCOUNT;
use crate::program::{Penstock, penstock};
use crate::relay::{Way, relay};
use crate::stack::Stack;

/// The token of every e-mail.
const TOKEN: &str = "2336412f37fb687f5d51e6e241d09c805a5a";

/// SNS whose subscriptions wait for their confirmation: the emulator's do not.
#[derive(Default)]
struct Mail {
    confirmed: Mutex<Vec<String>>,
}

impl Way for Mail {
    fn answer(&self, request: &Request<Bytes>) -> Option<Response<String>> {
        let body = String::from_utf8_lossy(request.body());
        if !(body.contains("Action=ConfirmSubscription") && body.contains(TOKEN)) {
            return None;
        }
        self.confirmed.lock().unwrap().push(body.into_owned());
        let answer = "<ConfirmSubscriptionResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><ConfirmSubscriptionResult><SubscriptionArn>arn:aws:sns:us-east-1:000000000000:t:1</SubscriptionArn></ConfirmSubscriptionResult></ConfirmSubscriptionResponse>";
        Some(Response::builder().header("content-type", "text/xml").body(answer.to_owned()).unwrap())
    }

    fn change(&self, request: &Request<Bytes>, body: Bytes) -> Bytes {
        let lists = String::from_utf8_lossy(request.body()).contains("Action=ListSubscriptionsByTopic");
        if !lists || !self.confirmed.lock().unwrap().is_empty() {
            return body;
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        let waiting = regex::Regex::new("<SubscriptionArn>[^<]*</SubscriptionArn>").unwrap();
        waiting
            .replace_all(&text, "<SubscriptionArn>PendingConfirmation</SubscriptionArn>")
            .into_owned()
            .into()
    }
}

struct Approvers {
    stack: Stack,
    mail: Arc<Mail>,
    sns: String,
}

impl Approvers {
    fn none() -> Self {
        let mail = Arc::new(Mail::default());
        let sns = relay(&ACCOUNT.emulator.url(), Arc::clone(&mail));
        Self { stack: Stack::create("http://127.0.0.1:9"), mail, sns }
    }

    fn run(&self, arguments: &[&str]) -> Penstock {
        let stack = &["--stack", self.stack.name.as_str()];
        penstock(&[&["approvers"], arguments, stack].concat()).variable("AWS_ENDPOINT_URL_SNS", &self.sns)
    }

    fn topic(&self) -> String {
        format!("arn:aws:sns:us-east-1:000000000000:{}-approver-jo-doe", self.stack.name)
    }
}

#[test]
fn an_approver_is_added_confirmed_and_removed() {
    let approvers = Approvers::none();
    let none = approvers.run(&["list"]).ends_with(0);
    assert!(none.contains("penstock approvers add NAME EMAIL"), "{none}");
    let added = approvers.run(&["add", "Jo Doe", "jo@example.com", "--pipeline", "web"]).ends_with(0);
    assert!(added.contains("Added Jo Doe, who is asked about web"), "{added}");
    let topic = approvers.topic();
    let sns = |operation: &str| ACCOUNT.caller.call("sns", operation, &json!({"TopicArn": topic}));
    let attributes = sns("get_topic_attributes")["Attributes"].clone();
    assert_eq!(attributes["KmsMasterKeyId"], "alias/aws/sns");
    assert_eq!(sns("list_subscriptions_by_topic")["Subscriptions"][0]["Endpoint"], "jo@example.com");
    assert!(approvers.run(&["list"]).ends_with(0).contains("jo@example.com  not confirmed yet  web"));

    let link = format!(
        "https://sns.us-east-1.amazonaws.com/confirmation.html?TopicArn={topic}&Token={TOKEN}&Endpoint=jo@example.com"
    );
    let confirm = penstock(&["approvers", "confirm", &link]).variable("AWS_ENDPOINT_URL_SNS", &approvers.sns);
    assert!(confirm.ends_with(0).contains("only a signed call can end the subscription"));
    let calls = approvers.mail.confirmed.lock().unwrap().clone();
    assert!(matches!(&calls[..], [call] if call.contains("AuthenticateOnUnsubscribe=true")), "{calls:?}");
    assert!(approvers.run(&["list"]).ends_with(0).contains("jo@example.com  confirmed  web"));
    let listed: serde_json::Value =
        serde_json::from_str(&approvers.run(&["list", "--format", "json"]).ends_with(0)).unwrap();
    assert_eq!(listed["approvers"][0]["approver"]["topicArn"], topic.as_str());
    assert_eq!(listed["approvers"][0]["confirmed"], true);

    assert!(approvers.run(&["remove", "Jo Doe"]).ends_with(0).contains("Removed Jo Doe"));
    assert!(approvers.run(&["list"]).ends_with(0).contains("No approvers yet"));
    let topics = ACCOUNT.caller.call("sns", "list_topics", &json!({})).to_string();
    assert!(!topics.contains(&topic), "{topics}");
}

#[test]
fn nobody_else_gets_the_link_that_names_an_approver() {
    let approvers = Approvers::none();
    approvers.run(&["add", "Jo Doe", "jo@example.com"]).ends_with(0);
    let again = approvers.run(&["add", "Jo Doe", "jo@example.com"]).ends_with(0);
    assert!(again.contains("all pipelines"), "another link is sent: {again}");
    let other = approvers.run(&["add", "Jo Doe", "eve@example.com"]).ends_with(2);
    assert!(
        other.contains("jo@example.com gets the link") && other.contains("approvers remove 'Jo Doe'"),
        "{other}"
    );
    let like = approvers.run(&["add", "jo-doe", "eve@example.com"]).ends_with(2);
    assert!(like.contains("too like `Jo Doe`"), "{like}");
    let none = approvers.run(&["add", "Eve", "eve"]).ends_with(2);
    assert!(none.contains("`eve` is no e-mail address"), "{none}");
    let missing = approvers.run(&["remove", "Jo Do"]).ends_with(2);
    assert!(missing.contains("did you mean `Jo Doe`"), "{missing}");
}

/// The address of `AlertEmail` is asked once for failures and once for alarms.
#[test]
fn the_link_of_any_topic_is_confirmed_so_that_a_signed_call_alone_ends_it() {
    let mail = Arc::new(Mail::default());
    let sns = relay(&ACCOUNT.emulator.url(), Arc::clone(&mail));
    for name in ["penstock-failures", "penstock-alarms"] {
        let topic = format!("arn:aws:sns:us-east-1:000000000000:{name}");
        let link = format!(
            "https://sns.us-east-1.amazonaws.com/confirmation.html?TopicArn={topic}&Token={TOKEN}&Endpoint=ops@example.com"
        );
        let confirm = penstock(&["approvers", "confirm", &link]).variable("AWS_ENDPOINT_URL_SNS", &sns);
        let said = confirm.ends_with(0);
        assert!(
            said.contains("only a signed call can end the subscription") && said.contains(&topic),
            "{said}"
        );
        let call = mail.confirmed.lock().unwrap().pop().unwrap();
        assert!(call.contains("AuthenticateOnUnsubscribe=true") && call.contains(name), "{call}");
    }
}

#[test]
fn links_to_elsewhere_and_old_links_are_refused() {
    let confirm = |link: &str| penstock(&["approvers", "confirm", link]);
    let elsewhere = confirm("https://sns.evil.example/?TopicArn=t&Token=x").ends_with(2);
    assert!(elsewhere.contains("leads to sns.evil.example"), "{elsewhere}");
    for (name, way) in [
        ("dev-approver-nobody", "penstock approvers add NAME EMAIL --stack dev"),
        ("dev-nobody", "aws sns subscribe --topic-arn arn:aws:sns:us-east-1:000000000000:dev-nobody"),
    ] {
        let topic = format!("arn:aws:sns:us-east-1:000000000000:{name}");
        let old = format!("https://sns.us-east-1.amazonaws.com/?TopicArn={topic}&Token=old");
        let old = confirm(&old).ends_with(1);
        assert!(old.contains("failed to confirm the subscription") && old.contains(way), "{old}");
    }
}
