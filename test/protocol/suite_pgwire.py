#!/usr/bin/env python3
"""PostgreSQL's protocol byte by byte, by a client that does what drivers do not dare."""
import os, socket, struct, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import Server, equal, run_suite

PROTOCOL = 196608


class Wire:
    """One connection; messages are (type, body)."""

    def __init__(self, server, **params):
        self.address = ('127.0.0.1', server.port('postgres'))
        self.sock = socket.create_connection(self.address, timeout=20)
        self.buffer = b''
        self.status, self.key = {}, None
        if params is not None:
            self.startup(**params)

    def startup(self, version=PROTOCOL, **params):
        pairs = {'user': 'luma', 'database': 'lumadb', **params}
        body = struct.pack('>i', version) + b''.join(k.encode() + b'\0' + v.encode() + b'\0' for k, v in pairs.items()) + b'\0'
        self.sock.sendall(struct.pack('>i', len(body) + 4) + body)
        self.hello = self.until(b'ZE')
        for kind, body in self.hello:
            if kind == b'S':
                name, value = body.split(b'\0')[:2]
                self.status[name.decode()] = value.decode()
            elif kind == b'K':
                self.key = struct.unpack('>II', body)

    def send(self, *messages):
        self.sock.sendall(b''.join(kind + struct.pack('>i', len(body) + 4) + body for kind, body in messages))

    def read(self, n):
        while len(self.buffer) < n:
            more = self.sock.recv(1 << 16)
            if not more:
                raise EOFError
            self.buffer += more
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def message(self):
        head = self.read(5)
        return head[:1], self.read(struct.unpack('>i', head[1:])[0] - 4)

    def until(self, kinds=b'Z'):
        """Messages up to one of a kind (after FATAL: to the end)."""
        out = []
        while True:
            try:
                out.append(self.message())
            except EOFError:
                return out
            if out[-1][0] in kinds:
                return out

    def query(self, text):
        self.send((b'Q', text.encode() + b'\0'))
        return self.until()

    def close(self):
        self.sock.close()


def types(messages):
    return b''.join(kind for kind, _ in messages).decode()


def fields(body):
    return {part[:1].decode(): part[1:].decode() for part in body.split(b'\0') if part}


def error(messages):
    return next(fields(body) for kind, body in messages if kind == b'E')


def row(body):
    (n,), at, out = struct.unpack('>h', body[:2]), 2, []
    for _ in range(n):
        (size,) = struct.unpack('>i', body[at:at + 4])
        out.append(None if size < 0 else body[at + 4:at + 4 + size])
        at += 4 + max(size, 0)
    return out


def rows(messages):
    return [row(body) for kind, body in messages if kind == b'D']


def parse(text, name='', *oids):
    return b'P', name.encode() + b'\0' + text.encode() + b'\0' + struct.pack('>h', len(oids)) + b''.join(struct.pack('>I', o) for o in oids)


def bind(values=(), name='', portal='', formats=(), results=()):
    out = portal.encode() + b'\0' + name.encode() + b'\0' + struct.pack(f'>h{len(formats)}h', len(formats), *formats)
    out += struct.pack('>h', len(values))
    for v in values:
        out += struct.pack('>i', -1) if v is None else struct.pack('>i', len(v)) + v
    return b'B', out + struct.pack(f'>h{len(results)}h', len(results), *results)


def execute(portal='', limit=0):
    return b'E', portal.encode() + b'\0' + struct.pack('>i', limit)


SYNC, FLUSH = (b'S', b''), (b'H', b'')


def test_startup_reports_parameters_and_key():
    with Server() as s:
        w = Wire(s, application_name='probe', options='-c DateStyle=SQL,DMY')
        equal(types(w.hello)[0], 'R')
        equal(types(w.hello)[-2:], 'KZ')
        for name in ('server_version', 'server_encoding', 'client_encoding', 'DateStyle', 'TimeZone', 'integer_datetimes',
                     'standard_conforming_strings', 'is_superuser'):
            assert name in w.status, name
        equal(w.status['application_name'], 'probe')
        equal(w.status['DateStyle'], 'SQL, DMY')


def test_encryption_requests_get_one_byte():
    with Server() as s:
        sock = socket.create_connection(('127.0.0.1', s.port('postgres')), timeout=20)
        for code in (80877104, 80877103):
            sock.sendall(struct.pack('>ii', 8, code))
            equal(sock.recv(10), b'N')
        sock.close()


def test_newer_minor_version_is_negotiated():
    with Server() as s:
        w = Wire(s, version=PROTOCOL + 2, **{'_pq_.wish': '1'})
        kind, body = w.hello[0]
        equal(kind, b'v')
        equal(body, struct.pack('>ii', PROTOCOL, 1) + b'_pq_.wish\0')
        equal(types(w.query('select 1')), 'TDCZ')


def test_older_protocol_and_nonsense_are_refused():
    with Server() as s:
        equal(error(Wire(s, version=131072).hello)['C'], '0A000')
        for junk in (b'GET / HTTP/1.1\r\n\r\n', struct.pack('>i', 3), struct.pack('>ii', 9999999, PROTOCOL)):
            sock = socket.create_connection(('127.0.0.1', s.port('postgres')), timeout=20)
            sock.sendall(junk)
            assert sock.recv(4096)[:1] in (b'E', b'')
            sock.close()
        equal(types(Wire(s).query('select 1')), 'TDCZ')


