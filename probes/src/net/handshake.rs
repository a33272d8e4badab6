//! A TLS handshake as a `tls` step sees it: verified as any other, then asked what it showed.

use bongsu_language::{Fact, HostPort};
use bongsu_model::Timestamp;
use serde_json::Value;

use super::{Facts, Wire};
use crate::dial::check_allowed;
use crate::failure::Fault;
use crate::phases::Phase;
use crate::tls::{self, Session};

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// What is wanted.
#[derive(Debug)]
pub(crate) struct Handshake<'a> {
    pub(crate) peer: &'a HostPort,
    /// The name that is asked for and verified.
    pub(crate) server_name: &'a str,
    /// What ALPN offers.
    pub(crate) alpn: &'a [String],
    /// When the days until the certificate ends are counted from.
    pub(crate) now: Timestamp,
}

/// Shakes hands, and says what was shown.
pub(crate) async fn shake(wanted: &Handshake<'_>, mut wire: Wire<'_>) -> Result<Facts, Fault> {
    check_allowed(wanted.server_name, wire.target)?;
    wire.target.tls.check_trust()?;
    let stream = wire.open(wanted.peer).await?;
    let (config, listener) = wire.target.tls.listening(wanted.alpn);
    let shaking = tls::shake_hands(config, wanted.server_name, stream);
    let shaken = wire.deadline.bound(shaking).await;
    wire.watch.end(Phase::Tls);
    let stream = shaken.map_err(|struck| Fault::struck(struck, Phase::Tls))??;
    let network = wire.network;
    tls::record(&stream, network);
    let session = tls::session(&stream);
    let mut facts = facts(&session, network.tls_not_after, wanted.now);
    let stapled = tls::stapled(&stream, &listener, wanted.now);
    facts.push((Fact::Ocsp, stapled.into()));
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    let agreed = [
        (Fact::Version, text(&network.tls_version)),
        (Fact::Cipher, text(&network.tls_cipher)),
        (Fact::Alpn, text(&network.tls_next_protocol)),
    ];
    facts.extend(
        agreed
            .into_iter()
            .filter_map(|(fact, value)| Some((fact, value?))),
    );
    Ok(facts)
}

fn facts(session: &Session, not_after: Option<Timestamp>, now: Timestamp) -> Facts {
    let mut facts = Vec::new();
    if let Some(not_after) = not_after {
        // A certificate that has ended was refused: it has no days less than none.
        let left = not_after.since(now).as_secs() / DAY_S;
        facts.push((Fact::DaysLeft, left.into()));
    }
    if let Some(issuer) = &session.issuer {
        facts.push((Fact::Issuer, issuer.as_str().into()));
    }
    facts.push((Fact::Names, session.names.clone().into()));
    facts.push((Fact::Chain, session.chain.clone().into()));
    facts
}
