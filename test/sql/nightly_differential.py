#!/usr/bin/env python3
"""6,000 random queries against PostgreSQL 15, other ones each day; DIFFERENTIAL_SEED repeats a day's."""
import os, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), HERE]
from differential import run
from luma import run_suite

SEED = int(os.environ.get('DIFFERENTIAL_SEED', time.time() // 86400))


def test_random_queries_answer_as_postgresql():
    found, explained = run(SEED, 6000)
    print('explained differences:', explained)
    assert not found, f'seed {SEED}: {len(found)}\n' + '\n'.join(
        f'{q}\n  LumaDB {str(l)[:300]}\n  PostgreSQL {str(p)[:300]}' for q, l, p in found[:10])


if __name__ == '__main__':
    run_suite(globals())
