"""The gateway as an operator runs it: terminals, signals, ports, sockets, queues that fill, disks that are full."""
import concurrent.futures
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import pty
import re
import resource
import signal
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request

import grpc
import harness
import pytest
import yaml
from conftest import otlp_grpc, otlp_http
from harness import BINARY, free_ports, grpc_call, http_post, run_tool, sample, total


def dead_backend():
    (port,) = free_ports(1)
    return {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True}, "compression": "none"}


def default_on(ports):
    """The embedded configuration, moved to ports of our own."""
    return sum((["--set", s] for s in (
        f"receivers.otlp.protocols.grpc.endpoint=127.0.0.1:{ports[0]}",
        f"receivers.otlp.protocols.http.endpoint=127.0.0.1:{ports[1]}",
        f"extensions.health_check.endpoint=127.0.0.1:{ports[2]}",
        "service.telemetry.metrics.readers=[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d}}}}]" % ports[3],
    )), [])


def get(port, path="/", timeout=2):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout) as answer:
        return answer.status, answer.read().decode()


def is_up(port):
    with contextlib.suppress(OSError):
        return get(port)[0] == 200


def test_the_rate_line_and_the_log_share_a_terminal(tmp_path):
    ports = free_ports(4)
    master, terminal = pty.openpty()
    process = subprocess.Popen([BINARY, "run", *default_on(ports)], cwd=tmp_path, stderr=terminal, stdout=terminal)
    os.close(terminal)
    output = bytearray()

    def read():
        with contextlib.suppress(OSError):
            while chunk := os.read(master, 4096):
                output.extend(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    harness.wait_until(lambda: is_up(ports[2]))
    harness.wait_until(lambda: b"spans 0/s" in output, what="the rate line")
    assert http_post(ports[1], "/v1/logs", sample("logs", 50))[0] == 200
    harness.wait_until(lambda: re.search(rb"logs \d\d/s", output), what="a rate")
    process.send_signal(signal.SIGHUP)
    harness.wait_until(lambda: b"SIGHUP" in output)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    reader.join(5)
    os.close(master)
    text = output.decode()
    # What a terminal shows: text that was erased is gone.
    shown = [line.rpartition("\x1b[K")[2] for line in text.replace("\r\n", "\n").split("\n")]
    for line in shown:
        line = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", line)
        assert not line or re.match(r"\d{4}-\d\d-\d\dT", line), f"mixed with something else: {line!r}"
    assert "default configuration" in text and "./sluice-data/logs.binpb" in text


def test_the_log_says_where_it_listens_and_where_everything_goes(gateway, grpc_backend):
    g = gateway({"otlp_grpc/a": otlp_grpc(grpc_backend), "otlp_http/b": {"endpoint": "http://127.0.0.1:9"}})
    out = g.stop()
    for words in (f"OTLP over gRPC on 127.0.0.1:{g.grpc}", f"OTLP over HTTP on 127.0.0.1:{g.http}",
                  f"sends OTLP over gRPC to {grpc_backend.endpoint}, identity", "sends OTLP over HTTP to 127.0.0.1:9, gzip",
                  f"http://127.0.0.1:{g.health}/", f"http://127.0.0.1:{g.metrics_port}/metrics",
                  "stopped; everything acknowledged was delivered"):
        assert words in out, out


@pytest.mark.parametrize("arguments", [["frobnicate"], ["run", "--bogus"], ["run", "--grace", "-1"], ["run", "--shards", "x"],
                                       ["load"], ["validate", "--config"]])
def test_usage_errors_exit_with_1(arguments):
    done = run_tool(*arguments, check=False)
    assert done.returncode == 1 and done.stderr


def test_error_messages_say_things_once(tmp_path):
    done = run_tool("run", "--config", "yaml:" + "{receivers: {otlp: {protocols: {grpc: }}}, exporters: {file: {path: /nonexistent/x, "
                    "format: proto}}, service: {telemetry: {metrics: {level: none}}, pipelines: {logs: {receivers: [otlp], exporters: [file]}}}}",
                    "--set", f"receivers.otlp.protocols.grpc.endpoint=127.0.0.1:{free_ports(1)[0]}", check=False)
    assert done.returncode == 1
    assert "/nonexistent/x: No such file or directory\n" in done.stderr
    assert done.stderr.count("No such file") == 1


def test_admin_ports_in_use_are_errors_with_their_names(gateway, grpc_backend, tmp_path):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    for port, at in ((g.metrics_port, 3), (g.health, 2)):
        ports = free_ports(4)
        ports[at] = port
        done = run_tool("run", *default_on(ports), check=False, timeout=20)
        assert done.returncode == 1
        assert f"127.0.0.1:{port}" in done.stderr and "in use" in done.stderr


def test_more_exporters_than_a_batch_can_go_to_are_a_configuration_error(tmp_path):
    names = [f"nop/{i}" for i in range(65)]
    body = harness.config(free_ports(4), {n: {} for n in names})
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    done = run_tool("validate", "--config", path, check=False)
    assert done.returncode == 1 and "65 exporters in one pipeline" in done.stderr
    assert re.search(rf"{path}:\d+:\d+: service::pipelines::traces::exporters", done.stderr), done.stderr
    body = harness.config(free_ports(4), {n: {} for n in names[:64]})
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    assert run_tool("validate", "--config", path).returncode == 0


def test_a_receiver_on_a_socket_path_works_with_many_shards(tmp_path):
    inlet, outlet = tmp_path / "in.sock", tmp_path / "out.sock"
    config = {"receivers": {"otlp": {"protocols": {"grpc": {"endpoint": str(inlet), "transport": "unix"}}}},
              "exporters": {"otlp_grpc": {"endpoint": f"unix://{outlet}", "tls": {"insecure": True}}},
              "service": {"telemetry": {"metrics": {"level": "none"}},
                          "pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["otlp_grpc"]}}}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    report = tmp_path / "sink.json"
    sink = subprocess.Popen([BINARY, "sink", "--grpc", f"unix:{outlet}", "--look", "verify", "-q", "--json", report],
                            stderr=subprocess.DEVNULL)
    harness.wait_until(outlet.exists)
    gate = subprocess.Popen([BINARY, "run", "--config", path, "--shards", "3"])
    harness.wait_until(inlet.exists)
    assert run_tool("run", "--config", path, check=False).returncode == 1  # the path is taken
    run_tool("load", f"unix:{inlet}", "--signals", "logs", "--items", "100", "--rate", "10k", "--duration", "1s", "-q")
    gate.send_signal(signal.SIGTERM)
    assert gate.wait(15) == 0
    assert not inlet.exists()
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(10) == 0
    assert harness.load_json(report)["received_items"]["items"] >= 5000


def test_target_info_follows_the_resource(gateway, grpc_backend, tmp_path):
    def labels(settings):
        ports = free_ports(4)
        body = harness.config(ports, {"nop": {}})
        body["service"]["telemetry"]["resource"] = settings
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(body))
        process = subprocess.Popen([BINARY, "run", "--config", path], stderr=subprocess.DEVNULL)
        harness.wait_until(lambda: is_up(ports[2]))
        m = harness.parse_metrics(get(ports[3], "/metrics")[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        return dict(next(iter(m["target_info"])))

    usual = labels({})
    assert usual["service_name"] == "sluice" and "service_version" in usual
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", usual["service_instance_id"])
    own = labels({"service.name": "edge", "service.instance.id": None, "team.name": "a b"})
    assert own["service_name"] == "edge" and own["team_name"] == "a b"
    assert "service_instance_id" not in own
    assert "service_name" not in labels({"service.name": None})


def test_names_of_metrics_have_no_suffix_and_who_asks_for_one_is_told(tmp_path, gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    assert not [n for n in g.metrics() if n.endswith("_total")]
    prometheus = "{host: 127.0.0.1, port: 8888, without_type_suffix: false}"
    done = run_tool("validate", "--set", "service.telemetry.metrics.readers=[{pull: {exporter: {prometheus: %s}}}]" % prometheus)
    assert "without_type_suffix" in done.stderr and "warning" in done.stderr


def test_in_flight_counts_what_waits_to_be_tried_again(gateway):
    g = gateway({"otlp_grpc": {**dead_backend(), "sending_queue": {"num_consumers": 2}}}, args=["--grace", "0"])
    for _ in range(5):
        assert http_post(g.http, "/v1/logs", sample("logs", 1))[0] == 200
    # At least one consumer per shard, however few are asked for.
    m = harness.wait_until(lambda: (lambda m: m if total(m, "otelcol_exporter_in_flight_requests") else None)(g.metrics()))
    assert 1 <= total(m, "otelcol_exporter_in_flight_requests", exporter="otlp_grpc") <= max(2, os.cpu_count())
    assert total(m, "otelcol_exporter_queue_size", exporter="otlp_grpc") == 5


def test_the_last_line_does_not_hide_what_a_backend_refused(gateway, http_backend):
    http_backend.answer = lambda _: (400, {})
    g = gateway({"otlp_http": otlp_http(http_backend)})
    assert http_post(g.http, "/v1/logs", sample("logs", 7))[0] == 200
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_send_failed_log_records") == 7)
    out = g.stop()
    assert "7 items were given up or refused for good" in out and "everything acknowledged" not in out


def test_scraping_from_the_first_to_the_last_moment_is_safe(tmp_path):
    """The admin port appears when all shards are there, and goes before the first of them does."""
    for _ in range(8):
        ports = free_ports(4)
        process = subprocess.Popen([BINARY, "run", *default_on(ports), "--shards", "8"], cwd=tmp_path,
                                   stderr=subprocess.PIPE, text=True)
        ended, scraped = threading.Event(), [0]

        def scrape(port=ports[3], ended=ended, scraped=scraped):
            while not ended.is_set():
                with contextlib.suppress(OSError, ValueError):
                    assert "otelcol_process_uptime" in get(port, "/metrics")[1]
                    scraped[0] += 1

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            work = [pool.submit(scrape) for _ in range(3)]
            harness.wait_until(lambda: scraped[0] > 20, what="scrapes")
            process.send_signal(signal.SIGTERM)
            code = process.wait(15)
            ended.set()
            for w in work:
                w.result()
        assert code == 0, process.stderr.read()


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.02, 0.05])
def test_sigterm_while_starting_stops_it(tmp_path, delay):
    for _ in range(3):
        process = subprocess.Popen([BINARY, "run", *default_on(free_ports(4))], cwd=tmp_path, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGTERM)
        # Before main() has its handlers the signal ends the process as any other.
        assert process.wait(10) in (0, -signal.SIGTERM)


def test_a_second_sigterm_does_not_wait_for_the_queues(gateway):
    g = gateway({"otlp_grpc": dead_backend()}, args=["--grace", "60"])
    for _ in range(3):
        assert http_post(g.http, "/v1/logs", sample("logs", 10))[0] == 200
    g.process.send_signal(signal.SIGTERM)
    harness.wait_until(lambda: "stopping:" in g.output())
    assert g.process.poll() is None
    out = g.stop(timeout=5)
    assert "stopping at once" in out and "3 requests with 30 items" in out


def test_wait_for_result_answers_with_the_backends_answer(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend, sending_queue={"wait_for_result": True})})
    grpc_backend.answer = lambda r: (grpc.StatusCode.INVALID_ARGUMENT, ()) if b"bad" in r.raw else None
    assert grpc_call(g.grpc, "logs", sample("logs", 1, "good")) == b""
    with pytest.raises(grpc.RpcError) as error:
        grpc_call(g.grpc, "logs", sample("logs", 1, "bad"))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert http_post(g.http, "/v1/logs", sample("logs", 1, "bad"))[0] == 400


def test_without_a_queue_the_client_gets_the_backends_answer(gateway, http_backend):
    g = gateway({"otlp_http": otlp_http(http_backend, sending_queue={"enabled": False}, retry_on_failure={"enabled": False})})
    assert http_post(g.http, "/v1/logs", sample("logs", 1))[0] == 200
    http_backend.answer = lambda _: (503, {})
    status, fields, _ = http_post(g.http, "/v1/logs", sample("logs", 1))
    assert status == 503 and "retry-after" in fields


def test_block_on_overflow_makes_clients_wait(gateway, http_backend):
    gate = threading.Event()
    http_backend.answer = lambda _: gate.wait(20) and None
    g = gateway({"otlp_http": otlp_http(http_backend, sending_queue={"block_on_overflow": True, "queue_size": 2})})
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        posts = [pool.submit(http_post, g.http, "/v1/logs", sample("logs", 1, str(i)), None, 30) for i in range(6)]
        time.sleep(1)
        answered = sum(p.done() for p in posts)
        gate.set()
        assert [p.result()[0] for p in posts] == [200] * 6
    assert answered == 2, "two fit into the queue"
    http_backend.wait_for(6)


@pytest.mark.parametrize("sizer, size", [("items", 25), ("bytes", 4000)])
def test_queues_are_bounded_in_units_of_their_sizer(gateway, sizer, size):
    g = gateway({"otlp_grpc": {**dead_backend(), "sending_queue": {"sizer": sizer, "queue_size": size}}}, args=["--grace", "0"])
    body = sample("logs", 10)
    fit = size // (10 if sizer == "items" else len(body))
    assert fit > 0
    answers = [http_post(g.http, "/v1/logs", body)[0] for _ in range(fit + 2)]
    assert answers == [200] * fit + [503] * 2
    m = g.metrics()
    assert total(m, "otelcol_exporter_queue_size") == fit * (10 if sizer == "items" else len(body))
    assert total(m, "otelcol_exporter_queue_capacity") == size
    assert total(m, "otelcol_exporter_enqueue_failed_log_records") == 20


def test_batches_are_split_at_the_maximum(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)},
                processors={"batch": {"send_batch_size": 100, "send_batch_max_size": 100, "timeout": "300ms"}},
                pipeline_processors=["batch"])
    for i in range(7):
        assert http_post(g.http, "/v1/logs", sample("logs", 50, str(i)))[0] == 200

    def items():
        return sum(len(s.log_records) for r in grpc_backend.received for x in r.message().resource_logs for s in x.scope_logs)

    harness.wait_until(lambda: items() == 350)
    for r in grpc_backend.received:
        assert sum(len(s.log_records) for x in r.message().resource_logs for s in x.scope_logs) <= 100
    m = g.metrics()
    assert total(m, "otelcol_processor_batch_batch_send_size_sum") == 350


