"""Writes flow.txt: a message flow of the control channel, encoded by the published protobuf.

    pip install opentelemetry-opamp-client==0.5b0
    python flow.py > flow.txt

The messages are built and encoded by the OpAMP project's own generated code, so that what our
types make is held against somebody else's bytes.
"""

import hashlib

from opentelemetry._opamp.messages import build_agent_description
from opentelemetry._opamp.proto import opamp_pb2 as opamp


def uid(agent):
    digest = bytearray(hashlib.sha256(b"bongsu-agent\0" + agent.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


SEOUL = uid("seoul-1")
BURST = "bongsu.burst/1"
CAN = (
    opamp.AgentCapabilities_ReportsStatus
    | opamp.AgentCapabilities_ReportsEffectiveConfig
    | opamp.AgentCapabilities_ReportsHealth
    | opamp.AgentCapabilities_ReportsHeartbeat
)
SERVER_CAN = opamp.ServerCapabilities_AcceptsStatus | opamp.ServerCapabilities_AcceptsEffectiveConfig


def agent(sequence, **fields):
    return opamp.AgentToServer(
        instance_uid=SEOUL, sequence_num=sequence, capabilities=CAN, **fields
    )


def state():
    part = opamp.ComponentHealth(
        healthy=True,
        start_time_unix_nano=1_700_000_000_000_000_000,
        status="good",
        status_time_unix_nano=1_700_000_001_000_000_000,
    )
    return {
        "agent_description": build_agent_description(
            {
                "service.name": "bongsu-agent",
                "service.version": "0.1.0",
                "service.instance.id": "seoul-1",
            },
            {"bongsu.region": "kr-seoul", "os.type": "linux"},
        ),
        "health": opamp.ComponentHealth(
            healthy=True,
            start_time_unix_nano=1_700_000_000_000_000_000,
            status="working",
            status_time_unix_nano=1_700_000_001_000_000_000,
            component_health_map={"plan": part, "spool": part},
        ),
        "effective_config": opamp.EffectiveConfig(
            config_map=opamp.AgentConfigMap(
                config_map={
                    "agent.toml": opamp.AgentConfigFile(
                        body=b"format = 1\n", content_type="application/toml"
                    ),
                    "plan": opamp.AgentConfigFile(body=b"4f0a", content_type="text/plain"),
                }
            )
        ),
        "custom_capabilities": opamp.CustomCapabilities(capabilities=[BURST]),
    }


def burst(kind, body):
    return opamp.CustomMessage(capability=BURST, type=kind, data=body)


def every_field():
    """The parts of the subset that the flow has no use for."""
    yield "agent", "remote_config_status", opamp.AgentToServer(
        instance_uid=SEOUL,
        flags=opamp.AgentToServerFlags_RequestInstanceUid,
        remote_config_status=opamp.RemoteConfigStatus(
            last_remote_config_hash=b"\x01\x02",
            status=opamp.RemoteConfigStatuses_FAILED,
            error_message="unknown journey",
        ),
    )
    yield "server", "error", opamp.ServerToAgent(
        error_response=opamp.ServerErrorResponse(
            type=opamp.ServerErrorResponseType_Unavailable,
            error_message="busy",
            retry_info=opamp.RetryInfo(retry_after_nanoseconds=5_000_000_000),
        )
    )
    yield "server", "remote_config", opamp.ServerToAgent(
        instance_uid=SEOUL,
        remote_config=opamp.AgentRemoteConfig(
            config=opamp.AgentConfigMap(
                config_map={"plan": opamp.AgentConfigFile(body=b"{}", content_type="text/json")}
            ),
            config_hash=b"\x03\x04",
        ),
    )
    yield "server", "identification", opamp.ServerToAgent(
        instance_uid=bytes(16),
        agent_identification=opamp.AgentIdentification(new_instance_uid=SEOUL),
    )


def flow():
    yield "agent", "connect", agent(0, **state())
    yield "server", "connect", opamp.ServerToAgent(
        instance_uid=SEOUL,
        capabilities=SERVER_CAN,
        custom_capabilities=opamp.CustomCapabilities(capabilities=[BURST]),
    )
    yield "agent", "heartbeat", agent(1)
    yield "agent", "gap", agent(5)
    yield "server", "gap", opamp.ServerToAgent(
        instance_uid=SEOUL, flags=opamp.ServerToAgentFlags_ReportFullState
    )
    yield "agent", "full_state", agent(6, **state())
    yield "server", "burst", opamp.ServerToAgent(
        instance_uid=SEOUL,
        custom_message=burst(
            "request",
            b'{"schema":1,"target":"superapp","journey":"login","variant":"cold",'
            b'"until_ns":1700000005000000000}',
        ),
    )
    yield "agent", "refused", agent(
        7, custom_message=burst("refused", b'{"schema":1,"reason":"running"}')
    )
    yield "agent", "disconnect", agent(8, agent_disconnect=opamp.AgentDisconnect())


for messages in (flow(), every_field()):
    for who, name, message in messages:
        print(who, name, message.SerializeToString(deterministic=True).hex())
