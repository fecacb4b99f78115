"""Hostile clients on every port at once, honest ones beside them, and what must hold then and afterwards.

The hostile ones run in a process of their own: silent, slow (a byte at a time), half-open and vanishing clients, floods
of connections, of requests that nobody reads the answers of and of HTTP/2 frames, random bytes, and valid traffic that
was cut or changed. Each honest client has one protocol, keeps a ledger of what was acknowledged, and every request of
it has to be answered. With a certificate the same happens inside of TLS, and to its handshake.
"""
import functools, http.client, json, multiprocessing, os, random, re, socket, ssl, struct, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), os.path.join(HERE, '..', 'protocol')]
import otlp
from luma import Server, eventually, snappy, write_request
from suite_http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GET, GOAWAY, HEADERS, PING, PREFACE, RESET, SETTINGS,
                         frame)

HTTP_PORTS = 'prometheus', 'http', 'otlp.http', 'otlp.grpc'
PORTS = ('postgres', *HTTP_PORTS)
SILENT = 20  # clients per port that only sit there
MALFORMED = 4  # threads per port that send what is no request


def certificate(folder):
    """Flags of a server with a certificate made in `folder`."""
    key, cert = os.path.join(folder, 'key.pem'), os.path.join(folder, 'cert.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert,
                    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
                   check=True, capture_output=True)
    return ['--tls.cert_file=' + cert, '--tls.key_file=' + key]


# ---------------------------------------------------------------- connections and valid traffic
def message(kind, body):
    return kind + struct.pack('>I', len(body) + 4) + body


SSL_REQUEST = struct.pack('>II', 8, 80877103)
STARTUP = message(b'', struct.pack('>I', 196608) + b'user\0luma\0database\0lumadb\0\0')


def raw(port):
    return socket.create_connection(('127.0.0.1', port), timeout=20)


@functools.cache
def tls_context(alpn):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


def secured(sock, name, alpn):
    """A handshake on the connection; PostgreSQL is asked first."""
    if name == 'postgres':
        sock.sendall(SSL_REQUEST)
        if sock.recv(1) != b'S':
            raise ConnectionError('no TLS')
    return tls_context('' if name == 'postgres' else alpn).wrap_socket(sock)


def connect(port, name, tls, alpn='http/1.1'):
    sock = raw(port)
    if not tls:
        return sock
    try:
        return secured(sock, name, alpn)
    except BaseException:
        sock.close()
        raise


def grpc_call(path, body, stream=1):
    head = (b'\x83\x86\x04' + bytes([len(path)]) + path.encode() + b'\x01\x09localhost'
            b'\x00\x0ccontent-type\x10application/grpc\x00\x02te\x08trailers')
    body = b'\0' + struct.pack('>I', len(body)) + body
    return frame(HEADERS, END_HEADERS, stream, head) + frame(DATA, END_STREAM, stream, body)


def log_request(text):
    return otlp.request([otlp.log_record(time.time_ns(), body=text)], {'service.name': 'hostile'})


def http1(method, path, body=b'', kind='text/plain', more=''):
    return (f'{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{more}'
            f'Content-Length: {len(body)}\r\n\r\n').encode() + body


def valid(name):
    """Whole conversations that a port answers, of the same kind as what the attacks are made of. They store nothing
    that an honest client looks for."""
    now = int(time.time() * 1000)
    if name == 'postgres':
        return [STARTUP + message(b'Q', b'select 1, now(), array[1,2]\0'),
                STARTUP + message(b'P', b's\0select $1::int4 + 1\0\0\0') + message(b'B', b'\0s\0\0\0\0\1\0\0\0\0011\0\0') +
                message(b'D', b'P\0') + message(b'E', b'\0\0\0\0\0') + message(b'S', b''),
                STARTUP + message(b'Q', b'copy (select g from generate_series(1, 1000) g) to stdout\0'),
                struct.pack('>IIII', 16, 80877102, 1, 2)]
    health = http1('GET', '/-/healthy') + http1('GET', '/metrics', more='Accept-Encoding: gzip\r\n')
    h2 = PREFACE + b''.join(frame(HEADERS, END_STREAM | END_HEADERS, n, GET) for n in range(1, 21, 2))
    write = snappy(write_request([({'__name__': 'noise', 'i': str(i)}, [(now, i)]) for i in range(20)]))
    own = {'prometheus': [http1('POST', '/api/v1/write', write, 'application/x-protobuf', 'Content-Encoding: snappy\r\n'),
                          http1('GET', '/api/v1/query?query=sum(rate(noise%5B5m%5D))')],
           'http': [http1('POST', '/api/v1/sql', b'{"query": "select 1"}', 'application/json'),
                    http1('POST', '/api/v1/ingest/noise', b'{"a": 1}\n{"a": 2}\n', 'application/x-ndjson')],
           'otlp.http': [http1('POST', '/v1/logs', log_request('noise'), 'application/x-protobuf')],
           'otlp.grpc': [PREFACE + grpc_call('/opentelemetry.proto.collector.logs.v1.LogsService/Export', log_request('noise'))]}
    return own[name] + ([h2] if name == 'otlp.grpc' else [health, h2])


