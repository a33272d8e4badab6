//! `bongsu plan`: what a run would send and expect, step by step. Needs no network and reads no secret.

use std::path::Path;

use bongsu_agent::plan::read_sources;
use bongsu_language::{
    Act, CheckOptions, Journey, Retry, RetryOn, Secrecy, Sketch, SketchedJourney, Step,
    TargetProfile, display_duration, load, load_target, sketch,
};
use bongsu_model::StepKind;
use serde_json::{Value, json};

use super::{Exit, PlanArguments, PlanFormat, check, refuse, run, say, say_error, with_fragments};

pub(super) fn main(arguments: &PlanArguments) -> Exit {
    let (target, journeys) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    for journey in &journeys {
        let sketched = sketch(journey, &target);
        say(&match arguments.format {
            PlanFormat::Text => text(journey, &target, &sketched),
            PlanFormat::Json => json(journey, &target, &sketched).to_string(),
        });
    }
    Exit::Good
}

fn prepare(arguments: &PlanArguments) -> Result<(TargetProfile, Vec<Journey>), Exit> {
    let usage = |message: String| {
        say_error(&format!("error: {message}"));
        Exit::Usage
    };
    let path = run::find_target(&arguments.target, arguments.targets.as_deref()).map_err(usage)?;
    let target = read_target(&path)?;
    let files = read_sources(&with_fragments(&arguments.files)).map_err(|e| refuse(&e))?;
    let options = CheckOptions {
        targets: std::slice::from_ref(&target),
        ..CheckOptions::default()
    };
    let mut loaded = load(&files, options);
    if loaded.has_errors() {
        loaded
            .diagnostics
            .retain(bongsu_language::Diagnostic::is_error);
        check::tell(&loaded.diagnostics, &files);
        return Err(Exit::Invalid);
    }
    if loaded.journeys.is_empty() {
        return Err(usage("the files hold no journey".to_owned()));
    }
    for var in &arguments.vars {
        run::set_var(&mut loaded.journeys, var).map_err(usage)?;
    }
    Ok((target, loaded.journeys))
}

/// The profile alone: its secrets are not looked at.
fn read_target(path: &Path) -> Result<TargetProfile, Exit> {
    let files = read_sources(&[path.to_owned()]).map_err(|error| refuse(&error))?;
    load_target(&files[0]).map_err(|mistakes| {
        check::tell(&mistakes, &files);
        Exit::Invalid
    })
}

/// A journey as text: who plays whom, then what each step sends.
fn text(journey: &Journey, target: &TargetProfile, sketched: &SketchedJourney) -> String {
    let every = journey.every.map_or_else(String::new, |every| {
        format!("every {}, ", display_duration(every))
    });
    let mut lines = vec![format!(
        "{} · {} · {every}timeout {}, cleanup {} · target {}",
        journey.name,
        journey.feature,
        display_duration(journey.timeout),
        display_duration(journey.cleanup_timeout),
        target.target,
    )];
    if target.kill_switch.holds_back(journey) {
        lines.push("  held back by the target's kill switch: nothing would be sent".to_owned());
    }
    for (actor, account) in journey.actors.iter().zip(&sketched.accounts) {
        let account = account
            .as_ref()
            .map_or("no account", |account| account.as_str());
        lines.push(format!(
            "  {} plays {account} of pool {}; an agent leases any",
            actor.name, actor.pool
        ));
    }
    let steps = journey.steps.iter().chain(&journey.cleanup);
    for (step, planned) in steps.zip(&sketched.steps) {
        lines.push(String::new());
        lines.push(title(step));
        for condition in conditions(journey, step, &planned.awaits) {
            lines.push(format!("     {condition}"));
        }
        for one in &planned.sketches {
            lines.extend(sent(journey, one));
        }
        let kept = step.captures.iter().map(|capture| match capture.secrecy {
            Secrecy::Secret => format!("{} (a secret)", capture.name),
            Secrecy::Public => capture.name.clone(),
        });
        let kept: Vec<String> = kept.collect();
        if !kept.is_empty() {
            lines.push(format!("     keeps {}", kept.join(", ")));
        }
    }
    lines.join("\n") + "\n"
}

fn title(step: &Step) -> String {
    let number = step.index + 1;
    match step.kind {
        StepKind::Step => format!("{number:>3}. {} · {}", step.name, step.feature),
        StepKind::Cleanup => format!("{number:>3}. cleanup: {}", step.name),
    }
}

