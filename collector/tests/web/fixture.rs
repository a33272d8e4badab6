//! A collector at 14:30 on 16 October 2022 in which every state occurs.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bongsu_availability::{
    AgentView, Availability, Board, CellView, Change, Confidence, Failure, FeatureView, FleetState,
    FleetView, IncidentView, Ledger, Presence, QuarantineStep, RecoveryView, Rto, RunRef, Strip,
    Transition, Windows,
};
use bongsu_collector::claims::{ClaimBook, HandInError, HandedIn, MeasuredLog, Stated};
use bongsu_collector::config::{Duties, TokenHash, TraceLink};
use bongsu_collector::control::{ChannelKind, ChannelView, ConfigView, HealthView};
use bongsu_collector::counters::{Metric, MetricKind};
use bongsu_collector::journal::{AppendError, EvidencePage};
use bongsu_collector::published::Published;
use bongsu_collector::report::evidence::Wanted;
use bongsu_collector::report::pen::WriteError;
use bongsu_collector::report::{Lineage, Words};
use bongsu_collector::strips::StripWanted;
use bongsu_collector::tally::RunCount;
use bongsu_collector::web::answer::{RunAnswer, RunDetailAnswer, RunMention};
use bongsu_collector::web::source::{Folded, ReadRunsError, RunsWanted, Source, StripError};
use bongsu_model::{
    AgentId, BootId, Catalogue, CellKey, CellState, Claim, ControlCheck, FailClass, Feature,
    FeatureId, FeatureState, Heartbeat, Names, NetworkId, OperatorId, Overlay, Rank, RegionId,
    Revision, RunId, RunReport, Service, ServiceId, SpoolDepth, TargetName, Timestamp, Vantage,
};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{claims, recovery, report, runs, strips};

/// 2022-10-16 14:30:00 in Seoul.
pub(super) const NOW: Timestamp = Timestamp::from_unix_seconds(1_665_898_200);

/// Changes that a reader of events may be behind.
pub(super) const CHANGES_KEPT: usize = 4;

pub(super) const REGIONS: [(&str, &str, &str); 3] = [
    ("kr-seoul", "서울", "Seoul"),
    ("kr-busan", "부산", "Busan"),
    ("jp-tokyo", "도쿄", "Tokyo"),
];

pub(super) struct Fixture {
    catalogue: Catalogue,
    target: TargetName,
    picture: Arc<Published>,
    /// What is shown instead from when it is put here.
    later: OnceLock<Arc<Published>>,
    transitions: broadcast::Sender<Arc<Transition>>,
    claims: broadcast::Sender<Arc<Stated>>,
    reports: Vec<RunReport>,
    trace_link: Option<TraceLink>,
    strips: Result<(), StripError>,
    speed: f64,
    duties: Duties,
    stopping: CancellationToken,
}

impl std::fmt::Debug for Fixture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fixture")
    }
}

impl Fixture {
    pub(super) fn new() -> Self {
        let target = TargetName::new("superapp").unwrap();
        let staging = TargetName::new("staging").unwrap();
        let boards = [(target.clone(), features()), (staging, Vec::new())];
        let picture = Published {
            ready: true,
            as_of: NOW - Duration::from_millis(800),
            version: 7,
            boards: BTreeMap::from(boards.map(|(target, features)| {
                let board = Board {
                    target: target.clone(),
                    as_of: NOW - Duration::from_millis(800),
                    features,
                };
                (target, board)
            })),
            incidents: BTreeMap::from([(target.clone(), strips::incidents())]),
            recoveries: BTreeMap::from([(target.clone(), recovery::recoveries())]),
            agents: agents(),
            fleet: FleetView {
                state: FleetState::Sighted,
                agents: 4,
                present: 3,
                blind: vec![agent("tokyo-1")],
                outliers: Vec::new(),
            },
            claims: Arc::new(claims::book()),
            measured: Arc::new(claims::measured()),
        };
        Self {
            catalogue: catalogue(),
            target,
            picture: Arc::new(picture),
            later: OnceLock::new(),
            transitions: broadcast::Sender::new(CHANGES_KEPT),
            claims: broadcast::Sender::new(CHANGES_KEPT),
            reports: vec![runs::failed(), runs::passed()],
            trace_link: None,
            strips: Ok(()),
            speed: 1.0,
            duties: report::duties(),
            stopping: CancellationToken::new(),
        }
    }

