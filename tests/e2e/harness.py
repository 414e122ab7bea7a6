"""The gateway as a process, and backends made of software that is not ours.

Backends are a gRPC server (grpcio, handing over raw bytes) and an HTTP server (the standard library's); what they
received is decoded by the official protobuf classes (opentelemetry-proto).
"""
import contextlib
import gzip
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.request
import zlib
from concurrent import futures

import cramjam
import grpc
import yaml
import zstandard
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SLUICE_BINARY", ROOT / "build/release/gate/app/sluice")).resolve()
# A sanitizer keeps freed memory for a while and shadows all of it: what is resident then says nothing about the gateway.
RSS_COUNTS = not os.environ.get("SLUICE_SANITIZER")
SIGNALS = ("traces", "metrics", "logs")
REQUEST = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}
RESPONSE = {
    "traces": trace_service_pb2.ExportTraceServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
}
GRPC_PATH = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "profiles": "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
}
HTTP_PATH = {s: f"/v1/{s}" for s in SIGNALS} | {"profiles": "/v1development/profiles"}


def free_ports(count):
    """Ports that nobody listens on now. Held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_until(condition, timeout=10, what="condition"):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {timeout} s")


def encode(body, coding):
    if coding in (None, "none", "identity"):
        return body
    if coding == "gzip":
        return gzip.compress(body, 6)
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=3).compress(body)
    if coding == "snappy":
        return bytes(cramjam.snappy.compress_raw(body))
    if coding == "deflate":
        return zlib.compress(body)
    raise ValueError(coding)


def decode(body, coding):
    if coding in (None, "", "identity"):
        return body
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    if coding == "snappy":
        return bytes(cramjam.snappy.decompress_raw(body))
    if coding == "deflate":
        return zlib.decompress(body)
    raise ValueError(coding)


class Received:
    def __init__(self, signal_name, raw, coding, headers):
        self.signal = signal_name
        self.raw = raw  # as it came over the wire, still coded
        self.coding = coding or "identity"
        self.headers = headers
        self.body = decode(raw, coding)

    def message(self):
        message = REQUEST[self.signal]()
        message.ParseFromString(self.body)
        return message


class Backend:
    """What both kinds have in common: the list of what came, and how to answer."""

    def __init__(self):
        self.received = []
        self.lock = threading.Condition()
        self.answer = None  # callable(Received) -> None for success, or (status, headers/trailers)

    def take(self, item):
        with self.lock:
            self.received.append(item)
            self.lock.notify_all()
        return self.answer(item) if self.answer else None

    def of(self, signal_name):
        with self.lock:
            return [r for r in self.received if r.signal == signal_name]

    def wait_for(self, count, timeout=15):
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.received) >= count, timeout):
                raise AssertionError(f"{len(self.received)} of {count} requests came")
            return list(self.received)

    def merged(self, signal_name):
        """Everything received of one signal, as one message."""
        whole = REQUEST[signal_name]()
        for r in self.of(signal_name):
            whole.MergeFromString(r.body)
        return whole


class GrpcBackend(Backend):
    def __init__(self, port=0, codings=True):
        super().__init__()
        backend = self

        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                name = next((s for s, p in GRPC_PATH.items() if p == details.method), None)
                if name is None:
                    return None

                def export(request, context):
                    metadata = dict(context.invocation_metadata())
                    verdict = backend.take(Received(name, request, None, metadata))
                    if verdict:
                        code, trailers = verdict
                        context.set_trailing_metadata(trailers)
                        context.abort(code, "backend says no")
                    return b""

                return grpc.unary_unary_rpc_method_handler(export)

        self.server = grpc.server(
            futures.ThreadPoolExecutor(8),
            options=[("grpc.max_receive_message_length", 128 << 20), ("grpc.so_reuseport", 0)],
        )
        self.server.add_generic_rpc_handlers((Handler(),))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        assert self.port, "port is taken"
        self.server.start()
        self.endpoint = f"127.0.0.1:{self.port}"

    def close(self):
        self.server.stop(0).wait()


class HttpBackend(Backend):
    def __init__(self, port=0):
        super().__init__()
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                name = next((s for s, p in HTTP_PATH.items() if p == self.path), self.path)
                headers = {k.lower(): v for k, v in self.headers.items()}
                verdict = backend.take(Received(name, raw, headers.get("content-encoding"), headers))
                status, fields = verdict if verdict else (200, {})
                self.send_response(status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                for key, value in fields.items():
                    self.send_header(key, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def config(ports, exporters, *, receiver=None, processors=None, pipeline_processors=(), signals=SIGNALS, grpc=None, http=None):
    """A Collector configuration with one otlp receiver and every signal to every exporter."""
    return {
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"127.0.0.1:{ports[0]}", **(grpc or {})},
                    "http": {"endpoint": f"127.0.0.1:{ports[1]}", **(http or {})},
                },
                **(receiver or {}),
            }
        },
        "processors": processors or {},
        "exporters": exporters,
        "extensions": {"health_check": {"endpoint": f"127.0.0.1:{ports[2]}"}},
        "service": {
            "extensions": ["health_check"],
            "telemetry": {
                "metrics": {"readers": [{"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": ports[3]}}}}]}
            },
            "pipelines": {
                s: {"receivers": ["otlp"], "processors": list(pipeline_processors), "exporters": list(exporters)}
                for s in signals
            },
        },
    }


class Gateway:
    def __init__(self, tmp_path, exporters, *, args=(), env=None, **shape):
        self.ports = free_ports(4)
        self.grpc, self.http, self.health, self.metrics_port = self.ports
        self.path = tmp_path / "config.yaml"
        self.path.write_text(yaml.safe_dump(config(self.ports, exporters, **shape), sort_keys=False))
        self.log_path = tmp_path / "gateway.log"
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [BINARY, "run", "--config", self.path, *args],
            stdout=self.log, stderr=self.log, cwd=tmp_path, env={**os.environ, **(env or {})},
        )
        try:
            wait_until(self.healthy, 15, "gateway is up")
        except AssertionError as error:
            self.process.kill()
            raise AssertionError(f"{error}\n{self.output()}") from None

    def healthy(self):
        if self.process.poll() is not None:
            raise AssertionError(f"gateway ended with {self.process.returncode}")
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{self.health}/", timeout=2).status == 200

    def output(self):
        return self.log_path.read_text(errors="replace")

    def metrics(self):
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).read().decode()
        return parse_metrics(text)

    def rss(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def stop(self, timeout=40, expect=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"gateway did not stop\n{self.output()}") from None
        assert code == expect, f"exit status {code}\n{self.output()}"
        return self.output()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.output())
        if self.process.poll() is None:
            if kind is None:
                self.stop()
            else:
                self.process.kill()
                self.process.wait()
        else:
            assert self.process.returncode == 0, f"gateway ended with {self.process.returncode}\n{self.output()}"


def parse_metrics(text):
    """Prometheus text format to {name: {frozenset(labels): value}}; sums by name with total()."""
    result = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        head, _, value = line.rpartition(" ")
        name, _, labels = head.partition("{")
        pairs = []
        for pair in labels.rstrip("}").split('",'):
            if pair:
                key, _, val = pair.partition("=")
                pairs.append((key.strip(), val.strip('"')))
        result.setdefault(name, {})[frozenset(pairs)] = float(value)
    return result


def total(metrics, name, **labels):
    """The sum of a metric over all label sets that contain `labels`; counters may or may not end in _total."""
    sets = metrics.get(name) or metrics.get(name + "_total") or {}
    return sum(v for k, v in sets.items() if set(labels.items()) <= set(k))


def http_post(port, path, body, headers=None, timeout=10):
    """One POST; returns (status, headers in lower case, body), for errors too."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data=body, method="POST",
        headers={"Content-Type": "application/x-protobuf", **(headers or {})},
    )
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()