@pytest.mark.parametrize("shape", [{"processors": {"batch": {"timeout": "50ms"}}, "pipeline_processors": ["batch"]}, {}])
def test_what_has_to_be_inflated_is_inflated_once(gateway, http_backend, tmp_path, shape):
    g = gateway({"otlp_http": otlp_http(http_backend), "file": {"path": str(tmp_path / "x.binpb"), "format": "proto"}}
                if not shape else {"otlp_http": otlp_http(http_backend)}, **shape)
    for i in range(10):
        body = harness.encode(sample("logs", 20, str(i)), "gzip")
        assert http_post(g.http, "/v1/logs", body, {"Content-Encoding": "gzip"})[0] == 200
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_sent_log_records", exporter="otlp_http") == 200)
    assert total(g.metrics(), "sluice_inflates") == 10


def test_the_file_exporter_rotates_and_keeps_every_record(gateway, tmp_path):
    folder = tmp_path / "archive"
    g = gateway({"file": {"path": str(folder / "all.binpb"), "format": "proto", "create_directory": True,
                          "rotation": {"max_megabytes": 1, "max_backups": 10}}}, signals=("logs",))
    bodies = [sample("logs", 200, f"r{i}", 1000) for i in range(20)]
    for body in bodies:
        assert http_post(g.http, "/v1/logs", body)[0] == 200
    g.stop()
    files = list(folder.iterdir())
    assert len(files) >= 3
    records = []
    for path in files:
        raw = path.read_bytes()
        assert len(raw) <= (1 << 20)
        while raw:
            (size,) = struct.unpack(">I", raw[:4])
            records.append(raw[4:4 + size])
            raw = raw[4 + size:]
    assert sorted(records) == sorted(bodies)


