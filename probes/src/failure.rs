//! Why an attempt did not do what it should: the platform's failures and our own faults.
//!
//! The classes are the closed list of the wire. Details are single words wherever they can be:
//! `nxdomain servfail refused no_address private_address` (dns), `refused unreachable` (connect),
//! `expired not_yet_valid wrong_name unknown_issuer alpn alert` (tls), `closed reset` (any class),
//! `invalid_data` where encryption broke (send),
//! `goaway WORD` and `rst_stream WORD` with an error code of HTTP/2 (send),
//! `timeout` (dns, connect, tls), `first_byte no_reply body frame within journey` (timeout), the
//! status code or the name of a gRPC status (status), `capture fail_if malformed encoding message
//! reflection` or what was looked at (expectation), `body headers frame
//! frames` (body_too_large), `limit location scheme credentials body` and, with where it led, `host
//! private_address metadata_address` (redirect_refused).

use std::io;

use bongsu_model::{BlindReason, FailClass};

use crate::clock::{Budget, Struck};
use crate::phases::Phase;

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The platform, or the network on the way to it.
    Platform {
        /// What failed.
        class: FailClass,
        /// How, in a word or a few; not redacted yet.
        detail: String,
    },
    /// The agent could not do its part; this proves nothing about the platform.
    Own {
        /// Which part.
        reason: BlindReason,
        /// How, in a few words; not redacted yet.
        detail: String,
    },
}

impl Fault {
    pub(crate) fn platform(class: FailClass, detail: impl Into<String>) -> Self {
        Self::Platform {
            class,
            detail: detail.into(),
        }
    }

    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::Own {
            reason: BlindReason::Internal,
            detail: detail.into(),
        }
    }

    /// A deadline that passed in `phase`: what was not reached is the class, except that the
    /// journey's own deadline is always `timeout(journey)`, for attribution to judge.
    pub(crate) fn struck(Struck(budget): Struck, phase: Phase) -> Self {
        match (budget, phase) {
            (Budget::Journey, _) => Self::journey_deadline(),
            (Budget::Within, _) => Self::platform(FailClass::Timeout, "within"),
            (_, Phase::Dns) => Self::platform(FailClass::Dns, "timeout"),
            (_, Phase::Connect) => Self::platform(FailClass::Connect, "timeout"),
            (_, Phase::Tls) => Self::platform(FailClass::Tls, "timeout"),
            (_, Phase::Wait) => Self::platform(FailClass::Timeout, "first_byte"),
            (_, Phase::Receive) => Self::platform(FailClass::Timeout, "body"),
        }
    }

    /// Whether the agent's own network could be the cause, so that a self-check must be asked.
    pub(crate) fn is_network(&self) -> bool {
        match self {
            Self::Platform { class, detail } => match class {
                FailClass::Dns | FailClass::Connect | FailClass::Tls | FailClass::Send => true,
                FailClass::Timeout => true,
                FailClass::WsClosed => detail == "reset",
                FailClass::Status
                | FailClass::Expectation
                | FailClass::BodyTooLarge
                | FailClass::RedirectRefused => false,
            },
            Self::Own { .. } => false,
        }
    }

    /// Whether the journey's own deadline is what struck.
    pub(crate) fn is_journey_deadline(&self) -> bool {
        *self == Self::journey_deadline()
    }

    /// The journey's deadline struck.
    pub(crate) fn journey_deadline() -> Self {
        Self::platform(FailClass::Timeout, "journey")
    }

    /// The agent is stopping in the middle of an act.
    pub(crate) fn interrupted() -> Self {
        Self::Own {
            reason: BlindReason::Interrupted,
            detail: "the agent is stopping".to_owned(),
        }
    }

    /// Whether nothing of a request can have reached the platform.
    pub(crate) fn is_before_sending(&self) -> bool {
        match self {
            Self::Own { .. } => true,
            Self::Platform { class, .. } => {
                matches!(class, FailClass::Dns | FailClass::Connect | FailClass::Tls)
            }
        }
    }

    pub(crate) fn class(&self) -> Option<FailClass> {
        match self {
            Self::Platform { class, .. } => Some(*class),
            Self::Own { .. } => None,
        }
    }

    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Platform { detail, .. } | Self::Own { detail, .. } => detail,
        }
    }
}

/// The word for a connection that broke: `reset`, `closed` or the kind's own name.
pub(crate) fn broken(kind: io::ErrorKind) -> String {
    match kind {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "reset".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionAborted => "closed".to_owned(),
        io::ErrorKind::TimedOut => "timeout".to_owned(),
        other => other.to_string().replace(' ', "_"),
    }
}

/// An error of our own machine that says nothing about the platform: no descriptors, no memory.
pub(crate) fn own_shortage(error: &io::Error) -> Option<Fault> {
    /// `EMFILE`, `ENFILE`, `ENOBUFS` and `EADDRNOTAVAIL` as Linux numbers them.
    const SHORTAGES: [i32; 4] = [24, 23, 105, 99];
    let code = error.raw_os_error()?;
    SHORTAGES
        .contains(&code)
        .then(|| Fault::internal(format!("this machine is short of something: {error}")))
}
