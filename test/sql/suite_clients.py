#!/usr/bin/env python3
"""PostgreSQL clients nobody here wrote: psql, pgbench, psycopg 2 and 3, node-postgres."""
import os, shutil, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from clients import node
from luma import Server, Skip, equal, run_suite


def pg_tool(name):
    for folder in ('/usr/lib/postgresql/15/bin', '/usr/bin'):
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise Skip(name + ' is not installed')


def psql(s, text, *flags, user='luma', env=None):
    p = subprocess.run([pg_tool('psql'), '-X', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', user, '-d', 'lumadb',
                        '-v', 'ON_ERROR_STOP=1', *flags], input=text, capture_output=True, text=True, timeout=60,
                       env={**os.environ, **(env or {})})
    return p.returncode, p.stdout, p.stderr


def rows(s, text):
    code, out, err = psql(s, text, '-At', '-F', '|')
    equal(code, 0, err)
    return out.splitlines()


def test_psql_creates_inserts_and_reads():
    with Server() as s:
        equal(rows(s, '''create table host (name text, cores int, up bool);
                      insert into host values ('a', 4, true), ('b', 8, false), ('c', null, null);
                      select name, cores, up from host order by name desc;'''),
              ['CREATE TABLE', 'INSERT 0 3', 'c||', 'b|8|f', 'a|4|t'])
        equal(rows(s, 'select count(*), sum(cores), avg(cores) from host'), ['3|12|6.0000000000000000'])


def test_psql_errors_point_at_the_place():
    with Server() as s:
        code, _, err = psql(s, 'select 1 +;')
        equal(code, 3)
        assert 'syntax error' in err and 'LINE 1' in err and '^' in err, err


def test_joins_ctes_and_subqueries():
    with Server() as s:
        got = rows(s, '''create table a (id int, x text); create table b (id int, y float8);
                         insert into a values (1, 'one'), (2, 'two'), (3, 'three');
                         insert into b values (1, 1.5), (1, 2.5), (3, 0);
                         with s as (select id, sum(y) as total from b group by id having count(*) >= 1)
                         select x, total from a left join s using (id) where x <> 'nothing' order by a.id;
                         select x from a where id in (select id from b) and exists (select 1 from b where b.id = a.id)
                         order by x limit 1 offset 1;''')
        equal(got[-4:], ['one|4', 'two|', 'three|0', 'three'])


def test_metrics_by_sql_insert_and_read():
    with Server() as s:
        got = rows(s, '''insert into metrics (ts, name, labels, value)
                         values ('2026-01-01 00:00:00.1234+00', 'm', '{"job": "x"}', 1.5), ('2026-01-01 00:00:15+00', 'm', '{"job": "x"}', 2.5);
                         select ts at time zone 'UTC', value, job from prom.m order by ts;''')
        equal(got, ['INSERT 0 2', '2026-01-01 00:00:00.123|1.5|x', '2026-01-01 00:00:15|2.5|x'])
        equal(s.query('m', 1767225620), {(('__name__', 'm'), ('job', 'x')): 2.5})


def test_pgbench_in_every_protocol_mode():
    with Server() as s:
        with tempfile.NamedTemporaryFile('w', suffix='.sql') as f:
            f.write('\\set x random(1, 100000)\nselect :x + 1;\n')
            f.flush()
            for mode in ('simple', 'extended', 'prepared'):
                p = subprocess.run([pg_tool('pgbench'), '-n', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', 'luma',
                                    '-M', mode, '-c', '4', '-j', '2', '-t', '500', '-f', f.name, 'lumadb'],
                                   capture_output=True, text=True, timeout=120)
                equal(p.returncode, 0, p.stderr)
                assert 'number of transactions actually processed: 2000/2000' in p.stdout, p.stdout
        with tempfile.NamedTemporaryFile('w', suffix='.sql') as f:
            f.write('\\set x random(1, 100000)\nbegin;\ninsert into hits values (:x);\nend;\n')
            f.flush()
            rows(s, 'create table hits (x int)')
            for mode in ('simple', 'extended', 'prepared'):
                p = subprocess.run([pg_tool('pgbench'), '-n', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', 'luma',
                                    '-M', mode, '-c', '4', '-j', '2', '-t', '50', '-f', f.name, 'lumadb'],
                                   capture_output=True, text=True, timeout=120)
                equal(p.returncode, 0, p.stderr)
        equal(rows(s, 'select count(*) from hits'), ['600'])