def test_a_disk_that_is_full_is_the_clients_to_know(tmp_path):
    ports = free_ports(4)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(harness.config(ports, {"file": {"path": "out.binpb", "format": "proto"}})))
    process = subprocess.Popen([BINARY, "run", "--config", "config.yaml"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    harness.wait_until(lambda: is_up(ports[2]))
    body = sample("logs", 100, "disk", 200)
    answers = [http_post(ports[1], "/v1/logs", body)[0] for _ in range(20)]
    taken = answers.count(200)
    assert 0 < taken < 20 and set(answers[taken:]) == {503}
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=15)
    assert process.returncode == 0
    assert log.count("a record was not written: File too large") in range(1, 1 + os.cpu_count())  # not once per request
    raw = (tmp_path / "out.binpb").read_bytes()
    assert raw == (struct.pack(">I", len(body)) + body) * taken  # no torn record at the end


def test_three_dead_backends_leave_the_fourth_alone(gateway, grpc_backend):
    g = gateway({"otlp_grpc/a": dead_backend(), "otlp_grpc/b": {**dead_backend(), "endpoint": "nowhere.invalid:4317"},
                 "otlp_http/c": {"endpoint": "http://127.0.0.1:9"}, "otlp_grpc/d": otlp_grpc(grpc_backend)}, args=["--grace", "0.5"])
    for i in range(50):
        assert http_post(g.http, "/v1/logs", sample("logs", 2, str(i)))[0] == 200
    assert len(grpc_backend.wait_for(50)) == 50
    out = g.stop()
    assert len(out.splitlines()) < 40, out  # 50 requests to 3 dead backends: a line now and then
    for name in ("otlp_grpc/a", "otlp_grpc/b", "otlp_http/c"):
        assert re.search(rf"{name}\tnot delivered: 50 requests with 100 items", out), out
    assert "otlp_grpc/d\tnot" not in out


# ---- SIGHUP: the configuration is read again -------------------------------------------------------------------------


def reload_with(g, change):
    """Changes the configuration file and reloads; returns what the log says about it."""
    all_of_it = yaml.safe_load(g.path.read_text())
    change(all_of_it)
    g.path.write_text(yaml.safe_dump(all_of_it, sort_keys=False))
    before = len(g.output())
    g.process.send_signal(signal.SIGHUP)
    harness.wait_until(lambda: "SIGHUP" in g.output()[before:], what="the reload")
    time.sleep(0.3)  # the shards are told right after
    return g.output()[before:]


def test_a_reload_changes_headers_without_dropping_a_connection(gateway, grpc_backend, http_backend):
    g = gateway({"otlp_grpc/a": otlp_grpc(grpc_backend, headers={"x-tenant": "one"}),
                 "otlp_http/b": otlp_http(http_backend, headers={"x-tenant": "one"})})
    connection = http.client.HTTPConnection("127.0.0.1", g.http, timeout=10)
    connection.connect()
    own_end = connection.sock

    def send(tag):
        connection.request("POST", "/v1/logs", sample("logs", 3, tag), {"Content-Type": "application/x-protobuf"})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read() is not None
        assert connection.sock is own_end

    send("before")
    for backend in (grpc_backend, http_backend):
        backend.wait_for(1)

    def change(c):
        for exporter in c["exporters"].values():
            exporter["headers"] = {"x-tenant": "two", "x-more": "yes"}

    said = reload_with(g, change)
    assert "changed: exporters.otlp_grpc/a.headers, exporters.otlp_http/b.headers" in said
    assert "two" not in said, "a header may be a secret"
    send("after")
    for backend in (grpc_backend, http_backend):
        backend.wait_for(2)
        assert [r.headers["x-tenant"] for r in backend.of("logs")] == ["one", "two"]
    assert "nothing changes" in reload_with(g, lambda c: None)
    connection.close()


def test_a_reload_resizes_queues_and_sets_retries_and_the_log_level(gateway):
    g = gateway({"otlp_grpc": {**dead_backend(), "sending_queue": {"queue_size": 2, "num_consumers": 1}}})
    post = lambda: http_post(g.http, "/v1/logs", sample("logs", 1))[0]
    assert [post(), post(), post()] == [200, 200, 503]

    def change(c):
        c["exporters"]["otlp_grpc"]["sending_queue"]["queue_size"] = 4
        c["exporters"]["otlp_grpc"]["retry_on_failure"] = {"enabled": False}
        c["service"]["telemetry"]["logs"] = {"level": "warn"}

    reload_quietly(g, change)
    assert [post(), post()] == [200, 200]
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_queue_size") == 0, 30, "retries were switched off")


def reload_quietly(g, change):
    """The same where the log level may hide the message: waits for the metric instead."""
    all_of_it = yaml.safe_load(g.path.read_text())
    change(all_of_it)
    g.path.write_text(yaml.safe_dump(all_of_it, sort_keys=False))
    g.process.send_signal(signal.SIGHUP)
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_queue_capacity") >= 4, what="the reload")
    return g.output()


def test_a_reload_that_fails_says_where_and_changes_nothing(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend, headers={"x-tenant": "one"})})

    def change(c):
        c["exporters"]["otlp_grpc"]["headers"] = {"x-tenant": "two"}
        c["exporters"]["otlp_grpc"]["timeouts"] = "1s"

    said = reload_with(g, change)
    assert "the one that runs stays as it is" in said
    line = 1 + next(n for n, text in enumerate(g.path.read_text().splitlines()) if "timeouts" in text)
    assert f"config.yaml:{line}:" in said and "timeout" in said, said
    g.path.unlink()
    g.process.send_signal(signal.SIGHUP)
    harness.wait_until(lambda: g.output().count("stays as it is") == 2, what="the missing file")
    assert http_post(g.http, "/v1/logs", sample("logs", 3))[0] == 200
    grpc_backend.wait_for(1)
    assert grpc_backend.of("logs")[0].headers["x-tenant"] == "one"


