"""The whole gateway under load, beside what the kernel alone costs (relay_limit) and beside otelcol.

    load (core 1) --> contender (core 0) --> 1 or 3 sinks (core 1)

In every row the contenders get the same requests over the same kind of sockets, in turn, N rounds, the order reversed
in every second round; figures are medians over the rounds, ratios are medians of the ratios within a round. What
counts is CPU time per work done (the clock of the contender's process, in nanoseconds, all of its threads), not the
rate: the generator and the sinks share one core and are often busy before the contender is.

  sluice       with one shard
  relay-limit  recv(), then send() of the same bytes to every backend: no parsing, no queue
  otelcol      the Collector's otlp receiver and exporters, GOMAXPROCS=1, own telemetry off (if build/peers/otelcol is
               there; ./dev peers builds it)
  against      another build of sluice, with --against FILE

Sluice and otelcol read the same configuration: sending_queue with wait_for_result and block_on_overflow, so that a
request is acknowledged when its backends have acknowledged it, as it is through the relay. TCP congestion control
is cubic everywhere: as root this program moves into a network namespace of its own whose routes say so. A row is
invalid when a request was refused or failed, or when a sink did not get every one.
"""
import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import machine

GATEWAY_CORE, LOAD_CORE = 0, 1
WARM_UP = 0.3  # seconds, once for each contender of a row
SIGNAL_OF = {"logs": "logs", "spans": "traces", "points": "metrics"}
CONFIG_KEY = {"logs": "logs", "spans": "traces", "points": "metrics"}


@dataclasses.dataclass(frozen=True)
class Row:
    what: str  # logs, spans, points
    items: int
    protocol: str  # grpc, http
    coming: str  # coding of the client
    going: str  # coding that the exporters ask for
    backends: int

    @property
    def name(self):
        coding = self.coming if self.coming == self.going else f"{self.coming}-to-{self.going}"
        return f"{self.what}{self.items}-{self.protocol}-{coding}-{self.backends}"

    @property
    def small(self):
        return self.items <= 10

    @property
    def in_flight(self):
        """(connections, requests under way on each). Over HTTP/1.1 every request under way has its own socket."""
        if self.protocol == "http":
            return 1, 64 if self.small else 8
        return (4, 64) if self.small else (1, 8)

    @property
    def relay_can(self):
        return self.coming == self.going


def every_row():
    codings = [("none", "none"), ("gzip", "gzip"), ("zstd", "zstd"), ("gzip", "none"), ("none", "gzip"),
               ("none", "zstd")]
    return [Row(what, items, protocol, coming, going, backends)
            for what, items in (("logs", 1000), ("spans", 512), ("points", 1000), ("logs", 10), ("spans", 10))
            for protocol in ("grpc", "http") for coming, going in codings for backends in (1, 3)]


DEFAULT = """
logs1000-grpc-none-1 logs1000-http-none-1 spans512-grpc-none-1 spans512-http-none-1 points1000-grpc-none-1
points1000-http-none-1 logs1000-grpc-none-3 logs1000-http-none-3
logs1000-grpc-gzip-1 logs1000-http-gzip-1 spans512-grpc-gzip-1 points1000-http-gzip-1 logs1000-http-gzip-3
logs1000-grpc-zstd-1 logs1000-http-zstd-1
logs1000-http-gzip-to-none-1 logs1000-http-none-to-gzip-1
logs10-grpc-none-1 spans10-grpc-none-1 logs10-grpc-gzip-1 logs10-http-none-1 logs10-grpc-none-3
""".split()


# -- processes ---------------------------------------------------------------------------------------------------


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for_port(port, process, what, log):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"{what} did not start\n{log.read_text(errors='replace')[-3000:]}")


