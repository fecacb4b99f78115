"""The wire of PostgreSQL: 1 M rows x 4 columns out of a table, COPY out and in; LumaDB beside PostgreSQL 15.

The client is a socket that frames nothing it need not, so that what is measured is the server: its CPU time and the wall clock."""
import os, pwd, shutil, socket, statistics, struct, subprocess, tempfile, time

from luma import free_port
from peers import Luma, TICK

PROGRAMS = '/usr/lib/postgresql/15/bin'
READY = b'Z\0\0\0\5I'


class Wire:
    """One session."""

    def __init__(self, port, database):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = struct.pack('!i', 196608) + b'user\0luma\0database\0' + database.encode() + b'\0\0'
        self.socket.sendall(struct.pack('!i', len(body) + 4) + body)
        self.buffer = memoryview(bytearray(1 << 20))
        self.drain()

    def drain(self, end=READY):
        """Reads until what came ends with `end`; the bytes read and the last few of them."""
        count, tail = 0, b''
        while True:
            got = self.socket.recv_into(self.buffer)
            if not got:
                raise RuntimeError('the server hung up: ' + repr(tail))
            count += got
            tail = (tail + bytes(self.buffer[max(0, got - 512):got]))[-512:]
            if tail.endswith(end):
                return count, tail

    def message(self, kind, body):
        return kind + struct.pack('!i', len(body) + 4) + body

    def query(self, text):
        self.socket.sendall(self.message(b'Q', text.encode() + b'\0'))
        count, tail = self.drain()
        if b'\0VERROR\0' in tail:
            raise RuntimeError(tail)
        return count

    def extended(self, text, binary):
        self.socket.sendall(self.message(b'P', b'\0' + text.encode() + b'\0\0\0') +
                            self.message(b'B', b'\0\0' + struct.pack('!hhhh', 0, 0, 1, binary)) +
                            self.message(b'E', b'\0\0\0\0\0') + self.message(b'S', b''))
        count, tail = self.drain()
        if b'\0VERROR\0' in tail:
            raise RuntimeError(tail)
        return count

    def copy_in(self, text, pieces):
        self.socket.sendall(self.message(b'Q', text.encode() + b'\0'))
        self.socket.recv_into(self.buffer)
        if self.buffer[0] != ord('G'):
            raise RuntimeError(bytes(self.buffer[:200]))
        for piece in pieces:
            self.socket.sendall(piece)
        self.socket.sendall(self.message(b'c', b''))
        _, tail = self.drain()
        if b'COPY ' not in tail:
            raise RuntimeError(tail)


class Postgres:
    """As it ships, trust on loopback."""
    name, database = 'PostgreSQL', 'postgres'

    @staticmethod
    def missing():
        return None if os.path.exists(f'{PROGRAMS}/postgres') else 'PostgreSQL 15 is not installed'

    def start(self):
        self.dir = tempfile.mkdtemp(prefix='luma-bench-pg-')
        self.prefix = []
        if os.getuid() == 0:
            shutil.chown(self.dir, 'postgres')
            self.prefix = ['setpriv', '--reuid', str(pwd.getpwnam('postgres').pw_uid), '--clear-groups']
        data = self.dir + '/data'
        subprocess.run([*self.prefix, f'{PROGRAMS}/initdb', '-D', data, '-U', 'luma', '-A', 'trust'], check=True, capture_output=True)
        self.pg_port = free_port()
        self.process = subprocess.Popen([*self.prefix, f'{PROGRAMS}/postgres', '-D', data, '-k', self.dir, '-p', str(self.pg_port)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                socket.create_connection(('127.0.0.1', self.pg_port)).close()
                break
            except OSError:
                time.sleep(0.05)
        time.sleep(0.5)
        return self

    def cpu_s(self):
        """Of the server and its children, gone ones included."""
        ticks = 0
        for pid in [p for p in os.listdir('/proc') if p.isdigit()]:
            try:
                with open(f'/proc/{pid}/stat') as f:
                    fields = f.read().rsplit(')', 1)[1].split()
            except OSError:
                continue
            if int(pid) == self.process.pid:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICK

    def clean(self):
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)


MAKE = ("insert into t select i::int8, timestamptz '2026-01-01 00:00:00+00' + i * interval '123457 microseconds', "
        "(i::int8 * 7919 %% 1000003) / 1000.0::float8, 'host-' || (i %% 1000) || '.example' from generate_series(1, %d) g(i)")
COLUMNS = '(id int8, ts timestamptz, v float8, host text)'


def pieces_of(count):
    """The rows as text, framed in CopyData of about 64 KiB."""
    out = []
    for begin in range(0, count, 1000):
        rows = b''.join(b'%d\t2026-01-%02d %02d:%02d:%02d.%06d+00\t%.3f\thost-%d.example\n' %
                        (i, 1 + i // 86400 % 28, i // 3600 % 24, i // 60 % 60, i % 60, i * 7919 % 1000000,
                         i * 7919 % 1000003 / 1000, i % 1000) for i in range(begin, min(begin + 1000, count)))
        out.append(b'd' + struct.pack('!i', len(rows) + 4) + rows)
    return out


def time_side(server, database, count, rounds, pieces):
    """{measure: (wall, CPU)} per million rows."""
    wire = Wire(server.pg_port, database)
    wire.query('create table t ' + COLUMNS)
    wire.query('create table c ' + COLUMNS)
    wire.query(MAKE % count)

    def in_once():
        wire.query('truncate c')
        return lambda: wire.copy_in('copy c from stdin', pieces)

    measures = [
        ('select *, simple', count, lambda: lambda: wire.query('select * from t')),
        ('select *, extended text', count, lambda: lambda: wire.extended('select * from t', 0)),
        ('select *, extended binary', count, lambda: lambda: wire.extended('select * from t', 1)),
        ('copy out, text', count, lambda: lambda: wire.query('copy t to stdout')),
        ('copy out, csv', count, lambda: lambda: wire.query('copy t to stdout (format csv)')),
        ('copy out, binary', count, lambda: lambda: wire.query('copy t to stdout (format binary)')),
        ('copy in, text', count, in_once),
    ]
    out = {}
    for name, units, make in measures:
        wall, cpu = [], []
        for _ in range(rounds):
            run = make()
            cpu_before, before = server.cpu_s(), time.perf_counter()
            run()
            wall.append((time.perf_counter() - before) * 1e6 / units)
            cpu.append((server.cpu_s() - cpu_before) * 1e6 / units)
        out[name] = statistics.median(wall), statistics.median(cpu)
    return out
