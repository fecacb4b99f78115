#!/usr/bin/env python3
"""OTLP: the OpenTelemetry SDK's exporters by gRPC, HTTP/protobuf and HTTP/JSON, plain and gzip; requests the SDK does not
make; partial success; bodies that are none. What was sent is counted and compared attribute by attribute."""
import gzip, json, math, os, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import otlp
from clients import node
from luma import STALE_BITS, Server, Skip, equal, near, run_suite

HERE = os.path.dirname(os.path.abspath(__file__))
T = 1_790_000_000_000_000_000  # 2026-09-21 14:13:20 UTC
SEC = 10 ** 9
JSON = {'Content-Type': 'application/json'}
TRACE, SPAN = bytes(range(1, 17)), bytes(range(1, 9))


def send(s, signal, *items, **more):
    status, _, answer = otlp.post(s, signal, otlp.request(items, **more))
    equal((status, answer), (200, b''), signal)


# ---------------------------------------------------------------- the SDK
ATTRIBUTES = {'text': 'caf\u00e9 "quoted"\n', 'int': 7, 'big': 9007199254740991, 'double': 2.5, 'yes': True, 'texts': ['x', 'y'],
              'ints': [1, 2], 'doubles': [0.5], 'bools': [True, False], 'empty': []}


def sdk_resource(instance):
    return {'service.name': 'shop', 'service.namespace': 'web', 'service.instance.id': instance, 'host.name': 'h1',
            'process.pid': 42, 'host.tags': ['a', 'b']}


def check_sdk_logs(s, instance):
    rows = s.sql('select time_unix_nano, severity_number, severity, service, body, attributes, resource, scope, trace_id, '
                 f"observed_ts from logs where resource->>'service.instance.id' = '{instance}' order by time_unix_nano")
    equal(len(rows), 21)
    plain = [r for r in rows if r[4].startswith('line')]
    for i, (ns, number, severity, service, body, attributes, resource, scope, trace, observed) in enumerate(plain):
        equal((ns, number, severity), (T + i * SEC + 123456789, 1 + i, f'LEVEL{i}' if i else 'TRACE'))
        equal((service, body, trace, observed), ('shop', f'line {i}', None, '2026-09-21 14:15:00+00'))
        equal(attributes, {**ATTRIBUTES, 'i': i})
        equal(resource, sdk_resource(instance))
        equal(scope, {'name': 'log-lib', 'version': '2.1.0'})
    other = [r for r in rows if not r[4].startswith('line')]
    equal((len(plain), len(other)), (20, 1))
    equal(json.loads(other[0][4]), {'user': 'ann', 'items': [1, 'two', None, {'deep': 1.5}]})
    equal(other[0][5], {})


def check_sdk_spans(s, instance, ids):
    rows = s.sql('select span_id, parent_span_id, name, kind, service, status, status_message, start_unix_nano, duration_ns, '
                 f"attributes, resource, scope, events, links from traces where trace_id = '{ids['trace']}' order by name")
    equal([r[0] for r in rows], [ids['root'], *ids['children']])
    equal(rows[0][:9], [ids['root'], None, 'GET /cart', 'server', 'shop', 'unset', None, T + 1, 2 * SEC])
    equal(rows[0][9], ATTRIBUTES)
    equal(rows[0][12:], [[], []])
    for i, row in enumerate(rows[1:]):
        equal(row[1:7], [ids['root'], f'child {i}', ('internal', 'client', 'producer', 'consumer')[i], 'shop',
                         ('unset', 'error', 'ok', 'unset')[i], 'no route' if i == 1 else None])
        equal(row[7:9], [T + SEC + i, 1000 * (i + 1) - i])
        equal(row[10:12], [sdk_resource(instance), {'name': 'span-lib', 'version': '0.3.0'}])
        equal(row[12], [{'name': 'fetched', 'time_unix_nano': T + SEC + 500 + i, 'attributes': {'rows': i, 'ok': True}}])
        equal([{k: link[k] for k in ('trace_id', 'span_id', 'attributes')} for link in row[13]],
              [{'trace_id': 'ab' * 16, 'span_id': 'cd' * 8, 'attributes': {'n': i}}])


