//! Writes the files that a fleet is configured with: the same files that a person would write by
//! hand, so that the rehearsal runs what is documented and nothing else.

mod tempo;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_model::TargetName;
use sha2::Digest as _;

use crate::region::{Channel, RehearsalAgent, Shape};

pub use tempo::{Spool, Tempo};

/// Embeds files of `probes/journeys`, so that the binary needs no checkout beside it.
macro_rules! shipped {
    ($($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../../probes/journeys/", $file)))),+]
    };
}

/// The shipped journeys by service, with what they use: one line each.
const JOURNEYS: &[(&str, &str)] = shipped![
    "catalogue.toml",
    "fragments/bank-sign-in.toml",
    "fragments/sign-in.toml",
    "account/login.toml",
    "talk/send-message.toml",
    "talk/send-long-message.toml",
    "talk/login-pc.toml",
    "talk/room-create.toml",
    "talk/room-invite.toml",
    "talk/board-notice.toml",
    "talk/emoticon.toml",
    "talk/send-image.toml",
    "talk/send-video.toml",
    "talk/call-voice.toml",
    "talk/call-video.toml",
    "talk/channel.toml",
    "talk/push.toml",
    "talk/openchat-create.toml",
    "talk/calendar.toml",
    "talk/wallet.toml",
    "talk/board-vote.toml",
    "talk/send-file.toml",
    "talk/drawer.toml",
    "talk/profile-edit.toml",
    "talk/emoticon-store.toml",
    "talk/emoticon-plus.toml",
    "talk/voice-room.toml",
    "talk/transfer-in-chat.toml",
    "pay/balance.toml",
    "pay/pay-offline.toml",
    "pay/pay-online.toml",
    "pay/pay-overseas.toml",
    "pay/pay-ride.toml",
    "pay/transfer.toml",
    "pay/transfer-in-talk.toml",
    "pay/assets.toml",
    "pay/securities.toml",
    "bank/own-accounts.toml",
    "map/find-place.toml",
    "map/see-street.toml",
    "map/take-bus.toml",
    "mobility/call-taxi.toml",
    "bank/alimtalk.toml",
    "bank/consult.toml",
    "bank/in-app-message.toml",
    "care/intake-mail.toml",
    "care/intake-phone.toml",
    "care/intake-web.toml",
    "mobility/call-chauffeur.toml",
    "mobility/drive-for-others.toml",
    "mobility/drive-taxi.toml",
    "mobility/end-bike-ride.toml",
    "mobility/navigate.toml",
    "mobility/open-app.toml",
    "mobility/park.toml",
    "mobility/pay-at-gate.toml",
    "mobility/pick-parcels.toml",
    "mobility/ride-bike.toml",
    "mobility/send-parcel.toml",
    "ent/get-picks.toml",
    "ent/play-music.toml",
    "ent/read-webtoon.toml",
    "ent/search-music.toml",
    "ent/see-chart.toml",
    "daum/cafe.toml",
    "daum/mail.toml",
    "daum/news.toml",
    "style/cancel-payment.toml",
    "piccoma/read-chapter.toml",
    "games/play-mobile.toml",
    "games/play-pc.toml",
];

/// Which of the shipped journeys a fleet runs, and whether also warm where they say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journeys {
    /// All of them, as they are shipped: the main ones cold and warm.
    Shipped,
    /// All of them, cold alone. A warm variant has slots of its own, which a fleet that is bound by
    /// its processor must not spend.
    Cold,
    /// The files of these names, cold alone.
    Only(&'static [&'static str]),
}

impl Journeys {
    /// Whether a file belongs to it; fragments and the catalogue always do.
    fn has(self, file: &str) -> bool {
        match self {
            Self::Shipped | Self::Cold => true,
            Self::Only(names) => names.contains(&file) || is_used(file),
        }
    }

    /// How many journeys it has.
    pub fn count(self) -> usize {
        let files = JOURNEYS.iter().map(|(name, _)| *name);
        let is_journey = |name: &&str| !is_used(name) && self.has(name);
        files.filter(is_journey).count()
    }

    /// A journey with the variants that are run of it.
    fn varied(self, journey: String) -> String {
        match self {
            Self::Shipped => journey,
            Self::Cold | Self::Only(_) => journey.replace(WARM, "warm = false"),
        }
    }
}

/// Whether a file is no journey, and used by journeys.
fn is_used(file: &str) -> bool {
    file == "catalogue.toml" || file.starts_with("fragments/")
}

/// What gives shipped journeys a warm variant.
const WARM: &str = "warm = true";

/// What a profile begins with, and what holds runs back that change something.
const FORMAT: &str = "format = 1\n";
const HELD_BACK: &str = "kill_switch = \"side-effects\"\n";

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
    tempo: Tempo,
}

