#!/usr/bin/env python3
"""What PostgreSQL clients were seen to send, replayed to LumaDB and to PostgreSQL 15: the same columns, types and shape.

The statements are read from ../shared/PG_CLIENTS.md, Appendix 1, when the suite runs."""
import os, re, shutil, socket, struct, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
sys.path.insert(0, os.path.join(HERE, '..', 'protocol'))
from luma import SHARED, Server, Skip, equal, run_suite
from suite_pgwire import SYNC, Wire, bind, error, execute, parse, rows, types

PG_BIN = '/usr/lib/postgresql/15/bin'
TABLE = ('create schema app; create table app.metrics (id bigint primary key, ts timestamptz not null, name text not null, '
         "value double precision, labels jsonb, tags text[]); insert into app.metrics values "
         "(1, '2026-01-01 00:00:00+00', 'cpu', 2.5, '{\"a\": 1}', '{x,y}'), (2, '2026-01-01 00:00:15+00', 'x', 3, null, null)")


class Postgres:
    """A PostgreSQL 15 of our own in a temporary folder, over a Unix socket; never root's."""

    def __init__(self):
        if not os.path.exists(PG_BIN + '/initdb'):
            raise Skip('postgresql-15 is not installed')
        self.dir = tempfile.mkdtemp(prefix='luma-pg-')
        self.user = ['su', 'postgres', '-s', '/bin/sh', '-c'] if os.getuid() == 0 else ['/bin/sh', '-c']
        if os.getuid() == 0:
            shutil.chown(self.dir, 'postgres')
        try:
            self.shell(f'{PG_BIN}/initdb -D {self.dir}/data -A trust -U luma --locale=C.UTF-8 -E UTF8')
            self.shell(f"{PG_BIN}/pg_ctl -D {self.dir}/data -l {self.dir}/log -w start "
                       f"-o '-k {self.dir} -c listen_addresses= -p 5999 -c fsync=off -c shared_buffers=16MB -c timezone=UTC'")
            self.shell(f'{PG_BIN}/createdb -h {self.dir} -p 5999 -U luma lumadb')
        except subprocess.CalledProcessError as e:
            shutil.rmtree(self.dir, ignore_errors=True)
            raise Skip('PostgreSQL does not start here: ' + e.stderr[-200:].decode())

    def shell(self, text):
        subprocess.run([*self.user, text], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd='/', timeout=60)

    def stop(self):
        self.shell(f'{PG_BIN}/pg_ctl -D {self.dir}/data -m immediate -w stop')
        shutil.rmtree(self.dir, ignore_errors=True)


class SocketWire(Wire):
    def __init__(self, folder):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(folder + '/.s.PGSQL.5999')
        self.buffer, self.status, self.key = b'', {}, None
        self.startup()


_pg = None


def postgres():
    """One PostgreSQL for all tests of the suite."""
    global _pg
    if _pg is None:
        _pg = Postgres()
        pg_fill(SocketWire(_pg.dir))
    return SocketWire(_pg.dir)


def pg_fill(wire):
    answer = wire.query(TABLE)
    assert b'E' not in [k for k, _ in answer], error(answer)


# ---------------------------------------------------------------- the captures
def split_statements(text):
    """At semicolons outside of quotes and comments."""
    out, at = [], 0
    for m in re.finditer(r"'(?:[^']|'')*'|--[^\n]*|;", text):
        if m.group() == ';':
            out.append(text[at:m.start()])
            at = m.end()
    return [s for s in out + [text[at:]] if re.sub(r'--[^\n]*', '', s).strip()]