    /// As [`Fixture::new`], with a picture that is this old, or was not made yet.
    pub(super) fn with_picture(age: Option<Duration>) -> Self {
        let mut fixture = Self::new();
        let mut picture = Published::clone(&fixture.picture);
        match age {
            Some(age) => {
                picture.as_of = NOW - age;
                let boards = picture.boards.values_mut();
                boards.for_each(|board| board.as_of = NOW - age);
            }
            None => {
                picture.ready = false;
                picture.version = 0;
                picture.boards.clear();
            }
        }
        fixture.picture = Arc::new(picture);
        fixture
    }

    /// As [`Fixture::new`], with this run instead of its own.
    pub(super) fn with_run(report: RunReport) -> Self {
        Self {
            reports: vec![report],
            ..Self::new()
        }
    }

    /// As [`Fixture::new`], with a place where traces are looked at.
    pub(super) fn with_trace_link(template: &str) -> Self {
        Self {
            trace_link: Some(TraceLink::parse(template).unwrap()),
            ..Self::new()
        }
    }

    /// As [`Fixture::new`], but strips cannot be had.
    pub(super) fn without_strips(why: StripError) -> Self {
        Self {
            strips: Err(why),
            ..Self::new()
        }
    }

    /// As [`Fixture::new`], by a clock that runs this fast.
    pub(super) fn with_speed(speed: f64) -> Self {
        Self {
            speed,
            ..Self::new()
        }
    }

    /// As it is after deriving has failed: the last picture, which is not ready any more.
    pub(super) fn stalled() -> Self {
        Self::altered(|picture| picture.ready = false)
    }

    /// As [`Fixture::new`], when nobody has said anything yet.
    pub(super) fn without_claims() -> Self {
        Self::altered(|picture| {
            picture.claims = Arc::new(ClaimBook::default());
            picture.measured = Arc::new(MeasuredLog::default());
        })
    }

    /// As [`Fixture::new`], with something else in its picture.
    pub(super) fn altered(alter: impl FnOnce(&mut Published)) -> Self {
        let mut fixture = Self::new();
        let mut picture = Published::clone(&fixture.picture);
        alter(&mut picture);
        fixture.picture = Arc::new(picture);
        fixture
    }

    /// Tells readers of events of a claim.
    pub(super) fn announce_claim(&self, stated: Stated) {
        self.claims.send(Arc::new(stated)).unwrap();
    }

    /// Tells readers of events of a change.
    pub(super) fn announce(&self) {
        let change = transitions().remove(0);
        self.transitions.send(Arc::new(change)).unwrap();
    }

    /// From now on every feature works; who looks at a board already is told.
    pub(super) fn mend_everything(&self) {
        let mut picture = Published::clone(&self.picture);
        picture.version += 1;
        let boards = picture.boards.values_mut();
        for feature in boards.flat_map(|board| &mut board.features) {
            feature.state = FeatureState::Operational;
        }
        self.later.set(Arc::new(picture)).unwrap();
    }
}

impl Source for Fixture {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn speed(&self) -> f64 {
        self.speed
    }

    fn zone(&self) -> TimeZone {
        TimeZone::get("Asia/Seoul").unwrap()
    }

    fn default_target(&self) -> &TargetName {
        &self.target
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn regions(&self) -> Vec<(RegionId, Names)> {
        REGIONS
            .map(|(id, ko, en)| (region(id), names(ko, en)))
            .to_vec()
    }

    fn listed(&self) -> Vec<Vantage> {
        let network = NetworkId::new("as4766").unwrap();
        self.picture
            .agents
            .iter()
            .map(|view| Vantage {
                region: view.region.clone(),
                network: network.clone(),
                agent: view.agent.clone(),
            })
            .collect()
    }

    fn picture(&self) -> Arc<Published> {
        Arc::clone(self.later.get().unwrap_or(&self.picture))
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        let ready = self.picture.has_content();
        Box::pin(async move {
            if !ready {
                std::future::pending().await
            }
        })
    }

    fn transitions(&self) -> broadcast::Receiver<Arc<Transition>> {
        self.transitions.subscribe()
    }

    fn recent_transitions(&self) -> Vec<Arc<Transition>> {
        transitions().into_iter().map(Arc::new).collect()
    }

    fn runs(&self, wanted: RunsWanted) -> BoxFuture<'_, Result<Vec<RunAnswer>, ReadRunsError>> {
        let runs = self
            .reports
            .iter()
            .map(|report| RunAnswer::new(&report.facts, NOW))
            .filter(|run| run.target == wanted.target)
            .filter(|run| wanted.feature.as_ref().is_none_or(|id| *id == run.feature))
            .filter(|run| {
                wanted
                    .outcome
                    .is_none_or(|word| word == run.verdict.outcome)
            })
            .filter(|run| wanted.agent.as_ref().is_none_or(|id| *id == run.agent))
            .filter(|run| wanted.region.as_ref().is_none_or(|id| *id == run.region))
            .filter(|run| {
                wanted
                    .due
                    .as_ref()
                    .is_none_or(|due| due.contains(&run.due.0))
            })
            .take(wanted.limit as usize)
            .collect();
        Box::pin(async { Ok(runs) })
    }