def test_simple_queries():
    with Server() as s:
        w = Wire(s)
        equal(rows(w.query('select 1, null, \'x\'')), [[b'1', None, b'x']])
        equal(types(w.query('')), 'IZ')
        equal(types(w.query('-- ping')), 'IZ')
        equal(types(w.query(';;;')), 'IZ')
        equal(types(w.query('select 1; select 2')), 'TDCTDCZ')
        answer = w.query('select 1; select nonsense; select 2')
        equal(types(answer), 'TDCEZ')
        equal(error(answer)['C'], '42703')
        equal(error(answer)['P'], '18')


def test_extended_queries_and_pipelines():
    with Server() as s:
        w = Wire(s)
        w.send(parse('select $1::int4 + 1 as n, $2::text', 's'), (b'D', b'Ss\0'), FLUSH)
        equal(types([w.message() for _ in range(3)]), '1tT')
        w.send(bind([b'41', None], 's'), execute(), bind([struct.pack('>i', 1), b'x'], 's', formats=(1, 0), results=(1, 0)), execute(), SYNC)
        answer = w.until()
        equal(types(answer), '2DC2DCZ')
        equal(rows(answer), [[b'42', None], [struct.pack('>i', 2), b'x']])
        # Twenty transactions in one packet.
        w.send(*[m for i in range(20) for m in (bind([str(i).encode(), b''], 's'), execute(), SYNC)])
        equal([w.until()[1][1] is not None for _ in range(20)], [True] * 20)


def test_error_skips_to_sync():
    with Server() as s:
        w = Wire(s)
        w.send(parse('select nonsense'), bind(), execute(), parse('select 1', 'late'), SYNC, bind((), 'late'), SYNC)
        first, second = w.until(), w.until()
        equal((types(first), error(first)['C']), ('EZ', '42703'))
        equal((types(second), error(second)['C']), ('EZ', '26000'))


def test_row_limits_suspend_portals():
    with Server() as s:
        w = Wire(s)
        w.send(parse('select i from generate_series(1, 5) as g(i)'), bind(portal='p'), execute('p', 2), execute('p', 2), execute('p', 2), SYNC)
        answer = w.until()
        equal(types(answer), '12DDsDDsDCZ')
        equal([r[0] for r in rows(answer)], [b'1', b'2', b'3', b'4', b'5'])


def test_cancel_ends_the_query_of_that_key_only():
    with Server() as s:
        w = Wire(s)
        text = 'select count(*) from generate_series(1, 100000000000) as g(i)'

        def cancel(secret):
            sock = socket.create_connection(w.address, timeout=20)
            sock.sendall(struct.pack('>iiII', 16, 80877102, w.key[0], secret))
            equal(sock.recv(1), b'')
            sock.close()
        w.send((b'Q', text.encode() + b'\0'))
        cancel(w.key[1] ^ 1)
        w.sock.settimeout(0.5)
        try:
            raise AssertionError(w.until())
        except socket.timeout:
            pass
        w.sock.settimeout(20)
        threading.Timer(0.1, cancel, (w.key[1],)).start()
        answer = w.until()
        equal(error(answer)['C'], '57014')
        equal(types(w.query('select 1')), 'TDCZ')


def test_slow_reader_holds_up_nobody():
    with Server() as s:
        slow = [Wire(s) for _ in range(8)]
        for w in slow:
            w.send((b'Q', b"select i, repeat('x', 200) from generate_series(1, 3000000) as g(i)\0"))
        time.sleep(1)
        fast = Wire(s)
        for _ in range(50):
            equal(rows(fast.query('select 1')), [[b'1']])
        for w in slow:
            w.close()
        equal(rows(fast.query('select 2')), [[b'2']])


def test_bad_messages_end_only_their_connection():
    with Server() as s:
        good = Wire(s)
        for junk in (b'Q\0\0\0\0', b'Q\x7f\xff\xff\xff', b'@\0\0\0\4', b'B\0\0\0\5x', b'P' + struct.pack('>i', 8) + b'\0\0\0\1'):
            w = Wire(s)
            w.sock.sendall(junk)
            w.sock.shutdown(socket.SHUT_WR)
            for kind, body in w.until(b''):
                if kind == b'E':
                    equal(fields(body)['C'][:2], '08')
            w.close()
        equal(rows(good.query('select 1')), [[b'1']])


def test_transaction_state_is_reported():
    with Server() as s:
        w = Wire(s)
        equal(w.query('begin')[-1][1], b'T')
        equal(w.query('select nonsense')[-1][1], b'E')
        equal(error(w.query('select 1'))['C'], '25P02')
        equal(w.query('rollback')[-1][1], b'I')


def test_set_sends_parameter_status():
    with Server() as s:
        w = Wire(s)
        answer = w.query("set timezone = 'Europe/Berlin'")
        assert (b'S', b'TimeZone\0Europe/Berlin\0') in answer, answer
        equal(rows(w.query("select timestamptz '2024-07-01 12:00Z'")), [[b'2024-07-01 14:00:00+02']])


if __name__ == '__main__':
    run_suite(globals())
