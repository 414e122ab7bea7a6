"""`sluice load --replay`: archives that the `file` exporter wrote are sent again, and what arrives is what was archived."""
import json
import signal
import struct
import subprocess

import pytest
from conftest import otlp_grpc
from harness import BINARY, REQUEST, SIGNALS, free_ports, http_post, load_json, run_tool, sample, wait_until

ARCHIVE = {"format": "proto", "create_directory": True}


def archived(gateway, path, bodies, **more):
    """A gateway takes these (signal, body) and archives them; returns when it has stopped."""
    g = gateway({"file": {"path": str(path), **ARCHIVE, **more}})
    for name, body in bodies:
        assert http_post(g.http, f"/v1/{name}", body)[0] == 200
    g.stop()


def some_of_each(count=4):
    return [(s, sample(s, 3 + i, f"{s}{i}", 40 * i)) for i in range(count) for s in SIGNALS]


def replay(target, *paths, check=True, **options):
    """Replays in order, one request at a time unless told otherwise; returns the JSON report."""
    options = {"connections": 1, "in_flight": 1, "json": "-", **options}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    done = run_tool("load", target, "--quiet", *flags, "--replay", *paths, check=check)
    return json.loads(done.stdout) if check else done


def received(backend, name):
    return [r.body for r in backend.of(name)]


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("coding", ["none", "gzip", "zstd"])
def test_every_field_arrives_as_it_was_archived(gateway, http_backend, tmp_path, compression, coding):
    bodies = some_of_each()
    archived(gateway, tmp_path / "all.binpb", bodies, compression=compression)
    report = replay(http_backend.endpoint.removeprefix("http://"), tmp_path / "all.binpb", protocol="http", compression=coding)
    assert [(r.signal, r.body) for r in http_backend.received] == bodies
    assert {r.coding for r in http_backend.received} == {"identity" if coding == "none" else coding}
    for name in SIGNALS:
        whole = REQUEST[name]()
        for s, body in bodies:
            if s == name:
                whole.MergeFromString(body)
        assert http_backend.merged(name) == whole
    items = sum(3 + i for i in range(4))
    assert report["complete"] and report["total"]["items_acknowledged"] == 3 * items
    assert report["replay"] == {"files": 1, "requests": 12, "items": 3 * items, "repeat": 1, "cut_bytes": 0}
    assert {s: t["items_acknowledged"] for s, t in report["signals"].items()} == dict.fromkeys(SIGNALS, items)
    if compression == coding == "zstd":  # sent as they lie
        raw = (tmp_path / "all.binpb").read_bytes()
        assert raw == b"".join(struct.pack(">I", len(r.raw)) + r.raw for r in http_backend.received)


def test_over_grpc_and_through_a_gateway(gateway, grpc_backend, tmp_path):
    bodies = some_of_each()
    for name in SIGNALS:
        archived(gateway, tmp_path / f"{name}.binpb", [b for b in bodies if b[0] == name])
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    files = [tmp_path / f"{s}.binpb" for s in SIGNALS]
    report = replay(f"127.0.0.1:{g.grpc}", *files, compression="gzip", connections=3, in_flight=4, repeat=5)
    assert report["complete"] and report["total"]["requests"] == 60
    grpc_backend.wait_for(60)
    for name in SIGNALS:
        assert sorted(received(grpc_backend, name)) == sorted([b for s, b in bodies if s == name] * 5)


def requests_with_little_in_them():
    """Of each signal, as little as a sender may send: the official classes wrote the bytes."""
    found = []
    for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary"):
        r = REQUEST["metrics"]()
        metric = r.resource_metrics.add().scope_metrics.add().metrics.add(name="sixteen.letters!", description="eight...")
        getattr(metric, kind).data_points.add()
        found.append(("metrics", r))
    for fields in ({"time_unix_nano": 1}, {"observed_time_unix_nano": 1}, {"severity_number": 9}, {"flags": 1, "event_name": "e"}):
        r = REQUEST["logs"]()
        r.resource_logs.add().scope_logs.add().log_records.add(**fields)
        found.append(("logs", r))
    for fields in ({"start_time_unix_nano": 1}, {"end_time_unix_nano": 1}, {"kind": 1}, {"trace_id": bytes(range(16)), "span_id": b"\xff" * 8}):
        r = REQUEST["traces"]()
        r.resource_spans.add().scope_spans.add().spans.add(name="n", **fields)
        found.append(("traces", r))
    return [(s, r.SerializeToString()) for s, r in found]


def write_archive(path, bodies, end=b""):
    path.write_bytes(b"".join(struct.pack(">I", len(b)) + b for b in bodies) + end)
    return path


