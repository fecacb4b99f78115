#!/usr/bin/env python3
"""A server for which 256 MiB must do: a hundred worst-case queries of SQL and PromQL at once, while metrics and logs come
in. Each query ends with an answer or is told that there is no memory; resident memory never passes the limit; what was
acknowledged is found."""
import json, os, sys, threading, time, urllib.parse

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), x) for x in ('.', '../lib', '../crash')]
import otlp
from crash import Postgres
from luma import Server, run_suite

LIMIT = 256 << 20
COUNT = int(os.environ.get('CEILING_QUERIES', '100'))
FLAGS = ('--memory.hot_bytes=64MiB', '--memory.queries_bytes=64MiB', '--query.bytes_max=32MiB', '--query.timeout=10s',
         '--query.spill_bytes_max=1GiB')
SERIES, LOGS = 20000, 20000

SQL = [
    'select g from generate_series(1, 3000000) g order by g % 1000, g desc limit 3 offset 2000000',
    "select count(*) from (select g, repeat('x', 50) || g from generate_series(1, 500000) g order by 2) s",
    'select count(*) from generate_series(1, 1000000) a(g) join generate_series(1, 1000000) b(g) on a.g = b.g',
    'select count(*), sum(a.g * b.g) from generate_series(1, 3000) a(g), generate_series(1, 3000) b(g)',
    'select sum(n) from (select a.g % 10007 as k, count(*) as n from generate_series(1, 2000) a(g), generate_series(1, 2000) b(g) group by 1, a.g, b.g % 100) s',
    'select g, g, g from generate_series(1, 3000000) g',
    "select length(string_agg(repeat('x', 1000), ',')) from generate_series(1, 1000000)",
    'select array_length(array_agg(g), 1) from generate_series(1, 10000000) g',
    'with recursive r(n, t) as (select 1::int8, \'x\' union all select n + 1, t || \'x\' from r where n < 20000) select count(*), max(length(t)) from r',
    'with recursive r(n) as (select 1::int8 union select n + 1 from r where n < 2000000) select count(*) from r',
    'select max(s) from (select sum(g) over (order by g rows between 100000 preceding and current row) as s from generate_series(1, 1000000) g) x',
    'select count(*) from (select g, rank() over (partition by g % 3 order by g desc), lag(g, 1000) over (order by g) from generate_series(1, 500000) g) x',
    "select count(*) from logs where body ~ '(a+)+b.*(x|y|z)+[0-9]{3,9}'",
    'select attributes, count(*) from logs group by attributes order by 2 desc, 1 limit 10',
    'select a.body from logs a join logs b on a.service = b.service order by a.body desc limit 5',
    "select jsonb_agg(attributes) from logs",
    "select count(distinct body), string_agg(body, '' order by ts desc) from logs",
    'select labels, max(value) from metrics group by labels order by 2 desc limit 10',
]
PROMQL = [
    '{__name__=~".+"}', 'sum by (i) (rate(wide[5m]))', 'wide * on (i) group_left () wide', 'count_values("v", wide)',
    'label_replace(wide, "z", "$1$1$1$1$1$1$1$1", "i", "(.*)")', 'topk(15000, wide)', 'wide or wide or wide',
    'sort_desc(wide + wide)', 'quantile_over_time(0.5, wide[1h:5s])', 'count(wide{pad=~"(x+x+)+y.*"})',
]


def high_water(pid):
    """The most that was ever resident, by the kernel's account."""
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith('VmHWM'))


def send_logs(server, who, number, count):
    """-> whether they were acknowledged"""
    items = [otlp.log_record(time.time_ns(), body=f'{who} {number} {i} ' + 'a' * 100, attrs={'who': who, 'n': f'{number}-{i}'})
             for i in range(count)]
    return otlp.post(server, 'logs', otlp.request(items, {'service.name': who}))[0]


