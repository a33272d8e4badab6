"""The programs that are compared with: what they need, and one measured run of each."""

import json
import os
import re
import subprocess
import time
import urllib.parse

from process import Broken, Process, Window, free_ports, get, sample

BLACKBOX = """
modules:
  http: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, valid_status_codes: [200], fail_if_body_not_matches_regexp: ['"status":"ok"']}}}}
  https: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, valid_status_codes: [200], fail_if_not_ssl: true, fail_if_body_not_matches_regexp: ['"status":"ok"'], tls_config: {{ca_file: {ca}}}}}}}
"""

PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
- job_name: checks
  metrics_path: /probe
  params: {{module: [http]}}
  static_configs: [{{targets: {targets}}}]
  relabel_configs:
  - {{source_labels: [__address__], target_label: __param_target}}
  - {{source_labels: [__address__], target_label: instance}}
  - {{target_label: __address__, replacement: "{blackbox}"}}
"""

JOURNEY_HURL = """GET {base}/health
HTTP 200
[Asserts]
jsonpath "$.status" == "ok"

POST {base}/login
{{"user":"probe","password":"secret"}}
HTTP 200
[Captures]
token: jsonpath "$.token"

GET {base}/api/items
Authorization: Bearer {{{{token}}}}
HTTP 200
[Asserts]
jsonpath "$.items" count == 20
jsonpath "$.items[3].name" == "item-4"

POST {base}/api/items
Authorization: Bearer {{{{token}}}}
{{"name":"widget","price":12.5}}
HTTP 201
[Captures]
id: jsonpath "$.id"
[Asserts]
jsonpath "$.name" == "widget"

GET {base}/api/items/{{{{id}}}}
Authorization: Bearer {{{{token}}}}
HTTP 200
[Asserts]
jsonpath "$.stock.eu" == 3
jsonpath "$.price" == 12.5

DELETE {base}/api/items/{{{{id}}}}
Authorization: Bearer {{{{token}}}}
HTTP 204
"""

JOURNEY_K6 = """
import http from 'k6/http';
import { check, fail } from 'k6';
const B = __ENV.BASE;
export const options = { noVUConnectionReuse: true, thresholds: { checks: ['rate==1'] } };
export default function () {
  let r = http.get(`${B}/health`);
  check(r, { health: (r) => r.status === 200 && r.json('status') === 'ok' }) || fail('health');
  r = http.post(`${B}/login`, JSON.stringify({ user: 'probe', password: 'secret' }));
  check(r, { login: (r) => r.status === 200 }) || fail('login');
  const h = { headers: { Authorization: `Bearer ${r.json('token')}` } };
  r = http.get(`${B}/api/items`, h);
  check(r, { list: (r) => r.status === 200 && r.json('items.#') === 20, name: (r) => r.json('items.3.name') === 'item-4' });
  r = http.post(`${B}/api/items`, JSON.stringify({ name: 'widget', price: 12.5 }), h);
  check(r, { create: (r) => r.status === 201 && r.json('name') === 'widget' });
  const id = r.json('id');
  r = http.get(`${B}/api/items/${id}`, h);
  check(r, { get: (r) => r.status === 200 && r.json('stock.eu') === 3, price: (r) => r.json('price') === 12.5 });
  r = http.del(`${B}/api/items/${id}`, null, h);
  check(r, { del: (r) => r.status === 204 });
}
"""


class Blackbox:
    """prometheus-blackbox-exporter, checking the target whenever it is asked to."""

    def __init__(self, work, target):
        self.work, self.target = work, target
        config = os.path.join(work, "blackbox.yml")
        with open(config, "w") as out:
            out.write(BLACKBOX.format(ca=target.ca))
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self.process = Process("blackbox", [
            "prometheus-blackbox-exporter", f"--config.file={config}",
            f"--web.listen-address={self.address}", "--log.level=error"], work)
        self.process.wait_until_ready(f"http://{self.address}/-/healthy")

    def _url(self, module):
        base = self.target.https if module == "https" else self.target.http
        target = urllib.parse.quote(f"{base}/health", safe="")
        return f"http://{self.address}/probe?module={module}&target={target}"

    def _must_succeed(self, module):
        page = get(self._url(module))
        if sample(page, "probe_success") != {"": 1.0}:
            raise Broken(f"blackbox_exporter's check fails:\n{page}")

    def saturated(self, module, seconds):
        """Eight checks at a time, the next one at once: microseconds a check."""
        command = ["wrk", "-t1", "-c8", f"-d{seconds}s", self._url(module)]
        return self._driven(module, command, r"(\d+) requests in", r"Non-2xx")

    def paced(self, module, seconds, rate):
        """So many checks a second, evenly: microseconds a check."""
        command = ["hey", "-c", "4", "-q", str(rate // 4), "-z", f"{seconds}s", self._url(module)]
        return self._driven(module, command, r"\[200\]\s+(\d+) responses", r"\[(?!200)\d+\]\s+\d+ responses|Error dist")

    def _driven(self, module, command, counted, bad):
        self._must_succeed(module)
        with Window([self.process], [self.target.process]) as window:
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        self._must_succeed(module)
        found = re.search(counted, said)
        if not found or re.search(bad, said):
            raise Broken(f"{command[0]} says:\n{said}")
        window.checks = int(found.group(1))
        return window

    def memory_mib(self):
        return self.process.memory_mib()

    def stop(self):
        self.process.stop()


class Prometheus:
    """prometheus as the scheduler and the store of blackbox_exporter's checks."""

    def __init__(self, work, blackbox, targets):
        folder = os.path.join(work, "prometheus")
        os.makedirs(folder, exist_ok=True)
        self.targets = targets
        config = os.path.join(folder, "prometheus.yml")
        urls = [f"{blackbox.target.http}/health?n={n}" for n in range(targets)]
        with open(config, "w") as out:
            out.write(PROMETHEUS.format(targets=json.dumps(urls), blackbox=blackbox.address))
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self.process = Process("prometheus", [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data-{port}",
            f"--web.listen-address={self.address}", "--log.level=error"], work)
        self.process.wait_until_ready(f"http://{self.address}/-/ready")

    def stored(self, seconds):
        """How many successful checks it has stored within the last seconds."""
        query = urllib.parse.quote(f"sum(sum_over_time(probe_success[{seconds}s]))")
        answer = json.loads(get(f"http://{self.address}/api/v1/query?query={query}"))
        result = answer["data"]["result"]
        return int(float(result[0]["value"][1])) if result else 0

    def stop(self):
        self.process.stop()


