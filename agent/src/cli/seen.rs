//! What a step below HTTP found, in the few words that stand behind its name. Pure.

use bongsu_model::{StepReport, Verb};

/// How many addresses are shown.
const ADDRESSES_SHOWN: usize = 3;

/// The addresses of a name, or what a handshake agreed on; empty for every other step.
pub(super) fn seen(step: &StepReport) -> String {
    match step.verb {
        Verb::Dns => addresses(step),
        Verb::Tls => {
            let version = step.network.tls_version.as_deref();
            let version = version.map_or_else(String::new, |version| format!(" TLS {version}"));
            let next = step.network.tls_next_protocol.as_deref();
            next.map_or_else(|| version.clone(), |next| format!("{version} {next}"))
        }
        _ => String::new(),
    }
}

fn addresses(step: &StepReport) -> String {
    let answers = &step.network.dns_answers;
    let shown = answers.iter().take(ADDRESSES_SHOWN);
    let mut text: String = shown.map(|address| format!(" {address}")).collect();
    if answers.len() > ADDRESSES_SHOWN {
        text.push_str(&format!(" +{}", answers.len() - ADDRESSES_SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use bongsu_model::{ActorName, NetworkFacts, Phases, StepKind, StepOutcome, Timestamp};

    use super::*;

    fn step(verb: Verb, network: NetworkFacts) -> StepReport {
        StepReport {
            name: "look".to_owned(),
            index: 0,
            kind: StepKind::Cleanup,
            verb,
            actor: ActorName::new("user").unwrap(),
            actor_index: 0,
            feature: None,
            outcome: StepOutcome::Pass,
            started: Timestamp::EPOCH,
            ended: Timestamp::EPOCH,
            attempts: 1,
            polls: 0,
            phases: Phases::default(),
            network,
            detail: None,
            failed_expectations: Vec::new(),
            earlier_attempts: Vec::new(),
            redirects: Vec::new(),
            evidence: None,
        }
    }

    #[test]
    fn a_name_shows_its_addresses_and_a_handshake_what_it_agreed_on() {
        let answers = (1..=5).map(|n| [192, 0, 2, n].into()).collect();
        let network = NetworkFacts {
            dns_answers: answers,
            tls_version: Some("1.3".to_owned()),
            tls_next_protocol: Some("h2".to_owned()),
            ..NetworkFacts::default()
        };
        let seen_by = |verb| seen(&step(verb, network.clone()));
        assert_eq!(seen_by(Verb::Dns), " 192.0.2.1 192.0.2.2 192.0.2.3 +2");
        assert_eq!(seen_by(Verb::Tls), " TLS 1.3 h2");
        assert_eq!(seen_by(Verb::Get), "");
        assert_eq!(seen(&step(Verb::Dns, NetworkFacts::default())), "");
    }
}
