"""What the Python suites share: a server under test, small clients, and the closing line.

A suite is a file test/<area>/suite_<name>.py whose functions test_* take no arguments:

    from luma import Server, run_suite
    ...
    if __name__ == '__main__':
        run_suite(globals())

Only the Python standard library is used here; suites may use Debian's python3-* packages.
"""
import http.client, inspect, json, os, shutil, signal, socket, struct, subprocess, sys, tempfile, time, traceback
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get('LUMADB', os.path.join(ROOT, 'build', 'lumadb'))
SHARED = os.path.join(ROOT, '..', 'shared')
STALE_BITS = 0x7ff0000000000002


class Skip(Exception):
    """Raised by a test that cannot run here; says why."""


# ---------------------------------------------------------------- server
class Server:
    """`lumadb serve` on free ports of loopback with a data folder of its own."""

    def __init__(self, *flags, data_dir=None, env=None, config=None, wrapper=()):
        self.own_dir = data_dir is None
        self.dir = data_dir or tempfile.mkdtemp(prefix='luma-test-')
        self.flags, self.env, self.wrapper = list(flags), env or {}, list(wrapper)
        self.config = None
        if config is not None:
            fd, self.config = tempfile.mkstemp(suffix='.yaml')
            with os.fdopen(fd, 'w') as f:
                f.write(config)
        self.process, self.listen, self.log = None, {}, None

    def start(self, timeout=30):
        log_path = self.dir.rstrip('/') + '.log'
        self.log = open(log_path, 'ab')
        cmd = [*self.wrapper, BINARY, 'serve', '--data-dir', self.dir, '--postgres.listen=127.0.0.1:0',
               '--prometheus.listen=127.0.0.1:0', '--http.listen=127.0.0.1:0', '--otlp.grpc.listen=127.0.0.1:0',
               '--otlp.http.listen=127.0.0.1:0', '--self.enabled=false']
        if self.config:
            cmd += ['--config', self.config]
        self.process = subprocess.Popen(cmd + self.flags, stdout=subprocess.PIPE, stderr=self.log,
                                        stdin=subprocess.DEVNULL, env={**os.environ, **self.env})
        line = read_line(self.process.stdout, timeout)
        if not line:
            self.process.kill()
            self.process.wait()
            raise RuntimeError('no ready line; log: ' + self.log_text()[-2000:])
        self.ready = json.loads(line)
        self.listen = self.ready['listen']
        return self

    def log_text(self):
        with open(self.dir.rstrip('/') + '.log', encoding='utf-8', errors='replace') as f:
            return f.read()

    def port(self, name):
        return int(self.listen[name].rsplit(':', 1)[1])

    def stop(self, timeout=30):
        """SIGTERM; returns the exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        """SIGKILL, as a crash."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        return self.wait(30)

    def wait(self, timeout):
        if not self.process:
            return None
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError('the server did not stop in time; log: ' + self.log_text()[-2000:])
        self.process.stdout.close()
        if self.log:
            self.log.close()
        self.process = self.log = None
        return code

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, kind, value, trace):
        try:
            self.stop()
        finally:
            if self.config:
                os.unlink(self.config)
            if self.own_dir:
                shutil.rmtree(self.dir, ignore_errors=True)
                try:
                    os.unlink(self.dir.rstrip('/') + '.log')
                except OSError:
                    pass

    # ---- HTTP
    def request(self, method, path, body=None, headers=None, listener='prometheus', timeout=60):
        """-> (status, headers dict in lower case, bytes)"""
        c = http.client.HTTPConnection('127.0.0.1', self.port(listener), timeout=timeout)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
        finally:
            c.close()

    def api(self, path, **params):
        """GET on the Prometheus API -> data; raises on an error answer."""
        pairs = [(k.rstrip('_').replace('match', 'match[]') if k == 'match' else k, x)
                 for k, v in params.items() for x in (v if isinstance(v, list) else [v])]
        status, _, body = self.request('GET', '/api/v1/' + path + ('?' + urllib.parse.urlencode(pairs) if pairs else ''))
        answer = json.loads(body)
        if answer.get('status') != 'success':
            raise RuntimeError(f'HTTP {status}: {body[:400]!r}')
        return answer['data']

    def query(self, promql, time_s=None):
        """Instant query -> {labels as a sorted tuple: value}, or a float for a scalar."""
        data = self.api('query', query=promql, **({'time': time_s} if time_s is not None else {}))
        if data['resultType'] in ('scalar', 'string'):
            return float(data['result'][1]) if data['resultType'] == 'scalar' else data['result'][1]
        return {tuple(sorted(r['metric'].items())): float(r['value'][1]) for r in data['result']}

    def query_range(self, promql, start, end, step):
        """-> {labels: [(t, v)]}"""
        data = self.api('query_range', query=promql, start=start, end=end, step=step)
        return {tuple(sorted(r['metric'].items())): [(float(t), float(v)) for t, v in r['values']]
                for r in data['result']}

    def sql(self, text, params=None):
        """POST /api/v1/sql -> rows as lists."""
        body = json.dumps({'query': text, **({'params': params} if params else {})})
        status, _, answer = self.request('POST', '/api/v1/sql', body, {'Content-Type': 'application/json'}, 'http')
        answer = json.loads(answer)
        if status != 200:
            raise RuntimeError(f'HTTP {status}: {answer}')
        return answer['rows']

    def write(self, series, **kw):
        """Remote write 1.0 -> (status, headers, body); series: [(labels dict, [(ms, value)])]"""
        return self.request('POST', '/api/v1/write', snappy(write_request(series, **kw)),
                            {'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy',
                             'X-Prometheus-Remote-Write-Version': '0.1.0'})

    def dsn(self, **more):
        return ' '.join(f'{k}={v}' for k, v in {'host': '127.0.0.1', 'port': self.port('postgres'), 'user': 'luma',
                                                'dbname': 'lumadb', **more}.items())