# ---------------------------------------------------------------- attacks
class Attack:
    """One attacker: `run` until `stop` is set. Connections that end are the server's right."""

    def __init__(self, ports, name, tls, stop, seed):
        self.ports, self.name, self.tls, self.stop, self.random = ports, name, tls, stop, random.Random(seed)

    def open(self, alpn='http/1.1'):
        return connect(self.ports[self.name], self.name, self.tls, alpn)

    def pieces(self):
        """(the ALPN name, bytes) of one valid conversation."""
        data = self.random.choice(valid(self.name))
        return ('h2' if data.startswith(b'PRI') else 'http/1.1'), data

    def wait(self, seconds):
        return self.stop.wait(seconds)


def silent(a):
    """Connections that never say a word; half of those with TLS do not even shake hands."""
    held = []
    while not a.stop.is_set():
        while len(held) < SILENT:
            held.append(raw(a.ports[a.name]) if len(held) % 2 else a.open())
        if a.wait(1):
            break
    for sock in held:
        sock.close()


def trickle(a):
    """Valid traffic at about ten bytes a second on some connections at once, below TLS on half of them."""
    feeds = []
    while not a.wait(0.1):
        if len(feeds) < 5:
            alpn, data = a.pieces()
            feeds.append([a.open(alpn) if len(feeds) % 2 else raw(a.ports[a.name]), data, 0])
        for feed in list(feeds):
            try:
                feed[0].sendall(feed[1][feed[2]:feed[2] + 1])
                feed[2] += 1
            except OSError:
                feed[2] = len(feed[1])
            if feed[2] >= len(feed[1]):
                feed[0].close()
                feeds.remove(feed)
    for feed in feeds:
        feed[0].close()


def slowloris(a):
    """Heads without end, a header at a time."""
    socks, n = [], 0
    while not a.wait(0.2):
        if len(socks) < 10:
            socks.append(a.open())
            socks[-1].sendall(b'POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\n' if a.name != 'postgres' else
                              message(b'', struct.pack('>I', 196608) + b'x' * 5000)[:100])
        n += 1
        for sock in list(socks):
            try:
                sock.sendall(b'X-%d: y\r\n' % n)
            except OSError:
                sock.close()
                socks.remove(sock)
    for sock in socks:
        sock.close()


def half_open(a):
    """Half a conversation, then nothing, a shut sending half, or a reset."""
    held = []
    while not a.wait(0.02):
        alpn, data = a.pieces()
        sock = a.open(alpn)
        sock.sendall(data[:a.random.randrange(1, len(data))])
        way = a.random.randrange(3)
        if way == 0 and len(held) < 20:
            held.append(sock)
            continue
        if way == 1:
            sock.shutdown(socket.SHUT_WR)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        sock.close()
    for sock in held:
        sock.close()


def connections(a):
    """Opened and closed at once, as fast as they go."""
    while not a.stop.is_set():
        sock = raw(a.ports[a.name])
        if a.random.randrange(2):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        sock.close()


