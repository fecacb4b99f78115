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


if __name__ == '__main__':
    run_suite(globals())
