#!/usr/bin/env python3
"""Measures LumaDB beside its peers, on the same payloads in one run, and prints ratios.

    bench/run.py [ingest] [promql] [sql] [size] [otlp] [logs] [stream] [tpch] [--rounds N] [--small]

LumaDB, a release built in build-bench, acknowledges after fdatasync; the peers run as they ship (they
acknowledge before), but VictoriaMetrics' cache of answers is off, since every question is asked several
times. A peer that is not installed is left out and said so. Every figure is the median of --rounds
rounds (3); peers take turns.
"""
import json, os, statistics, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import otlp_load  # noqa: E402
from peers import PEERS, ROOT, Luma  # noqa: E402

SENDER = os.path.join(ROOT, 'build-bench', 'bench', 'remote_write_sender')


def build():
    subprocess.run([os.path.join(ROOT, 'tools', 'configure.sh'), 'build-bench', '-Dbuildtype=release', '-Dtests=false'],
                   check=True, cwd=ROOT)
    subprocess.run(['ninja', '-C', 'build-bench', '--quiet', 'lumadb', 'bench/remote_write_sender', 'bench/tpch_gen'], check=True, cwd=ROOT)


def send(peer, series, rounds, connections=4, batch=2000, **more):
    args = [SENDER, '--port', peer.port, '--path', peer.write_path, '--series', series, '--rounds', rounds,
            '--connections', connections, '--batch', batch]
    for k, v in more.items():
        args += ['--' + k, v]
    out = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=900)
    report = json.loads(out.stdout)
    if report['error']:
        raise RuntimeError(f'{peer.name}: {report["error"]}')
    return report


def available():
    there = []
    for peer in PEERS:
        why = peer.missing()
        if why:
            print(f'{peer.name}: left out, {why}')
        else:
            there.append(peer)
    return there


def ratio(a, b):
    return f'{a / b:.2f}x' if b else '-'


def table(rows, header):
    widths = [max(len(str(r[i])) for r in [header] + rows) for i in range(len(header))]
    for r in [header] + rows:
        print('  ' + '  '.join(str(c).ljust(w) for c, w in zip(r, widths)))


def ingest(rounds, small):
    """CPU-seconds per million samples and the rate, at three numbers of series."""
    shapes = [(10_000, 100, 4), (100_000, 10, 4), (1_000_000, 3, 4)]
    if small:
        shapes = [(10_000, 20, 2)]
    for series, steps, connections in shapes:
        got = {}
        for _ in range(rounds):
            for kind in available():
                peer = kind()
                try:
                    peer.start()
                    before = peer.cpu_s()
                    report = send(peer, series, steps, connections)
                    time.sleep(0.3)
                    got.setdefault(peer.name, []).append(
                        ((peer.cpu_s() - before) / report['samples'] * 1e6, report['rate'], report['p99_ms'], peer.rss()))
                finally:
                    peer.clean()
        print(f'\nremote write, {series} series, {series * steps} samples, {connections} connections')
        mid = {n: [statistics.median(x) for x in zip(*v)] for n, v in got.items()}
        rows = [[n, f'{m[0]:.3f}', f'{m[1] / 1e6:.2f} M/s', f'{m[2]:.1f} ms', f'{m[3] / 2 ** 20:.0f} MiB',
                 f'{m[3] / series:.0f}', ratio(mid['LumaDB'][0], m[0]), ratio(mid['LumaDB'][1], m[1])]
                for n, m in mid.items()]
        table(rows, ['server', 'CPU-s/M samples', 'rate', 'p99', 'RSS', 'RSS/series', 'LumaDB CPU ratio', 'LumaDB rate ratio'])


QUERIES = [  # name, PromQL, range in s (0 = instant), step in s
    ('instant selector of one series', 'node_load1{shard="shard-5"}', 0, 0),
    ('instant sum by, 10k series', 'sum by (mode) ({job="node"})', 0, 0),
    ('instant count, 10k series', 'count({job="node"})', 0, 0),
    ('instant topk', 'topk(5, node_load1)', 0, 0),
    ('rate sums, 1 h at 15 s', 'sum by (mode) (rate(node_cpu_seconds_total[5m]))', 3600, 15),
    ('rate sums of 3 metrics, 1 h', 'sum by (instance) (rate({__name__=~"node_cpu_seconds_total|node_vmstat_pgfault|node_context_switches_total"}[5m]))', 3600, 15),
    ('avg_over_time 1 h, instant', 'avg_over_time(node_load1[1h])', 0, 0),
    ('count_over_time 1 h, instant', 'count_over_time({job="node"}[1h])', 0, 0),
    ('binary with matching', 'sum(node_filesystem_avail_bytes) by (instance) / on (instance) sum(node_memory_MemAvailable_bytes) by (instance)', 1800, 15),
    ('quantile over series, 30 min', 'quantile(0.9, node_load1)', 1800, 15),
]


