"""Sluice beside the Collector itself: as its client, as its backend, and in its place with the same config.yaml.

What arrives is decoded by the official protobuf classes and compared as messages. otelcol decodes and encodes again,
so fields that no schema knows end there; everything else must come through equal, once per exporter.
"""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import grpc
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import harness  # noqa: E402
from harness import HTTP_PATH, SIGNALS, encode, grpc_call, http_post, total, wait_until  # noqa: E402

OTELCOL = pathlib.Path(os.environ.get("OTELCOL_BINARY", ROOT / "build/peers/otelcol"))
pytestmark = pytest.mark.skipif(not OTELCOL.exists(), reason="no build/peers/otelcol: tests/peers/build-otelcol builds it")

GROUP = bytes.fromhex("d33e0801d43e")  # ends every sample: a field of the group kind that no schema knows

CODINGS = ["none", "gzip", "zstd", "snappy"]
SOON = {"initial_interval": "50ms", "max_interval": "100ms", "randomization_factor": 0, "max_elapsed_time": "30s"}


def sample(*what):
    """harness.sample() without its group: otelcol 0.164 takes unknown fields, but calls those malformed."""
    body = harness.sample(*what)
    assert body.endswith(GROUP)
    return body.removesuffix(GROUP)


class Collector:
    """Sluice or otelcol as a process, with a configuration in the Collector's format."""

    def __init__(self, command, config_path, ports):
        self.log_path = config_path.with_suffix(".log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*command, "--config", config_path], stdout=log, stderr=log,
                                            cwd=config_path.parent)
        try:
            wait_until(lambda: all(map(self.listens, ports)), 30, "collector is up")
        except AssertionError as error:
            self.process.kill()
            raise AssertionError(f"{error}\n{self.output()}") from None

    def listens(self, port):
        assert self.process.poll() is None, f"ended with {self.process.returncode}\n{self.output()}"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        return False

    def output(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.output()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            print(self.output()[-4000:])
            self.process.kill()
            self.process.wait()


def collector_config(grpc_port, http_port, exporters, processors=None):
    """What both programs take: nothing in it is ours."""
    return {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{grpc_port}"},
                                             "http": {"endpoint": f"127.0.0.1:{http_port}"}}}},
        "processors": processors or {},
        "exporters": exporters,
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {s: {"receivers": ["otlp"], "processors": list(processors or {}),
                              "exporters": list(exporters)} for s in SIGNALS},
        },
    }


def start(command, folder, exporters, **more):
    """(collector, gRPC port, HTTP port)"""
    ports = harness.free_ports(2)
    path = folder / f"{pathlib.Path(command[0]).name}-{ports[0]}.yaml"
    path.write_text(yaml.safe_dump(collector_config(*ports, exporters, **more), sort_keys=False))
    return Collector(command, path, ports), *ports


def otelcol(folder, exporters, **more):
    return start([OTELCOL], folder, exporters, **more)


def to_grpc(endpoint, compression="none", **more):
    return {"endpoint": endpoint, "tls": {"insecure": True}, "compression": compression, **more}


def to_http(endpoint, compression="none", **more):
    return {"endpoint": endpoint, "compression": compression, **more}


def known(signal_name, body):
    """A request as a message, without what the schema does not know."""
    message = harness.REQUEST[signal_name]()
    message.ParseFromString(body)
    message.DiscardUnknownFields()
    return message.SerializeToString(deterministic=True)


def requests_to_send():
    """Of each signal: a small, a middling and a large request, all different."""
    return {s: [sample(s, items, f"{s}{items}", padding) for items, padding in ((1, 0), (100, 20), (800, 300))]
            for s in SIGNALS}


def must_have_arrived(backend, sent, times):
    """Each request `times` times and nothing else, in any order."""
    backend.wait_for(times * sum(len(bodies) for bodies in sent.values()), 30)
    time.sleep(0.1)  # for what should not come
    for s, bodies in sent.items():
        assert sorted(known(s, r.body) for r in backend.of(s)) == sorted(known(s, b) for b in bodies * times), s