def test_psycopg2():
    try:
        import psycopg2
    except ImportError:
        raise Skip('python3-psycopg2 is not installed for this Python')
    with Server() as s:
        c = psycopg2.connect(s.dsn())
        cur = c.cursor()
        cur.execute('create table p (a int, b text, c timestamptz, d float8[])')
        cur.executemany('insert into p values (%s, %s, %s, %s)',
                        [(1, "it's", '2026-01-01 00:00:00+00', [1.5, None]), (2, None, None, None)])
        c.commit()
        cur.execute('select a, b, c, d from p where a > %s order by a', (0,))
        got = cur.fetchall()
        equal([(r[0], r[1], r[3]) for r in got], [(1, "it's", [1.5, None]), (2, None, None)])
        equal(got[0][2].timestamp(), 1767225600.0)
        try:
            cur.execute('select 1 / 0')
            raise AssertionError('no error')
        except psycopg2.errors.DivisionByZero:
            c.rollback()
        cur.execute('select 1')
        equal(cur.fetchone(), (1,))
        c.close()


def test_psycopg3_binary_and_prepared():
    try:
        import psycopg
    except ImportError:
        raise Skip('python3-psycopg is not installed for this Python')
    import datetime, decimal, uuid
    with Server() as s:
        with psycopg.connect(s.dsn(), autocommit=True) as c:
            values = (7, 2 ** 40, 1.25, 'text', True, decimal.Decimal('12.340'), datetime.date(2026, 1, 2),
                      datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc),
                      uuid.UUID('00112233-4455-6677-8899-aabbccddeeff'), b'\x00\xff')
            for binary in (False, True):
                cur = c.cursor(binary=binary)
                for _ in range(8):  # the sixth run prepares it
                    cur.execute('select %s::int4, %s::int8, %s::float8, %s::text, %s::bool, %s::numeric, %s::date, '
                                '%s::timestamptz, %s::uuid, %s::bytea', values)
                    equal(cur.fetchone(), values, f'binary={binary}')
            cur = c.cursor()
            cur.execute('select generate_series(1, 10000)')
            equal(sum(r[0] for r in cur), 50005000)


