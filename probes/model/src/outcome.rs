//! How a run ended for a feature.

use crate::FeatureId;
use crate::closed_list::closed_list;

closed_list! {
    /// Why a step of the platform failed.
    FailClass: "failure class" {
        /// The name did not resolve.
        Dns = "dns",
        /// No TCP connection.
        Connect = "connect",
        /// No TLS session, or a certificate that must not be trusted.
        Tls = "tls",
        /// The request could not be sent whole.
        Send = "send",
        /// A deadline passed.
        Timeout = "timeout",
        /// The answer's status was not the expected one.
        Status = "status",
        /// The answer came, but what it says is wrong.
        Expectation = "expectation",
        /// A WebSocket was closed while it was needed.
        WsClosed = "ws_closed",
        /// The answer was larger than its cap.
        BodyTooLarge = "body_too_large",
        /// A redirect led where the journey may not go.
        RedirectRefused = "redirect_refused",
    }
}

closed_list! {
    /// Why a run proves nothing about the platform.
    BlindReason: "blind reason" {
        /// Most control targets were out of reach too.
        Egress = "egress",
        /// The agent's own resolver is broken.
        Resolver = "resolver",
        /// The agent's clock jumped or is off.
        Clock = "clock",
        /// The agent's runtime was starved.
        Starved = "starved",
        /// No test account was free.
        NoAccount = "no_account",
        /// The only accounts left were withdrawn after failed cleanups.
        DirtyAccount = "dirty_account",
        /// A credential is missing or expired.
        Credentials = "credentials",
        /// The agent stopped or crashed in the middle of the run.
        Interrupted = "interrupted",
        /// A fault of Bongsu itself.
        Internal = "internal",
        /// Judged by the collector: this agent fails alone.
        Outlier = "outlier",
        /// Judged by the collector: this script version fails everywhere.
        Script = "script",
    }
}

impl BlindReason {
    /// Whether only the collector may judge so.
    pub const fn is_collectors(self) -> bool {
        matches!(self, Self::Outlier | Self::Script)
    }
}

closed_list! {
    /// Why a slot was not run on purpose.
    SkipReason: "skip reason" {
        /// The run before it was still going.
        Overlap = "overlap",
        /// It would have begun more than half a period late.
        Late = "late",
        /// The journey is paused.
        Paused = "paused",
        /// The plan's kill switch is on.
        KillSwitch = "kill_switch",
        /// A budget is used up.
        Budget = "budget",
        /// A rate limit holds it back.
        RateLimit = "rate_limit",
        /// The agent is stopping.
        Draining = "draining",
    }
}

/// How one run ended for one feature.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Outcome {
    /// All steps of the feature were performed and passed in time.
    Pass,
    /// As `Pass`, but slower than the journey's soft limit.
    Slow,
    /// A step of the feature failed.
    Fail(FailClass),
    /// The feature was not, or only partly, reached because this other feature failed first.
    Blocked(FeatureId),
    /// The agent's own fault; no evidence about the platform.
    Blind(BlindReason),
    /// Not run, on purpose.
    Skipped(SkipReason),
}

impl Outcome {
    /// Whether the outcome is evidence about the feature: pass, slow or fail.
    pub const fn is_valid(&self) -> bool {
        matches!(self, Self::Pass | Self::Slow | Self::Fail(_))
    }

    /// Whether the feature worked: pass or slow.
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Pass | Self::Slow)
    }

    /// The outcome's word, without its class, cause or reason.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Slow => "slow",
            Self::Fail(_) => "fail",
            Self::Blocked(_) => "blocked",
            Self::Blind(_) => "blind",
            Self::Skipped(_) => "skipped",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Pass | Self::Slow => Ok(()),
            Self::Fail(class) => write!(f, "({class})"),
            Self::Blocked(by) => write!(f, "({by})"),
            Self::Blind(reason) => write!(f, "({reason})"),
            Self::Skipped(reason) => write!(f, "({reason})"),
        }
    }
}

/// An outcome and the feature it speaks of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FeatureOutcome {
    /// The feature.
    pub feature: FeatureId,
    /// How the run ended for it.
    pub outcome: Outcome,
}

/// The outcomes of a run: one for the journey's own feature, at most one for each other.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outcomes {
    own: FeatureOutcome,
    others: Vec<FeatureOutcome>,
}

impl Outcomes {
    /// Outcomes with `own` for the journey's own feature. None if a feature is named twice.
    pub fn new(own: FeatureOutcome, others: Vec<FeatureOutcome>) -> Option<Self> {
        let mut seen: Vec<&FeatureId> = vec![&own.feature];
        for other in &others {
            if seen.contains(&&other.feature) {
                return None;
            }
            seen.push(&other.feature);
        }
        Some(Self { own, others })
    }

    /// Outcomes of a run that speaks of its own feature only.
    pub fn only(feature: FeatureId, outcome: Outcome) -> Self {
        Self {
            own: FeatureOutcome { feature, outcome },
            others: Vec::new(),
        }
    }

    /// The journey's own feature and its outcome.
    pub fn own(&self) -> &FeatureOutcome {
        &self.own
    }

    /// What the run says of other features: evidence, never part of their ledger.
    pub fn others(&self) -> &[FeatureOutcome] {
        &self.others
    }

    /// The run's verdict: the outcome of the journey's own feature.
    pub fn verdict(&self) -> &Outcome {
        &self.own.outcome
    }

    /// All outcomes, the own one first, each with whether it is the own one.
    pub fn iter(&self) -> impl Iterator<Item = (&FeatureOutcome, bool)> {
        std::iter::once((&self.own, true)).chain(self.others.iter().map(|other| (other, false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(feature: &str) -> FeatureOutcome {
        FeatureOutcome {
            feature: FeatureId::new(feature).unwrap(),
            outcome: Outcome::Pass,
        }
    }

    #[test]
    fn a_feature_has_one_outcome_in_a_run() {
        assert!(Outcomes::new(outcome("a"), vec![outcome("b"), outcome("c")]).is_some());
        assert!(Outcomes::new(outcome("a"), vec![outcome("a")]).is_none());
        assert!(Outcomes::new(outcome("a"), vec![outcome("b"), outcome("b")]).is_none());
    }

    #[test]
    fn every_word_parses_to_itself_and_no_other_does() {
        for class in FailClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(*class));
        }
        let error = "dsn".parse::<FailClass>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`dsn` is not a failure class; one of dns, connect")
        );
    }

    #[test]
    fn an_outcome_reads_as_word_and_cause() {
        assert_eq!(
            Outcome::Fail(FailClass::WsClosed).to_string(),
            "fail(ws_closed)"
        );
        assert_eq!(
            Outcome::Blind(BlindReason::NoAccount).to_string(),
            "blind(no_account)"
        );
        assert_eq!(Outcome::Pass.to_string(), "pass");
    }
}
