"""Runs the Google Benchmark programs of the rooms (*_bench), pinned, and collects their figures.

Every program repeats each of its benchmarks; the medians are printed with their spread (coefficient of variation).

A benchmark runs on one core unless its name ends in `/threads:N`, or its program starts threads of its own and its room
says so: `BENCH gather@2` in CMakeLists.txt. One that wants more cores than there are is skipped, with a word. Those with
`/real_time` in their name are shown by it: work of other threads is not in the CPU time.
"""
import argparse
import json
import os
import re
import subprocess
import sys

import machine


def options(argv):
    p = argparse.ArgumentParser(prog="bench/run rooms", description=__doc__)
    p.add_argument("--json", metavar="FILE", help="also write everything, as Google Benchmark says it, to FILE")
    p.add_argument("--only", metavar="REGEX", default="", help="programs whose name matches")
    p.add_argument("--filter", metavar="REGEX", default=".", help="benchmarks whose name matches")
    p.add_argument("--repetitions", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.2, help="at least so long for each repetition")
    p.add_argument("--core", type=int, help="the first to use (the first allowed)")
    p.add_argument("--no-build", action="store_true", help="run the programs that are there")
    return p.parse_args(argv)


def programs(only):
    found = (p for p in machine.BUILD.rglob("*_bench") if p.is_file() and os.access(p, os.X_OK))
    return sorted((p for p in found if re.search(only, p.name)), key=lambda p: p.name)


def cores_of(program):
    """What zc_room() wrote beside the program."""
    note = program.with_name(program.name + ".cores")
    return int(note.read_text()) if note.exists() else 1


def by_cores(program, how):
    """The benchmarks of a program that match, grouped by the cores they want."""
    done = subprocess.run([program, "--benchmark_list_tests=true", f"--benchmark_filter={how.filter}"],
                          capture_output=True, text=True)
    groups = {}
    for name in done.stdout.split("\n"):
        if name:
            threads = re.search(r"/threads:(\d+)$", name)
            groups.setdefault(max(cores_of(program), int(threads[1]) if threads else 1), []).append(name)
    return sorted(groups.items())


def measure(program, names, cores, how):
    exactly = "|".join(re.sub(r"([][.^$*+?(){}|\\])", r"\\\1", name) for name in names)
    command = [
        program, "--benchmark_format=json", f"--benchmark_filter=^({exactly})$", f"--benchmark_min_time={how.seconds}",
        f"--benchmark_repetitions={how.repetitions}", "--benchmark_report_aggregates_only=true",
        "--benchmark_enable_random_interleaving=true",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=machine.ROOT,
                          preexec_fn=lambda: os.sched_setaffinity(0, cores))
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout) if done.stdout.strip() else {"benchmarks": []}


def show(report):
    """One line per benchmark: median of the CPU time, spread, and its rates and counters."""
    known = {"name", "family_index", "per_family_instance_index", "run_name", "run_type", "repetitions", "threads",
             "repetition_index", "iterations", "real_time", "cpu_time", "time_unit", "aggregate_name",
             "aggregate_unit", "label"}
    clock = lambda b: "real_time" if "/real_time" in b["run_name"] else "cpu_time"  # noqa: E731
    spread = {b["run_name"]: b[clock(b)] for b in report["benchmarks"] if b.get("aggregate_name") == "cv"}
    # They ran interleaved; print them as the program lists them.
    for b in sorted(report["benchmarks"], key=lambda b: (b["family_index"], b["per_family_instance_index"])):
        if b.get("aggregate_name") not in ("median", None):
            continue
        line = f"  {b['run_name']:<52} {b[clock(b)]:>12.1f} {b['time_unit']:<2}"
        line += f" +-{100 * spread.get(b['run_name'], 0):4.1f} %"
        if "bytes_per_second" in b:
            line += f" {b['bytes_per_second'] / 1e9:>9.3f} GB/s"
        if "items_per_second" in b:
            line += f" {b['items_per_second'] / 1e6:>10.3f} M/s"
        others = {k: v for k, v in b.items() if k not in known | {"bytes_per_second", "items_per_second"}}
        line += "".join(f"  {k} {v:.4g}" for k, v in others.items() if isinstance(v, (int, float)))
        print(f"{line} {b.get('label', '')}".rstrip())


def main(argv):
    how = options(argv)
    if not how.no_build:
        machine.build()
    found = programs(how.only)
    if not found:
        print("no *_bench program in build/release that matches", file=sys.stderr)
        return 1
    cores = sorted(os.sched_getaffinity(0))
    if how.core is not None:
        cores.sort(key=lambda core: core != how.core)
    everything = {"machine": machine.describe(), "programs": {}}
    failed = 0
    for program in found:
        print(program.name, flush=True)
        for wanted, names in by_cores(program, how):
            if wanted > len(cores):
                print(f"  skipped, {wanted} cores wanted: {', '.join(names)}")
                continue
            try:
                report = measure(program, names, cores[:wanted], how)
            except (RuntimeError, json.JSONDecodeError) as error:
                print(f"  failed: {error}", file=sys.stderr)
                failed += 1
                continue
            collected = everything["programs"].setdefault(program.name, report)
            if collected is not report:
                collected["benchmarks"] += report["benchmarks"]
            show(report)
    if how.json:
        with open(how.json, "w") as out:
            json.dump(everything, out, indent=1)
    return 1 if failed else 0
