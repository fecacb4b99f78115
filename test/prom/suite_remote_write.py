#!/usr/bin/env python3
"""Remote write: our own requests with every odd value, and a real Prometheus that sends a node-exporter's data."""
import json, math, os, shutil, struct, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import (STALE_BITS, Server, Skip, equal, eventually, free_port, label_bytes, pb_bytes, pb_double, pb_int,
                  run_suite, snappy, write_request)

HEADERS = {'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy'}


def name(metric, **labels):
    return {'__name__': metric, **labels}


def test_values_come_back_bit_for_bit():
    odd = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.pi, 2.0 ** 53 + 2, -1e-7]
    t0 = int(time.time() * 1000) - 600_000
    with Server() as s:
        equal(s.write([(name('odd'), [(t0 + i * 1000, v) for i, v in enumerate(odd)])])[0], 204)
        data = s.api('query', query='odd[1h]', time=(t0 + 60_000) / 1000)
        got = [float(v) for _, v in data['result'][0]['values']]
        equal([struct.pack('<d', x) for x in got], [struct.pack('<d', x) for x in odd])
        body = s.request('POST', '/api/v1/sql?format=csv', b'select value from prom.odd order by ts', {}, 'http')[2]
        equal([struct.pack('<d', float(x)) for x in body.decode().split()[1:]], [struct.pack('<d', x) for x in odd], 'SQL')


def test_order_and_age_never_refuse_a_sample():
    now = int(time.time() * 1000)
    times = [now, now - 86_400_000, 0, -1000, now - 5000, 253402300799000]
    with Server() as s:
        for i, t in enumerate(times):
            equal(s.write([(name('late'), [(t, i)])])[0], 204)
        rows = s.sql("select extract(epoch from ts) * 1000, value from prom.late order by ts")
        equal([(int(float(r[0])), int(r[1])) for r in rows], sorted((t, i) for i, t in enumerate(times)))


def test_the_later_write_of_one_instant_wins():
    t = int(time.time() * 1000)
    with Server() as s:
        for v in (1, 2, 3):
            equal(s.write([(name('twice'), [(t, v), (t - 1000, -v)])])[0], 204)
        data = s.api('query', query='twice[5m]', time=t / 1000)
        equal([float(v) for _, v in data['result'][0]['values']], [-3.0, 3.0])
        equal(s.sql('select count(*), sum(value) from prom.twice'), [[2, 0]])


def test_what_cannot_be_decoded_stores_nothing():
    good = write_request([(name('whole'), [(1000, 1)])])
    cases = [good[:-3], good + b'\xff\xff', b'\x0a\x05ab', b'not snappy at all']
    with Server() as s:
        for body in cases[:3]:
            status, _, text = s.request('POST', '/api/v1/write', snappy(body), HEADERS)
            equal(status, 400, text)
        equal(s.request('POST', '/api/v1/write', cases[3], HEADERS)[0], 400)
        equal(s.request('POST', '/api/v1/write', good, {'Content-Type': 'text/plain'})[0], 415)
        equal(s.sql('select count(*) from metrics'), [[0]])


def test_good_items_are_stored_and_bad_ones_counted():
    far = 2 ** 62
    twice = pb_bytes(1, label_bytes({'__name__': 'm', 'a': '1'}) + pb_bytes(1, pb_bytes(1, 'a') + pb_bytes(2, '2'))
                     + pb_bytes(2, pb_double(1, 1) + pb_int(2, 1000)))
    body = write_request([(name('fine'), [(1000, 1), (far, 2), (2000, 3)])]) + twice
    with Server() as s:
        status, headers, text = s.request('POST', '/api/v1/write', snappy(body), HEADERS)
        equal(status, 400, text)
        assert b'2 of 4' in text and b'bad label set' in text and b'timestamp out of range' in text, text
        equal(headers['x-prometheus-remote-write-samples-written'], '2')
        equal(s.sql('select value from prom.fine order by ts'), [[1], [3]])
        metrics = s.request('GET', '/metrics')[2].decode()
        assert 'lumadb_ingest_refused_total{reason="labels"} 1' in metrics
        assert 'lumadb_ingest_refused_total{reason="timestamp"} 1' in metrics


def test_staleness_ends_a_series_at_once():
    t = int(time.time() * 1000) // 1000 * 1000
    stale = struct.pack('<Q', STALE_BITS)
    with Server() as s:
        equal(s.write([(name('gone'), [(t - 30_000, 1), (t - 15_000, stale)])])[0], 204)
        equal(s.query('gone', (t - 16_000) / 1000), {(('__name__', 'gone'),): 1.0})
        equal(s.query('gone', t / 1000), {})
        equal(s.sql("select value, stale from metrics where name = 'gone' order by ts"), [[1, False], [None, True]])


def test_metadata_and_exemplars_are_kept():
    t = int(time.time() * 1000)
    exemplar = pb_bytes(3, pb_bytes(1, pb_bytes(1, 'trace_id') + pb_bytes(2, 'abc')) + pb_double(2, 1.5) + pb_int(3, t))
    series = pb_bytes(1, label_bytes(name('http_requests_total', job='api'))
                      + pb_bytes(2, pb_double(1, 10) + pb_int(2, t)) + exemplar)
    body = series + write_request([], metadata=[(1, 'http_requests_total', 'Requests so far.', '')])
    with Server() as s:
        equal(s.request('POST', '/api/v1/write', snappy(body), HEADERS)[0], 204)
        equal(s.api('metadata')['http_requests_total'],
              [{'type': 'counter', 'help': 'Requests so far.', 'unit': ''}])
        got = s.api('query_exemplars', query='http_requests_total', start=t / 1000 - 10, end=t / 1000 + 10)
        equal(got[0]['exemplars'][0]['labels'], {'trace_id': 'abc'})
        equal(s.sql("select name, type, help from metric_metadata"),
              [['http_requests_total', 'counter', 'Requests so far.']])
        equal(s.sql("select trace_id, value from exemplars"), [['abc', 1.5]])


