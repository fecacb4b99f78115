#!/usr/bin/env python3
"""sqlsmith against the server: no crash, no internal error, no break of the protocol.

QUERIES statements (20,000 by default) over a fixed list of seeds, each with a statement timeout."""
import os, re, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import Server, Skip, run_suite

SEEDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
TABLES = """create table t (id bigint primary key, name varchar(20) not null default 'x', n numeric(10,2) check (n > 0), u int unique,
            tags text[], ts timestamp(3)); insert into t select i, 'n' || i, i + 1, i, array['a'], now() from generate_series(1, 5) i;
            create table b (k int, v float8, j jsonb, d date, f bool);
            insert into b select i, i / 3.0, '{"a": 1}', current_date, true from generate_series(1, 5) i"""
BROKEN = re.compile(r'XX000|invalid plan|internal error|server closed|lost synchronization|message contents')


def smith(seed, queries, timeout):
    with Server() as s, tempfile.TemporaryFile('w+', errors='replace') as log:
        env = {**os.environ, 'PGOPTIONS': '-c statement_timeout=1000'}
        psql = ['psql', '-X', '-q', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', 'luma', '-d', 'lumadb']
        subprocess.run([*psql, '-v', 'ON_ERROR_STOP=1', '-c', TABLES], check=True, timeout=60)
        p = subprocess.run(['sqlsmith', f'--target=host=127.0.0.1 port={s.port("postgres")} user=luma dbname=lumadb',
                            f'--max-queries={queries}', f'--seed={seed}', '--verbose', '--exclude-catalog'],
                           stdout=subprocess.DEVNULL, stderr=log, env=env, timeout=timeout)
        log.seek(0)
        text = log.read()
        assert s.process.poll() is None, f'seed {seed}: the server ended with {s.process.poll()}: {s.log_text()[-1500:]}'
        odd = [line for line in text.splitlines() if BROKEN.search(line)]
        assert p.returncode == 0 and not odd, f'seed {seed}: exit {p.returncode}: {odd[:10]} {text[-500:]}'


def test_generated_statements_break_nothing():
    if not shutil.which('sqlsmith'):
        raise Skip('sqlsmith is not installed')
    total = int(os.environ.get('QUERIES', '20000'))
    for seed in SEEDS:
        smith(seed, total // len(SEEDS), 3600)


if __name__ == '__main__':
    run_suite(globals())
