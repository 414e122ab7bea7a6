"""Offered ten times what the sinks take: memory stays bounded, nothing acknowledged is lost, and the flow recovers by itself.

`sluice load` and `sluice sink` give every item an identity and report exactly which items were acknowledged and received.
"""
import os
import signal
import subprocess
import threading
import time

import grpc
import harness
import pytest
from harness import BINARY, free_ports, grpc_call, load_json, sample, total

SECONDS = int(os.environ.get("SLUICE_OVERLOAD_SECONDS", "60"))
LIMIT = 64 << 20
# Program and libraries (~12 MiB), connections and sessions, and what may be charged above the limit: compressed bodies
# while they are sent, and the receive slab that reads go to while requests are refused. Payload itself is resident only
# as far as it is charged (zc/mem/pool.h), however busy the machine is.
CONSTANT = 40 << 20


class Sink:
    def __init__(self, tmp_path, name, port, *args):
        self.json = tmp_path / f"{name}.json"
        self.process = subprocess.Popen([BINARY, "sink", "--grpc", f"127.0.0.1:{port}", "--look", "verify", "-q",
                                         "--json", self.json, *args], stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return load_json(self.json)


def ranges(report, key):
    """{(run, worker, signal): [[first, last], ...]}"""
    result = {}
    for source in report[key]["sources"]:
        assert source["ranges_complete"]
        result.setdefault((source["run"], source["worker"], source["signal"]), []).extend(source["ranges"])
    return result


def missing(wanted, reports):
    """Items of `wanted` ranges that no report has."""
    count = 0
    for source, spans in wanted.items():
        have = set()
        for report in reports:
            for first, last in ranges(report, "received_items").get(source, []):
                have.update(range(first, last + 1))
        for first, last in spans:
            count += sum(1 for i in range(first, last + 1) if i not in have)
    return count


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_ten_times_too_much(tmp_path, gateway, protocol):
    seconds = SECONDS if protocol == "grpc" else max(10, SECONDS // 4)
    (port,) = free_ports(1)
    # 10 consumers, 100 ms each, 100 items: 10 000 items a second at most.
    slow = Sink(tmp_path, "slow", port, "--delay", "100ms")
    g = gateway({"otlp_grpc": {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True}, "compression": "none",
                               "sending_queue": {"queue_size": 100_000},
                               "retry_on_failure": {"initial_interval": "200ms", "max_interval": "1s"}}},
                args=["--memory-limit", str(LIMIT), "--grace", "20"])
    worst = [0]
    done = threading.Event()

    def watch():
        while not done.wait(0.1):
            worst[0] = max(worst[0], g.rss())

    watcher = threading.Thread(target=watch)
    watcher.start()
    report = tmp_path / "load.json"
    load = subprocess.Popen(
        [BINARY, "load", f"127.0.0.1:{g.grpc if protocol == 'grpc' else g.http}", "--protocol", protocol, "--signals", "logs",
         "--items", "100", "--rate", "100k", "--connections", "4", "--in-flight", "64", "--duration", f"{seconds + 10}s",
         "--drain", "30s", "--timeout", "20s", "-q", "--json", report], stderr=subprocess.DEVNULL)
    for _ in range(5):
        time.sleep(seconds / 5)
        during = g.metrics()  # answered when it is needed most
    assert total(during, "sluice_memory_payload_bytes") <= LIMIT
    # All consumers serve whatever shard the connections have landed on.
    assert total(during, "otelcol_exporter_sent_log_records") > 8000 * seconds, "the sink was kept busy"
    refused = total(during, "otelcol_receiver_refused_log_records") + total(during, "sluice_requests_refused_memory")
    assert refused > 0, "it was not overloaded: the test tests nothing"
    first = slow.stop()
    fast = Sink(tmp_path, "fast", port)
    load.wait(90)
    # Everything acknowledged gets out within the grace period.
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_queue_size") == 0, 30, "queues are empty")
    recovered = g.metrics()
    # What is kept for reuse: a sixteenth of the limit at most, and the slabs that connections read into.
    assert total(recovered, "sluice_memory_payload_bytes") <= LIMIT / 8
    assert total(recovered, "sluice_pool_kept_bytes") <= LIMIT / 16
    done.set()
    watcher.join()
    g.stop()
    second = fast.stop()
    sent = load_json(report)
    assert sent["total"]["acknowledged"] > 0
    lost = missing(ranges(sent, "acknowledged_items"), [first, second])
    assert lost == 0, f"{lost} acknowledged items never arrived"
    assert not harness.RSS_COUNTS or worst[0] <= LIMIT + CONSTANT, f"resident memory reached {worst[0] >> 20} MiB"
    assert second["received_items"]["items"] > 10_000, "the flow recovered"
    print(f"{protocol}: resident at most {worst[0] >> 20} MiB, acknowledged {sent['acknowledged_items']['items']} items")


def test_refusals_carry_every_throttle_hint(gateway):
    """A full queue: UNAVAILABLE with the three trailers of three families of SDKs; over HTTP 503 with Retry-After."""
    (dead,) = free_ports(1)
    g = gateway({"otlp_grpc": {"endpoint": f"127.0.0.1:{dead}", "tls": {"insecure": True},
                               "sending_queue": {"queue_size": 1}}}, args=["--grace", "0.2"])
    assert grpc_call(g.grpc, "logs", sample("logs", 1)) == b""
    with pytest.raises(grpc.RpcError) as error:
        grpc_call(g.grpc, "logs", sample("logs", 1))
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    trailers = dict(error.value.trailing_metadata())
    assert 100 <= int(trailers["grpc-retry-pushback-ms"]) <= 10_000
    details = trailers["grpc-status-details-bin"]  # google.rpc.Status with RetryInfo
    assert b"type.googleapis.com/google.rpc.RetryInfo" in details and details[:2] == b"\x08\x0e"
    assert trailers["google.rpc.retryinfo-bin"][:1] == b"\x0a"
    status, headers, body = harness.http_post(g.http, "/v1/logs", sample("logs", 1))
    assert status == 503 and int(headers["retry-after"]) >= 1
    assert body[:2] == b"\x08\x0e"


def test_sink_that_fails_and_hangs_up_loses_nothing(tmp_path, gateway):
    (port,) = free_ports(1)
    bad = Sink(tmp_path, "bad", port, "--refuse", "0.2", "--cut", "0.05")
    g = gateway({"otlp_grpc": {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True}, "compression": "gzip",
                               "retry_on_failure": {"initial_interval": "50ms", "max_interval": "200ms"}}})
    report = tmp_path / "load.json"
    subprocess.run([BINARY, "load", f"127.0.0.1:{g.grpc}", "--signals", "traces=1,metrics=1,logs=1", "--items", "50",
                    "--rate", "20k", "--duration", "5s", "-q", "--json", report], stderr=subprocess.DEVNULL, timeout=60)
    harness.wait_until(lambda: total(g.metrics(), "otelcol_exporter_queue_size") == 0, 30, "queues are empty")
    received, sent = bad.stop(), load_json(report)
    assert sent["total"]["items_acknowledged"] > 50_000
    assert missing(ranges(sent, "acknowledged_items"), [received]) == 0