def test_psql_copy_to_and_from_files_of_the_client():
    with Server() as s, tempfile.TemporaryDirectory() as d:
        lines = ''.join(f'{i},"name ""{i}""",{i / 8}\n' for i in range(20000))
        with open(d + '/in.csv', 'w', encoding='utf-8') as f:
            f.write('a,b,c\n' + lines)
        rows(s, 'create table c (a int primary key, b text, c float8)')

        def psql(text):
            return subprocess.run([pg_tool('psql'), '-X', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', 'luma', '-d', 'lumadb', '-c', text],
                                  capture_output=True, text=True, timeout=60)
        p = psql(f"\\copy c from '{d}/in.csv' with (format csv, header match)")
        equal((p.returncode, p.stdout), (0, 'COPY 20000\n'), p.stderr)
        p = psql(f"\\copy (select * from c order by a) to '{d}/out.csv' csv header")
        equal((p.returncode, p.stdout), (0, 'COPY 20000\n'), p.stderr)
        with open(d + '/out.csv', encoding='utf-8') as f:
            equal(f.read(), 'a,b,c\n' + lines.replace('.0\n', '\n'))
        p = psql(f"\\copy c from '{d}/in.csv' with (format csv, header)")
        assert p.returncode and 'duplicate key value violates unique constraint "c_pkey"' in p.stderr, p.stderr
        p = psql(f"\\copy c from '{d}/in.csv' with (format csv)")
        equal(p.stderr, 'ERROR:  invalid input syntax for type integer: "a"\nCONTEXT:  COPY c, line 1, column a: "a"\n')
        equal(rows(s, 'select count(*) from c'), ['20000'])


def test_psycopg2_copy():
    try:
        import psycopg2, io
    except ImportError:
        raise Skip('python3-psycopg2 is not installed for this Python')
    with Server() as s:
        c = psycopg2.connect(s.dsn())
        cur = c.cursor()
        cur.execute('create table p (a int, b text)')
        cur.copy_from(io.StringIO('1\tone\n2\t\\N\n'), 'p', columns=('a', 'b'))
        cur.copy_expert('copy p from stdin csv', io.StringIO('3,"x,y"\n'))
        out = io.StringIO()
        cur.copy_expert('copy (select * from p order by a) to stdout csv', out)
        equal(out.getvalue(), '1,one\n2,\n3,"x,y"\n')
        try:
            cur.copy_expert('copy p from stdin', io.StringIO('x\ty\n'))
            raise AssertionError('no error')
        except psycopg2.errors.InvalidTextRepresentation as e:
            equal(e.diag.context, 'COPY p, line 1, column a: "x"')
        c.rollback()
        c.close()


def test_psycopg3_copy_in_text_and_binary():
    try:
        import psycopg
    except ImportError:
        raise Skip('python3-psycopg is not installed for this Python')
    import datetime
    with Server() as s:
        with psycopg.connect(s.dsn(), autocommit=True) as c:
            cur = c.cursor()
            cur.execute('create table p (a int4, b text, c timestamptz, d float8)')
            moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
            data = [(i, f'r\t{i}' if i % 3 else None, moment, i / 4) for i in range(5000)]
            for how in ('', ' (format binary)'):
                cur.execute('truncate p')
                with cur.copy('copy p from stdin' + how) as copy:
                    copy.set_types(['int4', 'text', 'timestamptz', 'float8'])
                    for row in data:
                        copy.write_row(row)
                equal(cur.rowcount, 5000)
                with cur.copy('copy (select * from p order by a) to stdout' + how) as copy:
                    copy.set_types(['int4', 'text', 'timestamptz', 'float8'])
                    equal(list(copy.rows()), data)
            try:
                with cur.copy('copy p from stdin') as copy:
                    copy.write(b'1\tx\t\\N\t\\N\n')
                    raise ZeroDivisionError
            except psycopg.errors.QueryCanceled:
                pass
            equal(cur.execute('select count(*) from p').fetchone(), (5000,))


def test_node_postgres():
    with Server() as s:
        out = node('''
            const {Client} = require("pg");
            (async () => {
                const c = new Client({host: "127.0.0.1", port: +process.argv[1], user: "luma", database: "lumadb"});
                await c.connect();
                await c.query("create table n (a int, b text, c float8)");
                for (let i = 0; i < 20; i++) await c.query("insert into n values ($1, $2, $3)", [i, "r" + i, i / 4]);
                const named = {name: "q", text: "select count(*)::int as n, sum(c) as s from n where a >= $1", values: [10]};
                const r1 = await c.query(named), r2 = await c.query({...named, values: [0]});
                let code = null;
                try { await c.query("select * from missing"); } catch (e) { code = e.code; }
                const many = await c.query("select 1 as a; select 2 as b");
                console.log(JSON.stringify([r1.rows, r2.rows, code, many.map(r => r.rows[0])]));
                await c.end();
            })();''', s.port('postgres'))
        equal(out.strip(), '[[{"n":10,"s":36.25}],[{"n":20,"s":47.5}],"42P01",[{"a":1},{"b":2}]]')


def test_cancel_request_stops_a_query():
    with Server() as s:
        p = subprocess.Popen([pg_tool('psql'), '-X', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', 'luma', '-d',
                              'lumadb', '-c', 'select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b'],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        p.send_signal(2)
        out, err = p.communicate(timeout=20)
        assert 'canceling statement due to user request' in err, err


def test_passwords_by_scram_and_md5_and_tls():
    with tempfile.TemporaryDirectory() as d:
        cert, key = d + '/cert.pem', d + '/key.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '1',
                        '-subj', '/CN=localhost'], check=True, capture_output=True)
        with Server('--auth.username=ann', '--auth.password=s3cret', '--tls.cert_file=' + cert, '--tls.key_file=' + key) as s:
            for mode in ('require', 'disable'):
                env = {'PGPASSWORD': 's3cret', 'PGSSLMODE': mode}
                code, out, err = psql(s, 'select current_user', '-At', user='ann', env=env)
                equal((code, out.strip()), (0, 'ann'), err)
            code, _, err = psql(s, 'select 1', user='ann', env={'PGPASSWORD': 'wrong'})
            equal(code, 2)
            assert 'password authentication failed' in err, err
            code, _, err = psql(s, 'select 1', user='bob', env={'PGPASSWORD': 'wrong'})
            equal(code, 2)
            assert 'password authentication failed' in err, err