impl Layout {
    /// A layout below `root`, with the journeys and the agents' tokens in place.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(
        root: &Path,
        shape: Shape,
        journeys: Journeys,
        tempo: Tempo,
    ) -> Result<Self, LayoutError> {
        let layout = Self {
            root: root.to_owned(),
            shape,
            tempo,
        };
        for (name, text) in JOURNEYS.iter().filter(|(name, _)| journeys.has(name)) {
            let text = journeys.varied(with_cadence(text, shape.every));
            layout.write(&format!("journeys/{name}"), &text)?;
        }
        for agent in shape.agents() {
            layout.write(&format!("agents/{}/token", agent.id()), &token(&agent))?;
        }
        Ok(layout)
    }

    /// Lets the agents keep their data below `memory`, in a folder each: what they owe is with the
    /// system before a run begins, and a disk takes longer for that than a hurried run has.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub fn keep_agents_in(root: &Path, shape: Shape, memory: &Path) -> Result<(), LayoutError> {
        for agent in shape.agents() {
            let (own, kept) = (
                root.join("agents").join(agent.id()),
                memory.join(agent.id()),
            );
            let made = std::fs::create_dir_all(&own)
                .and_then(|()| std::fs::create_dir_all(&kept))
                .and_then(|()| std::os::unix::fs::symlink(&kept, own.join("data")));
            made.map_err(|source| LayoutError {
                path: kept.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// Where the profiles of a target lie, one for each region.
    pub fn target_folder(&self, target: &TargetName) -> PathBuf {
        self.root.join("targets").join(target.as_str())
    }

    /// Turns the kill switch of a target on in every profile of it: agents begin nothing more that
    /// changes something there, and pay what they owe.
    ///
    /// # Errors
    /// When a profile cannot be read or written.
    pub fn hold_back(&self, target: &TargetName) -> Result<(), LayoutError> {
        for region in self.shape.regions() {
            let profile = format!("targets/{target}/target-{}.toml", region.id);
            let path = self.root.join(&profile);
            let text = std::fs::read_to_string(&path);
            let held = text.and_then(|text| held_back(&text));
            let held = held.map_err(|source| LayoutError { path, source })?;
            self.write(&profile, &held)?;
        }
        Ok(())
    }

    /// Writes an agent's file and returns where it lies.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_agent(
        &self,
        agent: &RehearsalAgent,
        targets: &[TargetName],
        (collector, spool): (SocketAddr, Spool),
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
             bytes_max = \"{spool}MiB\"\n\n\
             [controls]\n\
             timeout = \"{self_check}ms\"\n\
             addresses = [{controls}]\n\n\
             [limits]\n\
             bursts = {bursts}\n\n\
             [listen]\n\
             address = \"127.0.0.1:0\"\n",
            network = agent.network(),
            targets = quoted(
                &mut targets
                    .iter()
                    .map(|name| format!("../../targets/{name}/target-{region}.toml"))
            ),
            control = self.shape.channel == Channel::Open,
            spool = spool.mib(),
            self_check = self.tempo.self_check(self.shape.every).as_millis(),
            bursts = self.tempo == Tempo::Usual,
            place = agent.place + 1,
            places = self.shape.agents,
            number = agent.number + 1,
            count = self.shape.count(),
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
             zone = \"Asia/Seoul\"\n\
             lateness = \"{lateness}ms\"\n\n\
             [listen]\n\
             otlp = \"{otlp}\"\n\
             otlp_grpc = \"{}\"\n\
             web = \"{web}\"\n\n\
             [limits]\n\
             requests_per_second = 200\n",
            SocketAddr::new(otlp.ip(), 0),
            lateness = self.tempo.lateness().as_millis(),
        );
        for region in self.shape.regions() {
            let _ = write!(
                text,
                "\n[[region]]\nid = \"{}\"\nnames = {{ ko = \"{}\", en = \"{}\" }}\nweight = 1.0\n",
                region.id, region.ko, region.en
            );
        }
        for agent in self.shape.agents() {
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
        if self.tempo != Tempo::Usual {
            let token = sha256_hex(&operator_token());
            let _ = write!(
                text,
                "\n[[operator]]\nid = \"replay\"\ntoken_sha256 = \"{token}\"\n"
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

/// The profile with its kill switch on.
fn held_back(profile: &str) -> std::io::Result<String> {
    if profile.contains(HELD_BACK) {
        return Ok(profile.to_owned());
    }
    let Some((before, after)) = profile.split_once(FORMAT) else {
        let lacks = format!("it has no line `{}`", FORMAT.trim_end());
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, lacks));
    };
    Ok([before, FORMAT, HELD_BACK, after].concat())
}

/// The journey with another cadence than it was shipped with; as it was shipped where a run may
/// take too long for that.
fn with_cadence(journey: &str, every: Duration) -> String {
    let longest = limit(journey, "timeout").unwrap_or_default()
        + limit(journey, "cleanup_timeout").unwrap_or(bongsu_language::CLEANUP_TIMEOUT);
    if longest >= every {
        return journey.to_owned();
    }
    let lines = journey.split_inclusive('\n');
    let rewritten = lines.map(|line| {
        if line.starts_with("every = ") {
            format!("every = \"{}ms\"\n", every.as_millis())
        } else {
            line.to_owned()
        }
    });
    rewritten.collect()
}

/// What the journey itself, and not a step of it, says for a key that takes a time.
fn limit(journey: &str, key: &str) -> Option<Duration> {
    let said = journey.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?;
        value.trim().strip_prefix('"')?.split('"').next()
    })?;
    bongsu_language::parse_duration(said).ok()
}

/// A token for an agent that speaks to a collector on the same loopback and nowhere else.
fn token(agent: &RehearsalAgent) -> String {
    format!("rehearsal-token-of-{}", agent.id())
}

/// The token of who hands claims in during a replay, to a collector on the same loopback.
pub(crate) fn operator_token() -> String {
    "rehearsal-token-of-the-desk".to_owned()
}

fn sha256_hex(text: &str) -> String {
    sha2::Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bongsu_model::{PoolName, Variant};

    use super::*;

    /// The shipped journeys as a fleet of this cadence runs them.
    fn shipped(every: Duration) -> Vec<bongsu_language::Journey> {
        loaded(Journeys::Shipped, every)
    }

    fn loaded(journeys: Journeys, every: Duration) -> Vec<bongsu_language::Journey> {
        let files = JOURNEYS
            .iter()
            .filter(|(name, _)| *name != "catalogue.toml");
        let files: Vec<_> = files
            .map(|(name, text)| {
                let text = journeys.varied(with_cadence(text, every));
                bongsu_language::SourceFile::new(*name, text)
            })
            .collect();
        bongsu_language::load_journeys(&files).unwrap()
    }

    #[test]
    fn a_profile_is_held_back_once_and_one_that_cannot_be_is_told() {
        let held = held_back("# a\nformat = 1\ntarget = \"a\"\n").unwrap();
        let wanted = "# a\nformat = 1\nkill_switch = \"side-effects\"\ntarget = \"a\"\n";
        assert_eq!(held, wanted);
        assert_eq!(held_back(&held).unwrap(), wanted);
        let error = held_back("format=1\n").unwrap_err();
        assert!(error.to_string().contains("`format = 1`"), "{error}");
    }

    #[test]
    fn every_shipped_journey_fits_the_cadence_of_a_fleet() {
        let usual = Shape::default().every;
        let journeys = shipped(usual);
        let hurried = journeys
            .iter()
            .filter(|one| one.every == Some(usual))
            .count();
        // What takes longer keeps its own; what the demo is about does not.
        assert!(0 < hurried && hurried < journeys.len(), "{hurried}");
        let login = journeys.iter().find(|one| one.name.as_str() == "login");
        assert_eq!(login.unwrap().every, Some(usual));

        let slow = Duration::from_secs(300);
        assert!(shipped(slow).iter().all(|one| one.every == Some(slow)));
    }

    /// The journeys that the demo and the soak also run warm.
    const RUN_WARM: [&str; 4] = ["call-taxi", "send-message", "transfer", "transfer-in-chat"];

    #[test]
    fn the_main_journeys_run_warm_as_well_and_where_it_is_cold_alone_none_does() {
        let warm_of = |journeys| {
            let all = loaded(journeys, Shape::default().every).into_iter();
            let warm = all.filter(|one| one.variants.contains(&Variant::warm()));
            let mut names: Vec<String> = warm.map(|one| one.name.to_string()).collect();
            names.sort();
            names
        };
        assert_eq!(warm_of(Journeys::Shipped), RUN_WARM);
        assert_eq!(warm_of(Journeys::Cold), Vec::<String>::new());
        assert_eq!(warm_of(Journeys::Only(&[])), Vec::<String>::new());
        let count = shipped(Shape::default().every).len();
        assert_eq!(Journeys::Cold.count(), count);
        assert_eq!(Journeys::Only(&["account/login.toml"]).count(), 1);
    }

    #[test]
    fn an_agent_has_two_accounts_for_each_actor_of_each_variant() {
        let mut actors: BTreeMap<PoolName, usize> = BTreeMap::new();
        for journey in shipped(Shape::default().every) {
            for actor in &journey.actors {
                *actors.entry(actor.pool.clone()).or_default() += journey.variants.len();
            }
        }
        let pools = bongsu_superapp::pools_of(1).into_iter();
        let for_each = pools.map(|(pool, accounts)| (pool, accounts / 2));
        assert_eq!(for_each.collect::<BTreeMap<_, _>>(), actors);
    }
}
