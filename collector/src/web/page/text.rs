//! What the pages say, in Korean and English.

use bongsu_availability::{IncidentPhase, RecoveryState};
use bongsu_model::{
    CellState, ClaimConfidence, ClaimedState, Comparison, FeatureState, Overlay, Track,
};

use crate::report::Topic;
use crate::web::answer::NamesAnswer;

/// A language that pages are shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Korean, the default.
    Ko,
    /// English.
    En,
}

impl Lang {
    /// The language that `?lang=` asks for, else the first of `Accept-Language` that is known,
    /// else Korean.
    pub fn choose(asked: Option<&str>, accept_language: Option<&str>) -> Self {
        let known = |word: &str| match word.trim().get(..2).map(str::to_ascii_lowercase).as_deref()
        {
            Some("ko") => Some(Self::Ko),
            Some("en") => Some(Self::En),
            _ => None,
        };
        asked
            .and_then(known)
            .or_else(|| accept_language?.split(',').find_map(known))
            .unwrap_or(Self::Ko)
    }

    /// The language's tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }

    /// The other language.
    pub const fn other(self) -> Self {
        match self {
            Self::Ko => Self::En,
            Self::En => Self::Ko,
        }
    }

    /// The Korean or the English text.
    pub const fn pick<'a>(self, ko: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Ko => ko,
            Self::En => en,
        }
    }

    /// A name in this language.
    pub fn name(self, names: &NamesAnswer) -> &str {
        self.pick(&names.ko, &names.en)
    }

    /// A feature's state.
    pub const fn feature_state(self, state: FeatureState) -> &'static str {
        match state {
            FeatureState::Operational => self.pick("정상", "Operational"),
            FeatureState::Degraded => self.pick("성능 저하", "Degraded"),
            FeatureState::Recovering => self.pick("복구 중", "Recovering"),
            FeatureState::PartialOutage => self.pick("부분 장애", "Partial outage"),
            FeatureState::MajorOutage => self.pick("전면 장애", "Major outage"),
            FeatureState::Unknown => self.pick("확인 불가", "Unknown"),
            FeatureState::Maintenance => self.pick("점검 중", "Maintenance"),
            FeatureState::Unmeasured => self.pick("미측정", "Unmeasured"),
        }
    }

    /// A cell's state.
    pub const fn cell_state(self, state: CellState) -> &'static str {
        match state {
            CellState::Unmeasured => self.pick("미측정", "Unmeasured"),
            CellState::Unknown => self.pick("확인 불가", "Unknown"),
            CellState::Up => self.pick("정상", "Up"),
            CellState::Suspect => self.pick("의심", "Suspect"),
            CellState::Down => self.pick("장애", "Down"),
            CellState::Recovering => self.pick("복구 중", "Recovering"),
        }
    }

    /// An overlay.
    pub const fn overlay(self, overlay: Overlay) -> &'static str {
        match overlay {
            Overlay::Maintenance => self.pick("점검", "Maintenance"),
            Overlay::Slow => self.pick("느림", "Slow"),
            Overlay::Partial => self.pick("일부 실패", "Some runs fail"),
            Overlay::Flapping => self.pick("불안정", "Flapping"),
        }
    }

    /// A run's or a step's outcome.
    pub fn outcome(self, word: &str) -> &str {
        match word {
            "pass" => self.pick("성공", "Pass"),
            "slow" => self.pick("느림", "Slow"),
            "fail" => self.pick("실패", "Fail"),
            "blocked" => self.pick("차단됨", "Blocked"),
            "blind" => self.pick("판단 불가", "Blind"),
            "skipped" => self.pick("건너뜀", "Skipped"),
            "missed" => self.pick("누락", "Missed"),
            other => other,
        }
    }

    /// What happened to an incident, in its word of a transition.
    pub fn incident_step(self, word: &str) -> &str {
        match word {
            "opened" => self.pick("사고 시작", "Incident opened"),
            "widened" => self.pick("사고가 여기로 번짐", "Incident widened to here"),
            "absorbed" => self.pick(
                "다른 사고와 하나로 밝혀짐",
                "Another incident turned out to be this one",
            ),
            "merged" => self.pick(
                "앞선 사고와 하나로 밝혀짐",
                "Turned out to be one with an earlier incident",
            ),
            "relapsed" => self.pick("사고 재발", "Incident relapsed"),
            "open" => self.pick("사고 진행 중", "Incident open"),
            "recovering" => self.pick("사고 복구 중", "Incident recovering"),
            "resolved" => self.pick("사고 해소", "Incident resolved"),
            "closed" => self.pick("사고 종료", "Incident closed"),
            "lost_sight" => self.pick("사고가 시야에서 벗어남", "Incident out of sight"),
            "regained_sight" => self.pick("사고가 다시 보임", "Incident in sight again"),
            other => other,
        }
    }

    /// Whose statements.
    pub const fn track(self, track: Track) -> &'static str {
        match track {
            Track::Claim => self.pick("운영사 발표", "Owner's claim"),
            Track::Observed => self.pick("제3자 관측", "Seen by others"),
        }
    }

    /// What is said of a feature.
    pub const fn claimed_state(self, state: ClaimedState) -> &'static str {
        match state {
            ClaimedState::Up => self.pick("정상", "Up"),
            ClaimedState::Degraded => self.pick("성능 저하", "Degraded"),
            ClaimedState::Recovering => self.pick("복구 중", "Recovering"),
            ClaimedState::Down => self.pick("장애", "Down"),
            ClaimedState::Maintenance => self.pick("점검 중", "Maintenance"),
            ClaimedState::Unknown => self.pick("모름", "Not known"),
            ClaimedState::Unmeasured => self.pick("상태 언급 없음", "No state given"),
        }
    }

    /// What a claim and a measurement have to do with each other.
    pub const fn comparison(self, comparison: Comparison) -> &'static str {
        match comparison {
            Comparison::Same => self.pick("측정과 같음", "as measured"),
            Comparison::MeasuredBetter => self.pick("측정은 더 좋음", "measured better"),
            Comparison::MeasuredWorse => self.pick("측정은 더 나쁨", "measured worse"),
            Comparison::NotMeasured => self.pick("측정 없음", "not measured"),
            Comparison::NotComparable => self.pick("비교할 수 없음", "nothing to compare"),
        }
    }

    /// How sure it is that something was said.
    pub const fn confidence(self, confidence: ClaimConfidence) -> &'static str {
        match confidence {
            ClaimConfidence::High => self.pick("확실", "sure"),
            ClaimConfidence::Medium => self.pick("전해 들음", "reported"),
            ClaimConfidence::Low => self.pick("추정", "estimated"),
        }
    }

    /// How far a recovery is.
    pub const fn recovery_state(self, state: RecoveryState) -> &'static str {
        match state {
            RecoveryState::Down => self.pick("장애", "Down"),
            RecoveryState::Blocked => self.pick("차단됨", "Blocked"),
            RecoveryState::NoSight => self.pick("확인 불가", "Out of sight"),
            RecoveryState::Recovering => self.pick("복구 중", "Recovering"),
            RecoveryState::Recovered => self.pick("복구됨", "Recovered"),
            RecoveryState::Verified => self.pick("복구 확인", "Verified"),
        }
    }

    /// How far an incident is.
    pub const fn incident_phase(self, phase: IncidentPhase) -> &'static str {
        match phase {
            IncidentPhase::Open => self.pick("진행 중", "Open"),
            IncidentPhase::Recovering => self.pick("복구 중", "Recovering"),
            IncidentPhase::Resolved => self.pick("해소", "Resolved"),
            IncidentPhase::Closed => self.pick("종료", "Closed"),
        }
    }

    /// A clock of an incident, by its name.
    pub fn incident_clock(self, name: &str) -> &str {
        match name {
            "t_fail_first" => self.pick("첫 실패", "First failed run"),
            "t_detect" => self.pick("감지", "Detected"),
            "t_announce" => self.pick("운영사 발표", "Announced by the owner"),
            "t_20m" => self.pick("20분 매뉴얼", "20 minutes of the manual"),
            "t_30m_dc" => self.pick("데이터센터 30분", "30 minutes of a data centre"),
            "t_2h" => self.pick("고지 2시간", "2 hours: notice"),
            "t_4h" => self.pick(
                "고지 4시간 (구 부가통신)",
                "4 hours: notice, value-added (old)",
            ),
            "t_recover_first" => self.pick("첫 복구", "First pass again"),
            "t_recover_sustained" => self.pick("지속 복구", "Sustained recovery"),
            "t_30d" => self.pick("손해배상 안내 30일", "30 days: damages notice"),
            other => other,
        }
    }

    /// What people write about.
    pub const fn topic(self, topic: Topic) -> &'static str {
        match topic {
            Topic::Cause => self.pick("원인", "Cause"),
            Topic::Response => self.pick("대응 현황", "State of the response"),
            Topic::Contact => self.pick("상담·문의", "Contact"),
            Topic::Measures => self.pick("응급조치", "Emergency measures"),
            Topic::Plan => self.pick("향후 계획", "Plan"),
            Topic::Place => self.pick("장소", "Place"),
            Topic::Damage => self.pick("피해", "Damage"),
            Topic::Claimant => self.pick("청구할 수 있는 사람", "Who may claim"),
            Topic::Standard => self.pick("배상 기준", "Standard of damages"),
            Topic::Procedure => self.pick("청구 절차", "Procedure of claims"),
            Topic::Other => self.pick("그 밖의 사항", "Other"),
        }
    }

    /// A draft of a report, by the name of its file.
    pub fn draft(self, file: &str) -> &str {
        match file.split('.').next().unwrap_or_default() {
            "notice-mail" => self.pick("이용자 고지: 메일", "Notice to users: mail"),
            "notice-site" => self.pick("이용자 고지: 앱·사이트", "Notice to users: app and site"),
            "notice-sms" => self.pick("이용자 고지: 문자", "Notice to users: SMS"),
            "notice-disaster" => self.pick("재난문자", "Disaster text"),
            "notice-press" => self.pick("언론 우선 고지", "To the press first"),
            "regulator-dc" => self.pick("보고서: 데이터센터", "Report: data centre"),
            "regulator-vas" => self.pick("보고서: 부가통신사업자", "Report: value-added operator"),
            "damages" => self.pick("손해배상 안내", "Notice of damages"),
            _ => file,
        }
    }

    /// What a recovery clock's alarm says.
    pub fn rto_alarm(self, word: &str) -> &str {
        match word {
            "rto.warn" => self.pick("복구 시한 경고", "Recovery time is running out"),
            "rto.breach" => self.pick("복구 시한 초과", "Recovery time is over"),
            other => other,
        }
    }

    /// A state word of any kind, as transitions carry them.
    pub fn state_word(self, word: &str) -> &str {
        if let Ok(state) = word.parse::<FeatureState>() {
            return self.feature_state(state);
        }
        if let Some(state) = RecoveryState::ALL.into_iter().find(|s| s.as_str() == word) {
            return self.recovery_state(state);
        }
        word.parse::<CellState>()
            .map_or_else(|_| self.rto_alarm(word), |state| self.cell_state(state))
    }

    /// Of a blocked feature: what blocks it.
    pub fn blocked_by(self, by: &str) -> String {
        match self {
            Self::Ko => format!("{by}에 의해 차단됨"),
            Self::En => format!("Blocked by {by}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_decides_then_the_browser_then_korean() {
        assert_eq!(Lang::choose(Some("en"), Some("ko")), Lang::En);
        assert_eq!(Lang::choose(Some("fr"), Some("de, en-GB;q=0.8")), Lang::En);
        assert_eq!(
            Lang::choose(None, Some("ko-KR,ko;q=0.9,en;q=0.8")),
            Lang::Ko
        );
        assert_eq!(Lang::choose(None, Some("fr, 한")), Lang::Ko);
        assert_eq!(Lang::choose(None, None), Lang::Ko);
    }

    #[test]
    fn every_word_of_a_transition_is_known_in_both_languages() {
        for word in [
            "opened",
            "widened",
            "absorbed",
            "merged",
            "relapsed",
            "open",
            "recovering",
            "resolved",
            "closed",
        ] {
            assert_ne!(Lang::Ko.incident_step(word), word);
        }
        for word in ["lost_sight", "regained_sight"] {
            assert_ne!(Lang::En.incident_step(word), word);
        }
        for state in FeatureState::ALL {
            assert_ne!(Lang::Ko.state_word(state.as_str()), state.as_str());
        }
        for state in CellState::ALL {
            assert_ne!(Lang::En.state_word(state.as_str()), state.as_str());
        }
    }
}
