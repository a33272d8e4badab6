//! `--report`: what was seen, for other programs and for later. Each kind is a [`Sink`]; all get
//! the same runs, which hold no secret any more.

mod file;
mod github;
mod html;
mod jsonl;
mod junit;
mod otlp;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bongsu_agent::direct::{DirectError, Room};
use bongsu_language::{Journey, Redactor, SourceFile};
use bongsu_model::{RunReport, StepOutcome, StepReport};

use super::stage::Stage;
use super::tally::Tally;
use crate::cli::render;
use github::GitHub;
use html::Html;
use jsonl::JsonLines;
use junit::JUnit;
use otlp::Delivery;

/// Most runs that a report lists which is one document: readers of such take no more. Those
/// beyond are counted, so that the report stays true.
const LISTED_RUNS_MAX: usize = 5_000;

/// A kind of report, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReportSpec {
    JUnit(PathBuf),
    JsonLines(PathBuf),
    Html(PathBuf),
    GitHub,
    Otlp(String),
}

/// Why a word is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReportSpecError {
    #[error("it is none of junit=FILE, jsonl=FILE, html=FILE, github and otlp=URL")]
    Kind,
    #[error("say where it goes: {0}=FILE")]
    Where(&'static str),
    #[error("say where the collector is: otlp=URL")]
    Url,
    #[error("`github` is printed and goes to no file")]
    NoWhere,
}

impl FromStr for ReportSpec {
    type Err = ReportSpecError;

    fn from_str(text: &str) -> Result<Self, ReportSpecError> {
        let (kind, place) = match text.split_once('=') {
            Some((kind, place)) => (kind, Some(place).filter(|place| !place.is_empty())),
            None => (text, None),
        };
        let file = |kind| place.map(PathBuf::from).ok_or(ReportSpecError::Where(kind));
        match kind {
            "junit" => file("junit").map(Self::JUnit),
            "jsonl" => file("jsonl").map(Self::JsonLines),
            "html" => file("html").map(Self::Html),
            "otlp" => place
                .map(|url| Self::Otlp(url.to_owned()))
                .ok_or(ReportSpecError::Url),
            "github" if text == kind => Ok(Self::GitHub),
            "github" => Err(ReportSpecError::NoWhere),
            _ => Err(ReportSpecError::Kind),
        }
    }
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReportError {
    #[error("the report {} cannot be written: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the report {} cannot be made: {source}", path.display())]
    JUnit {
        path: PathBuf,
        source: quick_junit::SerializeError,
    },
    #[error("runs cannot be sent to {url}: {source}")]
    Otlp { url: String, source: DirectError },
    #[error("{lost} of {all} runs are not at {url}: {reason}")]
    Lost {
        url: String,
        lost: u64,
        all: u64,
        reason: String,
    },
    #[error("two reports go to {}: give each its own file", .0.display())]
    Twice(PathBuf),
}

/// A run as reports see it: told, and without secrets.
#[derive(Debug)]
pub(super) struct Ran<'a> {
    pub(super) journey: &'a Journey,
    pub(super) report: &'a RunReport,
    /// Its journey, its case, and which repetition it is.
    pub(super) title: String,
    /// Every failure, in order of start.
    pub(super) failures: Vec<Shown<'a>>,
    /// For what is told of the journey beside them: its author may have written secrets into it.
    pub(super) redactor: &'a Redactor,
    /// Whether a slow step is a failed one.
    pub(super) is_strict: bool,
}

impl Ran<'_> {
    /// Why a step that passed is taken for a failed one, if it is: slow ones of the journey's own
    /// feature make the run slow.
    pub(super) fn too_slow(&self, step: &StepReport) -> Option<String> {
        let is_failed = self.is_strict
            && step.outcome == StepOutcome::Slow
            && step.feature.as_ref() == Some(&self.journey.feature);
        is_failed.then(|| render::too_slow(self.journey, step))
    }
}

/// A journey that the kill switch held back.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) journey: &'a Journey,
    /// Its journey, its case, and which repetition it is.
    pub(super) title: String,
    /// For what else is told of the journey.
    pub(super) redactor: &'a Redactor,
}

/// A failure as reports show it.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) step: &'a StepReport,
    /// In one line: journey, step, whose it is, class.
    pub(super) message: String,
    /// Every expectation that did not hold, or the detail.
    pub(super) reasons: Vec<String>,
    /// The place in the file.
    pub(super) path: String,
    pub(super) line: u32,
    pub(super) column: u32,
    /// The excerpt of the file, marked.
    pub(super) drawn: String,
}

impl Ran<'_> {
    /// The failure of this step.
    fn failure(&self, step: &StepReport) -> Option<&Shown<'_>> {
        self.failures
            .iter()
            .find(|shown| std::ptr::eq(shown.step, step))
    }
}

/// What all runs together were like.
#[derive(Debug)]
pub(super) struct Sum<'a> {
    pub(super) tally: &'a Tally,
    pub(super) took: Duration,
    pub(super) not_run: u64,
}

