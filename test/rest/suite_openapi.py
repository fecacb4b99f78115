#!/usr/bin/env python3
"""The OpenAPI document against the server: every path answers as it says, and every route is in it."""
import glob, http.client, json, os, re, sys, urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import ROOT, Server, equal, run_suite

TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
JSON = 'application/json'


def document(s):
    status, headers, body = s.request('GET', '/api/v1/openapi.json', listener='http')
    equal((status, headers['content-type']), (200, JSON))
    return json.loads(body)


def resolve(doc, node):
    while '$ref' in node:
        at = doc
        for part in node['$ref'].removeprefix('#/').split('/'):
            at = at[part]
        node = at
    return node


KINDS = {'object': dict, 'array': list, 'string': str, 'boolean': bool}


def check(doc, schema, value, at='$'):
    """A value against the part of JSON Schema that the document uses."""
    schema = resolve(doc, schema)
    if value is None:
        assert schema.get('nullable') or not schema.get('type'), f'{at} is null'
        return
    kind = schema.get('type')
    if kind == 'integer':
        assert isinstance(value, int) and not isinstance(value, bool), f'{at} is no integer: {value!r}'
    elif kind:
        assert isinstance(value, KINDS[kind]), f'{at} is no {kind}: {value!r}'
    assert value in schema.get('enum', [value]), f'{at}: {value!r} is not in the enum'
    for name in schema.get('required', []):
        assert name in value, f'{at} lacks {name}'
    if kind == 'object' and 'properties' in schema:
        for name, v in value.items():
            assert name in schema['properties'], f'{at}.{name} is not in the document'
            check(doc, schema['properties'][name], v, f'{at}.{name}')
    if kind == 'array':
        for i, v in enumerate(value):
            check(doc, schema.get('items', {}), v, f'{at}[{i}]')


def fill(s):
    s.sql("insert into logs (ts, time_unix_nano, severity, severity_number, service, body, attributes) values "
          "(now(), 1, 'ERROR', 17, 'checkout', 'timeout', '{\"a\": 1}')")
    s.sql("insert into traces (ts, start_unix_nano, trace_id, span_id, name, attributes, events) values "
          f"(now(), 1, '{TRACE}', '00f067aa0ba902b7', 'GET /', '{{}}', '[]')")
    s.sql('create view v as select 1 as one')


def call(s, doc, path, method, operation, kind=None, body=None, accept=None, leave_out=()):
    params = [resolve(doc, p) for p in operation.get('parameters', []) if p['name'] not in leave_out]
    for p in params:
        if p['in'] == 'path':
            path = path.replace('{%s}' % p['name'], urllib.parse.quote(str(p['example']), safe=''))
    query = {p['name']: p['example'] for p in params if p['in'] == 'query' and 'example' in p}
    target = path + ('?' + urllib.parse.urlencode(query) if query else '')
    headers = {**({'Content-Type': kind} if kind else {}), **({'Accept': accept} if accept else {})}
    return s.request(method.upper(), target, body, headers, 'http')


def judge(doc, operation, answer, want=None):
    """The answer's status, type and body are documented."""
    status, headers, body = answer
    if want:
        equal(status, want, body[:300])
    responses = operation['responses']
    assert str(status) in responses, f'{status} is not documented: {body[:300]}'
    content = resolve(doc, responses[str(status)])['content']
    kind = headers['content-type'].split(';')[0]
    assert kind in content, f'{kind} is not documented for {status}'
    if kind == JSON:
        check(doc, content[kind]['schema'], json.loads(body))


def operations(doc):
    for path, item in doc['paths'].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_operation_answers_as_documented():
    with Server() as s:
        doc = document(s)
        fill(s)
        for path, method, operation in operations(doc):
            if path.endswith('/tail'):
                continue
            bodies = operation.get('requestBody', {}).get('content', {})
            requests = [(kind, json.dumps(c['example'])) for kind, c in bodies.items() if 'example' in c] or [(None, None)]
            for kind, body in requests:
                judge(doc, operation, call(s, doc, path, method, operation, kind, body), 200)
            formats = resolve(doc, operation['responses']['200'])['content']
            for accept in formats:
                if len(formats) > 1 and accept != 'application/x-protobuf':
                    judge(doc, operation, call(s, doc, path, method, operation, *requests[0], accept=accept), 200)


