#!/usr/bin/env python3
"""The process itself: start, ready line, configuration, signals, exit codes, limits of exposure."""
import base64, json, os, signal, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import BINARY, Server, equal, eventually, run_suite


def run(*args):
    p = subprocess.run([BINARY, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    return p.returncode, p.stdout, p.stderr


def test_version_and_help_exit_with_0():
    code, out, _ = run('version')
    equal(code, 0)
    assert out.startswith('lumadb '), out
    code, out, _ = run('help')
    equal(code, 0)
    assert 'serve' in out
    equal(run('nonsense')[0], 2)


def test_config_prints_every_key_with_help_and_reads_itself_back():
    code, out, _ = run('config')
    equal(code, 0)
    assert 'wal:' in out and '# ' in out
    with tempfile.NamedTemporaryFile('w', suffix='.yaml') as f:
        f.write(out)
        f.flush()
        equal(run('config', '--config', f.name)[1], out)


def test_unknown_keys_are_refused_with_line_and_column():
    with tempfile.NamedTemporaryFile('w', suffix='.yaml') as f:
        f.write('wal:\n  snyc: always\n')
        f.flush()
        code, _, err = run('serve', '--config', f.name)
        equal(code, 2)
        assert 'line 2, column 3' in err and 'wal.sync' in err, err
    code, _, err = run('serve', '--walsync=always')
    equal(code, 2)
    assert 'unknown flag' in err, err


def test_ready_line_names_every_listener():
    with Server() as s:
        assert s.ready['ready'] is True and s.ready['version'] and s.ready['data_dir'] == s.dir
        for name in ('postgres', 'prometheus', 'http'):
            assert s.port(name) > 0
    with Server('--postgres.listen=off') as s:
        assert 'postgres' not in s.listen


def test_sigterm_drains_and_exits_0():
    with Server() as s:
        equal(s.stop(), 0)


def test_what_was_acknowledged_is_there_after_a_restart():
    with Server() as s:
        now = int(time.time() * 1000)
        equal(s.write([({'__name__': 'kept', 'a': 'b'}, [(now, 7.5)])])[0], 204)
        equal(s.stop(), 0)
        s.start()
        equal(s.query('kept', now / 1000), {(('__name__', 'kept'), ('a', 'b')): 7.5})


def test_a_second_process_on_the_same_folder_is_refused():
    with Server() as s:
        code, _, err = run('serve', '--data-dir', s.dir, '--postgres.listen=off', '--prometheus.listen=off',
                           '--http.listen=off')
        equal(code, 1)
        assert 'another' in err or 'in use' in err or 'lock' in err, err


def test_sighup_reloads_what_can_change():
    with Server(config='log: {level: info}\n') as s:
        with open(s.config, 'w') as f:
            f.write('log: {level: debug}\nwal: {sync: "off"}\n')
        s.process.send_signal(signal.SIGHUP)
        eventually(lambda: 'settings reloaded' in s.log_text())
        assert 'wal.sync' in s.log_text()
        with open(s.config, 'w') as f:
            f.write('log: {level: loud}\n')
        s.process.send_signal(signal.SIGHUP)
        eventually(lambda: 'reload refused' in s.log_text())


def test_strangers_are_kept_out_by_default():
    for listen in ('0.0.0.0:0', '[::]:0'):
        with tempfile.TemporaryDirectory() as d:
            code, _, err = run('serve', '--data-dir', d, '--postgres.listen=off', '--http.listen=off',
                               '--otlp.grpc.listen=off', '--otlp.http.listen=off',
                               '--prometheus.listen=' + listen)
            equal(code, 1)
            assert 'auth.' in err, err


def test_users_are_asked_for_their_password():
    with Server('--auth.username=ann', '--auth.password=s3cret') as s:
        equal(s.request('GET', '/api/v1/query?query=1')[0], 401)
        good = {'Authorization': 'Basic ' + base64.b64encode(b'ann:s3cret').decode()}
        bad = {'Authorization': 'Basic ' + base64.b64encode(b'ann:other').decode()}
        equal(s.request('GET', '/api/v1/query?query=1', headers=good)[0], 200)
        equal(s.request('GET', '/api/v1/query?query=1', headers=bad)[0], 401)
        equal(s.request('GET', '/-/healthy')[0], 200)


def test_foreign_hosts_and_origins_are_refused():
    with Server() as s:
        status, _, _ = s.request('GET', '/api/v1/query?query=1', headers={'Host': 'evil.example'})
        assert status in (400, 403, 421), status
        status, _, _ = s.request('GET', '/api/v1/query?query=1', headers={'Origin': 'http://evil.example'})
        equal(status, 403)


def test_the_binary_is_under_10_mb_stripped():
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run(['strip', '-o', f.name, BINARY], check=True)
        assert os.path.getsize(f.name) < 10_000_000, os.path.getsize(f.name)


def test_own_metrics_are_documented_and_stored():
    with Server('--self.enabled=true', '--self.interval=1s') as s:
        status, headers, body = s.request('GET', '/metrics')
        equal(status, 200)
        assert headers['content-type'].startswith('text/plain; version=0.0.4')
        lines = body.decode().splitlines()
        families = {x.split()[2] for x in lines if x.startswith('# TYPE')}
        helped = {x.split()[2] for x in lines if x.startswith('# HELP')}
        sampled = {x.split('{')[0].split()[0] for x in lines if x and not x.startswith('#')}
        equal(sampled - families, set(), 'samples without TYPE')
        equal(sampled - helped, set(), 'samples without HELP')
        eventually(lambda: s.query('lumadb_series{job="lumadb"}'))
        p = subprocess.run(['promtool', 'check', 'metrics'], input=body, capture_output=True)
        equal(p.returncode, 0, p.stdout.decode() + p.stderr.decode())


def test_tls_serves_every_http_listener():
    with tempfile.TemporaryDirectory() as d:
        cert, key = d + '/cert.pem', d + '/key.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert,
                        '-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
                       check=True, capture_output=True)
        with Server('--tls.cert_file=' + cert, '--tls.key_file=' + key) as s:
            for name in ('prometheus', 'http'):
                out = subprocess.run(['curl', '-sS', '--fail', '--cacert', cert,
                                      f'https://127.0.0.1:{s.port(name)}/-/healthy'], capture_output=True, text=True)
                equal(out.returncode, 0, out.stderr)


def test_wal_dump_prints_what_was_written():
    with Server() as s:
        equal(s.write([({'__name__': 'dumped', 'a': 'b'}, [(1000, 1.5), (2000, float('inf'))])])[0], 204)
        s.stop()
        code, out, err = run('wal', 'dump', s.dir)
        equal(code, 0, err)
        entries = [json.loads(line) for line in out.splitlines()]
        samples = [e for e in entries if e.get('type') == 'samples']
        equal(len(samples), 1, out)
        assert 'dumped' in json.dumps(samples[0]), samples


def test_a_json_log_replays_like_a_binary_one():
    with Server('--wal.encoding=json') as s:
        values = [1.5, float('inf'), 5e-324, -0.0]
        equal(s.write([({'__name__': 'j', 'a': 'é"'}, [(1000 * i, v) for i, v in enumerate(values)])])[0], 204)
        s.sql("create table t (a int, b text)")
        s.sql("insert into t values (1, 'x'), (2, null)")
        equal(s.stop(), 0)
        with open(s.dir + '/wal/' + sorted(os.listdir(s.dir + '/wal'))[0], 'rb') as f:
            assert b'"__name__"' in f.read(), 'the log is readable by eye'
        s.start()
        body = s.request('POST', '/api/v1/sql?format=csv', b'select value from prom.j order by ts', {}, 'http')[2]
        equal(body.decode().split()[1:], ['1.5', 'Infinity', '5e-324', '-0'])
        equal(s.sql('select a, b from t order by a'), [[1, 'x'], [2, None]])


def test_full_memory_tells_writers_to_retry_and_serves_reads():
    with Server('--memory.hot_bytes=24MiB') as s:
        now, status = int(time.time() * 1000), 204
        for i in range(200):
            series = [({'__name__': 'fill', 'batch': str(i), 'n': f'{n:040}'}, [(now, n)]) for n in range(1000)]
            status, headers, body = s.write(series)
            if status != 204:
                break
        equal(status, 503, body)
        assert int(headers['retry-after']) > 0 and b'memory' in body, body
        stored = list(s.query('count(fill)', now / 1000).values())[0]
        equal(stored, i * 1000.0, 'what was acknowledged, and nothing else')
        equal(s.request('GET', '/-/healthy')[0], 200)


if __name__ == '__main__':
    run_suite(globals())
