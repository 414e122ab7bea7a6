"""The library beside the ordinary way and beside the best library that can be had, in one run.

Contenders live in two programs with the same loop: zc_bench (bench/zc: ours, and what C++ has) and peers (bench/peers:
what Rust has; needs cargo). Within a round all contenders of a row take turns, each for a few hundredths of a second;
the order is reversed in every second round. Figures are medians over the rounds, in nanoseconds for one operation: CPU
time where one thread works, real time where two do;
ratios are medians of the ratios within a round, so that what disturbs the machine disturbs both. A goal counts as
reached when the median ratio reaches it, as even when the middle half of the ratios reaches across it.

Contenders whose library is not on this machine are left out, with a word: tools/install-packages bench installs those
of Debian, cargo fetches the others.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

import machine
import zc_rows

DOCS = machine.ROOT / "docs/zc/benchmarks.md"
PEERS = machine.ROOT / "build/peers/release/peers"


def options(argv):
    p = argparse.ArgumentParser(prog="bench/run zc", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", metavar="FILE", help="also write every measurement to FILE")
    p.add_argument("--update-docs", action="store_true", help="put the tables into docs/zc/benchmarks.md")
    p.add_argument("--only", metavar="REGEX", default="", help="rows whose name matches")
    p.add_argument("--list", action="store_true", help="list the rows")
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--seconds", type=float, default=0.03, help="for each contender in each round")
    p.add_argument("--cores", metavar="A,B", help="where the first and the second thread run (the first two allowed)")
    p.add_argument("--busy", action="store_true", help="rows with two threads even where others use the cores")
    p.add_argument("--no-build", action="store_true", help="run the programs that are there")
    return p.parse_args(argv)


# -- contenders --------------------------------------------------------------------------------------------------


def build_peers():
    """None, or why there are no contenders in Rust."""
    cargo = shutil.which("cargo") or shutil.which("cargo", path=str(pathlib.Path.home() / ".cargo/bin"))
    if cargo is None:
        return "cargo is not installed"
    project = machine.ROOT / "bench/peers"
    command = [cargo, "build", "--release", "--locked", "--quiet", "--manifest-path", project / "Cargo.toml",
               "--target-dir", machine.ROOT / "build/peers"]
    environment = dict(os.environ, PATH=f"{pathlib.Path(cargo).parent}:{os.environ['PATH']}")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return None
    said = [line for line in done.stderr.splitlines() if line.startswith("error")] or done.stderr.splitlines() or ["?"]
    return f"cargo cannot build bench/peers: {said[0]}"


class Program:
    """A running benchmark program: one command, one line of JSON."""

    def __init__(self, path, cores):
        self.process = subprocess.Popen([path, "--cores", ",".join(map(str, cores))], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.cases = {c["name"]: c["threads"] for c in self.ask("list")["cases"]}

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]} ended with {self.process.wait()} at: {command}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def versions():
    """Of the libraries beside us, as far as they are known."""
    found = {}
    lock = (machine.ROOT / "bench/peers/Cargo.lock").read_text()
    for crate in ("bytes", "arc-swap", "crossbeam-channel", "flume"):
        if version := re.search(rf'name = "{crate}"\nversion = "([^"]+)"', lock):
            found[crate] = version[1]
    for package, name in (("libabsl-dev", "Abseil"), ("libtbb-dev", "oneTBB"), ("libboost-dev", "Boost"),
                          ("libconcurrentqueue-dev", "moodycamel"), ("libmimalloc-dev", "mimalloc")):
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout:
            found[name] = re.sub(r"^\d+:|[-+].*$", "", done.stdout)
    return found


def busy(cores, seconds=0.5):
    """The share of the cores that others use."""
    def idle_and_all():
        lines = pathlib.Path("/proc/stat").read_text().splitlines()
        times = [list(map(int, line.split()[1:9])) for line in lines if line.split()[0] in {f"cpu{c}" for c in cores}]
        return sum(t[3] + t[4] for t in times), sum(map(sum, times))

    idle, all_time = idle_and_all()
    time.sleep(seconds)
    idle_then, all_then = idle_and_all()
    return 1 - (idle_then - idle) / max(1, all_then - all_time)


# -- measuring ---------------------------------------------------------------------------------------------------


def measure(row, programs, how):
    """All contenders of one row that are there, taking turns."""
    where = {case: p for p in programs for case in p.cases}
    present = [case for case in row.cases if case in where]
    runs = {case: [] for case in present}
    for case in present:
        where[case].ask(f"run {case} {how.seconds}")  # finds how often, and warms up
    for number in range(how.rounds):
        for case in present if number % 2 == 0 else reversed(present):
            runs[case].append(where[case].ask(f"run {case} {how.seconds}"))
    result = {"row": row.name, "technique": row.technique, "title": row.title, "ours": row.ours, "contenders": {}}
    for case in present:
        times = [r["ns"] for r in runs[case]]
        ratios = [t / o["ns"] for t, o in zip(times, runs[row.ours])]
        low, _, high = statistics.quantiles(ratios, n=4)
        result["contenders"][case] = {
            "ns": statistics.median(times), "over_ours": statistics.median(ratios), "over_ours_quartiles": [low, high],
            "memory": statistics.median(r["memory"] for r in runs[case]), "every_ns": times}
    result["missing"] = [case for case in row.cases if case not in where]
    result["goal"] = judge(row, result)
    return result


def judge(row, result):
    if row.goal is None:
        return None
    case, factor = row.goal
    goal = {"over": case, "wanted": factor, "why": row.why}
    if case not in result["contenders"]:
        return goal | {"state": "not measured"}
    measured = result["contenders"][case]
    low, high = measured["over_ours_quartiles"]
    state = "reached" if measured["over_ours"] >= factor else "even" if low <= factor <= high else "not reached"
    return goal | {"figure": measured["over_ours"], "state": state}


# -- tables ------------------------------------------------------------------------------------------------------


def label(case):
    contender = case.partition("/")[2]
    return zc_rows.LABELS.get(case) or zc_rows.LABELS.get(contender, contender)


def time_of(ns):
    for unit, size in (("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.2f} {unit}"
    return f"{ns:.2f} ns" if ns < 10 else f"{ns:.1f} ns"


def ratio_of(figure):
    return f"{figure:.2f} x" if figure < 10 else f"{figure:,.0f} x"


def best_other(row, result):
    others = [c for c in row.others if c in result["contenders"]]
    return min(others, key=lambda c: result["contenders"][c]["ns"], default=None)


def table(rows, results):
    lines = ["| | what | zc | ordinary way | | over zc | best other library | | over zc | goal | |",
             "|---|---|--:|---|--:|--:|---|--:|--:|---|---|"]
    for row, result in zip(rows, results):
        all_of_them = result["contenders"]
        cells = [row.technique, row.title, time_of(all_of_them[row.ours]["ns"])]
        for case in (row.ordinary, best_other(row, result)):
            c = all_of_them.get(case)
            cells += [label(case), time_of(c["ns"]), ratio_of(c["over_ours"])] if c else ["", "", ""]
        goal = result["goal"]
        if goal is None:
            cells += ["", ""]
        else:
            said = f"{label(goal['over'])} at least {goal['wanted']:g} x"
            figure = f" ({ratio_of(goal['figure'])})" if "figure" in goal else ""
            cells += [said, (f"**{goal['state']}**" if goal["state"] == "not reached" else goal["state"]) + figure]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def remarks(rows, results):
    """Why a goal is not reached, and what else a row needs said."""
    lines = []
    for row, result in zip(rows, results):
        goal = result["goal"]
        if goal is not None and goal["state"] == "not reached":
            lines.append(f"- {row.title}: not reached. {row.why or 'Not yet explained.'}")
        elif row.why and (goal is None or goal["state"] != "reached"):
            lines.append(f"- {row.title}: {row.why}")
    return lines


def literature(results):
    """Sharing against copying: what is claimed, and what is here."""
    lines = ["| message | copied, claimed | here | shared, claimed | here | memory of 3 holders, claimed | here |",
             "|---|--:|--:|--:|--:|---|---|"]
    by_name = {r["row"]: r for r in results}
    for name, copied, shared in zc_rows.LITERATURE:
        if name not in by_name:
            continue
        ours, copy = (by_name[name]["contenders"].get(c) for c in (name, name.replace("/zc", "/copy")))
        size = 1e6 if "1mb" in name else 1e7
        lines.append(f"| {size / 1e6:.0f} MB | {copied} | {time_of(copy['ns'])} | {shared} | {time_of(ours['ns'])} | "
                     f"3 x -> 1 x | {copy['memory'] / size:.2f} x -> {ours['memory'] / size:.2f} x |")
    return lines if len(lines) > 2 else []


def everybody(rows, results):
    lines = ["| what | contender | for one operation | over zc | middle half |", "|---|---|--:|--:|---|"]
    for row, result in zip(rows, results):
        for case, c in result["contenders"].items():
            low, high = c["over_ours_quartiles"]
            over = ("", "") if case == row.ours else (ratio_of(c["over_ours"]), f"{ratio_of(low)} to {ratio_of(high)}")
            lines.append(f"| {row.title} | {label(case)} | {time_of(c['ns'])} | {over[0]} | {over[1]} |")
    return lines


def machine_line(about):
    return (f"{about['date']}; {about['cores']} x {about['cpu']}, {about['memory_gib']} GiB, {about['system']}, kernel "
            f"{about['kernel']}; tree {about['commit']}; load average at the start {about['load_average']:.1f}.")


def report(about, rows, results):
    lines = [machine_line(about), f"Command: `{about['command']}`. Beside zc: " +
             ", ".join(f"{name} {version}" for name, version in about["versions"].items()) + ".", "", *table(rows, results)]
    if claims := literature(results):
        lines += ["", "Sharing a message against copying it, claimed by the literature and measured here:", "", *claims]
    if said := remarks(rows, results):
        lines += ["", *said]
    if about["left_out"]:
        lines += ["", "Left out: " + "; ".join(about["left_out"]) + "."]
    return lines


def aligned(lines):
    """Markdown tables with their columns under each other, for reading in a terminal."""
    out, rows = [], []

    def flush():
        widths = [max(map(len, column)) for column in zip(*rows)]
        out.extend("  ".join(cell.ljust(w) for cell, w in zip(r, widths)).rstrip() for r in rows)
        rows.clear()

    for line in [*lines, ""]:
        if line.startswith("|--"):
            continue
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line[1:-1].split("|")])
            continue
        if rows:
            flush()
        out.append(line)
    return out


def update_docs(text):
    begin, end = "<!-- figures: written by bench/run zc -->\n", "<!-- end of figures -->\n"
    before, found, rest = DOCS.read_text().partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        raise RuntimeError(f"{DOCS}: no place for the figures")
    DOCS.write_text(f"{before}{begin}\n{text}\n\n{end}{after}")


# -- the program -------------------------------------------------------------------------------------------------


def main(argv):
    how = options(argv)
    rows = [r for r in zc_rows.ROWS if re.search(how.only, r.name)]
    if how.list or not rows:
        print("\n".join(f"{r.name:<32} {r.technique:<4} {r.title}" for r in zc_rows.ROWS))
        return 0 if how.list else 2
    allowed = sorted(os.sched_getaffinity(0))
    cores = [int(c) for c in how.cores.split(",")] if how.cores else allowed[:2]
    left_out, no_rust = [], None
    if not how.no_build:
        machine.build("zc_bench")
        if no_rust := build_peers():
            left_out.append(f"everything in Rust ({no_rust})")
    about = machine.describe() | {"command": " ".join(["bench/run", "zc", *argv]), "versions": versions(),
                                  "left_out": left_out}
    one_thread = None  # why rows with two threads are left out
    if len(cores) < 2:
        one_thread = "one core is allowed"
    elif (taken := busy(cores)) > 0.2 and not how.busy:
        one_thread = f"others use {100 * taken:.0f} % of the cores, and real time would measure them; --busy insists"
    if one_thread:
        left_out.append(f"rows with two threads ({one_thread})")
    paths = [machine.BUILD / "bench/zc/zc_bench"] + ([PEERS] if PEERS.exists() and not no_rust else [])
    measured, results = [], []
    for number, row in enumerate(rows, 1):
        print(f"{number}/{len(rows)} {row.name}", file=sys.stderr, flush=True)
        # New processes for every row: what an earlier row did to the heap is nobody's merit.
        with contextlib.ExitStack() as stack:
            programs = [stack.enter_context(contextlib.closing(Program(path, cores * 2))) for path in paths]
            for case in (row.ours, row.ordinary):
                if case not in programs[0].cases:
                    raise RuntimeError(f"zc_bench has no case {case}")
            if one_thread and programs[0].cases[row.ours] > 1:
                continue
            measured.append(row)
            results.append(measure(row, programs, how))
    rows = measured
    if missing := sorted({label(c) for r in results for c in r["missing"]}):
        left_out.append(f"not on this machine: {', '.join(missing)} (tools/install-packages bench; cargo)")
    print("\n".join(aligned(report(about, rows, results))))
    if how.json:
        pathlib.Path(how.json).write_text(json.dumps(about | {"rows": results}, indent=1) + "\n")
    if how.update_docs:
        full = report(about, rows, results) + ["", "### Every contender", "", *everybody(rows, results)]
        update_docs("\n".join(full))
    return 0
