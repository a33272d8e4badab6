//! What a person asks of a running fleet: to break and mend, to move components between data centres,
//! and to say what is broken.

use bongsu_agent::{Agent, Link};
use bongsu_model::AgentId;
use bongsu_superapp::{
    Component, Facilities, Facility, FacilityAct, Fault, FaultPoint, StandbyCopy, Standing,
    did_you_mean,
};

use super::Fleet;
use crate::command::Command;
use crate::summary;

/// A command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// How it should be broken is not known.
    #[error(transparent)]
    Fault(#[from] bongsu_superapp::FaultError),
    /// It is known, but not here.
    #[error(transparent)]
    Inject(#[from] bongsu_superapp::InjectError),
    /// A component has no place in the other data centre, or is there already.
    #[error(transparent)]
    Facility(#[from] bongsu_superapp::FacilityError),
    /// What should be broken or mended is nothing that there is.
    #[error(
        "`{name}` is neither a component, a feature nor a data centre{hint}; type help on the \
         rehearsal's terminal for all that there is"
    )]
    Unknown {
        /// The name given.
        name: String,
        /// `, did you mean …?` or nothing.
        hint: String,
    },
    /// No such agent.
    #[error("there is no agent `{name}`; known: {known}")]
    Agent {
        /// The name given.
        name: String,
        /// The agents there are.
        known: String,
    },
    /// An agent is cut off from everything, not broken in some way somewhere.
    #[error("an agent can only be cut off: leave out the kind and the region")]
    AgentKind,
    /// What is moved between the centres is a component of the main one.
    #[error("`{name}` is not moved by itself; components of dc-a are, one by one: {known}")]
    Unmovable {
        /// The name given.
        name: String,
        /// The components that can be moved.
        known: String,
    },
    /// A centre loses its power for everybody.
    #[error("a data centre can only lose its power: leave out the kind and the region")]
    FacilityKind,
}

/// What a name is that of.
enum Named<'a> {
    Agent(&'a str),
    Facility(Facility),
    Point(FaultPoint),
}

impl Fleet {
    /// Does what a person asks for; returns what to tell them.
    ///
    /// # Errors
    /// When a name is not known, or what is asked for cannot be.
    pub async fn act(&self, command: &Command) -> Result<String, ActError> {
        match command {
            Command::Break { what, kind, region } => {
                self.break_down(what, kind.as_deref(), region.as_deref())
            }
            Command::Mend { what: None } => {
                self.agents
                    .values()
                    .for_each(|agent| agent.set_link(Link::Up));
                let mended = self.platform().mend_all();
                self.platform().arrange(&Facilities::default());
                Ok(format!(
                    "mended: {mended} faults, all agents connected, power in every data centre, \
                     everything at home"
                ))
            }
            Command::Mend { what: Some(what) } => self.mend(what),
            Command::FailOver { what } => {
                let component = movable(what)?;
                self.platform().facility(FacilityAct::FailOver(component))?;
                let but = self.shortcoming(component);
                Ok(format!("{what} is served from {}{but}", Facility::DcB))
            }
            Command::FailBack { what } => {
                let component = movable(what)?;
                self.platform().facility(FacilityAct::FailBack(component))?;
                let but = self.shortcoming(component);
                Ok(format!("{what} is back in {}{but}", Facility::DcA))
            }
            Command::Status => Ok(self.status()),
        }
    }

    fn break_down(
        &self,
        what: &str,
        kind: Option<&str>,
        region: Option<&str>,
    ) -> Result<String, ActError> {
        let is_detailed = kind.is_some() || region.is_some();
        match named(what)? {
            Named::Agent(_) if is_detailed => Err(ActError::AgentKind),
            Named::Agent(name) => {
                self.agent(name)?.set_link(Link::Cut);
                Ok(format!("{name} is cut off from everything"))
            }
            Named::Facility(_) if is_detailed => Err(ActError::FacilityKind),
            Named::Facility(facility) => {
                self.platform().facility(FacilityAct::PowerOff(facility))?;
                Ok(format!(
                    "{facility} has no power: whatever runs in it is gone"
                ))
            }
            Named::Point(point) => {
                let kind = kind.unwrap_or("refuse");
                let text = match region {
                    Some(region) => format!("{point}:{kind}@{region}"),
                    None => format!("{point}:{kind}"),
                };
                let fault: Fault = text.parse()?;
                self.platform().inject(fault.clone())?;
                Ok(format!("broken: {fault}"))
            }
        }
    }

