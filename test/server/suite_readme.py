#!/usr/bin/env python3
"""Runs what the README tells a reader to type, with the ports of a server under test."""
import json, os, re, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import BINARY, ROOT, Server, Skip, equal, eventually, run_suite

with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as f:
    TEXT = f.read()
BLOCKS = re.findall(r'^```(\w*)\n(.*?)^```', TEXT, re.S | re.M)


def with_ports(s, text):
    for port, name in (('5432', 'postgres'), ('9090', 'prometheus'), ('8080', 'http')):
        text = text.replace('127.0.0.1:' + port, '127.0.0.1:%d' % s.port(name))
    return text


def filled(s):
    eventually(lambda: s.query('lumadb_series'), 20)


def test_the_curl_lines_answer():
    lines = [line for _, block in BLOCKS for line in block.splitlines() if line.startswith('curl ')]
    assert len(lines) >= 3, lines
    with Server('--self.enabled=true', '--self.interval=1s') as s:
        filled(s)
        time.sleep(2)
        for line in lines:
            endless = line.endswith('/tail')
            flags = '-sS --fail-with-body ' + ('--max-time 1 ' if endless else '')
            p = subprocess.run(['bash', '-c', with_ports(s, line).replace('curl ', 'curl ' + flags)],
                               capture_output=True, text=True, timeout=30)
            equal(p.returncode, 28 if endless else 0, line + p.stdout + p.stderr)
            assert p.stdout.strip(), line
            if p.stdout.startswith('{"status"'):
                assert json.loads(p.stdout)['data']['result'], line


def test_the_psql_lines_run():
    psql = '/usr/lib/postgresql/15/bin/psql'
    if not os.path.exists(psql):
        raise Skip('psql is not installed')
    lines = [re.sub(r'^=> ', '', line) for _, block in BLOCKS for line in block.splitlines() if line.startswith('=> ')]
    assert len(lines) >= 5, lines
    with Server('--self.enabled=true', '--self.interval=1s') as s:
        filled(s)
        # `up` and `job` come from scraping; the README's reader has a Prometheus that sends them.
        equal(s.write([({'__name__': 'up', 'job': 'node', 'instance': 'a:1'}, [(int(time.time() * 1000), 1.0)])])[0], 204)
        eventually(lambda: s.sql('select 1 from logs') and s.sql('select 1 from traces'), 20)
        for line in lines:
            p = subprocess.run([psql, '-X', '-h', '127.0.0.1', '-p', str(s.port('postgres')), '-U', 'me', '-d', 'lumadb', '-v',
                                'ON_ERROR_STOP=1', '-At', '-c', line], capture_output=True, text=True, timeout=30)
            equal(p.returncode, 0, line + p.stderr)
            assert p.stdout.strip(), line


def test_the_configurations_are_taken():
    yaml = {block.split(':')[0]: block for kind, block in BLOCKS if kind == 'yaml'}
    equal(sorted(yaml), ['exporters', 'global', 'remote_write'])
    with tempfile.TemporaryDirectory() as d:
        with open(d + '/prometheus.yml', 'w') as f:
            f.write(yaml['remote_write'])
        p = subprocess.run(['promtool', 'check', 'config', d + '/prometheus.yml'], capture_output=True, text=True)
        equal(p.returncode, 0, p.stderr)
        with open(d + '/lumadb.yaml', 'w') as f:
            f.write(yaml['global'])
        p = subprocess.run([BINARY, 'config', '--config', d + '/lumadb.yaml'], capture_output=True, text=True)
        equal(p.returncode, 0, p.stderr)


def test_what_grafana_asks_of_its_data_sources():
    """The health checks and first queries of Grafana's Prometheus and PostgreSQL data sources."""
    with Server('--self.enabled=true', '--self.interval=1s') as s:
        filled(s)
        now = int(time.time())
        equal(s.request('POST', '/api/v1/query', 'query=1%2B1&time=' + str(now),
                        {'Content-Type': 'application/x-www-form-urlencoded'})[0], 200)
        assert s.api('status/buildinfo')['version']
        assert 'lumadb_series' in s.api('label/__name__/values')
        assert 'job' in s.api('labels', match='lumadb_series')
        assert s.api('series', match='lumadb_series', start=now - 300, end=now + 60)
        assert s.api('metadata')['lumadb_series']
        equal(s.request('GET', '/api/v1/rules')[0], 200)
        equal(s.sql("select current_setting('server_version_num')::int/100 as version"), [[1500]])


def test_links_point_to_files():
    for target in re.findall(r'\]\(([^)#]+)\)', TEXT):
        assert os.path.exists(os.path.join(ROOT, target)), target


if __name__ == '__main__':
    run_suite(globals())
