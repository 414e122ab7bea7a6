"""Bodies arrive byte for byte, once per backend, in the coding they came in where that can be; and nobody copied them."""
import concurrent.futures
import gzip
import struct
import time

import grpc
import harness
import pytest
import zstandard
from conftest import otlp_grpc, otlp_http
from harness import HTTP_PATH, SIGNALS, encode, grpc_call, http_post, sample, total

CODINGS = ["identity", "gzip", "zstd", "snappy", "deflate"]


@pytest.mark.parametrize("signal_name", SIGNALS)
@pytest.mark.parametrize("coding", CODINGS)
def test_http_bodies_arrive_byte_for_byte(gateway, grpc_backend, http_backend, signal_name, coding):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend), "otlp_http": otlp_http(http_backend)})
    bodies = [sample(signal_name, items, f"{coding}{items}", padding) for items, padding in ((1, 0), (50, 10), (500, 700))]
    for body in bodies:
        headers = {} if coding == "identity" else {"Content-Encoding": coding}
        status, fields, answer = http_post(g.http, HTTP_PATH[signal_name], encode(body, coding), headers)
        assert (status, answer) == (200, b"")
        assert fields["content-type"] == "application/x-protobuf"
    for backend in (grpc_backend, http_backend):
        assert sorted(r.body for r in backend.wait_for(len(bodies))) == sorted(bodies)


@pytest.mark.parametrize("signal_name", SIGNALS)
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_grpc_bodies_arrive_byte_for_byte(gateway, grpc_backend, http_backend, signal_name, compression):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend), "otlp_http": otlp_http(http_backend)})
    bodies = [sample(signal_name, items, f"g{items}", padding) for items, padding in ((1, 0), (50, 10), (500, 700))]
    for body in bodies:
        assert grpc_call(g.grpc, signal_name, body, compression=compression) == b""
    for backend in (grpc_backend, http_backend):
        assert sorted(r.body for r in backend.wait_for(len(bodies))) == sorted(bodies)


def test_profiles_are_forwarded_opaquely(gateway, grpc_backend, http_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend), "otlp_http": otlp_http(http_backend)},
                signals=(*SIGNALS, "profiles"))
    body = bytes.fromhex("0a04" "0a021200" "1203" "0a0161")  # resource_profiles and a dictionary
    status, _, answer = http_post(g.http, HTTP_PATH["profiles"], body)
    assert (status, answer) == (200, b"")
    assert grpc_call(g.grpc, "profiles", body) == b""
    for backend in (grpc_backend, http_backend):
        assert [r.body for r in backend.wait_for(2)] == [body, body]


@pytest.mark.parametrize("inspect", ["none", "count", "full"])
@pytest.mark.parametrize("coding", ["gzip", "zstd", "snappy"])
def test_equal_coding_passes_compressed_bytes_through(gateway, http_backend, coding, inspect):
    g = gateway({"otlp_http": otlp_http(http_backend, compression=coding)}, receiver={"inspect": inspect})
    raw = encode(sample("logs", 200, "pass"), coding)
    assert http_post(g.http, "/v1/logs", raw, {"Content-Encoding": coding})[0] == 200
    (got,) = http_backend.wait_for(1)
    assert got.raw == raw and got.coding == coding
    metrics = g.metrics()
    assert total(metrics, "otelcol_receiver_accepted_log_records") == (0 if inspect == "none" else 200)


