#!/usr/bin/env python3
"""The whole engine, measured beside wrk: one agent with one engine thread on core 0, everything else on core 1.

    cargo build --release --workspace --exclude stampede-sim --bins
    bench/engine.py flat      CPU per request flat out with 64 in flight, as a ratio to wrk in the same round
    bench/engine.py rate      exactness, evenness and send lag at 1,000, 5,000 and 20,000/s, precise and economy
    bench/engine.py gaps      evenness of four agents' merged stream at 1,000/s
    bench/engine.py memory    peak memory of the agent at 64 and at 10,000 connections
    bench/engine.py users     memory per user, CPU per request and fairness of 10,000 users on one agent

Options: --rounds N (7), --secs N (4). All traffic is on loopback and every run ends by itself. Rounds of the tools are
interleaved and medians are printed, because shared machines are noisy: quote ratios, not times. `flat` needs wrk
(Debian: apt-get install wrk). A round in which core 0 was taken away for over 5 % of the time is marked with `!`.
"""

import argparse
import contextlib
import csv
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

BIN = pathlib.Path(os.environ.get("STAMPEDE_BIN") or pathlib.Path(__file__).resolve().parent.parent / "target" / "release")
AGENT_CORE, OTHER_CORE = "0", "1"


def plan(url, rate, secs, slots, pacing="precise", path="/", drain="2s", identify="false"):
    return f"""name = "bench"
drain = "{drain}"
agents.pacing = "{pacing}"
[target]
base_url = "{url}"
timeout = "5s"
identify = {identify}
[[scenario]]
name = "bench"
load.rate = [{{ at = "{rate}/s", for = "{secs}s" }}]
max_in_flight = {slots}
[[scenario.step]]
path = "{path}"
"""


