#!/usr/bin/env python3
"""Who may come in, as what, how often: over every protocol, in its own words."""
import base64, http.client, json, os, signal, socket, ssl, struct, subprocess, sys, tempfile, time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', name) for name in ('lib', 'protocol')]
from luma import BINARY, Server, Skip, equal, eventually, run_suite, snappy, write_request
from suite_pgwire import Wire, error, types

USERS = '''
auth:
  users:
    - {username: reader, password: r-secret, role: read}
    - {username: writer, password: w-secret, role: write, token: w-token}
    - {username: boss, password: b-secret, role: admin}
'''


def basic(user, password):
    return {'Authorization': 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()}


READER, WRITER, BOSS = basic('reader', 'r-secret'), basic('writer', 'w-secret'), basic('boss', 'b-secret')


def request(server, listener, method, path, body=None, headers=None, host='127.0.0.1'):
    """-> status, headers, body"""
    c = http.client.HTTPConnection(host, server.port(listener), timeout=20)
    try:
        c.request(method, path, body=body, headers=headers or {})
        r = c.getresponse()
        return r.status, dict(r.getheaders()), r.read()
    finally:
        c.close()


def sql(server, text, headers=None, host='127.0.0.1'):
    return request(server, 'http', 'POST', '/api/v1/sql', text, {'Content-Type': 'text/plain', **(headers or {})}, host)


def remote_write(server, headers):
    body = snappy(write_request([({'__name__': 'admitted'}, [(1000, 1.0)])]))
    return request(server, 'prometheus', 'POST', '/api/v1/write', body,
                   {'Content-Encoding': 'snappy', 'Content-Type': 'application/x-protobuf', **headers})


def otlp(server, headers):
    body = json.dumps({'resourceLogs': [{'scopeLogs': [{'logRecords': [{'timeUnixNano': '1', 'body': {'stringValue': 'x'}}]}]}]})
    return request(server, 'otlp.http', 'POST', '/v1/logs', body, {'Content-Type': 'application/json', **headers})


def psql(server, text, user='reader', password='r-secret', host='127.0.0.1', **env):
    p = subprocess.run(['psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-h', host, '-p', str(server.port('postgres')), '-U', user, '-c', text, 'lumadb'],
                       capture_output=True, text=True, timeout=30, env={**os.environ, 'PGPASSWORD': password, 'PGSSLMODE': 'prefer', **env})
    return p.returncode, p.stdout.strip(), p.stderr.strip()


def metric(server, name, headers=None):
    body = request(server, 'prometheus', 'GET', '/metrics', headers=headers)[2].decode()
    for line in body.splitlines():
        if line.startswith(name + ' '):
            return float(line.split()[-1])
    raise AssertionError(f'no {name} in /metrics')


def own_address():
    """An address of this machine that is not loopback; the bytes stay inside it."""
    out = subprocess.run(['hostname', '-I'], capture_output=True, text=True).stdout.split()
    for address in out:
        if '.' in address and not address.startswith('127.'):
            return address
    raise Skip('this machine has no address but loopback')


def wide(server_flags=(), config=USERS):
    return Server('--postgres.listen=0.0.0.0:0', '--prometheus.listen=0.0.0.0:0', '--http.listen=0.0.0.0:0', '--otlp.http.listen=0.0.0.0:0',
                  '--otlp.grpc.listen=0.0.0.0:0', *server_flags, config=config)


def test_roles_bound_what_may_be_done():
    with Server(config=USERS) as s:
        equal(sql(s, 'create table t (a int)', READER)[0], 403)
        equal(sql(s, 'create table t (a int)', WRITER)[0], 200)
        equal(sql(s, 'select 1', READER)[0], 200)
        equal(remote_write(s, READER)[0], 403)
        equal(remote_write(s, WRITER)[0], 204)
        equal(remote_write(s, {'Authorization': 'Bearer w-token'})[0], 204)
        equal(otlp(s, READER)[0], 403)
        equal(otlp(s, WRITER)[0], 200)
        for listener, path in (('prometheus', '/api/v1/query?query=1'), ('http', '/api/v1/admin/bans')):
            status, headers, _ = request(s, listener, 'GET', path)
            equal((status, headers.get('WWW-Authenticate', '').split()[0]), (401, 'Basic'))
        equal(request(s, 'prometheus', 'GET', '/api/v1/query?query=1', headers=READER)[0], 200)
        equal(request(s, 'http', 'GET', '/api/v1/admin/bans', headers=WRITER)[0], 403)
        equal(request(s, 'http', 'GET', '/api/v1/admin/bans', headers=BOSS)[0], 200)
        code, _, err = psql(s, 'insert into t values (1)')
        assert code and '42501' in err, err
        equal(psql(s, 'insert into t values (1)', 'writer', 'w-secret')[0], 0)
        equal(psql(s, 'select * from t')[1], '1')
        code, _, err = psql(s, 'copy t from stdin')
        assert '42501' in err, err