    fn mend(&self, what: &str) -> Result<String, ActError> {
        match named(what)? {
            Named::Agent(name) => {
                self.agent(name)?.set_link(Link::Up);
                Ok(format!("{name} is connected again"))
            }
            Named::Facility(facility) => {
                self.platform().facility(FacilityAct::PowerOn(facility))?;
                Ok(format!("{facility} has power"))
            }
            Named::Point(point) => {
                let mended = self.platform().mend_on(point);
                let but = match point {
                    FaultPoint::Component(component) => self.shortcoming(component),
                    FaultPoint::Feature(_) => String::new(),
                };
                Ok(format!("mended {what}: {mended} faults{but}"))
            }
        }
    }

    /// Why a component is not whole where it runs, to be told behind what was done to it; nothing
    /// if it is.
    fn shortcoming(&self, component: Component) -> String {
        let centres = self.platform().facilities();
        let Some(facility) = centres.runs_in(component) else {
            return String::new();
        };
        let turned_away = match centres.standing(component) {
            Standing::Whole => return String::new(),
            Standing::Gone => return format!("; but {facility} has no power"),
            Standing::StandingBy { turned_away } => turned_away,
        };
        let copy = match component.standby_copy() {
            StandbyCopy::Complete => "",
            StandbyCopy::Incomplete => "; but not all of its data stands by there",
            StandbyCopy::Weak => "; but nothing is computed anew there",
        };
        let room = if turned_away > 0.0 {
            let percent = 100.0 * turned_away;
            format!("; but {facility} has no room for so much and turns {percent:.0} % away")
        } else {
            String::new()
        };
        format!("{copy}{room}")
    }

    fn status(&self) -> String {
        let mut lines = self.wrongs();
        if lines.is_empty() {
            lines.push("nothing is broken".to_owned());
        }
        let mut text = lines.join("\n") + "\n";
        let published = self.collector.shared().published();
        if let Some(board) = published.boards.get(self.default_target()) {
            text.push_str(&summary::board_lines(board));
        }
        text.trim_end().to_owned()
    }

    /// What is broken, without power, away from home or cut off: a line each.
    pub fn wrongs(&self) -> Vec<String> {
        let platform = self.platform();
        let faults = platform.faults().into_iter();
        let faults = faults.map(|(_, fault)| format!("broken: {fault}"));
        let centres = platform.facilities();
        let dark = Facility::ALL.iter().filter(|one| !centres.has_power(**one));
        let dark = dark.map(|one| format!("no power: {one}"));
        let away = Component::ALL.iter();
        let away = away.filter(|one| centres.runs_in(**one) != one.home());
        let away = away.map(|one| format!("failed over: {}", one.as_str()));
        let agents = self.agents.iter();
        let cut = agents.filter(|(_, agent)| agent.link() == Link::Cut);
        let cut = cut.map(|(id, _)| format!("cut off: {id}"));
        faults.chain(dark).chain(away).chain(cut).collect()
    }

    pub(super) fn agent(&self, name: &str) -> Result<&Agent, ActError> {
        let found = self.agents.iter().find(|(id, _)| id.as_str() == name);
        found
            .map(|(_, agent)| agent)
            .ok_or_else(|| ActError::Agent {
                name: name.chars().take(80).collect(),
                known: self
                    .agents
                    .keys()
                    .map(AgentId::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }
}

/// What can be broken and mended under this name.
fn named(what: &str) -> Result<Named<'_>, ActError> {
    if let Some(agent) = what.strip_prefix("agent:") {
        return Ok(Named::Agent(agent));
    }
    // A scenario writes `facility:dc-a`.
    if let Ok(facility) = what.strip_prefix("facility:").unwrap_or(what).parse() {
        return Ok(Named::Facility(facility));
    }
    what.parse().map(Named::Point).map_err(|_| {
        let points = FaultPoint::all().map(FaultPoint::as_str);
        let known = points.chain(Facility::ALL.iter().map(|one| one.as_str()));
        ActError::Unknown {
            name: what.chars().take(80).collect(),
            hint: did_you_mean(what, known),
        }
    })
}

/// The component that can be moved under this name.
fn movable(what: &str) -> Result<Component, ActError> {
    if let Named::Point(FaultPoint::Component(component)) = named(what)? {
        return Ok(component);
    }
    let all = Component::ALL.iter().copied();
    let movable = all.filter(|one| FacilityAct::FailOver(*one).possible().is_ok());
    Err(ActError::Unmovable {
        name: what.chars().take(80).collect(),
        known: movable
            .map(Component::as_str)
            .collect::<Vec<_>>()
            .join(", "),
    })
}