    fn run(&self, id: RunId) -> BoxFuture<'_, Result<Option<RunDetailAnswer>, ReadRunsError>> {
        let found = self.reports.iter().find(|report| report.facts.id == id);
        let previous = RunMention {
            run: RunId::from_bytes([0x11; 16]),
            at: ago(65).into(),
            agent: agent("seoul-1"),
        };
        let found = found.map(|report| RunDetailAnswer {
            previous: Some(previous),
            ..RunDetailAnswer::new(report, NOW)
        });
        Box::pin(async { Ok(found) })
    }

    fn strip(&self, wanted: StripWanted) -> BoxFuture<'_, Result<Arc<Strip>, StripError>> {
        let strip = strips::strip(&wanted);
        Box::pin(async move { self.strips.map(|()| Arc::new(strip)) })
    }

    fn claim_news(&self) -> broadcast::Receiver<Arc<Stated>> {
        self.claims.subscribe()
    }

    fn claims_until(&self) -> Timestamp {
        NOW
    }

    fn operator(&self, token: &TokenHash) -> Option<OperatorId> {
        let known = TokenHash::of(b"desk") == *token;
        known.then(|| OperatorId::new("desk").unwrap())
    }

    /// Keeps nothing, and says that all of it is new; of more than two that the disk is full.
    fn hand_in(
        &self,
        _by: OperatorId,
        claims: Vec<Claim>,
    ) -> BoxFuture<'_, Result<Vec<HandedIn>, HandInError>> {
        let taken = if claims.len() > 2 {
            Err(HandInError::Append(AppendError::Refused("full".into())))
        } else {
            Ok(vec![HandedIn::New; claims.len()])
        };
        Box::pin(async { taken })
    }

    fn duties(&self) -> &Duties {
        &self.duties
    }

    fn fold(
        &self,
        incident: &IncidentView,
        outage: Option<&RecoveryView>,
    ) -> BoxFuture<'_, Result<Folded, ReadRunsError>> {
        let folded = report::folded(incident, outage);
        Box::pin(async { Ok(folded) })
    }

    fn evidence(
        &self,
        wanted: Wanted,
        after: u64,
        until: u64,
    ) -> BoxFuture<'_, Result<EvidencePage, ReadRunsError>> {
        let page = report::page(&wanted, after, until);
        Box::pin(async { Ok(page) })
    }

    fn words(&self, about: &Lineage) -> BoxFuture<'_, Result<Vec<Words>, ReadRunsError>> {
        let words = about.names().into_iter().flat_map(report::words).collect();
        Box::pin(async { Ok(words) })
    }

    /// Keeps nothing, and says so only when more than one topic is written.
    fn write(
        &self,
        _by: OperatorId,
        _about: Lineage,
        words: Words,
    ) -> BoxFuture<'_, Result<(), WriteError>> {
        let kept = if words.texts.len() > 1 {
            Err(WriteError::Append(AppendError::Refused("full".into())))
        } else {
            Ok(())
        };
        Box::pin(async { kept })
    }

    fn trace_link(&self) -> Option<&TraceLink> {
        self.trace_link.as_ref()
    }

    fn rto(&self) -> Rto {
        Rto::default()
    }

    fn channels(&self) -> Vec<ChannelView> {
        let channel = |id, kind, healthy| ChannelView {
            agent: agent(id),
            kind,
            since: Some(NOW - Duration::from_secs(3_600)),
            health: Some(HealthView {
                healthy,
                status: "working".to_owned(),
                last_error: if healthy {
                    ""
                } else {
                    "spool: 3 records were dropped"
                }
                .to_owned(),
                received: NOW,
            }),
            config: Some(ConfigView {
                hash: "5f".repeat(32),
                plan_revision: Some("4f0a".to_owned()),
                received: NOW,
            }),
        };
        vec![
            channel("seoul-1", ChannelKind::Websocket, true),
            channel("seoul-2", ChannelKind::Polling, false),
        ]
    }

    fn run_counts(&self) -> Vec<RunCount> {
        vec![
            (cell("account.login", "kr-seoul"), "fail", 12),
            (cell("account.login", "kr-seoul"), "pass", 4_000),
        ]
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![Metric {
            name: "bongsu_collector_runs_accepted",
            help: "Runs new to the journal.",
            kind: MetricKind::Counter,
            label: None,
            value: 4_012.0,
        }]
    }

    fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }
}

