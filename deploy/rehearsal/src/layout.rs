//! Writes the files that a fleet is configured with: the same files that a person would write by
//! hand, so that the rehearsal runs what is documented and nothing else.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bongsu_model::TargetName;
use sha2::Digest as _;

use crate::region::{Channel, REGIONS, RehearsalAgent, Shape};

/// The shipped journeys, embedded so that the binary needs no checkout beside it.
const JOURNEYS: &[(&str, &str)] = &[
    (
        "login.toml",
        include_str!("../../../probes/journeys/login.toml"),
    ),
    (
        "send-message.toml",
        include_str!("../../../probes/journeys/send-message.toml"),
    ),
    (
        "transfer.toml",
        include_str!("../../../probes/journeys/transfer.toml"),
    ),
    (
        "transfer-in-chat.toml",
        include_str!("../../../probes/journeys/transfer-in-chat.toml"),
    ),
    (
        "call-taxi.toml",
        include_str!("../../../probes/journeys/call-taxi.toml"),
    ),
    (
        "fragments/sign-in.toml",
        include_str!("../../../probes/journeys/fragments/sign-in.toml"),
    ),
    (
        "catalogue.toml",
        include_str!("../../../probes/journeys/catalogue.toml"),
    ),
];

/// Which of the shipped journeys a fleet runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journeys {
    /// All of them.
    Shipped,
    /// The files of these names.
    Only(&'static [&'static str]),
}

impl Journeys {
    /// Whether a file belongs to it; fragments and the catalogue always do.
    fn has(self, file: &str) -> bool {
        match self {
            Self::Shipped => true,
            Self::Only(names) => {
                names.contains(&file) || file == "catalogue.toml" || file.contains('/')
            }
        }
    }
}

/// The shipped journeys' cadence, as they write it.
const SHIPPED_EVERY: &str = "every = \"10s\"";

/// What gives shipped journeys a warm variant. The rehearsal runs them cold alone: every service
/// of the stand-in checks sessions with the component `account`, so that none outlives its outage.
const SHIPPED_WARM: &str = "warm = true";

/// A file of the layout could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}; choose another folder with --dir")]
pub struct LayoutError {
    path: PathBuf,
    source: std::io::Error,
}

/// The folder that everything of one rehearsal lies in.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    shape: Shape,
}

impl Layout {
    /// A layout below `root`, with the journeys and the agents' tokens in place.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(root: &Path, shape: Shape, journeys: Journeys) -> Result<Self, LayoutError> {
        let layout = Self {
            root: root.to_owned(),
            shape,
        };
        let every = format!("every = \"{}ms\"", shape.every.as_millis());
        for (name, text) in JOURNEYS.iter().filter(|(name, _)| journeys.has(name)) {
            let text = text.replace(SHIPPED_EVERY, &every);
            let text = text.replace(SHIPPED_WARM, "warm = false");
            layout.write(&format!("journeys/{name}"), &text)?;
        }
        for agent in RehearsalAgent::all(shape.agents) {
            layout.write(&format!("agents/{}/token", agent.id()), &token(&agent))?;
        }
        Ok(layout)
    }

    /// Where the profiles of a target lie, one for each region.
    pub fn target_folder(&self, target: &TargetName) -> PathBuf {
        self.root.join("targets").join(target.as_str())
    }

    /// Writes an agent's file and returns where it lies.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_agent(
        &self,
        agent: &RehearsalAgent,
        targets: &[TargetName],
        collector: SocketAddr,
        controls: &[SocketAddr],
    ) -> Result<PathBuf, LayoutError> {
        let id = agent.id();
        let quoted = |texts: &mut dyn Iterator<Item = String>| {
            texts
                .map(|text| format!("\"{text}\""))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let region = agent.region.id;
        let text = format!(
            "format = 1\n\
             id = \"{id}\"\n\
             region = \"{region}\"\n\
             network = \"{network}\"\n\
             data = \"data\"\n\n\
             [plan]\n\
             journeys = [\"../../journeys\"]\n\
             catalogue = \"../../journeys/catalogue.toml\"\n\
             targets = [{targets}]\n\
             slice = \"{place}/{places}\"\n\
             account_slice = \"{number}/{count}\"\n\n\
             [[collector]]\n\
             name = \"main\"\n\
             url = \"http://{collector}\"\n\
             token = {{ file = \"token\" }}\n\
             control = {control}\n\n\
             [spool]\n\
             bytes_max = \"64MiB\"\n\n\
             [controls]\n\
             addresses = [{controls}]\n\n\
             [listen]\n\
             address = \"127.0.0.1:0\"\n",
            network = agent.network(),
            targets = quoted(
                &mut targets
                    .iter()
                    .map(|name| format!("../../targets/{name}/target-{region}.toml"))
            ),
            control = self.shape.channel == Channel::Open,
            place = agent.place + 1,
            places = self.shape.agents,
            number = agent.number + 1,
            count = RehearsalAgent::count(self.shape.agents),
            controls = quoted(&mut controls.iter().map(SocketAddr::to_string)),
        );
        let path = format!("agents/{id}/agent.toml");
        self.write(&path, &text)?;
        Ok(self.root.join(path))
    }

    /// Writes the collector's file and returns where it lies.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_collector(
        &self,
        default_target: &str,
        otlp: SocketAddr,
        web: SocketAddr,
    ) -> Result<PathBuf, LayoutError> {
        let mut text = format!(
            "format = 1\n\
             data = \"data\"\n\
             catalogue = \"../journeys/catalogue.toml\"\n\
             default_target = \"{default_target}\"\n\
             zone = \"Asia/Seoul\"\n\n\
             [listen]\n\
             otlp = \"{otlp}\"\n\
             otlp_grpc = \"{}\"\n\
             web = \"{web}\"\n\n\
             [limits]\n\
             requests_per_second = 200\n",
            SocketAddr::new(otlp.ip(), 0)
        );
        for region in REGIONS {
            let _ = write!(
                text,
                "\n[[region]]\nid = \"{}\"\nnames = {{ ko = \"{}\", en = \"{}\" }}\nweight = 1.0\n",
                region.id, region.ko, region.en
            );
        }
        for agent in RehearsalAgent::all(self.shape.agents) {
            let _ = write!(
                text,
                "\n[[agent]]\nid = \"{}\"\nregion = \"{}\"\nnetwork = \"{}\"\n\
                 token_sha256 = \"{}\"\n",
                agent.id(),
                agent.region.id,
                agent.network(),
                sha256_hex(&token(&agent)),
            );
        }
        self.write("collector/collector.toml", &text)?;
        Ok(self.root.join("collector/collector.toml"))
    }

    fn write(&self, path: &str, text: &str) -> Result<(), LayoutError> {
        let path = self.root.join(path);
        let written = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, text));
        written.map_err(|source| LayoutError { path, source })
    }
}

/// A token for an agent that speaks to a collector on the same loopback and nowhere else.
fn token(agent: &RehearsalAgent) -> String {
    format!("rehearsal-token-of-{}", agent.id())
}

fn sha256_hex(text: &str) -> String {
    sha2::Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
