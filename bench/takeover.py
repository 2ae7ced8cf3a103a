#!/usr/bin/env python3
"""What a fault in the fleet costs, measured where it counts: at the target. Four agents, 1,000/s, real programs on loopback.

    cargo build --release --workspace --exclude stampede-sim --bins
    bench/takeover.py kill    an agent is killed: how long its lanes are silent, what is lost
    bench/takeover.py leave   an agent is asked to leave (Ctrl-C): the gap while it hands over (aim: none)
    bench/takeover.py join    an agent joins a run of three: how long until it fires its share
    bench/takeover.py stop    an agent is stopped for 5 s (SIGSTOP): what it still fires when it goes on (aim: at most one)
    bench/takeover.py all

Options: --rounds N (3), --ttl DURATION (3s), --bin FOLDER (target/release). Every run ends by itself after some 15 s.
Whose a request was is read from the run's journal, when it came from the target's own record of it.
"""

import argparse
import collections
import csv
import json
import pathlib
import re
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time

RATE, SECS, LANES = 1000, 14, 4096
FAULT_AT, STOPPED = 5.0, 5.0


def now():
    """Seconds on the boot-time clock, which is the controller's."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def plan(url, ttl):
    return f"""name = "takeover"
drain = "1s"
agents.lease_ttl = "{ttl}"
[target]
base_url = "{url}"
identify = true
[[scenario]]
name = "bench"
load.rate = [{{ at = "{RATE}/s", for = "{SECS}s" }}]
max_in_flight = 500
[[scenario.step]]
path = "/"
"""


class Program:
    """A process and the lines it writes, each with its time."""

    def __init__(self, *command, stream="stderr"):
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: subprocess.PIPE}
        self.process = subprocess.Popen([str(part) for part in command], text=True, **pipes)
        self.lines, self.news = [], threading.Condition()
        self.reader = threading.Thread(target=self.read, args=(getattr(self.process, stream),), daemon=True)
        self.reader.start()

    def read(self, stream):
        for line in stream:
            with self.news:
                self.lines.append((now(), line.rstrip()))
                self.news.notify_all()

    def told(self, pattern, within=20):
        """The first line that has the pattern: its time and the match."""
        found = lambda: next(((at, m) for at, line in self.lines if (m := re.search(pattern, line))), None)
        with self.news:
            if not self.news.wait_for(found, within):
                raise SystemExit(f"no line with {pattern!r} from {self.process.args[0]}: {self.lines[-5:]}")
            return found()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Cluster:
    """The demo service, a controller with a store, and agents."""

    def __init__(self, o, folder, agents):
        self.o, self.folder, self.programs, self.agents = o, folder, [], {}
        (folder / "rows").mkdir()
        self.record = folder / "record.csv"
        demo = self.start(o.bin / "demo", "--listen", "127.0.0.1:0", "--record", self.record, stream="stdout")
        self.demo = demo
        file = folder / "plan.toml"
        file.write_text(plan(demo.told(r"http://\S+")[1].group(0), o.ttl))
        self.controller = self.start(
            o.bin / "controller", "start", "--plan", file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
            "--agents", agents, "--data-dir", folder / "data", "--out", folder / "out")
        self.address = self.controller.told(r"agent join (\S+)")[1].group(1)
        for n in range(agents):
            self.join(f"a{n}")
        self.controller.told("the run begins")
        self.zero = None

    def start(self, *command, stream="stderr"):
        self.programs.append(Program(*command, stream=stream))
        return self.programs[-1]

    def join(self, name):
        self.agents[name] = self.start(
            self.o.bin / "agent", "join", self.address, "--name", name, "--threads", "1", "--once",
            "--spool-dir", self.folder)
        return self.agents[name]

    def signal(self, name, what):
        """Sends a signal; returns when."""
        at = now()
        self.agents[name].process.send_signal(what)
        return at

    def finish(self):
        """Waits for the end and reads what is left of it."""
        self.controller.process.wait(60)
        self.demo.process.terminate()
        self.demo.process.wait()
        return Evidence(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.end()


class Evidence:
    """Who owned what, and what came to the target when. Times in seconds of run time."""

    def __init__(self, folder):
        self.report = json.loads((folder / "out" / "report.json").read_text())
        events = sqlite3.connect(folder / "data" / "stampede.db").execute("SELECT kind, body FROM events ORDER BY n")
        self.events = [(kind, json.loads(body)) for kind, body in events]
        self.zero = next(body["zero_at_ns"] for kind, body in self.events if kind == "started") / 1e9
        self.owned = [
            (body["session"], body["from_ns"] / 1e9, (body["to_ns"] or 1e18) / 1e9,
             int.from_bytes(bytes.fromhex(body["lanes"]), "little"))
            for kind, body in self.events if kind == "owned"
        ]
        boot = time.time_ns() / 1e9 - now()
        with open(folder / "record.csv") as file:
            rows = [(int(row["unix_ns"]) / 1e9 - boot - self.zero, int(row["arrival"].split(":")[1]))
                    for row in csv.DictReader(file)]
        self.rows = sorted(rows)
        self.came = {k: at for at, k in reversed(self.rows)}
        self.doubled = len(self.rows) - len(self.came)
        self.missing = [k for k in range(RATE * SECS) if k not in self.came]

    def session(self, name):
        return [body["session"] for kind, body in self.events if kind == "opened" and body["name"] == name][-1]

    def run_time(self, at):
        return at - self.zero

    def lanes(self, session, at):
        """The lanes that were the session's at a due time."""
        lanes = 0
        for owner, begin, end, some in self.owned:
            if begin <= at < end:
                lanes = lanes | some if owner == session else lanes & ~some
        return lanes