def time_query(peer, promql, span, step, end):
    begin = time.perf_counter()
    if span:
        peer.fetch('query_range', query=promql, start=end - span, end=end, step=step)
    else:
        peer.fetch('query', query=promql, time=end)
    return (time.perf_counter() - begin) * 1000


def promql(rounds, small):
    """Ten queries over 10k series x 1 h at 15 s."""
    end = int(time.time()) // 15 * 15 - 60
    steps = 260
    peers = []
    try:
        for kind in available():
            peer = kind()
            peers.append(peer)
            peer.start()
            send(peer, 10_000, steps, 2, start=end - (steps - 1) * 15)
        time.sleep(2)
        print(f'\nPromQL over 10000 series, {steps} samples each; ms, median of {rounds * 5}')
        rows = []
        for name, text, span, step in QUERIES:
            mid = {}
            for peer in peers:
                time_query(peer, text, span, step, end)  # warm
            times = {p.name: [] for p in peers}
            for _ in range(rounds * 5):
                for peer in peers:
                    times[peer.name].append(time_query(peer, text, span, step, end))
            mid = {n: statistics.median(t) for n, t in times.items()}
            best = min([v for n, v in mid.items() if n != 'LumaDB'], default=0)
            rows.append([name, *[f'{mid[p.name]:.2f}' for p in peers], ratio(mid['LumaDB'], best)])
        table(rows, ['query', *[p.name for p in peers], 'LumaDB : faster peer'])
    finally:
        for peer in peers:
            peer.clean()


SQL = [
    ('sum of a double', 'select sum(v) from {t}'),
    ('group by 1000 hosts', 'select host, sum(v), count(*) from {t} group by host'),
    ('filter and count', 'select count(*) from {t} where v > 50'),
    ('1-minute buckets', "select {bucket}, avg(v) from {t} group by 1"),
    ('top 10 hosts by max', 'select host, max(v) as m from {t} group by host order by m desc limit 10'),
]


def sql(rounds, small):
    """Five statements over rows in memory, against DuckDB through Node.js."""
    import shutil
    count = 500_000 if small else 5_000_000
    clients = os.path.join(ROOT, 'bench', 'clients')
    if not shutil.which('node'):
        print('sql: left out, node is not installed')
        return
    if not os.path.isdir(os.path.join(clients, 'node_modules', '@duckdb', 'node-api')):
        p = subprocess.run(['npm', 'install', '--no-package-lock', '--no-audit', '--no-fund'], cwd=clients, capture_output=True, text=True)
        if p.returncode:
            print('sql: left out, npm install failed: ' + p.stderr[-200:])
            return
    make = ("select timestamptz '2026-01-01 00:00:00+00' + (i / 1000) * interval '1 second' as ts, "
            "'host-' || (i %% 1000) as host, (i::bigint * 7919 %% 10007) / 100.0::float8 as v from generate_series(0, %d) {g}(i)" % (count - 1))
    luma = Luma().start()
    try:
        luma.sql('create table t (ts timestamptz, host text, v float8)')
        luma.sql('insert into t ' + make.format(g='g'))
        times = {name: [] for name, _ in SQL}
        texts = {name: text.format(t='t', bucket="date_trunc('minute', ts)") for name, text in SQL}
        answers = {name: len(luma.sql(text)) for name, text in texts.items()}
        for _ in range(rounds * 3):
            for name, text in texts.items():
                begin = time.perf_counter()
                luma.run_sql(text)
                times[name].append((time.perf_counter() - begin) * 1000)
        script = os.path.join(clients, 'duckdb.js')
        out = subprocess.run(['node', script, json.dumps({'make': make.format(g='g'), 'texts': texts, 'rounds': rounds * 3})],
                             cwd=clients, capture_output=True, text=True, timeout=900)
        if out.returncode:
            print('sql: DuckDB failed: ' + out.stderr[-400:])
            return
        duck = json.loads(out.stdout)
        print(f'\nSQL over {count} rows in memory; ms, median of {rounds * 3}')
        rows = []
        for name in texts:
            assert answers[name] == duck['counts'][name], (name, answers[name], duck['counts'][name])
            ours, theirs = statistics.median(times[name]), statistics.median(duck['times'][name])
            rows.append([name, f'{ours:.1f}', f'{theirs:.1f}', ratio(ours, theirs)])
        table(rows, ['statement', 'LumaDB', 'DuckDB', 'LumaDB : DuckDB'])
    finally:
        luma.clean()


