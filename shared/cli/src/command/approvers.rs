//! `penstock approvers`: the people who are asked for verdicts by name.

use clap::{Args, Subcommand};
use console::style;
use penstock_app::port::PortError;
use penstock_app::port::approvers::{Approver, ApproverName, Approvers as Port, Generation};
use penstock_aws::approvers::ApproverTable;
use penstock_aws::subscriptions::Subscriptions;
use penstock_model::id::PipelineName;
use serde_json::json;

use super::Output;
use crate::aws::confirmation::Confirmation;
use crate::aws::failed;
use crate::aws::installation::Installation;
use crate::client::suggest;
use crate::exit::{Exit, Failure};
use crate::nonce;
use crate::show::glyph::Look;
use crate::show::out;

/// The longest name of a topic (SNS API reference, `CreateTopic`).
const MAX_TOPIC: usize = 256;

/// Add, list, remove and confirm the people who are asked for verdicts by name
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  penstock approvers add 'Jo Doe' jo@example.com --pipeline web --stack penstock
  penstock approvers confirm 'https://sns.eu-west-1.amazonaws.com/confirmation.html?TopicArn=...&Token=...'
  penstock approvers list --stack penstock

An approver has a topic, and so a link, of their own: a verdict by that link is recorded under their name. SNS asks them by
e-mail whether they want the messages. Let them send you the link instead of following it, and confirm it with a signed
call: then only a signed call ends the subscription, and nobody to whom a message is forwarded can. `confirm` takes the link
of any topic, so also those with which the address of the stack's parameter AlertEmail is asked.")]
pub(crate) struct Approvers {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Add(Add),
    List(List),
    Remove(Remove),
    Confirm(Confirm),
}

/// Ask somebody by e-mail for verdicts, with a link of their own
#[derive(Debug, Args)]
struct Add {
    /// Under which their verdicts are recorded
    name: ApproverName,
    /// Where they are asked
    email: String,
    /// Only about this pipeline; may be given several times
    #[arg(long = "pipeline", value_name = "PIPELINE")]
    pipelines: Vec<PipelineName>,
    #[command(flatten)]
    stack: Stack,
}

/// List the approvers and whether they have confirmed
#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    stack: Stack,
    #[command(flatten)]
    output: Output,
}

/// Ask somebody no more: their topic and its link are gone
#[derive(Debug, Args)]
struct Remove {
    /// The approver
    name: ApproverName,
    #[command(flatten)]
    stack: Stack,
}

/// Confirm a subscription with the link of SNS's e-mail, so that only a signed call can end it
#[derive(Debug, Args)]
struct Confirm {
    /// The address of `Confirm subscription` in the e-mail, in quotes
    link: String,
}

/// The installation.
#[derive(Debug, Args)]
struct Stack {
    /// The installation's stack
    #[arg(long, env = "PENSTOCK_STACK", value_name = "NAME")]
    stack: String,
}

impl Approvers {
    /// Carries it out.
    pub(super) async fn carry_out(self) -> anyhow::Result<Exit> {
        match self.what {
            What::Add(add) => add.carry_out().await,
            What::List(list) => list.carry_out().await,
            What::Remove(remove) => remove.carry_out().await,
            What::Confirm(confirm) => confirm.carry_out().await,
        }
    }
}

/// The approvers of an installation and their topics.
struct Known {
    stack: String,
    store: ApproverTable,
    subscriptions: Subscriptions,
    /// What the ARNs of the stack's topics begin with.
    topics: String,
}

impl Known {
    /// Deletes the topic of an approver whom the table does not know any more; whether there was one.
    async fn forget(&self, name: &ApproverName) -> anyhow::Result<bool> {
        let topic = format!("{}:{}", self.topics, topic_name(&self.stack, name)?);
        if self.subscriptions.of(&topic).await.map_err(failed)?.is_none() {
            return Ok(false);
        }
        self.subscriptions.delete(&topic).await.map_err(failed)?;
        Ok(true)
    }
}

impl Stack {
    async fn known(&self) -> anyhow::Result<Known> {
        let installation = Installation::find(&self.stack).await?;
        let topic = installation.output("ApprovalTopicArn")?;
        Ok(Known {
            topics: topic.rsplit_once(':').map_or(topic, |(place, _)| place).to_owned(),
            stack: installation.stack.name.clone(),
            store: ApproverTable::new(&installation.sdk, installation.output("TableName")?),
            subscriptions: Subscriptions::new(&installation.sdk),
        })
    }
}

