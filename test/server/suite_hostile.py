#!/usr/bin/env python3
"""What a rude client, a heavy query or a signal at the wrong time must not do to the server."""
import http.client, http.server, json, os, signal, socket, struct, subprocess, sys, tempfile, threading, time, urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import BINARY, Server, equal, eventually, run_suite

ENDLESS = 'select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b'


class Pg:
    """A session of PostgreSQL's protocol, as little of it as is needed."""

    def __init__(self, server):
        self.sock = socket.create_connection(('127.0.0.1', server.port('postgres')), timeout=20)
        body = struct.pack('>i', 196608) + b'user\0luma\0database\0lumadb\0\0'
        self.sock.sendall(struct.pack('>i', len(body) + 4) + body)
        self.file = self.sock.makefile('rb')
        self.until_ready()

    def send(self, kind, body):
        self.sock.sendall(kind + struct.pack('>i', len(body) + 4) + body)

    def message(self):
        head = self.file.read(5)
        if len(head) < 5:
            raise EOFError
        return head[:1], self.file.read(struct.unpack('>i', head[1:])[0] - 4)

    def until_ready(self):
        out = []
        while not out or out[-1][0] != b'Z':
            out.append(self.message())
        return out

    def ask(self, text):
        """-> the SQLSTATE of the error, else the first column of the first row, else the tag."""
        self.send(b'Q', text.encode() + b'\0')
        return outcome(self.until_ready())

    def close(self):
        self.file.close()
        self.sock.close()


def outcome(messages):
    for kind, body in messages:
        if kind == b'E':
            return next(x[1:].decode() for x in body.split(b'\0') if x[:1] == b'C')
    for kind, body in messages:
        if kind == b'D':
            size = struct.unpack('>i', body[2:6])[0]
            return body[6:6 + size].decode() if size >= 0 else None
    return next((body[:-1].decode() for kind, body in messages if kind == b'C'), None)


def ask(server, text):
    pg = Pg(server)
    try:
        return pg.ask(text)
    finally:
        pg.close()


