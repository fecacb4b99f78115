#!/usr/bin/env python3
"""HTTP/2 and gRPC: curl, h2load and grpc-js as they are, and a client that breaks every limit, frame by frame."""
import gzip, json, os, re, shutil, socket, struct, subprocess, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from clients import node
from luma import Server, Skip, equal, run_suite

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4
PROTOCOL_ERROR, FRAME_SIZE_ERROR, COMPRESSION_ERROR, CALM = 1, 6, 9, 11
# GET or POST, http, the path, localhost; nothing of the dynamic table
GET = b'\x82\x86\x04\x0a/-/healthy\x01\x09localhost'
POST = b'\x83\x86\x04\x0d/api/v1/query\x01\x09localhost'
CALL = (b'\x83\x86\x04\x1c/grpc.health.v1.Health/Check\x01\x09localhost'
        b'\x00\x0ccontent-type\x10application/grpc')
PORTS = 'prometheus', 'http', 'otlp.grpc', 'otlp.http'


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes((kind, flags)) + struct.pack('>I', stream) + payload


PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(SETTINGS, 0, 0)


class Wire:
    """A connection that sends any bytes and reads frames."""

    def __init__(self, server, port='prometheus', preface=PREFACE):
        self.sock = socket.create_connection(('127.0.0.1', server.port(port)), timeout=20)
        self.buffer = b''
        self.send(preface)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # it has closed: what it said is still to be read

    def frame(self):
        """-> (type, flags, stream, payload), None at the end."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], 'big'):
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                more = b''
            if not more:
                return None
            self.buffer += more
        size = int.from_bytes(self.buffer[:3], 'big')
        head, payload, self.buffer = self.buffer[:9], self.buffer[9:9 + size], self.buffer[9 + size:]
        return head[3], head[4], int.from_bytes(head[5:9], 'big'), payload

    def until(self, kind, stream=None):
        """Frames up to the first of that type, which is returned; None when the connection ends before."""
        while (f := self.frame()) and (f[0] != kind or stream not in (None, f[2])):
            pass
        return f

    def close(self):
        self.sock.close()


def ending(server, data, port='prometheus'):
    """Sends; -> the error code of the GOAWAY before the connection ends, None without one."""
    wire, code = Wire(server, port), None
    wire.send(data)
    while f := wire.frame():
        if f[0] == GOAWAY:
            code = int.from_bytes(f[3][4:8], 'big')
    wire.close()
    return code


def counter(server, name):
    text = server.request('GET', '/metrics')[2].decode()
    return float(re.search('^' + re.escape(name) + r' (\S+)$', text, re.M).group(1))


def curl(server, path, *args, port='prometheus'):
    p = subprocess.run(['curl', '-s', '--max-time', '20', '--http2-prior-knowledge', '-w', '\n%{http_version} %{http_code}', *args,
                        f'http://127.0.0.1:{server.port(port)}{path}'], capture_output=True, timeout=30, check=True)
    body, _, line = p.stdout.rpartition(b'\n')
    return body, line.decode()


def test_routes_answer_over_http2():
    with Server() as s:
        body, line = curl(s, '/api/v1/query?query=1')
        equal(line, '2 200')
        assert b'"scalar"' in body, body
        equal(curl(s, '/api/v1/query', '--data-urlencode', 'query=1+1')[1], '2 200')
        equal(curl(s, '/api/v1/sql', '-d', 'select 41 + 1 as n', port='http')[1], '2 200')
        equal(curl(s, '/-/healthy', '-I')[1], '2 200')
        equal(curl(s, '/nothing')[1], '2 404')
        equal(curl(s, '/-/healthy', '-H', 'Host: foreign.example')[1], '2 421')
        equal(curl(s, '/-/healthy', '-H', 'Origin: http://foreign.example')[1], '2 403')
        # an answer of many frames, streamed
        rows = curl(s, '/api/v1/sql', '-H', 'Accept: text/csv', '-d', 'select n from generate_series(1, 500000) n', port='http')[0]
        equal(len(rows.splitlines()), 500001)
        # and compressed
        packed = curl(s, '/api/v1/sql', '-H', 'Accept: text/csv', '-H', 'Accept-Encoding: gzip', '-d',
                      'select n from generate_series(1, 50000) n', port='http')[0]
        equal(len(gzip.decompress(packed).splitlines()), 50001)


def test_h2load_on_many_streams():
    if not shutil.which('h2load'):
        raise Skip('h2load is not installed')
    with Server() as s:
        p = subprocess.run(['h2load', '-n', '20000', '-c', '8', '-m', '100', f'http://127.0.0.1:{s.port("prometheus")}/-/healthy'],
                           capture_output=True, text=True, timeout=60, check=True)
        assert '20000 succeeded, 0 failed, 0 errored, 0 timeout' in p.stdout, p.stdout


def test_malformed_frames_end_the_connection_only():
    with Server() as s:
        for port in PORTS:
            get = frame(HEADERS, END_HEADERS | END_STREAM, 1, GET)
            for code, data in (
                    (PROTOCOL_ERROR, frame(DATA, 0, 0, b'x')),
                    (PROTOCOL_ERROR, frame(HEADERS, 5, 2, GET)),
                    (PROTOCOL_ERROR, frame(CONTINUATION, 4, 1, GET)),
                    (PROTOCOL_ERROR, frame(HEADERS, 0, 1, GET) + frame(PING, 0, 0, b'12345678')),
                    (PROTOCOL_ERROR, frame(WINDOW, 0, 0, bytes(4))),
                    (PROTOCOL_ERROR, frame(SETTINGS, 0, 0, struct.pack('>HI', 5, 1))),
                    (FRAME_SIZE_ERROR, frame(PING, 0, 0, b'short')),
                    (FRAME_SIZE_ERROR, frame(SETTINGS, 0, 0, b'12345')),
                    (FRAME_SIZE_ERROR, frame(DATA, 0, 1, bytes(20000))),
                    (COMPRESSION_ERROR, frame(HEADERS, 5, 1, b'\x82\x86\xff\x80\x01')),
                    (3, get + frame(WINDOW, 0, 0, b'\x7f\xff\xff\xff') * 2)):
                equal(ending(s, data, port), code, (port, data[:40]))
            # these end a stream: a head without path, upper case, a field of the connection
            for head in (b'\x82\x86\x01\x09localhost', GET + b'\x00\x01X\x01v', GET + b'\x00\x0aconnection\x05close'):
                wire = Wire(s, port)
                wire.send(frame(HEADERS, 5, 1, head))
                equal(wire.until(RESET, 1)[3], struct.pack('>I', PROTOCOL_ERROR))
                wire.send(frame(HEADERS, 5, 3, GET))
                assert wire.until(HEADERS, 3)
                wire.close()
        assert counter(s, 'lumadb_http2_bad_frames_total') > 40
        equal(curl(s, '/-/healthy')[1], '2 200')


def test_bad_prefaces():
    with Server() as s:
        for data in (b'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', b'PRI / HTTP/1.1\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'):
            wire = Wire(s, preface=data)
            wire.sock.shutdown(socket.SHUT_WR)
            while wire.sock.recv(4096):
                pass
            wire.close()
        # Cut into bytes it is still one.
        wire = Wire(s, preface=b'')
        for byte in PREFACE + frame(HEADERS, 5, 1, GET):
            wire.send(bytes((byte,)))
        assert wire.until(HEADERS, 1)
        wire.close()


def test_floods_are_calmed_and_counted():
    with Server() as s:
        ids = range(1, 8001, 2)
        resets = b''.join(frame(HEADERS, 5, i, GET) + frame(RESET, 0, i, b'\0\0\0\x08') for i in ids)
        table = GET + b'\x40\x03x-a\x7f\xa1\x1e' + b'v' * 4000 + b'\xbe' * 8000
        floods = (
            ('reset', resets),
            ('frame', frame(PING, 0, 0, b'12345678') * 20000),
            ('frame', frame(SETTINGS, 0, 0, struct.pack('>HI', 3, 7)) * 20000),
            ('frame', frame(PRIORITY, 0, 3, b'\0\0\0\1\x10') * 20000),
            ('frame', frame(HEADERS, 4, 1, POST) + frame(DATA, 0, 1) * 20000),
            ('header', frame(HEADERS, 5, 1, table)))
        for kind, data in floods:
            name = f'lumadb_http2_floods_total{{kind="{kind}"}}'
            before = counter(s, name)
            equal(ending(s, data), CALM, data[:60])
            equal(counter(s, name), before + 1)
        equal(ending(s, frame(HEADERS, 0, 1, GET) + frame(CONTINUATION, 0, 1) * 20000), CALM)
        equal(curl(s, '/-/healthy')[1], '2 200')


def test_data_on_closed_and_unknown_streams():
    with Server() as s:
        wire = Wire(s)
        wire.send(frame(HEADERS, 5, 1, GET))
        assert wire.until(DATA, 1)
        wire.send(frame(0xbe, 255, 9, b'unknown') + frame(PRIORITY, 0, 1, b'\0\0\0\0\1'))
        wire.send(frame(HEADERS, 5, 3, GET))
        assert wire.until(HEADERS, 3)
        # What comes late for an ended stream is dropped, and its share of the connection's window given back.
        wire.send(b''.join(frame(DATA, 0, 1, bytes(16000)) for _ in range(400)))
        assert wire.until(WINDOW, 0)
        wire.send(frame(HEADERS, 5, 5, GET))
        assert wire.until(HEADERS, 5)
        wire.close()
        equal(curl(s, '/-/healthy')[1], '2 200')


def test_a_shut_window_holds_only_its_own_connection():
    with Server() as s:
        shut = Wire(s, 'prometheus', PREFACE[:24] + frame(SETTINGS, 0, 0, struct.pack('>HI', 4, 0)))
        for i in range(1, 200, 2):
            shut.send(frame(HEADERS, 5, i, GET))
        assert shut.until(HEADERS)
        equal(curl(s, '/-/healthy')[1], '2 200')
        # The windows open, and what was held comes.
        shut.send(frame(SETTINGS, 0, 0, struct.pack('>HI', 4, 65535)))
        assert shut.until(DATA)[3]
        shut.close()


CLIENT = r'''
const grpc = require('@grpc/grpc-js');
const [address, big] = [process.argv[1], Number(process.argv[2])];
const same = b => b;
function call(client, path, message, options = {}) {
    return new Promise(done => client.makeUnaryRequest(path, same, same, message, new grpc.Metadata(), options,
        (err, answer) => done(err ? {code: err.code, details: err.details} : {code: 0, answer: answer.toString('hex')})));
}
(async () => {
    const make = more => new grpc.Client(address, grpc.credentials.createInsecure(),
        {'grpc.max_send_message_length': -1, ...more});
    const plain = make({}), gzip = make({'grpc.default_compression_algorithm': 2}),
        deflate = make({'grpc.default_compression_algorithm': 1, 'grpc.use_local_subchannel_pool': 1});
    const logs = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
    const health = '/grpc.health.v1.Health/Check';
    // a field that no decoder knows, so that the message is long and empty
    const head = Buffer.from([0x7a, ...varint(big)]);
    function varint(n) { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push(n % 128 | 128); return [...out, n]; }
    const large = Buffer.concat([head, Buffer.alloc(big, 'x')]);
    const out = {};
    out.health = await call(plain, health, Buffer.alloc(0));
    out.unknown_service = await call(plain, health, Buffer.from([10, 1, 120]));
    out.unknown_method = await call(plain, '/no.Such/Method', Buffer.alloc(0));
    out.empty = await call(plain, logs, Buffer.alloc(0));
    out.large = await call(plain, logs, large);
    out.large_gzip = await call(gzip, logs, large);
    out.malformed = await call(plain, logs, Buffer.from([0xff, 0xff]));
    out.deflate = await call(deflate, health, Buffer.alloc(0));
    out.too_large = await call(plain, health, Buffer.alloc(100000));
    out.past = await call(plain, health, Buffer.alloc(0), {deadline: Date.now() - 1000});
    out.many = (await Promise.all(Array.from({length: 500}, () => call(gzip, health, Buffer.alloc(0))))).filter(a => a.code === 0).length;
    console.log(JSON.stringify(out));
    process.exit(0);
})();
'''


def test_grpc_js():
    with Server() as s:
        out = json.loads(node(CLIENT, f'127.0.0.1:{s.port("otlp.grpc")}', 20000000))
        equal(out['health'], {'code': 0, 'answer': '0801'})
        codes = {k: v['code'] for k, v in out.items() if isinstance(v, dict)}
        equal(codes, {'health': 0, 'unknown_service': 5, 'unknown_method': 12, 'empty': 0, 'large': 0, 'large_gzip': 0,
                      'malformed': 3, 'deflate': 12, 'too_large': 8, 'past': 4})
        equal(out['many'], 500)


def test_calls_by_hand():
    with Server() as s:
        def call(body, head=CALL):
            wire = Wire(s, 'otlp.grpc')
            wire.send(frame(HEADERS, END_HEADERS, 1, head) + frame(DATA, END_STREAM, 1, body))
            answer = wire.until(HEADERS, 1)[3]
            wire.close()
            return answer
        assert call(b'\0\0\0\0\0') and call(b'\0\0\0\0\0') == call(b'\0\0\0\0\0')
        failed = counter(s, 'lumadb_grpc_calls_failed_total')
        for body in (b'', b'\0', b'\0\0\0\0\5abc', b'\7\0\0\0\0', b'\1\0\0\0\0', b'\0\xff\xff\xff\xff', b'\0\0\0\0\0' * 2):
            call(body)
        equal(counter(s, 'lumadb_grpc_calls_failed_total'), failed + 7)
        status, _, body = s.request('POST', '/grpc.health.v1.Health/Check', b'\0\0\0\0\0', {'Content-Type': 'application/grpc'},
                                    listener='otlp.grpc')
        equal(status, 505)
        assert b'HTTP/2' in body, body


if __name__ == '__main__':
    run_suite(globals())
