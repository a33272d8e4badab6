//! What one agent said, the newest only, and what it is answered. Pure.

use bongsu_model::{AgentId, Timestamp};
use bongsu_wire::opamp::{
    AgentIdentification, AgentToServer, BURST_CAPABILITY, BurstRefusal, BurstWord,
    CustomCapabilities, EffectiveConfig, InstanceUid, PLAN_FILE, REPORT_FULL_STATE,
    REQUEST_INSTANCE_UID, ServerErrorResponse, ServerErrorResponseType, ServerToAgent,
    agent_capability, named_agent, read_burst, server_capability,
};
use sha2::Digest as _;

use super::view::{ConfigView, HealthView};

/// Characters of a text that is kept of what an agent says.
const TEXT_CHARS_MAX: usize = 512;

/// What this collector can do, no more: it serves no configuration.
const CAPABILITIES: u64 =
    server_capability::ACCEPTS_STATUS | server_capability::ACCEPTS_EFFECTIVE_CONFIG;

/// Who may not speak here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// The instance uid is none.
    #[error("instance_uid has {0} bytes; it is 16 bytes long")]
    Uid(usize),
    /// The instance uid or the description is another agent's.
    #[error("the token is {speaker}'s, and the message speaks for {claimed}")]
    Foreign {
        /// Whose token it is.
        speaker: AgentId,
        /// Whom it names.
        claimed: AgentId,
    },
}

/// Whose session it is, and who else there is.
pub(super) trait Roster {
    /// The agent of this instance uid.
    fn by_uid(&self, uid: &[u8]) -> Option<&AgentId>;
    /// Whether an agent of this id is listed.
    fn is_listed(&self, id: &str) -> Option<&AgentId>;
}

/// What is known of one agent.
#[derive(Debug)]
pub(super) struct Session {
    agent: AgentId,
    uid: InstanceUid,
    /// None before the first message of an instance that has not said goodbye.
    sequence: Option<u64>,
    described: bool,
    /// Whether it understands burst requests.
    follows: bool,
    health: Option<HealthView>,
    config: Option<ConfigView>,
}

/// What a message came to.
#[derive(Debug, PartialEq)]
pub(super) struct Taken {
    /// The answer.
    pub(super) answer: ServerToAgent,
    /// Whether it says something, or may be left out where answers are not due.
    pub(super) is_due: bool,
    /// Whether the agent was asked for everything.
    pub(super) asks_for_all: bool,
    /// Whether the agent said goodbye.
    pub(super) is_last: bool,
    /// A burst request that it did not follow.
    pub(super) refusal: Option<BurstRefusal>,
}

impl Session {
    pub(super) fn new(agent: AgentId, uid: InstanceUid) -> Self {
        Self {
            agent,
            uid,
            sequence: None,
            described: false,
            follows: false,
            health: None,
            config: None,
        }
    }

    /// Whether the agent says that it understands burst requests.
    pub(super) fn follows_bursts(&self) -> bool {
        self.follows
    }

    pub(super) fn health(&self) -> Option<&HealthView> {
        self.health.as_ref()
    }

    pub(super) fn config(&self) -> Option<&ConfigView> {
        self.config.as_ref()
    }