@pytest.fixture
def backends():
    both = harness.GrpcBackend(), harness.HttpBackend()
    yield both
    for backend in both:
        backend.close()


@pytest.mark.parametrize("coding", CODINGS)
def test_otelcol_takes_all_that_sluice_sends(tmp_path, backends, coding):
    over_grpc, over_http = backends
    behind, grpc_port, http_port = otelcol(
        tmp_path, {"otlp_grpc": to_grpc(over_grpc.endpoint), "otlp_http": to_http(over_http.endpoint)})
    exporters = {"otlp_grpc": to_grpc(f"127.0.0.1:{grpc_port}", coding),
                 "otlp_http": to_http(f"http://127.0.0.1:{http_port}", coding)}
    sent = requests_to_send()
    with behind, harness.Gateway(tmp_path, exporters) as gateway:
        for i, s in enumerate(SIGNALS):
            for body in sent[s]:
                if i % 2 == 0:
                    assert grpc_call(gateway.grpc, s, body) == b""
                else:
                    assert http_post(gateway.http, HTTP_PATH[s], body)[0] == 200
        for backend in backends:  # twice: both exporters of the gateway lead to otelcol, and both of otelcol to us
            must_have_arrived(backend, sent, times=2)
        metrics = gateway.metrics()
        for what, s in (("spans", "traces"), ("metric_points", "metrics"), ("log_records", "logs")):
            assert total(metrics, f"otelcol_exporter_sent_{what}") == 2 * 901, s
            assert total(metrics, f"otelcol_exporter_send_failed_{what}") == 0, s


@pytest.mark.parametrize("coding", CODINGS)
def test_otelcol_takes_coded_bodies_that_sluice_passes_through(tmp_path, backends, coding):
    over_grpc, _ = backends
    behind, grpc_port, http_port = otelcol(tmp_path, {"otlp_grpc": to_grpc(over_grpc.endpoint)})
    exporters = {"otlp_grpc": to_grpc(f"127.0.0.1:{grpc_port}", coding),
                 "otlp_http": to_http(f"http://127.0.0.1:{http_port}", coding)}
    sent = requests_to_send()
    headers = {} if coding == "none" else {"Content-Encoding": coding}
    with behind, harness.Gateway(tmp_path, exporters) as gateway:
        for s in SIGNALS:
            for body in sent[s]:
                assert http_post(gateway.http, HTTP_PATH[s], encode(body, coding), headers)[0] == 200
        must_have_arrived(over_grpc, sent, times=2)


@pytest.mark.parametrize("coding", [*CODINGS, "zlib", "deflate"])
def test_sluice_takes_all_that_otelcol_sends(tmp_path, backends, coding):
    over_grpc, over_http = backends
    exporters = {"otlp_grpc": to_grpc(over_grpc.endpoint), "otlp_http": to_http(over_http.endpoint)}
    with harness.Gateway(tmp_path, exporters) as gateway:
        to_gateway = {"otlp_http": to_http(f"http://127.0.0.1:{gateway.http}", coding)}
        if coding in CODINGS:  # gRPC knows no other
            to_gateway["otlp_grpc"] = to_grpc(f"127.0.0.1:{gateway.grpc}", coding)
        before, grpc_port, http_port = otelcol(tmp_path, to_gateway)
        sent = requests_to_send()
        with before:
            for i, s in enumerate(SIGNALS):
                for body in sent[s]:
                    if i % 2 == 0:
                        grpc_call(grpc_port, s, body)
                    else:
                        assert http_post(http_port, HTTP_PATH[s], body)[0] == 200
            for backend in backends:
                must_have_arrived(backend, sent, times=len(to_gateway))


# -- the same config.yaml ----------------------------------------------------------------------------------------