def due(k):
    return k / RATE


def has(lanes, k):
    return lanes >> (k % LANES) & 1


def widest(evidence, begin, end):
    """The widest gap between two requests in a stretch, in milliseconds."""
    times = [at for at, _ in evidence.rows if begin <= at < end]
    return max(b - a for a, b in zip(times, times[1:])) * 1000


def kill(o, folder):
    with Cluster(o, folder, 4) as cluster:
        time.sleep(FAULT_AT)
        at = cluster.signal("a1", signal.SIGKILL)
        evidence = cluster.finish()
    at = evidence.run_time(at)
    lanes = evidence.lanes(evidence.session("a1"), at)
    times = [when for when, k in evidence.rows if has(lanes, k)]
    last = max(when for when in times if when <= at + 0.005)
    first = min(when for when in times if when > at + 0.005)
    lost = [k for k in evidence.missing if has(lanes, k)]
    return {
        "silence of its lanes, s": first - last,
        "load back to plan after, s": due(max(lost) + 1) - at,
        "arrivals not sent": len(evidence.missing),
        "doubled": evidence.doubled,
    }


def leave(o, folder):
    with Cluster(o, folder, 4) as cluster:
        time.sleep(FAULT_AT)
        at = cluster.signal("a1", signal.SIGINT)
        cluster.agents["a1"].process.wait(10)
        gone = now()
        evidence = cluster.finish()
    at, gone = evidence.run_time(at), evidence.run_time(gone)
    return {
        "gone after, s": gone - at,
        "widest gap before, ms": widest(evidence, at - 3, at),
        "widest gap meanwhile, ms": widest(evidence, at, gone + 1),
        "arrivals not sent": len(evidence.missing),
        "doubled": evidence.doubled,
    }


def join(o, folder):
    with Cluster(o, folder, 3) as cluster:
        time.sleep(FAULT_AT)
        begun = now()
        ready = cluster.join("a3").told("ready with")[0]
        evidence = cluster.finish()
    begun, ready = evidence.run_time(begun), evidence.run_time(ready)
    session = evidence.session("a3")
    changes = sorted({begin for owner, begin, _, _ in evidence.owned if owner == session})
    share = next(at for at in changes if evidence.lanes(session, at).bit_count() >= LANES // 4 - 1)
    lanes = evidence.lanes(session, share)
    first = min(evidence.came[k] for k in evidence.came if due(k) >= share and has(lanes, k))
    return {
        "started to ready, s": ready - begun,
        "ready to its whole share, s": first - ready,
        "arrivals not sent": len(evidence.missing),
        "doubled": evidence.doubled,
    }


def stop(o, folder):
    with Cluster(o, folder, 4) as cluster:
        time.sleep(FAULT_AT)
        stopped = cluster.signal("a1", signal.SIGSTOP)
        time.sleep(STOPPED)
        on = cluster.signal("a1", signal.SIGCONT)
        evidence = cluster.finish()
    stopped, on = evidence.run_time(stopped), evidence.run_time(on)
    lanes = evidence.lanes(evidence.session("a1"), stopped)
    # Until it was expired its lanes were nobody else's: what was due before and came later can only come from it.
    expired = next(body["from_ns"] / 1e9 for kind, body in evidence.events if kind == "expired")
    overshoot = [k for at, k in evidence.rows if at >= on - 0.001 and due(k) < expired and has(lanes, k)]
    taken = [at for at, k in evidence.rows if at > stopped + 0.05 and has(lanes, k)]
    return {
        "silence of its lanes, s": min(taken) - stopped,
        "requests after it went on": len(overshoot),
        "arrivals not sent": len(evidence.missing),
        "doubled": evidence.doubled,
    }


def measure(o, what):
    rows = collections.defaultdict(list)
    for _ in range(o.rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, value in {"kill": kill, "leave": leave, "join": join, "stop": stop}[what](o, pathlib.Path(folder)).items():
                rows[name].append(value)
    print(what)
    for name, values in rows.items():
        shown = lambda value: f"{value:.3f}" if isinstance(value, float) else f"{value:g}"
        print(f"  {name:<28} {shown(statistics.median(values)):>8}   ({shown(min(values))}..{shown(max(values))})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kill", "leave", "join", "stop", "all"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ttl", default="3s")
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent / "target" / "release")
    o = parser.parse_args()
    for what in ["kill", "leave", "join", "stop"] if o.what == "all" else [o.what]:
        measure(o, what)


if __name__ == "__main__":
    main()
