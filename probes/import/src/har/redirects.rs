//! Redirects that a browser followed: a step follows them too, unless what they said is needed
//! later on.

use bongsu_language::FOLLOW_MAX;
use url::Url;

use super::Visit;
use super::archive::Entry;
use crate::request::Request;

/// Shortest value that is looked for in later requests, in bytes; with a digit in it a third of
/// that.
const TELLING_BYTES_MIN: usize = 8;

/// All that a request says, for [`leads_to`].
pub(super) fn said(entry: &Entry) -> String {
    let request = &entry.request;
    let mut said = request.url.clone();
    let own = ["referer", "cookie"];
    let headers = request.headers.iter().filter(|header| {
        !own.iter()
            .any(|name| header.name.eq_ignore_ascii_case(name))
    });
    for header in headers {
        said.push('\n');
        said.push_str(header.value());
    }
    if let Some(data) = &request.post_data {
        said.push('\n');
        said.push_str(data.text.as_deref().unwrap_or_default());
        for param in &data.params {
            said.push('\n');
            said.push_str(param.value());
        }
    }
    said
}

/// Whether the answer that was last leads to this request, which the runner makes by itself then.
/// `later` is what the requests after it say.
pub(super) fn leads_to(visit: &Visit, request: &Request, later: &[String]) -> bool {
    let [last] = visit.entries.as_slice() else {
        return false;
    };
    let verb = match last.response.status {
        301..=303 if visit.request.verb == "head" => "head",
        301..=303 => "get",
        307 | 308 => visit.request.verb,
        _ => return false,
    };
    let Some(from) = Url::parse(&last.request.url).ok() else {
        return false;
    };
    let mut headers = last.response.headers.iter();
    let location = headers.find(|header| header.name.eq_ignore_ascii_case("location"));
    let Some(to) = location.and_then(|location| from.join(location.value()).ok()) else {
        return false;
    };
    // To another origin a run takes neither headers nor cookies along.
    let is_near = visit.through.len() < FOLLOW_MAX as usize
        && to.origin() == from.origin()
        && from.origin() == visit.request.url.origin();
    is_near
        && request.verb == verb
        && is_same(&to, &request.url)
        && !telling(&to)
            .iter()
            .any(|value| later.iter().any(|said| said.contains(value)))
}

fn is_same(a: &Url, b: &Url) -> bool {
    a[..url::Position::AfterQuery] == b[..url::Position::AfterQuery]
}

/// What a URL says that nothing else may.
fn telling(url: &Url) -> Vec<String> {
    let has_digit = |text: &str| text.bytes().any(|b| b.is_ascii_digit());
    let is_short = |text: &str| text.len() <= TELLING_BYTES_MIN / 3;
    let last = url.path().rsplit('/').next().unwrap_or_default();
    let last = [last.to_owned()].into_iter().filter(|last| has_digit(last));
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    let values = values.filter(|value| value.len() >= TELLING_BYTES_MIN || has_digit(value));
    last.chain(values)
        .filter(|value| !is_short(value))
        .collect()
}
