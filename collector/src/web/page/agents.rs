//! The fleet's page: every agent, its clock, its spool, its debts, its plan.

use bongsu_availability::Presence;
use maud::{Markup, html};

use super::icon::Icon;
use super::layout::{PageContext, freshness, page};
use super::{Lang, figures};
use crate::control::ChannelKind;
use crate::web::answer::{AgentAnswer, AgentsAnswer, FleetAnswer};

/// Clock offsets above this are marked, in seconds: half of the default lateness.
const OFFSET_NOTABLE_S: f64 = 2.5;

/// The page of the fleet.
pub fn agents_page(context: &PageContext, answer: &AgentsAnswer) -> String {
    let lang = context.lang;
    let heads = [
        lang.pick("에이전트", "Agent"),
        lang.pick("상태", "State"),
        lang.pick("마지막 신호", "Last heartbeat"),
        lang.pick("제어 채널", "Control channel"),
        lang.pick("마지막 실행", "Last run"),
        lang.pick("시계 차이", "Clock offset"),
        lang.pick("대기열", "Spool"),
        lang.pick("밀린 정리", "Cleanup owed"),
        lang.pick("계획", "Plan"),
        lang.pick("격리된 셀", "Quarantined cells"),
        lang.pick("표본 (1시간)", "Samples (1 h)"),
    ];
    let content = html! {
        div.subject data-part="subject" {
            div {
                h1 { (headline(&answer.fleet, lang)) }
                @if !answer.fleet.outliers.is_empty() {
                    p.wrong {
                        (lang.pick("절반 넘는 셀에서 격리됨", "Quarantined in half of their cells"))
                        ": "
                        (answer.fleet.outliers.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", "))
                    }
                }
            }
        }
        (freshness(context, answer.as_of))
        div.card data-part="agents" {
            div.scroll tabindex="0" role="region" aria-label=(lang.pick("에이전트", "Agents")) {
                table.rows {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody { @for agent in &answer.agents { (agent_row(context, agent)) } }
                }
            }
        }
    };
    page(
        context,
        lang.pick("에이전트", "Agents"),
        answer.as_of,
        &content,
    )
    .into_string()
}

fn headline(fleet: &FleetAnswer, lang: Lang) -> String {
    let (present, agents) = (fleet.present, fleet.agents);
    let blind = fleet.blind.len();
    match (lang, blind) {
        (Lang::Ko, 0) => format!("에이전트 {agents}개 중 {present}개 연결됨"),
        (Lang::En, 0) => format!("{present} of {agents} agents present"),
        (Lang::Ko, _) => format!("에이전트 {agents}개 중 {present}개 연결됨, {blind}개 판단 불가"),
        (Lang::En, _) => format!("{present} of {agents} agents present, {blind} blind"),
    }
}

fn agent_row(context: &PageContext, agent: &AgentAnswer) -> Markup {
    let lang = context.lang;
    let (icon, word) = standing(agent, lang);
    let when = |at: Option<crate::web::answer::Time>| match at {
        Some(at) => figures::time(at, context.now, &context.zone),
        None => html! { "–" },
    };
    html! {
        tr class={ "t-" (icon.name()) } {
            th scope="row" {
                (agent.id) br;
                small { (agent.region) @if let Some(network) = &agent.network { " · " (network) } }
            }
            td {
                (icon) " " strong { (word) }
                @for control in agent.controls.iter().filter(|c| !c.reachable) {
                    br; small.wrong { (control.control) " " (lang.pick("닿지 않음", "out of reach")) }
                }
            }
            td { (when(agent.last_heartbeat)) @if let Some(version) = &agent.version { br; small { (version) } } }
            td { (channel(context, agent)) }
            td { (when(agent.last_run)) }
            td {
                @if let Some(offset) = agent.clock_offset_s {
                    span.wrong[offset.abs() > OFFSET_NOTABLE_S] { (format!("{offset:+.3} s")) }
                } @else { "–" }
            }
            td { (spool(context, agent)) }
            td {
                @if let Some(debts) = agent.cleanup_debts { span.wrong[debts > 0] { (debts) } }
                @else { "–" }
            }
            td {
                @if let Some(revision) = &agent.plan_revision { span.mono { (revision) } }
                @else { "–" }
                @if agent.plan_unknown {
                    br; span.wrong { (lang.pick(
                        "이 계획의 기록이 오지 않음: 다시 보내게 함",
                        "The record of this plan never came: it is asked for",
                    )) }
                }
                @if let Some(refused) = &agent.plan_refused {
                    br; span.wrong { (lang.pick("새 계획을 거부함", "Refused a newer plan")) ": " (refused) }
                }
            }
            td {
                @if agent.quarantined.is_empty() { "–" } @else {
                    (agent.quarantined.len()) " / " (agent.cells)
                    @for cell in &agent.quarantined {
                        br; small { (cell.target) " " (cell.feature) " " (cell.region) }
                    }
                }
            }
            td { (agent.samples.valid()) " / " (agent.samples.expected()) }
        }
    }
}

fn standing(agent: &AgentAnswer, lang: Lang) -> (Icon, &'static str) {
    match agent.presence {
        Presence::Lost => (Icon::Bad, lang.pick("끊김", "Lost")),
        Presence::Unseen => (Icon::Unmeasured, lang.pick("온 적 없음", "Never seen")),
        Presence::Present if agent.blind => (Icon::Unknown, lang.pick("판단 불가", "Blind")),
        Presence::Present if agent.outlier => {
            (Icon::Warning, lang.pick("혼자 실패함", "Fails alone"))
        }
        Presence::Present => (Icon::Good, lang.pick("연결됨", "Present")),
    }
}

fn channel(context: &PageContext, agent: &AgentAnswer) -> Markup {
    let lang = context.lang;
    let kind = match agent.channel.kind {
        ChannelKind::Websocket => "WebSocket",
        ChannelKind::Polling => lang.pick("폴링", "Polling"),
        ChannelKind::None => lang.pick("없음", "None"),
    };
    html! {
        (kind)
        @if let Some(since) = agent.channel.since {
            br; small {
                (lang.pick("변경", "since")) " "
                (figures::time(since, context.now, &context.zone))
            }
        }
        @if let Some(health) = agent.health.as_ref().filter(|health| !health.healthy) {
            br; span.wrong { (lang.pick("이상", "Unwell")) ": " (health.last_error) }
        }
        @if let Some(config) = &agent.effective_config {
            br; small title=(config.hash) {
                (lang.pick("구성", "configuration")) " "
                span.mono { (config.hash.chars().take(12).collect::<String>()) }
            }
        }
    }
}

fn spool(context: &PageContext, agent: &AgentAnswer) -> Markup {
    let lang = context.lang;
    html! {
        @match &agent.spool {
            None => "–",
            Some(spool) => {
                span.figures { (spool.records) " " small { "(" (figures::bytes(spool.bytes)) ")" } }
                @if let Some(oldest) = spool.oldest {
                    br; small {
                        (lang.pick("가장 오래된 것", "oldest")) " "
                        (figures::time(oldest, context.now, &context.zone))
                    }
                }
                @if spool.dropped > 0 {
                    br; span.wrong { (spool.dropped) " " (lang.pick("버려짐", "dropped")) }
                }
            }
        }
    }
}
