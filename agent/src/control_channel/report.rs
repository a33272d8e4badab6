//! What an agent says next: everything once, then what has changed. Pure.

use bongsu_model::AgentId;
use bongsu_wire::AgentResource;
use bongsu_wire::opamp::{
    AgentDescription, AgentDisconnect, AgentToServer, BURST_CAPABILITY, ComponentHealth,
    CustomCapabilities, CustomMessage, EffectiveConfig, agent_capability, describe, instance_uid,
};

/// What this agent can do, no more: it takes no configuration from afar.
const CAPABILITIES: u64 = agent_capability::REPORTS_STATUS
    | agent_capability::REPORTS_EFFECTIVE_CONFIG
    | agent_capability::REPORTS_HEALTH
    | agent_capability::REPORTS_HEARTBEAT;

/// How an agent is and what it is configured with, at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Picture {
    /// Its times tell when it changed, and are no change by themselves.
    pub(super) health: ComponentHealth,
    pub(super) config: EffectiveConfig,
}

/// Numbers the messages of one channel and leaves out what the collector knows.
#[derive(Debug)]
pub(super) struct Reporter {
    uid: Vec<u8>,
    description: AgentDescription,
    sequence: u64,
    /// What was said last; None when everything is to be said.
    said: Option<Picture>,
}

impl Reporter {
    pub(super) fn new(agent: &AgentId, resource: &AgentResource) -> Self {
        Self {
            uid: instance_uid(agent).to_vec(),
            description: describe(resource),
            sequence: 0,
            said: None,
        }
    }

    /// The next message says everything.
    pub(super) fn say_all(&mut self) {
        self.said = None;
    }

    /// The collector names the instance anew.
    pub(super) fn rename(&mut self, uid: Vec<u8>) {
        self.uid = uid;
    }

    /// Whether the next message would say more than that the agent is there.
    pub(super) fn has_news(&self, now: &Picture) -> bool {
        self.said
            .as_ref()
            .is_none_or(|said| !is_same(&said.health, &now.health) || said.config != now.config)
    }

    /// The next message.
    pub(super) fn next(&mut self, now: &Picture, custom: Option<CustomMessage>) -> AgentToServer {
        let said = self.said.take();
        let health = said.as_ref().map(|said| &said.health);
        let config = said.as_ref().map(|said| &said.config);
        let message = AgentToServer {
            agent_description: said.is_none().then(|| self.description.clone()),
            health: (!health.is_some_and(|said| is_same(said, &now.health)))
                .then(|| now.health.clone()),
            effective_config: (config != Some(&now.config)).then(|| now.config.clone()),
            custom_capabilities: said.is_none().then(|| CustomCapabilities {
                capabilities: vec![BURST_CAPABILITY.to_owned()],
            }),
            custom_message: custom,
            ..self.numbered()
        };
        self.said = Some(now.clone());
        message
    }

    /// The last message.
    pub(super) fn goodbye(&mut self) -> AgentToServer {
        AgentToServer {
            agent_disconnect: Some(AgentDisconnect {}),
            ..self.numbered()
        }
    }

    fn numbered(&mut self) -> AgentToServer {
        let sequence_num = self.sequence;
        self.sequence += 1;
        AgentToServer {
            instance_uid: self.uid.clone(),
            sequence_num,
            capabilities: CAPABILITIES,
            ..AgentToServer::default()
        }
    }
}

/// Whether nothing changed but when it was looked at, in any part.
fn is_same(said: &ComponentHealth, now: &ComponentHealth) -> bool {
    timeless(said) == timeless(now)
}

fn timeless(health: &ComponentHealth) -> ComponentHealth {
    let parts = health.component_health_map.iter();
    ComponentHealth {
        status_time_unix_nano: 0,
        component_health_map: parts
            .map(|(name, part)| (name.clone(), timeless(part)))
            .collect(),
        ..health.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reporter() -> Reporter {
        let agent = AgentId::new("seoul-1").unwrap();
        Reporter::new(&agent, &AgentResource::new(agent.clone(), "0.1.0"))
    }

    fn picture(status: &str, at: u64) -> Picture {
        let part = ComponentHealth {
            status_time_unix_nano: at,
            ..ComponentHealth::default()
        };
        Picture {
            health: ComponentHealth {
                status: status.to_owned(),
                status_time_unix_nano: at,
                component_health_map: [("plan".to_owned(), part)].into(),
                ..ComponentHealth::default()
            },
            config: EffectiveConfig::default(),
        }
    }

    #[test]
    fn what_has_not_changed_is_left_out() {
        let mut reporter = reporter();
        let first = reporter.next(&picture("working", 1), None);
        assert!(first.agent_description.is_some() && first.health.is_some());
        assert!(first.effective_config.is_some() && first.custom_capabilities.is_some());
        assert!(
            !reporter.has_news(&picture("working", 2)),
            "time alone is no news"
        );
        let second = reporter.next(&picture("working", 2), None);
        assert_eq!(second.sequence_num, first.sequence_num + 1);
        assert_eq!(second.capabilities, CAPABILITIES, "these are always said");
        assert!(second.agent_description.is_none() && second.health.is_none());
        assert!(second.effective_config.is_none() && second.custom_capabilities.is_none());
        assert!(reporter.has_news(&picture("stopping", 3)));
        let third = reporter.next(&picture("stopping", 3), None);
        assert_eq!(third.health.unwrap().status, "stopping");
        assert!(third.effective_config.is_none());
    }

    #[test]
    fn who_is_asked_for_everything_says_everything_under_the_next_number() {
        let mut reporter = reporter();
        reporter.next(&picture("working", 1), None);
        reporter.say_all();
        assert!(reporter.has_news(&picture("working", 1)));
        let again = reporter.next(&picture("working", 1), None);
        assert_eq!(again.sequence_num, 1);
        assert!(again.agent_description.is_some() && again.health.is_some());
        assert!(again.effective_config.is_some());
        let last = reporter.goodbye();
        assert_eq!(
            (last.sequence_num, last.agent_disconnect),
            (2, Some(AgentDisconnect {}))
        );
    }
}