def check_sdk_metrics(s, instance):
    base = {'job': 'web/shop', 'instance': instance, 'otel_scope_name': 'meter-lib', 'otel_scope_version': '1.0.0'}

    def instant(query, more=None):
        return s.query(query.replace('{}', f'{{instance="{instance}"}}')).get(tuple(sorted({**base, **(more or {})}.items())))

    for prefix in ('cum', 'del'):
        equal(instant(f'{prefix}_orders_total{{}}', {'__name__': f'{prefix}_orders_total', 'pay_method': 'card'}), 15)
        equal(instant(f'{prefix}_orders_total{{}}', {'__name__': f'{prefix}_orders_total', 'pay_method': 'cash'}), 6)
        equal(instant(f'{prefix}_carts{{}}', {'__name__': f'{prefix}_carts'}), 3)
        equal(instant(f'{prefix}_load_ratio{{}}', {'__name__': f'{prefix}_load_ratio', 'cpu': '0'}), 0.75)
        name, route = f'{prefix}_latency_milliseconds', {'http_route': '/cart'}
        for le, count in (('5', 3), ('50', 9), ('500', 12), ('+Inf', 15)):
            equal(instant(f'{name}_bucket{{}}', {'__name__': f'{name}_bucket', 'le': le, **route}), count)
        equal(instant(f'{name}_count{{}}', {'__name__': f'{name}_count', **route}), 15)
        equal(instant(f'{name}_sum{{}}', {'__name__': f'{name}_sum', **route}), 3393)
        equal(instant(f'histogram_count({prefix}_size_bytes{{}})'), 12)
        equal(instant(f'histogram_sum({prefix}_size_bytes{{}})'), 321)
        near(instant(f'histogram_quantile(0.4, {prefix}_size_bytes{{}})'), 2, tolerance=0.05)
    equal(s.query(f'target_info{{instance="{instance}"}}'),
          {tuple(sorted({'__name__': 'target_info', 'job': 'web/shop', 'instance': instance, 'host_name': 'h1',
                         'process_pid': '42', 'host_tags': '["a","b"]'}.items())): 1})


def check_sdk(protocol, compression):
    with open(os.path.join(HERE, 'sdk.js'), encoding='utf-8') as f:
        script = f.read()
    instance = f'{protocol}-{compression}'
    with Server() as s:
        ids = json.loads(node(script, protocol, s.port('otlp.grpc' if protocol == 'grpc' else 'otlp.http'), compression))
        check_sdk_logs(s, instance)
        check_sdk_spans(s, instance, ids)
        check_sdk_metrics(s, instance)
        equal(s.sql("select type, unit, help from metric_metadata where name = 'cum_orders_total'"),
              [['counter', '{order}', 'Orders placed.']])


def test_sdk_by_grpc():
    check_sdk('grpc', 'none')


def test_sdk_by_grpc_with_gzip():
    check_sdk('grpc', 'gzip')


def test_sdk_by_http_protobuf():
    check_sdk('proto', 'none')


def test_sdk_by_http_protobuf_with_gzip():
    check_sdk('proto', 'gzip')


def test_sdk_by_http_json():
    check_sdk('http', 'none')


def test_sdk_by_http_json_with_gzip():
    check_sdk('http', 'gzip')


