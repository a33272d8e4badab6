//! Why a step failed, as a sentence: what the words of its class and detail mean at this place.
//! Pure.

use bongsu_language::{Journey, Step, display_duration};
use bongsu_model::{FailClass, StepOutcome, StepReport};

/// The sentence; none where the words say all that is known.
pub(super) fn why(journey: &Journey, step: &Step, report: &StepReport) -> Option<String> {
    let StepOutcome::Fail(class) = report.outcome else {
        return None;
    };
    let detail = report.detail.as_deref()?;
    let (word, rest) = detail.split_once(' ').unwrap_or((detail, ""));
    let host = report.network.server_address.as_deref();
    let host = host.unwrap_or("the server");
    let place = place(report);
    Some(match (class, word) {
        (FailClass::Dns, "nxdomain") => format!("DNS knows no name {host}"),
        (FailClass::Dns, "servfail" | "refused") => {
            format!("the DNS server says {word} to the question for {host}")
        }
        (FailClass::Dns, "no_address") => format!("DNS has no address for {host}"),
        // The target and what it would have to say stand there as well.
        (FailClass::Dns, "private_address") => format!("{host} is at the private address {rest}"),
        (FailClass::Dns, "metadata_address") => {
            format!("{host} is at {rest}, which hands out credentials of a cloud")
        }
        (FailClass::Dns, "timeout") => {
            format!("the DNS server did not answer the question for {host} in time")
        }
        (FailClass::Dns, "malformed") => "the DNS server's answer cannot be read".to_owned(),
        (FailClass::Connect, "refused") => {
            format!("{place} refused the connection: nothing listens there")
        }
        (FailClass::Connect, "unreachable") => format!("there is no way to {place}"),
        (FailClass::Connect, "timeout") => format!("{place} did not take the connection in time"),
        (FailClass::Connect, "reset" | "closed") => format!("{place} broke the connection off"),
        (FailClass::Tls, "expired") => format!("the certificate of {host} has expired"),
        (FailClass::Tls, "not_yet_valid") => {
            format!("the certificate of {host} is not valid yet")
        }
        (FailClass::Tls, "wrong_name") => format!("the certificate is not good for {host}"),
        (FailClass::Tls, "unknown_issuer") => format!(
            "the certificate of {host} is from an issuer that is not trusted; if it is your own, \
             name its root as `ca` in the target"
        ),
        (FailClass::Tls, "timeout") => format!("{place} did not finish the handshake in time"),
        (FailClass::Tls, "reset" | "closed") => {
            format!("{place} broke the connection off in the handshake")
        }
        (FailClass::Send, "reset" | "closed") => {
            let how_far = match report.network.http_status {
                Some(_) => "before the answer was whole",
                None => "before the answer had begun",
            };
            format!("the connection broke {how_far}")
        }
        (FailClass::Send, "invalid_data") => {
            format!("what {host} sent over the encrypted connection cannot be decrypted")
        }
        (FailClass::Timeout, "first_byte") => {
            let limit = display_duration(step.attempt_timeout());
            format!("{place} took the request and did not begin to answer in {limit}")
        }
        (FailClass::Timeout, "body") => {
            let limit = display_duration(step.attempt_timeout());
            format!("the answer began and did not end in {limit}")
        }
        (FailClass::Timeout, "frame") => {
            let limit = display_duration(step.attempt_timeout());
            format!("no frame that is meant came in {limit}")
        }
        (FailClass::Timeout, "no_reply") => format!("no echo came back from {host}"),
        (FailClass::Timeout, "within") => {
            let limit = display_duration(step.within?);
            let since = step.since.and_then(|at| journey.steps.get(at));
            match since {
                Some(since) => format!("it was not done {limit} after \"{}\" began", since.name),
                None => format!("it was not done in {limit}"),
            }
        }
        (FailClass::Timeout, "journey") => {
            let limit = display_duration(journey.timeout);
            format!("the journey's `timeout` of {limit} was over")
        }
        (FailClass::WsClosed, "closed") => "the server closed the WebSocket".to_owned(),
        (FailClass::WsClosed, "reset") => "the connection of the WebSocket broke".to_owned(),
        (FailClass::BodyTooLarge, "body") => {
            format!("the answer is longer than `max_body` = {}", step.max_body)
        }
        (FailClass::BodyTooLarge, "headers") => "the answer's headers are too long".to_owned(),
        (FailClass::RedirectRefused, "limit") => {
            format!("it was redirected more often than `follow` = {rest} allows")
        }
        (FailClass::RedirectRefused, "location") => {
            "it was redirected, and not to a URL".to_owned()
        }
        (FailClass::RedirectRefused, "scheme") => {
            format!("it was redirected to {rest}:, which is not HTTP")
        }
        (FailClass::RedirectRefused, "credentials") => {
            "it was redirected to a URL with a user name or password".to_owned()
        }
        (FailClass::RedirectRefused, "body") => {
            "it was told to send its body to another origin".to_owned()
        }
        (FailClass::RedirectRefused, "host") => format!("it was redirected: {detail}"),
        (FailClass::RedirectRefused, "private_address") => {
            format!("it was redirected to the private address {rest}")
        }
        (FailClass::RedirectRefused, "metadata_address") => {
            format!("it was redirected to {rest}, which hands out credentials of a cloud")
        }
        _ => return None,
    })
}