fn sent(journey: &Journey, sketch: &Sketch) -> Vec<String> {
    let mut lines = vec![format!(
        "     {}: {}",
        names(journey, sketch).join(", "),
        sketch.line
    )];
    let headers = sketch.headers.iter();
    lines.extend(headers.map(|(name, value)| format!("       {name}: {value}")));
    let body = sketch.body.iter().flat_map(|body| body.lines());
    lines.extend(body.map(|line| format!("       {line}").trim_end().to_owned()));
    for (what, told) in [
        ("where", &sketch.filter),
        ("expects", &sketch.expect),
        ("fails at once if", &sketch.fail_if),
    ] {
        lines.extend(told.iter().map(|one| format!("     {what} {one}")));
    }
    lines
}

fn names<'a>(journey: &'a Journey, sketch: &Sketch) -> Vec<&'a str> {
    let actors = sketch.actors.iter();
    actors
        .filter_map(|actor| journey.actor_name(*actor))
        .map(bongsu_model::ActorName::as_str)
        .collect()
}

/// When, how often and how long.
fn conditions(journey: &Journey, step: &Step, awaits: &[String]) -> Vec<String> {
    let since = since(journey, step);
    let mut said = Vec::new();
    if journey.is_passed_over_when_warm(step) {
        said.push("passed over by warm runs while they have a session".to_owned());
    }
    if step.kind == StepKind::Cleanup && !awaits.is_empty() {
        said.push(format!("passed over while {} is unset", awaits.join(", ")));
    }
    if let Some(when) = &step.when {
        said.push(format!("only when {}", when.text()));
    }
    if let Some(wait) = step.wait_before {
        said.push(format!("waits {} before", display_duration(wait)));
    }
    if let Act::Http(act) = &step.act
        && act.follow > 0
    {
        let most = bongsu_agent::count(act.follow as usize, "redirect");
        said.push(format!("follows up to {most}"));
    }
    said.extend(limits(step, since));
    if let Some(poll) = step.poll {
        said.push(format!(
            "polled every {} for {}",
            display_duration(poll.every),
            display_duration(poll.for_)
        ));
    }
    if let Some(retry) = &step.retry {
        said.push(repeated(retry));
    }
    if let Some(spends) = step.spends {
        said.push(format!("spends {spends}"));
    }
    said
}

/// How long it may take.
fn limits(step: &Step, since: Option<&Step>) -> Vec<String> {
    let since = since.map_or_else(String::new, |since| {
        format!(" after \"{}\" began", since.name)
    });
    let said = [
        ("slow from", step.slow, since.as_str()),
        ("must end within", step.within, since.as_str()),
        ("an attempt is given up after", step.timeout, ""),
    ];
    let said = said.into_iter().filter_map(|(what, long, since)| {
        Some(format!("{what} {}{since}", display_duration(long?)))
    });
    said.collect()
}

/// The step whose start starts the clock, if it is another.
fn since<'a>(journey: &'a Journey, step: &Step) -> Option<&'a Step> {
    journey.steps.get(step.since?)
}

fn repeated(retry: &Retry) -> String {
    let on: Vec<String> = retry
        .on
        .iter()
        .map(|on| match on {
            RetryOn::Class(class) => class.to_string(),
            RetryOn::Status(status) => status.to_string(),
            RetryOn::Grpc(status) => status.name().to_owned(),
        })
        .collect();
    format!(
        "sent {} more on {}",
        bongsu_agent::count(retry.times as usize, "time"),
        on.join(", ")
    )
}

/// A journey as one JSON object.
fn json(journey: &Journey, target: &TargetProfile, sketched: &SketchedJourney) -> Value {
    let steps = journey.steps.iter().chain(&journey.cleanup);
    let steps: Vec<Value> = steps
        .zip(&sketched.steps)
        .map(|(step, planned)| {
            let sends: Vec<Value> = planned
                .sketches
                .iter()
                .map(|sketch| {
                    json!({
                        "actors": names(journey, sketch),
                        "line": sketch.line,
                        "headers": sketch.headers,
                        "body": sketch.body,
                        "where": sketch.filter,
                        "expect": sketch.expect,
                        "fail_if": sketch.fail_if,
                    })
                })
                .collect();
            let keeps = step.captures.iter().map(|capture| capture.name.as_str());
            json!({
                "name": step.name,
                "kind": step.kind,
                "feature": step.feature,
                "awaits": planned.awaits,
                "conditions": conditions(journey, step, &[]),
                "sends": sends,
                "keeps": keeps.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "journey": journey.name,
        "feature": journey.feature,
        "target": target.target,
        "held_back": target.kill_switch.holds_back(journey),
        "accounts": sketched.accounts,
        "steps": steps,
    })
}