# ---------------------------------------------------------------- logs and spans the SDK does not make
def test_logs_times_bodies_and_severities():
    with Server() as s:
        before = time.time_ns()
        send(s, 'logs', otlp.log_record(T + 1, T + 2, 17, '', 'a'), otlp.log_record(0, T + 3_000, 0, 'custom', 5),
             otlp.log_record(body=b'\x00\xff', flags=1, event='boot'), otlp.log_record(T, body='bad \udcff utf8'.encode(
                 'utf-8', 'surrogateescape').decode('latin-1')), otlp.log_record(T, body={'b': [True, None]}, dropped=2),
             resource=[('k', 1), ('k', 2)], scope=('s', '', {'x': 1}))
        rows = s.sql('select time_unix_nano, observed_ts, severity, severity_number, service, body, attributes, resource, scope, '
                     'flags, event_name, ts from logs order by body')
        by_body = {r[5]: r for r in rows}
        equal(len(rows), 5)
        equal(by_body['a'][:5], [T + 1, '2026-09-21 14:13:20+00', 'ERROR', 17, None])
        equal(by_body['5'][0:4], [T + 3000, '2026-09-21 14:13:20.000003+00', 'custom', None])
        equal(by_body['5'][11], '2026-09-21 14:13:20.000003+00')
        assert before <= by_body['"AP8="'][0] <= time.time_ns()
        equal(by_body['"AP8="'][9:11], [1, 'boot'])
        equal(by_body['{"b": [true, null]}'][6], {'otel.dropped_attributes_count': 2})
        equal((rows[0][7], rows[0][8]), ({'k': 2}, {'name': 's', 'attributes': {'x': 1}}))


def test_jsonb_is_what_postgresql_prints():
    attributes = {'zz': 1, 'a': 1e300, 'bb': float('nan'), 'n': -0.0, 'esc': 'tab\t"\\\u0001/\u00e9', 'neg': -2 ** 63, 'inf': -math.inf,
                  'm': {'y': {}, 'x': []}}
    with Server() as s:
        send(s, 'logs', otlp.log_record(T, attrs=attributes))
        text = s.sql('select attributes::text from logs')[0][0]
        equal(text, '{"a": 1' + '0' * 300 + ', "m": {"x": [], "y": {}}, "n": 0, "bb": "NaN", "zz": 1, "esc": '
                    '"tab\\t\\"\\\\\\u0001/\u00e9", "inf": "-Infinity", "neg": -9223372036854775808}')
        equal(s.sql('select attributes = attributes::text::jsonb, attributes::text = attributes::text::jsonb::text from logs'),
              [[True, True]])


def test_malformed_utf8_and_nul_are_replaced_and_counted():
    bad = otlp.pb_bytes(5, otlp.pb_bytes(1, b'x\xff\x00y'))
    with Server() as s:
        send(s, 'logs', otlp.fixed64(1, T) + bad)
        equal(s.sql('select body from logs'), [['x\ufffd\ufffdy']])
        assert 'lumadb_ingest_texts_repaired_total 1' in s.request('GET', '/metrics')[2].decode()


def test_spans_with_everything():
    with Server() as s:
        send(s, 'traces', otlp.span(TRACE, SPAN, T, T + 5, 'n', bytes(8), 9, {'a': [1]}, [(T + 1, 'e', {'x': 'y'})],
                                    [(TRACE, SPAN, {})], (2, 'why'), 'k=v', (1, 2, 3)), resource={'service.name': 'x'})
        equal(s.sql('select trace_id, span_id, parent_span_id, kind, status, status_message, trace_state, duration_ns, attributes '
                    'from traces'),
              [[TRACE.hex(), SPAN.hex(), None, '9', 'error', 'why', 'k=v', 5,
                {'a': [1], 'otel.dropped_links_count': 3, 'otel.dropped_events_count': 2, 'otel.dropped_attributes_count': 1}]])
        equal(s.sql("select events::text, links::text from traces"),
              [[f'[{{"name": "e", "attributes": {{"x": "y"}}, "time_unix_nano": {T + 1}}}]',
                f'[{{"flags": 0, "span_id": "{SPAN.hex()}", "trace_id": "{TRACE.hex()}", "attributes": {{}}, "trace_state": ""}}]']])