def test_wrong_credentials_are_refused_and_counted():
    with Server(config=USERS) as s:
        equal(sql(s, 'select 1', basic('reader', 'wrong'))[0], 401)
        equal(sql(s, 'select 1', basic('nobody', 'r-secret'))[0], 401)
        equal(sql(s, 'select 1', {'Authorization': 'Bearer nonsense'})[0], 401)
        code, _, err = psql(s, 'select 1', 'reader', 'wrong')
        assert code == 2 and 'password authentication failed for user "reader"' in err, err
        equal(metric(s, 'lumadb_logins_total{result="failed"}', READER), 4)
        assert metric(s, 'lumadb_logins_total{result="good"}', READER) >= 1


def test_failed_logins_ban_an_address_from_every_door():
    address = own_address()
    with wide(['--admission.failed_logins_max=3', '--admission.ban_time=3s']) as s:
        for _ in range(3):
            code, _, err = psql(s, 'select 1', 'reader', 'wrong', host=address)
            assert code, err
        for listener in ('http', 'prometheus', 'otlp.http', 'otlp.grpc', 'postgres'):
            with socket.create_connection((address, s.port(listener)), timeout=10) as c:
                equal(c.recv(100), b'', 'closed without a word')
        equal(sql(s, 'select 1', READER)[0], 200)  # loopback stays
        bans = json.loads(request(s, 'http', 'GET', '/api/v1/admin/bans', headers=BOSS)[2])['bans']
        equal([(b['address'], b['configured']) for b in bans], [(address, False)])
        equal(metric(s, 'lumadb_admission_bans_total', READER), 1)
        assert metric(s, 'lumadb_admission_refused_total{reason="banned"}', READER) >= 5
        eventually(lambda: sql(s, 'select 1', READER, host=address)[0] == 200)


def test_loopback_and_trusted_are_never_banned():
    address = own_address()
    with wide(['--admission.failed_logins_max=2', '--admission.trusted=' + address]) as s:
        for host in ('127.0.0.1', address):
            for _ in range(4):
                equal(sql(s, 'select 1', basic('reader', 'wrong'), host=host)[0], 401)
            equal(sql(s, 'select 1', READER, host=host)[0], 200)


def test_operators_ban_at_run_time():
    address = own_address()
    with wide() as s:
        def post(body):
            return request(s, 'http', 'POST', '/api/v1/admin/bans', json.dumps(body), {**BOSS, 'Content-Type': 'application/json'})
        equal(post({'address': '127.0.0.1'})[0], 400)
        equal(post({'address': 'nonsense'})[0], 400)
        equal(post({'address': address + '/32', 'seconds': 0})[0], 400)
        keep = http.client.HTTPConnection(address, s.port('http'), timeout=10)
        keep.request('POST', '/api/v1/sql', 'select 1', {'Content-Type': 'text/plain', **READER})
        equal(keep.getresponse().read()[:1], b'{')
        equal(post({'address': address, 'seconds': 60})[0], 200)
        keep.request('POST', '/api/v1/sql', 'select 1', {'Content-Type': 'text/plain', **READER})
        equal(keep.getresponse().status, 403, 'open connections notice')
        keep.close()
        with socket.create_connection((address, s.port('http')), timeout=10) as c:
            equal(c.recv(100), b'')
        equal(request(s, 'http', 'DELETE', '/api/v1/admin/bans?address=' + address, headers=BOSS)[0], 200)
        equal(request(s, 'http', 'DELETE', '/api/v1/admin/bans?address=' + address, headers=BOSS)[0], 404)
        equal(sql(s, 'select 1', READER, host=address)[0], 200)