pub(super) fn agent(id: &str) -> AgentId {
    AgentId::new(id).unwrap()
}

pub(super) fn feature(id: &str) -> FeatureId {
    FeatureId::new(id).unwrap()
}

pub(super) fn region(id: &str) -> RegionId {
    RegionId::new(id).unwrap()
}

fn names(ko: &str, en: &str) -> Names {
    Names {
        ko: ko.to_owned(),
        en: en.to_owned(),
    }
}

fn cell(id: &str, at: &str) -> CellKey {
    CellKey {
        target: TargetName::new("superapp").unwrap(),
        feature: feature(id),
        region: region(at),
    }
}

pub(super) fn ago(seconds: u64) -> Timestamp {
    NOW - Duration::from_secs(seconds)
}

fn catalogue() -> Catalogue {
    let services = [
        ("account", "카카오계정", "Account"),
        ("talk", "카카오톡", "Talk"),
        ("map", "카카오맵", "Map"),
        ("pay", "카카오페이", "Pay"),
    ];
    let features = [
        ("account.login", "로그인", "Log in"),
        ("talk.message.text", "문자 메시지 송수신", "Text messages"),
        ("talk.message.image", "이미지 파일 발송", "Sending images"),
        ("talk.call.voice", "보이스톡", "Voice calls"),
        (
            "talk.openchat.room-create",
            "오픈채팅 채팅방 생성",
            "Opening an open chat",
        ),
        ("map.core", "길찾기와 장소 검색", "Routes and places"),
        ("map.roadview", "로드뷰", "Road view"),
        (
            "pay.transfer.in-talk",
            "카카오톡 내 송금",
            "Transfers in Talk",
        ),
        ("pay.payment.offline", "오프라인 결제", "Payments in shops"),
        (
            "pay.core",
            "주요 금융 서비스 <기타>",
            "Main financial services <other>",
        ),
    ];
    Catalogue::new(
        services
            .map(|(id, ko, en)| Service {
                id: ServiceId::new(id).unwrap(),
                names: names(ko, en),
            })
            .to_vec(),
        features
            .map(|(id, ko, en)| Feature {
                id: feature(id),
                names: names(ko, en),
                service: ServiceId::new(id.split('.').next().unwrap()).unwrap(),
                life_impact: Rank::new(3).unwrap(),
                absence_harm: Rank::new(1).unwrap(),
                daily_users: 1,
                paid: report::paid(id),
                depends_on: Vec::new(),
                shares: Vec::new(),
                objective: None,
            })
            .to_vec(),
    )
    .unwrap()
}

fn windows(own: [Option<f64>; 3], perceived: [Option<f64>; 3], coverage: [f64; 3]) -> Windows {
    let at = |i: usize| Availability {
        own: own[i],
        perceived: perceived[i],
        coverage: coverage[i],
    };
    Windows {
        minutes_5: at(0),
        hour: at(1),
        hours_24: at(2),
    }
}

fn well() -> Windows {
    let ratios = [Some(1.0), Some(0.9996), Some(0.998_74)];
    windows(ratios, ratios, [1.0, 1.0, 0.997])
}

struct Cell {
    state: CellState,
    since: u64,
    overlays: Vec<Overlay>,
    blocked_by: Option<&'static str>,
    availability: Windows,
}