# ---------------------------------------------------------------- metrics the SDK does not make
def test_every_metric_kind():
    with Server() as s:
        end = int(time.time()) * SEC
        send(s, 'metrics',
             otlp.metric('req', 'sum', [otlp.number_point(5, end, {'a': 'b'}, end - SEC)], '1'),
             otlp.metric('queue', 'sum', [otlp.number_point(-5, end)], monotonic=False),
             otlp.metric('temp', 'gauge', [otlp.number_point(21.5, end)], 'Cel'),
             otlp.metric('lat', 'histogram', [otlp.histogram_point([1, 2, 3], [0.5, 1e-7 * 1e8], end, sum_=7.5)], 's'),
             otlp.metric('sizes', 'exponential', [otlp.exponential_point(10, (0, [4, 4, 4, 4]), (0, []), 1, end, 9.0)]),
             otlp.metric('rpc', 'summary', [otlp.summary_point(10, 5.0, [(0.5, 1.0), (0.99, 2.0)], end)], 'ms'),
             resource={'service.name': 'x'})

        def names(query):
            return {json.dumps({k: v for k, v in key if k not in ('job',)}, sort_keys=True): v for key, v in s.query(query).items()}

        equal(names('req_total'), {'{"__name__": "req_total", "a": "b"}': 5})
        equal(names('queue'), {'{"__name__": "queue"}': -5})
        equal(names('temp_celsius'), {'{"__name__": "temp_celsius"}': 21.5})
        equal(names('lat_seconds_bucket'), {f'{{"__name__": "lat_seconds_bucket", "le": "{le}"}}': v
                                            for le, v in (('0.5', 1), ('10', 3), ('+Inf', 6))})
        equal(names('rpc_milliseconds'), {f'{{"__name__": "rpc_milliseconds", "quantile": "{q}"}}': v
                                          for q, v in (('0.5', 1), ('0.99', 2))})
        equal(s.query('histogram_count(sizes)'), {(('job', 'x'),): 17})
        equal(s.sql("select histogram->>'schema', histogram->>'zero_count' from metrics where name = 'sizes'"), [['8', '1']])
        equal(s.sql("select name, type, unit from metric_metadata order by 1"),
              [['lat_seconds', 'histogram', 's'], ['queue', 'gauge', None], ['req_total', 'counter', '1'],
               ['rpc_milliseconds', 'summary', 'ms'], ['sizes', 'histogram', None], ['temp_celsius', 'gauge', 'Cel']])
        equal(s.sql("select extract(epoch from ts - start_ts) from metrics where name = 'req_total'")[0][0], 1)


