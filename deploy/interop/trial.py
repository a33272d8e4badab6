"""Spans of the official OpenTelemetry SDK, sent to a collector of this tree by every transport.

First a collector that passes foreign spans on: each must arrive at a destination of this script,
or be refused with a reason. Then one that refuses them. Exits 1 if anything goes another way.
"""

import gzip
import hashlib
import http.server
import logging
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import grpc
import requests
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonSpans
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

TOKENS = {"shop": "token of the shop", "seoul-1": "token of the agent"}
WITHIN_S = 30.0

failures = []


def tell(what, good, how):
    print(f"{'ok  ' if good else 'FAIL'} {what:<34} {how}", flush=True)
    if not good:
        failures.append(what)


class Said(logging.Handler):
    """What the exporters log."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def take(self):
        lines, self.lines = self.lines, []
        return "; ".join(lines)


class Destination:
    """An OTLP/HTTP server that remembers the names of the spans it got."""

    def __init__(self):
        names = self.names = set()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        names.update(span.name for span in scope.spans)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]

    def has(self, name):
        deadline = time.monotonic() + WITHIN_S
        while name not in self.names and time.monotonic() < deadline:
            time.sleep(0.01)
        return name in self.names


class Collector:
    """The binary on free ports, until it is left."""

    def __init__(self, root, more):
        self.folder = tempfile.TemporaryDirectory()
        file = pathlib.Path(self.folder.name, "collector.toml")
        file.write_text(
            f"""format = 1
data = "data"
catalogue = "{root}/probes/journeys/catalogue.toml"
default_target = "superapp"
[listen]
otlp = "127.0.0.1:0"
otlp_grpc = "127.0.0.1:0"
web = "127.0.0.1:0"
[[region]]
id = "kr-seoul"
names = {{ ko = "서울", en = "Seoul" }}
[[agent]]
id = "seoul-1"
region = "kr-seoul"
network = "as4766"
token_sha256 = "{digest("seoul-1")}"
{more}"""
        )
        binary = f"{root}/target/debug/bongsu-collector"
        self.process = subprocess.Popen(
            [binary, "--config", str(file)], stderr=subprocess.PIPE, text=True
        )
        for line in self.process.stderr:
            if "the collector is up" in line:
                break
        else:
            sys.exit("the collector did not come up")
        address = lambda key: re.search(rf"\b{key}=(\S+)", line).group(1)
        self.http, self.grpc, self.web = map(address, ["otlp", "otlp_grpc", "web"])
        # What it goes on saying must not fill the pipe.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(WITHIN_S)
        self.folder.cleanup()


def digest(name):
    return hashlib.sha256(TOKENS[name].encode()).hexdigest()


def bearer(name):
    return {"authorization": f"Bearer {TOKENS.get(name, 'of nobody')}"}


def exporters(collector, name):
    """Every way the SDK can send spans with the token of `name`."""
    url, headers = f"http://{collector.http}/v1/traces", bearer(name)
    over_grpc = {"endpoint": f"http://{collector.grpc}", "insecure": True, "headers": headers}
    return {
        "http/protobuf": HttpSpans(url, headers=headers),
        "http/protobuf gzip": HttpSpans(url, headers=headers, compression=Compression.Gzip),
        "http/json": JsonSpans(endpoint=url, headers=headers),
        "grpc": GrpcSpans(**over_grpc),
        "grpc gzip": GrpcSpans(**over_grpc, compression=grpc.Compression.Gzip),
    }


def spans(name):
    """A parent and its child as the SDK makes them, with attributes of every kind."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("interop", "1")
    with tracer.start_as_current_span(name) as span:
        span.set_attributes({"text": "봉수", "int": -(2**62), "double": 0.1, "yes": True})
        span.set_attribute("list", [1, 2, 3])
        span.add_event("cart", {"items": 2})
        with tracer.start_as_current_span(f"{name} child"):
            pass
    return memory.get_finished_spans()


def passed_on(root, said):
    destination = Destination()
    more = f"""[foreign]
spans = "forward"
[[sender]]
id = "shop"
token_sha256 = "{digest("shop")}"
[[forward]]
name = "destination"
url = "http://127.0.0.1:{destination.port}"
"""
    print("\n[foreign] spans = \"forward\"")
    with Collector(root, more) as collector:
        for way, exporter in exporters(collector, "shop").items():
            name = f"over {way}"
            result = exporter.export(spans(name)).name
            arrived = destination.has(name) and destination.has(f"{name} child")
            how = "arrived at the destination" if arrived else f"did not arrive {said.take()}"
            tell(way, arrived and result == "SUCCESS", f"{result}, {how}")
            exporter.shutdown()
        said.take()
        for way, exporter in exporters(collector, "nobody").items():
            result = exporter.export(spans(f"nobody over {way}")).name
            tell(f"{way}, wrong token", result == "FAILURE", f"{result}: {said.take()[:190]}")
            exporter.shutdown()
        metrics(collector, said)
        runs = requests.get(f"http://{collector.web}/api/v1/runs", timeout=WITHIN_S).json()
        tell("no run of them is kept", runs["runs"] == [], f"{len(runs['runs'])} runs")


def metrics(collector, said):
    exporter = OTLPMetricExporter(
        endpoint=f"http://{collector.grpc}", insecure=True, headers=bearer("shop")
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader])
    provider.get_meter("interop").create_counter("sold").add(1)
    provider.force_flush()
    reason = said.take()
    tell("grpc, metrics", "UNIMPLEMENTED" in reason, reason[:190])
    provider.shutdown()


def refused(root, said):
    print("\n[foreign] spans = \"refuse\", with an agent's token")
    with Collector(root, "") as collector:
        for way, exporter in exporters(collector, "seoul-1").items():
            result = exporter.export(spans(f"refused over {way}")).name
            # The SDK does not say more of a partial success.
            tell(way, result == "SUCCESS", f"{result} {said.take()}")
            exporter.shutdown()
        message = encode_spans(spans("refused"))
        answer = requests.post(
            f"http://{collector.http}/v1/traces",
            data=message.SerializeToString(),
            headers={**bearer("seoul-1"), "content-type": "application/x-protobuf"},
            timeout=WITHIN_S,
        )
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        tell_partial("http/protobuf, the answer", partial)
        with grpc.insecure_channel(collector.grpc) as channel:
            metadata = tuple(bearer("seoul-1").items())
            answer = TraceServiceStub(channel).Export(message, metadata=metadata)
        tell_partial("grpc, the answer", answer.partial_success)
        said.take()
        wrong = GrpcSpans(
            endpoint=f"http://{collector.http}", insecure=True, headers=bearer("seoul-1")
        )
        result = wrong.export(spans("grpc on the HTTP port")).name
        tell("grpc to the port of HTTP", result == "FAILURE", f"{result}: {said.take()[:220]}")
        wrong.shutdown()
        wrong = HttpSpans(f"http://{collector.grpc}/v1/traces", headers=bearer("seoul-1"))
        result = wrong.export(spans("HTTP on the gRPC port")).name
        tell("http to the port of grpc", result == "FAILURE", f"{result}: {said.take()[:220]}")
        wrong.shutdown()


def tell_partial(what, partial):
    how = f"{partial.rejected_spans} rejected: {partial.error_message[:160]}"
    tell(what, partial.rejected_spans == 2, how)


def main():
    root, said = pathlib.Path(sys.argv[1]), Said()
    logging.getLogger().addHandler(said)
    # The exporters say the same thing only once a minute.
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).filters.clear()
    passed_on(root, said)
    refused(root, said)
    print(f"\n{len(failures)} failures")
    sys.exit(1 if failures else 0)


main()
