"""The agent and the collector as they are measured: their files, their start, their counts."""

import hashlib
import os
import shutil
import time

from process import Broken, Process, Window, free_ports, get, sample

# Each check may take this long; with its cleanup's budget, in which the agent's self-check fits,
# it must end before the next is due.
TIMEOUT = "600ms"
CLEANUP_TIMEOUT = "300ms"
CONTROLS_TIMEOUT = "200ms"

# Runs at a time, and accounts for them: no check waits for another.
CONCURRENCY = 128

# Features that the checks are spread over; each is a cell of the collector's.
FEATURES = 300

TOKEN = "bench-token-0123456789"

CHECK = """format = 1
journey = "check-{n:05}"
feature = "bench.f{feature:03}"
every = "{every}"
timeout = "{timeout}"
cleanup_timeout = "{cleanup}"
base = "{{{{ target.base.web }}}}"
actor.user.account = "pool:users"
[[step]]
name = "health"
get = "/health"
expect.status = 200
expect.body = {{ matches = '"status":"ok"' }}
"""

JOURNEY = """format = 1
journey = "six"
feature = "bench.f000"
timeout = "10s"
base = "{{ target.base.web }}"
actor.user.account = "pool:users"
defaults.headers.authorization = "Bearer {{ token }}"

[[step]]
name = "health"
get = "/health"
expect = { status = 200, json."$.status" = "ok" }

[[step]]
name = "login"
post = "/login"
json = { user = "probe", password = "{{ password }}" }
side_effect = false
expect.status = 200
capture.token = { json = "$.token", secret = true }

[[step]]
name = "list"
get = "/api/items"
expect = { status = 200, json."$.items[*]" = { count = 20 }, json."$.items[3].name" = "item-4" }

[[step]]
name = "create"
post = "/api/items"
json = { name = "widget", price = 12.5 }
side_effect = false
expect = { status = 201, json."$.name" = "widget" }
capture.id = { json = "$.id" }

[[step]]
name = "get"
get = "/api/items/{{ id }}"
expect = { status = 200, json."$.stock.eu" = 3, json."$.price" = 12.5 }

[[step]]
name = "delete"
delete = "/api/items/{{ id }}"
side_effect = false
expect.status = 204
"""

AGENT = """format = 1
id = "bench-1"
region = "bench"
network = "loopback"
data = "{data}"
[plan]
journeys = ["journeys"]
catalogue = "catalogue.toml"
targets = ["target.toml"]
[limits]
concurrency = {concurrency}
[[collector]]
name = "main"
url = "{url}"
token = {{ file = "token" }}
[controls]
timeout = "{controls_timeout}"
addresses = {controls}
[listen]
address = "{listen}"
"""

COLLECTOR = """format = 1
data = "{data}"
catalogue = "catalogue.toml"
default_target = "bench"
zone = "UTC"
[listen]
otlp = "{otlp}"
otlp_grpc = "{grpc}"
web = "{web}"
[[region]]
id = "bench"
names = {{ ko = "벤치", en = "Bench" }}
weight = 1.0
[[agent]]
id = "bench-1"
region = "bench"
network = "loopback"
token_sha256 = "{token}"
"""


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as out:
        out.write(text)


def write_target(folder, target, scheme, secret=""):
    accounts = "".join(
        f'    {{ name = "user-{n:03}", login = "user-{n:03}", user_id = "u-{n:03}"{secret} }},\n'
        for n in range(CONCURRENCY))
    write(folder, "target.toml", (
        f'format = 1\ntarget = "bench"\nbase.web = "{getattr(target, scheme)}"\n'
        f'ca = "{target.ca}"\nhosts = ["127.0.0.1"]\nallow_private = true\n'
        f"[pool.users]\naccounts = [\n{accounts}]\n"))


def write_catalogue(folder):
    features = "".join(
        f'[[feature]]\nid = "bench.f{n:03}"\nnames = {{ ko = "기능 {n}", en = "Feature {n}" }}\n'
        'service = "bench"\nlife_impact = 1\nabsence_harm = 1\ndaily_users = 1000\n'
        'paid = "free"\ndepends_on = []\nobjective = 0.999\n'
        for n in range(FEATURES))
    write(folder, "catalogue.toml",
          'format = 1\n[[service]]\nid = "bench"\nnames = { ko = "벤치", en = "Bench" }\n' + features)