def captures():
    """-> [(client, statement, parameter OIDs)] of Appendix 1."""
    path = os.path.join(SHARED, 'PG_CLIENTS.md')
    if not os.path.exists(path):
        raise Skip('../shared/PG_CLIENTS.md is missing')
    with open(path, encoding='utf-8') as f:
        appendix = f.read().split('## Appendix 1.')[1]
    found = []
    for client, body in re.findall(r'^### ([^\n]+)\n(.*?)(?=^### |\Z)', appendix, re.S | re.M):
        blocks = re.findall(r'```text\n(.*?)```', body, re.S)
        for block in blocks:
            if client.startswith('psql'):
                # Lines that describe a variant in words are not SQL.
                sql = '\n'.join(line for line in block.split('\n') if not line.lstrip().startswith('--'))
                found += [(client, s.strip(), ()) for s in split_statements(sql)]
                continue
            message = r"^(?:Q: |Parse name='[^']*' oids=\(([^)]*)\): )(.*?)(?=^(?:Q: |Parse |Bind |Describe|Execute|msg |Startup|SSLRequest|  … |   … |end )|\Z)"
            for oids, sql in re.findall(message, block, re.S | re.M):
                found.append((client, sql.strip(), tuple(int(o) for o in oids.split(',') if o.strip())))
    seen, unique = set(), []
    for item in found:
        if item[1:] not in seen:
            seen.add(item[1:])
            unique.append(item)
    return unique


def describe(wire, sql, oids=()):
    """Parse and Describe -> ([(name, type OID)] or None, [parameter OIDs]); an error's fields when it fails."""
    wire.send(parse(sql, '', *oids), (b'D', b'S\0'), SYNC)
    answer = wire.until()
    columns, params = None, []
    for kind, body in answer:
        if kind == b'E':
            return error(answer)
        if kind == b't':
            params = list(struct.unpack(f'>{struct.unpack(">h", body[:2])[0]}I', body[2:]))
        if kind == b'T':
            columns = row_description(body)
    return columns, params


def row_description(body):
    (n,), at, out = struct.unpack('>h', body[:2]), 2, []
    for _ in range(n):
        end = body.index(b'\0', at)
        out.append((body[at:end].decode(), struct.unpack('>I', body[end + 7:end + 11])[0]))
        at = end + 19
    return out


def table_oid(wire):
    return rows(wire.query("select 'app.metrics'::regclass::oid"))[0][0].decode()


def run(wire, sql, oids, params):
    values = {1043: b'cpu', 25: b'cpu', 701: b'1', 1184: b'1970-01-01 00:00:00+00', 20: b'1', 23: b'1', 21: b'1', 26: b'25'}
    wire.send(parse(sql, '', *oids), bind([values.get(p, b'1') for p in params]), execute(), SYNC)
    return wire.until()


def compare(luma, pg, sql, oids, oid_luma, oid_pg):
    """-> None, or what differs."""
    want = describe(pg, sql.replace('16385', oid_pg), oids)
    got = describe(luma, sql.replace('16385', oid_luma), oids)
    if isinstance(want, dict):
        return None if isinstance(got, dict) and got['C'] == want['C'] else f'PostgreSQL says {want["C"]} {want["M"]}, LumaDB {got}'
    if isinstance(got, dict):
        return f'{got["C"]} {got["M"]}'
    if got != want:
        return f'columns {[p for p in zip(got[0] or [], want[0] or []) if p[0] != p[1]] or (got, want)}, parameters {got[1]} {want[1]}'
    answers = [run(luma, sql.replace('16385', oid_luma), oids, got[1]), run(pg, sql.replace('16385', oid_pg), oids, want[1])]
    if b'E' in [k for k, _ in answers[0]] and b'E' not in [k for k, _ in answers[1]]:
        return 'fails when run: ' + error(answers[0])['M']
    for answer in answers:
        for kind, body in answer:
            if kind == b'D':
                equal(struct.unpack('>h', body[:2])[0], len(want[0]))
    return None


def test_every_captured_statement_describes_as_in_postgresql():
    pg = postgres()
    with Server() as s:
        luma = Wire(s)
        pg_fill(luma)
        oid_luma, oid_pg = table_oid(luma), table_oid(pg)
        found, odd = captures(), []
        assert len(found) > 60, len(found)
        for client, sql, oids in found:
            difference = compare(luma, pg, sql, oids, oid_luma, oid_pg)
            if difference:
                odd.append(f'{client}: {" ".join(sql.split())[:160]}\n      {difference}')
        assert not odd, f'{len(odd)} of {len(found)} differ\n  ' + '\n  '.join(odd)


if __name__ == '__main__':
    import atexit
    atexit.register(lambda: _pg and _pg.stop())
    run_suite(globals())