def grpc_code(port, method, body, **more):
    try:
        grpc_call(port, method, body, **more)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def raw_http(port, request):
    """The status of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            got = s.recv(65536)
            assert got, answer
            answer += got
    return int(answer.split()[1])


def http_request(method, path, headers, body=b""):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}",
             *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


PROTOBUF = {"Content-Type": "application/x-protobuf"}
GOOD = {s: sample(s, 3, "same") for s in SIGNALS}
# Cut inside the length of the first field, so that no decoder can be content.
BAD = b"\x0a\xff\xff"
HTTP_CASES = {
    "good": http_request("POST", "/v1/logs", PROTOBUF, GOOD["logs"]),
    "good gzip": http_request("POST", "/v1/traces", {**PROTOBUF, "Content-Encoding": "gzip"},
                              encode(GOOD["traces"], "gzip")),
    "empty": http_request("POST", "/v1/metrics", PROTOBUF),
    "media type with parameter": http_request("POST", "/v1/logs", {"Content-Type": "application/x-protobuf; a=b"},
                                              GOOD["logs"]),
    "malformed": http_request("POST", "/v1/logs", PROTOBUF, BAD),
    "malformed gzip": http_request("POST", "/v1/logs", {**PROTOBUF, "Content-Encoding": "gzip"}, b"not gzip"),
    "truncated gzip": http_request("POST", "/v1/logs", {**PROTOBUF, "Content-Encoding": "gzip"},
                                   encode(GOOD["logs"], "gzip")[:-9]),
    "unknown coding": http_request("POST", "/v1/logs", {**PROTOBUF, "Content-Encoding": "br"}, GOOD["logs"]),
    "unknown path": http_request("POST", "/v1/nonsense", PROTOBUF, GOOD["logs"]),
    "GET": http_request("GET", "/v1/logs", PROTOBUF),
    "PUT": http_request("PUT", "/v1/logs", PROTOBUF, GOOD["logs"]),
    "media type": http_request("POST", "/v1/logs", {"Content-Type": "text/plain"}, GOOD["logs"]),
    "no media type": http_request("POST", "/v1/logs", {}, GOOD["logs"]),
}
GRPC_CASES = {
    "good": ("logs", GOOD["logs"], {}),
    "good gzip": ("metrics", GOOD["metrics"], {"compression": grpc.Compression.Gzip}),
    "empty": ("traces", b"", {}),
    "unknown service": ("/opentelemetry.proto.collector.nonsense.v1.NonsenseService/Export", b"", {}),
    "unknown method": ("/opentelemetry.proto.collector.logs.v1.LogsService/Import", b"", {}),
    "malformed": ("logs", BAD, {}),
}
# (otelcol, sluice) where ours is meant to be another.
MEANT = {
    # What HTTP says of codings that a server does not know (RFC 9110, 15.5.16).
    "http unknown coding": (400, 415),
    # OTLP wants it for what cannot be decoded; gRPC libraries that decode by themselves say INTERNAL.
    "grpc malformed": ("INTERNAL", "INVALID_ARGUMENT"),
}


def behaviour(command, path, ports, backends):
    """What one program does under this configuration: its answers, and what it delivered."""
    with Collector(command, path, ports):
        answers = {f"http {name}": raw_http(ports[1], request) for name, request in HTTP_CASES.items()}
        answers |= {f"grpc {name}": grpc_code(ports[0], method, body, **more)
                    for name, (method, body, more) in GRPC_CASES.items()}
    delivered = {}
    for backend in backends:
        for s in SIGNALS:
            # The batch processor may join and order as it likes; what is in it may not change.
            resources = [r for item in backend.of(s) for r in harness.REQUEST[s].FromString(item.body).ListFields()[0][1]]
            for r in resources:
                r.DiscardUnknownFields()
            delivered[type(backend).__name__, s] = sorted(r.SerializeToString(deterministic=True) for r in resources)
        backend.received.clear()
    return answers, delivered


def test_the_same_configuration_behaves_alike(tmp_path, backends):
    over_grpc, over_http = backends
    ports = harness.free_ports(2)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(collector_config(
        *ports, {"otlp_grpc/a": to_grpc(over_grpc.endpoint, "gzip"), "otlp_http/b": to_http(over_http.endpoint)},
        processors={"batch": {"timeout": "100ms", "send_batch_size": 100}}), sort_keys=False))
    theirs, they_delivered = behaviour([OTELCOL], path, ports, backends)
    ours, we_delivered = behaviour([harness.BINARY, "run"], path, ports, backends)
    assert {name: (theirs[name], ours[name]) for name in theirs if theirs[name] != ours[name]} == MEANT
    assert we_delivered == they_delivered
    assert all(we_delivered.values())


VALID = collector_config(4317, 4318, {"otlp_grpc": to_grpc("127.0.0.1:1")}, processors={"batch": None})


def changed(*path, to=None):
    """VALID with one value changed."""
    copy = yaml.safe_load(yaml.safe_dump(VALID))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return copy


CONFIGURATIONS = {
    "valid": VALID,
    "an unused exporter": changed("exporters", "nop", to=None),
    "the older name of the exporter": {**changed("exporters", to={"otlp": to_grpc("127.0.0.1:1")}), "service": {
        "pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["otlp"]}}}},
    "a misspelt key": changed("exporters", "otlp_grpc", "endpiont", to="127.0.0.1:1"),
    "an unknown component": changed("exporters", "nonsense", to=None),
    "an undefined exporter": changed("service", "pipelines", "logs", "exporters", to=["otlp_grpc/other"]),
    "an unknown section": changed("recievers", to={}),
    "a pipeline without receivers": changed("service", "pipelines", "logs", "receivers", to=[]),
    "an unknown kind of pipeline": changed("service", "pipelines", "smells", to={"receivers": ["otlp"],
                                                                              "exporters": ["otlp_grpc"]}),
    "a duration that is none": changed("exporters", "otlp_grpc", "timeout", to="soon"),
    "a number that is none": changed("exporters", "otlp_grpc", "sending_queue", to={"num_consumers": "many"}),
    "a queue of nothing": changed("exporters", "otlp_grpc", "sending_queue", to={"queue_size": 0}),
    "an unknown coding": changed("exporters", "otlp_grpc", "compression", to="squeeze"),
    "no endpoint": changed("exporters", "otlp_grpc", "endpoint", to=""),
    "a batch limit below the batch": changed("processors", "batch", to={"send_batch_size": 10,
                                                                       "send_batch_max_size": 5}),
    "no exporters at all": changed("exporters", to={}),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_both_accept_and_reject_the_same_configurations(tmp_path, name):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIGURATIONS[name], sort_keys=False))
    theirs, ours = (subprocess.run([binary, "validate", "--config", path], capture_output=True, text=True, timeout=60)
                    for binary in (OTELCOL, harness.BINARY))
    assert ours.returncode == theirs.returncode, f"otelcol: {theirs.stderr}\nsluice: {ours.stdout}{ours.stderr}"
    assert (theirs.returncode == 0) == (name in list(CONFIGURATIONS)[:3])


# -- refusals ----------------------------------------------------------------------------------------------------

AT_ONCE = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}


def refuse_first(backend, count, verdict):
    """The backend refuses its first `count` requests."""
    backend.answer = lambda _: verdict if len(backend.received) <= count else None


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_otelcol_refuses_for_now_is_sent_again(tmp_path, backends, protocol):
    """otelcol without a queue hands its backend's refusal on: UNAVAILABLE, or 503."""
    over_grpc, _ = backends
    refuse_first(over_grpc, 3, (grpc.StatusCode.UNAVAILABLE, ()))
    behind, grpc_port, http_port = otelcol(tmp_path, {"otlp_grpc": to_grpc(over_grpc.endpoint, **AT_ONCE)})
    exporter = (to_grpc(f"127.0.0.1:{grpc_port}", "gzip", retry_on_failure=SOON) if protocol == "grpc"
                else to_http(f"http://127.0.0.1:{http_port}", "gzip", retry_on_failure=SOON))
    body = sample("traces", 20, "again")
    with behind, harness.Gateway(tmp_path, {f"otlp_{protocol}": exporter}) as gateway:
        assert http_post(gateway.http, "/v1/traces", body)[0] == 200
        got = over_grpc.wait_for(4)
        assert [known("traces", r.body) for r in got] == [known("traces", body)] * 4
        wait_until(lambda: total(gateway.metrics(), "otelcol_exporter_sent_spans") == 20, what="delivered")
        assert total(gateway.metrics(), "otelcol_exporter_send_failed_spans") == 0


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_otelcol_refuses_for_good_is_not(tmp_path, backends, protocol):
    over_grpc, _ = backends
    refuse_first(over_grpc, 1, (grpc.StatusCode.INVALID_ARGUMENT, ()))
    behind, grpc_port, http_port = otelcol(tmp_path, {"otlp_grpc": to_grpc(over_grpc.endpoint, **AT_ONCE)})
    exporter = (to_grpc(f"127.0.0.1:{grpc_port}", retry_on_failure=SOON) if protocol == "grpc"
                else to_http(f"http://127.0.0.1:{http_port}", retry_on_failure=SOON))
    with behind, harness.Gateway(tmp_path, {f"otlp_{protocol}": exporter}) as gateway:
        assert http_post(gateway.http, "/v1/logs", sample("logs", 7, "no"))[0] == 200
        wait_until(lambda: total(gateway.metrics(), "otelcol_exporter_send_failed_log_records") == 7, what="given up")
        assert http_post(gateway.http, "/v1/logs", sample("logs", 5, "yes"))[0] == 200
        wait_until(lambda: total(gateway.metrics(), "otelcol_exporter_sent_log_records") == 5, what="delivered")
        assert len(over_grpc.received) == 2


