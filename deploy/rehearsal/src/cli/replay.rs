//! Outages on the command line: which there are, whether a file is right, and how one is played.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bongsu_language::{Colour, Diagnostic, SourceFile};
use bongsu_rehearsal::clock::SPEED_MAX;
use bongsu_rehearsal::layout::Journeys;
use bongsu_rehearsal::region::{AGENTS_MAX, REGIONS};
use bongsu_rehearsal::replay::{self, Play, Progress};
use bongsu_rehearsal::scenario::{
    self, AGENTS_MIN, Event, ExpectedRow, Happening, SHIPPED, Scenario, Timeline, in_zone,
};
use bongsu_superapp::FacilityAct;
use clap::{Args, Subcommand};

use super::{below, clock, explain, folder, remove};

/// The first board is at this address, as the demo's.
const WEB: &str = "127.0.0.1:8300";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Replay {
    #[command(subcommand)]
    action: Option<Action>,
    /// A shipped scenario by its name, or a file: see `replay list`.
    #[arg(value_name = "NAME|FILE", required = true)]
    scenario: Option<String>,
    /// How many times as fast as it was, 1 to 600; without it so that two processors carry the
    /// runs, some 150 for most. Runs keep the network's time: at 600 a slot of five minutes is
    /// half a second, and a run has half of that. A scenario with shorter slots is played as much
    /// slower.
    #[arg(long, value_parser = parse_speed, value_name = "TIMES")]
    speed: Option<f64>,
    /// Play until here, and judge the board then: 2022-10-16T14:30+09:00. The scenario's end
    /// unless said.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Draws the times that nobody knows, and when faults for a share of the time are there: the
    /// same number, the same outage.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Write the tables here, as text and as JSON.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Regions that agents stand in; as many as the scenario says unless said.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=REGIONS.len() as i64))]
    regions: Option<u8>,
    /// Agents of each region; as many as the scenario says unless said, which are 2 for most. Each
    /// more is sooner sure, and costs a region's runs again.
    #[arg(long, value_parser = clap::value_parser!(u8).range(AGENTS_MIN as i64..=AGENTS_MAX as i64))]
    agents: Option<u8>,
    /// Where the board is while it plays.
    #[arg(long, default_value = WEB, value_name = "ADDRESS")]
    web: SocketAddr,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say which scenarios are shipped.
    List,
    /// Say every mistake of a file, or what it holds.
    Check {
        /// A TOML file with the CSV files that it names beside it, or one CSV file.
        #[arg(value_name = "NAME|FILE")]
        scenario: String,
        /// Draws the times that nobody knows.
        #[arg(long, default_value_t = 1, value_name = "NUMBER")]
        seed: u64,
    },
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text
        .parse()
        .map_err(|_| "give a number, such as 60".to_owned())?;
    if (1.0..=SPEED_MAX).contains(&speed) {
        return Ok(speed);
    }
    Err(format!(
        "give 1 to {SPEED_MAX}: a network cannot be hurried further"
    ))
}

/// Does what the arguments say; an error when a file is wrong or a difference is unexplained.
pub(super) async fn run(replay: Replay) -> Result<(), String> {
    match &replay.action {
        Some(Action::List) => {
            list();
            Ok(())
        }
        Some(Action::Check { scenario, seed }) => check(scenario, *seed),
        None => play(replay).await,
    }
}

fn list() {
    for shipped in SHIPPED {
        match scenario::load(&shipped.files()) {
            Ok(scenario) => {
                println!("{:<24} {}", shipped.name, scenario.names.en);
                println!("{:<24} {}", "", scenario.names.ko);
            }
            Err(mistakes) => println!("{:<24} {} mistakes", shipped.name, mistakes.len()),
        }
    }
}

/// A scenario with the rows that its boards are held against.
struct Read {
    scenario: Scenario,
    expected: Vec<ExpectedRow>,
}

fn check(name: &str, seed: u64) -> Result<(), String> {
    let Read { scenario, expected } = read(name)?;
    let zone = scenario.zone.as_str();
    println!(
        "{}: {} / {}",
        scenario.name, scenario.names.en, scenario.names.ko
    );
    if !scenario.about.is_empty() {
        println!("{}", scenario.about.trim());
    }
    println!(
        "{} rows, played from {} until {}",
        scenario.rows.len(),
        in_zone(scenario.from, zone),
        in_zone(scenario.until, zone)
    );
    println!(
        "a run every {} s by each of {} agents in {}",
        scenario.every.as_secs(),
        scenario.agents,
        bongsu_agent::count(scenario.regions, "region")
    );
    for happening in Timeline::new(&scenario, seed).happenings() {
        println!("{}", told(happening, zone));
    }
    let mut instants: BTreeMap<_, usize> = BTreeMap::new();
    for row in &expected {
        *instants.entry(row.at).or_default() += 1;
    }
    for (at, rows) in instants {
        println!("{rows} rows are expected at {}", in_zone(at, zone));
    }
    Ok(())
}

