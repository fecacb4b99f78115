#!/usr/bin/env python3
"""The write-ahead log fails (EIO at a sync) or its disk is full: what each protocol is told, that reads go on, and that
what was acknowledged is there afterwards while what was refused is not."""
import json, os, shutil, struct, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'lib'), os.path.join(HERE, '..', 'protocol')]
import otlp
from crash import Postgres, Server, luma
from luma import equal, eventually, run_suite
from powerloss import PowerLoss
from suite_http2 import DATA, END_HEADERS, END_STREAM, HEADERS, Wire, frame

TABLE = 'create table refusals (who text, n int8)'
DELETED = 5000  # rows that are there to be deleted


class Clients:
    """One write at a time by each protocol. Each method -> None when it was acknowledged, else how it was refused:
    (retryable in the protocol's words, the text)."""

    def __init__(self, server):
        self.server, self.session, self.acked, self.pad = server, Postgres(server.port('postgres')), {}, ''
        self.writes = [self.insert, self.copy, self.update, self.delete, self.rest_ingest, self.rest_sql, self.remote_write,
                       self.otlp_http, self.otlp_json, self.otlp_grpc]

    def begin(self):
        self.session.query(TABLE)
        self.session.query("insert into refusals values ('update', 0)")
        self.session.query(f"insert into refusals select 'delete', g from generate_series(1, {DELETED}) g")

    def postgres(self, run):
        try:
            run()
            return None
        except RuntimeError as e:
            return ' C53' in str(e), str(e)

    def insert(self, n):
        return self.postgres(lambda: self.session.query(f"insert into refusals values ('insert{self.pad}', {n})"))

    def update(self, n):
        return self.postgres(lambda: self.session.query(f"update refusals set n = {n} where who = 'update'"))

    def delete(self, n):
        return self.postgres(lambda: self.session.query(f"delete from refusals where who = 'delete' and n = {n}"))

    def copy(self, n):
        return self.postgres(lambda: self.session.copy('copy refusals from stdin', f'copy{self.pad}\t{n}\n'))

    def http(self, good, status, headers, body):
        if status in good:
            return None
        return status == 503 and int(headers.get('retry-after', 0)) > 0, f'{status} {headers} {body[:300]!r}'

    def rest_ingest(self, n):
        return self.http((200,), *self.server.request('POST', '/api/v1/ingest/refusals', json.dumps({'who': 'ingest' + self.pad, 'n': n}),
                                                      {'Content-Type': 'application/x-ndjson'}, 'http'))

    def rest_sql(self, n):
        return self.http((200,), *self.server.request('POST', '/api/v1/sql', f"insert into refusals values ('sql{self.pad}', {n})",
                                                      {'Content-Type': 'text/plain'}, 'http'))

    def remote_write(self, n):
        return self.http((200, 204), *self.server.write([({'__name__': 'refusals', 'n': str(n), 'pad': self.pad}, [(int(time.time() * 1000), n)])]))

    def logs(self, n):
        return otlp.request([otlp.log_record(time.time_ns(), body='x' + self.pad, attrs={'n': n})], {'service.name': 'refusals'})

    def otlp_http(self, n):
        return self.http((200,), *otlp.post(self.server, 'logs', self.logs(n)))

    def otlp_json(self, n):
        body = {'resourceLogs': [{'scopeLogs': [{'logRecords': [{'timeUnixNano': str(time.time_ns()), 'body': {'stringValue': 'x' + self.pad}}]}]}]}
        return self.http((200,), *self.server.request('POST', '/v1/logs', json.dumps(body), {'Content-Type': 'application/json'}, 'otlp.http'))

    def otlp_grpc(self, n):
        wire, body = Wire(self.server, 'otlp.grpc'), self.logs(n)
        path = b'/opentelemetry.proto.collector.logs.v1.LogsService/Export'
        head = (b'\x83\x86\x04' + bytes([len(path)]) + path + b'\x01\x09localhost\x00\x0ccontent-type\x10application/grpc'
                b'\x00\x02te\x08trailers')
        body = b'\0' + struct.pack('>I', len(body)) + body
        wire.send(frame(HEADERS, END_HEADERS, 1, head) +
                  b''.join(frame(DATA, 0, 1, body[i:i + 16000]) for i in range(0, len(body), 16000)) + frame(DATA, END_STREAM, 1))
        first = wire.until(HEADERS)
        wire.close()
        # A call that failed has trailers alone; a status of two digits is coded plainly: 14 is UNAVAILABLE.
        if not first[1] & END_STREAM:
            return None
        return b'\x0214' in first[3], repr(first)

    def round(self, n):
        """-> {name: outcome}; counts what was acknowledged."""
        out = {}
        for write in self.writes:
            out[write.__name__] = write(n)
            if out[write.__name__] is None:
                self.acked.setdefault(write.__name__, []).append(n)
        return out

    def reads(self):
        equal(self.session.query("select count(*) > 0 from refusals"), [['t']])
        equal(self.server.sql("select count(*) > 0 from logs where service = 'refusals'"), [[True]])
        assert self.server.query('count(refusals)')[()] > 0

    def check(self, server):
        """Compares what a restarted server has with what was acknowledged."""
        names = {'insert': 'insert', 'copy': 'copy', 'rest_ingest': 'ingest', 'rest_sql': 'sql'}
        for name, who in names.items():
            rows = server.sql(f"select n from refusals where who like '{who}%' order by n")
            equal([r[0] for r in rows], self.acked[name], name)
        equal(server.sql("select n from refusals where who = 'update'"), [[self.acked['update'][-1]]], 'update')
        equal(server.sql("select count(*) from refusals where who = 'delete'"), [[DELETED - len(self.acked['delete'])]], 'delete')
        equal(server.query('count(count_over_time(refusals[1h]))')[()], len(self.acked['remote_write']))
        equal(server.sql("select count(*) from logs where service = 'refusals'"),
              [[len(self.acked['otlp_http']) + len(self.acked['otlp_grpc'])]])


