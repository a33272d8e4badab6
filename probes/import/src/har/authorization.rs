//! Browsers leave credentials out of the recordings that they save unless asked to keep them: what
//! a token of the sign-in's answer was for is put back.

use url::Url;

use super::archive::Entry;
use crate::draft::{Act, Harmless, Step};
use crate::lowering::Lowering;
use crate::phrase::Phrase;

/// Fields of a sign-in's answer that hold what requests show afterwards, likeliest first.
const TOKENS: &[&str] = &["access_token", "token", "jwt", "id_token", "auth_token"];

/// Whether any request shows who asks.
pub(super) fn is_shown(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| {
        let has = |name: &str| {
            let mut headers = entry.request.headers.iter();
            headers.any(|header| header.name.eq_ignore_ascii_case(name))
        };
        has("authorization") || has("cookie") || !entry.request.cookies.is_empty()
    })
}

/// Lets the steps after a sign-in send the token of its answer, where they go to its neighbours.
pub(super) fn restore(lowering: &mut Lowering) {
    let is_sign_in = |step: &Step| step.harmless == Harmless::Said;
    let Some(at) = lowering.draft.steps.iter().position(is_sign_in) else {
        return;
    };
    // The sign-in may answer with a page whose script asks for the token.
    let last = lowering.draft.steps.len();
    let given = (at..last).find_map(|step| Some((step, lowering.answers.field(step, TOKENS)?)));
    let Some((at, token)) = given else {
        return;
    };
    let mut value = Phrase::words("Bearer ");
    value.append(lowering.credential("token", &token));
    let home = domain(lowering, at);
    for later in at + 1..lowering.draft.steps.len() {
        let is_request = matches!(
            lowering.draft.steps[later].act,
            Act::Http(..) | Act::Open(..)
        );
        if is_request && domain(lowering, later) == home {
            lowering.draft.steps[later].set_header("authorization", value.clone());
        }
    }
    let name = &lowering.draft.steps[at].name;
    let told = format!(
        "the recording has no `authorization` (browsers leave it out unless asked to keep it): \
         the steps after \"{name}\" send the token of its answer; remove it where it is not wanted"
    );
    lowering.draft.notes.push(told);
}

/// The last two labels of the host that a step goes to.
fn domain(lowering: &Lowering, step: usize) -> Option<String> {
    let (Act::Http(_, address) | Act::Open(address, _)) = &lowering.draft.steps[step].act else {
        return None;
    };
    let origin = lowering.draft.sites.get(address.site).origin.as_deref()?;
    let url = Url::parse(origin).ok()?;
    let host = url.host_str()?;
    if url.domain().is_none() {
        return Some(host.to_owned());
    }
    let labels: Vec<&str> = host.rsplit('.').take(2).collect();
    Some(labels.join("."))
}