fn view(at: usize, cell: &Cell) -> CellView {
    let (id, _, _) = REGIONS[at];
    let bad = matches!(
        cell.state,
        CellState::Down | CellState::Suspect | CellState::Recovering
    );
    let measured = cell.state != CellState::Unmeasured;
    let who = agent(&format!("{}-1", id.split('-').next_back().unwrap()));
    let mention = |seconds| RunRef {
        run: runs::passed().facts.id,
        agent: who.clone(),
        at: ago(seconds),
    };
    CellView {
        region: region(id),
        state: cell.state,
        since: measured.then(|| ago(cell.since)),
        onset: bad.then(|| ago(cell.since + 11)),
        overlays: cell.overlays.clone(),
        blocked_by: cell.blocked_by.map(feature),
        confidence: if at == 2 {
            Confidence::Low
        } else {
            Confidence::Full
        },
        agents: if measured { 3 } else { 0 },
        seeing: match cell.state {
            CellState::Unmeasured => 0,
            CellState::Unknown => 1,
            CellState::Up | CellState::Suspect | CellState::Down | CellState::Recovering => 3,
        },
        quarantined: if at == 1 && measured {
            vec![agent("busan-2")]
        } else {
            Vec::new()
        },
        passes: if bad { 0 } else { 40 },
        samples: Ledger {
            pass: 340,
            fail: if bad { 18 } else { 0 },
            blocked: if cell.blocked_by.is_some() { 20 } else { 0 },
            missed: 2,
            ..Ledger::default()
        },
        last_run: measured.then(|| mention(4)),
        last_success: measured.then(|| mention(if bad { cell.since + 20 } else { 4 })),
        last_failure: bad.then(|| failure(id, 5)),
        availability: cell.availability,
        score: if bad { 1.25 } else { 0.0 },
    }
}

fn failure(at: &str, seconds: u64) -> Failure {
    let failed = runs::failed();
    Failure {
        run: failed.facts.id,
        agent: agent(&format!("{}-1", at.split('-').next_back().unwrap())),
        region: region(at),
        at: ago(seconds),
        class: FailClass::Timeout,
    }
}

fn cell_of(state: CellState, since: u64, availability: Windows) -> Cell {
    Cell {
        state,
        since,
        overlays: Vec::new(),
        blocked_by: None,
        availability,
    }
}

fn feature_of(id: &str, state: FeatureState, cells: &[Cell; 3]) -> FeatureView {
    let regions: Vec<_> = cells
        .iter()
        .enumerate()
        .map(|(at, cell)| view(at, cell))
        .collect();
    let mut overlays: Vec<_> = cells
        .iter()
        .flat_map(|cell| cell.overlays.clone())
        .collect();
    overlays.dedup();
    FeatureView {
        feature: feature(id),
        state,
        since: regions.iter().filter_map(|cell| cell.since).max(),
        blocked_by: cells.iter().find_map(|cell| cell.blocked_by).map(feature),
        overlays,
        availability: cells[0].availability,
        last_failure: regions.iter().find_map(|cell| cell.last_failure.clone()),
        regions,
        incident: None,
    }
}

fn features() -> Vec<FeatureView> {
    let up = || cell_of(CellState::Up, 90_000, well());
    let with = |cell: Cell, overlay| Cell {
        overlays: vec![overlay],
        ..cell
    };
    let out = || {
        let ratios = [Some(0.0), Some(0.7966), Some(0.9871)];
        let cell = windows(ratios, ratios, [1.0, 0.998, 0.995]);
        cell_of(CellState::Down, 732, cell)
    };
    let blocked = || Cell {
        blocked_by: Some("account.login"),
        ..cell_of(
            CellState::Unknown,
            725,
            windows(
                [None, Some(1.0), Some(0.9991)],
                [Some(0.0), Some(0.7999), Some(0.9868)],
                [0.0, 0.798, 0.985],
            ),
        )
    };
    let back = || {
        let ratios = [Some(0.62), Some(0.4312), Some(0.9)];
        cell_of(
            CellState::Recovering,
            95,
            windows(ratios, ratios, [1.0, 1.0, 1.0]),
        )
    };
    let unseen = || {
        cell_of(
            CellState::Unknown,
            400,
            windows([None; 3], [None; 3], [0.0; 3]),
        )
    };
    let none = || cell_of(CellState::Unmeasured, 0, Windows::default());
    vec![
        feature_of(
            "account.login",
            FeatureState::MajorOutage,
            &[out(), out(), out()],
        ),
        feature_of(
            "talk.message.text",
            FeatureState::Unknown,
            &[blocked(), blocked(), blocked()],
        ),
        feature_of(
            "talk.message.image",
            FeatureState::Recovering,
            &[back(), up(), up()],
        ),
        feature_of(
            "talk.call.voice",
            FeatureState::Operational,
            &[up(), up(), up()],
        ),
        feature_of(
            "talk.openchat.room-create",
            FeatureState::PartialOutage,
            &[
                with(up(), Overlay::Partial),
                out(),
                cell_of(CellState::Suspect, 8, well()),
            ],
        ),
        feature_of(
            "map.core",
            FeatureState::Degraded,
            &[with(up(), Overlay::Slow), with(up(), Overlay::Slow), up()],
        ),
        feature_of(
            "map.roadview",
            FeatureState::Unknown,
            &[unseen(), unseen(), unseen()],
        ),
        feature_of(
            "pay.transfer.in-talk",
            FeatureState::Maintenance,
            &[(); 3].map(|()| with(up(), Overlay::Maintenance)),
        ),
        feature_of(
            "pay.payment.offline",
            FeatureState::Operational,
            &[with(up(), Overlay::Flapping), up(), up()],
        ),
        feature_of(
            "pay.core",
            FeatureState::Unmeasured,
            &[none(), none(), none()],
        ),
    ]
}