def requests(a):
    """Pipelined requests, answers unread; when neither side moves for a while, the next connection."""
    while not a.stop.is_set():
        alpn, data = a.pieces()
        sock = a.open(alpn)
        sock.settimeout(0.5)
        if alpn == 'h2':
            data, n = PREFACE, 1
            for n in range(1, 4001, 2):
                data += frame(HEADERS, END_STREAM | END_HEADERS, n, GET)
        elif a.name == 'postgres':
            data = STARTUP + message(b'Q', b"select g, repeat('x', 100) from generate_series(1, 1000) g\0") * 300
        else:
            data = data * max(1, 300000 // len(data))
        try:
            for _ in range(20):
                sock.sendall(data)
                if a.stop.is_set() or alpn == 'h2':
                    break
        except OSError:
            pass
        sock.close()


def frames(a):
    """HTTP/2 floods: rapid reset, SETTINGS, PING, CONTINUATION, empty DATA."""
    if a.name == 'postgres':
        return
    while not a.stop.is_set():
        sock = a.open('h2')
        reset = b''.join(frame(HEADERS, END_STREAM | END_HEADERS, n, GET) + frame(RESET, 0, n, b'\0\0\0\x08')
                         for n in range(1, 2001, 2))
        flood = a.random.choice([reset, frame(SETTINGS, 0, 0) * 4000, frame(PING, 0, 0, b'abcdefgh') * 4000,
                                 frame(HEADERS, 0, 1, GET) + frame(CONTINUATION, 0, 1, b'\0\1x\1y' * 100) * 4000,
                                 frame(HEADERS, END_HEADERS, 1, GET) + frame(DATA, 0, 1) * 4000])
        try:
            sock.sendall(PREFACE + flood)
            sock.settimeout(1)
            while sock.recv(65536):
                pass
        except OSError:
            pass
        sock.close()


def malformed(a):
    """Random bytes, and valid traffic cut, with bytes changed, repeated or left out; answers are read a bit."""
    while not a.stop.is_set():
        alpn, data = a.pieces()
        data = bytearray(data)
        kind = a.random.randrange(5)
        if kind == 0:
            data = a.random.randbytes(a.random.randrange(1, 5000))
        elif kind == 1:
            del data[a.random.randrange(len(data)):]
        elif kind == 2:
            for _ in range(a.random.randrange(1, 8)):
                data[a.random.randrange(len(data))] = a.random.randrange(256)
        elif kind == 3:
            at, n = a.random.randrange(len(data)), a.random.randrange(1, 40)
            data[at:at] = data[at:at + n] * a.random.randrange(1, 50)
        else:
            at = a.random.randrange(len(data))
            del data[at:at + a.random.randrange(1, 20)]
        sock = a.open(alpn) if a.random.randrange(4) else raw(a.ports[a.name])
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(0.3)
            for _ in range(10):
                if not sock.recv(65536):
                    break
        except OSError:
            pass
        sock.close()


ATTACKS = [silent, trickle, slowloris, half_open, connections, requests, frames, *[malformed] * MALFORMED]


def attack(ports, tls, stop, seed):
    """The hostile process: every attack on every port until told to stop."""
    def run(fn, a):
        while not a.stop.is_set():
            try:
                fn(a)
                a.wait(0.5)
            except (OSError, ssl.SSLError):
                a.wait(0.02)

    threads = [threading.Thread(target=run, args=(fn, Attack(ports, name, tls, stop, seed + i * 100 + j)), daemon=True)
               for i, name in enumerate(PORTS) for j, fn in enumerate(ATTACKS)]
    for t in threads:
        t.start()
    stop.wait()
    for t in threads:
        t.join(3)


# ---------------------------------------------------------------- honest clients
class Honest:
    """A client of one protocol: numbered writes and a read after each; every answer has to be the right one.

    Refusals that ask to come back (503, 53xxx, UNAVAILABLE) are taken as such, but do not count as answered."""

    def __init__(self, server, tls):
        self.server, self.tls, self.acked, self.refused, self.slowest, self.error = server, tls, 0, 0, 0.0, None

    def run(self, stop):
        try:
            while not stop.is_set():
                began = time.time()
                if self.step(self.acked):
                    self.acked += 1
                else:
                    self.refused += 1
                    time.sleep(0.1)
                self.slowest = max(self.slowest, time.time() - began)
                time.sleep(0.01)
        except Exception as e:  # told by the test
            self.error = f'{type(self).__name__} after {self.acked}: {e!r}'

    def http(self, listener, method, path, body=None, headers=None):
        """-> (status, body) by a new connection"""
        port = self.server.port(listener)
        if self.tls:
            c = http.client.HTTPSConnection('127.0.0.1', port, timeout=30, context=tls_context('http/1.1'))
        else:
            c = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return r.status, r.read()
        finally:
            c.close()

    def taken(self, status, body, good=(200, 204)):
        if status not in (*good, 503):
            raise AssertionError(f'HTTP {status}: {body[:200]!r}')
        return status != 503

    def sql(self, text):
        status, body = self.http('http', 'POST', '/api/v1/sql', json.dumps({'query': text}), {'Content-Type': 'application/json'})
        if status != 200:
            raise AssertionError(f'HTTP {status}: {body[:200]!r}')
        return json.loads(body)['rows']

    def rows(self, condition):
        return self.sql('select count(*), count(distinct n) from ' + condition)[0]

    def logs(self, service):
        return self.rows(f"(select attributes->>'n' as n from logs where service = '{service}') s")


class Postgres(Honest):
    """One session that stays, and a new one for each write."""

    def __init__(self, server, tls):
        super().__init__(server, tls)
        self.session = self.begin()
        self.ask('create table honest (source text, n int8)')

    def begin(self):
        sock = connect(self.server.port('postgres'), 'postgres', self.tls)
        sock.sendall(STARTUP)
        self.until_ready(sock)
        return sock

    @staticmethod
    def until_ready(sock):
        """-> (SQLSTATE or None, first values of the rows)"""
        data, at, code, rows = b'', 0, None, []
        while True:
            while len(data) - at < 5 or len(data) - at < 1 + struct.unpack('>I', data[at + 1:at + 5])[0]:
                more = sock.recv(65536)
                if not more:
                    raise ConnectionError('the session ended')
                data += more
            size = struct.unpack('>I', data[at + 1:at + 5])[0]
            kind, body = data[at:at + 1], data[at + 5:at + 1 + size]
            at += 1 + size
            if kind == b'E':
                code = next(x[1:].decode() for x in body.split(b'\0') if x[:1] == b'C')
                if code.startswith('53') and body.find(b'SFATAL') >= 0:
                    return code, rows
            elif kind == b'D':
                n = struct.unpack('>i', body[2:6])[0]
                rows.append(body[6:6 + n].decode())
            elif kind == b'Z':
                return code, rows

    def ask(self, text, sock=None):
        sock = sock or self.session
        sock.sendall(message(b'Q', text.encode() + b'\0'))
        return self.until_ready(sock)

    def step(self, n):
        sock = self.begin()
        try:
            code, _ = self.ask(f"insert into honest values ('pg', {n})", sock)
        finally:
            sock.close()
        if code:
            if not code.startswith('53'):
                raise AssertionError(code)
            return False
        code, rows = self.ask(f"select count(*) from honest where source = 'pg' and n = {n}")
        if code or rows != ['1']:
            raise AssertionError((code, rows))
        return True

    def found(self):
        return self.rows("honest where source = 'pg'")


class RemoteWrite(Honest):
    def step(self, n):
        self.now = int(time.time() * 1000)
        body = snappy(write_request([({'__name__': 'honest', 'n': str(n)}, [(self.now, n)])]))
        if not self.taken(*self.http('prometheus', 'POST', '/api/v1/write', body,
                                     {'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy'})):
            return False
        status, body = self.http('prometheus', 'GET', f'/api/v1/query?query=honest%7Bn%3D%22{n}%22%7D&time={self.now / 1000}')
        if status != 200 or json.loads(body)['data']['result'][0]['value'][1] != str(n):
            raise AssertionError((status, body[:200]))
        return True

    def found(self):
        body = self.http('prometheus', 'GET', '/api/v1/query?query=count(count_over_time(honest%5B1h%5D))')[1]
        n = int(json.loads(body)['data']['result'][0]['value'][1])
        return [n, n]


class RestIngest(Honest):
    def step(self, n):
        row = json.dumps({'source': 'rest', 'n': n})
        return self.taken(*self.http('http', 'POST', '/api/v1/ingest/honest', row, {'Content-Type': 'application/x-ndjson'}))

    def found(self):
        return self.rows("honest where source = 'rest'")


class OtlpHttp(Honest):
    def step(self, n):
        body = otlp.request([otlp.log_record(time.time_ns(), body='honest', attrs={'n': n})], {'service.name': 'honest-http'})
        return self.taken(*self.http('otlp.http', 'POST', '/v1/logs', body, {'Content-Type': 'application/x-protobuf'}))

    def found(self):
        return self.logs('honest-http')


class OtlpGrpc(Honest):
    def step(self, n):
        body = otlp.request([otlp.log_record(time.time_ns(), body='honest', attrs={'n': n})], {'service.name': 'honest-grpc'})
        sock = connect(self.server.port('otlp.grpc'), 'otlp.grpc', self.tls, 'h2')
        sock.settimeout(30)
        try:
            sock.sendall(PREFACE + grpc_call('/opentelemetry.proto.collector.logs.v1.LogsService/Export', body))
            return self.answer(sock)
        finally:
            sock.close()

    @staticmethod
    def answer(sock):
        """True for a message before the trailers (status OK), False for trailers alone or a GOAWAY."""
        data, message_seen = b'', False
        while True:
            while len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], 'big'):
                more = sock.recv(65536)
                if not more:
                    raise ConnectionError('the connection ended without an answer')
                data += more
            size = int.from_bytes(data[:3], 'big')
            kind, flags, data = data[3], data[4], data[9 + size:]
            message_seen |= kind == DATA and size > 0
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return message_seen
            if kind in (GOAWAY, RESET):
                return False

    def found(self):
        return self.logs('honest-grpc')


