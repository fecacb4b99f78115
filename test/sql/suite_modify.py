"""A few random sequences of changes against PostgreSQL 15; nightly_modify.py runs many."""
import os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nightly_modify import compare
from luma import run_suite


def test_a_few_random_sequences_answer_as_postgresql():
    compare(8)


if __name__ == '__main__':
    run_suite(globals())