fn agents() -> Vec<AgentView> {
    let of = |id: &str, at: &str, presence, heartbeat: Option<Heartbeat>| AgentView {
        agent: agent(id),
        region: region(at),
        presence,
        last_heartbeat: heartbeat.as_ref().map(|_| ago(3)),
        plan_unknown: id == "busan-2",
        last_run: heartbeat.as_ref().map(|_| ago(1)),
        blind: id == "tokyo-1",
        cells: 10,
        quarantined: Vec::new(),
        outlier: false,
        samples: Ledger {
            pass: 700,
            fail: 3,
            missed: 1,
            ..Ledger::default()
        },
        quiet_runs: 690,
        uncorroborated: 2,
        heartbeat,
    };
    let mut quarantined = of(
        "busan-2",
        "kr-busan",
        Presence::Present,
        Some(heartbeat(3.2, true)),
    );
    quarantined.quarantined = vec![cell("account.login", "kr-busan")];
    vec![
        of(
            "seoul-1",
            "kr-seoul",
            Presence::Present,
            Some(heartbeat(0.012, false)),
        ),
        quarantined,
        of(
            "tokyo-1",
            "jp-tokyo",
            Presence::Present,
            Some(heartbeat(-0.2, false)),
        ),
        of("tokyo-2", "jp-tokyo", Presence::Unseen, None),
    ]
}

fn heartbeat(clock_offset_s: f64, troubled: bool) -> Heartbeat {
    Heartbeat {
        sent: ago(3),
        boot: BootId::new("b-1").unwrap(),
        clock_offset_s,
        controls: vec![ControlCheck {
            control: "https://control-1.example".to_owned(),
            reachable: !troubled,
            checked: ago(9),
        }],
        spool: SpoolDepth {
            records: if troubled { 1_204 } else { 0 },
            bytes: if troubled { 2_400_000 } else { 0 },
            oldest: troubled.then(|| ago(600)),
            dropped: if troubled { 7 } else { 0 },
        },
        cleanup_debts: u64::from(troubled),
        plan_revision: Some(Revision::new("64879f7d6b960a01").unwrap()),
        plan_refused: troubled
            .then(|| "login.toml:3: timeout + cleanup_timeout must be below every".to_owned()),
        version: "0.1.0".to_owned(),
    }
}

fn transitions() -> Vec<Transition> {
    let evidence = vec![runs::failed().facts.id];
    vec![
        Transition {
            at: ago(745),
            change: Change::Cell {
                cell: cell("account.login", "kr-seoul"),
                from: CellState::Up,
                to: CellState::Suspect,
                blocked_by: None,
                onset: Some(ago(743)),
                confidence: Confidence::Low,
            },
            evidence: evidence.clone(),
        },
        Transition {
            at: ago(738),
            change: Change::Quarantine {
                agent: agent("busan-2"),
                cell: cell("account.login", "kr-busan"),
                step: QuarantineStep::Held { since: ago(760) },
            },
            evidence: Vec::new(),
        },
        Transition {
            at: ago(732),
            change: Change::Feature {
                target: TargetName::new("superapp").unwrap(),
                feature: feature("account.login"),
                from: FeatureState::Operational,
                to: FeatureState::MajorOutage,
                blocked_by: None,
                onset: Some(ago(743)),
            },
            evidence,
        },
    ]
}
