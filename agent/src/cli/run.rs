//! `bongsu run`: each journey once, in order, and an exit code that a script can trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_agent::SystemClock;
use bongsu_agent::plan::{LoadedTarget, load_target_file, read_sources};
use bongsu_language::{CheckOptions, Journey, SourceFile, load};
use bongsu_model::{
    AgentId, BootId, CleanupState, Clock, NetworkId, Outcome, RegionId, Revision, RunId,
    RunIdentity, RunReport, StepKind, StepOutcome, Trigger, Vantage,
};
use bongsu_probes::{Account, Context, NoCompensationLog, NoSelfCheck, RunOrder};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Exit, RunArguments, check, colour, render, say, say_error, with_fragments};

pub(super) fn main(arguments: &RunArguments) -> Exit {
    let (files, target, journeys) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run_all(arguments, &files, &target, &journeys)),
        Err(error) => {
            say_error(&format!("error: the runtime cannot start: {error}"));
            Exit::Blind
        }
    }
}

type Prepared = (Vec<SourceFile>, LoadedTarget, Vec<Journey>);

fn prepare(arguments: &RunArguments) -> Result<Prepared, Exit> {
    let usage = |message: String| {
        say_error(&format!("error: {message}"));
        Exit::Usage
    };
    let path = find_target(&arguments.target, arguments.targets.as_deref()).map_err(usage)?;
    let files =
        read_sources(&with_fragments(&arguments.files)).map_err(|e| usage(e.to_string()))?;
    let target = load_target_file(&path).map_err(|refusal| {
        say_error(&refusal.to_string());
        Exit::Invalid
    })?;
    let profiles = [target.target.profile().clone()];
    let options = CheckOptions {
        targets: &profiles,
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
        set_var(&mut loaded.journeys, var).map_err(usage)?;
    }
    Ok((files, target, loaded.journeys))
}

/// A profile by its file, or by its name in the folder of profiles.
fn find_target(target: &str, folder: Option<&Path>) -> Result<PathBuf, String> {
    let path = PathBuf::from(target);
    if path.is_file() {
        return Ok(path);
    }
    let Some(folder) = folder else {
        return Err(format!(
            "there is no file {target}; to name a target, say with --targets where profiles are"
        ));
    };
    [format!("{target}.toml"), format!("target-{target}.toml")]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let folder = folder.display();
            format!("{folder} holds neither {target}.toml nor target-{target}.toml")
        })
}

fn set_var(journeys: &mut [Journey], text: &str) -> Result<(), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("--var {text}: write NAME=VALUE"))?;
    let mut known = Vec::new();
    let mut is_set = false;
    for (key, slot) in journeys.iter_mut().flat_map(|journey| &mut journey.vars) {
        if key == name {
            *slot = like(slot, value).map_err(|kind| {
                format!("--var {text}: `{name}` is declared as {kind}, as in `{name} = {slot}`")
            })?;
            is_set = true;
        }
        known.push(key.clone());
    }
    if is_set {
        Ok(())
    } else if known.is_empty() {
        Err(format!("--var {name}: the journeys declare no `vars`"))
    } else {
        Err(format!("--var {name}: declared are {}", known.join(", ")))
    }
}

/// The value of a type that the journey's author has thought of: that of the declared one.
///
/// # Errors
/// What the declared one is.
fn like(declared: &Value, text: &str) -> Result<Value, &'static str> {
    let read = || serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    let (kind, value, is_alike): (_, _, fn(&Value) -> bool) = match declared {
        Value::String(_) | Value::Null => return Ok(Value::String(text.to_owned())),
        Value::Number(number) if number.is_f64() => ("a number", read(), Value::is_number),
        Value::Number(_) => ("a whole number", read(), |v| v.is_i64() || v.is_u64()),
        Value::Bool(_) => ("true or false", read(), Value::is_boolean),
        Value::Array(_) => ("a list", read(), Value::is_array),
        Value::Object(_) => ("a table", read(), Value::is_object),
    };
    is_alike(&value).then_some(value).ok_or(kind)
}