@pytest.mark.parametrize("to", CODINGS)
@pytest.mark.parametrize("came_as", CODINGS)
def test_every_coding_becomes_every_other(gateway, http_backend, came_as, to):
    g = gateway({"otlp_http": otlp_http(http_backend, compression="none" if to == "identity" else to)})
    body = sample("traces", 300, "convert")
    headers = {} if came_as == "identity" else {"Content-Encoding": came_as}
    assert http_post(g.http, "/v1/traces", encode(body, came_as), headers)[0] == 200
    (got,) = http_backend.wait_for(1)
    assert (got.coding, got.body) == (to, body)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bodies_of_several_members_are_accepted_and_not_passed_on_as_such(gateway, http_backend, coding):
    g = gateway({"otlp_http": otlp_http(http_backend, compression=coding)})
    a, b = sample("logs", 10, "a"), sample("logs", 20, "b")
    assert http_post(g.http, "/v1/logs", encode(a, coding) + encode(b, coding), {"Content-Encoding": coding})[0] == 200
    (got,) = http_backend.wait_for(1)
    if coding == "gzip":
        import zlib
        one = zlib.decompressobj(31)
        whole = one.decompress(got.raw)
        assert one.eof and not one.unused_data, "more than one member left the gateway"
    else:
        whole = zstandard.ZstdDecompressor().decompressobj().decompress(got.raw)  # stops after the first frame
    assert whole == a + b
    assert total(g.metrics(), "otelcol_receiver_accepted_log_records") == 30


def test_one_compression_serves_all_backends(gateway):
    backends = [harness.HttpBackend() for _ in range(3)]
    g = gateway({f"otlp_http/{i}": otlp_http(b, compression="gzip") for i, b in enumerate(backends)})
    for i in range(5):
        assert http_post(g.http, "/v1/logs", sample("logs", 100, f"n{i}"))[0] == 200
    sent = [sorted(r.raw for r in b.wait_for(5)) for b in backends]
    assert sent[0] == sent[1] == sent[2]
    assert total(g.metrics(), "sluice_deflates") == 5
    for b in backends:
        b.close()


def test_one_inflation_serves_the_inspection_and_all_backends(gateway):
    codings = ["none", "zstd", "snappy", "gzip"]
    backends = [harness.HttpBackend() for _ in codings]
    g = gateway({f"otlp_http/{c}": otlp_http(b, compression=c) for c, b in zip(codings, backends)})
    bodies = [sample("logs", 100, f"n{i}") for i in range(5)]
    for body in bodies:
        assert http_post(g.http, "/v1/logs", encode(body, "gzip"), {"Content-Encoding": "gzip"})[0] == 200
    for b in backends:
        assert sorted(r.body for r in b.wait_for(5)) == sorted(bodies)
        b.close()
    metrics = g.metrics()
    assert total(metrics, "sluice_inflates") == 5
    assert total(metrics, "sluice_deflates") == 10  # zstd and snappy; gzip leaves as it came


def test_chunked_bodies_as_the_javascript_sdk_sends_them(gateway, grpc_backend):
    import http.client
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    body = sample("traces", 100, "chunk")
    for size in (1, 7, 1000, 100_000):
        connection = http.client.HTTPConnection("127.0.0.1", g.http, timeout=10)
        chunks = (body[i:i + size] for i in range(0, len(body), size))
        connection.request("POST", "/v1/traces", body=chunks, encode_chunked=True,
                           headers={"Content-Type": "application/x-protobuf", "Transfer-Encoding": "chunked"})
        assert connection.getresponse().status == 200
        connection.close()
    assert [r.body for r in grpc_backend.wait_for(4)] == [body] * 4