/// A row as a line for people.
fn told(happening: &Happening<'_>, zone: &str) -> String {
    let row = happening.row;
    let (track, what) = match &row.event {
        Event::Condition {
            on,
            condition,
            basis,
        } => {
            let condition = match condition {
                scenario::Condition::Up => "up".to_owned(),
                scenario::Condition::Broken(injections) => {
                    let faults = injections.iter().map(|one| {
                        if one.is_constant() {
                            one.fault.to_string()
                        } else {
                            format!("{} {:.0}%", one.fault, one.share * 100.0)
                        }
                    });
                    faults.collect::<Vec<_>>().join(", ")
                }
            };
            (basis.as_str(), format!("{on}: {condition}"))
        }
        Event::Facility { act, basis } => {
            let what = match act {
                FacilityAct::PowerOff(facility) => format!("{facility}: no power"),
                FacilityAct::PowerOn(facility) => format!("{facility}: power"),
                FacilityAct::FailOver(one) => format!("{}: failed over", one.as_str()),
                FacilityAct::FailBack(one) => format!("{}: back home", one.as_str()),
            };
            (basis.as_str(), what)
        }
        Event::Sight {
            part,
            is_cut,
            basis,
        } => {
            let how = if *is_cut { "cut off" } else { "in reach" };
            (basis.as_str(), format!("{part}: {how}"))
        }
        Event::Statement {
            track,
            subject,
            state,
        } => (track.as_str(), format!("{subject}: {state}")),
        Event::Annotation {
            track,
            subject,
            text,
        } => (track.as_str(), format!("{subject}: {text}")),
    };
    let synthetic = if happening.is_synthetic {
        " (synthetic time)"
    } else {
        ""
    };
    format!(
        "{}  {track:<8}  {what}{synthetic}",
        in_zone(happening.at, zone)
    )
}

async fn play(replay: Replay) -> Result<(), String> {
    let name = replay.scenario.as_deref().unwrap_or_default();
    let Read { scenario, expected } = read(name)?;
    let until = replay
        .until
        .as_deref()
        .map(|text| scenario::instant(text, &scenario.zone))
        .transpose()?;
    let (folder, temporary) = folder(None);
    let memory = memory();
    let play = Play {
        speed: replay.speed,
        until,
        seed: replay.seed,
        regions: replay.regions.map(usize::from),
        agents: replay.agents.map(usize::from),
        web: replay.web,
        folder,
        memory: memory.clone(),
        journeys: Journeys::Cold,
    };
    println!(
        "{} at {} times its speed, seed {}",
        scenario.names.en,
        replay::played_speed(&play, &scenario),
        play.seed
    );
    let zone = scenario.zone.clone();
    let tell = |progress: Progress<'_>| match progress {
        Progress::Started(fleet) => {
            println!("board      http://{}/", fleet.collector.web_addr());
        }
        Progress::Happened(happening) => println!("{}", told(&happening, &zone)),
    };
    let played = replay::run(&play, &scenario, &expected, clock(), tell).await;
    remove(temporary);
    remove(memory);
    let outcome = played.map_err(|error| explain(&error))?;
    let text = replay::text(&outcome, &scenario);
    println!("\n{text}");
    if let Some(out) = &replay.out {
        let json = format!("{:#}\n", replay::json(&outcome, &scenario));
        write(out, &format!("{}.txt", scenario.name), &text)?;
        write(out, &format!("{}.json", scenario.name), &json)?;
    }
    if outcome.is_explained() {
        Ok(())
    } else {
        Err("a difference is not explained".to_owned())
    }
}

/// A folder in memory, where the system keeps a file system there. What agents write is bounded.
fn memory() -> Option<PathBuf> {
    let memory = PathBuf::from("/dev/shm");
    memory.is_dir().then(|| below(&memory))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The scenario of a name that is shipped, or of a file.
fn read(name: &str) -> Result<Read, String> {
    let (files, expected) = match scenario::shipped(name) {
        Some(shipped) => (shipped.files(), Some(shipped.expected())),
        None => from_disk(Path::new(name))?,
    };
    let scenario = scenario::load(&files).map_err(|mistakes| drawn(&mistakes, &files))?;
    let expected = match &expected {
        Some(file) => scenario::load_expected(file, &scenario)
            .map_err(|mistakes| drawn(&mistakes, std::slice::from_ref(file)))?,
        None => Vec::new(),
    };
    Ok(Read { scenario, expected })
}

/// A file with the CSV files beside it that it may name, and NAME.expected.csv if it is there.
fn from_disk(path: &Path) -> Result<(Vec<SourceFile>, Option<SourceFile>), String> {
    let known = || {
        SHIPPED
            .iter()
            .map(|one| one.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let file = |path: &Path| {
        let text = std::fs::read_to_string(path);
        text.map(|text| SourceFile::new(path.display().to_string(), text))
    };
    let first = file(path).map_err(|error| {
        format!(
            "{}: {error}; it is no shipped scenario either, those are: {}",
            path.display(),
            known()
        )
    })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut files = vec![first];
    for named in scenario::named_files(&files[0]) {
        // What is not there is told with its place by whoever reads the scenario.
        files.extend(file(&folder.join(named)).ok());
    }
    let expected = file(&path.with_extension("expected.csv")).ok();
    Ok((files, expected))
}

fn drawn(mistakes: &[Diagnostic], files: &[SourceFile]) -> String {
    let drawings = mistakes
        .iter()
        .map(|mistake| mistake.render(files, Colour::Plain));
    let count = bongsu_agent::count(mistakes.len(), "mistake");
    format!(
        "the scenario cannot be played: {count}\n\n{}",
        drawings.collect::<Vec<_>>().join("\n\n")
    )
}
