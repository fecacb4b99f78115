// Sends logs, spans and metrics by the OpenTelemetry SDK's exporters.
// Arguments: grpc | http | proto, port, gzip | none. Prints the ids of what it sent as JSON.
const [protocol, port, compression] = process.argv.slice(1).slice(-3);
const { SpanKind, SpanStatusCode, TraceFlags } = require('@opentelemetry/api');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { LoggerProvider, SimpleLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { MeterProvider, PeriodicExportingMetricReader, AggregationTemporality, AggregationType } =
  require('@opentelemetry/sdk-metrics');
const { CompressionAlgorithm } = require('@opentelemetry/otlp-exporter-base');

const exporters = signal => require(`@opentelemetry/exporter-${signal}-otlp-${protocol}`);
const options = path => ({
  url: protocol === 'grpc' ? `http://127.0.0.1:${port}` : `http://127.0.0.1:${port}/v1/${path}`,
  compression: compression === 'gzip' ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE,
});
const resource = resourceFromAttributes({
  'service.name': 'shop', 'service.namespace': 'web', 'service.instance.id': protocol + '-' + compression,
  'host.name': 'h1', 'process.pid': 42, 'host.tags': ['a', 'b'],
});
const attributes = {
  text: 'caf\u00e9 "quoted"\n', int: 7, big: 9007199254740991, double: 2.5, yes: true,
  texts: ['x', 'y'], ints: [1, 2], doubles: [0.5], bools: [true, false], empty: [],
};
// Errors of exporters are logged, not thrown: they are what this test looks for.
const failures = [];
require('@opentelemetry/api').diag.setLogger({
  error: x => failures.push(String(x)), warn: x => failures.push(String(x)), info() {}, debug() {}, verbose() {},
});

async function sendLogs() {
  const provider = new LoggerProvider({
    resource, processors: [new SimpleLogRecordProcessor(new (exporters('logs').OTLPLogExporter)(options('logs')))],
  });
  const logger = provider.getLogger('log-lib', '2.1.0');
  for (let i = 0; i < 20; i++)
    logger.emit({ severityNumber: 1 + i, severityText: i ? 'LEVEL' + i : undefined, body: `line ${i}`,
      timestamp: [1790000000 + i, 123456789], observedTimestamp: [1790000100, 5], attributes: { ...attributes, i } });
  logger.emit({ severityNumber: 9, body: { user: 'ann', items: [1, 'two', null, { deep: 1.5 }] },
    timestamp: [1790000050, 0], attributes: {} });
  await provider.forceFlush();
  await provider.shutdown();
}

async function sendSpans() {
  const provider = new BasicTracerProvider({
    resource, spanProcessors: [new SimpleSpanProcessor(new (exporters('trace').OTLPTraceExporter)(options('traces')))],
  });
  const tracer = provider.getTracer('span-lib', '0.3.0');
  const { trace, context, ROOT_CONTEXT } = require('@opentelemetry/api');
  const root = tracer.startSpan('GET /cart', { kind: SpanKind.SERVER, startTime: [1790000000, 1], attributes, root: true });
  const within = trace.setSpan(ROOT_CONTEXT, root);
  const ids = { trace: root.spanContext().traceId, root: root.spanContext().spanId, children: [] };
  for (const [i, kind] of [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER].entries()) {
    const child = tracer.startSpan('child ' + i, { kind, startTime: [1790000001, i],
      links: [{ context: { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), traceFlags: TraceFlags.SAMPLED }, attributes: { n: i } }] }, within);
    child.addEvent('fetched', { rows: i, ok: true }, [1790000001, 500 + i]);
    child.setStatus(i === 1 ? { code: SpanStatusCode.ERROR, message: 'no route' } : i === 2 ? { code: SpanStatusCode.OK } : { code: SpanStatusCode.UNSET });
    child.end([1790000001, 1000 * (i + 1)]);
    ids.children.push(child.spanContext().spanId);
  }
  root.end([1790000002, 1]);
  await provider.forceFlush();
  await provider.shutdown();
  return ids;
}

async function sendMetrics(temporality, prefix) {
  const exporter = new (exporters('metrics').OTLPMetricExporter)({ ...options('metrics'), temporalityPreference: temporality });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3600000 });
  const provider = new MeterProvider({ resource, readers: [reader], views: [
    { instrumentName: prefix + '.latency', aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: [5, 50, 500] } } },
    { instrumentName: prefix + '.size', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
  ] });
  const meter = provider.getMeter('meter-lib', '1.0.0');
  const orders = meter.createCounter(prefix + '.orders', { unit: '{order}', description: 'Orders placed.' });
  const carts = meter.createUpDownCounter(prefix + '.carts');
  const latency = meter.createHistogram(prefix + '.latency', { unit: 'ms' });
  const size = meter.createHistogram(prefix + '.size', { unit: 'By' });
  meter.createObservableGauge(prefix + '.load', { unit: '1' }).addCallback(r => r.observe(0.75, { cpu: 0 }));
  for (let round = 0; round < 3; round++) {
    orders.add(5, { 'pay.method': 'card' });
    orders.add(2, { 'pay.method': 'cash' });
    carts.add(round === 1 ? -1 : 2);
    for (const v of [1, 10, 20, 100, 1000])
      latency.record(v, { 'http.route': '/cart' });
    for (const v of [1, 2, 4, 100])
      size.record(v);
    await provider.forceFlush();
    await new Promise(done => setTimeout(done, 20));
  }
  await provider.shutdown();
}

(async () => {
  await sendLogs();
  const ids = await sendSpans();
  await sendMetrics(AggregationTemporality.CUMULATIVE, 'cum');
  await sendMetrics(AggregationTemporality.DELTA, 'del');
  if (failures.length)
    throw new Error(failures.join('; '));
  console.log(JSON.stringify(ids));
})().catch(e => { console.error(e); process.exit(1); });