def test_errors_are_as_documented():
    with Server() as s:
        doc = document(s)
        for path, method, body, kind, status in [
                ('/api/v1/sql', 'post', 'select nope', 'text/plain', 400), ('/api/v1/sql', 'post', '{}', JSON, 400),
                ('/api/v1/sql', 'post', "copy logs to '/etc/x'", 'text/plain', None),
                ('/api/v1/ingest/{table}', 'post', '{"nope":1}', JSON, 400), ('/api/v1/ingest/{table}', 'post', '', 'text/plain', 415),
                ('/v1/logs', 'post', '{', JSON, 400)]:
            operation = doc['paths'][path][method]
            judge(doc, operation, call(s, doc, path, method, operation, kind, body), status)
        for target, path, status in [('/api/v1/logs?limit=0', '/api/v1/logs', 400), ('/api/v1/logs?severity=loud', '/api/v1/logs', 400),
                                     ('/api/v1/logs?query=(', '/api/v1/logs', 400), ('/api/v1/logs?start=noon', '/api/v1/logs', 400),
                                     ('/api/v1/logs/tail?severity=loud', '/api/v1/logs/tail', 400),
                                     ('/api/v1/logs/tail?query=(', '/api/v1/logs/tail', 400),
                                     ('/api/v1/traces/xyz', '/api/v1/traces/{id}', 400),
                                     ('/api/v1/traces/' + '0' * 32, '/api/v1/traces/{id}', 404),
                                     ('/api/v1/tables/nope', '/api/v1/tables/{table}', 404)]:
            judge(doc, doc['paths'][path]['get'], s.request('GET', target, listener='http'), status)


def test_methods_are_those_documented():
    with Server() as s:
        doc = document(s)
        for path, item in doc['paths'].items():
            target = path.replace('{table}', 'logs').replace('{id}', TRACE)
            status, headers, _ = s.request('OPTIONS', target, listener='http')
            allowed = {m.strip().lower() for m in headers['allow'].split(',')} - {'options', 'head'}
            equal(allowed, set(item), path)


def test_every_route_is_documented():
    with Server() as s:
        paths = set(document(s)['paths'])
    for source in glob.glob(os.path.join(ROOT, 'src/net/rest/*.c')):
        with open(source) as f:
            for pattern in re.findall(r'"(/(?:api|v1|-)/[^"?]*)"', f.read()):
                assert pattern in paths, f'{os.path.basename(source)}: {pattern} is not in openapi.json'


def test_live_tail_yields_rows_as_documented():
    with Server() as s:
        doc = document(s)
        c = http.client.HTTPConnection('127.0.0.1', s.port('http'), timeout=10)
        c.request('GET', '/api/v1/logs/tail?query=hello&severity=warn')
        r = c.getresponse()
        equal((r.status, r.getheader('content-type')), (200, 'text/event-stream'))
        assert r.readline().startswith(b':')
        for i in range(3):
            s.sql(f"insert into logs (ts, time_unix_nano, severity_number, body) values (now(), {i}, 17, 'hello'), "
                  f"(now(), {i}, 9, 'hello'), (now(), {i}, 17, 'other')")
        got = []
        while len(got) < 3:
            line = r.readline()
            assert line, 'the stream ended'
            if line.startswith(b'data: '):
                got.append(json.loads(line[6:]))
        equal([(x['time_unix_nano'], x['severity_number'], x['body']) for x in got], [(i, 17, 'hello') for i in range(3)])
        for row in got:
            check(doc, {'$ref': '#/components/schemas/Log'}, row)
        c.close()


if __name__ == '__main__':
    run_suite(globals())