def test_what_needs_a_restart_is_named_and_goes_on_as_it_was(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})

    def change(c):
        c["exporters"]["otlp_grpc"]["endpoint"] = "127.0.0.1:9"
        c["exporters"]["otlp_grpc"]["timeout"] = "7s"
        c["receivers"]["otlp"]["protocols"]["http"]["endpoint"] = "127.0.0.1:9"

    said = reload_with(g, change)
    assert "changed: exporters.otlp_grpc.timeout" in said
    assert "exporters.otlp_grpc.endpoint needs a restart to change" in said
    assert "receivers.otlp.protocols.http.endpoint needs a restart to change" in said
    assert http_post(g.http, "/v1/logs", sample("logs", 3))[0] == 200
    grpc_backend.wait_for(1)


def test_a_hangup_never_ends_the_gateway_not_even_in_its_first_milliseconds(tmp_path):
    ports = free_ports(4)
    process = subprocess.Popen([BINARY, "run", *default_on(ports)], cwd=tmp_path, stderr=subprocess.PIPE)
    # As soon as it is the program at all: before exec() it is still Python, with Python's handlers.
    harness.wait_until(lambda: os.path.basename(os.readlink(f"/proc/{process.pid}/exe")) == os.path.basename(BINARY))
    harness.wait_until(lambda: int(next(line for line in open(f"/proc/{process.pid}/status") if line.startswith("SigCgt")).split()[1], 16) & 1)
    for _ in range(50):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.002)
    harness.wait_until(lambda: is_up(ports[2]))
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert b"SIGHUP" in said, "what came early is made up for"


