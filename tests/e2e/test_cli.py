"""The command line as an operator meets it."""
import os
import signal
import subprocess
import time
import urllib.request

import harness
import pytest
import yaml
from conftest import otlp_grpc
from harness import BINARY, run_tool, sample, total


def write(tmp_path, text, name="config.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


MINIMAL = """\
receivers:
  otlp:
    protocols:
      grpc:
exporters:
  nop:
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [nop]
"""


def test_version_and_help():
    assert run_tool("--version").stdout.startswith("sluice version ")
    assert "run" in run_tool("--help").stdout
    for command in ("run", "validate", "components", "load", "sink", "top"):
        assert run_tool(command, "--help").stdout


def test_components_is_yaml_with_what_the_configuration_takes():
    listed = yaml.safe_load(run_tool("components").stdout)
    names = {c["name"] for c in listed["exporters"]}
    assert {"otlp_grpc", "otlp_http", "file", "debug", "nop"} <= names


def test_validate_says_yes(tmp_path):
    assert run_tool("validate", "--config", write(tmp_path, MINIMAL)).returncode == 0
    assert run_tool("validate").returncode == 0  # the embedded default


@pytest.mark.parametrize("old, new, place, words", [
    ("  nop:\n", "  noop:\n", ":6:", 'did you mean "nop"'),
    ("      grpc:\n", "      grpc:\n        endpont: x:1\n", ":5:", 'did you mean "endpoint"'),
    ("exporters: [nop]", "exporters: [npo]", ":11:", "npo"),
    ("  nop:\n", "  nop:\n  kafka:\n    brokers: [b:9092]\n", ":7:", "not supported yet"),
    ("receivers: [otlp]", "receivers: []", "", "receiver"),
    ("    traces:", "\t   traces:", ":9:", ""),
])
def test_validate_names_file_line_and_remedy(tmp_path, old, new, place, words):
    assert old in MINIMAL
    path = write(tmp_path, MINIMAL.replace(old, new))
    if "kafka" in new:  # unused components are only warned about; use it
        path.write_text(path.read_text().replace("exporters: [nop]", "exporters: [nop, kafka]"))
    done = run_tool("validate", "--config", path, check=False)
    assert done.returncode == 1
    assert f"{path}{place}" in done.stderr, done.stderr
    assert words in done.stderr


def test_sources_merge_and_substitute(tmp_path):
    a = write(tmp_path, MINIMAL, "a.yaml")
    b = write(tmp_path, "receivers: {otlp: {protocols: {grpc: {endpoint: '${env:E2E_AT:-127.0.0.1:1}'}}}}", "b.yaml")
    done = subprocess.run([BINARY, "validate", "--config", a, "--config", b,
                           "--set", "receivers.otlp.protocols.grpc.max_recv_msg_size_mib=oops"],
                          capture_output=True, text=True, env={**os.environ, "E2E_AT": "127.0.0.1:4"})
    assert done.returncode == 1 and "oops" in done.stderr
    assert run_tool("validate", "--config", f"file:{a}", "--config", "yaml:receivers::otlp::protocols::grpc::endpoint: 127.0.0.1:9")


def test_check_passes_and_says_what_it_did(tmp_path):
    done = run_tool("run", "--check", timeout=60)
    assert "check passed" in done.stdout
    for signal_name in ("traces", "metrics", "logs"):
        assert done.stdout.count(signal_name) >= 3  # over gRPC, over HTTP, delivered
    assert "byte for byte" in done.stdout
    done = run_tool("run", "--check", "--config", write(tmp_path, MINIMAL))
    assert "check passed" in done.stdout and "metrics" not in done.stdout


def test_default_configuration_archives(tmp_path):
    ports = harness.free_ports(4)
    sets = ["receivers.otlp.protocols.grpc.endpoint=127.0.0.1:%d" % ports[0],
            "receivers.otlp.protocols.http.endpoint=127.0.0.1:%d" % ports[1],
            "extensions.health_check.endpoint=127.0.0.1:%d" % ports[2]]
    # --set needs a configuration to apply to: the embedded one
    process = subprocess.Popen([BINARY, "run", *sum((["--set", s] for s in sets), []),
                                "--set", "service.telemetry.metrics.readers=[]"],
                               cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    harness.wait_until(lambda: can_connect(ports[2]), 10)
    assert harness.http_post(ports[1], "/v1/logs", sample("logs", 5))[0] == 200
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert process.returncode == 0
    assert (tmp_path / "sluice-data" / "logs.binpb").stat().st_size > 100


def can_connect(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).status == 200
    except OSError:
        return False


def test_a_port_in_use_is_an_error_with_its_name(gateway, grpc_backend, tmp_path):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    done = run_tool("run", "--config", g.path, check=False, timeout=20)
    assert done.returncode == 1
    assert f"127.0.0.1:{g.grpc}" in done.stderr and "in use" in done.stderr


def test_health_and_metrics_as_the_collector_names_them(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    harness.http_post(g.http, "/v1/traces", sample("traces", 7))
    harness.grpc_call(g.grpc, "logs", sample("logs", 3))
    grpc_backend.wait_for(2)
    m = harness.wait_until(lambda: (lambda m: m if total(m, "otelcol_exporter_sent_log_records") else None)(g.metrics()))
    assert total(m, "otelcol_receiver_accepted_spans", receiver="otlp", transport="http") == 7
    assert total(m, "otelcol_receiver_accepted_log_records", receiver="otlp", transport="grpc") == 3
    assert total(m, "otelcol_exporter_sent_spans", exporter="otlp_grpc") == 7
    assert total(m, "otelcol_exporter_queue_capacity", exporter="otlp_grpc") == 1000
    for name in ("otelcol_process_uptime", "otelcol_process_cpu_seconds", "otelcol_process_memory_rss", "target_info",
                 "sluice_payload_copied_per_forwarded_byte"):
        assert name in m, name
    status, _, _ = harness.http_post(g.metrics_port, "/metrics", b"")
    assert status == 405


def test_sigterm_in_full_load_delivers_what_was_acknowledged(gateway, http_backend):
    from conftest import otlp_http
    import threading

    g = gateway({"otlp_http": otlp_http(http_backend)})
    acknowledged, stop = [], threading.Event()

    def send(worker):
        i = 0
        while not stop.is_set():
            body = sample("logs", 20, f"{worker}-{i}")
            try:
                if harness.http_post(g.http, "/v1/logs", body, timeout=5)[0] == 200:
                    acknowledged.append(body)
            except OSError:
                pass
            i += 1

    threads = [threading.Thread(target=send, args=(w,)) for w in range(6)]
    for t in threads:
        t.start()
    time.sleep(1)
    g.process.send_signal(signal.SIGTERM)
    assert g.process.wait(20) == 0
    stop.set()
    for t in threads:
        t.join()
    got = {r.body for r in http_backend.received}
    missing = [b for b in acknowledged if b not in got]
    assert len(acknowledged) > 20
    assert not missing, f"{len(missing)} of {len(acknowledged)} acknowledged requests were lost"


def test_stopping_reports_what_could_not_be_delivered(gateway):
    (dead,) = harness.free_ports(1)
    g = gateway({"otlp_grpc": {"endpoint": f"127.0.0.1:{dead}", "tls": {"insecure": True}}}, args=["--grace", "1"])
    for _ in range(5):
        assert harness.http_post(g.http, "/v1/logs", sample("logs", 10))[0] == 200
    start = time.monotonic()
    out = g.stop(timeout=10)
    assert time.monotonic() - start < 4
    assert "5 requests" in out and "50 items" in out