class Process:
    """A program pinned to one core, its output in a file."""

    def __init__(self, core, command, log, env=None):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [str(c) for c in command], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})}, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.pid = self.process.pid

    def cpu_ns(self):
        """CPU time of all threads, those that have ended included."""
        return time.clock_gettime_ns((~self.pid << 3) | 2)

    def peak_memory(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def core_times(core):
    """(busy, steal) of a core since boot, in ticks."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
            return user + nice + system + irq + softirq, steal
    raise RuntimeError(f"no core {core}")


# -- contenders --------------------------------------------------------------------------------------------------


def collector_config(row, ports, sinks, own_telemetry, receiver=None):
    """The configuration of Sluice and of otelcol. JSON is YAML."""
    grpc, http, metrics = ports
    queue = {"num_consumers": 500, "queue_size": 1000, "wait_for_result": True, "block_on_overflow": True}
    exporters = {}
    for i, (sink_grpc, sink_http) in enumerate(sinks, 1):
        common = {"compression": row.going, "sending_queue": queue}
        if row.protocol == "grpc":
            exporters[f"otlp_grpc/{i}"] = {"endpoint": f"127.0.0.1:{sink_grpc}", "tls": {"insecure": True}, **common}
        else:
            exporters[f"otlp_http/{i}"] = {"endpoint": f"http://127.0.0.1:{sink_http}", **common}
    reader = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": metrics}}}}
    return {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{grpc}"},
                                             "http": {"endpoint": f"127.0.0.1:{http}"}}, **(receiver or {})}},
        "exporters": exporters,
        "service": {
            "telemetry": {"metrics": {"readers": [reader]} if own_telemetry else {"level": "none"}},
            "pipelines": {CONFIG_KEY[row.what]: {"receivers": ["otlp"], "exporters": list(exporters)}},
        },
    }


class Sluice:
    name = "sluice"

    @staticmethod
    def binary(how):
        return how.sluice

    def __init__(self, row, sinks, folder, how):
        ports = free_ports(3)
        self.metrics_port = ports[2]
        config = folder / f"{self.name}.yaml"
        receiver = {"inspect": how.inspect} if how.inspect else None
        config.write_text(json.dumps(collector_config(row, ports, sinks, True, receiver)))
        self.port = ports[0] if row.protocol == "grpc" else ports[1]
        self.process = Process(
            GATEWAY_CORE, [self.binary(how), "run", "--config", config, "--shards", 1, "--congestion", "cubic"],
            folder / f"{self.name}.log")
        wait_for_port(self.port, self.process.process, self.name, self.process.log)

    def counters(self):
        """What the gateway says of itself: copies, and what it could not deliver."""
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).read().decode()
        sums = {"copied": 0.0, "forwarded": 0.0, "lost": 0.0}
        for line in text.splitlines():
            name, value = re.split(r"[{ ]", line, maxsplit=1)[0], line.rpartition(" ")[2]
            if name == "sluice_payload_copied_bytes":
                sums["copied"] += float(value)
            elif name == "sluice_payload_forwarded_bytes":
                sums["forwarded"] += float(value)
            elif re.match(r"otelcol_(exporter_(send|enqueue)_failed|receiver_(refused|failed))_", name):
                sums["lost"] += float(value)
        return sums


class Against(Sluice):
    name = "against"

    @staticmethod
    def binary(how):
        return how.against


class RelayLimit:
    name = "relay-limit"

    def __init__(self, row, sinks, folder, how):
        (self.port,) = free_ports(1)
        backends = [sink[0] if row.protocol == "grpc" else sink[1] for sink in sinks]
        command = [how.relay, "--listen", self.port, "--congestion", "cubic"]
        for port in backends:
            command += ["--backend", f"127.0.0.1:{port}"]
        self.process = Process(GATEWAY_CORE, command, folder / "relay.log")
        wait_for_port(self.port, self.process.process, self.name, self.process.log)

    def counters(self):
        return {}


class Otelcol:
    name = "otelcol"

    def __init__(self, row, sinks, folder, how):
        ports = free_ports(3)
        config = folder / "otelcol.yaml"
        config.write_text(json.dumps(collector_config(row, ports, sinks, False)))
        self.port = ports[0] if row.protocol == "grpc" else ports[1]
        self.process = Process(GATEWAY_CORE, [how.otelcol, "--config", config], folder / "otelcol.log",
                               env={"GOMAXPROCS": "1"})
        wait_for_port(self.port, self.process.process, self.name, self.process.log)

    def counters(self):
        return {}


class Sink:
    def __init__(self, folder, number, how):
        self.grpc, self.http = free_ports(2)
        self.report = folder / f"sink{number}.json"
        self.process = Process(
            LOAD_CORE,
            [how.sluice, "sink", "--grpc", f"127.0.0.1:{self.grpc}", "--http", f"127.0.0.1:{self.http}", "--look",
             "none", "--congestion", "cubic", "--quiet", "--json", self.report],
            folder / f"sink{number}.log")
        for port in (self.grpc, self.http):
            wait_for_port(port, self.process.process, "sink", self.process.log)

    def taken(self):
        self.process.end()
        return json.loads(self.report.read_text())["total"]["taken"]


# -- measuring ---------------------------------------------------------------------------------------------------


def load(row, port, seconds, folder, how):
    connections, in_flight = row.in_flight
    report = folder / "load.json"
    command = [how.sluice, "load", f"127.0.0.1:{port}", "--protocol", row.protocol, "--signals", SIGNAL_OF[row.what],
               "--items", row.items, "--compression", row.coming, "--trace-items", "off", "--connections", connections,
               "--in-flight", in_flight, "--duration", f"{int(seconds * 1000)}ms", "--congestion", "cubic", "--quiet",
               "--json", report]
    process = Process(LOAD_CORE, command, folder / "load.log")
    try:
        # 0: all acknowledged; 2: not all, which the report tells.
        code = process.process.wait(seconds + 60)
    finally:
        process.end()
    if code not in (0, 2):
        raise RuntimeError(f"load: exit status {code}\n{process.log.read_text(errors='replace')[-2000:]}")
    return json.loads(report.read_text())


def one_run(row, contender, seconds, folder, how):
    before, busy = contender.counters(), core_times(GATEWAY_CORE)
    cpu = contender.process.cpu_ns()
    started = time.monotonic()
    said = load(row, contender.port, seconds, folder, how)
    time.sleep(0.02)  # answers that are on their way
    cpu = contender.process.cpu_ns() - cpu
    wall = time.monotonic() - started
    busy_after, after = core_times(GATEWAY_CORE), contender.counters()
    total = said["total"]
    bad = sum(total[k] for k in ("refused", "failed", "unanswered", "partial", "items_rejected"))
    bad += total["attempts"] - total["requests"]
    bad += int(after.get("lost", 0) - before.get("lost", 0))
    requests = total["acknowledged"]
    if requests == 0:
        raise RuntimeError(f"{row.name}, {contender.name}: nothing was acknowledged: {total}\n"
                           f"{contender.process.log.read_text(errors='replace')[-2000:]}")
    forwarded = after.get("forwarded", 0) - before.get("forwarded", 0)
    tick = 1e9 / os.sysconf("SC_CLK_TCK")
    return {
        "seconds": said["seconds"],
        "requests": requests,
        "bad": bad,
        "body_bytes": total["bytes_acknowledged"] / requests,
        "items_per_s": total["items_acknowledged"] / said["seconds"],
        "mb_per_s": total["bytes_acknowledged"] / said["seconds"] / 1e6,
        "busy": cpu / (said["seconds"] * 1e9),
        "cpu_s_per_gb": cpu / total["bytes_acknowledged"],
        "cpu_us_per_request": cpu / 1e3 / requests,
        "cpu_s_per_million_items": cpu / 1e3 / total["items_acknowledged"],
        "latency_p50_ms": said["latency_ns"]["p50"] / 1e6,
        "latency_p99_ms": said["latency_ns"]["p99"] / 1e6,
        "copied_per_forwarded": (after["copied"] - before["copied"]) / forwarded if forwarded else None,
        # The contender's core in the hands of others, as a share of the time: above a few per cent the row is noisy.
        "foreign": max(0.0, ((busy_after[0] - busy[0] + busy_after[1] - busy[1]) * tick - cpu) / (wall * 1e9)),
    }


def middle(runs):
    """Medians of all figures of one contender."""
    result = {}
    for key in runs[0]:
        values = [r[key] for r in runs]
        result[key] = None if values[0] is None else statistics.median(values)
    result["bad"] = sum(r["bad"] for r in runs)
    cpu = [r["cpu_us_per_request"] for r in runs]
    result["spread"] = (max(cpu) - min(cpu)) / statistics.median(cpu)
    return result


def perf(row, contender, folder, how):
    """One run under perf; prints the symbols that cost most, alone and with what they call."""
    data = folder / "perf.data"
    recorder = subprocess.Popen(
        ["perf", "record", "-q", "-e", "cpu-clock", "-F", "4999", "-p", str(contender.process.pid), "-o", data],
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}), stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    load(row, contender.port, max(how.seconds, 2), folder, how)
    recorder.send_signal(signal.SIGINT)
    recorder.wait(30)
    report = subprocess.run(
        ["perf", "report", "-i", data, "--stdio", "-F", "overhead,dso,symbol"], capture_output=True, text=True).stdout
    shares = {}
    for line in report.splitlines():
        found = re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[(.)\] (.*)", line)
        if found:
            # A library without symbols is one line, not one for each address.
            symbol = "(no symbols)" if found[4].startswith("0x") else found[4].strip()
            key = "kernel" if found[3] == "k" else found[2], symbol
            shares[key] = shares.get(key, 0) + float(found[1])
    most = sorted(shares.items(), key=lambda item: -item[1])[: how.profile_lines]
    kernel = sum(share for (where, _), share in shares.items() if where == "kernel")
    text = "\n".join([f"{kernel:6.2f} %  kernel, all of it",
                      *(f"{share:6.2f} %  {where:<22} {symbol}" for (where, symbol), share in most)])
    print(f"\n{row.name}: where {contender.name} spends its time\n{text}", flush=True)
    return text


def run_row(row, how, scratch):
    folder = pathlib.Path(tempfile.mkdtemp(dir=scratch))
    kinds = [Sluice]
    if row.relay_can:
        kinds.append(RelayLimit)
    if how.against:
        kinds.append(Against)
    if how.otelcol and not how.profile:
        kinds.append(Otelcol)
    with contextlib.ExitStack() as cleanup:
        sinks = []
        for number in range(row.backends):
            sinks.append(Sink(folder, number, how))
            cleanup.callback(sinks[-1].process.end)
        contenders = []
        for kind in kinds:
            contenders.append(kind(row, [(s.grpc, s.http) for s in sinks], folder, how))
            cleanup.callback(contenders[-1].process.end)
        sent = 0
        for c in contenders:
            sent += load(row, c.port, WARM_UP, folder, how)["total"]["acknowledged"]
        if how.profile:
            return [(row.name, c.name, perf(row, c, folder, how)) for c in contenders]
        runs = {c.name: [] for c in contenders}
        for round_number in range(how.rounds):
            for c in contenders if round_number % 2 == 0 else reversed(contenders):
                runs[c.name].append(one_run(row, c, how.seconds, folder, how))
                sent += runs[c.name][-1]["requests"]
        memory = {c.name: c.process.peak_memory() for c in contenders}
        for c in contenders:
            c.process.end()
        taken = [s.taken() for s in sinks]
    result = {"row": row.name, **dataclasses.asdict(row), "contenders": {}, "runs": runs,
              "sent": sent, "taken": taken}
    for name, of in runs.items():
        result["contenders"][name] = {**middle(of), "memory_bytes": memory[name]}
    for other in ("relay-limit", "otelcol", "against"):
        if other in runs:
            pairs = zip(runs["sluice"], runs[other])
            result[f"cpu_over_{other}"] = statistics.median(
                a["cpu_us_per_request"] / b["cpu_us_per_request"] for a, b in pairs)
    result["valid"] = all(t == sent for t in taken) and all(c["bad"] == 0 for c in result["contenders"].values())
    result["noisy"] = any(c["foreign"] > 0.05 for c in result["contenders"].values())
    return result


# -- reporting ---------------------------------------------------------------------------------------------------

HEAD = (f"{'':<14}{'items/s':>12}{'MB/s':>9}{'busy':>7}{'s/GB':>9}{'us/req':>9}{'s/M items':>11}{'+-':>6}"
        f"{'RSS MiB':>9}{'copied/B':>10}{'p99 ms':>9}")


def show(result):
    body = result["contenders"]["sluice"]["body_bytes"]
    notes = []
    for other, word in (("relay-limit", "CPU of relay-limit"), ("otelcol", "CPU of otelcol"),
                        ("against", "CPU of the other build")):
        ratio = result.get(f"cpu_over_{other}")
        if ratio:
            notes.append(f"{ratio:.2f} x {word}" if ratio >= 0.5 else f"1/{1 / ratio:.1f} of the {word}")
    if not result["valid"]:
        notes.append(f"INVALID: not every request was acknowledged and taken (sent {result['sent']}, "
                     f"taken {result['taken']})")
    if result["noisy"]:
        notes.append("noisy: others used the gateway's core")
    print(f"\n{result['row']}, bodies of {body / 1e3:.1f} kB: {'; '.join(notes)}")
    print(HEAD)
    for name, c in result["contenders"].items():
        copied = "" if c["copied_per_forwarded"] is None else f"{c['copied_per_forwarded']:.4f}"
        print(f"  {name:<12}{c['items_per_s']:>12,.0f}{c['mb_per_s']:>9.1f}{100 * c['busy']:>6.0f}%"
              f"{c['cpu_s_per_gb']:>9.4f}{c['cpu_us_per_request']:>9.2f}{c['cpu_s_per_million_items']:>11.4f}"
              f"{100 * c['spread']:>5.0f}%{c['memory_bytes'] / 2**20:>9.1f}{copied:>10}{c['latency_p99_ms']:>9.2f}",
              flush=True)


def goals(results):
    """The goals as far as these rows can tell: [(goal, row, figure, wanted, reached)]."""
    found = []
    valid = {r["row"]: r for r in results if r["valid"]}

    def judge(goal, row, figure, wanted, reached):
        found.append({"goal": goal, "row": row, "figure": figure, "wanted": wanted, "reached": reached})

    for name, r in valid.items():
        s = r["contenders"]["sluice"]
        relay, otelcol = r.get("cpu_over_relay-limit"), r.get("cpu_over_otelcol")
        if relay and s["body_bytes"] >= 100e3 and r["backends"] == 1:
            judge("bodies >= 100 kB: CPU of relay-limit", name, f"{relay:.2f} x", "<= 1.25 x", relay <= 1.25)
        if r["items"] == 10 and r["protocol"] == "grpc" and r["backends"] == 1:
            us = s["cpu_us_per_request"]
            judge("10 items, shared connections: CPU per request", name, f"{us:.2f} us", "<= 6 us", us <= 6)
        if otelcol and r["items"] > 10 and r["coming"] == r["going"] and r["backends"] == 1:
            least = {"none": 5, "gzip": 15}.get(r["coming"])
            if least:
                judge("CPU per item less than otelcol", name, f"{1 / otelcol:.1f} x", f">= {least} x",
                      otelcol <= 1 / least)
        one = valid.get(name.removesuffix("-3") + "-1")
        if r["backends"] == 3 and one and "relay-limit" in r["contenders"] and "relay-limit" in one["contenders"]:
            ours, limit = (r["contenders"][c]["cpu_us_per_request"] - one["contenders"][c]["cpu_us_per_request"]
                           for c in ("sluice", "relay-limit"))
            judge("a further backend: CPU of its own sends", name,
                  f"{ours / 2:.2f} us for {limit / 2:.2f} us ({ours / limit:.2f} x)", "<= 1 x", ours <= limit)
    if valid:
        most, name = max((r["contenders"]["sluice"]["memory_bytes"], name) for name, r in valid.items())
        judge("resident memory at full load, the most of all rows", name, f"{most / 2**20:.1f} MiB", "< 64 MiB",
              most < 64 << 20)
    order = list(dict.fromkeys(g["goal"] for g in found))
    return sorted(found, key=lambda g: order.index(g["goal"]))


def show_goals(found):
    print("\nGoals")
    for goal in dict.fromkeys(g["goal"] for g in found):
        print(f"  {goal}")
        for g in found:
            if g["goal"] == goal:
                print(f"    {'reached    ' if g['reached'] else 'NOT reached'}  {g['row']:<32}{g['figure']:<24}"
                      f" wanted {g['wanted']}")


def machine_line(about):
    return (f"{about['date']}; {about['cores']} x {about['cpu']}, {about['memory_gib']} GiB, {about['system']}, kernel "
            f"{about['kernel']}, loopback, {about['congestion_control']}; tree {about['commit']}; load average at the "
            f"start {about['load_average']:.1f}.\nCommand: `{about['command']}`")


def figures_for_docs(about, results):
    """The tables of docs/performance.md."""
    lines = [machine_line(about), ""]
    marked = lambda r: r["row"] + ("" if r["valid"] else " (invalid)") + (" (noisy)" if r["noisy"] else "")  # noqa: E731
    lines += [
        "| row | body, kB | items/s | MB/s | core busy | CPU s/GB | CPU us/request | CPU s/M items | p99, ms | RSS, MiB | "
        "copied per byte |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for r in results:
        c = r["contenders"]["sluice"]
        copied = "" if c["copied_per_forwarded"] is None else f"{c['copied_per_forwarded']:.4f}"
        lines.append(
            f"| {marked(r)} | {c['body_bytes'] / 1e3:.1f} | {c['items_per_s']:,.0f} | {c['mb_per_s']:,.0f} | "
            f"{100 * c['busy']:.0f} % | {c['cpu_s_per_gb']:.3f} | {c['cpu_us_per_request']:.1f} | "
            f"{c['cpu_s_per_million_items']:.3f} | {c['latency_p99_ms']:.1f} | {c['memory_bytes'] / 2**20:.1f} | {copied} |")
    lines += ["", "| row | relay-limit CPU s/GB | Sluice over relay-limit | otelcol items/s | otelcol CPU s/M items | "
              "otelcol RSS, MiB | otelcol over Sluice, CPU |", "|---|--:|--:|--:|--:|--:|--:|"]
    for r in results:
        relay, otelcol = r["contenders"].get("relay-limit"), r["contenders"].get("otelcol")
        cells = [f"{relay['cpu_s_per_gb']:.3f}", f"{r['cpu_over_relay-limit']:.2f} x"] if relay else ["", ""]
        cells += [f"{otelcol['items_per_s']:,.0f}", f"{otelcol['cpu_s_per_million_items']:.2f}",
                  f"{otelcol['memory_bytes'] / 2**20:.0f}", f"{1 / r['cpu_over_otelcol']:.1f} x"] if otelcol else [""] * 4
        lines.append(f"| {r['row']} | {' | '.join(cells)} |")
    lines += ["", "| goal | row | figure | wanted | |", "|---|---|--:|--:|---|"]
    for g in goals(results):
        lines.append(f"| {g['goal']} | {g['row']} | {g['figure']} | {g['wanted']} | "
                     f"{'reached' if g['reached'] else '**not reached**'} |")
    return "\n".join(lines)


def profiles_for_docs(about, profiles):
    parts = [machine_line(about)]
    parts += [f"`{row}`, {contender}:\n\n```\n{text}\n```" for row, contender, text in profiles]
    return "\n\n".join(parts)


def update_docs(what, text):
    """Replaces what stands between the two markers in docs/performance.md."""
    path = machine.ROOT / "docs/performance.md"
    begin, end = f"<!-- {what}: written by bench/run gateway -->\n", f"<!-- end of {what} -->\n"
    before, found, rest = path.read_text().partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        raise RuntimeError(f"{path}: no place for the {what}")
    path.write_text(f"{before}{begin}\n{text}\n\n{end}{after}")


# -- the program -------------------------------------------------------------------------------------------------


def own_network():
    """A network namespace with loopback only, cubic on its routes. Needs root; without it the kernel's default holds."""
    if os.environ.get("SLUICE_BENCH_NETWORK") or os.geteuid() != 0:
        return
    route = "dev lo table local proto kernel scope host src 127.0.0.1 congctl cubic"
    script = f"ip link set lo up && ip route replace local 127.0.0.0/8 {route} && " \
             f"ip route replace local 127.0.0.1 {route}"
    probe = subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True, text=True)
    if probe.returncode != 0:
        print(f"no network namespace: {probe.stderr.strip()}", file=sys.stderr)
        return
    os.environ["SLUICE_BENCH_NETWORK"] = "own"
    again = shlex.join([sys.executable, *sys.argv])
    os.execvp("unshare", ["unshare", "-n", "sh", "-c", f"{script} && exec {again}"])


