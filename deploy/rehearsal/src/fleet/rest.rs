//! The end of a fleet's work: nothing new is begun that changes something, what is owed is paid, and
//! what is left is told with its reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bongsu_model::{AgentId, JourneyName, Timestamp};
use bongsu_probes::Debt;

use super::Fleet;
use crate::layout::LayoutError;

/// Between two looks at what is still owed, in the machine's time.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A cleanup that an agent owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Who owes it.
    pub agent: AgentId,
    /// The run that left something behind, or may have.
    pub run: String,
    /// Of which journey it was, and since when it is owed; None if its file cannot be read.
    pub of: Option<(JourneyName, Timestamp)>,
    /// Why it is not paid.
    pub why: Unpaid,
}

/// Why a cleanup is not paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpaid {
    /// Its turn did not come.
    Untried,
    /// It was tried so many times, each in vain.
    Failed(u32),
    /// It was given up: too old, or newer ones needed its place.
    GivenUp,
    /// What is owed cannot be read.
    Unreadable,
}

impl Unpaid {
    /// Whether its agent will try: it looks at nothing again that it gave up, nor at a file that it
    /// could not read.
    fn may_be_paid(self) -> bool {
        matches!(self, Self::Untried | Self::Failed(_))
    }
}

impl std::fmt::Display for Unpaid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Untried => f.write_str("its turn did not come"),
            Self::Failed(1) => f.write_str("tried once in vain"),
            Self::Failed(times) => write!(f, "tried {times} times in vain"),
            Self::GivenUp => f.write_str("given up: too old, or newer ones needed its place"),
            Self::Unreadable => f.write_str("its file cannot be read"),
        }
    }
}

impl Fleet {
    /// Lets agents begin nothing more that changes something on the platforms, and waits until they
    /// owe nothing, at most `limit` of the machine's time. What is owed then is in [`Fleet::owed`].
    ///
    /// # Errors
    /// When a target's profile cannot be written.
    pub async fn come_to_rest(&self, limit: Duration) -> Result<(), LayoutError> {
        for target in self.platforms.keys() {
            self.layout.hold_back(target)?;
        }
        let resting = async {
            while !(self.is_held_back().await && self.is_nothing_to_pay()) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Whatever is owed after that is told.
        let _ = tokio::time::timeout(limit, resting).await;
        Ok(())
    }

    /// Whether every agent that is up works on a plan that holds back what changes something.
    async fn is_held_back(&self) -> bool {
        for agent in self.agents.values() {
            if agent.stats().await.held_back < self.platforms.len() {
                return false;
            }
        }
        true
    }

    /// Whether nothing is owed that may yet be paid: also not by runs that are going.
    fn is_nothing_to_pay(&self) -> bool {
        !self.owed().iter().any(|owed| owed.why.may_be_paid())
    }

    /// Every cleanup that agents owe, as their folders say, also of agents that are down.
    pub fn owed(&self) -> Vec<Owed> {
        let all = self.files.iter().flat_map(|(agent, file)| {
            let debts = file.with_file_name("data").join("debts");
            owed_in(agent, &debts)
        });
        all.collect()
    }

    /// The runs that each agent owes cleanup for and has not given up; those without are left out.
    pub fn debts(&self) -> BTreeMap<AgentId, Vec<String>> {
        let mut debts: BTreeMap<AgentId, Vec<String>> = BTreeMap::new();
        for owed in self.owed() {
            if owed.why != Unpaid::GivenUp {
                debts.entry(owed.agent).or_default().push(owed.run);
            }
        }
        debts
    }
}

/// What the folder of an agent's debts holds, the oldest run first.
fn owed_in(agent: &AgentId, debts: &Path) -> Vec<Owed> {
    let given_up = debts.join("given-up");
    let open = runs_in(debts)
        .into_iter()
        .map(|run| owed_by(agent, debts, run));
    let over = runs_in(&given_up).into_iter().map(|run| {
        let owed = owed_by(agent, &given_up, run)?;
        let why = Unpaid::GivenUp;
        Some(Owed { why, ..owed })
    });
    open.chain(over).flatten().collect()
}

/// What the file of a run in `folder` says; None if it is no longer there: it was paid, or given up,
/// in the moment between.
fn owed_by(agent: &AgentId, folder: &Path, run: String) -> Option<Owed> {
    let read = std::fs::read(folder.join(format!("{run}.json")));
    if matches!(&read, Err(error) if error.kind() == std::io::ErrorKind::NotFound) {
        return None;
    }
    let debt = read
        .ok()
        .and_then(|text| serde_json::from_slice::<Debt>(&text).ok());
    let why = match debt.as_ref().map(|debt| debt.attempts) {
        None => Unpaid::Unreadable,
        Some(0) => Unpaid::Untried,
        Some(times) => Unpaid::Failed(times),
    };
    Some(Owed {
        agent: agent.clone(),
        run,
        of: debt.map(|debt| (debt.journey, debt.since)),
        why,
    })
}

/// The runs whose files lie in a folder, in their order; none where there is no folder.
fn runs_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut runs: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .collect();
    runs.sort();
    runs
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Revision, RunId, TargetName, Variant};

    use super::*;

    #[test]
    fn what_is_owed_is_told_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let agent = AgentId::new("seoul-1").unwrap();
        assert_eq!(owed_in(&agent, folder.path()), []);
        let debt = |n: u8, attempts| Debt {
            run: RunId::from_bytes([n; 16]),
            target: TargetName::new("superapp").unwrap(),
            journey: JourneyName::new("send-message").unwrap(),
            journey_revision: Revision::of(b""),
            variant: Variant::cold(),
            accounts: Vec::new(),
            scopes: vec![0],
            variables: Vec::new(),
            since: Timestamp::from_unix_seconds(u64::from(n)),
            attempts,
        };
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for debt in [debt(1, 0), debt(2, 1), debt(3, 7)] {
            let text = serde_json::to_string(&debt).unwrap();
            write(&format!("{}.json", debt.run), &text);
        }
        let given_up = debt(4, 9);
        let text = serde_json::to_string(&given_up).unwrap();
        write(&format!("given-up/{}.json", given_up.run), &text);
        write(&format!("given-up/{}.json", debt(5, 0).run), "{}");
        write("fe.json", "{");
        write("half.tmp", "{");
        let owed = owed_in(&agent, folder.path());
        let why: Vec<_> = owed.iter().map(|owed| owed.why).collect();
        assert_eq!(
            why,
            [
                Unpaid::Untried,
                Unpaid::Failed(1),
                Unpaid::Failed(7),
                Unpaid::Unreadable,
                Unpaid::GivenUp,
                Unpaid::GivenUp
            ]
        );
        let payable: Vec<_> = why.iter().map(|why| why.may_be_paid()).collect();
        assert_eq!(payable, [true, true, true, false, false, false]);
        assert_eq!(owed[0].run, debt(1, 0).run.to_string());
        let of = (debt(1, 0).journey, Timestamp::from_unix_seconds(1));
        assert_eq!(owed[0].of, Some(of));
        let of = (given_up.journey, Timestamp::from_unix_seconds(4));
        assert_eq!((&owed[4].of, &owed[5].of), (&Some(of), &None));
        assert_eq!(owed[2].why.to_string(), "tried 7 times in vain");
    }
}
