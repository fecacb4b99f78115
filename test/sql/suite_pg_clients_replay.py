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


# Types that LumaDB has no like of: pg_node_tree is text here.
SAME_TYPE = {194: 25}


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
    if want[0]:
        want = [(name, SAME_TYPE.get(oid, oid)) for name, oid in want[0]], want[1]
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
            if sql.startswith('FETCH'):  # of the cursor that was declared in the transaction before
                for wire in (luma, pg):
                    wire.query('begin; declare srv cursor for select * from app.metrics')
            difference = compare(luma, pg, sql, oids, oid_luma, oid_pg)
            if sql.startswith('FETCH'):
                for wire in (luma, pg):
                    wire.query('rollback')
            if difference:
                odd.append(f'{client}: {" ".join(sql.split())[:160]}\n      {difference}')
        assert not odd, f'{len(odd)} of {len(found)} differ\n  ' + '\n  '.join(odd)


def answers(wire, sql):
    """Rows of a statement of the simple protocol as texts; raises on an error."""
    got = wire.query(sql)
    assert b'E' not in [k for k, _ in got], (sql, error(got))
    return [[None if v is None else v.decode() for v in r] for r in rows(got)]


def test_what_other_emulations_fail_at():
    """PG_CLIENTS.md D.3, one statement for each."""
    with Server() as s:
        w = Wire(s)
        pg_fill(w)
        # A column twice, as DBeaver asks for it.
        names = describe(w, "select c.oid, c.* from pg_catalog.pg_class c where relname = 'metrics'")[0]
        equal([n for n, _ in names][:2], ['oid', 'oid'])
        equal(answers(w, 'select current_catalog'), [['lumadb']])
        # DELETE gives a tag and no row description.
        equal(types(w.query('delete from app.metrics where id = 77')), 'CZ')
        equal(describe(w, 'select array[null]')[0], [('array', 1009)])
        equal(types(w.query(';;;')), 'IZ')
        equal(types(w.query('-- ping')), 'IZ')
        # A parameter's type from its place; a bool as text.
        equal(describe(w, 'select * from app.metrics where id = $1 and ts > $2 and tags = $3')[1], [20, 1184, 1009])
        w.send(parse('select $1::bool'), bind([b'true']), execute(), SYNC)
        equal(rows(w.until()), [[b't']])
        equal(answers(w, "select typarray from pg_type where oid = 23"), [['1007']])
        equal(answers(w, "select pg_stat_get_numscans(1259), has_any_column_privilege('app.metrics', 'select'), "
                         "json_build_object('a', 1), pg_encoding_to_char(6), current_setting('server_version_num')::int / 10000"),
              [['0', 't', '{"a" : 1}', 'UTF8', '15']])
        for empty in ('pg_conversion', 'pg_depend', 'pg_policy', 'pg_trigger', 'pg_inherits', 'pg_statistic_ext'):
            equal(answers(w, f'select * from pg_catalog.{empty}'), [], empty)
        equal(answers(w, "select typname from pg_type where oid in (705, 2249, 2278) order by oid"), [['unknown'], ['record'], ['void']])
        # Each attribute's type is there (Npgsql).
        equal(answers(w, 'select count(*) from pg_attribute a left join pg_type t on t.oid = a.atttypid where t.oid is null'), [['0']])
        # Several statements in one string, as Grafana sends them.
        got = w.query("set timezone = 'UTC'; select 1; select 2;")
        equal(types(got), 'SCTDCTDCZ')


def test_grafana_macros():
    with Server() as s:
        w = Wire(s)
        pg_fill(w)
        equal(answers(w, """select floor(extract(epoch from ts) / 60) * 60 as time, avg(value) from app.metrics
                            where ts between '2026-01-01T00:00:00Z' and '2026-01-01T01:00:00Z' group by 1 order by 1"""),
              [['1767225600', '2.75']])
        equal(answers(w, "select time_bucket('60.000s', ts) = '2026-01-01 00:00:00+00', count(*) from app.metrics group by 1"),
              [['t', '2']])
        equal(answers(w, "select extract(epoch from ts)::bigint as time from app.metrics "
                         "where extract(epoch from ts) >= 1767225600 and extract(epoch from ts) <= 1767225610"), [['1767225600']])
        equal(answers(w, "select current_setting('server_version_num')::int / 100 as version"), [['1500']])
        equal(answers(w, """select quote_ident(table_name) from information_schema.tables
                            where quote_ident(table_schema) = 'app'"""), [['metrics']])
        equal(answers(w, """select quote_ident(column_name) from information_schema.columns where table_schema = 'app' and quote_ident(table_name) = 'metrics'
                            order by ordinal_position limit 2"""), [['id'], ['ts']])


if __name__ == '__main__':
    import atexit
    atexit.register(lambda: _pg and _pg.stop())
    run_suite(globals())
