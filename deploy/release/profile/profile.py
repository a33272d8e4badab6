#!/usr/bin/env python3
"""Which functions an ordinary run needs: their names, for the linker to put side by side.

usage: profile.py BONGSU ORDER

Runs BONGSU, which must have its symbols, under callgrind against a server of its own on the
loopback: a journey over HTTP and over HTTPS, one that fails, and an agent that ships what it
measured. Writes one mangled name a line to ORDER, what all of them need first. Needs valgrind and
openssl; installs nothing, and stops what it started by its own id.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
from shop import NoCertificate, Shop  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))

# Longest wait for one profiled run, for the agent's first results, and for its end, in seconds.
RUN_WITHIN_S = 120
MEASURED_WITHIN_S = 120
END_WITHIN_S = 60

# Fewer functions than this are no run of a journey: it takes some 1,500.
FUNCTIONS_MIN = 500

TARGET = """format = 1
target = "release"
base.web = "{base}"
ca = "{ca}"
hosts = ["127.0.0.1"]
allow_private = true
[pool.users]
accounts = [{{ name = "user-1", login = "user-1", password = {{ file = "secret" }} }}]
"""

CATALOGUE = """format = 1
[[service]]
id = "release"
names = { ko = "배포", en = "Release" }
[[feature]]
id = "release.order"
names = { ko = "주문", en = "Order" }
service = "release"
life_impact = 1
absence_harm = 1
daily_users = 1000
paid = "free"
depends_on = []
objective = 0.999
"""

AGENT = """format = 1
id = "release-1"
region = "release"
network = "loopback"
data = "data"
[plan]
journeys = ["journey.toml"]
catalogue = "catalogue.toml"
targets = ["http.toml", "https.toml"]
[[collector]]
name = "main"
url = "{base}"
token = {{ file = "secret" }}
[controls]
timeout = "300ms"
addresses = ["{control}", "localhost:{port}", "[::ffff:127.0.0.1]:{port}"]
[listen]
address = "127.0.0.1:{listen}"
"""


class Broken(Exception):
    """Why there is no profile."""


class Profiled:
    """Commands of one program under callgrind, in one folder."""

    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder

    @contextlib.contextmanager
    def _started(self, name, words):
        """The process of a command, which does not outlive the block."""
        said = open(os.path.join(self.folder, f"{name}.log"), "wb")
        command = ["valgrind", "--tool=callgrind", "--demangle=no", "--compress-strings=no",
                   f"--callgrind-out-file={name}.out", self.program, *words]
        with said:
            child = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                     stdout=said, stderr=said)
        try:
            yield child
        except subprocess.TimeoutExpired:
            raise self._broken(name, "did not end") from None
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()

    def _names(self, name):
        """The functions that were entered, by the names that the linker knows."""
        entered = re.compile(r"c?fn=(\S+?)(?:'\d+)?$")
        with open(os.path.join(self.folder, f"{name}.out")) as lines:
            found = {match[1] for match in map(entered.match, lines) if match}
        found = {one for one in found if not one.startswith(("0x", "???", "("))}
        if len(found) < FUNCTIONS_MIN:
            raise Broken(f"{name}: {len(found)} functions only: has the program its symbols?")
        return found

    def _broken(self, name, what):
        with open(os.path.join(self.folder, f"{name}.log"), errors="replace") as said:
            return Broken(f"{name}: {what}:\n{said.read()[-4000:]}")

    def run(self, name, words, expected):
        """The functions of a command that ends with the expected code."""
        with self._started(name, words) as child:
            code = child.wait(RUN_WITHIN_S)
        if code != expected:
            raise self._broken(name, f"ended with {code}, not {expected}")
        return self._names(name)

    def serve(self, name, words, has_done):
        """The functions of a command that is stopped once it has done its work."""
        with self._started(name, words) as child:
            deadline = time.monotonic() + MEASURED_WITHIN_S
            while not has_done():
                if child.poll() is not None or time.monotonic() > deadline:
                    raise self._broken(name, "did not do its work")
                time.sleep(0.5)
            child.send_signal(signal.SIGTERM)
            code = child.wait(END_WITHIN_S)
        if code != 0:
            raise self._broken(name, f"ended with {code}")
        return self._names(name)


def prepare(folder, shop):
    """The files of the runs."""
    def write(name, text):
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
    for scheme in ("http", "https"):
        text = TARGET.format(base=getattr(shop, scheme), ca=shop.ca)
        write(f"{scheme}.toml", text.replace('target = "release"', f'target = "{scheme}"'))
    shutil.copy(os.path.join(HERE, "journey.toml"), folder)
    with open(os.path.join(HERE, "journey.toml")) as journey:
        write("failing.toml", journey.read().replace('count = 20', 'count = 21'))
    write("secret", "release-secret-0123")
    write("catalogue.toml", CATALOGUE)
    host, port = shop.http.removeprefix("http://").split(":")
    listen = shop.free_port()
    write("agent.toml", AGENT.format(base=shop.http, control=f"{host}:{port}", port=port,
                                     listen=listen))
    return listen


def has_shipped(listen):
    """Whether the agent has passed runs and was told that they arrived."""
    # The loopback is reached through no proxy, whatever the environment says.
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    def look():
        try:
            with straight.open(f"http://127.0.0.1:{listen}/metrics", timeout=5) as page:
                lines = page.read().decode().splitlines()
        except OSError:
            return False
        def some(name, label=""):
            of_it = (line for line in lines if line.startswith(name) and label in line)
            return sum(float(line.rsplit(" ", 1)[1]) for line in of_it) >= 2
        return some("bongsu_agent_runs_total", 'verdict="pass"') and some(
            "bongsu_agent_shipped_total")
    return look


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, order = sys.argv[1:]
    # So that whoever stops it leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("no profile: it was stopped"))
    with tempfile.TemporaryDirectory(prefix="bongsu-profile-") as folder:
        shop = None
        try:
            shop = Shop(folder)
            listen = prepare(folder, shop)
            profiled = Profiled(program, folder)
            run = lambda scheme, file: ["run", "--target", f"{scheme}.toml", file]  # noqa: E731
            found = [
                profiled.run("http", [*run("http", "journey.toml"), "--repeat", "2"], 0),
                profiled.run("https", run("https", "journey.toml"), 0),
                profiled.serve("agent", ["agent", "--config", "agent.toml"], has_shipped(listen)),
                profiled.run("failing", run("http", "failing.toml"), 1),
            ]
        except (Broken, NoCertificate) as reason:
            sys.exit(f"no profile: {reason}")
        finally:
            if shop is not None:
                shop.stop()
    # What more of them need, and what the first of them needs, stands together.
    def place(name):
        users = [name in names for names in found]
        return [-sum(users), [not used for used in users], name]
    names = sorted(set().union(*found), key=place)
    with open(order, "w") as out:
        out.writelines(f"{name}\n" for name in names)


if __name__ == "__main__":
    main()
