#!/usr/bin/env python3
"""What an ordinary run needs of the program, asked of the program itself.

usage: profile.py order BONGSU FILE      the functions, for the linker to put side by side
       profile.py counts BONGSU FOLDER   how often each branch is taken, for the compiler

Runs BONGSU against a server of its own on the loopback: a journey over HTTP and over HTTPS, an
agent that ships what it measured, and a journey that fails.

`order` runs it under callgrind, which needs the program's symbols, and writes one mangled name a
line, what all of them need first. `counts` runs one that was built with `-C profile-generate`,
often, and leaves its .profraw files in the folder.

Needs openssl, and valgrind for the order; installs nothing, and stops what it started by its own
id.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
from shop import NoCertificate, Shop  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))

# Longest wait for one profiled run, for the agent's results, and for its end, in seconds.
RUN_WITHIN_S = 120
MEASURED_WITHIN_S = 120
END_WITHIN_S = 60

# How often a journey is run to be counted: often enough for a start to be rare beside it.
COUNTED_TIMES = 150

# How many journeys the agent has then, each every two seconds.
COUNTED_JOURNEYS = 20

# Accounts of the target: as many runs at a time.
ACCOUNTS = 8

# Fewer functions than this are no run of a journey: it takes some 1,500.
FUNCTIONS_MIN = 500

TARGET = """format = 1
target = "release"
base.web = "{base}"
ca = "{ca}"
hosts = ["127.0.0.1"]
allow_private = true
[pool.users]
accounts = [{accounts}]
"""
ACCOUNT = '{{ name = "user-{n}", login = "user-{n}", password = {{ file = "secret" }} }}'

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
journeys = ["plan"]
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


class Runs:
    """Commands of one program, in one folder."""

    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder

    def _before(self, name):
        """The words that stand before the program, and what its environment has beside ours."""
        raise NotImplementedError

    def _after(self, name):
        """A command has ended as it should."""

    @contextlib.contextmanager
    def _started(self, name, words):
        """The process of a command, which does not outlive the block."""
        before, beside = self._before(name)
        said = open(os.path.join(self.folder, f"{name}.log"), "wb")
        with said:
            child = subprocess.Popen([*before, self.program, *words], cwd=self.folder,
                                     env={**os.environ, **beside}, stdin=subprocess.DEVNULL,
                                     stdout=said, stderr=said)
        try:
            yield child
        except subprocess.TimeoutExpired:
            raise self._broken(name, "did not end") from None
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()

    def _broken(self, name, what):
        with open(os.path.join(self.folder, f"{name}.log"), errors="replace") as said:
            return Broken(f"{name}: {what}:\n{said.read()[-4000:]}")

    def run(self, name, words, expected):
        """A command that ends with the expected code."""
        with self._started(name, words) as child:
            code = child.wait(RUN_WITHIN_S)
        if code != expected:
            raise self._broken(name, f"ended with {code}, not {expected}")
        self._after(name)

    def serve(self, name, words, has_done):
        """A command that is stopped once it has done its work."""
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
        self._after(name)


class Named(Runs):
    """Under callgrind, which tells the functions that were entered."""

    def __init__(self, program, folder):
        super().__init__(program, folder)
        self.found = []

    def _before(self, name):
        return ["valgrind", "--tool=callgrind", "--demangle=no", "--compress-strings=no",
                f"--callgrind-out-file={name}.out"], {}

    def _after(self, name):
        entered = re.compile(r"c?fn=(\S+?)(?:'\d+)?$")
        with open(os.path.join(self.folder, f"{name}.out")) as lines:
            found = {match[1] for match in map(entered.match, lines) if match}
        found = {one for one in found if not one.startswith(("0x", "???", "("))}
        if len(found) < FUNCTIONS_MIN:
            raise Broken(f"{name}: {len(found)} functions only: has the program its symbols?")
        self.found.append(found)

    def in_order(self):
        """By the names that the linker knows: what more of the commands need, and what the first of
        them needs, stands together."""
        def place(name):
            users = [name in names for names in self.found]
            return [-sum(users), [not used for used in users], name]
        return sorted(set().union(*self.found), key=place)


class Counted(Runs):
    """As they are: the program itself counts, and adds it up in files of a folder."""

    def __init__(self, program, folder, counts):
        super().__init__(program, folder)
        self.counts = os.path.abspath(counts)

    def _before(self, name):
        self.so_far = self._written()
        return [], {"LLVM_PROFILE_FILE": os.path.join(self.counts, "%m.profraw")}

    def _after(self, name):
        if self._written() == self.so_far:
            raise Broken(f"{name}: nothing was counted: is the program one that counts?")

    def _written(self):
        """When something was last counted."""
        with os.scandir(self.counts) as files:
            return max((file.stat().st_mtime_ns for file in files), default=None)


def prepare(folder, shop, often):
    """The files of the runs; `often` for an agent that has much to do. Where it listens."""
    def write(name, text):
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
    accounts = ", ".join(ACCOUNT.format(n=n) for n in range(ACCOUNTS))
    for scheme in ("http", "https"):
        text = TARGET.format(base=getattr(shop, scheme), ca=shop.ca, accounts=accounts)
        write(f"{scheme}.toml", text.replace('target = "release"', f'target = "{scheme}"'))
    with open(os.path.join(HERE, "journey.toml")) as file:
        journey = file.read()
    write("journey.toml", journey)
    write("failing.toml", journey.replace("count = 20", "count = 21"))
    os.mkdir(os.path.join(folder, "plan"))
    if often:
        for usual, hurried in (('every = "10s"', 'every = "2s"'),
                               ('\ntimeout = "8s"', '\ntimeout = "1500ms"'),
                               ('cleanup_timeout = "1s"', 'cleanup_timeout = "400ms"')):
            if usual not in journey:
                raise Broken(f"journey.toml has no {usual.strip()}")
            journey = journey.replace(usual, hurried)
    for n in range(COUNTED_JOURNEYS if often else 1):
        write(f"plan/{n}.toml", journey.replace('journey = "order"', f'journey = "order-{n}"'))
    write("secret", "release-secret-0123")
    write("catalogue.toml", CATALOGUE)
    host, port = shop.http.removeprefix("http://").split(":")
    listen = shop.free_port()
    write("agent.toml", AGENT.format(base=shop.http, control=f"{host}:{port}", port=port,
                                     listen=listen))
    return listen


def has_shipped(listen, least):
    """Whether the agent has passed so many runs and was told that as many arrived."""
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
            return sum(float(line.rsplit(" ", 1)[1]) for line in of_it) >= least
        return some("bongsu_agent_runs_total", 'verdict="pass"') and some(
            "bongsu_agent_shipped_total")
    return look


def perform(runs, listen, times):
    """The ordinary runs: each `times` over, or as often as gives all of them their share."""
    def run(name, scheme, file, repeat, expected=0):
        words = ["run", "--target", f"{scheme}.toml", file, "--repeat", str(repeat)]
        runs.run(name, words, expected)
    run("http", "http", "journey.toml", 2 * times)
    run("https", "https", "journey.toml", max(1, times // 4))
    runs.serve("agent", ["agent", "--config", "agent.toml"], has_shipped(listen, 2 * times))
    run("failing", "http", "failing.toml", max(1, times // 10), 1)


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("order", "counts"):
        sys.exit(__doc__)
    what, program, into = sys.argv[1:]
    # So that whoever stops it leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("no profile: it was stopped"))
    with tempfile.TemporaryDirectory(prefix="bongsu-profile-") as folder:
        shop = None
        try:
            shop = Shop(folder)
            listen = prepare(folder, shop, what == "counts")
            if what == "order":
                named = Named(program, folder)
                perform(named, listen, 1)
                with open(into, "w") as out:
                    out.writelines(f"{name}\n" for name in named.in_order())
            else:
                perform(Counted(program, folder, into), listen, COUNTED_TIMES)
        except (Broken, NoCertificate) as reason:
            sys.exit(f"no profile: {reason}")
        finally:
            if shop is not None:
                shop.stop()


if __name__ == "__main__":
    main()
