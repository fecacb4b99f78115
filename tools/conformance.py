#!/usr/bin/env python3
"""Runs the public cases of ../shared against build/lumadb with the runners that lie beside them.

    tools/conformance.py [promql] [api] [sql] [sql-extended] [sql-binary] [tpch]

Each suite is one check: the share of its cases that pass must reach its target. The failures go to
build/conformance/<suite>.json. Closes with N passed, N failed, N skipped over the suites.
"""
import glob, os, re, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.path.join(ROOT, '..', 'shared')
OUT = os.path.join(ROOT, 'build', 'conformance')
PYTHON = '/usr/bin/python3'
sys.path.insert(0, os.path.join(ROOT, 'test', 'lib'))
from luma import BINARY, Server  # noqa: E402

LAUNCH = (f'{os.path.abspath(BINARY)} serve --data-dir {{dir}} --prometheus.listen 127.0.0.1:{{port}} --postgres.listen=off '
          '--http.listen=off --otlp.grpc.listen=off --otlp.http.listen=off --self.enabled=false')


def tool(name, *args, timeout=3000):
    p = subprocess.run([PYTHON, os.path.join(SHARED, 'tools', name), *args], stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, timeout=timeout)
    print(p.stdout[-6000:] + p.stderr[-2000:])
    return p.stdout


def totals(out):
    """The runners' TOTAL line -> (passed, failed); (0, 1) when a runner broke off."""
    m = re.search(r'^TOTAL\s+passed\s+(\d+),?\s+failed\s+(\d+)', out, re.M)
    return (int(m.group(1)), int(m.group(2))) if m else (0, 1)


def promql():
    files = sorted(glob.glob(os.path.join(SHARED, 'promqltest', '*.test')))
    return totals(tool('promqltest.py', '--launch', LAUNCH, '--json', OUT + '/promql.json', *files))


def api():
    return totals(tool('api_shapes.py', '--launch', LAUNCH, '--json', OUT + '/api.json', '--cases',
                       os.path.join(SHARED, 'promqltest', 'api_cases.jsonl')))


def sql(protocol):
    """Every file with a server of its own, so that a crash costs one file."""
    good = bad = 0
    for path in sorted(glob.glob(os.path.join(SHARED, 'slt', '*.slt'))):
        name = os.path.basename(path)
        if name.startswith('setup_'):
            continue
        with Server() as s:
            p, f = totals(tool('slt.py', '--protocol', protocol, '--max-fail', '0',
                               '--json', f'{OUT}/sql-{protocol}-{name}.json',
                               f'postgres://luma@127.0.0.1:{s.port("postgres")}/lumadb', path))
        good, bad = good + p, bad + f
    return good, bad


def load_tpch(s, schema):
    """The tables of ../shared/tpch by INSERT; COPY has suites of its own."""
    import csv, gzip
    sys.path.insert(0, os.path.join(SHARED, 'tools'))
    import pgwire
    from tpch_run import DDL
    c = pgwire.Conn(f'postgres://luma@127.0.0.1:{s.port("postgres")}/lumadb', timeout=300)
    c.query(f'CREATE SCHEMA {schema}')
    c.query(f'SET search_path = {schema}, public')
    for table, columns in DDL.items():
        c.one(f'CREATE TABLE {table} ({columns.format(d="numeric(15,2)")})')
        path = os.path.join(SHARED, 'tpch', 'data_sf0.01_seed1', table + '.csv.gz')
        with gzip.open(path, 'rt') as f:
            rows = ['(' + ','.join("'" + v.replace("'", "''") + "'" for v in row) + ')' for row in csv.reader(f, delimiter='|')]
        for i in range(0, len(rows), 5000):
            c.one(f'INSERT INTO {table} VALUES ' + ','.join(rows[i:i + 5000]))


def tpch():
    """The 22 queries at scale 0.01 against PostgreSQL's answers."""
    with Server() as s:
        load_tpch(s, 'tpch_check')
        return totals(tool('tpch_run.py', f'postgres://luma@127.0.0.1:{s.port("postgres")}/lumadb', '-',
                           os.path.join(SHARED, 'tpch', 'expected_sf0.01_seed1'), '--no-load'))


# share of the cases that must pass; None = measured only
TARGETS = {'promql': (promql, 0.55), 'api': (api, None), 'sql': (lambda: sql('simple'), 0.85),
           'sql-extended': (lambda: sql('extended'), 0.85), 'sql-binary': (lambda: sql('binary'), 0.85), 'tpch': (tpch, 1.0)}


def main():
    names = sys.argv[1:] or list(TARGETS)
    if not os.path.isdir(SHARED):
        print('../shared is absent')
        print(f'0 passed, 0 failed, {len(names)} skipped')
        return
    os.makedirs(OUT, exist_ok=True)
    passed = failed = 0
    for name in names:
        fn, target = TARGETS[name]
        good, bad = fn()
        share = good / max(good + bad, 1)
        fine = target is None or share >= target
        wanted = '' if target is None else f', wanted {target:.0%}'
        print(f'{"ok" if fine else "not ok"} {name}: {good} of {good + bad} cases pass ({share:.1%}{wanted})')
        passed, failed = passed + fine, failed + (not fine)
    print(f'{passed} passed, {failed} failed, 0 skipped')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
