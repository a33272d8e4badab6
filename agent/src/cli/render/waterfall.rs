//! A run's steps over time, drawn in letters: what of the time was spent on what. Pure.

use std::time::Duration;

use bongsu_language::Colour;
use bongsu_model::{RunReport, StepReport, Timestamp};

use super::{length, millis, named, outcome_word, verdict};

/// Columns of the time axis.
const COLUMNS: usize = 40;

/// The letter of each phase, in the order of [`bongsu_model::Phases::named`].
const LETTERS: [char; 5] = ['d', 'c', 't', 'w', 'r'];

/// The ANSI colour of each phase.
const COLOURS: [&str; 5] = ["36", "34", "35", "33", "32"];

/// Time of a step outside the phases of its deciding attempt.
const OTHER: char = '·';

/// Beside the drawing of any run.
const LEGEND: &str = "d dns, c connect, t tls, w wait, r receive, · earlier attempts, pauses and what was waited for";

/// The run as a waterfall.
pub(in crate::cli) fn waterfall(report: &RunReport, colour: Colour) -> String {
    let facts = &report.facts;
    let whole = Span {
        from: facts.started,
        to: facts.ended,
    };
    let mut text = format!(
        "{}: {} in {}\n",
        verdict(facts.outcomes.verdict()),
        named(&facts.journey, &facts.variant),
        length(whole.length()),
    );
    for step in &report.steps {
        text.push_str(&format!(
            "  ▏{}▏ {:>6} ms  {} [{}]: {}\n",
            painted(&bar(step, whole), colour),
            millis(step.ended.since(step.started)),
            step.name,
            step.actor,
            outcome_word(step),
        ));
    }
    text.push_str(&format!("  {LEGEND}"));
    text
}

#[derive(Debug, Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Span {
    fn length(self) -> Duration {
        self.to.since(self.from)
    }
}

/// What each column shows of the step.
fn bar(step: &StepReport, whole: Span) -> Vec<char> {
    let total = whole.length().as_secs_f64();
    let start = step.started.since(whole.from).as_secs_f64();
    let end = step.ended.since(whole.from).as_secs_f64();
    // The deciding attempt is the last one.
    let mut at = (end - step.phases.total().as_secs_f64()).max(start);
    let mut pieces = vec![(start, at, OTHER)];
    for ((_, phase), letter) in step.phases.named().into_iter().zip(LETTERS) {
        let until = at + phase.unwrap_or_default().as_secs_f64();
        pieces.push((at, until, letter));
        at = until;
    }
    let in_columns = |seconds: f64| seconds / total.max(f64::MIN_POSITIVE) * COLUMNS as f64;
    let letter_at = |column: usize| {
        let middle = column as f64 + 0.5;
        let mut within = pieces
            .iter()
            .filter(|(from, to, _)| in_columns(*from) <= middle && middle < in_columns(*to));
        within.next().map_or(' ', |(_, _, letter)| *letter)
    };
    let mut bar: Vec<char> = (0..COLUMNS).map(letter_at).collect();
    if bar.iter().all(|letter| *letter == ' ') {
        // Too short to be seen: one column shows what most of it was.
        let longest = pieces
            .iter()
            .rev()
            .max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
            .map_or(OTHER, |(_, _, letter)| *letter);
        let column = (0..COLUMNS).rfind(|column| *column as f64 <= in_columns(start));
        bar[column.unwrap_or_default()] = longest;
    }
    bar
}

fn painted(bar: &[char], colour: Colour) -> String {
    if colour == Colour::Plain {
        return bar.iter().collect();
    }
    let mut text = String::new();
    for piece in bar.chunk_by(|a, b| a == b) {
        let letters: String = piece.iter().collect();
        let known = LETTERS.iter().position(|letter| *letter == piece[0]);
        match known {
            Some(phase) => text.push_str(&format!("\x1b[{}m{letters}\x1b[0m", COLOURS[phase])),
            None => text.push_str(&letters),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use bongsu_model::{ActorName, NetworkFacts, Phases, StepKind, StepOutcome, Verb};

    use super::*;

    fn step(from_ms: u64, to_ms: u64, phases: Phases) -> StepReport {
        let stamp = |ms: u64| Timestamp::from_unix_nanos(ms * 1_000_000);
        StepReport {
            name: "s".to_owned(),
            index: 0,
            kind: StepKind::Step,
            verb: Verb::Get,
            actor: ActorName::new("user").unwrap(),
            actor_index: 0,
            feature: None,
            outcome: StepOutcome::Pass,
            started: stamp(from_ms),
            ended: stamp(to_ms),
            attempts: 1,
            polls: 0,
            phases,
            network: NetworkFacts::default(),
            detail: None,
            failed_expectations: Vec::new(),
            earlier_attempts: Vec::new(),
            redirects: Vec::new(),
            evidence: None,
        }
    }

    fn drawn(step: &StepReport, whole_ms: u64) -> String {
        let whole = Span {
            from: Timestamp::from_unix_nanos(0),
            to: Timestamp::from_unix_nanos(whole_ms * 1_000_000),
        };
        painted(&bar(step, whole), Colour::Plain)
    }

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn phases_stand_where_their_time_was() {
        let phases = Phases {
            dns: ms(100),
            connect: ms(200),
            tls: None,
            wait: ms(500),
            receive: ms(100),
        };
        // 25 ms a column; the first 100 ms went to an earlier attempt.
        let expected = "····ddddccccccccwwwwwwwwwwwwwwwwwwwwrrrr";
        assert_eq!(drawn(&step(0, 1_000, phases), 1_000), expected);
        let late = format!("{}{}", " ".repeat(20), "·".repeat(20));
        assert_eq!(drawn(&step(500, 1_000, Phases::default()), 1_000), late);
    }

    #[test]
    fn the_shortest_step_is_seen_and_an_empty_run_is_drawn() {
        let phases = Phases {
            wait: ms(1),
            ..Phases::default()
        };
        let seen = drawn(&step(999, 1_000, phases), 1_000);
        assert_eq!(seen, format!("{}w", " ".repeat(39)));
        assert_eq!(drawn(&step(0, 0, Phases::default()), 0).trim(), "·");
    }

    #[test]
    fn colours_are_for_terminals() {
        let bar = ['d', 'd', ' ', 'w', '·'];
        assert_eq!(painted(&bar, Colour::Plain), "dd w·");
        let ansi = "\x1b[36mdd\x1b[0m \x1b[33mw\x1b[0m·";
        assert_eq!(painted(&bar, Colour::Ansi), ansi);
    }
}