impl Add {
    async fn carry_out(self) -> anyhow::Result<Exit> {
        let Self { name, email, pipelines, stack } = self;
        if !email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) {
            return Err(Failure::misused(format!("`{email}` is no e-mail address")).into());
        }
        let known = stack.known().await?;
        let topic = topic_name(&known.stack, &name)?;
        let earlier = known.free(&name, &topic).await?;
        let topic_arn = known.subscriptions.topic(&topic, &known.stack).await.map_err(failed)?;
        known.alone(&topic_arn, &email, &name).await?;
        // Known before they can be asked: a topic that nobody is told of asks nobody.
        let generation = Some(generation(earlier, &email)?);
        let approver = Approver { name: name.clone(), email, topic_arn, pipelines, generation };
        known.store.add(&approver).await.map_err(failed)?;
        known.subscriptions.subscribe(&approver.topic_arn, &approver.email).await.map_err(failed)?;
        out::line(format!("Added {name}, who is asked about {}", about(&approver)))?;
        let email = &approver.email;
        out::line(format!("SNS asks {email} whether that is meant. With the link of that e-mail:"))?;
        out::line("  penstock approvers confirm 'https://sns.…/confirmation.html?TopicArn=…&Token=…'")?;
        Ok(Exit::Succeeded)
    }
}

impl Known {
    /// The approver of that name, if there is one. Two approvers whose names differ only in what a topic's name cannot
    /// hold would share a topic, and so a link.
    async fn free(&self, name: &ApproverName, topic: &str) -> anyhow::Result<Option<Approver>> {
        let others = self.store.list().await.map_err(failed)?;
        let same_topic =
            |other: &&Approver| other.name != *name && other.topic_arn.ends_with(&format!(":{topic}"));
        match others.iter().find(same_topic) {
            None => Ok(others.into_iter().find(|other| other.name == *name)),
            Some(other) => Err(Failure::misused(format!(
                "`{name}` is too like `{}`, whose topic {topic} would be theirs as well; choose a name that differs in its letters or digits",
                other.name
            ))
            .into()),
        }
    }

    /// Nobody else may get the link that names this approver.
    async fn alone(&self, topic: &str, email: &str, name: &ApproverName) -> anyhow::Result<()> {
        let subscribed = self.subscriptions.of(topic).await.map_err(failed)?.unwrap_or_default();
        match subscribed.iter().find(|it| !it.endpoint.eq_ignore_ascii_case(email)) {
            None => Ok(()),
            Some(other) => Err(Failure::misused(format!(
                "{} gets the link of `{name}` already; first: penstock approvers remove {} --stack {}",
                other.endpoint,
                suggest::quoted(name.as_str()),
                self.stack
            ))
            .into()),
        }
    }
}

impl List {
    async fn carry_out(self) -> anyhow::Result<Exit> {
        let known = self.stack.known().await?;
        let approvers = known.store.list().await.map_err(failed)?;
        let mut rows = vec![];
        for approver in approvers {
            let confirmed = confirmed(&known.subscriptions, &approver).await?;
            rows.push((approver, confirmed));
        }
        if self.output.is_json() {
            let shown = rows
                .iter()
                .map(|(approver, confirmed)| json!({ "approver": approver, "confirmed": confirmed }));
            out::json(&json!({ "approvers": shown.collect::<Vec<_>>() }))?;
        } else if rows.is_empty() {
            out::line(format!(
                "No approvers yet. Add one: penstock approvers add NAME EMAIL --stack {}",
                known.stack
            ))?;
        } else {
            for (approver, confirmed) in &rows {
                let (look, word) =
                    if *confirmed { (Look::Good, "confirmed") } else { (Look::Waiting, "not confirmed yet") };
                let name = style(&approver.name).bold();
                let word = look.paint(word);
                out::line(format!(
                    "{} {name}  {}  {word}  {}",
                    look.sign(None),
                    approver.email,
                    about(approver)
                ))?;
            }
        }
        Ok(Exit::Succeeded)
    }
}

impl Remove {
    async fn carry_out(self) -> anyhow::Result<Exit> {
        let known = self.stack.known().await?;
        let approvers = known.store.list().await.map_err(failed)?;
        let Some(approver) = approvers.iter().find(|approver| approver.name == self.name) else {
            if known.forget(&self.name).await? {
                out::line(format!("Removed the topic of {}, which an earlier removal had left.", self.name))?;
                return Ok(Exit::Succeeded);
            }
            let names: Vec<String> = approvers.iter().map(|approver| approver.name.to_string()).collect();
            let hint = suggest::hint(self.name.as_str(), &names);
            return Err(Failure::misused(format!("there is no approver `{}`{hint}", self.name)).into());
        };
        // In this order: who is not known any more is not asked, whatever becomes of the topic.
        known.store.remove(&self.name).await.map_err(failed)?;
        known.subscriptions.delete(&approver.topic_arn).await.map_err(failed)?;
        out::line(format!("Removed {}; links they were sent decide no more.", self.name))?;
        Ok(Exit::Succeeded)
    }
}

