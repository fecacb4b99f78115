"""Hostile clients on every port for a minute each, then again: nothing may be left that grows. And 400 worst queries at once."""
import os, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from flood import Server, assault, certificate, resident
from luma import run_suite
from suite_flood import SEED, told
import suite_ceiling

ROUNDS, SECONDS = 3, 60


def rounds(server, tls):
    honest, left = None, []
    for n in range(ROUNDS):
        change, honest = assault(server, tls, SECONDS, SEED + n, honest)
        told(change, tls)
        assert change['lumadb_connections_cut_total{reason="timeout"}'] > 0, 'no slow client was cut'
        time.sleep(15)  # until the allocator has given back what is free
        left.append(resident(server.process.pid))
    print('# resident after each round: ' + ', '.join(f'{x >> 20} MiB' for x in left))
    assert left[-1] < left[0] + (32 << 20), left


def test_hostile_clients_for_a_minute_again_and_again():
    with Server() as s:
        rounds(s, False)


def test_hostile_clients_for_a_minute_again_and_again_with_tls():
    with tempfile.TemporaryDirectory() as d, Server(*certificate(d)) as s:
        rounds(s, True)


def test_400_worst_queries_and_ingest_in_256_mib():
    suite_ceiling.COUNT = 400
    suite_ceiling.test_100_worst_queries_and_ingest_in_256_mib()


if __name__ == '__main__':
    run_suite(globals())