def tpch(rounds, small):
    """22 analytical queries at scale 0.1 and 1, against DuckDB and PostgreSQL."""
    import tpch as bench
    for scale in (0.1,) if small else (0.1, 1):
        bench.measure(scale, rounds, table, ratio)


def size(rounds, small):
    """The binary, time to ready on an empty folder, and memory when idle."""
    stripped = os.path.join(ROOT, 'build-bench', 'lumadb.stripped')
    subprocess.run(['strip', '-o', stripped, Luma.binary], check=True)
    ready, idle = [], []
    for _ in range(max(rounds, 5)):
        peer = Luma()
        try:
            peer.start()
            ready.append(peer.ready_s * 1000)
            time.sleep(1)
            idle.append(peer.rss() / 2 ** 20)
        finally:
            peer.clean()
    print(f'\nstripped binary {os.path.getsize(stripped) / 1e6:.2f} MB; ready in {statistics.median(ready):.0f} ms; '
          f'idle {statistics.median(idle):.1f} MiB')


LOGS = [
    ('trace by id', "select ts, body from logs where trace_id = lpad(to_hex(20000), 32, '0')"),
    ('phrase, 1 row in 5,000', """select count(*) from logs where matches(body, '"nearly out of space"')"""),
    ('phrase, 1 row in 320', """select count(*) from logs where matches(body, '"replica db 7"')"""),
    ('word, 1 row in 8', "select count(*) from logs where matches(body, 'refused')"),
    ('member of attributes, 1 row in 50', "select count(*) from logs where matches(attributes, 'status:503')"),
    ('newest 100 with a word', "select ts, body from logs where matches(body, 'refused') order by ts desc limit 100"),
    ('newest 100', 'select ts, severity, service, body from logs order by ts desc limit 100'),
    ("like '%early out%'", "select count(*) from logs where body like '%early out%'"),
    ('attributes ->> equality', "select count(*) from logs where attributes->>'user' = 'u4711'"),
    ('ten minutes with severity_number >= 17', "select count(*) from logs where ts between '2026-01-01 00:10:00Z' and '2026-01-01 00:20:00Z' and severity_number >= 17"),
    ('group by service', 'select service, count(*) from logs group by service'),
]
MAKE_LOGS = """insert into logs (ts, time_unix_nano, severity, severity_number, service, body, attributes, trace_id, span_id)
select timestamptz '2026-01-01 00:00:00Z' + i * interval '1 ms', i::bigint * 1000000, case i % 6 when 5 then 'ERROR' else 'INFO' end,
case i % 6 when 5 then 17 else 9 end, 'service-' || i % 50, case i % 8
when 0 then 'GET /api/v1/users/' || i * 7919::bigint % 100000 || '/orders completed with status 200 in ' || i % 900 || ' ms for client 10.0.3.' || i % 256
when 1 then 'connection to database replica db-' || i / 8 % 40 || '.internal refused, retry ' || i / 64 % 5 || ' of 5 after ' || i % 2000 || ' ms backoff'
when 2 then 'cache miss for key session:' || to_hex(i * 7919::bigint) || ' in shard ' || i % 32 || ', loading from storage'
when 6 then 'request queue ' || case i % 5000 when 6 then 'nearly out of space' else 'depth' end || ' of service checkout at ' || i % 100 || ' percent'
else 'worker ' || i % 64 || ' picked job ' || i || ' from queue emails, ' || i % 500 || ' jobs are waiting now' end,
('{"method": "GET", "route": "/api/v1/users/{id}", "status": ' || case i % 50 when 7 then 503 else 200 end || ', "thread": "worker-' || i % 64 || '", "user": "u' || i % 50000 || '"}')::jsonb,
lpad(to_hex(i / 10), 32, '0'), lpad(to_hex(i), 16, '0') from generate_series(%d, %d) i"""


