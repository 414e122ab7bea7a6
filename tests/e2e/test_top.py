"""`sluice top`: a running gateway's state, read from memory that it shares, whatever state that is.

Other gateways may run on the machine: processes are named, and where none must run, /proc is one of our own.
"""
import contextlib
import errno
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import time

import harness
import pytest
from conftest import otlp_grpc
from harness import BINARY, grpc_call, http_post, run_tool, sample, total

F_ADD_SEALS, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE = 1033, 1, 2, 4, 16


def dead_backend(**more):
    (dead,) = harness.free_ports(1)
    return {"endpoint": f"127.0.0.1:{dead}", "tls": {"insecure": True}, "compression": "none", **more}


def top(process, *args, check=True):
    return run_tool("top", str(process), *args, check=check, timeout=30)


def look(g):
    return json.loads(top(g.process.pid, "--once", "--json").stdout)


def row(rows, **labels):
    found = [r for r in rows if all(r[k] == v for k, v in labels.items())]
    assert len(found) == 1, (labels, rows)
    return found[0]


def status_file(process):
    """The gateway's memory, as a path in /proc."""
    for link in pathlib.Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(link) == "/memfd:sluice-status (deleted)":
                return link
    raise AssertionError("no such memory")


def test_it_shows_exactly_what_was_sent(gateway, grpc_backend):
    g = gateway({"otlp_grpc/a": otlp_grpc(grpc_backend), "nop": {}})
    for i in range(7):
        assert http_post(g.http, "/v1/traces", sample("traces", 11, f"t{i}"))[0] == 200
    grpc_call(g.grpc, "logs", sample("logs", 3))
    load = run_tool("load", f"127.0.0.1:{g.grpc}", "--signals", "metrics", "--items", "50", "--requests", "20", "-q")
    assert load.returncode == 0
    grpc_backend.wait_for(28)
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_sent_metric_points", exporter="otlp_grpc/a") == 1000)
    seen = look(g)
    assert seen["pid"] == g.process.pid and seen["state"] == "running" and seen["responding"]
    assert seen["interval_seconds"] >= 0.9 and 0 <= seen["page_age_seconds"] < 3
    assert {k: seen["totals"][k] for k in ("spans", "metric_points", "log_records")} == \
        {"spans": 77, "metric_points": 1000, "log_records": 3}
    spans = row(seen["receivers"], receiver="otlp", transport="http", signal="traces")
    assert (spans["accepted"], spans["requests"], spans["refused"], spans["failed"]) == (77, 7, 0, 0)
    assert spans["bytes"] == sum(len(r.raw) for r in grpc_backend.of("traces"))
    assert row(seen["receivers"], transport="grpc", signal="logs")["accepted"] == 3
    assert row(seen["receivers"], transport="http", signal="logs")["accepted"] == 0
    for exporter in ("otlp_grpc/a", "nop"):
        sent = {r["signal"]: r["sent"] for r in seen["exporters"] if r["exporter"] == exporter}
        assert sent == {"traces": 77, "metrics": 1000, "logs": 3}
    queue = row(seen["queues"], exporter="otlp_grpc/a")
    assert (queue["size"], queue["capacity"], queue["requests"]) == (0, 1000, 28)
    assert row(seen["queues"], exporter="nop")["capacity"] == 0
    assert seen["payload"]["copied_bytes"] == total(g.metrics(), "sluice_payload_copied_bytes")
    assert seen["rows_left_out"] == 0
    # People see the same.
    text = top(g.process.pid, "--once").stdout
    assert re.search(r"^otlp +http +traces +0 +0 +0 +0 +0 +77 +0 +0$", text, re.M), text
    assert re.search(r"^otlp_grpc/a +0 +1.00k +0 +0 +0 +0 +0 +0$", text, re.M), text
    assert "\x1b" not in text


