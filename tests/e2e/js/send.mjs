// Sends one known set of spans, metrics and log records through the OpenTelemetry SDK for JavaScript.
//   node send.mjs grpc|proto ENDPOINT none|gzip COUNT
// Prints what was sent as JSON, so that the test can look for exactly that.
import { SpanKind, SpanStatusCode, trace, context } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { LoggerProvider, BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';

const [protocol, endpoint, compression, countText] = process.argv.slice(2);
const count = Number(countText);
const load = (signal) => import(`@opentelemetry/exporter-${signal}-otlp-${protocol}`);
const { OTLPTraceExporter } = await load('trace');
const { OTLPMetricExporter } = await load('metrics');
const { OTLPLogExporter } = await load('logs');
const options = (path) => ({ url: protocol === 'grpc' ? endpoint : `${endpoint}/v1/${path}`, compression });
const resource = resourceFromAttributes({ 'service.name': 'js-e2e', 'service.version': '1.2.3', 'run.protocol': protocol });

const spans = [];
const tracing = new BasicTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(options('traces')), { maxQueueSize: 100000 })],
});
const tracer = tracing.getTracer('e2e', '0.1');
for (let i = 0; i < count; ++i) {
  const parent = tracer.startSpan(`request ${i}`, { kind: SpanKind.SERVER, attributes: { 'http.route': '/a/{b}', i, ratio: i / 3, ok: true, tags: ['x', 'y'] } });
  const child = tracer.startSpan('query', { kind: SpanKind.CLIENT }, trace.setSpan(context.active(), parent));
  child.addEvent('retry', { attempt: i });
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'gone' });
  child.end();
  parent.end();
  for (const s of [child, parent]) spans.push({ name: s.name, trace: s.spanContext().traceId, span: s.spanContext().spanId });
}
await tracing.forceFlush();

const metering = new MeterProvider({ resource, readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(options('metrics')), exportIntervalMillis: 3600000 })] });
const meter = metering.getMeter('e2e');
meter.createCounter('requests', { unit: '1' }).add(count, { route: '/a' });
const histogram = meter.createHistogram('latency', { unit: 'ms' });
for (let i = 0; i < count; ++i) histogram.record(i, { route: '/a' });
await metering.forceFlush();

const logging = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor(new OTLPLogExporter(options('logs')), { maxQueueSize: 100000 })] });
const logger = logging.getLogger('e2e');
const logs = [];
for (let i = 0; i < count; ++i) {
  logger.emit({ severityNumber: 9, severityText: 'INFO', body: `line ${i} \u00e4\u20ac`, attributes: { i, nested: { a: 1 } } });
  logs.push(`line ${i} \u00e4\u20ac`);
}
await logging.forceFlush();
await Promise.all([tracing.shutdown(), metering.shutdown(), logging.shutdown()]);
console.log(JSON.stringify({ spans, logs, counter: count }));