def test_the_configuration_bans_ranges():
    address = own_address()
    with wide(['--admission.banned=192.0.2.0/24, ' + address.rsplit('.', 1)[0] + '.0/24']) as s:
        with socket.create_connection((address, s.port('postgres')), timeout=10) as c:
            equal(c.recv(100), b'')
        equal(sql(s, 'select 1', READER)[0], 200)


def test_queries_over_the_rate_are_refused_in_every_protocols_words():
    with Server('--admission.queries_per_second=1', '--admission.queries_burst=3', config=USERS) as s:
        statuses = [sql(s, 'select 1', READER) for _ in range(5)]
        equal([status for status, _, _ in statuses][:3], [200] * 3)
        status, headers, body = statuses[4]
        equal(status, 429)
        assert int(headers['Retry-After']) >= 1, headers
        status, headers, body = request(s, 'prometheus', 'GET', '/api/v1/query?query=1', headers=READER)
        equal((status, 'Retry-After' in headers), (429, True))
        # what known users write takes no token
        for _ in range(8):
            equal(remote_write(s, WRITER)[0], 204)
            equal(otlp(s, WRITER)[0], 200)
        assert metric_of(s, 'lumadb_admission_refused_total{reason="queries"}') >= 3
        equal(metric_of(s, 'lumadb_admission_limit{limit="queries_per_second"}'), 1)
    with Server('--admission.queries_per_second=1', '--admission.queries_burst=3') as s:
        w = Wire(s)
        answers = [w.query('select 1') for _ in range(5)]
        equal([types(a) for a in answers[:3]], ['TDCZ'] * 3)
        e = error(answers[4])
        equal((e['C'], e['M'], e['H'][:9]), ('53300', 'too many queries from this address', 'Try again'))
        # anonymous writes take one, too, and are refused as their senders retry
        status, headers, _ = remote_write(s, {})
        equal((status, 'Retry-After' in headers), (503, True))
        status, headers, _ = otlp(s, {})
        equal((status, 'Retry-After' in headers), (503, True))


def metric_of(server, name):
    """As metric, when the rate is low: asks until there is a token."""
    out = []

    def ask():
        status, _, body = request(server, 'prometheus', 'GET', '/metrics', headers=READER)
        out[:] = [float(line.split()[-1]) for line in body.decode().splitlines() if status == 200 and line.startswith(name + ' ')]
        return bool(out)
    eventually(ask)
    return out[0]


GRPC_CALL = '''
const grpc = require('@grpc/grpc-js');
const [port, headers] = [process.argv[1], JSON.parse(process.argv[2])];
const client = new grpc.Client('127.0.0.1:' + port, grpc.credentials.createInsecure());
const metadata = new grpc.Metadata();
for (const name in headers) metadata.set(name, headers[name]);
const answers = [];
for (let i = 0; i < 5; i++)
  client.makeUnaryRequest('/opentelemetry.proto.collector.logs.v1.LogsService/Export', x => x, x => x, Buffer.alloc(0), metadata,
    e => { const d = e && e.metadata.get('grpc-status-details-bin')[0];
           answers.push([e ? e.code : 0, d ? d.includes('google.rpc.RetryInfo') : false]);
           if (answers.length == 5) { console.log(JSON.stringify(answers)); client.close(); } });
'''


def test_grpc_metadata_carries_the_credentials():
    from clients import node

    def call(server, headers):
        """The different (code, is there RetryInfo) of five calls."""
        return {tuple(x) for x in json.loads(node(GRPC_CALL, server.port('otlp.grpc'), json.dumps(headers)))}
    with Server(config=USERS) as s:
        equal(call(s, {}), {(16, False)})  # UNAUTHENTICATED
        equal(call(s, {'authorization': basic('writer', 'wrong')['Authorization']}), {(16, False)})
        equal(call(s, {'authorization': READER['Authorization']}), {(7, False)})  # PERMISSION_DENIED
        equal(call(s, {'authorization': WRITER['Authorization']}), {(0, False)})
        equal(call(s, {'authorization': 'Bearer w-token'}), {(0, False)})
    with Server('--admission.queries_per_second=1', '--admission.queries_burst=1') as s:
        equal(call(s, {}), {(0, False), (14, True)})  # UNAVAILABLE: writes are sent again


