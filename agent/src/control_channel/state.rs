//! How the agent is and what it works on, as the control channel tells it.

use std::collections::BTreeMap;

use bongsu_wire::opamp::{
    AGENT_FILE, AgentConfigFile, AgentConfigMap, ComponentHealth, EffectiveConfig, PLAN_FILE,
};

use super::report::Picture;
use crate::state::Shared;

/// How the agent is now.
pub(super) async fn look(shared: &Shared, is_stopping: bool) -> Picture {
    let now = shared.clock.wall().as_unix_nanos();
    let part = |problem: Option<String>| ComponentHealth {
        healthy: problem.is_none(),
        start_time_unix_nano: shared.started.as_unix_nanos(),
        status: if problem.is_none() { "good" } else { "bad" }.to_owned(),
        last_error: problem.unwrap_or_default(),
        status_time_unix_nano: now,
        component_health_map: BTreeMap::new(),
    };
    let mut parts = BTreeMap::new();
    let refusal = shared.plan.refusal();
    parts.insert(
        "plan".to_owned(),
        part(refusal.map(|why| format!("a newer plan is refused, the old one stays: {why}"))),
    );
    let dropped = match shared.spool.status().await {
        Ok((depth, _)) if depth.dropped == 0 => None,
        Ok((depth, _)) => Some(format!("{} records were dropped", depth.dropped)),
        Err(closed) => Some(closed.to_string()),
    };
    parts.insert("spool".to_owned(), part(dropped));
    let checks = shared.controls.checks();
    let reached = checks.iter().filter(|check| check.reachable).count();
    let is_blind = !checks.is_empty() && 2 * reached < checks.len();
    parts.insert(
        "controls".to_owned(),
        part(is_blind.then(|| format!("{reached} of {} answer", checks.len()))),
    );
    for (name, counts) in &shared.ships {
        let problem = counts.pause().map(|pause| pause.to_string());
        parts.insert(format!("collector.{name}"), part(problem));
    }
    let problems: Vec<String> = parts
        .iter()
        .filter(|(_, part)| !part.healthy)
        .map(|(name, part)| format!("{name}: {}", part.last_error))
        .collect();
    let mut health = part((!problems.is_empty()).then(|| problems.join("; ")));
    health.status = if is_stopping { "stopping" } else { "working" }.to_owned();
    health.component_health_map = parts;
    Picture {
        health,
        config: config(shared),
    }
}

/// The agent's file as it takes effect, and the plan that it works on. Secrets are named in the
/// file, never written, so that there is none to mask.
fn config(shared: &Shared) -> EffectiveConfig {
    let file = |body: String, kind: &str| AgentConfigFile {
        body: body.into_bytes(),
        content_type: kind.to_owned(),
    };
    let plan = shared.plan.current().revision.to_string();
    let files = [
        (
            AGENT_FILE,
            file(shared.effective.clone(), "application/toml"),
        ),
        (PLAN_FILE, file(plan, "text/plain")),
    ];
    EffectiveConfig {
        config_map: Some(AgentConfigMap {
            config_map: files
                .into_iter()
                .map(|(name, file)| (name.to_owned(), file))
                .collect(),
        }),
    }
}