def prometheus_checks(work, blackbox, targets, warm_s, seconds):
    """Schedule, check, ship and store by Prometheus and blackbox_exporter together."""
    prometheus = Prometheus(work, blackbox, targets)
    try:
        # It takes its targets on after five seconds.
        time.sleep(5 + warm_s)
        with Window([prometheus.process, blackbox.process], [blackbox.target.process]) as window:
            time.sleep(seconds)
        window.checks = prometheus.stored(seconds)
        if window.checks < 0.9 * targets * seconds:
            raise Broken(f"Prometheus stored {window.checks} good checks in {seconds} s")
        window.peak_mib = sum(one.memory_mib()[1] for one in (prometheus.process, blackbox.process))
        return window
    finally:
        prometheus.stop()


class K6:
    """k6: one virtual user, a new connection for each journey."""

    name = "k6"

    def __init__(self, program, work, target):
        self.program, self.work, self.target = program, work, target
        self.script = os.path.join(work, "journey.js")
        with open(self.script, "w") as out:
            out.write(JOURNEY_K6)

    def command(self, times, scheme="http"):
        base = getattr(self.target, scheme)
        os.environ["SSL_CERT_FILE"] = self.target.ca
        return [self.program, "run", "-q", "--no-usage-report", "--vus", "1", "--iterations",
                str(times), "-e", f"BASE={base}", self.script]


class Hurl:
    """hurl: one job, a new connection for each journey."""

    name = "hurl"

    def __init__(self, program, work, target):
        self.program, self.work, self.target = program, work, target
        for scheme in ("http", "https"):
            with open(os.path.join(work, f"journey.{scheme}.hurl"), "w") as out:
                out.write(JOURNEY_HURL.format(base=getattr(target, scheme)))

    def command(self, times, scheme="http"):
        return [self.program, "--test", "--cacert", self.target.ca, "--repeat", str(times),
                "--jobs", "1", os.path.join(self.work, f"journey.{scheme}.hurl")]