@pytest.mark.parametrize("backends", [1, 3])
@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("size", [16_384, 100_000, 1_000_000])
def test_copy_ledger_stays_at_zero(gateway, protocol, backends, size):
    """Identity bodies from 16 KiB up: no payload byte is copied in user space. The bound for named small pieces (fields
    cut by a buffer edge that the inspection looks at): 1 byte in 100, here 64 bytes per 16 KiB of body."""
    sinks = [(harness.GrpcBackend if protocol == "grpc" else harness.HttpBackend)() for _ in range(backends)]
    make = otlp_grpc if protocol == "grpc" else otlp_http
    kind = "otlp_grpc" if protocol == "grpc" else "otlp_http"
    g = gateway({f"{kind}/{i}": make(b) for i, b in enumerate(sinks)})
    body = sample("logs", 1 + size // 330, "ledger", 300)
    assert len(body) >= size
    count = 20
    before = g.metrics()
    for _ in range(count):
        if protocol == "grpc":
            grpc_call(g.grpc, "logs", body)
        else:
            assert http_post(g.http, "/v1/logs", body)[0] == 200
    for b in sinks:
        b.wait_for(count)
    after = g.metrics()

    def delta(name):
        return total(after, name) - total(before, name)

    prefix = 5 if protocol == "grpc" else 0  # gRPC's own, part of the payload of a stream
    assert delta("sluice_payload_received_bytes") in (count * len(body), count * (len(body) + prefix))
    assert delta("sluice_payload_forwarded_bytes") in (backends * count * len(body),
                                                       backends * count * (len(body) + prefix))
    assert delta("sluice_payload_copied_bytes") <= count * len(body) / 256, "payload was copied in user space"
    for b in sinks:
        b.close()


def test_batches_join_without_changing_a_byte(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend, sending_queue={"num_consumers": 1})},
                processors={"batch": {"timeout": "300ms", "send_batch_size": 1000}}, pipeline_processors=["batch"],
                args=["--shards", "1"])  # each shard has a batch of its own
    bodies = [sample("logs", 100, f"b{i}") for i in range(25)]
    for body in bodies:
        assert http_post(g.http, "/v1/logs", body)[0] == 200
    harness.wait_until(lambda: sum(len(r.body) for r in grpc_backend.of("logs")) == sum(map(len, bodies)), 10, "all bytes")
    received = grpc_backend.of("logs")
    assert b"".join(r.body for r in received) == b"".join(bodies)
    assert len(received) <= 4  # 1000, 1000, and the rest by timeout


def test_batches_split_at_record_boundaries(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)},
                processors={"batch": {"timeout": "200ms", "send_batch_size": 100, "send_batch_max_size": 100}},
                pipeline_processors=["batch"], args=["--shards", "1"])
    whole = sample("traces", 1050, "split")
    assert http_post(g.http, "/v1/traces", whole)[0] == 200
    harness.wait_until(lambda: len(grpc_backend.of("traces")) >= 11, 10, "all parts")
    sizes = [sum(len(s.spans) for r in m.resource_spans for s in r.scope_spans)
             for m in (r.message() for r in grpc_backend.of("traces"))]
    assert sorted(sizes) == [50] + [100] * 10  # parts are sent side by side
    original = harness.REQUEST["traces"].FromString(whole)
    want = sorted(s.SerializeToString() for s in original.resource_spans[0].scope_spans[0].spans)
    merged = grpc_backend.merged("traces")
    got = sorted(s.SerializeToString() for r in merged.resource_spans for sc in r.scope_spans for s in sc.spans)
    assert got == want
    assert all(r.resource == original.resource_spans[0].resource for r in merged.resource_spans)


def test_a_dead_backend_blocks_nobody(gateway, grpc_backend):
    (dead_port,) = harness.free_ports(1)
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend),
                 "otlp_http": {"endpoint": f"http://127.0.0.1:{dead_port}", "compression": "none",
                               "retry_on_failure": {"max_elapsed_time": "3s", "max_interval": "1s",
                                                    "initial_interval": "100ms"}}})
    body = sample("logs", 10, "dead")
    start = time.monotonic()
    for _ in range(200):
        assert http_post(g.http, "/v1/logs", body)[0] == 200
    grpc_backend.wait_for(200)
    assert time.monotonic() - start < 10


