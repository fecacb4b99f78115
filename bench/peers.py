"""Servers that LumaDB is measured beside: each is started on a free port of loopback with a folder of its own."""
import http.client, json, os, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.parse, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'test', 'lib'))
from luma import free_port, read_line  # noqa: E402

TICK = os.sysconf('SC_CLK_TCK')


class Peer:
    """name, write_path and command() are the subclass's."""
    write_path = '/api/v1/write'
    more = {}  # parameters of its queries
    stderr = subprocess.DEVNULL

    def __init__(self):
        self.dir, self.process, self.port = tempfile.mkdtemp(prefix='luma-bench-'), None, None
        self.connection = None

    @classmethod
    def missing(cls):
        """Why it cannot run here, or None."""
        return None if shutil.which(cls.binary) else f'{cls.binary} is not installed'

    def start(self):
        self.port = free_port()
        begin = time.time()
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, stderr=self.stderr, stdin=subprocess.DEVNULL)
        for _ in range(6000):
            try:
                urllib.request.urlopen(f'http://127.0.0.1:{self.port}{self.health}', timeout=5).read()
                break
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f'{self.name} ended with {self.process.returncode}')
                time.sleep(0.01)
        self.ready_s = time.time() - begin
        return self

    def stop(self, kill=False):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            self.process.wait(60)
        self.process = None

    def clean(self):
        self.stop(kill=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def cpu_s(self):
        """User and system CPU time so far."""
        with open(f'/proc/{self.process.pid}/stat') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss(self):
        with open(f'/proc/{self.process.pid}/status') as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith('VmRSS'))

    def disk(self):
        return sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(self.dir) for f in files)

    def api(self, path, **params):
        url = f'http://127.0.0.1:{self.port}/api/v1/{path}?' + urllib.parse.urlencode(params)
        with urllib.request.urlopen(url, timeout=120) as r:
            return json.load(r)['data']

    def fetch(self, path, **params):
        """The reply's bytes, over one connection that stays open: what a server costs, not what a client does."""
        if not self.connection:
            self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=120)
        self.connection.request('GET', f'/api/v1/{path}?' + urllib.parse.urlencode(params | self.more))
        reply = self.connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise RuntimeError(f'{self.name}: {reply.status} {body[:200]}')
        return body


class Luma(Peer):
    name, binary = 'LumaDB', os.path.join(ROOT, 'build-bench', 'lumadb')
    flags = []

    @classmethod
    def missing(cls):
        return None if os.path.exists(cls.binary) else 'bench/run.py builds it'

    def start(self):
        begin = time.time()
        self.process = subprocess.Popen(
            [self.binary, 'serve', '--data-dir', self.dir, '--prometheus.listen=127.0.0.1:0', '--http.listen=127.0.0.1:0',
             '--postgres.listen=127.0.0.1:0', '--otlp.grpc.listen=127.0.0.1:0', '--otlp.http.listen=127.0.0.1:0',
             '--self.enabled=false', *self.flags],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        line = read_line(self.process.stdout, 120)
        self.ready_s = time.time() - begin
        self.listen = json.loads(line)['listen']
        self.port = int(self.listen['prometheus'].rsplit(':', 1)[1])
        self.http_port = int(self.listen['http'].rsplit(':', 1)[1])
        self.pg_port = int(self.listen['postgres'].rsplit(':', 1)[1]) if 'postgres' in self.listen else None
        return self

    def run_sql(self, text):
        """Reads the reply, as JSON, and lets it fall."""
        if not self.connection:
            self.connection = http.client.HTTPConnection('127.0.0.1', self.http_port, timeout=120)
        self.connection.request('POST', '/api/v1/sql', text.encode())
        reply = self.connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise RuntimeError(body[:200])

    def sql(self, text):
        request = urllib.request.Request(f'http://127.0.0.1:{self.http_port}/api/v1/sql', text.encode())
        with urllib.request.urlopen(request, timeout=120) as r:
            return json.load(r)['rows']


class VictoriaMetrics(Peer):
    name, binary, health = 'VictoriaMetrics', 'victoria-metrics', '/health'
    more = {'nocache': 1}  # else the same question gets the copy of its first answer

    def command(self):
        return [self.binary, f'-httpListenAddr=127.0.0.1:{self.port}', f'-storageDataPath={self.dir}/data',
                '-retentionPeriod=100y', '-search.latencyOffset=0s', '-loggerLevel=ERROR']


class Prometheus(Peer):
    name, binary, health = 'Prometheus', 'prometheus', '/-/ready'

    def command(self):
        with open(self.dir + '/prometheus.yml', 'w') as f:
            f.write('global: {scrape_interval: 1h}\n')
        return [self.binary, f'--config.file={self.dir}/prometheus.yml', f'--storage.tsdb.path={self.dir}/data',
                f'--web.listen-address=127.0.0.1:{self.port}', '--web.enable-remote-write-receiver',
                '--storage.tsdb.retention.time=100y', '--log.level=error']


PEERS = [Luma, VictoriaMetrics, Prometheus]