/// Host, port and the address that was tried, as far as they are known.
fn place(report: &StepReport) -> String {
    let network = &report.network;
    let Some(host) = &network.server_address else {
        return "the server".to_owned();
    };
    let port = network.server_port;
    let place = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    match network.peer_address {
        Some(address) if address.to_string() != *host => format!("{place} ({address})"),
        Some(_) | None => place,
    }
}

#[cfg(test)]
mod tests {
    use bongsu_language::{SourceFile, load_journeys};
    use bongsu_model::{ActorName, NetworkFacts, Phases, StepKind, Timestamp, Verb};

    use super::*;

    const JOURNEY: &str = "format = 1\njourney = \"j\"\nfeature = \"f\"\ntimeout = \"30s\"\n\
        actor.user.account = \"pool:users\"\n\
        [[step]]\nname = \"one\"\nget = \"https://a.test/\"\ntimeout = \"3s\"\n\
        [[step]]\nname = \"two\"\nget = \"https://a.test/\"\nsince = \"one\"\nwithin = \"2s\"\n";

    fn report(class: FailClass, detail: &str) -> StepReport {
        StepReport {
            name: "one".to_owned(),
            index: 0,
            kind: StepKind::Step,
            verb: Verb::Get,
            actor: ActorName::new("user").unwrap(),
            actor_index: 0,
            feature: None,
            outcome: StepOutcome::Fail(class),
            started: Timestamp::EPOCH,
            ended: Timestamp::EPOCH,
            attempts: 1,
            polls: 0,
            phases: Phases::default(),
            network: NetworkFacts {
                server_address: Some("a.test".to_owned()),
                server_port: Some(443),
                peer_address: Some("192.0.2.1".parse().unwrap()),
                ..NetworkFacts::default()
            },
            detail: Some(detail.to_owned()),
            failed_expectations: Vec::new(),
            earlier_attempts: Vec::new(),
            redirects: Vec::new(),
            evidence: None,
        }
    }

    #[test]
    fn a_failure_is_told_with_its_place_and_its_limit() {
        let journey = load_journeys(&[SourceFile::new("j.toml", JOURNEY)])
            .unwrap()
            .remove(0);
        let told = |at: usize, class, detail: &str| {
            why(&journey, &journey.steps[at], &report(class, detail))
        };
        let cases = [
            (0, FailClass::Dns, "nxdomain", "DNS knows no name a.test"),
            (
                0,
                FailClass::RedirectRefused,
                "limit 2",
                "it was redirected more often than `follow` = 2 allows",
            ),
            (
                0,
                FailClass::RedirectRefused,
                "host `b.test` is not in `hosts` of target `t`",
                "it was redirected: host `b.test` is not in `hosts` of target `t`",
            ),
            (
                0,
                FailClass::Connect,
                "refused",
                "a.test:443 (192.0.2.1) refused the connection: nothing listens there",
            ),
            (
                0,
                FailClass::Send,
                "invalid_data",
                "what a.test sent over the encrypted connection cannot be decrypted",
            ),
            (
                0,
                FailClass::Timeout,
                "first_byte",
                "a.test:443 (192.0.2.1) took the request and did not begin to answer in 3s",
            ),
            (
                1,
                FailClass::Timeout,
                "within",
                "it was not done 2s after \"one\" began",
            ),
            (
                1,
                FailClass::Timeout,
                "journey",
                "the journey's `timeout` of 30s was over",
            ),
        ];
        for (at, class, detail, expected) in cases {
            assert_eq!(told(at, class, detail).as_deref(), Some(expected));
        }
        assert_eq!(told(0, FailClass::Tls, "alert handshake_failure"), None);
        assert_eq!(told(0, FailClass::Timeout, "within"), None, "it has none");
        let mut passed = report(FailClass::Dns, "nxdomain");
        passed.outcome = StepOutcome::Pass;
        assert_eq!(why(&journey, &journey.steps[0], &passed), None);
    }

    #[test]
    fn an_answer_that_breaks_off_is_told_from_none() {
        let journey = load_journeys(&[SourceFile::new("j.toml", JOURNEY)])
            .unwrap()
            .remove(0);
        let mut broken = report(FailClass::Send, "closed");
        let none = "the connection broke before the answer had begun";
        let half = "the connection broke before the answer was whole";
        for (status, expected) in [(None, none), (Some(200), half)] {
            broken.network.http_status = status;
            let told = why(&journey, &journey.steps[0], &broken);
            assert_eq!(told.as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_was_not_reached_is_not_made_up() {
        let journey = load_journeys(&[SourceFile::new("j.toml", JOURNEY)])
            .unwrap()
            .remove(0);
        let mut unknown = report(FailClass::Connect, "refused");
        unknown.network = NetworkFacts::default();
        let told = why(&journey, &journey.steps[0], &unknown).unwrap();
        assert_eq!(
            told,
            "the server refused the connection: nothing listens there"
        );
        unknown.network.server_address = Some("192.0.2.1".to_owned());
        unknown.network.peer_address = Some("192.0.2.1".parse().unwrap());
        let told = why(&journey, &journey.steps[0], &unknown).unwrap();
        assert!(told.starts_with("192.0.2.1 refused"), "{told}");
    }
}
