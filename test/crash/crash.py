"""The crash rig: a load whose every acknowledgement is written down, kill -9, restart, compare.

A request is a remote write of SLOTS samples with one timestamp, or PARTS rows by one INSERT or by a transaction
of several, by COPY or by REST, or PARTS log records or spans by OTLP, and has a number of its own. Some transactions
make a table, too, which is there when their rows are. The ledger knows of each whether it was sent and whether it was
acknowledged; nothing is ever sent twice. After a restart every acknowledged request is there entirely and once,
any other entirely (once) or not at all, a transaction that was rolled back not at all, and nothing else is there.
"""
import http.client, json, os, random, re, socket, struct, sys, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import luma
import otlp
from luma import Server

SLOTS, PARTS = 5, 3
STEP_MS = 10
INGEST, COPY, TABLES = 100, 200, 300  # numbers of the writers that send rows in other ways than INSERT


class Postgres:
    """As much of the protocol as an INSERT and a SELECT need; user without password."""

    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''
        body = struct.pack('>I', 196608) + b'user\0luma\0database\0lumadb\0\0'
        self.socket.sendall(struct.pack('>I', len(body) + 4) + body)
        self.until_ready()

    def take(self, n):
        while len(self.buffer) < n:
            piece = self.socket.recv(1 << 18)
            if not piece:
                raise ConnectionError('the server closed the connection')
            self.buffer += piece
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def until_ready(self):
        """-> rows as lists of texts; raises RuntimeError on an error answer."""
        rows, error = [], None
        while True:
            kind, length = struct.unpack('>cI', self.take(5))
            body = self.take(length - 4)
            if kind == b'R' and struct.unpack('>I', body[:4])[0] != 0:
                raise RuntimeError('the server asks for a password')
            if kind == b'E':
                error = body.replace(b'\0', b' ').decode('utf-8', 'replace')
            if kind == b'D':
                at, row = 2, []
                for _ in range(struct.unpack('>H', body[:2])[0]):
                    n = struct.unpack('>i', body[at:at + 4])[0]
                    row.append(None if n < 0 else body[at + 4:at + 4 + n].decode())
                    at += 4 + max(n, 0)
                rows.append(row)
            if kind == b'Z':
                if error:
                    raise RuntimeError(error)
                return rows

    def query(self, text):
        body = text.encode() + b'\0'
        self.socket.sendall(b'Q' + struct.pack('>I', len(body) + 4) + body)
        return self.until_ready()

    def copy(self, text, data):
        body = text.encode() + b'\0'
        self.socket.sendall(b'Q' + struct.pack('>I', len(body) + 4) + body)
        kind, length = struct.unpack('>cI', self.take(5))
        answer = self.take(length - 4)
        if kind == b'E':  # known before any row was sent
            self.until_ready()
            raise RuntimeError(answer.replace(b'\0', b' ').decode('utf-8', 'replace'))
        self.socket.sendall(b'd' + struct.pack('>I', len(data) + 4) + data.encode() + b'c\0\0\0\4')
        return self.until_ready()

    def close(self):
        self.socket.close()


