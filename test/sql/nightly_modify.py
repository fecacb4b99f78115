#!/usr/bin/env python3
"""Random sequences of INSERT, UPDATE, DELETE, MERGE, WITH and savepoints: the answers of PostgreSQL 15, row by row.

MODIFY_SEQUENCES sequences (default 150) of 60 statements, MODIFY_SEED for the same ones again. Rows are compared without
their order, errors by SQLSTATE."""
import os, random, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from luma import Server, Skip, run_suite

BIN = '/usr/lib/postgresql/15/bin'
SEED = int(os.environ.get('MODIFY_SEED', time.time() // 86400))
SEQUENCES = int(os.environ.get('MODIFY_SEQUENCES', '150'))
STATEMENTS = 60


class Postgres:
    """A cluster of its own on a socket in a temporary folder."""

    def __enter__(self):
        if not os.path.exists(os.path.join(BIN, 'initdb')):
            raise Skip('PostgreSQL 15 is not installed')
        self.dir = tempfile.mkdtemp(prefix='luma-pg-')
        if os.geteuid() == 0:
            shutil.chown(self.dir, 'postgres')
        self.run(f'{BIN}/initdb -D {self.dir}/data -A trust -U postgres')
        self.run(f'{BIN}/pg_ctl -w -D {self.dir}/data -l {self.dir}/log '
                 f'-o "-c listen_addresses= -k {self.dir} -c fsync=off" start')
        return self

    def run(self, command):
        as_user = ['su', 'postgres', '-c', command] if os.geteuid() == 0 else ['sh', '-c', command]
        subprocess.run(as_user, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __exit__(self, *_):
        self.run(f'{BIN}/pg_ctl -m immediate -D {self.dir}/data stop')
        shutil.rmtree(self.dir, ignore_errors=True)


class Statements:
    """Statements over t(id primary key, a, b) and s(id, a). What PostgreSQL leaves to chance is not made."""

    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.savepoints = []
        self.in_block = False

    def number(self):
        return self.draw.choice([self.draw.randint(0, 12), self.draw.randint(0, 60)])

    def value(self):
        return self.draw.choice([str(self.number()), str(self.number()), 'NULL', 'DEFAULT'])

    def where(self):
        n = self.number()
        return self.draw.choice([
            f't.id = {n}', f't.id = {n}', f't.id < {n}', f't.a > {n}', f't.a IS NULL', f"t.b LIKE '%{n % 10}'",
            f't.id IN ({n}, {self.number()})', f't.id % 3 = {n % 3}', f'EXISTS (SELECT 1 FROM s WHERE s.id = t.id)',
            f't.a = (SELECT max(x.a) FROM t x)', f't.id = {n} AND t.a IS NOT NULL', 'true'])

    def returning(self):
        return self.draw.choice(['', ' RETURNING *', ' RETURNING t.id, t.a', ' RETURNING t.a + 1 AS next, t.b'])

    def rows(self, count):
        return ', '.join(f"({self.number()}, {self.value()}, 'r{self.number()}')" for _ in range(count))

    def insert(self):
        conflict = self.draw.choice([
            '', '', ' ON CONFLICT DO NOTHING', ' ON CONFLICT (id) DO NOTHING',
            ' ON CONFLICT (id) DO UPDATE SET a = excluded.a, b = t.b || excluded.b',
            f' ON CONFLICT (id) DO UPDATE SET a = t.a + 1 WHERE t.a < {self.number()}',
            ' ON CONFLICT ON CONSTRAINT t_pkey DO UPDATE SET (a, b) = (SELECT excluded.a, upper(excluded.b))'])
        source = self.draw.choice([
            'VALUES ' + self.rows(1), 'VALUES ' + self.rows(3),
            f"SELECT g, g * 2, 'g' || g FROM generate_series({self.number()}, {self.number()}) g",
            f"SELECT id + 100, a, b FROM t WHERE {self.where()} AND id < 100"])
        return f'INSERT INTO t {source}{conflict}{self.returning()}'

    def assignments(self):
        return self.draw.choice([
            f'a = {self.value()}', 'a = a + 1', "b = b || '!'", f"(a, b) = ({self.value()}, 'row')",
            '(a, b) = (SELECT s.a, s.id::text FROM s WHERE s.id = t.id LIMIT 1)',
            'a = (SELECT count(*) FROM t x WHERE x.id < t.id)', "a = coalesce(a, 0) * 2, b = left(b, 5)"])

    def update(self):
        if self.draw.randrange(4) == 0:
            return (f'UPDATE t SET a = k.n + t.id FROM (SELECT DISTINCT id, 5 AS n FROM s) k '
                    f'WHERE k.id = t.id AND {self.where()} RETURNING t.id, t.a, k.n')
        if self.draw.randrange(6) == 0:
            return f'UPDATE t SET id = {self.number()} WHERE t.id = {self.number()}{self.returning()}'
        return f'UPDATE t SET {self.assignments()} WHERE {self.where()}{self.returning()}'

    def delete(self):
        if self.draw.randrange(3) == 0:
            return f'DELETE FROM t USING (SELECT DISTINCT id FROM s) k WHERE k.id = t.id AND {self.where()}'
        return f'DELETE FROM t WHERE {self.where()} AND t.id % 2 = {self.draw.randrange(2)}{self.returning()}'

    def merge(self):
        return (f'MERGE INTO t USING (SELECT DISTINCT ON (id) id, a FROM s ORDER BY id, a) k ON t.id = k.id '
                f'WHEN MATCHED AND k.a > {self.number()} THEN DELETE '
                f'WHEN MATCHED THEN UPDATE SET a = k.a '
                f"WHEN NOT MATCHED AND k.id < {self.number()} THEN INSERT VALUES (k.id, k.a, 'merged') "
                f'WHEN NOT MATCHED THEN DO NOTHING')

    def with_(self):
        n = self.number()
        return self.draw.choice([
            f'WITH d AS (DELETE FROM t WHERE id = {n} RETURNING *) INSERT INTO s SELECT id, a FROM d RETURNING *',
            f'WITH u AS (UPDATE t SET a = {n} WHERE id < {n} RETURNING id, a) '
            f'SELECT u.*, t.a AS before FROM u JOIN t USING (id)',
            f'WITH i AS (INSERT INTO s VALUES ({n}, 1), ({n}, 2) RETURNING *), d AS (DELETE FROM s WHERE id = {n} '
            f'RETURNING a) SELECT (SELECT count(*) FROM i), (SELECT count(*) FROM d), (SELECT count(*) FROM s)'])

    def transaction(self):
        if not self.in_block:
            self.in_block = True
            return 'BEGIN'
        kind = self.draw.randrange(6)
        if kind < 2:
            self.savepoints.append(f'p{len(self.savepoints)}')
            return 'SAVEPOINT ' + self.savepoints[-1]
        if kind < 4 and self.savepoints:
            at = self.draw.randrange(len(self.savepoints))
            name = self.savepoints[at]
            del self.savepoints[at + 1:]
            return 'ROLLBACK TO ' + name
        self.in_block, self.savepoints = False, []
        return self.draw.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])

    def next(self):
        kinds = [self.insert] * 4 + [self.update] * 4 + [self.delete] * 2 + [self.merge, self.with_] + \
                [self.transaction] * 4 + [lambda: 'SELECT * FROM t', lambda: 'SELECT * FROM s',
                                          lambda: f'INSERT INTO s VALUES ({self.number()}, {self.number()})']
        if not self.in_block and self.draw.randrange(40) == 0:
            return 'TRUNCATE t, s'
        return self.draw.choice(kinds)()

    def script(self):
        lines = ['CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 7, b text)', 'CREATE TABLE s (id int, a int)']
        lines += [self.next() for _ in range(STATEMENTS)]
        lines += ['COMMIT', 'SELECT * FROM t', 'SELECT * FROM s', 'DROP TABLE t', 'DROP TABLE s']
        return lines


def answers(args, lines, folder):
    """Per statement the sorted lines that psql prints."""
    path = os.path.join(folder, 'script.sql')
    with open(path, 'w') as f:
        for line in lines:
            f.write(line + ';\n\\echo ----\n')
    p = subprocess.run(['psql', '-X', '-A', '-v', 'VERBOSITY=sqlstate', '-f', path] + args, text=True, timeout=300,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = [[]]
    for line in p.stdout.splitlines():
        if line == '----':
            out.append([])
        elif not line.startswith('psql:') or 'ERROR' in line:
            out[-1].append(line.split('ERROR:')[-1].strip() if 'ERROR' in line else line)
    return [sorted(lines) for lines in out]


def compare(sequences):
    if not shutil.which('psql'):
        raise Skip('psql is not installed')
    with Postgres() as pg, Server() as server, tempfile.TemporaryDirectory() as folder:
        theirs_at = ['-h', pg.dir, '-U', 'postgres', '-d', 'postgres']
        ours_at = ['-h', '127.0.0.1', '-p', str(server.port('postgres')), '-U', 'luma', '-d', 'lumadb']
        for i in range(sequences):
            seed = SEED * 100000 + i
            lines = Statements(seed).script()
            theirs, ours = answers(theirs_at, lines, folder), answers(ours_at, lines, folder)
            for line, want, have in zip(lines, theirs, ours):
                assert want == have, f'seed {seed}: {line}\nPostgreSQL: {want}\nLumaDB:     {have}'
        print(f'# {sequences} sequences of {STATEMENTS} statements from seed {SEED}')


def test_random_sequences_answer_as_postgresql():
    compare(SEQUENCES)


if __name__ == '__main__':
    run_suite(globals())
