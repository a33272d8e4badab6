//! The front of both machines: events in, transitions and views out.

mod agents;
mod bursts;
mod features;
mod recovery;
mod strips;
mod views;

pub use views::HistorySpan;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bongsu_model::{
    AgentId, Catalogue, CellKey, CellState, FeatureId, Heartbeat, PlanRecord, RegionId, RunFacts,
    RunId, TargetName, Timestamp,
};

use crate::burst::Bursts;
use crate::cell::decide::CellChange;
use crate::cell::scores::AgentIx;
use crate::cells::{Cells, Live, Speaker, Taken};
use crate::fleet::incident::{Effect, Incidents, Moved, Step};
use crate::fleet::recovery::Outages;
use crate::history::Arrival;
use crate::maintenance::Maintenance;
use crate::plan;
use crate::strip::Sealed;
use crate::timers::Timers;
use crate::{
    Change, Counters, Event, FleetState, MaintenanceWindow, Presence, Roster, Settings, Transition,
};

use agents::{Agents, Waiting};
use features::{Features, Known};

/// Transitions that may wait to be taken: every cell of a thousand features in twenty regions
/// three times over. The oldest are dropped, and counted.
const TRANSITIONS_MAX: usize = 65_536;

/// Environments that are listed: a person maintains each.
const TARGETS_MAX: usize = 1_000;

/// How far ahead of its receipt a run may be due and a plan be valid: beyond any clock that is
/// worth listening to, and short enough that it cannot make a history grow.
pub const FUTURE_MAX: Duration = Duration::from_secs(300);

/// What a timer is for. The order decides between equal deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum TimerKey {
    /// Another plan of the agent becomes valid.
    Plan(AgentIx),
    /// The agent's heartbeats stopped.
    Presence(AgentIx),
    /// The fleet was not blind for long enough.
    Sight,
    /// A maintenance window begins or ends.
    Maintenance,
    /// A run of the cell grows stale.
    Cell(usize),
    /// The quiet of an incident is over.
    Incident(u32),
    /// A recovery clock of an outage reaches a limit.
    Alarm(u32),
    /// An hour of history is old enough to be sealed.
    Seal,
}

