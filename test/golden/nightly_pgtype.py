#!/usr/bin/env python3
"""Random values through PostgreSQL 15 and through format/pgtype: 40,000 cases, a new seed each day."""
import os, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from luma import ROOT, Skip, run_suite

SEED = int(os.environ.get('PGTYPE_SEED', time.time() // 86400))


def binary():
    for folder in ('build-test', 'build'):
        path = os.path.join(ROOT, folder, 'pgtype_golden_test')
        if os.path.exists(path):
            return path
    raise Skip('pgtype_golden_test is not built')


def test_random_values_print_as_in_postgresql():
    test = binary()
    for part in range(4):
        seed = SEED * 4 + part
        with tempfile.NamedTemporaryFile('w', suffix='.tsv') as table:
            subprocess.run(['/usr/bin/python3', os.path.join(HERE, 'pgtype_cases.py'), 'random', str(seed), '10000'],
                           stdout=table, check=True, timeout=600)
            p = subprocess.run([test, table.name], capture_output=True, text=True, timeout=600)
            assert p.returncode == 0, f'seed {seed}: ' + (p.stdout + p.stderr)[:4000]


if __name__ == '__main__':
    run_suite(globals())
