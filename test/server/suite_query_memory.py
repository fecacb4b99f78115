#!/usr/bin/env python3
"""Queries that want more memory than there is: each ends with its rows or with 53200, the server's resident memory
stays under its limit, and ingest goes on."""
import os, struct, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import Server, run_suite  # noqa: E402
import socket  # noqa: E402

LIMIT = 256 << 20
FLAGS = ('--memory.hot_bytes=64MiB', '--memory.queries_bytes=64MiB', '--query.bytes_max=32MiB', '--query.timeout=120s',
         '--postgres.connections_max=200')
ROWS = 200_000
WORST = [
    'select k, count(*), sum(v) from big group by k order by 2 desc, 1 limit 5',
    'select k, t from big order by t desc, k limit 5 offset 150000',
    'select count(*) from (select distinct k, t from big) s',
    'select count(*) from big a join big b on a.k = b.k',
    'select count(*) from (select k, row_number() over (partition by g order by v) from big) s',
    'with w as materialized (select * from big) select count(*) from w a, w b where a.k = b.k and a.g = 1',
    'select g, count(distinct k), string_agg(t, \',\' order by v) from big group by g limit 1',
    'select t from big union select t || \'x\' from big order by 1 limit 3',
]


class Client:
    """Just enough of the protocol: simple queries, rows counted and dropped."""

    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port), timeout=300)
        self.buf = b''
        body = struct.pack('!I', 196608) + b'user\0luma\0database\0lumadb\0\0'
        self.sock.sendall(struct.pack('!I', len(body) + 4) + body)
        self.until_ready()

    def message(self):
        while len(self.buf) < 5 or len(self.buf) < 1 + struct.unpack('!I', self.buf[1:5])[0]:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError('the server closed the connection')
            self.buf += more
        size = 1 + struct.unpack('!I', self.buf[1:5])[0]
        m, self.buf = self.buf[:size], self.buf[size:]
        return m[:1], m[5:]

    def until_ready(self):
        rows, code = 0, None
        while True:
            kind, body = self.message()
            if kind == b'D':
                rows += 1
            elif kind == b'E':
                code = dict((f[:1], f[1:]) for f in body.split(b'\0') if f)[b'C'].decode()
            elif kind == b'Z':
                return rows, code

    def query(self, text):
        body = text.encode() + b'\0'
        self.sock.sendall(b'Q' + struct.pack('!I', len(body) + 4) + body)
        return self.until_ready()


def resident(pid):
    with open(f'/proc/{pid}/status') as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith('VmRSS'))


def fill(client):
    rows, code = client.query('create table big (k int, g int, v float8, t text)')
    assert code is None, code
    for part in range(10):
        n = ROWS // 10
        rows, code = client.query(f"insert into big select i, i % 100, i * 0.5, 'text of some length number ' || i "
                                  f'from generate_series({part * n}, {part * n + n - 1}) as s(i)')
        assert code is None, code


def test_100_worst_queries_end_and_ingest_goes_on():
    with Server(*FLAGS) as s:
        port, pid = s.port('postgres'), s.process.pid
        client = Client(port)
        fill(client)
        client.query('create table small (i int)')
        outcomes, peak, stop = [], [0], threading.Event()
        written = [0]

        def worker(i):
            try:
                outcomes.append((i, Client(port).query(WORST[i % len(WORST)])))
            except Exception as e:
                outcomes.append((i, (0, repr(e))))

        def ingest():
            c = Client(port)
            while not stop.is_set():
                if c.query('insert into small select i from generate_series(1, 100) as s(i)')[1] is None:
                    written[0] += 100

        def watch():
            while not stop.is_set():
                peak[0] = max(peak[0], resident(pid))
                time.sleep(0.02)

        side = [threading.Thread(target=f) for f in (ingest, watch)]
        workers = [threading.Thread(target=worker, args=(i,)) for i in range(100)]
        for t in side + workers:
            t.start()
        for t in workers:
            t.join()
        stop.set()
        for t in side:
            t.join()
        assert s.process.poll() is None, 'the server died'
        codes = {}
        for _, (_, code) in outcomes:
            codes[code] = codes.get(code, 0) + 1
        print(f'  outcomes {codes}, peak {peak[0] >> 20} MiB, {written[0]} rows ingested meanwhile')
        assert set(codes) <= {None, '53200', '53100', '57014'}, codes
        assert codes.get(None, 0) >= 10, codes
        assert peak[0] < LIMIT, f'{peak[0] >> 20} MiB resident'
        assert written[0] > 0
        assert client.query('select count(*) from small')[1] is None


def test_one_query_spills_and_gives_the_same_rows():
    queries = ['select k, count(*), min(t) from big group by k order by 3, 1 limit 7 offset 100000',
               'select g, k, count(*) from big group by grouping sets ((g, k), (g), ()) order by 3 desc, 1, 2 limit 150',
               'select t from big order by t desc, k limit 9 offset 180000',
               'select count(*), min(t) from (select t from big union select t from big where g < 50) s']
    answers = []
    for limit in ('512MiB', '24MiB'):
        with Server(f'--query.bytes_max={limit}', '--memory.queries_bytes=1GiB') as s:
            client = Client(s.port('postgres'))
            fill(client)
            got = []
            for q in queries:
                got.append(s.sql(q))
            answers.append(got)
    assert answers[0] == answers[1]


if __name__ == '__main__':
    run_suite(globals())