class Ours:
    """One agent, and a collector if one is asked for."""

    def __init__(self, programs, work, target, journeys, every, scheme="http", collector=False):
        self.folder = os.path.join(work, "ours")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(os.path.join(self.folder, "journeys"))
        for n in range(journeys):
            write(os.path.join(self.folder, "journeys"), f"{n:05}.toml", CHECK.format(
                n=n, feature=n % FEATURES, every=every, timeout=TIMEOUT, cleanup=CLEANUP_TIMEOUT))
        write(self.folder, "token", TOKEN)
        write_target(self.folder, target, scheme)
        write_catalogue(self.folder)
        listen, otlp, grpc, web = (f"127.0.0.1:{port}" for port in free_ports(4))
        self.target, self.listen, self.web, self.collector = target, listen, web, None
        write(self.folder, "agent.toml", AGENT.format(
            data=os.path.join(self.folder, "agent"), concurrency=CONCURRENCY, listen=listen,
            url=f"http://{otlp}" if collector else target.sink,
            controls_timeout=CONTROLS_TIMEOUT, controls=str(target.controls).replace("'", '"')))
        if collector:
            write(self.folder, "collector.toml", COLLECTOR.format(
                data=os.path.join(self.folder, "collector"), otlp=otlp, grpc=grpc, web=web,
                token=hashlib.sha256(TOKEN.encode()).hexdigest()))
            self.collector = Process("collector", [
                programs.collector, "--config", os.path.join(self.folder, "collector.toml")],
                work, {"BONGSU_LOG": "warn"})
            self.collector.wait_until_ready(f"http://{web}/livez")
        self.agent = Process("agent", [
            programs.agent, "agent", "--config", os.path.join(self.folder, "agent.toml")],
            work, {"BONGSU_LOG": "warn"})
        self.agent.wait_until_ready(f"http://{listen}/livez")

    def counts(self):
        """Checks by verdict, records acknowledged, and what the collector has taken."""
        page = get(f"http://{self.listen}/metrics")
        runs = sample(page, "bongsu_agent_runs_total")
        taken = 0
        if self.collector:
            runs_page = get(f"http://{self.web}/metrics")
            taken = sum(sample(runs_page, "bongsu_collector_runs_accepted(?:_total)?").values())
        return {
            "good": sum(n for labels, n in runs.items() if 'verdict="pass"' in labels),
            "other": sum(n for labels, n in runs.items() if 'verdict="pass"' not in labels),
            "shipped": sum(sample(page, "bongsu_agent_shipped_total").values()),
            "taken": taken,
        }

    def measure(self, warm_s, seconds, others_max=0.02):
        """Lets it work for a while: all of it must pass and be shipped."""
        time.sleep(warm_s)
        watched = [self.agent] + ([self.collector] if self.collector else [])
        before = self.counts()
        with Window(watched, [self.target.process]) as window:
            time.sleep(seconds)
            after = self.counts()
        gained = {key: after[key] - before[key] for key in before}
        window.checks = gained["good"]
        window.other_verdicts = gained["other"]
        if gained["other"] > others_max * gained["good"]:
            raise Broken(f"not all checks passed: {gained}\n{self.agent.tail()}")
        # What is on its way at either end of the window is a second's work at most.
        on_its_way = 1.5 * gained["good"] / seconds
        if gained["shipped"] < gained["good"] - on_its_way:
            raise Broken(f"the results are not shipped: {gained}")
        if self.collector and gained["taken"] < gained["good"] - on_its_way:
            raise Broken(f"the collector did not take the results: {gained}")
        window.rss_mib, window.peak_mib = (
            sum(one.memory_mib()[at] for one in watched) for at in (0, 1))
        return window

    def stop(self):
        self.agent.stop()
        if self.collector:
            self.collector.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Journeys:
    """`bongsu run` of the six-request journey, as often as is said."""

    def __init__(self, programs, work, target):
        self.program, self.work, self.target = programs.agent, work, target

    def _folder(self, scheme):
        folder = os.path.join(self.work, f"six-{scheme}")
        if not os.path.isdir(folder):
            os.makedirs(os.path.join(folder, "journeys"))
            write(folder, "password", "secret")
            write_target(folder, self.target, scheme, ', password = { file = "password" }')
            write(os.path.join(folder, "journeys"), "six.toml", JOURNEY)
        return folder

    def command(self, times, scheme="http"):
        folder = self._folder(scheme)
        return [self.program, "run", "--target", os.path.join(folder, "target.toml"),
                "--repeat", str(times), os.path.join(folder, "journeys", "six.toml")]