def test_connections_are_counted_by_address_and_protocol():
    with Server('--admission.connections_per_address=4', '--postgres.connections_max=2') as s:
        first, second = Wire(s), Wire(s)
        third = socket.create_connection(('127.0.0.1', s.port('postgres')), timeout=10)
        body = third.recv(1000)
        assert b'53300' in body and b'sorry, too many clients already' in body, body
        third.close()
        held = [socket.create_connection(('127.0.0.1', s.port('http')), timeout=10) for _ in range(2)]
        over = socket.create_connection(('127.0.0.1', s.port('http')), timeout=10)
        answer = over.recv(1000)
        assert answer.startswith(b'HTTP/1.1 503 ') and b'Retry-After' in answer, answer
        over.close()
        for c in held:
            c.close()
        first.close(), second.close()
        eventually(lambda: sql(s, 'select 1')[0] == 200)


def test_reload_changes_users_and_limits():
    with Server(config=USERS) as s:
        with open(s.config, 'w', encoding='utf-8') as f:
            f.write(USERS.replace('r-secret', 'other').replace('    - {username: writer, password: w-secret, role: write, token: w-token}\n', '') +
                    'admission: {connections_per_address: 77}\n')
        s.process.send_signal(signal.SIGHUP)
        eventually(lambda: sql(s, 'select 1', basic('reader', 'other'))[0] == 200)
        equal(sql(s, 'select 1', READER)[0], 401)
        equal(sql(s, 'select 1', WRITER)[0], 401)
        equal(remote_write(s, {'Authorization': 'Bearer w-token'})[0], 401)
        equal(metric(s, 'lumadb_admission_limit{limit="connections_per_address"}', BOSS), 77)
        with open(s.config, 'w', encoding='utf-8') as f:
            f.write('auth: {users: [{username: x, password: y, role: king}]}\n')
        s.process.send_signal(signal.SIGHUP)
        eventually(lambda: 'reload refused' in s.log_text())
        equal(sql(s, 'select 1', basic('reader', 'other'))[0], 200)


def test_bad_settings_are_refused_with_their_place():
    for config, words in ((b'auth:\n  users:\n    - {username: x, password: y}\n', 'needs a role'),
                          (b'auth:\n  users:\n    - {username: x, passwort: y, role: read}\n', 'line 3, column 21: unknown key "passwort"'),
                          (b'admission: {banned: "1.2.3.4, nonsense"}\n', 'admission.banned: "nonsense"')):
        with tempfile.NamedTemporaryFile(suffix='.yaml') as f, tempfile.TemporaryDirectory() as d:
            f.write(config)
            f.flush()
            p = subprocess.run([BINARY, 'serve', '--config', f.name, '--data-dir', d + '/x', '--postgres.listen=off', '--prometheus.listen=off', '--http.listen=off',
                                '--otlp.grpc.listen=off', '--otlp.http.listen=off'], capture_output=True, text=True, timeout=20)
            assert p.returncode and words in p.stderr, (config, p.returncode, p.stderr)


def test_listening_widely_needs_users():
    for key in ('postgres.listen', 'prometheus.listen', 'http.listen', 'otlp.grpc.listen', 'otlp.http.listen'):
        try:
            with Server(f'--{key}=0.0.0.0:0') as s:
                raise AssertionError(f'{key} listens widely without users')
        except RuntimeError as e:
            assert 'auth.allow_anonymous' in str(e), e
    with Server('--http.listen=0.0.0.0:0', '--auth.allow_anonymous=true') as s:
        equal(sql(s, 'select 1', host=own_address())[0], 200)


def certificates(folder):
    """A CA, a server certificate and one client certificate for each name of a user."""
    def openssl(*args):
        subprocess.run(['openssl', *args], check=True, capture_output=True, cwd=folder)
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '1', '-subj', '/CN=test-ca')
    with open(folder + '/san', 'w', encoding='ascii') as f:
        f.write('subjectAltName=DNS:localhost,IP:127.0.0.1')
    for name in ('localhost', 'reader', 'stranger'):
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', name + '.key', '-out', name + '.csr', '-subj', '/CN=' + name)
        openssl('x509', '-req', '-in', name + '.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', name + '.pem', '-days', '1',
                *(['-extfile', 'san'] if name == 'localhost' else []))
        os.chmod(f'{folder}/{name}.key', 0o600)