impl Confirm {
    async fn carry_out(self) -> anyhow::Result<Exit> {
        let sdk = crate::aws::sdk().await?;
        let confirmation =
            Confirmation::read(&self.link, sdk.config().endpoint_url()).map_err(Failure::misused)?;
        let sdk = sdk.acting_as(None, Some(confirmation.region()));
        let confirmed = Subscriptions::new(&sdk).confirm(&confirmation.topic, &confirmation.token).await;
        confirmed.map_err(|error| {
            failed(PortError {
                message: format!(
                    "{}; a link ends after two days: {}",
                    error.message,
                    asks_again(&confirmation.topic)
                ),
                ..error
            })
        })?;
        out::line(format!(
            "Confirmed; only a signed call can end the subscription to {}",
            confirmation.topic
        ))?;
        Ok(Exit::Succeeded)
    }
}

/// What sends a new link for `topic`.
fn asks_again(topic: &str) -> String {
    let name = topic.rsplit(':').next().unwrap_or_default();
    match name.split_once("-approver-") {
        Some((stack, _)) => format!(
            "`penstock approvers add NAME EMAIL --stack {stack}`, with each --pipeline that `penstock approvers list` shows, sends another"
        ),
        None => {
            format!(
                "`aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint EMAIL` sends another"
            )
        }
    }
}

/// The generation of `earlier` while its address stays: adding again then changes the pipelines, or asks for a lost
/// confirmation once more, and links that are on their way go on deciding. Else a new one, which ends them.
fn generation(earlier: Option<Approver>, email: &str) -> anyhow::Result<Generation> {
    let same = earlier.filter(|earlier| earlier.email.eq_ignore_ascii_case(email));
    same.and_then(|same| same.generation).map_or_else(nonce::generation, Ok)
}

/// Whether the approver gets what is sent to their topic.
async fn confirmed(subscriptions: &Subscriptions, approver: &Approver) -> anyhow::Result<bool> {
    let of_topic = subscriptions.of(&approver.topic_arn).await.map_err(failed)?.unwrap_or_default();
    Ok(of_topic.iter().any(|it| it.confirmed && it.endpoint.eq_ignore_ascii_case(&approver.email)))
}

fn about(approver: &Approver) -> String {
    let names: Vec<&str> = approver.pipelines.iter().map(PipelineName::as_str).collect();
    if names.is_empty() { "all pipelines".into() } else { names.join(", ") }
}

/// `STACK-approver-SLUG`: the stack's function may publish to topics whose names begin so.
fn topic_name(stack: &str, name: &ApproverName) -> anyhow::Result<String> {
    let slug = slug(name.as_str());
    let topic = format!("{stack}-approver-{slug}");
    if topic.len() > MAX_TOPIC {
        let message = format!(
            "the topic of `{name}` would have a name of more than {MAX_TOPIC} characters; choose a shorter one"
        );
        return Err(Failure::misused(message).into());
    }
    Ok(topic)
}

/// A name in lowercase letters, digits and single hyphens; letters that a topic's name cannot hold as their code.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            c if c.is_alphanumeric() => slug.push_str(&format!("u{:x}", u32::from(c))),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_outlives_an_adding_again_only_with_its_address() {
        let jo = |generation: Option<&str>| Approver {
            name: ApproverName::new("Jo").unwrap(),
            email: "jo@example.com".to_owned(),
            topic_arn: "arn:aws:sns:eu-west-1:111122223333:penstock-approver-jo".to_owned(),
            pipelines: vec![],
            generation: generation.map(|text| Generation::new(text).unwrap()),
        };
        let first = Generation::new("a1").unwrap();
        let of = |earlier, email| generation(earlier, email).unwrap();
        assert_eq!(of(Some(jo(Some("a1"))), "Jo@example.com"), first);
        assert_ne!(of(Some(jo(Some("a1"))), "jo@example.org"), first);
        assert_ne!(of(None, "jo@example.com"), of(None, "jo@example.com"));
        assert_ne!(of(Some(jo(None)), "jo@example.com"), of(Some(jo(None)), "jo@example.com"));
    }

    #[test]
    fn names_become_topics() {
        let of = |name: &str| topic_name("penstock", &ApproverName::new(name).unwrap()).unwrap();
        assert_eq!(of("Jo Doe"), "penstock-approver-jo-doe");
        assert_eq!(of("o'neil@example.com"), "penstock-approver-o-neil-example-com");
        assert_eq!(of("Zoë"), "penstock-approver-zoueb");
        assert_eq!(of("J. R. Roe"), "penstock-approver-j-r-roe");
    }
}