# ---------------------------------------------------------------- a run
def metrics(honest):
    """All of /metrics as {name with labels: value}."""
    status, body = honest.http('prometheus', 'GET', '/metrics')
    assert status == 200, status
    return {k: float(v) for k, v in re.findall(r'^(lumadb_\S+(?:\{[^}]*\})?) (\S+)$', body.decode(), re.M)}


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def resident(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith('VmRSS'))


def assault(server, tls, seconds, seed, honest=None):
    """Attacks and honest clients for so long. -> (the change of each counter, the honest clients for another one)

    Fails when an honest client was not served, when something acknowledged is not there once, or when connections or
    descriptors are left behind."""
    pid = server.process.pid
    honest = honest or [kind(server, tls) for kind in (Postgres, RemoteWrite, RestIngest, OtlpHttp, OtlpGrpc)]
    before, files_before, acked_before = metrics(honest[0]), descriptors(pid), [h.acked for h in honest]
    fork = multiprocessing.get_context('fork')
    stop_attack, stop = fork.Event(), threading.Event()
    hostile = fork.Process(target=attack, args=({n: server.port(n) for n in PORTS}, tls, stop_attack, seed), daemon=True)
    hostile.start()
    threads = [threading.Thread(target=h.run, args=(stop,)) for h in honest]
    for t in threads:
        t.start()
    peak = 0
    end = time.time() + seconds
    while time.time() < end and server.process.poll() is None:
        peak = max(peak, resident(pid))
        time.sleep(0.1)
    stop_attack.set()
    stop.set()
    for t in threads:
        t.join(60)
    hostile.join(10)
    if hostile.is_alive():
        hostile.kill()
    assert server.process.poll() is None, 'the server died: ' + server.log_text()[-2000:]
    print(f'# seed {seed}: ' + ', '.join(f'{type(h).__name__} {h.acked} served, {h.refused} refused, slowest {h.slowest:.2f} s'
                                         for h in honest))
    assert not [h.error for h in honest if h.error], [h.error for h in honest if h.error]
    assert all(h.acked > n + 10 for h, n in zip(honest, acked_before)), [(type(h).__name__, h.acked) for h in honest]
    for h in honest:
        found = h.found()
        assert found[0] == found[1] and h.acked <= found[0] <= h.acked + h.refused, (type(h).__name__, h.acked, h.refused, found)
    # What was sent may still be in work; afterwards only what was there before is left.
    eventually(lambda: descriptors(pid) <= files_before, 20)
    after = eventually(lambda: (m := metrics(honest[0]))['lumadb_connections_open'] <= 2 and m)  # this and Postgres' session
    assert peak < 512 << 20, f'{peak >> 20} MiB resident'
    print(f'# resident: at most {peak >> 20} MiB, {resident(pid) >> 20} MiB afterwards')
    return {k: v - before.get(k, 0) for k, v in after.items()}, honest
