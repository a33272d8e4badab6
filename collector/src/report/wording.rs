//! How the drafts say things: times, lists of features, and what nobody has written yet.

use std::fmt::Write as _;
use std::time::Duration;

use bongsu_model::{Names, Paid};
use jiff::tz::TimeZone;

use super::duty::{Assessment, Standing};
use super::subject::{Affected, Subject};
use super::words::{Said, Topic};
use crate::web::answer::{Time, to_jiff};
use crate::web::page::{Lang, duration};

/// Writes about one snapshot in one language.
#[derive(Debug)]
pub(crate) struct Wording<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) lang: Lang,
    zone: TimeZone,
}

impl<'a> Wording<'a> {
    /// For `subject` in `lang`.
    pub(crate) fn of(subject: &'a Subject, lang: Lang) -> Self {
        Self {
            subject,
            lang,
            zone: subject.time_zone(),
        }
    }

    /// The Korean or the English text.
    pub(crate) const fn pick<'t>(&self, ko: &'t str, en: &'t str) -> &'t str {
        self.lang.pick(ko, en)
    }

    /// A name.
    pub(crate) fn name<'n>(&self, names: &'n Names) -> &'n str {
        self.lang.pick(&names.ko, &names.en)
    }

    /// A time to the second with its zone.
    pub(crate) fn time(&self, at: Time) -> String {
        self.stamp(at, "%Y-%m-%d %H:%M:%S %Z")
    }

    /// A time of day, for short texts.
    pub(crate) fn short(&self, at: Time) -> String {
        self.stamp(at, "%m-%d %H:%M")
    }

    fn stamp(&self, at: Time, pattern: &str) -> String {
        let zoned = to_jiff(at.0).to_zoned(self.zone.clone());
        zoned.strftime(pattern).to_string()
    }

    /// A length of time.
    pub(crate) fn lasted(&self, length: Duration) -> String {
        duration(length, self.lang)
    }

    /// From one time to another, or still.
    pub(crate) fn span(&self, from: Time, until: Option<Time>) -> String {
        let until = until.map_or_else(
            || self.pick("계속", "still").to_owned(),
            |until| self.time(until),
        );
        format!("{} – {until}", self.time(from))
    }

    /// What somebody wrote of a topic, or that nobody did.
    pub(crate) fn topic(&self, topic: Topic) -> &str {
        let said = self.subject.said(topic);
        said.map_or_else(|| unsaid(topic, self.lang), |said| self.name(said.text))
    }

    /// The same with who wrote it when.
    pub(crate) fn signed(&self, topic: Topic) -> String {
        match self.subject.said(topic) {
            None => unsaid(topic, self.lang).to_owned(),
            Some(Said { text, by, at }) => {
                let (text, at) = (self.name(text), self.time(at));
                match self.lang {
                    Lang::Ko => format!("{text} (작성 {by}, {at})"),
                    Lang::En => format!("{text} (written by {by}, {at})"),
                }
            }
        }
    }

    /// The first feature and how many more: `로그인 외 3건`.
    pub(crate) fn features_in_short(&self) -> (&'a str, String) {
        let subject = self.subject;
        let first = subject.features.first();
        let first = first.map_or(subject.incident.root.as_str(), |feature| {
            self.lang.pick(&feature.names.ko, &feature.names.en)
        });
        let more = match (subject.features.len().saturating_sub(1), self.lang) {
            (0, _) => String::new(),
            (more, Lang::Ko) => format!(" 외 {more}건"),
            (more, Lang::En) => format!(" and {more} more"),
        };
        (first, more)
    }

    /// The services of its features, each once.
    pub(crate) fn services(&self) -> Vec<&'a str> {
        let mut services: Vec<&str> = Vec::new();
        for feature in &self.subject.features {
            let name = self
                .lang
                .pick(&feature.service_names.ko, &feature.service_names.en);
            if !services.contains(&name) {
                services.push(name);
            }
        }
        services
    }

    /// The regions, each once.
    pub(crate) fn regions(&self) -> String {
        let regions = self.subject.regions();
        let regions: Vec<_> = regions.iter().map(|names| self.name(names)).collect();
        regions.join(", ")
    }

    /// How many features are back.
    pub(crate) fn progress(&self) -> String {
        let all = self.subject.features.len();
        let back = all - self.subject.out().count();
        let unseen = self.subject.out().filter(|feature| feature.is_unseen());
        match (self.lang, unseen.count()) {
            (Lang::Ko, 0) => format!("기능 {all}개 중 {back}개 복구 (측정)"),
            (Lang::En, 0) => format!("{back} of {all} features back, as measured"),
            (Lang::Ko, unseen) => {
                format!("기능 {all}개 중 {back}개 복구, {unseen}개 확인 불가 (측정)")
            }
            (Lang::En, unseen) => {
                format!("{back} of {all} features back, {unseen} out of sight, as measured")
            }
        }
    }

    /// How a feature is paid for.
    pub(crate) const fn paid(&self, paid: Option<Paid>) -> &'static str {
        match paid {
            Some(Paid::Free) => self.lang.pick("무료", "free"),
            Some(Paid::Subscription) => self.lang.pick("정기 요금", "subscription"),
            Some(Paid::PerUse) => self.lang.pick("건별 요금", "per use"),
            None => self.lang.pick("요금 방식 모름", "payment not known"),
        }
    }

    /// How far a feature is.
    pub(crate) fn state<'s>(&self, word: &'s str) -> &'s str {
        self.lang.state_word(word)
    }

    /// A feature in a line: its name, since when, how far.
    pub(crate) fn line(&self, feature: &Affected) -> String {
        format!(
            "{}: {} ({})",
            self.name(&feature.names),
            self.span(feature.from, feature.until),
            self.state(&feature.state),
        )
    }

    /// What stands over every text of a simulated outage; empty for a real one.
    pub(crate) fn simulated(&self) -> Option<&'static str> {
        self.subject.is_simulated.then(|| {
            self.lang.pick(
                "[모의] 모의 시계로 측정한 것이며 실제 장애가 아닙니다.",
                "[SIMULATED] Measured by a simulated clock: this is no real outage.",
            )
        })
    }

    /// That it was merged into an older incident, or which ones were merged into it; none for most.
    pub(crate) fn merged(&self) -> Option<String> {
        let incident = &self.subject.incident;
        if let Some(into) = &incident.merged_into {
            return Some(match self.lang {
                Lang::Ko => {
                    format!("앞선 사고({into})와 하나로 밝혀져 그 사고의 보고에서 이어집니다.")
                }
                Lang::En => format!(
                    "Turned out to be one with the earlier incident {into}, whose report goes on."
                ),
            });
        }
        let absorbed = incident.absorbed.join(", ");
        (!absorbed.is_empty()).then(|| match self.lang {
            Lang::Ko => format!("이 사고로 밝혀진 사고 포함: {absorbed}"),
            Lang::En => format!("With the incidents that turned out to be this one: {absorbed}"),
        })
    }

    /// When users are told next.
    pub(crate) fn next_update(&self) -> String {
        let next = super::words::next_update(&self.subject.words);
        next.map_or_else(
            || self.pick("미정", "not set yet").to_owned(),
            |next| self.time(next),
        )
    }

    /// What still works.
    pub(crate) fn alternatives(&self) -> String {
        let names = self.subject.alternatives.iter();
        let names: Vec<_> = names.map(|working| self.name(&working.names)).collect();
        if names.is_empty() {
            self.pick("확인된 것 없음", "none known").to_owned()
        } else {
            names.join(", ")
        }
    }
}