    /// Takes a message in. `is_first` says that nothing was answered on this stream yet.
    ///
    /// # Errors
    /// When it speaks for another agent: nothing of it is kept.
    pub(super) fn take(
        &mut self,
        message: &AgentToServer,
        is_first: bool,
        roster: &impl Roster,
        now: Timestamp,
    ) -> Result<Taken, Refused> {
        self.check(message, roster)?;
        let follows = self.sequence.and_then(|last| last.checked_add(1));
        let is_gap = follows != Some(message.sequence_num);
        if is_gap {
            // What was missed may have changed anything.
            self.described = false;
            self.health = None;
            self.config = None;
        }
        self.sequence = Some(message.sequence_num);
        self.keep(message, now);
        let is_last = message.agent_disconnect.is_some();
        let asks_for_all = !is_last && self.lacks(message.capabilities);
        if is_last {
            self.sequence = None;
        }
        let is_renamed =
            message.instance_uid != self.uid || message.flags & REQUEST_INSTANCE_UID != 0;
        let answer = ServerToAgent {
            instance_uid: message.instance_uid.clone(),
            flags: if asks_for_all { REPORT_FULL_STATE } else { 0 },
            capabilities: if is_first { CAPABILITIES } else { 0 },
            agent_identification: is_renamed.then(|| AgentIdentification {
                new_instance_uid: self.uid.to_vec(),
            }),
            custom_capabilities: is_first.then(|| CustomCapabilities {
                capabilities: vec![BURST_CAPABILITY.to_owned()],
            }),
            ..ServerToAgent::default()
        };
        let word = message.custom_message.as_ref().and_then(read_burst);
        Ok(Taken {
            answer,
            is_due: is_first || asks_for_all || is_renamed,
            asks_for_all,
            is_last,
            refusal: match word {
                Some(Ok(BurstWord::Refused(refusal))) => Some(refusal),
                // An agent asks for nothing, and what cannot be read is not worth an error.
                Some(Ok(BurstWord::Request(_)) | Err(_)) | None => None,
            },
        })
    }

    fn check(&self, message: &AgentToServer, roster: &impl Roster) -> Result<(), Refused> {
        if message.instance_uid.len() != self.uid.len() {
            return Err(Refused::Uid(message.instance_uid.len()));
        }
        let description = message.agent_description.as_ref();
        let claims = [
            roster.by_uid(&message.instance_uid),
            description
                .and_then(named_agent)
                .and_then(|id| roster.is_listed(id)),
        ];
        let foreign = claims.into_iter().flatten().find(|id| **id != self.agent);
        foreign.map_or(Ok(()), |claimed| {
            Err(Refused::Foreign {
                speaker: self.agent.clone(),
                claimed: claimed.clone(),
            })
        })
    }

    fn keep(&mut self, message: &AgentToServer, now: Timestamp) {
        self.described |= message.agent_description.is_some();
        if let Some(custom) = &message.custom_capabilities {
            let mut capabilities = custom.capabilities.iter();
            self.follows = capabilities.any(|capability| capability == BURST_CAPABILITY);
        }
        if let Some(health) = &message.health {
            self.health = Some(HealthView {
                healthy: health.healthy,
                status: cut(&health.status),
                last_error: cut(&health.last_error),
                received: now,
            });
        }
        if let Some(config) = &message.effective_config {
            self.config = Some(config_view(config, now));
        }
    }

    /// Whether something is not known that the agent can report.
    fn lacks(&self, capabilities: u64) -> bool {
        let can = |bit: u64| capabilities & bit != 0;
        !self.described
            || (self.health.is_none() && can(agent_capability::REPORTS_HEALTH))
            || (self.config.is_none() && can(agent_capability::REPORTS_EFFECTIVE_CONFIG))
    }
}

/// Why a message was not taken in.
pub(super) fn error(
    kind: ServerErrorResponseType,
    message: impl Into<String>,
) -> ServerErrorResponse {
    ServerErrorResponse {
        r#type: kind.into(),
        error_message: message.into(),
        details: None,
    }
}

/// The answer that says so.
pub(super) fn answer(error: ServerErrorResponse) -> ServerToAgent {
    ServerToAgent {
        error_response: Some(error),
        ..ServerToAgent::default()
    }
}

fn config_view(config: &EffectiveConfig, now: Timestamp) -> ConfigView {
    let files = config.config_map.as_ref().map(|files| &files.config_map);
    let mut digest = sha2::Sha256::new();
    for (name, file) in files.into_iter().flatten() {
        for part in [name.as_bytes(), &file.body] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    let digest: [u8; 32] = digest.finalize().into();
    let plan = files.and_then(|files| files.get(PLAN_FILE));
    ConfigView {
        hash: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        plan_revision: plan.map(|plan| cut(String::from_utf8_lossy(&plan.body).trim())),
        received: now,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