/// One kind of report being written.
trait Sink: Send {
    /// The next run in order.
    fn take(&mut self, ran: &Ran<'_>) -> Result<(), ReportError>;

    /// A journey that the kill switch held back.
    fn held_back(&mut self, held: &Held<'_>) -> Result<(), ReportError>;

    /// There are no more runs.
    fn finish(self: Box<Self>, sum: &Sum<'_>) -> Result<(), ReportError>;
}

/// All reports of the command.
pub(super) struct Reports {
    sinks: Vec<Box<dyn Sink>>,
    deliveries: Vec<Delivery>,
}

impl Reports {
    /// Opens every file, so that what cannot be written is known before the first run. Within the
    /// runtime that the runs are made in.
    pub(super) fn open(specs: &[ReportSpec], stage: &Stage) -> Result<Self, ReportError> {
        let mut deliveries = Vec::new();
        let mut sinks: Vec<Box<dyn Sink>> = Vec::with_capacity(specs.len());
        let mut paths: Vec<&PathBuf> = Vec::new();
        for spec in specs {
            if let Some(path) = spec.path() {
                if paths.contains(&path) {
                    return Err(ReportError::Twice(path.clone()));
                }
                paths.push(path);
            }
            sinks.push(match spec {
                ReportSpec::JUnit(path) => Box::new(JUnit::open(path)?),
                ReportSpec::JsonLines(path) => Box::new(JsonLines::open(path)?),
                ReportSpec::Html(path) => Box::new(Html::open(path)?),
                ReportSpec::GitHub => Box::new(GitHub::new()),
                ReportSpec::Otlp(url) => {
                    let (sink, delivery) = otlp::open(url, stage)?;
                    deliveries.push(delivery);
                    Box::new(sink)
                }
            });
        }
        Ok(Self { sinks, deliveries })
    }

    /// Whether anybody wants to know.
    pub(super) fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    /// Gives the run to every report; those that fail are closed and their reasons given back.
    pub(super) fn take(&mut self, ran: &Ran<'_>) -> Vec<ReportError> {
        self.each(|sink| sink.take(ran))
    }

    /// Tells every report what was held back.
    pub(super) fn held_back(&mut self, held: &Held<'_>) -> Vec<ReportError> {
        self.each(|sink| sink.held_back(held))
    }

    fn each(
        &mut self,
        mut tell: impl FnMut(&mut dyn Sink) -> Result<(), ReportError>,
    ) -> Vec<ReportError> {
        let mut errors = Vec::new();
        self.sinks.retain_mut(|sink| match tell(sink.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                errors.push(error);
                false
            }
        });
        errors
    }

    /// How much room there is for further runs.
    pub(super) fn rooms(&self) -> Vec<Room> {
        self.deliveries.iter().map(Delivery::room).collect()
    }

    /// After [`finish`](Self::finish): waits until everything is sent, or given up.
    pub(super) async fn delivered(&mut self) -> Vec<ReportError> {
        let mut errors = Vec::new();
        for delivery in std::mem::take(&mut self.deliveries) {
            errors.extend(delivery.end().await.err());
        }
        errors
    }

    /// Closes every report.
    pub(super) fn finish(&mut self, sum: &Sum<'_>) -> Vec<ReportError> {
        let sinks = std::mem::take(&mut self.sinks);
        let finished = sinks.into_iter().map(|sink| sink.finish(sum));
        finished.filter_map(Result::err).collect()
    }
}

impl ReportSpec {
    fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::JUnit(path) | Self::JsonLines(path) | Self::Html(path) => Some(path),
            Self::GitHub | Self::Otlp(_) => None,
        }
    }

    pub(super) fn otlp(&self) -> Option<&str> {
        match self {
            Self::Otlp(url) => Some(url),
            Self::JUnit(_) | Self::JsonLines(_) | Self::Html(_) | Self::GitHub => None,
        }
    }
}

/// The failures of a run as reports show them.
pub(super) fn shown<'a>(
    failures: Vec<render::Failure<'a>>,
    files: &[SourceFile],
    redactor: &Redactor,
) -> Vec<Shown<'a>> {
    let clean = |text: String| redactor.redact(&text);
    let shown = failures.into_iter().map(|failure| {
        let drawn = clean(failure.drawn(files, bongsu_language::Colour::Plain));
        let told = failure.told;
        let reasons = std::iter::once(told.label).chain(told.help);
        Shown {
            step: failure.step,
            message: clean(told.message),
            reasons: reasons.filter(|text| !text.is_empty()).map(clean).collect(),
            path: clean(told.position.path.to_string()),
            line: told.position.line,
            column: told.position.column,
            drawn,
        }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_kind_and_mostly_a_place() {
        let read = |text: &str| text.parse::<ReportSpec>();
        assert_eq!(
            read("junit=a/b.xml"),
            Ok(ReportSpec::JUnit("a/b.xml".into()))
        );
        assert_eq!(
            read("html=a=b.html"),
            Ok(ReportSpec::Html("a=b.html".into()))
        );
        assert_eq!(read("github"), Ok(ReportSpec::GitHub));
        let url = "http://collector.test:4318".to_owned();
        assert_eq!(read(&format!("otlp={url}")), Ok(ReportSpec::Otlp(url)));
        assert_eq!(read("otlp"), Err(ReportSpecError::Url));
        assert_eq!(read("junit"), Err(ReportSpecError::Where("junit")));
        assert_eq!(read("jsonl="), Err(ReportSpecError::Where("jsonl")));
        assert_eq!(read("github=x"), Err(ReportSpecError::NoWhere));
        assert_eq!(read("xml=a"), Err(ReportSpecError::Kind));
        assert_eq!(read(""), Err(ReportSpecError::Kind));
    }
}