def logs(rounds, small):
    """Searches over log rows in memory, what a record takes, and how long a restart with them takes."""
    count, step = (500_000 if small else 10_000_000), 250_000
    peer = Luma()
    try:
        peer.start()
        idle = peer.rss()
        for i in range(0, count, step):
            peer.run_sql(MAKE_LOGS.replace('% ', '%% ') % (i, i + step - 1))
        held = (peer.rss() - idle) / count
        times = {name: [] for name, _ in LOGS}
        answers = {name: peer.sql(text) for name, text in LOGS}
        for _ in range(rounds * 3):
            for name, text in LOGS:
                begin = time.perf_counter()
                peer.run_sql(text)
                times[name].append((time.perf_counter() - begin) * 1000)
        print(f'\nlogs: {count} rows, {held:.0f} bytes of memory each; ms, median of {rounds * 3}')
        table([[name, f'{statistics.median(times[name]):.2f}', len(answers[name]), answers[name][0][0] if len(answers[name]) == 1 else '']
               for name, _ in LOGS], ['statement', 'LumaDB', 'rows', 'answer'])
        peer.connection = None
        peer.stop()
        peer.start()
        print(f'ready {peer.ready_s:.1f} s after a restart with all of them in the log, indexes included')
    finally:
        peer.clean()


def otlp(rounds, small):
    """Log records and spans per CPU-second of the server, over HTTP, each request durable and indexed."""
    count, rows = 40_000 if small else 400_000, []
    for signal in ('logs', 'traces'):
        bodies, got = otlp_load.requests(signal, count), []
        for _ in range(rounds):
            peer = Luma()
            try:
                peer.start()
                before, begin = peer.cpu_s(), time.time()
                otlp_load.send(int(peer.listen['otlp.http'].rsplit(':', 1)[1]), signal, bodies)
                wall = time.time() - begin
                stored = peer.sql(f'select count(*) from {signal}')[0][0]
                if stored != count:
                    raise RuntimeError(f'{stored} of {count} {signal} are stored')
                got.append((count / (peer.cpu_s() - before), count / wall, peer.rss() / count))
            finally:
                peer.clean()
        per_cpu, rate, rss = (statistics.median(x) for x in zip(*got))
        rows.append([signal, f'{per_cpu / 1e3:.0f} k', f'{rate / 1e3:.0f} k/s', f'{sum(map(len, bodies)) / count:.0f} B',
                     f'{rss:.0f} B', ratio(per_cpu, 400e3)])
    print(f'\nOTLP over HTTP, {count} records, {otlp_load.RECORDS_PER_REQUEST} a request, 4 connections')
    table(rows, ['signal', 'records/CPU-s', 'rate', 'protobuf/record', 'RSS/record', 'of the target, 400 k'])


def stream(rounds, small):
    """Rows over the wire of PostgreSQL, COPY out and in, against PostgreSQL as it ships."""
    import stream as bench
    count = 100_000 if small else 1_000_000
    pieces = bench.pieces_of(count)
    sides = {}
    for kind, database in ((Luma, 'lumadb'), (bench.Postgres, 'postgres')):
        if kind.missing():
            print(f'{kind.name}: left out, {kind.missing()}')
            continue
        server = kind().start()
        try:
            sides[kind.name] = bench.time_side(server, database, count, rounds, pieces)
        finally:
            server.clean()
    ours, theirs = sides['LumaDB'], sides.get('PostgreSQL', {})
    rows = []
    for name, (wall, cpu) in ours.items():
        their_wall, their_cpu = theirs.get(name, (0, 0))
        rows.append([name, f'{1 / wall:.2f} M/s', f'{cpu:.3f}', f'{1 / their_wall:.2f} M/s' if their_wall else '-', f'{their_cpu:.3f}',
                     ratio(their_wall, wall), ratio(their_cpu, cpu)])
    print(f'\n{count} rows of int8, timestamptz, float8, text over the wire; CPU-seconds of the server per million rows')
    table(rows, ['', 'LumaDB', 'CPU', 'PostgreSQL', 'CPU', 'faster', 'less CPU'])


PARTS = {'ingest': ingest, 'promql': promql, 'sql': sql, 'size': size, 'otlp': otlp, 'logs': logs, 'stream': stream, 'tpch': tpch}


def main():
    args = sys.argv[1:]
    rounds = int(args[args.index('--rounds') + 1]) if '--rounds' in args else 3
    names = [a for a in args if a in PARTS] or list(PARTS)
    build()
    for name in names:
        PARTS[name](rounds, '--small' in args)
        sys.stdout.flush()


if __name__ == '__main__':
    main()