/// Decides what works, from events in the order of the journal.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    roster: Roster,
    catalogue: Catalogue,
    maintenance: Maintenance,
    agents: Agents,
    cells: Cells,
    features: Features,
    incidents: Incidents,
    outages: Outages,
    sealed: Sealed,
    /// Whether the timer that seals hours runs.
    sealing: bool,
    bursts: Bursts,
    fleet: FleetState,
    targets: BTreeSet<TargetName>,
    timers: Timers<TimerKey>,
    /// Engine time: the newest receipt or deadline.
    now: Timestamp,
    counters: Counters,
    transitions: VecDeque<Transition>,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            cells: Cells::new(settings.clone()),
            settings,
            roster: Roster::default(),
            catalogue: Catalogue::default(),
            maintenance: Maintenance::default(),
            agents: Agents::default(),
            features: Features::default(),
            incidents: Incidents::default(),
            outages: Outages::default(),
            sealed: Sealed::default(),
            sealing: false,
            bursts: Bursts::default(),
            fleet: FleetState::Sighted,
            targets: BTreeSet::new(),
            timers: Timers::new(),
            now: Timestamp::EPOCH,
            counters: Counters::default(),
            transitions: VecDeque::new(),
        }
    }

    /// Takes one event in. Timers due at or before `received` fire first, each at its own
    /// deadline. A receipt before one that was already handled counts as simultaneous with it.
    pub fn handle(&mut self, received: Timestamp, event: Event) {
        self.advance(received);
        self.now = self.now.max(received);
        match event {
            Event::Run(run) => self.take_run(run),
            Event::Plan { agent, record } => self.take_plan(&agent, record),
            Event::Heartbeat { agent, heartbeat } => self.take_heartbeat(&agent, heartbeat),
            Event::Catalogue(catalogue) => self.catalogue = catalogue,
            Event::Roster(roster) => self.take_roster(roster),
            Event::Maintenance(window) => self.take_maintenance(window),
        }
    }

    /// Fires the timers that are due at or before `now`, each at its own deadline. Engine time
    /// does not move otherwise: looking often leaves no trace. A replay gives the same as long as
    /// no event is handled later whose receipt lies before a deadline that has fired.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.timers.pop_due(now) {
            self.now = self.now.max(at);
            self.fire(at, key);
        }
    }

    /// When the next timer is due.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// The oldest transition that was not taken yet.
    pub fn poll_transition(&mut self) -> Option<Transition> {
        self.transitions.pop_front()
    }

    /// What was not derived, by reason.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn fire(&mut self, at: Timestamp, key: TimerKey) {
        match key {
            TimerKey::Cell(cell) => {
                self.settle(&[cell]);
                // What grew stale may have been all that made an agent blind.
                for agent in self.agents.blind() {
                    self.look_at_fleet(agent);
                }
            }
            TimerKey::Plan(agent) => self.replan(agent),
            TimerKey::Sight => self.tell_fleet_is(FleetState::Sighted),
            TimerKey::Maintenance => self.pass_maintenance_edge(),
            TimerKey::Incident(number) => self.close_incident(number),
            TimerKey::Alarm(outage) => self.sound_alarms(outage),
            TimerKey::Seal => self.seal(at),
            TimerKey::Presence(agent) => {
                let before = self.agents[agent].pulse.lose();
                self.tell_presence(agent, before);
                self.look_at_fleet(agent);
            }
        }
    }

    fn take_run(&mut self, run: Box<RunFacts>) {
        let Some(agent) = self.agents.find(&run.vantage.agent) else {
            self.counters.strangers += 1;
            return;
        };
        if run.due > self.now + FUTURE_MAX {
            self.counters.future += 1;
            return;
        }
        if run.due < self.now - self.settings.retention {
            self.counters.dropped += 1;
            return;
        }
        self.agents[agent].last_run = Some(self.now);
        let region = self.agents[agent].vantage.region.clone();
        let speaker = Speaker {
            agent,
            region: &region,
        };
        let received = self.now;
        let run = Waiting { run, received };
        let taken = self
            .cells
            .take(speaker, run.heard(), received, &mut self.counters);
        self.absorb(agent, run, taken);
    }

    fn absorb(&mut self, agent: AgentIx, run: Waiting, taken: Taken) {
        match taken {
            Taken::Settled => {}
            Taken::Waiting => {
                self.counters.waiting += 1;
                self.agents[agent].wait(run);
            }
            Taken::Live(Live {
                user,
                fresh_until,
                arrival,
                cells,
            }) => {
                // What its slot did not wait for says nothing of who sees now.
                if arrival == Arrival::InTime {
                    self.agents[agent].eyes.note(user, run.heard(), fresh_until);
                }
                self.settle(&cells);
                self.look_at_fleet(agent);
            }
        }
        self.features.register(&self.cells);
    }

    fn take_plan(&mut self, agent: &AgentId, mut record: PlanRecord) {
        let Some(agent) = self.agents.find(agent) else {
            self.counters.strangers += 1;
            return;
        };
        if record.valid_from > self.now + FUTURE_MAX {
            // The agent works on it all the same, and says so only once.
            self.counters.future += 1;
            record.valid_from = self.now;
        }
        if self.agents[agent].plans.knows(&record) {
            self.counters.duplicates += 1;
            return;
        }
        self.counters.refused += plan::refuse(&mut record);
        for entry in &record.entries {
            if self.targets.len() < TARGETS_MAX || self.targets.contains(&entry.target) {
                self.targets.insert(entry.target.clone());
            }
        }
        self.agents[agent].plans.insert(record, self.now);
        self.replan(agent);
        self.seal_hours();
    }

    /// Brings slots, coverage and waiting runs in line with the agent's plans.
    fn replan(&mut self, agent: AgentIx) {
        let region = self.agents[agent].vantage.region.clone();
        let speaker = Speaker {
            agent,
            region: &region,
        };
        let spans = self.agents[agent].plans.spans();
        let cells = self
            .cells
            .replan(speaker, spans, self.now, &mut self.counters);
        if !self.maintenance.is_empty() {
            self.carve(&cells);
        }
        self.features.register(&self.cells);
        let next = self.agents[agent].plans.next_change(self.now);
        self.timers.set(TimerKey::Plan(agent), next);
        self.settle(&cells);
        for run in self.agents[agent].take_waiting() {
            let taken = self
                .cells
                .derive(speaker, run.heard(), self.now, &mut self.counters);
            if matches!(taken, Taken::Waiting) {
                self.agents[agent].wait(run);
            } else {
                self.absorb(agent, run, taken);
            }
        }
    }

    fn take_roster(&mut self, roster: Roster) {
        let changed = self.agents.list(&roster, self.now);
        self.roster = roster;
        for agent in changed {
            self.replan(agent);
        }
        self.settle_features();
        self.judge_fleet();
    }

    fn take_heartbeat(&mut self, agent: &AgentId, heartbeat: Heartbeat) {
        let Some(agent) = self.agents.find(agent) else {
            self.counters.strangers += 1;
            return;
        };
        let before = self.agents[agent].pulse.beat(heartbeat, self.now);
        let deadline = self.agents[agent].pulse.deadline(&self.settings);
        self.timers.set(TimerKey::Presence(agent), deadline);
        self.tell_presence(agent, before);
        self.look_at_fleet(agent);
    }

    fn take_maintenance(&mut self, window: MaintenanceWindow) {
        if !self.maintenance.insert(window) {
            self.counters.duplicates += 1;
            return;
        }
        let all: Vec<usize> = (0..self.cells.cells.len()).collect();
        self.carve(&all);
        self.pass_maintenance_edge();
    }

    fn carve(&mut self, cells: &[usize]) {
        for cell in cells {
            let spans = self.maintenance.spans(&self.cells.cells[*cell].key);
            for user in self.cells.users_of[*cell].clone() {
                self.cells.users[user]
                    .history
                    .set_maintenance(spans.clone());
            }
        }
    }

    /// A window begins or ends: features change their state, and what is still down after its
    /// declared end becomes an incident.
    fn pass_maintenance_edge(&mut self) {
        let next = self.maintenance.next_edge(self.now);
        self.timers.set(TimerKey::Maintenance, next);
        self.settle_features();
        for cell in 0..self.cells.cells.len() {
            if self.cells.cells[cell].state == CellState::Down {
                let change = self.cells.cells[cell].still_down();
                self.tell_fleet(cell, &change);
            }
        }
    }

    /// Lets cells move to where the evidence leads, and tells what follows from that.
    fn settle(&mut self, cells: &[usize]) {
        self.features.register(&self.cells);
        for standing in std::mem::take(&mut self.cells.standing) {
            let change = Change::Quarantine {
                agent: self.agents.id(standing.agent),
                cell: self.cells.cells[standing.cell].key.clone(),
                step: standing.step,
            };
            self.tell(change, standing.run.into_iter().collect());
        }
        let mut unsettled = std::mem::take(&mut self.cells.unsettled);
        unsettled.extend(cells);
        for cell in unsettled {
            let was_degraded = self.cells.cells[cell].is_degraded();
            let changes = self.cells.settle(cell, self.now);
            for change in &changes {
                self.tell_cell(cell, change);
            }
            let facts = &self.cells.cells[cell];
            if !changes.is_empty() || facts.is_degraded() != was_degraded {
                let key = (facts.key.target.clone(), facts.key.feature.clone());
                self.settle_feature(&key);
            }
            self.follow(cell);
            let expiry = self.cells.cells[cell].sight.next_expiry(self.now);
            self.timers.set(TimerKey::Cell(cell), expiry);
        }
    }

    fn settle_features(&mut self) {
        let keys: Vec<(TargetName, FeatureId)> = self.features.keys().cloned().collect();
        for key in keys {
            self.settle_feature(&key);
        }
    }

    fn settle_feature(&mut self, key: &(TargetName, FeatureId)) {
        let known = Known {
            cells: &self.cells,
            roster: &self.roster,
            maintenance: &self.maintenance,
        };
        if let Some(change) = self.features.settle(key, known, self.now) {
            self.tell(change, Vec::new());
        }
    }

    fn tell_cell(&mut self, cell: usize, change: &CellChange) {
        self.bursts.note(cell, change.to, self.now);
        let told = Change::Cell {
            cell: self.cells.cells[cell].key.clone(),
            from: change.from,
            to: change.to,
            blocked_by: change.blocked_by.clone(),
            onset: change.onset.map(|onset| onset.first),
            confidence: change.confidence,
        };
        self.tell(told, change.evidence.clone());
        self.tell_fleet(cell, change);
    }

    /// Tells the fleet machine of a cell's change. Work that was announced in time opens nothing.
    fn tell_fleet(&mut self, cell: usize, change: &CellChange) {
        let facts = &self.cells.cells[cell];
        let suppressed = change.to == CellState::Down
            && self.maintenance.is_excluded(&facts.key, self.now)
            && !self.incidents.covers_cell(&facts.key);
        if suppressed {
            return;
        }
        let moved = Moved {
            cell: &facts.key,
            change,
            period: facts.period.unwrap_or_default(),
            at: self.now,
        };
        let Effect {
            steps,
            number,
            merged,
        } = self
            .incidents
            .observe(moved, &self.catalogue, &self.settings);
        if let Some(number) = number {
            self.follow_incidents(number, &merged);
        }
        let target = self.cells.cells[cell].key.target.clone();
        self.tell_incident(&target, steps);
        if let Some(number) = number.filter(|_| change.to == CellState::Down) {
            self.affect(cell, number, change.onset.map(|onset| onset.first));
        }
        self.note_blocked(cell, change);
    }

    /// Blocked features join the incident of what blocks them, whichever was known first.
    fn note_blocked(&mut self, cell: usize, change: &CellChange) {
        let CellKey {
            target, feature, ..
        } = &self.cells.cells[cell].key;
        let mut joined = Vec::new();
        if let Some(by) = &change.blocked_by {
            let number = self.incidents.note_blocked(target, by, feature);
            joined.extend(number.map(|number| (cell, number)));
        }
        if change.to == CellState::Down {
            let others = self.cells.cells.iter().enumerate();
            let others = others.filter(|(_, other)| {
                other.key.target == *target && other.blocked_by.as_ref() == Some(feature)
            });
            for (blocked, other) in others {
                let number = self
                    .incidents
                    .note_blocked(target, feature, &other.key.feature);
                joined.extend(number.map(|number| (blocked, number)));
            }
        }
        for (blocked, number) in joined {
            self.affect(blocked, number, None);
        }
    }

    fn tell_incident(&mut self, target: &TargetName, steps: Vec<Step>) {
        for (incident, step, evidence) in steps {
            let target = target.clone();
            let change = Change::Incident {
                target,
                incident,
                step,
            };
            self.tell(change, evidence);
        }
    }

    fn tell_presence(&mut self, agent: AgentIx, before: Option<Presence>) {
        if let Some(from) = before {
            let change = Change::Presence {
                agent: self.agents.id(agent),
                from,
                to: self.agents[agent].pulse.presence,
            };
            self.tell(change, Vec::new());
        }
    }

    /// Judges whether one agent is blind, and the fleet if that changed.
    fn look_at_fleet(&mut self, agent: AgentIx) {
        let blind = self.agents[agent].eyes.is_blind(self.now);
        if std::mem::replace(&mut self.agents[agent].blind, blind) != blind {
            self.judge_fleet();
        }
    }

    /// A fleet is blind at once, and sees again once few enough are blind for as long as it takes
    /// its agents to be heard again.
    fn judge_fleet(&mut self) {
        let blind = count(self.agents.listed_blind());
        let listed = count(self.agents.listed_len());
        if self.fleet == FleetState::Sighted {
            if blind > self.settings.fleet_blind * listed {
                self.tell_fleet_is(FleetState::Blind);
            }
        } else if blind > self.settings.fleet_sighted * listed {
            self.timers.set(TimerKey::Sight, None);
        } else if !self.timers.is_set(TimerKey::Sight) {
            let hold = self.cells.shortest_period().unwrap_or(Duration::ZERO);
            self.timers.set(TimerKey::Sight, Some(self.now + hold));
        }
    }

    fn tell_fleet_is(&mut self, to: FleetState) {
        let from = std::mem::replace(&mut self.fleet, to);
        let blind = self.blind_agents();
        self.tell(Change::Fleet { from, to, blind }, Vec::new());
    }

    fn blind_agents(&self) -> Vec<AgentId> {
        let blind = self.agents.listed().filter(|(_, agent)| agent.blind);
        blind
            .map(|(_, agent)| agent.vantage.agent.clone())
            .collect()
    }

    fn tell(&mut self, change: Change, evidence: Vec<RunId>) {
        if self.transitions.len() >= TRANSITIONS_MAX {
            self.transitions.pop_front();
            self.counters.transitions_dropped += 1;
        }
        self.transitions.push_back(Transition {
            at: self.now,
            change,
            evidence,
        });
    }

    fn known(&self) -> Known<'_> {
        Known {
            cells: &self.cells,
            roster: &self.roster,
            maintenance: &self.maintenance,
        }
    }

    fn region_order(&self, region: &RegionId) -> usize {
        let mut regions = self.roster.regions.iter();
        regions
            .position(|listed| listed.id == *region)
            .unwrap_or(usize::MAX)
    }
}

/// Counts of agents as a number to take a share of.
fn count(agents: usize) -> f64 {
    f64::from(u32::try_from(agents).unwrap_or(u32::MAX))
}