def test_a_client_certificate_stands_for_the_user_it_names():
    with tempfile.TemporaryDirectory() as d:
        certificates(d)
        with Server(f'--tls.cert_file={d}/localhost.pem', f'--tls.key_file={d}/localhost.key', f'--tls.client_ca_file={d}/ca.pem', config=USERS) as s:
            def curl(name, *args):
                cert = ['--cert', f'{d}/{name}.pem', '--key', f'{d}/{name}.key'] if name else []
                p = subprocess.run(['curl', '-sS', '--cacert', d + '/ca.pem', *cert, '-o', '/dev/null', '-w', '%{http_code}', *args], capture_output=True, text=True, timeout=20)
                return p.stdout or p.stderr
            url = f'https://127.0.0.1:{s.port("http")}/api/v1/sql'
            equal(curl('reader', '-d', 'select 1', url), '200')
            equal(curl('reader', '-d', 'create table t (a int)', url), '403')
            equal(curl('stranger', '-d', 'select 1', url), '401')
            equal(curl(None, '-d', 'select 1', url), '401')

            def pg(name, user):
                return psql(s, 'select current_user', user, 'wrong', host='127.0.0.1', PGSSLMODE='require', PGSSLCERT=f'{d}/{name}.pem', PGSSLKEY=f'{d}/{name}.key')
            equal(pg('reader', 'reader')[:2], (0, 'reader'))
            assert pg('reader', 'boss')[0], 'a certificate of another user does not help'
            assert pg('stranger', 'stranger')[0]


def test_users_made_by_sql_log_in_with_their_password():
    with Server() as s:
        w = Wire(s)
        for statement in ("create user ann password 'sesame'", 'create role nologin_role', 'create table t (a int)'):
            equal(w.query(statement)[-2][0], b'C', statement)
        equal(psql(s, 'select current_user', 'ann', 'sesame')[:2], (0, 'ann'))
        assert 'password authentication failed for user "ann"' in psql(s, 'select 1', 'ann', 'wrong')[2]
        equal(sql(s, 'select 1', basic('ann', 'sesame'))[0], 200)
        equal(sql(s, 'select 1', basic('ann', 'wrong'))[0], 401)
        equal(types(w.query("alter user ann password 'other'")), 'CZ')
        assert psql(s, 'select 1', 'ann', 'sesame')[0] and not psql(s, 'select 1', 'ann', 'other')[0]
        equal(sql(s, 'select 1', basic('ann', 'sesame'))[0], 401, 'what was remembered is forgotten')
        told = json.loads(sql(s, "select object from audit_log where action like '% USER' order by ts")[2])['rows']
        equal(told, [['create user ann'], ['alter user ann']])


def test_who_makes_roles_makes_no_admins():
    with Server(config=USERS) as s:
        admin = basic('boss', 'b-secret')
        for statement in ("create user maker createrole password 'm'", "create user chief superuser password 'c'",
                          "create user clerk password 'd'", 'create table wages (a int)'):
            equal(sql(s, statement, admin)[0], 200, statement)
        for statement in ("create user evil superuser password 'e'", 'alter user maker superuser', "alter user chief password 'mine'",
                          'alter user clerk superuser', 'grant chief to maker', 'grant clerk to chief', 'drop user chief'):
            code, _, error = psql(s, statement, 'maker', 'm')
            assert code and '42501' in error, (statement, error)
        equal(psql(s, "create user temp password 't'; alter user temp password 'u'; grant clerk to temp", 'maker', 'm')[0], 0)
        assert '42501' in psql(s, 'alter user chief rename to nobody', 'writer', 'w-secret')[2]
        assert '42501' in psql(s, 'select * from wages', 'maker', 'm')[2]
        equal(psql(s, 'select 1', 'chief', 'c')[0], 0, 'it is as it was')