class Ledger:
    """What was sent and what was acknowledged, per cycle and kind."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}  # (kind, cycle) -> {(writer, number): acknowledged, or None when it must not be there}
        self.refused = 0

    def send(self, kind, cycle, writer, number, rolled_back=False):
        with self.lock:
            self.sent.setdefault((kind, cycle), {})[writer, number] = None if rolled_back else False

    def ack(self, kind, cycle, writer, number):
        with self.lock:
            self.sent[kind, cycle][writer, number] = True

    def acked(self, kind=None):
        return sum(acked is True for (k, _), requests in self.sent.items() if kind in (None, k)
                   for acked in requests.values())

    def total(self):
        return sum(map(len, self.sent.values()))


class Rig:
    def __init__(self, server, seed=None):
        self.server, self.ledger = server, Ledger()
        self.seed = seed if seed is not None else int(time.time())
        self.random = random.Random(self.seed)
        self.base_ms = int(time.time() * 1000) // 60000 * 60000 - 3600_000
        self.stopping = threading.Event()
        self.mistakes = []
        self.refusal = ''  # what an INSERT was told last
        self.lost = 0

    # ---- load
    def writer_remote(self, cycle, writer):
        port, number, connection = self.server.port('prometheus'), 0, None
        headers = {'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy',
                   'X-Prometheus-Remote-Write-Version': '0.1.0'}
        while not self.stopping.is_set():
            ts = self.base_ms + number * STEP_MS
            series = [({'__name__': 'crash', 'cycle': str(cycle), 'writer': str(writer), 'slot': str(slot)},
                       [(ts, float(number * SLOTS + slot))]) for slot in range(SLOTS)]
            body = luma.snappy(luma.write_request(series))
            self.ledger.send('metric', cycle, writer, number)
            try:
                connection = connection or http.client.HTTPConnection('127.0.0.1', port, timeout=20)
                connection.request('POST', '/api/v1/write', body, headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status in (200, 204):
                    self.ledger.ack('metric', cycle, writer, number)
                elif answer.status == 503:
                    self.ledger.refused += 1
                    time.sleep(0.01)
                else:
                    self.mistakes.append(f'remote write: HTTP {answer.status} {text[:200]!r}')
                    return
            except (OSError, http.client.HTTPException):
                connection = None  # whether it was stored is not known
                if self.stopping.is_set():
                    return
                time.sleep(0.01)
            number += 1

    def writer_otlp(self, cycle, writer):
        """Even writers send log records, odd ones spans."""
        port, number, connection = self.server.port('otlp.http'), 0, None
        kind, signal = ('span', 'traces') if writer % 2 else ('log', 'logs')
        while not self.stopping.is_set():
            items = []
            for part in range(PARTS):
                attributes = {'cycle': cycle, 'writer': writer, 'number': number, 'part': part}
                text = f'text {number} {part}'
                if kind == 'log':
                    items.append(otlp.log_record(self.base_ms * 10 ** 6 + number, body=text, attrs=attributes))
                else:
                    ids = (cycle << 80 | writer << 64 | number << 8 | part | 1 << 127).to_bytes(16, 'big')
                    items.append(otlp.span(ids, b'\x01' + ids[9:], self.base_ms * 10 ** 6 + number, 0, text, attrs=attributes))
            self.ledger.send(kind, cycle, writer, number)
            try:
                connection = connection or http.client.HTTPConnection('127.0.0.1', port, timeout=20)
                connection.request('POST', '/v1/' + signal, otlp.request(items, {'service.name': 'crash'}),
                                   {'Content-Type': 'application/x-protobuf'})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200 and not text:
                    self.ledger.ack(kind, cycle, writer, number)
                elif answer.status == 503:
                    self.ledger.refused += 1
                    time.sleep(0.01)
                else:
                    self.mistakes.append(f'OTLP: HTTP {answer.status} {text[:200]!r}')
                    return
            except (OSError, http.client.HTTPException):
                connection = None  # whether it was stored is not known
                if self.stopping.is_set():
                    return
                time.sleep(0.01)
            number += 1

    def writer_sql(self, cycle, writer):
        self.run_sql(self.insert, cycle, writer, 1 << 30)

    def writer_copy(self, cycle, writer):
        self.run_sql(self.copy, cycle, TABLES if writer else COPY, 12 if writer else 1 << 30)

    def run_sql(self, request, cycle, writer, count):
        number, connection = 0, None
        while not self.stopping.is_set() and number < count:
            try:
                if not connection:
                    connection = Postgres(self.server.port('postgres'))
                request(connection, cycle, writer, number)
            except (OSError, struct.error):
                connection = None
                if self.stopping.is_set():
                    return
                time.sleep(0.01)
            except RuntimeError as e:
                # Classes 53, 57, 58: not now, stopping, or the disk failed; it counts as not acknowledged.
                if not re.search(r'\bC5[378]', str(e)):
                    self.mistakes.append(f'insert: {e}')
                    return
                self.ledger.refused += 1
                self.refusal = str(e)
                connection = None
                time.sleep(0.01)
            number += 1

    def insert(self, connection, cycle, writer, number):
        """Three in four by one statement, the others by a transaction; every third of those is rolled back."""
        into = 'INSERT INTO crash_rows (cycle, writer, number, part, note) VALUES '
        rows = [f"({cycle},{writer},{number},{part},'text {number} {part}')" for part in range(PARTS)]
        rolled_back = number % 12 == 11
        self.ledger.send('row', cycle, writer, number, rolled_back)
        if number % 4 != 3:
            connection.query(into + ','.join(rows))
        else:
            connection.query('BEGIN')
            for row in rows:
                connection.query(into + row)
            connection.query('ROLLBACK' if rolled_back else 'COMMIT')
        if not rolled_back:
            self.ledger.ack('row', cycle, writer, number)

    def writer_ingest(self, cycle, writer):
        port, number, connection = self.server.port('http'), 0, None
        while not self.stopping.is_set():
            rows = ''.join(json.dumps({'cycle': cycle, 'writer': INGEST + writer, 'number': number, 'part': part,
                                       'note': f'text {number} {part}'}) + '\n' for part in range(PARTS))
            self.ledger.send('row', cycle, INGEST + writer, number)
            try:
                connection = connection or http.client.HTTPConnection('127.0.0.1', port, timeout=20)
                connection.request('POST', '/api/v1/ingest/crash_rows', rows, {'Content-Type': 'application/x-ndjson'})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200:
                    self.ledger.ack('row', cycle, INGEST + writer, number)
                elif answer.status == 503:
                    self.ledger.refused += 1
                    time.sleep(0.01)
                else:
                    self.mistakes.append(f'ingest: HTTP {answer.status} {text[:200]!r}')
                    return
            except (OSError, http.client.HTTPException):
                connection = None  # whether it was stored is not known
                if self.stopping.is_set():
                    return
                time.sleep(0.01)
            number += 1

    def copy(self, connection, cycle, writer, number):
        """COPY of one request; every third of the other writer's makes a table in the same transaction."""
        rows = ''.join(f'{cycle}\t{writer}\t{number}\t{part}\ttext {number} {part}\n' for part in range(PARTS))
        with_table = writer == TABLES
        rolled_back = with_table and number % 3 == 2
        self.ledger.send('row', cycle, writer, number, rolled_back)
        if with_table:
            connection.query('BEGIN')
            connection.query(f'CREATE TABLE made_{cycle}_{number} (n int)')
        connection.copy('COPY crash_rows FROM STDIN', rows)
        if with_table:
            connection.query('ROLLBACK' if rolled_back else 'COMMIT')
        if not rolled_back:
            self.ledger.ack('row', cycle, writer, number)

    def create_table(self):
        connection = Postgres(self.server.port('postgres'))
        connection.query('CREATE TABLE crash_rows (cycle int4, writer int4, number int4, part int4, note text)')
        connection.close()

    def cycle(self, cycle, seconds, metric_writers=3, row_writers=2, otlp_writers=2, copy_writers=2, ingest_writers=1,
              kill=None):
        """Load for a while, then kill -9 in the midst of it."""
        self.stopping.clear()
        threads = [threading.Thread(target=f, args=(cycle, w)) for f, n in
                   ((self.writer_remote, metric_writers), (self.writer_sql, row_writers),
                    (self.writer_otlp, otlp_writers), (self.writer_copy, copy_writers),
                    (self.writer_ingest, ingest_writers)) for w in range(n)]
        for t in threads:
            t.start()
        time.sleep(seconds)
        (kill or self.server.kill)()
        self.stopping.set()
        for t in threads:
            t.join(60)

    # ---- comparison
    def check(self, cycles):
        """Compares what the server answers for these cycles with the ledger; counts losses, notes mistakes."""
        wanted = set(cycles)
        found = {(kind, c): {} for c in wanted for kind in ('metric', 'row', 'log', 'span')}
        pattern = '|'.join(map(str, sorted(wanted)))
        data = self.server.api('query', query=f'crash{{cycle=~"{pattern}"}}[2h]',
                               time=(self.base_ms + 3600_000) / 1000)
        for series in data['result']:
            m = series['metric']
            for t, v in series['values']:
                number, rest = divmod(round(float(t) * 1000) - self.base_ms, STEP_MS)
                slot, cycle = int(m['slot']), int(m['cycle'])
                if rest or float(v) != number * SLOTS + slot:
                    self.mistakes.append(f'a sample nobody sent: {m} {t} {v}')
                found['metric', cycle].setdefault((int(m['writer']), number), []).append(slot)
        connection = Postgres(self.server.port('postgres'))
        listed = ','.join(map(str, sorted(wanted)))
        for cycle, writer, number, part, note in connection.query(
                f'SELECT cycle, writer, number, part, note FROM crash_rows WHERE cycle IN ({listed})'):
            if note != f'text {number} {part}':
                self.mistakes.append(f'a row nobody sent: {cycle} {writer} {number} {part} {note!r}')
            found['row', int(cycle)].setdefault((int(writer), int(number)), []).append(int(part))
        for kind, table, text in (('log', 'logs', 'body'), ('span', 'traces', 'name')):
            for cycle, writer, number, part, note in connection.query(
                    f"SELECT attributes->>'cycle', attributes->>'writer', attributes->>'number', attributes->>'part', {text} "
                    f"FROM {table} WHERE service = 'crash' AND (attributes->>'cycle')::int IN ({listed})"):
                if note != f'text {number} {part}':
                    self.mistakes.append(f'a {kind} nobody sent: {cycle} {writer} {number} {part} {note!r}')
                found[kind, int(cycle)].setdefault((int(writer), int(number)), []).append(int(part))
        self.check_tables(connection, found, wanted)
        self.check_indexes(connection, wanted)
        connection.close()
        for key, requests in found.items():
            self.compare(key, requests, self.ledger.sent.get(key, {}))

    def check_tables(self, connection, found, wanted):
        """A table made in a transaction is there exactly when the rows of the transaction are."""
        made = {tuple(map(int, name.split('_')[1:])) for name, in connection.query(
            "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'made%'")}
        rows = {(c, number) for c in wanted for writer, number in found['row', c] if writer == TABLES}
        odd = {t for t in made if t[0] in wanted} ^ rows
        if odd:
            self.mistakes.append(f'tables without their rows, or rows without their table: {sorted(odd)[:5]}')

    def check_indexes(self, connection, wanted):
        """Some of what was acknowledged is found by its words as well, once."""
        for kind, table, text in (('log', 'logs', 'body'), ('span', 'traces', 'name')):
            acked = [(c, *request) for c in sorted(wanted) for request, was in self.ledger.sent.get((kind, c), {}).items() if was]
            for cycle, writer, number in self.random.sample(acked, min(5, len(acked))):
                rows = connection.query(
                    f"SELECT count(*) FROM {table} WHERE matches(attributes, 'cycle:{cycle} writer:{writer} number:{number}') "
                    f"""AND matches({text}, '"text {number}"')""")
                if rows != [[str(PARTS)]]:
                    self.mistakes.append(f'{kind} {cycle} {writer} {number}: full text finds {rows[0][0]} of {PARTS}')

    def compare(self, key, found, sent):
        whole = list(range(SLOTS if key[0] == 'metric' else PARTS))
        for request, parts in found.items():
            if sent.get(request) is None:
                self.mistakes.append(f'{key} {request}: ' + ('rolled back' if request in sent else 'never sent'))
            elif sorted(parts) != whole:
                self.mistakes.append(f'{key} {request}: torn or doubled: {sorted(parts)}')
        missing = [r for r, acked in sent.items() if acked and r not in found]
        self.lost += len(missing)
        if missing:
            self.mistakes.append(f'{key}: {len(missing)} acknowledged requests are lost, as {missing[:3]}')

    def summary(self):
        return (f'seed {self.seed}: {self.ledger.total()} requests, {self.ledger.acked("metric")} metric and '
                f'{self.ledger.acked("row")} row, {self.ledger.acked("log")} log and {self.ledger.acked("span")} span requests '
                f'acknowledged, {self.ledger.refused} refused, {self.lost} lost')