def read_line(pipe, timeout):
    """One line of a pipe, or b'' when the process ended or the time is over."""
    import select
    end, line = time.time() + timeout, b''
    while not line.endswith(b'\n'):
        left = end - time.time()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return b''
        byte = os.read(pipe.fileno(), 1)
        if not byte:
            return b''
        line += byte
    return line


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


# ---------------------------------------------------------------- protobuf, snappy
def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def pb_bytes(number, b):
    b = b.encode() if isinstance(b, str) else b
    return varint(number << 3 | 2) + varint(len(b)) + b


def pb_int(number, n):
    return varint(number << 3) + varint(n)


def pb_double(number, x):
    bits = x if isinstance(x, bytes) else struct.pack('<d', x)
    return varint(number << 3 | 1) + bits


def label_bytes(labels):
    return b''.join(pb_bytes(1, pb_bytes(1, k) + pb_bytes(2, v)) for k, v in sorted(labels.items()))


def write_request(series, metadata=()):
    """prometheus.WriteRequest; a value may be given as 8 raw bytes. metadata: (type number, name, help, unit)."""
    out = []
    for labels, samples in series:
        body = label_bytes(labels) + b''.join(pb_bytes(2, pb_double(1, v) + pb_int(2, t)) for t, v in samples)
        out.append(pb_bytes(1, body))
    for kind, name, text, unit in metadata:
        out.append(pb_bytes(3, pb_int(1, kind) + pb_bytes(2, name) + pb_bytes(4, text) + pb_bytes(5, unit)))
    return b''.join(out)


def snappy(b):
    """Snappy block format with literals only."""
    out = [varint(len(b))]
    for i in range(0, len(b), 65536):
        piece = b[i:i + 65536]
        out.append(bytes([61 << 2]) + struct.pack('<H', len(piece) - 1) + piece)
    return b''.join(out)


# ---------------------------------------------------------------- running
def equal(got, want, what=''):
    if got != want:
        if isinstance(got, dict) and isinstance(want, dict) and len(str(want)) > 600:
            odd = [k for k in {**got, **want} if got.get(k) != want.get(k)]
            raise AssertionError(f'{what}: {len(odd)} of {len(want)} differ, first {odd[0]}: '
                                 f'got {got.get(odd[0])}, expected {want.get(odd[0])}')
        raise AssertionError(f'{what}: got {str(got)[:600]}, expected {str(want)[:600]}')


def near(got, want, what='', tolerance=1e-9):
    if not (got == want or abs(got - want) <= tolerance * max(abs(got), abs(want))):
        raise AssertionError(f'{what}: got {got}, expected {want}')


def eventually(fn, timeout=20, pause=0.1):
    """Calls fn until it returns something true; raises what it raised last."""
    end, last = time.time() + timeout, None
    while time.time() < end:
        try:
            got = fn()
            if got:
                return got
            last = AssertionError(f'still {got!r}')
        except (AssertionError, OSError, RuntimeError, KeyError, IndexError) as e:
            last = e
        time.sleep(pause)
    raise last


def run_suite(scope):
    """Runs the test_* functions of a module (all, or those named on the command line)."""
    if not os.path.exists(BINARY):
        print(f'{BINARY} is missing: make build')
        print('0 passed, 1 failed, 0 skipped')
        sys.exit(1)
    tests = [(n, f) for n, f in scope.items() if n.startswith('test_') and inspect.isfunction(f)]
    if len(sys.argv) > 1:
        tests = [(n, f) for n, f in tests if any(a in n for a in sys.argv[1:])]
    passed = failed = skipped = 0
    for name, fn in tests:
        start = time.time()
        try:
            fn()
            passed += 1
            print(f'ok {name} ({time.time() - start:.1f} s)')
        except Skip as e:
            skipped += 1
            print(f'ok {name} # skip {e}')
        except Exception:
            failed += 1
            print(f'not ok {name}')
            traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    sys.exit(1 if failed else 0)