def test_a_statement_needs_the_grants_of_all_it_may_do():
    with Server(config=USERS) as s:
        admin = basic('boss', 'b-secret')
        for statement in ("create user clerk password 'd'", 'create table t (a int primary key, b int)', 'insert into t values (1, 1)',
                          'grant select, insert on t to clerk'):
            equal(sql(s, statement, admin)[0], 200, statement)
        merge = 'merge into t using (select 1 as a) s on t.a = s.a when matched then %s when not matched then insert values (s.a, 0)'
        upsert = 'insert into t values (1, 2) on conflict (a) do update set b = 2'
        for statement in (merge % 'update set b = 5', merge % 'delete', upsert):
            assert '42501' in psql(s, statement, 'clerk', 'd')[2], statement
        equal(psql(s, merge % 'do nothing', 'clerk', 'd')[0], 0)
        sql(s, 'grant update on t to clerk', admin)
        equal(psql(s, merge % 'update set b = 5', 'clerk', 'd')[0], 0)
        equal(psql(s, upsert, 'clerk', 'd')[0], 0)
        assert '42501' in psql(s, merge % 'delete', 'clerk', 'd')[2]


def test_the_audit_log_tells_who_did_what():
    with Server(config=USERS) as s:
        def records(where):
            status, _, body = sql(s, f'select user_name, address, protocol, action, object, outcome, detail from audit_log where {where} order by ts', BOSS)
            equal(status, 200, body)
            return [tuple(row) for row in json.loads(body)['rows']]
        sql(s, 'select 1', basic('reader', 'wrong'))
        psql(s, 'select 1', 'reader', 'wrong')
        psql(s, 'create table t (a int)', 'writer', 'w-secret')
        psql(s, 'insert into t values (1), (2)', 'writer', 'w-secret')
        psql(s, 'delete from t where a = 1', 'writer', 'w-secret')
        psql(s, 'drop table t', 'reader')
        psql(s, 'drop table t', 'writer', 'w-secret')
        psql(s, 'drop table t', 'writer', 'w-secret')
        request(s, 'http', 'POST', '/api/v1/admin/bans', json.dumps({'address': '192.0.2.1'}), {**BOSS, 'Content-Type': 'application/json'})
        s.process.send_signal(signal.SIGHUP)
        eventually(lambda: records("action = 'RELOAD'"))
        failed = records("action = 'LOGIN' and outcome = 'denied'")
        equal(sorted(r[:3] for r in failed), [('reader', '127.0.0.1', 'http'), ('reader', '127.0.0.1', 'postgres')])
        assert ('writer', '127.0.0.1', 'postgres', 'LOGIN', '', 'ok', '') in records("action = 'LOGIN'")
        equal(records("object like '%table t%' or action ilike 'delete'"), [
            ('writer', '127.0.0.1', 'postgres', 'CREATE TABLE', 'create table t (a int)', 'ok', 'CREATE TABLE'),
            ('writer', '127.0.0.1', 'postgres', 'DELETE', 'delete from t where a = 1', 'ok', 'DELETE 1'),
            ('reader', '127.0.0.1', 'postgres', 'DROP TABLE', 'drop table t', 'denied', 'permission denied: user "reader" may only read'),
            ('writer', '127.0.0.1', 'postgres', 'DROP TABLE', 'drop table t', 'ok', 'DROP TABLE'),
            ('writer', '127.0.0.1', 'postgres', 'DROP TABLE', 'drop table t', 'failed', 'table "t" does not exist')])
        equal(records("action = 'BAN'"), [('boss', '127.0.0.1', 'http', 'BAN', '192.0.2.1', 'ok', 'by an operator')])
        # only admins read it, and nobody writes it
        assert '42501' in psql(s, 'select * from audit_log')[2]
        for statement in ("insert into audit_log values (now(), '', '', '', '', '', '', '')", 'delete from audit_log', "update audit_log set detail = ''", 'truncate audit_log',
                          'copy audit_log from stdin', 'drop table audit_log', 'alter table audit_log drop column detail'):
            code, _, err = psql(s, statement, 'boss', 'b-secret')
            assert code, (statement, err)
        equal(request(s, 'http', 'POST', '/api/v1/ingest/audit_log', '{"action":"x"}\n', {**BOSS, 'Content-Type': 'application/x-ndjson'})[0], 403)
        denied = records("outcome = 'denied' and action not in ('LOGIN')")
        assert ('reader', 'select * from audit_log') in {(r[0], r[4]) for r in denied}, denied


if __name__ == '__main__':
    run_suite(globals())
