//! How people get from a message to this installation: which addresses open in a browser, how commands name it.

use penstock_model::id::PipelineName;

use crate::base_url::BaseUrl;
use crate::port::notifier::NoticedPage;

/// The port of loopback on which `penstock proxy` listens unless told otherwise.
pub const PROXY_PORT: u16 = 7879;

/// How people reach this installation's pages and commands. Approvals' links are apart: they open everywhere.
#[derive(Debug, Clone)]
pub enum Reach {
    /// Its pages open in a browser, and commands find it by themselves: a server.
    Open(BaseUrl),
    /// Its pages and commands take an AWS identity; a browser that follows a link has none: the stack of this name.
    Signed(String),
}

impl Reach {
    /// What a browser opens to show more of what happened in `pipeline`: its page or, where that does not open, what the
    /// provider shows of the attempt.
    pub(crate) fn link(&self, pipeline: &PipelineName, at_provider: Option<&str>) -> Option<String> {
        match self {
            Self::Open(base_url) => Some(base_url.pipeline_page(pipeline)),
            // A code host refuses a status whose link is none that a browser opens.
            Self::Signed(_) => at_provider
                .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
                .map(str::to_owned),
        }
    }

    /// The way to the page of `pipeline`, where no link leads there.
    pub(crate) fn page(&self, pipeline: &PipelineName) -> Option<NoticedPage> {
        match self {
            Self::Open(_) => None,
            Self::Signed(_) => Some(NoticedPage {
                command: self.command("penstock proxy"),
                url: BaseUrl::new(&format!("http://127.0.0.1:{PROXY_PORT}")).pipeline_page(pipeline),
            }),
        }
    }

    /// `command` so that it reaches this installation wherever it is typed.
    pub(crate) fn command(&self, command: &str) -> String {
        match self {
            Self::Open(_) => command.to_owned(),
            Self::Signed(stack) => format!("{command} --stack {stack}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_reached_by_its_name_and_what_a_browser_opens_is_the_providers() {
        let (web, stack): (PipelineName, _) =
            ("web".parse().unwrap(), Reach::Signed("penstock-dev".to_owned()));
        let at_provider = "https://eu-west-1.console.aws.amazon.com/codesuite/codebuild";
        assert_eq!(stack.link(&web, Some(at_provider)).as_deref(), Some(at_provider));
        assert_eq!((stack.link(&web, None), stack.link(&web, Some("file:///x"))), (None, None));
        let page = stack.page(&web).unwrap();
        assert_eq!(page.command, "penstock proxy --stack penstock-dev");
        assert_eq!(page.url, "http://127.0.0.1:7879/pipelines/web");

        let server = Reach::Open(BaseUrl::new("http://127.0.0.1:7878"));
        let link = server.link(&web, Some(at_provider));
        assert_eq!(link.as_deref(), Some("http://127.0.0.1:7878/pipelines/web"));
        assert_eq!((server.page(&web), server.command("penstock list").as_str()), (None, "penstock list"));
    }
}