class Demo:
    """The target, pinned; `record` keeps a row per request."""

    def __init__(self, folder, record=False):
        self.rows = folder / "record.csv" if record else None
        extra = ["--record", str(self.rows)] if record else []
        self.process = subprocess.Popen(
            ["taskset", "-c", OTHER_CORE, BIN / "demo", "--listen", "127.0.0.1:0", *extra], stdout=subprocess.PIPE, text=True
        )
        self.url = re.search(r"http://\S+", self.process.stdout.readline()).group(0)

    def count(self):
        return json.load(urllib.request.urlopen(self.url + "/stats", timeout=10))["total"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def wait_with_usage(process):
    """Processor seconds (user, system) and peak memory in MiB of a process, when it has ended."""
    peak, done = [0.0], threading.Event()

    def watch():
        # ru_maxrss would count the launcher before exec.
        while not done.wait(0.2):
            with contextlib.suppress(OSError):
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
                peak[0] = max(peak[0], *(int(kb) / 1024 for kb in re.findall(r"VmHWM:\s+(\d+)", status)), 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    done.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime, usage.ru_stime, peak[0]


def run(folder, text, agents=1, core=AGENT_CORE):
    """Runs a plan; returns the report and the usage of the first agent."""
    file = folder / "plan.toml"
    file.write_text(text)
    out = folder / "out"
    controller = subprocess.Popen(
        ["taskset", "-c", OTHER_CORE, BIN / "controller", "start", "--plan", file, "--listen", "127.0.0.1:0",
         "--agents", str(agents), "--out", out],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )
    address = None
    while address is None:
        line = controller.stderr.readline()
        if not line:
            raise SystemExit("the controller did not start")
        found = re.search(r"agent join (\S+)", line)
        address = found.group(1) if found else None
    joined = [
        subprocess.Popen(["taskset", "-c", core, BIN / "agent", "join", address, "--name", f"a{n}", "--threads", "1", "--once"],
                         stderr=subprocess.DEVNULL)
        for n in range(agents)
    ]
    usages = [wait_with_usage(agent) for agent in joined]
    controller.communicate(timeout=60)
    return json.loads((out / "report.json").read_text()), usages[0]


def stolen():
    """Jiffies that the host took from core 0."""
    for line in open("/proc/stat"):
        if line.startswith("cpu0 "):
            return int(line.split()[8])
    return 0


def wrk(url, secs):
    process = subprocess.Popen(["taskset", "-c", AGENT_CORE, "wrk", "-t1", "-c64", f"-d{secs}s", url + "/"], stdout=subprocess.DEVNULL)
    return wait_with_usage(process)


def flat(o, folder):
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed: apt-get install wrk")
    ratios, rows = [], []
    for number in range(o.rounds):
        before, begun = stolen(), time.time()
        with Demo(folder) as demo:
            user, system, _ = wrk(demo.url, o.secs)
            theirs = (user + system) / demo.count() * 1e6
        with Demo(folder) as demo:
            text = plan(demo.url, 250_000, o.secs, 64, drain="100ms")
            _, (user, system, rss) = run(folder, text)
            ours, own_user = (user + system) / demo.count() * 1e6, user / demo.count() * 1e6
        noisy = "!" if (stolen() - before) / 100 > 0.05 * (time.time() - begun) else " "
        ratios.append(ours / theirs)
        rows.append((theirs, ours, own_user))
        print(f"{noisy} round {number + 1}: wrk {theirs:.2f} us, agent {ours:.2f} us (user {own_user:.2f}), ratio {ratios[-1]:.3f}, {rss:.1f} MiB")
    med = [statistics.median(column) for column in zip(*rows)]
    print(f"median: wrk {med[0]:.2f} us, agent {med[1]:.2f} us (user {med[2]:.2f}), ratio {statistics.median(ratios):.3f}"
          f" ({min(ratios):.3f}..{max(ratios):.3f})")


def cv(times_ns, window_ns):
    """Deviation over mean of the requests per window, as the target saw them; first and last window left out."""
    first = times_ns[0]
    windows = [0] * (int((times_ns[-1] - first) // window_ns) + 1)
    for t in times_ns:
        windows[int((t - first) // window_ns)] += 1
    inner = windows[1:-1]
    return statistics.pstdev(inner) / statistics.mean(inner)


def arrivals(rows):
    with open(rows) as file:
        return sorted(int(row["arrival_ns"]) for row in csv.DictReader(file))


def rate(o, folder):
    print("     rate pacing   exact  1ms CV  send lag p50/p99/max us   release p99  CPU us/req")
    for per_second in (1_000, 5_000, 20_000):
        for pacing in ("precise", "economy"):
            rows = []
            for _ in range(o.rounds):
                with Demo(folder, record=True) as demo:
                    report, (user, system, _) = run(folder, plan(demo.url, per_second, o.secs, 2000, pacing))
                    count = demo.count()
                exact = all(row["planned"] == row["started"] == per_second for row in report["timeline"])
                exact = exact and count == per_second * o.secs
                lag = report["agents"][0]["send_lag"]
                rows.append((exact, cv(arrivals(demo.rows), 1e6), lag["p50"], lag["p99"], lag["max"],
                             report["agents"][0]["release_lag"]["p99"], (user + system) / count * 1e6))
            exact = all(row[0] for row in rows)
            med = [statistics.median(row[n] for row in rows) for n in range(1, 7)]
            print(f"{per_second:>9} {pacing:<8} {'yes' if exact else 'NO':>6}  {med[0]:.3f}  "
                  f"{med[1]:>7.0f}/{med[2]:.0f}/{med[3]:.0f}  {med[4]:>18.0f}  {med[5]:>10.2f}")


def gaps(o, folder):
    off = []
    for _ in range(o.rounds):
        with Demo(folder, record=True) as demo:
            run(folder, plan(demo.url, 1000, o.secs, 2000), agents=4)
            demo.count()
        times = arrivals(demo.rows)
        deviations = sorted(abs(b - a - 1_000_000) / 1000 for a, b in zip(times, times[1:]))
        off.append((deviations[len(deviations) // 2], deviations[int(len(deviations) * 0.99)]))
    print(f"four agents, 1,000/s: |gap - 1 ms| p50 {statistics.median(p for p, _ in off):.0f} us, p99 {statistics.median(p for _, p in off):.0f} us")


def memory(o, folder):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with Demo(folder) as demo:
        _, (_, _, rss) = run(folder, plan(demo.url, 250_000, o.secs, 64, drain="100ms"))
    print(f"64 connections: {rss:.1f} MiB")
    with Demo(folder) as demo:
        report, (_, _, rss) = run(folder, plan(demo.url, 5_000, o.secs + 2, 10_000, path="/delay/2000", drain="5s"))
    print(f"10,000 requests in flight ({report['series'][0]['connect_time']['count']} connections): {rss:.1f} MiB, "
          f"errors {report['series'][0]['errors']}")


def users_plan(url, users, secs, think, path="/"):
    rests = f'think = "{think}"' if think else ""
    return f"""name = "bench"
drain = "5s"
[target]
base_url = "{url}"
timeout = "30s"
identify = true
[[scenario]]
name = "bench"
load.users = [{{ at = {users}, spawn = "{users // 2}/s", for = "{secs}s" }}]
{rests}
[[scenario.step]]
path = "{path}"
"""


def users(o, folder):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for what, think, path in [("thinking 1 to 3 s", "1s..3s", "/"), ("always under way", "", "/delay/2000")]:
        base = 0.0
        for count in (100, 10_000):
            with Demo(folder, record=True) as demo:
                report, (user, system, rss) = run(folder, users_plan(demo.url, count, o.secs + 4, think, path))
                urllib.request.urlopen(urllib.request.Request(demo.url + "/record/flush", method="POST"), timeout=10)
                with open(demo.rows) as rows:
                    begun = [int(row["arrival"].split(":")[1]) % 2**20 for row in csv.DictReader(rows)]
            rounds = counted(begun, count)
            each = (rss - base) * 1024 / (count - 100) if count > 100 else 0.0
            base, load = rss, report["loads"][0]
            requests = report["series"][0]["requests"]
            print(f"{count:>6} users {what}: {rss:.1f} MiB" + (f", {each:.2f} KiB a user" if each else "") +
                  f", CPU {(user + system) / max(requests, 1) * 1e6:.1f} us a request, {requests} requests, "
                  f"rounds of a user {min(rounds)} to {max(rounds)}, errors {report['series'][0]['errors']}, "
                  f"user time {load['user_time_active_s'] / load['user_time_asked_s']:.4f}, "
                  f"lag p99 {report['agents'][0]['release_lag']['p99']} us")


def counted(begun, count):
    rounds = [0] * count
    for user in begun:
        rounds[user] += 1
    return rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["flat", "rate", "gaps", "memory", "users"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--secs", type=int, default=4, choices=range(1, 21), metavar="1..20")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"flat": flat, "rate": rate, "gaps": gaps, "memory": memory, "users": users}[o.what](o, pathlib.Path(folder))


if __name__ == "__main__":
    main()