class Load:
    """Everything at once, and what came of it."""

    def __init__(self, server):
        self.server, self.stop, self.lock = server, threading.Event(), threading.Lock()
        self.outcomes, self.wrong, self.samples, self.logs, self.refused = {}, [], 0, 0, 0
        self.now = int(time.time())

    def fill(self):
        for at in range(0, SERIES, 2000):
            status = self.server.write([({'__name__': 'wide', 'i': str(i), 'pad': 'x' * 100}, [((self.now - 60) * 1000, i), (self.now * 1000, i)])
                                        for i in range(at, at + 2000)])[0]
            assert status == 204, status
        for n in range(LOGS // 2000):
            status = send_logs(self.server, 'fill', n, 2000)
            assert status == 200, status

    def note(self, outcome, query):
        with self.lock:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
            if outcome not in ('rows', '53200', '53100', '57014', '422', '503'):
                self.wrong.append(f'{outcome}: {query}')

    def sql(self, query):
        try:
            session = Postgres(self.server.port('postgres'), 180)
            try:
                session.query(query)
                outcome = 'rows'
            except RuntimeError as e:
                code = str(e).split(' C', 1)[1][:5]
                outcome = code if code in ('53200', '53100', '57014') else str(e)
            session.close()
        except OSError as e:
            outcome = repr(e)
        self.note(outcome, query)

    def promql(self, query):
        body = urllib.parse.urlencode({'query': query, 'start': self.now - 600, 'end': self.now, 'step': 5})
        try:
            status, _, answer = self.server.request('POST', '/api/v1/query_range', body,
                                                    {'Content-Type': 'application/x-www-form-urlencoded'}, timeout=180)
            outcome = 'rows' if status == 200 else str(status) if json.loads(answer)['status'] == 'error' else repr(answer)
        except OSError as e:
            outcome = repr(e)
        self.note(outcome, query)

    def remote_write(self):
        while not self.stop.is_set():
            status = self.server.write([({'__name__': 'under_way', 'n': str(self.samples)}, [(self.now * 1000, 1)])])[0]
            self.samples += status == 204
            self.refused += status == 503
            if status not in (204, 503):
                self.wrong.append(f'remote write: {status}')
            time.sleep(0.01)

    def otlp(self):
        while not self.stop.is_set():
            status = send_logs(self.server, 'under_way', self.logs, 10)
            self.logs += status == 200
            self.refused += status == 503
            if status not in (200, 503):
                self.wrong.append(f'OTLP: {status}')
            time.sleep(0.01)

    def run(self):
        side = [threading.Thread(target=f) for f in (self.remote_write, self.otlp)]
        every = [(self.sql, q) for q in SQL] + [(self.promql, q) for q in PROMQL]
        queries = [threading.Thread(target=every[i % len(every)][0], args=(every[i % len(every)][1],)) for i in range(COUNT)]
        for t in side + queries:
            t.start()
        for t in queries:
            t.join()
        self.stop.set()
        for t in side:
            t.join()


def test_100_worst_queries_and_ingest_in_256_mib():
    with Server(*FLAGS) as s:
        pid = s.process.pid
        load = Load(s)
        load.fill()
        filled = high_water(pid)
        load.run()
        peak = high_water(pid)
        print(f'# {load.outcomes}; {load.samples} samples and {load.logs * 10} log records meanwhile, {load.refused} refused; '
              f'resident {filled >> 20} MiB when filled, at most {peak >> 20} MiB')
        assert not load.wrong, load.wrong[:10]
        assert sum(load.outcomes.values()) == COUNT and load.outcomes.get('rows', 0) >= COUNT // 10, load.outcomes
        assert load.samples > 20 and load.logs > 20, (load.samples, load.logs)
        got = s.query('count(under_way)', load.now)[()]
        assert got == load.samples, (got, load.samples)
        rows = s.sql("select count(*), count(distinct attributes->>'n') from logs where service = 'under_way'")
        assert rows == [[load.logs * 10] * 2], (rows, load.logs)
        assert peak < LIMIT, f'{peak >> 20} MiB resident'


if __name__ == '__main__':
    run_suite(globals())