def test_the_signal_of_each_request_is_told_from_its_fields(http_backend, tmp_path):
    bodies = requests_with_little_in_them()
    path = write_archive(tmp_path / "mixed", [b for _, b in bodies])
    report = replay(http_backend.endpoint.removeprefix("http://"), path, protocol="http")
    assert [(r.signal, r.body) for r in http_backend.received] == bodies
    assert report["total"]["items"] == len(bodies)


def test_where_nothing_tells_the_operator_says(http_backend, tmp_path):
    target = http_backend.endpoint.removeprefix("http://")
    path = write_archive(tmp_path / "x", [b"\x0a\x00"])  # one resource, no items
    refused = replay(target, path, protocol="http", check=False)
    assert refused.returncode == 1
    assert f"{path}: nothing tells which signal this request is: name it with --signal, at byte 4" in refused.stderr
    replay(target, path, protocol="http", signal="logs")
    named = write_archive(tmp_path / "traces.binpb", [b"\x0a\x00"])
    replay(target, named, protocol="http")
    assert [(r.signal, r.body) for r in http_backend.received] == [("logs", b"\x0a\x00"), ("traces", b"\x0a\x00")]


def test_an_archive_that_a_crash_cut_off(http_backend, tmp_path):
    target = http_backend.endpoint.removeprefix("http://")
    body = sample("logs", 5)
    path = write_archive(tmp_path / "cut", [body, body], struct.pack(">I", 1000) + b"not all of it")
    done = replay(target, path, protocol="http", check=False)
    assert done.returncode == 2
    place = 2 * (len(body) + 4)
    assert f"{path}: ends inside of the record at byte {place}: its 17 bytes are left out" in done.stderr
    report = json.loads(done.stdout)
    assert report["replay"]["cut_bytes"] == 17 and not report["complete"]
    assert report["total"]["acknowledged"] == 2
    assert received(http_backend, "logs") == [body, body]


def test_what_cannot_be_replayed_is_said_before_anything_is_sent(http_backend, tmp_path):
    target = http_backend.endpoint.removeprefix("http://")
    good = write_archive(tmp_path / "good", [sample("logs", 1)])
    size = good.stat().st_size

    def complaint(*paths, **options):
        done = replay(target, *paths, protocol="http", check=False, **options)
        assert done.returncode == 1, done.stderr
        return done.stderr

    (tmp_path / "json").write_text('{"resourceLogs": []}\n' * 10)
    (tmp_path / "empty").write_bytes(b"")
    write_archive(tmp_path / "noise", [sample("logs", 1), b"\x07noise"])
    assert "json: JSON (format: json); only format: proto can be sent again" in complaint(good, tmp_path / "json")
    assert "empty: nothing to send" in complaint(tmp_path / "empty")
    assert f"noise: not an OTLP request in protobuf, at byte {size + 4}" in complaint(good, tmp_path / "noise", signal="logs")
    assert f"{tmp_path}: only regular files are mapped" in complaint(good, tmp_path)
    assert "nowhere: No such file or directory\n" in complaint(good, tmp_path / "nowhere")
    assert "--trace-items: does not go with --replay" in complaint(good, trace_items="on")
    assert "--items: does not go with --replay" in complaint(good, items=5)
    assert http_backend.received == []
    done = replay(target, tmp_path / "empty", good, protocol="http", check=False)
    assert done.returncode == 0 and "empty: empty\n" in done.stderr


def test_what_the_sink_wrote_is_replayed_for_a_while_at_a_rate(tmp_path):
    port, again = free_ports(2)
    folder, more = tmp_path / "written", tmp_path / "again"

    def sink(port, into):
        into.mkdir()
        process = subprocess.Popen([BINARY, "sink", "--grpc", f"127.0.0.1:{port}", "--quiet", "--write", into,
                                    "--json", into / "report.json"], stderr=subprocess.PIPE, text=True)
        wait_until(lambda: "listens" in process.stderr.readline(), what="sink is up")
        return process

    def end(process, into):
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        return load_json(into / "report.json")

    first = sink(port, folder)
    run_tool("load", f"127.0.0.1:{port}", "--quiet", "--signals", "traces,metrics,logs", "--items", 100, "--requests", 30)
    assert end(first, folder)["total"]["items"] == 3000
    files = sorted(folder.glob("*.otlp"))
    assert [f.name for f in files] == ["logs-0.otlp", "metrics-0.otlp", "traces-0.otlp"]

    second = sink(again, more)
    report = replay(f"127.0.0.1:{again}", *files, duration="1s", rate="20k", in_flight=8)
    assert 150 <= report["total"]["requests"] <= 210  # 200 are due in a second
    assert end(second, more)["total"]["items"] == report["total"]["items_acknowledged"]
    replayed = (more / "logs-0.otlp").read_bytes()
    assert replayed.startswith((folder / "logs-0.otlp").read_bytes())