def interrupted_start(server, seconds):
    """kill -9 while the server reads its log, or soon after."""
    timer = threading.Timer(seconds, lambda: server.process and server.process.kill())
    timer.start()
    try:
        server.start()
    except RuntimeError:
        pass  # killed before it was ready
    timer.join()
    server.kill()


def run_cycles(cycles, seconds_max, seed=None, server=None):
    """kill -9 in every cycle on one data folder. -> (rig, longest start in seconds)"""
    server = server or Server('--wal.segment_bytes=1MiB')
    rig, slowest = None, 0.0
    try:
        server.start()
        rig = Rig(server, seed)
        rig.create_table()
        for cycle in range(cycles):
            rig.cycle(cycle, rig.random.uniform(0.02, seconds_max))
            if rig.random.randrange(4) == 0:
                interrupted_start(server, rig.random.uniform(0, 0.05))
            began = time.time()
            server.start()
            slowest = max(slowest, time.time() - began)
            # Each cycle's own and some older one; all of them now and then and at the end.
            everything = cycle + 1 == cycles or cycle % 20 == 19
            rig.check(range(cycle + 1) if everything else {cycle, rig.random.randint(0, cycle)})
            if rig.mistakes:
                break
    finally:
        try:
            server.stop()
        finally:
            cleanup(server)
    return rig, slowest


def cleanup(server):
    server.__exit__(None, None, None)