def test_statement_timeout_and_settings():
    with Server() as s:
        code, _, err = psql(s, "set statement_timeout = '200ms'; select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b;")
        equal(code, 3)
        assert 'statement timeout' in err, err
        equal(rows(s, "set timezone = 'Europe/Berlin'; select timestamptz '2026-07-01 12:00+00'; show timezone;"),
              ['SET', '2026-07-01 14:00:00+02', 'Europe/Berlin'])


def test_psql_describes_what_there_is():
    with Server() as s:
        rows(s, '''create schema app; create table app.m (id bigint primary key, name varchar(20) not null default 'x', n numeric(10,2) check (n > 0),
                      u int unique, tags text[], ts timestamp(3)); create index m_name on app.m (name desc);
                      create view app.v as select id, name from app.m; create sequence app.sq; create domain pos as int check (value > 0);
                      comment on table app.m is 'about m'; comment on column app.m.name is 'its name'; set search_path = app''')
        code, out, err = psql(s, '\\d app.m')
        equal(code, 0, err)
        for line in ('Table "app.m"', ' id     | bigint                         |           | not null | ', "not null | 'x'",
                     ' n      | numeric(10,2)', ' ts     | timestamp(3) without time zone', ' tags   | text[]', '"m_pkey" PRIMARY KEY, btree (id)',
                     '"m_name" btree (name DESC)', '"m_u_key" UNIQUE CONSTRAINT, btree (u)', 'CHECK (n > '):
            assert line in out, (line, out)
        assert 'its name' in psql(s, '\\d+ app.m')[1]
        for command in ('\\d', '\\d app.v', '\\d app.sq', '\\d app.m_name', '\\dS pg_class', '\\dt', '\\dt+ app.*', '\\l', '\\l+', '\\du', '\\df', '\\df+ upper',
                        '\\dn', '\\dn+', '\\dv', '\\di app.*', '\\ds', '\\dT', '\\dT+', '\\dD', '\\dx', '\\dp', '\\z app.m', '\\dO', '\\da sum', '\\do ||',
                        '\\dC', '\\db', '\\dA', '\\dE', '\\dd', '\\ddp', '\\des', '\\dF', '\\dL', '\\dm', '\\dy', '\\dRp', '\\dRs', '\\drds',
                        '\\sv app.v', '\\dc', '\\dX', '\\dP', '\\conninfo', 'select 1 as a, now() as b \\gdesc'):
            code, out, err = psql(s, command)
            equal((code, 'ERROR' in err), (0, False), f'{command}: {err}')
        equal(rows(s, '\\dt app.*'), ['app|m|table|luma'])
        equal(rows(s, '\\dn')[0], 'app|luma')
        equal(rows(s, 'select 1 as a, now() as b \\gdesc'), ['a|integer', 'b|timestamp with time zone'])


def test_pgbench_updates_with_four_clients():
    with Server() as s:
        rows(s, '''create table pgbench_branches (bid int primary key, bbalance int, filler char(88));
                    create table pgbench_tellers (tid int primary key, bid int, tbalance int, filler char(84));
                    create table pgbench_accounts (aid int primary key, bid int, abalance int, filler char(84));
                    create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
                    insert into pgbench_branches select i, 0 from generate_series(1, 1) i;
                    insert into pgbench_tellers select i, 1, 0 from generate_series(1, 10) i;
                    insert into pgbench_accounts select i, 1, 0 from generate_series(1, 1000) i''')
        with tempfile.NamedTemporaryFile('w', suffix='.sql') as f:
            f.write('\\set aid random(1, 1000)\n\\set delta random(-5000, 5000)\n'
                    'update pgbench_accounts set abalance = abalance + :delta where aid = :aid;\n'
                    'select abalance from pgbench_accounts where aid = :aid;\n')
            f.flush()
            for mode in ('simple', 'prepared'):
                p = subprocess.run([pg_tool('pgbench'), '-n', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', 'luma', '-M', mode,
                                    '-c', '4', '-t', '25', '--max-tries=100', '-f', f.name, 'lumadb'], capture_output=True, text=True, timeout=120)
                equal(p.returncode, 0, p.stderr[-500:])
                assert '100/100' in p.stdout, p.stdout
        p = subprocess.run([pg_tool('pgbench'), '-n', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', 'luma', '-b', 'tpcb-like',
                            '-c', '4', '-t', '10', '--max-tries=1000', 'lumadb'], capture_output=True, text=True, timeout=120)
        equal(p.returncode, 0, p.stderr[-500:])
        equal(rows(s, '''select (select sum(delta) from pgbench_history) = (select sum(bbalance) from pgbench_branches),
                              (select count(*) from pgbench_history)'''), ['t|40'])


