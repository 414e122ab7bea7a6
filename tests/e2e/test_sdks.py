"""OpenTelemetry SDKs for Python and JavaScript through the gateway, into backends that decode with the official classes."""
import json
import logging
import subprocess

import harness
import pytest
from conftest import otlp_grpc, otlp_http
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context


def python_exporters(protocol, gateway, compression):
    if protocol == "grpc":
        from grpc import Compression
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        how = {"none": Compression.NoCompression, "gzip": Compression.Gzip}[compression]
        common = dict(endpoint=f"127.0.0.1:{gateway.grpc}", insecure=True, compression=how)
        return OTLPSpanExporter(**common), OTLPMetricExporter(**common), OTLPLogExporter(**common)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    how = {"none": Compression.NoCompression, "gzip": Compression.Gzip}[compression]
    base = f"http://127.0.0.1:{gateway.http}/v1"
    return (
        OTLPSpanExporter(endpoint=f"{base}/traces", compression=how),
        OTLPMetricExporter(endpoint=f"{base}/metrics", compression=how),
        OTLPLogExporter(endpoint=f"{base}/logs", compression=how),
    )


def send_with_python(protocol, gateway, compression, count):
    span_exporter, metric_exporter, log_exporter = python_exporters(protocol, gateway, compression)
    resource = Resource.create({"service.name": "python-e2e", "answer": 42})
    spans = []
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(span_exporter, max_queue_size=100_000))
    tracer = tracing.get_tracer("e2e", "0.1")
    for i in range(count):
        parent = tracer.start_span(f"request {i}", kind=SpanKind.SERVER,
                                   attributes={"http.route": "/a", "i": i, "ratio": i / 3, "ok": True, "tags": ["x", "y"]})
        child = tracer.start_span("query", context=set_span_in_context(parent), kind=SpanKind.CLIENT)
        child.add_event("retry", {"attempt": i})
        child.set_status(Status(StatusCode.ERROR, "gone"))
        child.end()
        parent.end()
        spans += [child, parent]
    assert tracing.force_flush(20_000)
    reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=3_600_000)
    metering = MeterProvider(metric_readers=[reader], resource=resource)
    meter = metering.get_meter("e2e")
    meter.create_counter("requests", unit="1").add(count, {"route": "/a"})
    histogram = meter.create_histogram("latency", unit="ms")
    for i in range(count):
        histogram.record(i, {"route": "/a"})
    assert metering.force_flush(20_000)
    logs = LoggerProvider(resource=resource)
    logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter, max_queue_size=100_000))
    logger = logging.getLogger(f"e2e.{protocol}.{compression}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(LoggingHandler(logger_provider=logs))
    for i in range(count):
        logger.info("line %d \u00e4\u20ac", i, extra={"i": i})
    assert logs.force_flush(20_000)
    tracing.shutdown(), metering.shutdown(), logs.shutdown()
    return spans


def value_of(any_value):
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return tuple(value_of(v) for v in any_value.array_value.values)
    return getattr(any_value, kind) if kind else None


def attributes_of(message):
    return {a.key: value_of(a.value) for a in message.attributes}


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_python_sdk_every_field_arrives(gateway, grpc_backend, http_backend, protocol, compression):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend, compression=compression),
                 "otlp_http": otlp_http(http_backend, compression=compression)})
    count = 700  # several batches of 512
    spans = send_with_python(protocol, g, compression, count)
    for backend in (grpc_backend, http_backend):
        harness.wait_until(lambda: sum(len(s.spans) for r in backend.merged("traces").resource_spans
                                       for s in r.scope_spans) >= len(spans), 15, "all spans")
        harness.wait_until(lambda: backend.of("metrics"), 15, "metrics")
        harness.wait_until(lambda: sum(len(s.log_records) for r in backend.merged("logs").resource_logs
                                       for s in r.scope_logs) >= count, 15, "all logs")
        if backend is http_backend and compression == "gzip":
            assert {r.coding for r in backend.received} == {"gzip"}
        got = {}
        for r in backend.merged("traces").resource_spans:
            assert attributes_of(r.resource)["service.name"] == "python-e2e"
            assert attributes_of(r.resource)["answer"] == 42
            for s in r.scope_spans:
                assert (s.scope.name, s.scope.version) == ("e2e", "0.1")
                for span in s.spans:
                    assert span.span_id not in got, "a span came twice"
                    got[span.span_id] = span
        assert len(got) == len(spans)
        for sent in spans:
            span = got[sent.context.span_id.to_bytes(8, "big")]
            assert span.trace_id == sent.context.trace_id.to_bytes(16, "big")
            assert span.name == sent.name
            assert span.parent_span_id == (sent.parent.span_id.to_bytes(8, "big") if sent.parent else b"")
            assert (span.start_time_unix_nano, span.end_time_unix_nano) == (sent.start_time, sent.end_time)
            assert attributes_of(span) == dict(sent.attributes)
            assert [(e.name, attributes_of(e)) for e in span.events] == [(e.name, dict(e.attributes)) for e in sent.events]
            assert span.status.message == (sent.status.description or "")
            assert span.kind == sent.kind.value + 1
        points = {m.name: m for r in backend.merged("metrics").resource_metrics for s in r.scope_metrics for m in s.metrics}
        assert points["requests"].sum.data_points[0].as_int == count
        histogram = points["latency"].histogram.data_points[0]
        assert (histogram.count, histogram.sum) == (count, sum(range(count)))
        # Requests are sent side by side: their order at the backend is nobody's promise.
        records = sorted((rec for r in backend.merged("logs").resource_logs for s in r.scope_logs for rec in s.log_records),
                         key=lambda rec: attributes_of(rec)["i"])
        assert [rec.body.string_value for rec in records] == [f"line {i} \u00e4\u20ac" for i in range(count)]
        assert [attributes_of(rec)["i"] for rec in records] == list(range(count))
    metrics = g.metrics()
    assert harness.total(metrics, "otelcol_receiver_accepted_spans") == len(spans)
    assert harness.total(metrics, "otelcol_receiver_accepted_log_records") == count
    assert harness.total(metrics, "otelcol_exporter_sent_spans") == 2 * len(spans)


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["grpc", "proto"])
def test_javascript_sdk_every_item_arrives(gateway, grpc_backend, http_backend, protocol, compression):
    g = gateway({"otlp_grpc": otlp_grpc(grpc_backend), "otlp_http": otlp_http(http_backend)})
    endpoint = f"http://127.0.0.1:{g.grpc if protocol == 'grpc' else g.http}"
    count = 300
    done = subprocess.run([harness.ROOT / ".venv/bin/node", "send.mjs", protocol, endpoint, compression, str(count)],
                          cwd=harness.ROOT / "tests/e2e/js", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    sent = json.loads(done.stdout)
    for backend in (grpc_backend, http_backend):
        harness.wait_until(lambda: sum(len(s.spans) for r in backend.merged("traces").resource_spans
                                       for s in r.scope_spans) >= 2 * count, 15, "all spans")
        harness.wait_until(lambda: backend.of("metrics"), 15, "metrics")
        harness.wait_until(lambda: sum(len(s.log_records) for r in backend.merged("logs").resource_logs
                                       for s in r.scope_logs) >= count, 15, "all logs")
        spans = [s for r in backend.merged("traces").resource_spans for sc in r.scope_spans for s in sc.spans]
        assert sorted((s.name, s.trace_id.hex(), s.span_id.hex()) for s in spans) == sorted(
            (s["name"], s["trace"], s["span"]) for s in sent["spans"])
        parents = {s.span_id for s in spans if not s.parent_span_id}
        assert all(s.parent_span_id in parents for s in spans if s.name == "query")
        sample = next(s for s in spans if s.name == "request 7")
        assert attributes_of(sample) == {"http.route": "/a/{b}", "i": 7, "ratio": 7 / 3, "ok": True, "tags": ("x", "y")}
        points = {m.name: m for r in backend.merged("metrics").resource_metrics for s in r.scope_metrics for m in s.metrics}
        counter = points["requests"].sum.data_points[0]
        assert counter.as_double + counter.as_int == count
        assert points["latency"].histogram.data_points[0].count == count
        bodies = [rec.body.string_value for r in backend.merged("logs").resource_logs
                  for s in r.scope_logs for rec in s.log_records]
        assert sorted(bodies) == sorted(sent["logs"])