def all_retryable(outcomes, words):
    for name, outcome in outcomes.items():
        assert outcome, f'{name}: acknowledged although the log had failed'
        assert outcome[0], f'{name}: not retryable: {outcome[1]}'
    assert any(words in outcome[1] for outcome in outcomes.values()), outcomes


def test_a_failed_sync_is_told_by_each_protocol():
    parent = tempfile.mkdtemp(prefix='luma-refusals-')
    data_dir = os.path.join(parent, 'data')
    os.mkdir(data_dir)
    loss = PowerLoss(data_dir, fail_after=60)
    server = Server(data_dir=data_dir, env=loss.env())
    try:
        server.start()
        clients = Clients(server)
        clients.begin()
        for n in range(1, 1000):
            if any(clients.round(n).values()):
                break
        assert n > 2, 'failed at once'
        all_retryable(clients.round(n + 1), 'write-ahead log failed')
        clients.reads()
        assert 'lumadb_writable 0\n' in server.request('GET', '/metrics')[2].decode()
        server.kill()
        loss.cut()
        server.env = {}
        server.start()
        clients.check(server)
    finally:
        if server.process:
            server.kill()
        loss.close()
        shutil.rmtree(parent, ignore_errors=True)


def test_a_full_disk_is_told_by_each_protocol_until_there_is_room():
    mount = tempfile.mkdtemp(prefix='luma-refusals-')
    if os.geteuid() != 0 or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount], capture_output=True).returncode:
        os.rmdir(mount)
        raise luma.Skip('needs the right to mount a small file system')
    data_dir = os.path.join(mount, 'data')
    os.mkdir(data_dir)
    server = Server('--wal.segment_bytes=256KiB', data_dir=data_dir)
    try:
        server.start()
        clients = Clients(server)
        clients.begin()
        equal(set(clients.round(1).values()), {None})
        clients.pad = 'x' * 30000
        n = 2
        while not any(clients.round(n).values()):
            n += 1
        # Small writes may still fit for a while: each is tried until it is refused.
        refused = {}
        for write in clients.writes:
            while not refused.get(write.__name__) and n < 100000:
                n += 1
                refused[write.__name__] = write(n)
                if refused[write.__name__] is None:
                    clients.acked.setdefault(write.__name__, []).append(n)
        all_retryable(refused, 'o space left')
        clients.reads()
        clients.pad = ''
        subprocess.run(['mount', '-o', 'remount,size=64m', mount], check=True)
        eventually(lambda: clients.insert(n + 1) is None)
        clients.acked['insert'].append(n + 1)
        equal(clients.round(n + 2), {w.__name__: None for w in clients.writes}, 'with room again')
        server.kill()
        server.start()
        clients.check(server)
    finally:
        if server.process:
            server.kill()
        subprocess.run(['umount', '-l', mount])
        os.rmdir(mount)
        if os.path.exists(mount + '/data.log'):
            os.unlink(mount + '/data.log')


if __name__ == '__main__':
    run_suite(globals())