def test_psycopg3_pipeline_server_cursor_and_copy():
    try:
        import psycopg
    except ImportError:
        raise Skip('python3-psycopg is not installed for this Python')
    with Server() as s:
        with psycopg.connect(s.dsn()) as c:
            c.execute('create table c3 (a int, b text)')
            c.commit()
            with c.cursor().copy('copy c3 from stdin') as copy:
                for i in range(1000):
                    copy.write_row((i, f'row {i}'))
            c.commit()
            with c.cursor(name='srv') as cur:
                cur.itersize = 100
                cur.execute('select a from c3 order by a')
                equal([r[0] for r in cur], list(range(1000)))
            with c.cursor().copy('copy (select a, b from c3 where a < 2 order by a) to stdout') as copy:
                equal(b''.join(bytes(x) for x in copy), b'0\trow 0\n1\trow 1\n')
            c.commit()
            with c.pipeline():
                found = [c.execute('select %s::int + 1', (i,)) for i in range(20)]
            equal([f.fetchone()[0] for f in found], list(range(1, 21)))


def test_sqlalchemy_reflection():
    try:
        import sqlalchemy as sa
    except ImportError:
        raise Skip('python3-sqlalchemy is not installed for this Python')
    with Server() as s:
        rows(s, '''create schema app; create table app.m (id bigint primary key, name varchar(20) not null default 'x', n numeric(10,2) check (n > 0),
                      u int unique, tags text[], at timestamptz, body jsonb); create index m_name on app.m (name);
                      create view app.v as select id, name from app.m; comment on table app.m is 'about m';''')
        engine = sa.create_engine(f'postgresql+psycopg2://luma@127.0.0.1:{s.port("postgres")}/lumadb')
        look = sa.inspect(engine)
        assert 'app' in look.get_schema_names()
        equal(look.get_table_names('app'), ['m'])
        equal(look.get_view_names('app'), ['v'])
        columns = {c['name']: c for c in look.get_columns('m', 'app')}
        equal([str(columns[n]['type']) for n in ('id', 'name', 'n', 'tags', 'body')], ['BIGINT', 'VARCHAR(20)', 'NUMERIC(10, 2)', 'ARRAY', 'JSONB'])
        equal((columns['name']['nullable'], columns['u']['nullable']), (False, True))
        equal(look.get_pk_constraint('m', 'app')['constrained_columns'], ['id'])
        equal([(i['name'], i['column_names']) for i in look.get_indexes('m', 'app') if not i['unique']], [('m_name', ['name'])])
        equal([u['column_names'] for u in look.get_unique_constraints('m', 'app')], [['u']])
        equal(len(look.get_check_constraints('m', 'app')), 1)
        equal(look.get_table_comment('m', 'app')['text'], 'about m')
        equal([c['name'] for c in look.get_columns('v', 'app')], ['id', 'name'])
        table = sa.Table('m', sa.MetaData(), schema='app', autoload_with=engine)
        with engine.begin() as c:
            c.execute(table.insert(), [{'id': 1, 'name': 'a', 'tags': ['x']}, {'id': 2, 'name': 'b', 'tags': None}])
            equal(c.execute(sa.select(table.c.name).order_by(table.c.id.desc())).scalars().all(), ['b', 'a'])


