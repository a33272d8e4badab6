//! A duty as dated data: since when it holds, whom it binds, what raises it, what is due.
//!
//! Not legal advice: each profile names its sources and what is to be verified.

pub(in crate::report) mod reading;

use std::time::Duration;

use bongsu_model::{Names, Paid, ServiceId, Timestamp};
use jiff::civil::Date;

pub use reading::read;

use super::platform::{Circumstance, Role};
use crate::web::answer::to_jiff;

/// The zone in which the days of all profiles are counted: they are Korean.
const ZONE: &str = "Asia/Seoul";

/// A word of a closed list that profiles are written with.
pub trait Word: Sized + Copy + 'static {
    /// What the list is of.
    const LIST: &'static str;
    /// Every word.
    const ALL: &'static [Self];

    /// The word as files have it.
    fn as_str(self) -> &'static str;

    /// The word that `text` is.
    ///
    /// # Errors
    /// When it is none, with those there are.
    fn parse(text: &str) -> Result<Self, String> {
        let mut known = Self::ALL.iter();
        known
            .find(|word| word.as_str() == text)
            .copied()
            .ok_or_else(|| {
                let words: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                let list = Self::LIST;
                format!("`{text}` is not a {list}; use one of {}", words.join(", "))
            })
    }
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident: $list:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $crate::report::profile::Word for $name {
            const LIST: &'static str = $list;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What is to be done.
    Duty: "duty" {
        /// Users are told of the interruption.
        NotifyUsers = "notify-users",
        /// Users are told what they may claim.
        NotifyDamages = "notify-damages",
        /// An authority is told.
        ReportAuthority = "report-authority",
        /// The company's own rule.
        Internal = "internal",
    }
}

words! {
    /// What must be said.
    Item: "item that must be said" {
        /// The fact of the interruption.
        Fact = "fact",
        /// Its cause.
        Cause = "cause",
        /// The state of the response.
        Response = "response",
        /// Where to turn to.
        Contact = "contact",
        /// Who may claim damages.
        Claimant = "claimant",
        /// By what standard.
        Standard = "standard",
        /// How.
        Procedure = "procedure",
        /// How things stand.
        Status = "status",
        /// What was done at once.
        Measures = "measures",
        /// What will be done.
        Plan = "plan",
        /// When and where.
        TimeAndPlace = "time-and-place",
        /// What was damaged.
        Damage = "damage",
        /// Whatever else.
        Other = "other",
    }
}

words! {
    /// By what means users are told.
    Means: "means" {
        /// Mail.
        Mail = "mail",
        /// Text messages of carriers.
        Sms = "sms",
        /// The screen of site or app.
        Site = "site",
        /// Social networks.
        Sns = "sns",
    }
}

words! {
    /// From when a time limit counts.
    Start: "start of a time limit" {
        /// The first failed run.
        Onset = "onset",
        /// The decision that it is an outage.
        Detection = "detection",
        /// The moment at which the duty is raised.
        Trigger = "trigger",
        /// The sustained recovery.
        Resumption = "resumption",
    }
}

/// The days on which something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days {
    /// The first; none if it is not known.
    pub from: Option<Date>,
    /// The first on which it does not hold any more.
    pub until: Option<Date>,
}

impl Days {
    /// Whether `day` is one of them.
    pub fn has(self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }
}

/// The day of `at` in Korea, by which profiles are dated.
pub fn day_of(at: Timestamp) -> Date {
    let zone = jiff::tz::TimeZone::get(ZONE)
        .unwrap_or(jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(9)));
    to_jiff(at).to_zoned(zone).date()
}

/// What raises a duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// An interruption that lasts.
    Lasts {
        /// So long.
        limit: Duration,
        /// Whether it must be longer, and not just as long.
        longer: bool,
    },
    /// Interruptions that come again.
    Cuts {
        /// So many, 2 or more.
        count: u32,
        /// Within this stretch.
        within: Duration,
        /// Of this length together.
        total: Duration,
    },
    /// Something that only people can say.
    Circumstance(Circumstance),
}

/// A way to raise a duty.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// What raises it.
    pub when: When,
    /// On platforms of one of these roles; of any if there is none.
    pub roles: Vec<Role>,
    /// Only for facilities that are designated as important.
    pub designated: bool,
    /// Only from so many users of the feature on.
    pub subscribers_min: Option<u64>,
    /// The days on which it holds.
    pub days: Days,
}

/// What frees from a duty, when everything in it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemption {
    /// Why, in words.
    pub why: Names,
    /// Only platforms of these roles; any if there is none.
    pub roles: Vec<Role>,
    /// Features that are paid for so.
    pub paid: Option<Vec<Paid>>,
    /// Platforms with fewer users a day.
    pub daily_users_below: Option<u64>,
    /// Platforms with less revenue a year, in won.
    pub revenue_won_below: Option<u64>,
    /// Platforms with a smaller share of the country's traffic.
    pub traffic_share_below: Option<f64>,
    /// Halls below so many square metres.
    pub hall_m2_below: Option<u64>,
    /// What only people can say.
    pub circumstance: Option<Circumstance>,
}

/// When a duty is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// As soon as it is raised.
    WithoutDelay,
    /// Within a time limit.
    Within {
        /// So long.
        limit: Duration,
        /// After this.
        of: Start,
    },
}

/// A duty with everything that it depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its id: `kr-notice-2019`.
    pub id: ServiceId,
    /// What it is called.
    pub names: Names,
    /// What is to be done.
    pub duty: Duty,
    /// Towards whom.
    pub recipient: Names,
    /// By which rule, by its title.
    pub law: Names,
    /// The days on which it is in force.
    pub days: Days,
    /// Of features of these services; of all if there is none.
    pub services: Vec<ServiceId>,
    /// What raises it, one at least.
    pub triggers: Vec<Trigger>,
    /// What frees from it.
    pub exemptions: Vec<Exemption>,
    /// When it is due.
    pub due: Due,
    /// Whether it is to be done again until the end.
    pub repeats: bool,
    /// What must be said.
    pub must_say: Vec<Item>,
    /// By what means, where that is told.
    pub means: Vec<Means>,
    /// Where it is from.
    pub sources: Vec<String>,
    /// What is to be verified before it is relied on.
    pub verify: Vec<Names>,
}

#[cfg(test)]
mod tests;