def grpc_call(port, signal_name, body, timeout=10, compression=None, metadata=(), channel=None):
    """One unary Export with raw bytes; returns the response bytes or raises grpc.RpcError."""
    own = channel is None
    channel = channel or grpc.insecure_channel(
        f"127.0.0.1:{port}", options=[("grpc.max_send_message_length", 256 << 20), ("grpc.enable_retries", 0)]
    )
    try:
        call = channel.unary_unary(GRPC_PATH.get(signal_name, signal_name))
        return call(body, timeout=timeout, compression=compression, metadata=metadata)
    finally:
        if own:
            channel.close()


def sample(signal_name, items=10, tag="t", padding=0):
    """A request with known content, unknown fields included at several levels, and sizes to taste."""
    request = REQUEST[signal_name]()
    if signal_name == "traces":
        resource = request.resource_spans.add()
        scope = resource.scope_spans.add()
        for i in range(items):
            span = scope.spans.add(
                trace_id=os.urandom(16), span_id=os.urandom(8), name=f"{tag}-{i}", kind=2,
                start_time_unix_nano=1, end_time_unix_nano=2 + i,
            )
            span.attributes.add(key="http.route").value.string_value = "/a" + "x" * padding
            span.attributes.add(key="n").value.int_value = -i
            span.events.add(name="e", time_unix_nano=5)
            span.status.code = i % 3
    elif signal_name == "metrics":
        resource = request.resource_metrics.add()
        scope = resource.scope_metrics.add()
        metric = scope.metrics.add(name=f"{tag}.gauge", unit="1")
        for i in range(items):
            point = metric.gauge.data_points.add(time_unix_nano=i + 1, as_double=i / 7)
            point.attributes.add(key="k").value.string_value = f"{i}" + "x" * padding
    else:
        resource = request.resource_logs.add()
        scope = resource.scope_logs.add()
        for i in range(items):
            record = scope.log_records.add(time_unix_nano=i + 1, severity_number=9, severity_text="INFO")
            record.body.string_value = f"{tag} line {i} \u00e4\u20ac " + "x" * padding
            record.attributes.add(key="i").value.int_value = i
    resource.resource.attributes.add(key="service.name").value.string_value = tag
    scope.scope.name = "e2e"
    raw = request.SerializeToString()
    # Fields that no schema knows, at the top level: varint, length-delimited, fixed32, group.
    return raw + bytes.fromhex("b83e2a" "c23e03616263" "cd3e01020304" "d33e0801d43e")


def run_tool(*args, timeout=120, check=True):
    done = subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True, timeout=timeout)
    if check:
        assert done.returncode == 0, f"{args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def load_json(path):
    return json.loads(pathlib.Path(path).read_text())
