//! The page behind the link that an approver is sent, used as a person uses it.

use crate::client::Client;

/// Approves by the link, with these fields of the form besides; the page says `question` before and `verdict` afterwards.
pub(crate) async fn approve(
    client: &Client,
    link: &str,
    more: &[(&str, &str)],
    question: &str,
    verdict: &str,
) {
    let url = client.stack.url(&link[link.find("/approvals/").unwrap()..]);
    let page = client.http.get(&url).send().await.unwrap();
    let (status, page) = (page.status(), page.text().await.unwrap());
    assert_eq!(status, 200, "{url}: {page}");
    assert!(page.contains(question), "{page}");
    let form: Vec<_> = [("verdict", "approve"), ("comment", "fine")].iter().chain(more).collect();
    let form: Vec<_> = form.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let post = client.http.post(&url).header("content-type", "application/x-www-form-urlencoded");
    let answer = post.body(form.join("&")).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let again = client.http.get(&url).send().await.unwrap();
    assert_eq!(again.status(), 410, "an old link says what became of it");
    let again = again.text().await.unwrap();
    assert!(again.contains(verdict), "{again}");
}
