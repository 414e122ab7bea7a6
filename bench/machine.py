"""What both benchmarks need to know of the machine: where they ran, and how to build what they run."""
import datetime
import os
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build/release"))


def describe():
    """The machine and the tree, as a dictionary for the report."""
    cpu = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    os_name = "Linux"
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            os_name = line.partition("=")[2].strip('"')
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release().split("-")[0],
        "system": os_name,
        "commit": commit.stdout.strip() or "unknown",
        "load_average": os.getloadavg()[0],
    }


def build(*targets):
    """Brings the release build up to date, so that no stale binary is measured. Quiet unless it fails."""
    steps = []
    if not (BUILD / "build.ninja").exists():
        steps.append(["cmake", "--preset", "release"])
    steps.append(["cmake", "--build", str(BUILD), *(["--target", *targets] if targets else [])])
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            print(done.stdout[-4000:] + done.stderr[-4000:], file=sys.stderr)
            sys.exit(f"{' '.join(step)}: failed")