JDBC = '''
import java.sql.*;
public class Probe {
    public static void main(String[] a) throws Exception {
        try (Connection c = DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + a[0] + "/lumadb?user=luma")) {
            try (Statement s = c.createStatement()) {
                s.execute("create table j (id bigint primary key, name text not null, v float8)");
                System.out.println(s.executeUpdate("insert into j select i, 'n' || i, i / 4.0 from generate_series(1, 1000) i"));
                System.out.println(s.executeUpdate("delete from j where id > 990"));
            }
            DatabaseMetaData m = c.getMetaData();
            try (ResultSet r = m.getColumns(null, "public", "j", "%")) { while (r.next()) System.out.println(r.getString("COLUMN_NAME") + " " + r.getString("TYPE_NAME") + " " + r.getInt("NULLABLE")); }
            try (ResultSet r = m.getPrimaryKeys(null, "public", "j")) { while (r.next()) System.out.println(r.getString("PK_NAME") + " " + r.getString("COLUMN_NAME")); }
            try (ResultSet r = m.getIndexInfo(null, "public", "j", false, false)) { while (r.next()) System.out.println(r.getString("INDEX_NAME") + " " + r.getString("COLUMN_NAME")); }
            try (ResultSet r = m.getTables(null, "public", "j", new String[]{"TABLE"})) { while (r.next()) System.out.println(r.getString("TABLE_NAME")); }
            try (ResultSet r = m.getSchemas()) { int n = 0; while (r.next()) n++; System.out.println(n >= 3); }
            try (ResultSet r = m.getFunctions(null, null, "upper")) { System.out.println(r.next()); }
            try (PreparedStatement p = c.prepareStatement("select id, name, v from j where id = ?")) {
                for (int i = 1; i <= 8; i++) { p.setLong(1, i); try (ResultSet r = p.executeQuery()) { r.next(); if (r.getLong(1) != i || r.getDouble(3) != i / 4.0) throw new Exception("row " + i); } }
                System.out.println(p.getMetaData().isAutoIncrement(1) + " " + p.getMetaData().getColumnName(2));
            }
            c.setAutoCommit(false);
            try (Statement s = c.createStatement()) {
                s.setFetchSize(100);
                int n = 0;
                try (ResultSet r = s.executeQuery("select * from j")) { while (r.next()) n++; }
                System.out.println(n);
            }
            c.commit();
            System.out.println(c.isValid(5));
        }
    }
}
'''


def test_jdbc_metadata_prepared_and_cursors():
    jar = '/usr/share/java/postgresql.jar'
    if not os.path.exists(jar) or not shutil.which('java'):
        raise Skip('java or libpostgresql-jdbc-java is not installed')
    with Server() as s, tempfile.TemporaryDirectory() as d:
        with open(d + '/Probe.java', 'w') as f:
            f.write(JDBC)
        p = subprocess.run(['java', '-cp', jar, d + '/Probe.java', str(s.port('postgres'))], capture_output=True, text=True, timeout=120)
        equal(p.returncode, 0, p.stderr[-1500:])
        equal(p.stdout.split('\n'), ['1000', '10', 'id int8 0', 'name text 0', 'v float8 1', 'j_pkey id', 'j_pkey id', 'j', 'true', 'true', 'false name', '990', 'true', ''])


def test_postgres_js():
    with Server() as s:
        out = node('''
            const postgres = require("postgres");
            (async () => {
                const sql = postgres({host: "127.0.0.1", port: +process.argv[1], user: "luma", database: "lumadb", max: 2});
                await sql`create table pj (a int, b text, t text[])`;
                for (let i = 0; i < 5; i++) await sql`insert into pj values (${i}, ${"r" + i}, ${["x", "y"]})`;
                const found = await sql`select a, b, t from pj where a >= ${3} order by a`;
                let cursor = 0;
                await sql`select generate_series(1, 100) as x`.cursor(10, rows => { cursor += rows.length; });
                console.log(JSON.stringify([found, cursor]));
                await sql.end();
            })();''', s.port('postgres'))
        equal(out.strip(), '[[{"a":3,"b":"r3","t":["x","y"]},{"a":4,"b":"r4","t":["x","y"]}],100]')


if __name__ == '__main__':
    run_suite(globals())