def test_points_without_a_recorded_value_are_staleness_markers():
    with Server() as s:
        send(s, 'metrics', otlp.metric('g', 'gauge', [otlp.number_point(1.0, T), otlp.number_point(None, T + SEC, flags=1)]),
             otlp.metric('h', 'histogram', [otlp.histogram_point([1, 1], [1.0], T), otlp.histogram_point([0, 0], [1.0], T + SEC, flags=1)]),
             otlp.metric('e', 'exponential', [otlp.exponential_point(0, (0, [1]), (0, []), 0, T),
                                              otlp.exponential_point(0, (0, []), (0, []), 0, T + SEC, flags=1)]))
        equal(s.sql('select name, count(*), sum(case when stale then 1 else 0 end) from metrics group by name order by name'),
              [['e', 2, 1], ['g', 2, 1], ['h_bucket', 4, 2], ['h_count', 2, 1]])
        equal(s.query('g', (T + SEC) // SEC), {})
        equal(s.query('histogram_count(e)', (T + SEC) // SEC), {})


def test_exemplars_go_to_the_bucket_that_holds_them():
    with Server() as s:
        exemplars = [otlp.exemplar(0.3, T, TRACE, SPAN, {'user': 'ann', 'n': 1}), otlp.exemplar(99, 0)]
        send(s, 'metrics', otlp.metric('h', 'histogram', [otlp.histogram_point([1, 0, 1], [0.5, 10], T, exemplars=exemplars)]),
             otlp.metric('c', 'sum', [otlp.number_point(1, T, exemplars=[otlp.exemplar(1.5, T + SEC)])]))
        equal(s.sql("select name, labels->>'le', value, trace_id, span_id, attributes, extract(epoch from ts)::bigint from exemplars order by name, value"),
              [['c_total', None, 1.5, None, None, {}, T // SEC + 1],
               ['h_bucket', '0.5', 0.3, TRACE.hex(), SPAN.hex(), {'n': '1', 'user': 'ann'}, T // SEC],
               ['h_bucket', '+Inf', 99, None, None, {}, T // SEC]])


def test_labels_collide_and_attributes_of_every_type_become_text():
    attributes = [('http.method', 'b'), ('http_method', 'a'), ('1st', 'x'), ('_u', 'y'), ('flag', True), ('pi', 3.25), ('tiny', 1e-7),
                  ('bytes', b'\x00\xff'), ('list', [1, '<&>']), ('map', {'b': 1, 'a': None}), ('none', None), ('job', 'mine')]
    with Server() as s:
        send(s, 'metrics', otlp.metric('m', 'gauge', [otlp.number_point(1.0, T, attributes)]),
             resource={'service.name': 'svc', 'service.namespace': 'ns'})
        equal(s.sql("select labels from metrics where name = 'm'"),
              [[{'job': 'ns/svc', 'http_method': 'b;a', 'key_1st': 'x', 'key_u': 'y', 'flag': 'true', 'pi': '3.25', 'tiny': '1e-7',
                 'bytes': 'AP8=', 'list': '[1,"\\u003c\\u0026\\u003e"]', 'map': '{"a":null,"b":1}'}]])
        equal(s.sql("select count(*) from metrics where name = 'target_info'"), [[0]])


def test_translation_strategies_and_promotion():
    item = otlp.metric('http.request.size', 'sum', [otlp.number_point(1, T, {'http.route': '/'})], 'By/s')
    more = {'resource': {'service.name': 'x', 'host.name': 'h'}, 'scope': ('lib', '1', {'k.k': 'v'})}
    expected = {
        'UnderscoreEscapingWithSuffixes': ('http_request_size_bytes_per_second_total', 'http_route', 'otel_scope_k_k'),
        'UnderscoreEscapingWithoutSuffixes': ('http_request_size', 'http_route', 'otel_scope_k_k'),
        'NoUTF8EscapingWithSuffixes': ('http.request.size_bytes_per_second_total', 'http.route', 'otel_scope_k.k'),
        'NoTranslation': ('http.request.size', 'http.route', 'otel_scope_k.k'),
    }
    for strategy, (name, route, scope) in expected.items():
        with Server(f'--otlp.translation_strategy={strategy}') as s:
            send(s, 'metrics', item, **more)
            equal(s.sql("select name, labels from metrics where name like 'http%'"),
                  [[name, {route: '/', scope: 'v', 'job': 'x', 'otel_scope_name': 'lib', 'otel_scope_version': '1'}]], strategy)
    with Server('--otlp.promote_resource_attributes=host.name, nosuch', '--otlp.promote_scope_metadata=false') as s:
        send(s, 'metrics', item, **more)
        equal(s.sql("select labels from metrics where name like 'http%'"), [[{'http_route': '/', 'job': 'x', 'host_name': 'h'}]])


# ---------------------------------------------------------------- deltas
def test_deltas_are_added_up_and_go_on_after_a_crash():
    def points(n):
        at = T + n * 10 * SEC
        return [otlp.metric('c', 'sum', [otlp.number_point(n, at, {'k': 'v'}, at - 10 * SEC)], temporality=otlp.DELTA),
                otlp.metric('h', 'histogram', [otlp.histogram_point([n, 1], [1.0], at, sum_=0.5, start_ns=at - 10 * SEC)],
                            temporality=otlp.DELTA),
                otlp.metric('e', 'exponential', [otlp.exponential_point(2 - n % 3, (n, [1, n]), (0, [1]), 1, at, 0.5,
                                                                        start_ns=at - 10 * SEC)], temporality=otlp.DELTA)]

    with Server() as s:
        for n in range(1, 4):
            send(s, 'metrics', *points(n))
        s.kill()
        s.start()
        for n in range(3, 6):  # the third is sent again: its sender saw no answer
            send(s, 'metrics', *points(n))
        at = T // SEC + 50
        for name, value in (('c_total', 15), ('h_count', 20), ('h_sum', 2.5), ('h_bucket{le="1"}', 15), ('h_bucket{le="+Inf"}', 20),
                            ('histogram_count(e)', 15 + 5 * 3), ('histogram_sum(e)', 2.5)):
            equal(list(s.query(name, at).values()), [value], name)
        equal(s.sql("select extract(epoch from ts)::bigint, value from metrics where name = 'c_total' order by ts"),
              [[T // SEC + n * 10, n * (n + 1) // 2] for n in range(1, 6)])
        equal(s.sql("select count(distinct start_ts), min(extract(epoch from start_ts))::bigint from metrics where name = 'c_total'"),
              [[1, T // SEC]])


# ---------------------------------------------------------------- partial success, errors
def test_partial_success_is_exact():
    ids_bad = [otlp.span(TRACE[:15], SPAN, T, T), otlp.span(TRACE, bytes(8), T, T), otlp.span(TRACE, SPAN, 1 << 63, T)]
    with Server() as s:
        status, _, answer = otlp.post(s, 'traces', otlp.request([*ids_bad, otlp.span(TRACE, SPAN, T, T)]))
        count, message = otlp.rejected(answer)
        equal((status, count), (200, 3))
        assert '3 of 4 items were refused (1 timestamp out of range, 2 bad trace or span id)' in message, message
        status, _, answer = otlp.post(s, 'logs', otlp.request([otlp.log_record(1 << 63), otlp.log_record(T), otlp.log_record(T)]))
        equal((status, otlp.rejected(answer)[0]), (200, 1))
        points = [otlp.number_point(1, 0), otlp.number_point(None, T), otlp.number_point(1, T, {'\u5b57': 1}), otlp.number_point(2, T)]
        bounds = otlp.histogram_point([1, 2], [5.0, 4.0], T)
        coarse = otlp.exponential_point(-5, (0, [1]), (0, []), 0, T)
        status, _, answer = otlp.post(s, 'metrics', otlp.request([
            otlp.metric('g', 'gauge', points), otlp.metric('h', 'histogram', [bounds]), otlp.metric('e', 'exponential', [coarse]),
            otlp.metric('t', 'sum', [otlp.number_point(1, T), otlp.number_point(2, T)], temporality=0)]))
        equal((status, otlp.rejected(answer)[0]), (200, 7))
        equal(s.sql('select (select count(*) from traces), (select count(*) from logs), (select count(*) from metrics)'), [[1, 2, 1]])
        text = s.request('GET', '/metrics')[2].decode()
        for line in ('lumadb_otlp_refused_total{signal="traces"} 3', 'lumadb_otlp_refused_total{signal="metrics"} 7',
                     'lumadb_otlp_accepted_total{signal="logs"} 2', 'lumadb_ingest_refused_total{reason="id"} 2'):
            assert line in text, line


def test_partial_success_in_json():
    body = {'resourceSpans': [{'scopeSpans': [{'spans': [{'traceId': TRACE.hex(), 'spanId': SPAN.hex(), 'startTimeUnixNano': str(T)},
                                                        {'traceId': '', 'spanId': SPAN.hex(), 'startTimeUnixNano': T}]}]}]}
    with Server() as s:
        status, headers, answer = s.request('POST', '/v1/traces', json.dumps(body), JSON, 'otlp.http')
        partial = json.loads(answer)['partialSuccess']
        equal((status, headers['content-type'], partial['rejectedSpans']), (200, 'application/json', '1'))
        assert '1 of 2 items were refused' in partial['errorMessage']
        equal(s.sql('select duration_ns, count(*) from traces group by 1'), [[None, 1]])


def test_bodies_that_are_none_store_nothing():
    good = otlp.request([otlp.log_record(T, body='x' * 100), otlp.log_record(T, body='y')])
    with Server() as s:
        for body in (good[:-1], b'\xff' * 20, otlp.pb_int(1, 5), otlp.pb_bytes(1, otlp.pb_bytes(2, otlp.pb_int(2, 1)))):
            status, headers, answer = otlp.post(s, 'logs', body)
            equal((status, headers['content-type'], dict(otlp.fields(answer))[1]), (400, 'application/x-protobuf', 3))
            assert b'not a valid OTLP request' in answer
        for body in ('', 'x', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}'):
            status, headers, answer = s.request('POST', '/v1/logs', body, JSON, 'otlp.http')
            equal((status, headers['content-type'], json.loads(answer)['code']), (400, 'application/json', 3))
        swarm = otlp.pb_bytes(1, otlp.pb_bytes(2, b'\x12\x00' * 600_000))  # much of nothing
        equal(otlp.post(s, 'logs', swarm)[0], 400)
        swarm = otlp.metric('m', 'summary', [otlp.fixed64(3, T) + b'\x32\x00' * 5_000_000])
        equal(otlp.post(s, 'metrics', otlp.request([swarm]))[0], 400)
        equal(s.request('POST', '/v1/logs', good, {'Content-Type': 'text/plain'}, 'otlp.http')[0], 415)
        equal(otlp.post(s, 'logs', b'no gzip', **{'Content-Encoding': 'gzip'})[0], 400)
        equal(s.request('GET', '/v1/logs', listener='otlp.http')[0], 405)
        equal(otlp.post(s, 'profiles', good)[0], 404)
        equal(s.sql('select count(*) from logs'), [[0]])


def test_large_messages_and_the_other_ports():
    records = [otlp.log_record(T + i, body='word ' * 200 + str(i), attrs={'i': i}) for i in range(21000)]
    body = otlp.request(records, resource={'service.name': 'big'})
    assert len(body) > 20 * 2 ** 20, len(body)
    with Server() as s:
        equal(otlp.post(s, 'logs', body)[0], 200)
        equal(otlp.post(s, 'logs', gzip.compress(body, 1), **{'Content-Encoding': 'gzip'})[0], 200)
        equal(s.sql("select count(*), count(distinct attributes), min(body), count(distinct service) from logs"),
              [[42000, 21000, 'word ' * 200 + '0', 1]])
        item = otlp.request([otlp.metric('m', 'gauge', [otlp.number_point(1.0, T)])])
        equal(otlp.post(s, 'metrics', item, 'http')[0], 200)
        equal(otlp.post(s, 'metrics', item, 'prometheus', '/api/v1/otlp/v1/metrics')[0], 200)
        equal(otlp.post(s, 'metrics', item, 'prometheus')[0], 404)


def test_what_the_server_cannot_take_now_is_retryable():
    body = otlp.request([otlp.log_record(T + i, body='x' * 2000) for i in range(20)])
    with Server('--memory.hot_bytes=16MiB') as s:
        for _ in range(1000):
            status, headers, answer = otlp.post(s, 'logs', body)
            if status != 200:
                break
        equal((status, headers.get('retry-after')), (503, '1'))
        equal(dict(otlp.fields(answer))[1] if answer[:1] != b'{' else json.loads(answer)['code'], 14)
        stored = s.sql('select count(*) from logs')[0][0]
        equal(stored % 20, 0)
        out = node(GRPC_CALL, s.port('otlp.grpc'), body.hex())
        code, details = json.loads(out)
        equal(code, 14)
        assert 'google.rpc.RetryInfo' in details, details


GRPC_CALL = """
const grpc = require('@grpc/grpc-js');
const [port, hex] = process.argv.slice(1).slice(-2);
const client = new grpc.Client('127.0.0.1:' + port, grpc.credentials.createInsecure());
const raw = x => x;
client.makeUnaryRequest('/opentelemetry.proto.collector.logs.v1.LogsService/Export', raw, raw, Buffer.from(hex, 'hex'),
  e => { const d = e && e.metadata.get('grpc-status-details-bin')[0];
         console.log(JSON.stringify([e ? e.code : 0, d ? d.toString('latin1') : '']));
         client.close(); });
"""


def test_grpc_refuses_what_is_no_message():
    with Server() as s:
        code, _ = json.loads(node(GRPC_CALL, s.port('otlp.grpc'), b'\xff\xff\xff'.hex()))
        equal(code, 3)
        equal(s.sql('select count(*) from logs'), [[0]])


if __name__ == '__main__':
    run_suite(globals())
