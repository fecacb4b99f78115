"""The 22 queries of ../shared/tpch over tables of our own generator: LumaDB, DuckDB (in memory, two threads) and
PostgreSQL 15 (when it is installed; a folder of its own, four indexes, analyzed)."""
import glob, json, math, os, pwd, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peers import ROOT, Luma  # noqa: E402

SHARED = os.path.join(ROOT, '..', 'shared')
CLIENTS = os.path.join(ROOT, 'bench', 'clients')
INDEXES = ['lineitem (l_orderkey)', 'lineitem (l_partkey, l_suppkey)', 'partsupp (ps_partkey)', 'orders (o_custkey)']


def queries():
    return {os.path.basename(p)[:-4]: open(p).read().strip().rstrip(';')
            for p in sorted(glob.glob(os.path.join(SHARED, 'tpch', 'queries', 'q*.sql')))}


def connect(url):
    sys.path.insert(0, os.path.join(SHARED, 'tools'))
    import pgwire
    return pgwire.Conn(url, timeout=3600)


def tables():
    sys.path.insert(0, os.path.join(SHARED, 'tools'))
    from tpch_run import DDL
    return {t: c.format(d='numeric(15,2)') for t, c in DDL.items()}


def run(c, data, rounds, after=()):
    """-> ({query: best ms}, {query: rows}) over a connection of the PostgreSQL protocol."""
    for table, columns in tables().items():
        c.one(f'CREATE TABLE {table} ({columns})')
        with open(os.path.join(data, table + '.csv'), 'rb') as f:
            r = c.query(f"COPY {table} FROM STDIN WITH (FORMAT csv, DELIMITER '|')", copy_data=f.read())[-1]
        if r.error:
            raise RuntimeError(str(r.error))
    for text in after:
        c.one(text)
    times, counts = {}, {}
    for name, text in queries().items():
        times[name] = math.inf
        for _ in range(rounds):
            begin = time.perf_counter()
            r = c.query(text)[-1]
            times[name] = min(times[name], (time.perf_counter() - begin) * 1000)
            if r.error:
                raise RuntimeError(f'{name}: {r.error}')
            counts[name] = len(r.rows)
    return times, counts


def luma(data, rounds):
    server = Luma()
    server.flags = ['--memory.hot_bytes=8GiB', '--memory.queries_bytes=4GiB', '--query.timeout=0']
    try:
        server.start()
        return run(connect(f'postgres://luma@127.0.0.1:{server.pg_port}/lumadb'), data, rounds)
    finally:
        server.clean()


def duckdb(data, rounds):
    if not shutil.which('node'):
        return None
    if not os.path.isdir(os.path.join(CLIENTS, 'node_modules', '@duckdb', 'node-api')):
        subprocess.run(['npm', 'install', '--no-package-lock', '--no-audit', '--no-fund'], cwd=CLIENTS, capture_output=True, check=True)
    job = {'dir': data, 'ddl': tables(), 'queries': queries(), 'rounds': rounds}
    out = subprocess.run(['node', 'duckdb_tpch.js'], cwd=CLIENTS, input=json.dumps(job), capture_output=True, text=True, timeout=3600)
    if out.returncode:
        raise RuntimeError('DuckDB: ' + out.stderr[-400:])
    answer = json.loads(out.stdout)
    return answer['times'], answer['counts']


def postgres(data, rounds):
    programs = '/usr/lib/postgresql/15/bin'
    if not os.path.isdir(programs):
        return None
    folder = tempfile.mkdtemp(prefix='luma-bench-pg-')
    prefix = []
    if os.getuid() == 0:
        shutil.chown(folder, 'postgres')
        prefix = ['setpriv', '--reuid', str(pwd.getpwnam('postgres').pw_uid), '--clear-groups']
    control = [*prefix, programs + '/pg_ctl', '-D', folder + '/data', '-w']
    try:
        subprocess.run([*prefix, programs + '/initdb', '-D', folder + '/data', '-A', 'trust', '-U', 'luma', '--locale=C', '-E', 'UTF8'],
                       check=True, capture_output=True)
        from luma import free_port
        port = free_port()
        subprocess.run([*control, '-o', f"-p {port} -h 127.0.0.1 -k {folder} -c shared_buffers=2GB -c work_mem=64MB", '-l', folder + '/log',
                        'start'], check=True, stdout=subprocess.DEVNULL)
        c = connect(f'postgres://luma@127.0.0.1:{port}/postgres')
        return run(c, data, rounds, [f'CREATE INDEX ON {ix}' for ix in INDEXES] + ['ANALYZE'])
    finally:
        subprocess.run([*control, '-m', 'immediate', 'stop'], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def mean(ratios):
    return math.exp(sum(math.log(r) for r in ratios) / len(ratios))


def measure(scale, rounds, table, ratio):
    data = tempfile.mkdtemp(prefix='luma-bench-tpch-')
    os.chmod(data, 0o755)
    try:
        subprocess.run([os.path.join(ROOT, 'build-bench', 'bench', 'tpch_gen'), str(scale), data], check=True)
        sides = {'LumaDB': luma(data, rounds), 'DuckDB': duckdb(data, rounds), 'PostgreSQL': postgres(data, max(rounds // 3, 1))}
        sides = {n: s for n, s in sides.items() if s}
        ours = sides['LumaDB'][0]
        others = [n for n in sides if n != 'LumaDB']
        rows = []
        for q in ours:
            for n in others:
                assert sides[n][1][q] == sides['LumaDB'][1][q], (q, n, sides[n][1][q], sides['LumaDB'][1][q])
            rows.append([q, *[f'{sides[n][0][q]:.1f}' for n in sides], *[ratio(ours[q], sides[n][0][q]) for n in others]])
        print(f'\nTPC-H queries at scale {scale}; ms, best of {rounds}')
        table(rows, ['query', *sides, *['LumaDB : ' + n for n in others]])
        for n in others:
            print(f'  geometric mean LumaDB : {n} {mean([ours[q] / sides[n][0][q] for q in ours]):.2f}x')
    finally:
        shutil.rmtree(data, ignore_errors=True)
