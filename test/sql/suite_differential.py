#!/usr/bin/env python3
"""200 random queries against PostgreSQL 15; nightly_differential.py asks more of them."""
import os, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), HERE]
from differential import run
from luma import run_suite

SEED = 15


def test_random_queries_answer_as_postgresql():
    found, _ = run(SEED, 200)
    assert not found, '\n'.join(f'{q}\n  LumaDB {str(l)[:300]}\n  PostgreSQL {str(p)[:300]}' for q, l, p in found[:5])


if __name__ == '__main__':
    run_suite(globals())