def congestion_control():
    """What a socket gets that does not ask."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as s:
            return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()


def options(argv):
    release = machine.BUILD
    p = argparse.ArgumentParser(prog="bench/run gateway", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", metavar="FILE", help="also write everything to FILE")
    p.add_argument("--only", metavar="REGEX", help="rows whose name matches, of all there are (see --list)")
    p.add_argument("--full", action="store_true", help="all rows: takes an hour")
    p.add_argument("--list", action="store_true", help="name the rows (* is in the default set) and exit")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=1.0, help="length of one run")
    p.add_argument("--sluice", metavar="FILE", default=release / "gate/app/sluice", help="this binary, unbuilt")
    p.add_argument("--relay", metavar="FILE", default=release / "bench/relay_limit/relay_limit",
                   help="this binary, unbuilt")
    p.add_argument("--against", metavar="FILE", help="another build of sluice, as a further contender")
    p.add_argument("--otelcol", metavar="FILE", default=machine.ROOT / "build/peers/otelcol")
    p.add_argument("--no-otelcol", action="store_true")
    p.add_argument("--no-build", action="store_true", help="take the binaries that are there")
    p.add_argument("--inspect", choices=("none", "count", "full"),
                   help="how closely Sluice looks at bodies, instead of its default (count)")
    p.add_argument("--profile", action="store_true", help="instead of figures: sluice and relay-limit under perf, by symbol")
    p.add_argument("--profile-lines", type=int, default=15)
    p.add_argument("--update-docs", action="store_true", help="put the tables, or profiles, into docs/performance.md")
    return p.parse_args(argv)


def chosen(how):
    rows = {r.name: r for r in every_row()}
    if how.only:
        return [r for r in rows.values() if re.search(how.only, r.name)]
    return list(rows.values()) if how.full else [rows[name] for name in DEFAULT]


def main(argv):
    how = options(argv)
    if how.list:
        print("\n".join(f"{'*' if r.name in DEFAULT else ' '} {r.name}" for r in every_row()))
        return 0
    rows = chosen(how)
    if not rows:
        print("no such row", file=sys.stderr)
        return 2
    if len(os.sched_getaffinity(0) & {GATEWAY_CORE, LOAD_CORE}) < 2:
        print("needs cores 0 and 1", file=sys.stderr)
        return 2
    own_network()
    defaults = options([])
    wanted = [target for target, unchanged in (("sluice", how.sluice == defaults.sluice),
                                               ("relay_limit", how.relay == defaults.relay)) if unchanged]
    if wanted and not how.no_build:
        machine.build(*wanted)
    if how.no_otelcol or not os.access(how.otelcol, os.X_OK):
        if not how.no_otelcol:
            print("no otelcol: tests/peers/build-otelcol builds it; rows are without it", file=sys.stderr)
        how.otelcol = None
    about = {**machine.describe(), "command": shlex.join(["bench/run", "gateway", *argv]), "rounds": how.rounds,
             "seconds": how.seconds, "congestion_control": congestion_control()}
    print(", ".join(f"{k} {v}" for k, v in about.items()), flush=True)
    results, profiles, failed = [], [], 0
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as scratch:
        for row in rows:
            try:
                result = run_row(row, how, scratch)
            except RuntimeError as error:
                print(f"\n{row.name}: failed: {error}", file=sys.stderr, flush=True)
                failed += 1
                continue
            if how.profile:
                profiles += result
                continue
            results.append(result)
            show(result)
    if results:
        show_goals(goals(results))
    if how.update_docs and results:
        update_docs("figures", figures_for_docs(about, results))
    if how.update_docs and profiles:
        update_docs("profiles", profiles_for_docs(about, profiles))
    if how.json:
        pathlib.Path(how.json).write_text(
            json.dumps({"machine": about, "rows": results, "goals": goals(results)}, indent=1) + "\n")
    return 1 if failed or not all(r["valid"] for r in results) else 0
