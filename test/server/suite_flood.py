#!/usr/bin/env python3
"""Slow, silent, half-open, flooding and malformed clients on every port for some seconds (FLOOD_SECONDS)."""
import os, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from flood import Server, assault, certificate
from luma import run_suite

SECONDS = float(os.environ.get('FLOOD_SECONDS', '8'))
SEED = int(os.environ.get('FLOOD_SEED', '0')) or int.from_bytes(os.urandom(4), 'big')


def told(change, tls):
    """The counters that each kind of attack moves."""
    names = ['lumadb_connections_opened_total', 'lumadb_http_bad_requests_total', 'lumadb_http2_bad_frames_total',
             'lumadb_postgres_bad_messages_total', 'lumadb_http2_floods_total{kind="reset"}', 'lumadb_http2_floods_total{kind="frame"}']
    names += ['lumadb_tls_handshakes_total', 'lumadb_tls_failures_total'] if tls else []
    still = [n for n in names if not change.get(n)]
    assert not still, f'nothing was counted in {still}'
    assert change['lumadb_admission_bans_total'] == 0, 'loopback was banned'


def test_hostile_clients_on_every_port():
    with Server() as s:
        told(assault(s, False, SECONDS, SEED)[0], False)


def test_hostile_clients_on_every_port_with_tls():
    with tempfile.TemporaryDirectory() as d, Server(*certificate(d)) as s:
        told(assault(s, True, SECONDS, SEED)[0], True)


if __name__ == '__main__':
    run_suite(globals())