async fn run_all(
    arguments: &RunArguments,
    files: &[SourceFile],
    target: &LoadedTarget,
    journeys: &[Journey],
) -> Exit {
    let cancel = CancellationToken::new();
    let watcher = tokio::spawn({
        let cancel = cancel.clone();
        async move {
            let Ok(mut term) = signal(SignalKind::terminate()) else {
                return;
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
            cancel.cancel();
        }
    });
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut worst = Exit::Good;
    for (seq, journey) in journeys.iter().enumerate() {
        if cancel.is_cancelled() {
            break;
        }
        if target.target.profile().kill_switch.holds_back(journey) {
            say_error(&format!(
                "skipped: {}: the kill switch of target `{}` holds it back",
                journey.name,
                target.target.name()
            ));
            worst = worse(worst, Exit::Blind);
            continue;
        }
        let Some(accounts) = accounts(journey, target) else {
            say_error(&format!(
                "error: {}: the pools of target `{}` hold too few accounts for its actors",
                journey.name,
                target.target.name()
            ));
            worst = worse(worst, Exit::Invalid);
            continue;
        };
        let context = Context {
            clock: clock.clone(),
            order: order(journey, target, arguments, &clock, seq as u64),
            target: target.target.clone(),
            accounts,
            compensation: Arc::new(NoCompensationLog),
            cancel: cancel.clone(),
            self_check: Arc::new(NoSelfCheck),
        };
        let report = bongsu_probes::run(journey, &context).await;
        say(&if arguments.json {
            render::json(&report).to_string()
        } else {
            render::text(journey, &report, files, colour())
        });
        worst = worse(worst, exit_of(&report, arguments.strict));
    }
    watcher.abort();
    if cancel.is_cancelled() {
        Exit::Interrupted
    } else {
        worst
    }
}

/// One account for each actor, no account twice.
fn accounts(journey: &Journey, target: &LoadedTarget) -> Option<Vec<Account>> {
    let mut taken: Vec<Account> = Vec::new();
    for (at, actor) in journey.actors.iter().enumerate() {
        let nth = journey.actors[..at]
            .iter()
            .filter(|other| other.pool == actor.pool)
            .count();
        let (_, accounts) = target.pools.iter().find(|(name, _)| *name == actor.pool)?;
        taken.push(accounts.get(nth)?.clone());
    }
    Some(taken)
}

fn order(
    journey: &Journey,
    target: &LoadedTarget,
    arguments: &RunArguments,
    clock: &Arc<dyn Clock>,
    seq: u64,
) -> RunOrder {
    let now = clock.wall();
    let nonce = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    let vantage = Vantage {
        region: RegionId::new("local").expect("a name"),
        network: NetworkId::new("local").expect("a name"),
        agent: AgentId::new("command-line").expect("a name"),
    };
    let trigger = if arguments.ci {
        Trigger::Ci
    } else {
        Trigger::Manual
    };
    let variant = journey
        .variants
        .first()
        .cloned()
        .unwrap_or_else(bongsu_model::Variant::cold);
    let identity = RunIdentity {
        agent: &vantage.agent,
        target: target.target.name(),
        journey: &journey.name,
        variant: &variant,
        trigger: trigger.kind(),
        n: nonce,
    };
    RunOrder {
        id: RunId::derive(identity, now),
        plan_revision: Revision::of(journey.revision.as_str().as_bytes()),
        trigger,
        due: now,
        boot: BootId::new(&format!("{nonce:016x}")).expect("hex digits"),
        seq,
        clock_offset_s: 0.0,
        vantage,
        variant,
    }
}

/// What a run means for a script.
fn exit_of(report: &RunReport, strict: bool) -> Exit {
    let step_failed = report
        .steps
        .iter()
        .any(|step| step.kind == StepKind::Step && matches!(step.outcome, StepOutcome::Fail(_)));
    match report.facts.outcomes.verdict() {
        _ if step_failed => Exit::Failed,
        Outcome::Fail(_) | Outcome::Blocked(_) => Exit::Failed,
        Outcome::Blind(_) | Outcome::Skipped(_) => Exit::Blind,
        Outcome::Slow if strict => Exit::Failed,
        Outcome::Pass | Outcome::Slow => match report.facts.cleanup {
            CleanupState::Leaked | CleanupState::Owed => Exit::Leaked,
            CleanupState::None | CleanupState::Done => Exit::Good,
        },
    }
}

/// A failure outweighs everything, what proves nothing outweighs a leak.
fn worse(a: Exit, b: Exit) -> Exit {
    let weight = |exit| match exit {
        Exit::Good => 0,
        Exit::Leaked => 1,
        Exit::Blind => 2,
        Exit::Failed => 3,
        Exit::Invalid => 4,
        Exit::Usage => 5,
        Exit::Interrupted => 6,
    };
    if weight(b) > weight(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variable_keeps_the_type_that_it_was_declared_with() {
        let cases = [
            (json!("404"), "405", Ok(json!("405"))),
            (json!("on"), "true", Ok(json!("true"))),
            (json!("x"), "", Ok(json!(""))),
            (json!(404), "405", Ok(json!(405))),
            (json!(404), "4.5", Err("a whole number")),
            (json!(404), "many", Err("a whole number")),
            (json!(0.5), "2", Ok(json!(2))),
            (json!(0.5), "half", Err("a number")),
            (json!(true), "false", Ok(json!(false))),
            (json!(true), "1", Err("true or false")),
            (json!([1]), "[2,3]", Ok(json!([2, 3]))),
            (json!([1]), "2", Err("a list")),
            (json!({ "a": 1 }), "{\"a\":2}", Ok(json!({ "a": 2 }))),
            (json!({ "a": 1 }), "a", Err("a table")),
        ];
        for (declared, text, expected) in cases {
            assert_eq!(like(&declared, text), expected, "{declared} {text}");
        }
    }
}