def test_it_shows_rates(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    load = subprocess.Popen([BINARY, "load", f"127.0.0.1:{g.grpc}", "--signals", "logs", "--items", "100", "--rate", "5k",
                             "--duration", "20s", "-q"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        logs = row(look(g)["receivers"], transport="grpc", signal="logs")
        assert 2500 < logs["accepted_per_second"] < 10_000
        assert logs["bytes_per_second"] > 100 * logs["requests_per_second"] > 1000
    finally:
        load.terminate()
        load.wait(10)


def test_it_works_while_memory_is_short(gateway):
    g = gateway({"otlp_grpc": {**dead_backend(), "sending_queue": {"queue_size": 100_000}}},
                args=["--memory-limit", "16MiB", "--grace", "0.2"])
    body = sample("logs", 1000, "big", 1000)
    answers = []
    while 503 not in answers and len(answers) < 60:
        answers.append(http_post(g.http, "/v1/logs", body)[0])
    taken = answers.count(200)
    assert answers[-1] == 503 and taken > 5
    # A load of clients that are all refused goes on while we look.
    load = subprocess.Popen([BINARY, "load", f"127.0.0.1:{g.http}", "--protocol", "http", "--signals", "logs", "--items", "2000",
                             "--connections", "8", "--duration", "20s", "-q"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        seen = look(g)
        assert seen["responding"]
        assert seen["memory"]["payload_bytes_limit"] == 16 << 20
        assert seen["memory"]["payload_bytes"] > 8 << 20
        assert seen["totals"]["log_records"] >= 1000 * taken
        queue = row(seen["queues"], exporter="otlp_grpc")
        assert queue["size"] >= taken and queue["bytes"] >= taken * len(body)
        assert seen["totals"]["refused"] + seen["servers"]["refused_memory"] > 0
    finally:
        load.kill()
        load.wait(10)


def test_a_gateway_that_stands_still_is_named_so(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    assert http_post(g.http, "/v1/logs", sample("logs", 5))[0] == 200
    harness.wait_until(lambda: look(g)["totals"]["log_records"] == 5)
    g.process.send_signal(signal.SIGSTOP)
    try:
        seen = look(g)
        assert not seen["responding"] and 3 < seen["page_age_seconds"] < 10
        assert seen["totals"]["log_records"] == 5, "what it wrote last"
        text = top(g.process.pid, "--once").stdout
        assert re.match(r"NOT RESPONDING: nothing written for \d+\.\d s", text), text
    finally:
        g.process.send_signal(signal.SIGCONT)
    seen = look(g)
    assert seen["responding"] and seen["page_age_seconds"] < 3


def test_it_follows_a_gateway_to_its_end(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    follow = {how: subprocess.Popen([BINARY, "top", str(g.process.pid), *how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
              for how in ((), ("--json",))}
    time.sleep(3.5)
    g.stop()
    text, complaints = follow[()].communicate(timeout=5)
    assert follow[()].returncode == 0 and complaints == ""
    assert text.endswith(f"process {g.process.pid} has ended: it stopped as it was told to\n")
    assert text.count("RECEIVER") >= 2 and "\x1b" not in text
    text, said = follow[("--json",)].communicate(timeout=5)
    assert follow[("--json",)].returncode == 0 and "has ended: it stopped" in said
    looks = [json.loads(line) for line in text.splitlines()]
    assert len(looks) >= 2 and all(l["pid"] == g.process.pid for l in looks)


def test_a_gateway_that_is_killed_has_ended_too(tmp_path):
    g = harness.Gateway(tmp_path, {"nop": {}})
    following = subprocess.Popen([BINARY, "top", str(g.process.pid)], stdout=subprocess.PIPE, text=True)
    time.sleep(1.5)
    g.process.kill()
    g.process.wait()
    text, _ = following.communicate(timeout=5)
    assert following.returncode == 0 and text.endswith(f"process {g.process.pid} has ended\n")


def test_a_gateway_that_drains_says_so(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)}, args=["--grace", "20"])
    grpc_backend.answer = lambda item: time.sleep(4)
    assert http_post(g.http, "/v1/logs", sample("logs", 5))[0] == 200
    grpc_backend.wait_for(1)
    g.process.send_signal(signal.SIGTERM)
    harness.wait_until(lambda: "stopping" in g.output())
    seen = look(g)
    assert seen["state"] == "draining" and row(seen["queues"], exporter="otlp_grpc")["in_flight"] == 1
    assert g.process.wait(20) == 0
    assert "everything acknowledged was delivered" in g.output()


def test_signals_end_it(gateway):
    g = gateway({"nop": {}})
    for number in (signal.SIGINT, signal.SIGTERM):
        following = subprocess.Popen([BINARY, "top", str(g.process.pid), "--interval", "60"], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        following.send_signal(number)
        assert following.wait(3) == 0


def test_a_terminal_is_drawn_over(gateway):
    g = gateway({"nop": {}})
    main, other = pty.openpty()
    following = subprocess.Popen([BINARY, "top", str(g.process.pid)], stdout=other)
    os.close(other)
    drawn = b""
    end = time.monotonic() + 10
    while drawn.count(b"\x1b[H") < 2 and time.monotonic() < end:
        if select.select([main], [], [], 0.5)[0]:
            drawn += os.read(main, 65536)
    following.terminate()
    assert following.wait(5) == 0
    os.close(main)
    assert drawn.startswith(b"\x1b[H\x1b[2J") and drawn.count(b"\x1b[J") >= 1


def test_who_reads_no_more_ends_it(gateway):
    g = gateway({"nop": {}})
    following = subprocess.Popen([BINARY, "top", str(g.process.pid), "--json"], stdout=subprocess.PIPE)
    following.stdout.readline()
    following.stdout.close()
    assert following.wait(10) == 1


def test_several_gateways_are_listed(gateway):
    one, two = gateway({"nop": {}}), gateway({"nop": {}})
    done = run_tool("top", "--once", check=False)
    assert done.returncode == 1 and done.stdout == ""
    for g in (one, two):
        assert f"sluice top {g.process.pid}    version " in done.stderr, done.stderr


def test_what_is_no_gateway_is_refused():
    done = top(os.getpid(), "--once", check=False)
    assert done.returncode == 1 and "is no gateway" in done.stderr
    assert top("x", check=False).returncode == 1
    assert top(1, "--interval", "0.5", check=False).returncode == 1


def test_alone_in_proc(tmp_path):
    """None: said. One: taken without naming it, and another `top` is not taken for one."""
    unshare = [shutil.which("unshare") or "unshare", "-Urpf", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("no process namespaces of our own here")
    done = subprocess.run([*unshare, BINARY, "top", "--once"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "no gateway runs" in done.stderr
    ports = harness.free_ports(4)
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(harness.config(ports, {"nop": {}})))  # JSON is YAML
    script = f"""
      '{BINARY}' run --config '{path}' 2>'{tmp_path}/log' & gateway=$!
      until grep -q 'is ready' '{tmp_path}/log'; do sleep 0.1; done
      '{BINARY}' top >/dev/null & other=$!
      sleep 1.5
      '{BINARY}' top --once --json; status=$?
      kill $gateway; wait $gateway; wait $other
      exit $status"""
    done = subprocess.run([*unshare, "sh", "-c", script], capture_output=True, text=True, timeout=40)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["responding"]


def test_nobody_else_can_write_the_page(gateway):
    g = gateway({"nop": {}})
    with open(status_file(g.process.pid), "r+b", buffering=0) as theirs:
        with pytest.raises(OSError) as refused:
            theirs.write(b"x")
        assert refused.value.errno == errno.EPERM
        with pytest.raises(OSError):
            theirs.truncate(0)
    assert look(g)["responding"]


@contextlib.contextmanager
def pretended(content):
    """Memory of the gateway's name in this process, sealed as it should be, with anything in it."""
    memory = os.memfd_create("sluice-status", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.write(memory, content)
        fcntl.fcntl(memory, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
        yield
    finally:
        os.close(memory)


def latch(page):
    return struct.pack("<QQ", 2, len(page)).ljust(64, b"\0") + page * 2


def test_pages_of_another_version_and_of_strangers_are_refused():
    other = struct.pack("<4sHHIIQQ", b"zcPM", 0xfe01, 2, 64, 0, 1, 0x1234) + bytes(64)
    with pretended(latch(other)):
        done = top(os.getpid(), "--once", check=False)
        assert done.returncode == 1 and done.stdout == ""
        assert "another layout (0000000000001234, version 2)" in done.stderr and f"/proc/{os.getpid()}/exe top" in done.stderr
    for content in (b"", b"x" * 100, bytes(100), os.urandom(5000), latch(bytes(64)), latch(other)[:-8],
                    struct.pack("<QQ", 1, 1 << 63).ljust(4096, b"\0")):
        with pretended(content):
            done = top(os.getpid(), "--once", check=False)
            assert done.returncode == 1 and done.stdout == "", content[:16]
            assert "cannot read its status" in done.stderr
