//! The clocks that duties and manuals set on an incident, as instants.

use std::time::Duration;

use bongsu_model::Timestamp;

use crate::IncidentView;

/// The manual's time for recovery, of the company in the outage of October 2022.
const MANUAL: Duration = Duration::from_secs(20 * 60);

/// From so long an interruption on a carrier, and since the decree of 28 March 2025 everybody,
/// tells its users (notice duty of the Korean Telecommunications Business Act).
const NOTICE: Duration = Duration::from_secs(2 * 3600);

/// The same for value-added services until that decree.
const NOTICE_VALUE_ADDED: Duration = Duration::from_secs(4 * 3600);

/// From so long an interruption on a data centre reports to the ministry (article 40 of the decree
/// of the Korean Network Act).
const DATA_CENTRE: Duration = Duration::from_secs(30 * 60);

/// How long after resumption users are told what they may claim.
const DAMAGES: Duration = Duration::from_secs(30 * 24 * 3600);

/// The clocks of one incident. Limits count from the first failed run, the damages notice from the
/// sustained recovery. Whether a duty exists at all is not decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncidentClocks {
    /// Start of the first failed run.
    pub fail_first: Timestamp,
    /// When it was decided.
    pub detect: Timestamp,
    /// When the platform's owner first said so; none if it did not, or nobody told Bongsu.
    pub announce: Option<Timestamp>,
    /// When the manual's 20 minutes are over.
    pub minutes_20: Timestamp,
    /// When two hours are over.
    pub hours_2: Timestamp,
    /// When four hours are over.
    pub hours_4: Timestamp,
    /// When a data centre's 30 minutes are over.
    pub minutes_30_dc: Timestamp,
    /// Start of the first run that passed again, however it went on.
    pub recover_first: Option<Timestamp>,
    /// Start of the last unbroken streak of passes, once everything is up.
    pub recover_sustained: Option<Timestamp>,
    /// When the 30 days for the damages notice are over.
    pub days_30: Option<Timestamp>,
}

impl IncidentClocks {
    /// The clocks of `incident`, which was announced then.
    pub fn of(incident: &IncidentView, announced: Option<Timestamp>) -> Self {
        let onset = incident.onset;
        Self {
            fail_first: onset,
            detect: incident.detected,
            announce: announced,
            minutes_20: onset + MANUAL,
            hours_2: onset + NOTICE,
            hours_4: onset + NOTICE_VALUE_ADDED,
            minutes_30_dc: onset + DATA_CENTRE,
            recover_first: incident.recover_first,
            recover_sustained: incident.resolved,
            days_30: incident.resolved.map(|resolved| resolved + DAMAGES),
        }
    }

    /// Every clock by its name, in the order in which they are listed.
    pub const fn named(&self) -> [(&'static str, Option<Timestamp>); 10] {
        [
            ("t_fail_first", Some(self.fail_first)),
            ("t_detect", Some(self.detect)),
            ("t_announce", self.announce),
            ("t_20m", Some(self.minutes_20)),
            ("t_30m_dc", Some(self.minutes_30_dc)),
            ("t_2h", Some(self.hours_2)),
            ("t_4h", Some(self.hours_4)),
            ("t_recover_first", self.recover_first),
            ("t_recover_sustained", self.recover_sustained),
            ("t_30d", self.days_30),
        ]
    }
}