class stopped_thread:
    """Stops one thread of a process, as a bug that never ends would."""

    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, pid, name):
        tasks = pathlib.Path(f"/proc/{pid}/task")
        self.tid = next(int(t.name) for t in tasks.iterdir() if (t / "comm").read_text().strip() == name)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(self, request):
        if self.libc.ptrace(request, self.tid, None, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self):
        try:
            self.ptrace(self.SEIZE)
        except PermissionError as denied:
            pytest.skip(f"this system does not let a parent stop a thread of its child: {denied}")
        self.ptrace(self.INTERRUPT)
        os.waitpid(self.tid, self.WALL)
        return self

    def __exit__(self, *_):
        self.ptrace(self.DETACH)


def test_a_worker_thread_that_hangs_makes_the_health_check_say_no(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)}, args=["--shards", "3"])

    def health():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{g.health}/", timeout=5) as page:
                return page.status, json.load(page)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    assert health() == (200, {"status": "Server available"})
    with stopped_thread(g.process.pid, "sluice2"):
        harness.wait_until(lambda: health()[0] == 503, 20, "the health check says no")
        status, page = health()
        assert page["status"] == "Server not available"
        assert re.fullmatch(r"shard 2 has not answered for \d+ s", page["reason"]), page
        assert g.metrics()  # the first shard answers
    harness.wait_until(lambda: health()[0] == 200, 20, "the health check says yes again")
    out = g.stop()
    assert "shard 2 has not answered for" in out and "shard 2 answers again" in out