def test_a_backend_that_was_away_gets_what_it_missed(gateway):
    (port,) = harness.free_ports(1)
    g = gateway({"otlp_grpc": {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True}, "compression": "none",
                               "retry_on_failure": {"initial_interval": "200ms", "max_interval": "500ms"}}})
    bodies = [sample("logs", 5, f"away{i}") for i in range(50)]
    for body in bodies:
        assert http_post(g.http, "/v1/logs", body)[0] == 200
    time.sleep(0.5)
    backend = harness.GrpcBackend(port)
    got = backend.wait_for(50, 30)
    assert sorted(r.body for r in got) == sorted(bodies)
    g.stop()
    backend.close()


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_retryable_answers_are_retried_with_the_same_bytes(gateway, kind):
    backend = harness.GrpcBackend() if kind == "grpc" else harness.HttpBackend()
    seen = []

    def answer(item):
        seen.append(item.body)
        if len(seen) <= 2:
            return (grpc.StatusCode.UNAVAILABLE, ()) if kind == "grpc" else (503, {"Retry-After": "1"})
        return None

    backend.answer = answer
    make = otlp_grpc if kind == "grpc" else otlp_http
    g = gateway({f"otlp_{kind}": make(backend, retry_on_failure={"initial_interval": "100ms"})})
    body = sample("traces", 10, "retry")
    start = time.monotonic()
    assert http_post(g.http, "/v1/traces", body)[0] == 200
    backend.wait_for(3, 20)
    assert seen == [body] * 3
    if kind == "http":
        assert time.monotonic() - start >= 2, "Retry-After is the least delay"
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_sent_spans") == 10, 5)
    g.stop()
    backend.close()


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_permanent_answers_are_not_retried(gateway, kind):
    backend = harness.GrpcBackend() if kind == "grpc" else harness.HttpBackend()
    backend.answer = lambda _: (grpc.StatusCode.INVALID_ARGUMENT, ()) if kind == "grpc" else (400, {})
    make = otlp_grpc if kind == "grpc" else otlp_http
    g = gateway({f"otlp_{kind}": make(backend, retry_on_failure={"initial_interval": "50ms"})})
    assert http_post(g.http, "/v1/logs", sample("logs", 10))[0] == 200
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_send_failed_log_records") == 10, 10)
    time.sleep(0.5)
    assert len(backend.received) == 1
    g.stop()
    backend.close()


def test_wait_for_result_answers_after_the_backend(gateway, http_backend):
    g = gateway({"otlp_http": otlp_http(http_backend, sending_queue={"wait_for_result": True})})
    http_backend.answer = lambda _: time.sleep(0.5)
    start = time.monotonic()
    assert http_post(g.http, "/v1/logs", sample("logs", 1))[0] == 200
    assert time.monotonic() - start >= 0.5
    http_backend.answer = lambda _: (400, {})
    status, _, _ = http_post(g.http, "/v1/logs", sample("logs", 1))
    assert status in (400, 500)


def test_file_exporter_writes_what_the_collector_would(gateway, tmp_path):
    path = tmp_path / "archive" / "logs.binpb"
    g = gateway({"file": {"path": str(path), "format": "proto", "create_directory": True}}, signals=("logs",))
    bodies = [sample("logs", n, f"f{n}") for n in (1, 10, 500)]
    for body in bodies:
        assert http_post(g.http, "/v1/logs", gzip.compress(body), {"Content-Encoding": "gzip"})[0] == 200
    g.stop()
    raw, at, records = path.read_bytes(), 0, []
    while at < len(raw):
        (size,) = struct.unpack_from(">I", raw, at)
        records.append(raw[at + 4:at + 4 + size])
        at += 4 + size
    assert records == bodies


def test_concurrent_senders_over_many_connections(gateway, grpc_backend, http_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend), "otlp_http": otlp_http(http_backend)})
    bodies = [sample("metrics", 20 + i % 50, f"c{i}", i % 400) for i in range(300)]

    def send(i):
        if i % 2:
            assert http_post(g.http, "/v1/metrics", bodies[i])[0] == 200
        else:
            grpc_call(g.grpc, "metrics", bodies[i])

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(send, range(len(bodies))))
    for backend in (grpc_backend, http_backend):
        assert sorted(r.body for r in backend.wait_for(len(bodies))) == sorted(bodies)


def test_grpc_and_http_share_each_port_where_the_protocol_says_which(gateway, grpc_backend):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend)})
    body = sample("logs", 3)
    assert grpc_call(g.http, "logs", body) == b""  # gRPC on the HTTP port (allowed by the specification)
    assert [r.body for r in grpc_backend.wait_for(1)] == [body]