def test_otelcol_that_starts_late_gets_everything(tmp_path, backends):
    over_grpc, _ = backends
    ports = harness.free_ports(2)
    path = tmp_path / "late.yaml"
    path.write_text(yaml.safe_dump(collector_config(*ports, {"otlp_grpc": to_grpc(over_grpc.endpoint)})))
    exporters = {"otlp_grpc": to_grpc(f"127.0.0.1:{ports[0]}", retry_on_failure=SOON),
                 "otlp_http": to_http(f"http://127.0.0.1:{ports[1]}", retry_on_failure=SOON)}
    sent = requests_to_send()
    with harness.Gateway(tmp_path, exporters) as gateway:
        for s in SIGNALS:
            for body in sent[s]:
                assert http_post(gateway.http, HTTP_PATH[s], body)[0] == 200
        time.sleep(0.5)
        with Collector([OTELCOL], path, ports):
            must_have_arrived(over_grpc, sent, times=2)


def test_otelcol_in_front_keeps_what_sluice_refuses_until_it_takes_it(tmp_path, backends):
    """The other way round: our refusals are ones that otelcol tries again."""
    over_grpc, _ = backends
    over_grpc.answer = lambda _: (grpc.StatusCode.UNAVAILABLE, ())
    with contextlib.ExitStack() as all_of:
        exporter = to_grpc(over_grpc.endpoint, retry_on_failure=SOON,
                           sending_queue={"queue_size": 1, "num_consumers": 1})
        gateway = all_of.enter_context(harness.Gateway(tmp_path, {"otlp_grpc": exporter}, args=["--shards", "1"]))
        before, _, http_port = otelcol(tmp_path, {
            "otlp_grpc": to_grpc(f"127.0.0.1:{gateway.grpc}", retry_on_failure=SOON),
            "otlp_http": to_http(f"http://127.0.0.1:{gateway.http}", retry_on_failure=SOON)})
        all_of.enter_context(before)
        bodies = [sample("logs", 4, f"l{i}") for i in range(6)]
        for body in bodies:
            assert http_post(http_port, "/v1/logs", body)[0] == 200
        wait_until(lambda: total(gateway.metrics(), "otelcol_exporter_enqueue_failed_log_records") > 0,
                   what="the gateway refuses")
        over_grpc.answer = None
        wanted = sorted(known("logs", b) for b in bodies * 2)
        seen = lambda: {known("logs", r.body) for r in over_grpc.received}  # noqa: E731
        wait_until(lambda: total(gateway.metrics(), "otelcol_exporter_sent_log_records") == 4 * len(wanted), 30,
                   "everything delivered")
        assert seen() == set(wanted)