/// What stands where nobody has written.
pub(crate) const fn unsaid(topic: Topic, lang: Lang) -> &'static str {
    match topic {
        Topic::Cause => lang.pick("원인 조사 중", "under investigation"),
        Topic::Response => lang.pick(
            "대응 현황 확인 중",
            "state of the response being established",
        ),
        Topic::Contact => lang.pick("(상담 연락처 입력 필요)", "(contact to be filled in)"),
        Topic::Plan => lang.pick(
            "조사 중 (계획 입력 필요)",
            "under investigation (plan to be filled in)",
        ),
        Topic::Measures
        | Topic::Place
        | Topic::Damage
        | Topic::Claimant
        | Topic::Standard
        | Topic::Procedure
        | Topic::Other => lang.pick("(입력 필요)", "(to be filled in)"),
    }
}

/// What the evidence lacks.
pub(crate) fn gaps(wording: &Wording<'_>) -> Vec<String> {
    let evidence = &wording.subject.evidence;
    let mut gaps = Vec::new();
    if evidence.missing > 0 {
        gaps.push(match wording.lang {
            Lang::Ko => format!(
                "사고가 가리키는 실행 {}건은 더 이상 보관되어 있지 않습니다.",
                evidence.missing
            ),
            Lang::En => format!(
                "{} runs that the incident names are no longer kept.",
                evidence.missing
            ),
        });
    }
    if evidence.is_cut {
        gaps.push(match wording.lang {
            Lang::Ko => format!(
                "처음 {}건만 셌습니다. 그 뒤의 실행이 더 있습니다.",
                evidence.records
            ),
            Lang::En => format!(
                "Only the first {} runs are counted; there are more.",
                evidence.records
            ),
        });
    }
    gaps
}

/// How a duty stands, in words.
pub(crate) fn standing_of(wording: &Wording<'_>, duty: &Assessment) -> String {
    let word = match duty.standing {
        Standing::Raised => wording.pick("발생", "raised"),
        Standing::Running => wording.pick("계속되면 발생", "raised if it lasts"),
        Standing::Undecided => wording.pick("사람이 판단", "for a human to decide"),
        Standing::Below => wording.pick("기준에 못 미침", "below the threshold"),
        Standing::Exempt => wording.pick("면제", "exempt"),
        Standing::NotOurs => wording.pick("해당 없음", "does not apply"),
        Standing::Merged => {
            wording.pick("앞선 사고의 보고에서", "in the earlier incident's report")
        }
    };
    let mut text = word.to_owned();
    if let Some(at) = duty.raised_at {
        let _ = write!(text, " {}", wording.time(at));
    }
    if let Some(due) = duty.due_at {
        let _ = write!(
            text,
            " · {} {}",
            wording.pick("기한", "due"),
            wording.time(due)
        );
    }
    text
}
