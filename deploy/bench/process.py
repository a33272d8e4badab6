"""Processes that are measured: started, read from /proc, and stopped by their own id."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import time
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()

# Longest wait for a process to answer, and for one to end, in seconds.
READY_WITHIN_S = 60
END_WITHIN_S = 20

# How long the memory of a program is watched at least, over as many runs as that takes, in seconds.
WATCHED_S_MIN = 0.5


class Broken(Exception):
    """A measurement that means nothing, and why."""


def free_ports(count):
    """Ports of the loopback that nobody listens on; all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def get(url, timeout=10):
    """The body of a page, as text."""
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


class Process:
    """A running program. Everything that it says goes to a file of the work folder."""

    def __init__(self, name, command, folder, env=None):
        self.name = name
        self.log = os.path.join(folder, f"{name}.log")
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(env or {})},
            )
        self.pid = self.child.pid
        # The clock of all its threads, those that have ended included, in nanoseconds.
        self.clock = (~self.pid << 3) | 2

    def wait_until_ready(self, url):
        """Returns when the page answers."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise Broken(f"{self.name} ended by itself:\n{self.tail()}")
            try:
                get(url, timeout=2)
                return
            except OSError:
                time.sleep(0.05)
        raise Broken(f"{self.name} does not answer at {url}:\n{self.tail()}")

    def tail(self):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-15:])

    def cpu_s(self):
        """User and system seconds so far, its children's that it has waited for included."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        waited_for = (int(fields[13]) + int(fields[14])) / TICK
        return time.clock_gettime(self.clock) + waited_for

    def memory_mib(self):
        """Resident memory now, and the most there was since the start or `forget_peak`."""
        with open(f"/proc/{self.pid}/status") as status:
            lines = dict(line.split(":", 1) for line in status if ":" in line)
        return tuple(int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))

    def stop(self):
        """Asks it to end, and ends it if it does not."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as found:
        return [int(child) for child in found.read().split()]


@contextlib.contextmanager
def on_one_core(*processes):
    """This script, what it starts meanwhile, and these processes with their children keep to one
    core: nobody has to wake another."""
    before = os.sched_getaffinity(0)
    pids = [0] + [pid for one in processes for pid in (one.pid, *children(one.pid))]
    try:
        for pid in pids:
            os.sched_setaffinity(pid, {min(before)})
        yield
    finally:
        for pid in pids:
            # One that has ended has a reason of its own, which is on its way.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(pid, before)


def machine_busy_s():
    """Seconds that all cores together have worked, or were kept from us."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / TICK


def own_cpu_s():
    """Seconds of this script and of what it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class Window:
    """A span of time: what the watched processes took, and what everybody else did meanwhile.

    `watched` are those whose cost is the result, `beside` those that only have to be there.
    """

    def __init__(self, watched, beside=()):
        self.watched = list(watched)
        self.ours = self.watched + list(beside)

    def __enter__(self):
        self.start = [one.cpu_s() for one in self.ours]
        self.machine, self.script = machine_busy_s(), own_cpu_s()
        self.began = time.monotonic()
        return self

    def __exit__(self, *_):
        self.wall_s = time.monotonic() - self.began
        taken = [one.cpu_s() - before for one, before in zip(self.ours, self.start)]
        self.cpu_s = sum(taken[: len(self.watched)])
        busy = machine_busy_s() - self.machine
        others = busy - sum(taken) - (own_cpu_s() - self.script)
        self.others = max(0.0, others) / (self.wall_s * CORES)


def peak_mib(command, folder):
    """The most memory that a program takes from its start to its end, as last seen before it.

    What the kernel tells of an ended child is of no use: it includes what this script had. A
    program that ends within milliseconds is run again: it may be gone before it is looked at.
    """
    peak, watched_s = 0.0, 0.0
    while watched_s < WATCHED_S_MIN:
        began = time.monotonic()
        with Process("peak", command, folder) as process:
            while process.child.poll() is None:
                try:
                    peak = max(peak, process.memory_mib()[1])
                except (OSError, KeyError):
                    break
            if process.child.wait(END_WITHIN_S) != 0:
                raise Broken(f"{command[0]} did not succeed:\n{process.tail()}")
        watched_s += time.monotonic() - began
    if peak == 0.0:
        raise Broken(f"{command[0]} was never seen running")
    return peak


class Once:
    """A program run to its end: its seconds, and what it said."""

    def __init__(self, command, folder, expected=0):
        log = os.path.join(folder, "once.log")
        machine, script = machine_busy_s(), own_cpu_s()
        began = time.monotonic()
        with open(log, "wb") as out:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(child.pid, 0)
        self.wall_s = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_s = used.ru_utime + used.ru_stime
        with open(log, errors="replace") as out:
            self.said = out.read()
        if child.returncode != expected:
            raise Broken(f"{command[0]} ended with {child.returncode}:\n{self.said[-1500:]}")
        # Ticks of 10 ms are too coarse for what ends within a few: others are seen in long runs.
        others = machine_busy_s() - machine - (own_cpu_s() - script)
        self.others = max(0.0, others) / max(self.wall_s * CORES, 0.01)


def sample(page, name):
    """The sum of all samples of a family on a metrics page, by their label text."""
    found = re.findall(rf"^{name}(\{{[^}}]*\}})? ([0-9.eE+-]+)$", page, re.MULTILINE)
    return {labels: float(value) for labels, value in found}