def post_unread(server, sql):
    """Sends a query to the REST port and reads nothing; -> the socket."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    sock.settimeout(20)
    sock.connect(('127.0.0.1', server.port('http')))
    body = sql.encode()
    sock.sendall(b'POST /api/v1/sql?format=csv HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n'
                 b'Content-Length: %d\r\nConnection: close\r\n\r\n' % len(body) + body)
    return sock


def read_all(sock):
    out = []
    while True:
        piece = sock.recv(1 << 20)
        if not piece:
            return b''.join(out)
        out.append(piece)


def in_background(fn, count):
    threads = [threading.Thread(target=fn, args=(i,), daemon=True) for i in range(count)]
    for t in threads:
        t.start()
    return threads


# ---------------------------------------------------------------- clients that do not read or go away
def test_slow_readers_leave_the_workers_to_others():
    sql = 'select g, g * 2, g * 3 from generate_series(1, 2000000) g'
    with Server('--query.threads=2') as s:
        slow = [post_unread(s, sql) for _ in range(4)]
        sessions = [Pg(s) for _ in range(4)]
        for pg in sessions:
            pg.send(b'Q', sql.encode() + b'\0')
        time.sleep(0.5)
        equal(ask(s, 'select 1'), '1')
        equal(s.sql('select 1'), [[1]])
        for sock in slow[1:]:
            sock.close()
        for pg in sessions[1:]:
            pg.close()
        answer = read_all(slow[0])
        assert answer.endswith(b'2000000,4000000,6000000\r\n\r\n0\r\n\r\n'), answer[-100:]
        equal(sum(kind == b'D' for kind, _ in sessions[0].until_ready()), 2000000)


def test_clients_that_do_not_read_hold_little_together():
    sql = "select g, repeat('x', 100) from generate_series(1, 200000) g"
    with Server('--memory.queries_bytes=64MiB') as s:
        readers = [post_unread(s, sql) for _ in range(60)]
        sessions = [Pg(s) for _ in range(60)]
        for pg in sessions:
            pg.send(b'Q', sql.encode() + b'\0')
        started = eventually(lambda: s.request('GET', '/metrics')[2].decode().count('lumadb_queries_total{language="sql"} 120\n'))
        equal(started, 1)
        time.sleep(1)
        with open(f'/proc/{s.process.pid}/status', encoding='ascii') as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith('VmHWM')) >> 10
        assert peak < 192, f'{peak} MiB resident'
        equal(ask(s, 'select 1'), '1')
        # Whoever reads after all gets everything.
        assert read_all(readers[0]).endswith(b'\r\n0\r\n\r\n')
        equal(sum(kind == b'D' for kind, _ in sessions[0].until_ready()), 200000)
        for x in readers + sessions:
            x.close()


def test_queries_of_clients_that_went_away_end():
    with Server('--query.threads=2', '--query.timeout=0s') as s:
        for _ in range(3):
            pg = Pg(s)
            pg.send(b'Q', ENDLESS.encode() + b'\0')
            rest = post_unread(s, ENDLESS)
            time.sleep(0.1)
            pg.close()
            rest.close()
        equal(ask(s, 'select 1'), '1')


def test_statements_that_write_can_be_cancelled_too():
    with Server('--query.threads=2', '--query.timeout=0s') as s:
        equal(ask(s, 'create table t (n int8)'), 'CREATE TABLE')
        for text in ('insert into t ' + ENDLESS, 'explain analyze ' + ENDLESS, 'select (' + ENDLESS + ')'):
            for _ in range(3):
                pg = Pg(s)
                pg.send(b'Q', text.encode() + b'\0')
                time.sleep(0.1)
                pg.close()
            equal(ask(s, 'select count(*) from t'), '0', text)


def test_many_idle_sessions_and_prepared_statements():
    with Server() as s:
        sessions = [Pg(s) for _ in range(400)]
        equal(ask(s, 'select 1'), '1')
        pg = sessions[0]
        pg.sock.sendall(b''.join(b'P' + struct.pack('>i', len(b) + 4) + b for b in (
            b's%d\0select $1::int4\0\0\0' % i for i in range(10001))) + b'S\0\0\0\4')
        equal(outcome(pg.until_ready()), '54000')
        equal(pg.ask('select 2'), '2')
        for one in sessions:
            one.close()
        equal(ask(s, 'select 3'), '3')


def test_garbage_is_answered_or_dropped():
    with Server() as s:
        for name in ('postgres', 'prometheus', 'http'):
            for raw in (b'\0' * 64, b'\xff' * 64, b'GET / HTTP/9.9\r\n\r\n', b'\x16\x03\x01' + b'\0' * 600,
                        b'POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n'):
                sock = socket.create_connection(('127.0.0.1', s.port(name)), timeout=20)
                sock.sendall(raw)
                sock.shutdown(socket.SHUT_WR)
                try:
                    read_all(sock)
                except ConnectionError:
                    pass
                sock.close()
        equal(ask(s, 'select 1'), '1')


def test_a_full_listener_says_so_in_its_protocol():
    full = [f'--{name}.connections_max=1' for name in ('postgres', 'prometheus', 'http', 'otlp.http', 'otlp.grpc')]
    with Server(*full) as s:
        for name, want in (('postgres', b'C53300\0'), ('http', b'HTTP/1.1 503 '), ('otlp.http', b'\r\nRetry-After: 1\r\n'),
                           ('otlp.grpc', b'\0\0\0\4\0\0\0\0\0' b'\0\0\x08\7' + b'\0' * 13)):
            first, second = (socket.create_connection(('127.0.0.1', s.port(name)), timeout=20) for _ in range(2))
            answer = read_all(second)
            assert want in answer, (name, answer)
            first.close()
            second.close()
        metrics = s.request('GET', '/metrics')[2].decode()
        assert 'lumadb_connections_refused_total{reason="full"} 4\n' in metrics, metrics


# ---------------------------------------------------------------- statements
def test_deep_long_and_wide_statements():
    numbers = ','.join(map(str, range(100000)))
    cases = {
        'select ' + '(' * 100000 + '1' + ')' * 100000: '54001',
        'select ' + '1 + ' * 200000 + '1': '54001',
        'select ' + '- ' * 100000 + '1': '54001',
        'select ' + 'true and ' * 50000 + 'true': 't',
        'select ' + 'abs(' * 20000 + '1' + ')' * 20000: '54001',
        'select * from ' + '(select * from ' * 2000 + '(select 1) x' + ') x' * 2000: '54001',
        ' union all '.join(['select 1'] * 20000): '54001',
        "select '" + '[' * 100000 + ']' * 100000 + "'::jsonb": '54001',
        'select 5 in (' + numbers + ')': 't',
        'select count(*) from generate_series(1, 1000) g where g in (' + numbers + ')': '1000',
        'select ' + ','.join(['1'] * 5000): '54011',
        'select 1 from ' + ','.join(f'(values(1)) t{i}(a)' for i in range(50000)): '54001',
        "select '" + 'x' * 10000000 + "' = 'y'": 'f',
        'select 1' + ' ' * 10000000: '1',
    }
    with Server() as s:
        pg = Pg(s)
        for text, want in cases.items():
            equal(pg.ask(text), want, text[:60])
        pg.close()


def test_a_query_over_its_memory_is_refused_and_the_server_lives():
    with Server('--query.bytes_max=16MiB') as s:
        pg = Pg(s)
        # Sorts, groups and joins go to disk; what must be in memory as a whole is refused.
        for text, want in (('select g from generate_series(1, 2000000) g order by g desc', '2000000'),
                           ('select count(*) from (select g from generate_series(1, 2000000) g group by g) x', '2000000'),
                           ('select count(distinct g) from generate_series(1, 5000000) g', '53200'),
                           ('with recursive r(n) as (select 1::int8 union all select n + 1 from r) select count(*) from r', '53200'),
                           ("select length(string_agg(repeat('x', 1000), '')) from generate_series(1, 1000000)", '53200'),
                           ('select array_agg(g) from generate_series(1, 5000000) g', '53200'),
                           ("select length(repeat('x', 100000000))", '53200'),
                           ("select length(replace(repeat('a', 1000000), 'a', repeat('b', 100)))", '53200')):
            equal(pg.ask(text), want, text)
            equal(pg.ask('select 1'), '1')
        equal(s.request('POST', '/api/v1/sql', 'select array_agg(g) from generate_series(1, 5000000) g',
                        listener='http')[0], 503)
        pg.close()


def test_statements_that_find_no_memory_at_all_are_refused():
    wide = 'select ' + ', '.join(f"'{'x' * 1000}{i}'" for i in range(1600))
    many = 'select count(*) from (values ' + ','.join(f'({i}, {i})' for i in range(50000)) + ') t(a, b)'
    with Server('--memory.queries_bytes=1MiB', '--query.bytes_max=1MiB') as s:
        pg = Pg(s)
        for text in (wide, many, 'select 5 in (' + ','.join(map(str, range(100000))) + ')', "select '" + 'x' * 3000000 + "'",
                     'select ' + ', '.join(f'g + {i}' for i in range(1600)) + ' from generate_series(1, 3) g'):
            got = pg.ask(text)
            assert got is None or got == '53200' or len(got) != 5, (text[:60], got)
            equal(pg.ask('select 1'), '1', text[:60])
        for query in ('vector(1)' + ' or vector(1)' * 400, 'm{a="' + 'x' * 3000000 + '"}', 'sum({__name__=~".+"})'):
            assert promql(s, query)[0] in (200, 400, 413, 422, 503), query[:60]
        equal(pg.ask('select 1'), '1')
        pg.close()


# ---------------------------------------------------------------- PromQL
def promql(server, query, path='query', **params):
    status, _, body = server.request('POST', '/api/v1/' + path, urllib.parse.urlencode({'query': query, **params}),
                                     {'Content-Type': 'application/x-www-form-urlencoded'})
    return status, json.loads(body)


def test_promql_limits():
    now = int(time.time())
    with Server('--query.bytes_max=8MiB') as s:
        for part in range(4):
            equal(s.write([({'__name__': 'm', 'i': str(i), 'pad': 'x' * 100}, [(now * 1000, i)])
                           for i in range(part * 5000, part * 5000 + 5000)])[0], 204)
        equal(promql(s, 'm', 'query_range', start=0, end=11001, step=1)[0], 400)
        equal(promql(s, '(' * 50000 + '1' + ')' * 50000)[0], 400)
        equal(promql(s, '-' * 100000 + '1')[0], 400)
        equal(promql(s, 'sum(' * 20000 + 'm' + ')' * 20000)[0], 400)
        for query in ('{__name__=~".+"}', 'count_values("v", m)', 'm * on(i) group_left m', 'label_replace(m, "z", "$1$1$1$1", "pad", "(.*)")',
                      'sort_desc(m)', 'topk(20000, m)', 'm or m or m', 'quantile_over_time(0.5, m[1h:1s])'):
            status, answer = promql(s, query, time=now)
            assert status in (200, 422, 503), (query, status, answer)
        for query in ('{__name__=~".+"}[100y]', 'sum({__name__=~"(a|b|m)*(.*)*(.+)+$"})', 'sum(m{pad=~"(x+x+)+y"})',
                      'count(m{i=~"%s"})' % '|'.join(map(str, range(5000)))):
            status, answer = promql(s, query, time=now)
            assert status in (200, 422, 503), (query, status, answer)
        status, answer = promql(s, 'm', 'query_range', start=now - 10999, end=now, step=1)
        assert status in (422, 503), (status, answer)
        status, answer = promql(s, 'sum(m{pad=~"((x{900}){900}){900}"})', time=now)
        equal(status, 400, answer)
        equal(s.query('count(m)', now), {(): 20000.0})


# ---------------------------------------------------------------- signals
def test_sigterm_under_load_keeps_what_was_acknowledged():
    with Server() as s:
        equal(ask(s, 'create table t (source text, n int8)'), 'CREATE TABLE')
        now = int(time.time() * 1000)
        acknowledged = {}
        lock = threading.Lock()

        def note(kind, who, n):
            with lock:
                acknowledged[kind, who] = n

        def remote_write(who):
            for n in range(1, 1000000):
                if s.write([({'__name__': 'load', 'who': str(who), 'n': str(n)}, [(now, n)])])[0] != 204:
                    return
                note('prometheus', who, n)

        def insert(who):
            pg = Pg(s)
            for n in range(1, 1000000):
                if pg.ask(f"insert into t values ('pg{who}', {n})") != 'INSERT 0 1':
                    return
                note('pg', who, n)

        def rest(who):
            for n in range(1, 1000000):
                if s.request('POST', '/api/v1/sql', f"insert into t values ('rest{who}', {n})", listener='http')[0] != 200:
                    return
                note('rest', who, n)

        def until_cut(fn):
            def run(who):
                try:
                    fn(who)
                except (OSError, EOFError, http.client.HTTPException):
                    pass
            return run

        threads = [t for fn in (remote_write, insert, rest) for t in in_background(until_cut(fn), 3)]
        eventually(lambda: len(acknowledged) == 9 and min(acknowledged.values()) > 100)
        process = s.process
        process.send_signal(signal.SIGTERM)
        equal(process.wait(20), 0)
        for t in threads:
            t.join(20)
            assert not t.is_alive()
        equal(s.wait(1), 0)
        s.start()
        for (kind, who), n in acknowledged.items():
            if kind == 'prometheus':
                got = s.query(f'count(load{{who="{who}"}})', now / 1000)[()]
            else:
                got = int(ask(s, f"select count(*) from t where source = '{kind}{who}'"))
            # One more may have been under way when the answer was cut off.
            assert n <= got <= n + 1, (kind, who, n, got)
        equal(ask(s, 'select count(*) from (select source, n, count(*) from t group by 1, 2 having count(*) > 1) d'), '0')


def test_sigterm_ends_running_queries_and_silent_clients():
    with Server('--shutdown.timeout=500ms', '--query.timeout=0s', '--query.threads=8') as s:
        equal(ask(s, 'create table t (n int8)'), 'CREATE TABLE')
        held = [Pg(s) for _ in range(3)]
        held[0].send(b'Q', ENDLESS.encode() + b'\0')
        held[1].send(b'Q', b'select g, g, g from generate_series(1, 100000000) g\0')
        rest = [post_unread(s, ENDLESS), post_unread(s, 'select g, g, g from generate_series(1, 100000000) g')]
        half = socket.create_connection(('127.0.0.1', s.port('prometheus')))
        half.sendall(b'POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc')
        late = [Pg(s) for _ in range(2)]
        for pg in late:
            pg.send(b'Q', b'insert into t ' + ENDLESS.encode() + b'\0')
        time.sleep(0.5)
        equal(s.stop(20), 0)
        for x in held + late + rest + [half]:
            x.close()


def test_sigterm_while_targets_are_slow():
    class Target(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header('Content-Type', 'text/plain')
            self.end_headers()
            try:
                for i in range(100):
                    self.wfile.write(b'm{i="%d"} 1\n' % i)
                    time.sleep(0.05)
            except OSError:
                pass

        def log_message(self, *args):
            pass

    target = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Target)
    target.daemon_threads = True
    threading.Thread(target=target.serve_forever, daemon=True).start()
    place = f'"127.0.0.1:{target.server_address[1]}"'
    config = ('scrape_configs:\n' + ''.join(
        f'  - {{job_name: j{i}, scrape_interval: 300ms, scrape_timeout: 300ms, static_configs: [{{targets: [{place}]}}]}}\n'
        f'  - {{job_name: k{i}, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{{targets: ["127.0.0.1:1"]}}]}}\n'
        for i in range(10)))
    for pause in (0, 0.3, 1):
        with Server(config=config) as s:
            time.sleep(pause)
            equal(s.stop(20), 0)
    target.shutdown()
    target.server_close()


def test_a_port_in_use_is_said_and_ends_the_start():
    with socket.socket() as busy:
        busy.bind(('127.0.0.1', 0))
        busy.listen()
        address = '127.0.0.1:%d' % busy.getsockname()[1]
        for name in ('postgres', 'prometheus', 'http'):
            with tempfile.TemporaryDirectory() as d:
                flags = {n: '127.0.0.1:0' for n in ('postgres', 'prometheus', 'http')}
                flags[name] = address
                p = subprocess.run([BINARY, 'serve', '--data-dir', d, *(f'--{n}.listen={a}' for n, a in flags.items())],
                                   stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
                equal(p.returncode, 1, name)
                equal(p.stdout, '')
                assert address in p.stderr and 'in use' in p.stderr, p.stderr


if __name__ == '__main__':
    run_suite(globals())