def test_native_histograms_are_stored_and_returned():
    t = int(time.time() * 1000)
    span = pb_bytes(11, pb_int(1, 0) + pb_int(2, 3))
    deltas = pb_bytes(12, bytes([4, 2, 1]))  # zigzag: +2 +1 -1 -> 2 3 2
    h = (pb_int(1, 8) + pb_double(3, 9.5) + pb_int(4, 0) + pb_double(5, 0.001) + pb_int(6, 1) + span + deltas
         + pb_int(15, t))
    body = pb_bytes(1, label_bytes(name('native', job='h')) + pb_bytes(4, h))
    with Server() as s:
        equal(s.request('POST', '/api/v1/write', snappy(body), HEADERS)[0], 204)
        data = s.api('query', query='native', time=t / 1000)
        histogram = data['result'][0]['histogram'][1]
        equal((histogram['count'], histogram['sum']), ('8', '9.5'))
        equal([b[3] for b in histogram['buckets']], ['1', '2', '3', '2'])
        equal(s.query('histogram_count(native)', t / 1000), {(('job', 'h'),): 8.0})


def test_sql_and_promql_agree_on_the_same_data():
    t0 = int(time.time()) // 60 * 60 * 1000 - 3_600_000
    series = [(name('cpu', host=f'h{h}', core=str(c)), [(t0 + i * 15000, (h * 7 + c) * i % 101 / 4) for i in range(100)])
              for h in range(8) for c in range(3)]
    with Server() as s:
        equal(s.write(series)[0], 204)
        at = (t0 + 99 * 15000) / 1000
        by_promql = {dict(k)['host']: v for k, v in s.query('sum by (host) (sum_over_time(cpu[2h]))', at).items()}
        by_sql = {h: v for h, v in s.sql('select host, sum(value) from prom.cpu group by host')}
        equal(by_sql, by_promql)
        equal({h: c for h, c in s.sql("select labels->>'host', count(*) from metrics where name = 'cpu' group by 1")},
              {f'h{h}': 300 for h in range(8)})
        last = {dict(k)['core']: v for k, v in s.query('max by (core) (cpu)', at).items()}
        rows = s.sql(f"select core, max(value) from prom.cpu where ts = to_timestamp({at}) group by core")
        equal(dict(rows), last)
        # promql() as a table
        rows = s.sql(f"select host, value from promql('sum by (host) (cpu)', to_timestamp({at}), to_timestamp({at}), "
                     "interval '1 minute') order by host")
        equal(dict(rows), {dict(k)['host']: v for k, v in s.query('sum by (host) (cpu)', at).items()})


def test_a_real_prometheus_sends_node_exporter_data():
    for tool in ('prometheus', 'prometheus-node-exporter'):
        if not shutil.which(tool):
            raise Skip(tool + ' is not installed')
    folder = tempfile.mkdtemp(prefix='luma-prom-')
    exporter_port, prom_port = free_port(), free_port()
    started = []
    try:
        with Server() as s:
            with open(folder + '/prometheus.yml', 'w') as f:
                f.write(f'''global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: node
  static_configs: [{{targets: ["127.0.0.1:{exporter_port}"]}}]
remote_write:
- url: http://127.0.0.1:{s.port('prometheus')}/api/v1/write
  send_exemplars: true
  queue_config: {{batch_send_deadline: 200ms}}
  metadata_config: {{send_interval: 1s}}
''')
            started.append(subprocess.Popen(['prometheus-node-exporter', f'--web.listen-address=127.0.0.1:{exporter_port}'],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            started.append(subprocess.Popen(
                ['prometheus', f'--config.file={folder}/prometheus.yml', f'--storage.tsdb.path={folder}/data',
                 f'--web.listen-address=127.0.0.1:{prom_port}'], stdout=subprocess.DEVNULL,
                stderr=open(folder + '/log', 'w')))

            def prometheus(path, **params):
                import urllib.parse, urllib.request
                url = f'http://127.0.0.1:{prom_port}/api/v1/{path}?' + urllib.parse.urlencode(params)
                return json.load(urllib.request.urlopen(url, timeout=10))['data']

            eventually(lambda: len(s.query('node_cpu_seconds_total')) > 0, 40)
            time.sleep(8)
            until = int(time.time()) - 4
            start = until - 5
            # Everything that Prometheus holds in this window is here, sample by sample.
            their = prometheus('query', query='{job="node"}[5s]', time=until)['result']
            ours = s.api('query', query='{job="node"}[5s]', time=until)['result']
            key = lambda r: tuple(sorted(r['metric'].items()))
            # Prometheus 2.42 ranges are closed on the left, ours (3.0 semantics) are open.
            left = lambda values: [v for v in values if v[0] > start]
            theirs = {key(r): left(r['values']) for r in their if left(r['values'])}
            equal(len(ours), len(theirs), 'series')
            assert len(theirs) > 200, len(theirs)
            equal({key(r): r['values'] for r in ours}, theirs, 'samples')
            eventually(lambda: 'node_cpu_seconds_total' in s.api('metadata'), 30)
            out = subprocess.run(['promtool', 'query', 'instant', f'http://127.0.0.1:{s.port("prometheus")}',
                                  'count(node_cpu_seconds_total)'], capture_output=True, text=True)
            equal(out.returncode, 0, out.stderr)
            assert '=>' in out.stdout, out.stdout
    finally:
        for p in started:
            p.terminate()
            p.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    run_suite(globals())
