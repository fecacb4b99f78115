#!/usr/bin/env python3
"""POST /api/v1/sql in all four formats, its errors, and large answers; Arrow is read by apache-arrow."""
import csv, io, json, os, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from clients import node
from luma import Server, equal, run_suite

SETUP = """
create table t (a int, b text, c float8, d bool, e timestamptz, f jsonb, g numeric);
insert into t values (1, 'x,"y', 1.5, true, '2026-01-02 03:04:05.678+00', '{"k": [1, null]}', 12345678901234567890.5),
                     (2, '', 'NaN', false, null, 'null', null), (3, null, '-Infinity', null, null, null, 0.10)
"""


def post(s, text, accept=None, **headers):
    return s.request('POST', '/api/v1/sql', text.encode(), {**({'Accept': accept} if accept else {}), **headers}, 'http')


def setup(s):
    for statement in SETUP.split(';'):
        status, _, body = post(s, statement)
        equal(status, 200, body)


def test_json_keeps_types_and_nulls():
    with Server() as s:
        setup(s)
        status, headers, body = post(s, 'select * from t order by a')
        equal((status, headers['content-type']), (200, 'application/json'))
        answer = json.loads(body)
        equal([c['name'] for c in answer['columns']], list('abcdefg'))
        equal([c['type'] for c in answer['columns']],
              ['integer', 'text', 'double precision', 'boolean', 'timestamp with time zone', 'jsonb', 'numeric'])
        equal(answer['rows'][0][:6], [1, 'x,"y', 1.5, True, '2026-01-02 03:04:05.678+00', {'k': [1, None]}])
        assert b'12345678901234567890.5' in body
        equal(answer['rows'][1], [2, '', 'NaN', False, None, None, None])
        equal(answer['rows'][2][2], '-Infinity')
        equal(answer['tag'], 'SELECT 3')


def test_csv_and_ndjson():
    with Server() as s:
        setup(s)
        _, headers, body = post(s, 'select a, b, c from t order by a', 'text/csv')
        assert headers['content-type'].startswith('text/csv')
        equal(body.decode(), 'a,b,c\r\n1,"x,""y",1.5\r\n2,"",NaN\r\n3,,-Infinity\r\n')
        equal(list(csv.reader(io.StringIO(body.decode())))[1], ['1', 'x,"y', '1.5'])
        _, _, body = post(s, 'select a, b, f from t order by a', 'application/x-ndjson')
        equal([json.loads(x) for x in body.decode().splitlines()],
              [{'a': 1, 'b': 'x,"y', 'f': {'k': [1, None]}}, {'a': 2, 'b': '', 'f': None}, {'a': 3, 'b': None, 'f': None}])


def test_arrow_stream_is_read_by_apache_arrow():
    with Server() as s:
        setup(s)
        status, headers, body = post(s, 'select a, b, c, d, e, g, a::bigint * 5000000000 as big, a::smallint as small, '
                                     "'00112233-4455-6677-8899-aabbccddeeff'::uuid as u, date '2026-01-02' as day "
                                     'from t order by a', 'application/vnd.apache.arrow.stream')
        equal((status, headers['content-type']), (200, 'application/vnd.apache.arrow.stream'))
        with tempfile.NamedTemporaryFile(suffix='.arrows') as f:
            f.write(body)
            f.flush()
            out = node('''
                const {tableFromIPC} = require("apache-arrow"), fs = require("fs");
                const t = tableFromIPC(fs.readFileSync(process.argv[1]));
                const rows = t.toArray().map(r => t.schema.fields.map(f => {
                    const v = r[f.name];
                    return v === null ? null : typeof v === "bigint" ? String(v)
                        : v instanceof Uint8Array ? Buffer.from(v).toString("hex") : v instanceof Date ? +v
                        : Number.isNaN(v) ? "NaN" : v === -Infinity ? "-inf" : v;
                }));
                console.log(JSON.stringify({types: t.schema.fields.map(f => String(f.type)), rows}));''', f.name)
        got = json.loads(out)
        equal(got['types'], ['Int32', 'Utf8', 'Float64', 'Bool', 'Timestamp<MICROSECOND, UTC>', 'Utf8', 'Int64', 'Int16',
                             'FixedSizeBinary[16]', 'Date32<DAY>'])
        equal(got['rows'][0][:4], [1, 'x,"y', 1.5, True])
        equal(got['rows'][0][5:9], ['12345678901234567890.5', '5000000000', 1, '00112233445566778899aabbccddeeff'])
        equal(abs(got['rows'][0][4] - 1767323045678) < 1, True, 'timestamp in ms')
        equal(got['rows'][1][:5], [2, '', 'NaN', False, None])
        equal(got['rows'][2][1:4], [None, '-inf', None])


def test_parameters_and_several_statements():
    with Server() as s:
        equal(s.sql('select $1::int + 1, $2::text', ['41', 'it''s']), [[42, "its"]])
        status, _, body = post(s, 'create table m (a int); insert into m values (1), (2); select sum(a) from m')
        equal(status, 200, body)
        equal(json.loads(body)['rows'], [[3]])


def test_errors_carry_sqlstate_and_position():
    cases = [('select 1 from nowhere', 400, '42P01', 15), ('selec 1', 400, '42601', 1), ('select 1/0', 400, '22012', None),
             ('select x', 400, '42703', 8), ('', 400, None, None)]
    with Server() as s:
        for text, status, state, position in cases:
            got, headers, body = post(s, text)
            answer = json.loads(body)
            equal((got, answer['status'], answer.get('sqlstate')), (status, status, state or answer.get('sqlstate')), text)
            if position:
                equal(answer.get('position'), position, text)
            assert answer['error'], text


def test_a_large_answer_streams_and_compresses():
    with Server() as s:
        status, headers, body = post(s, "select i, 'row number ' || i as t from generate_series(1, 200000) i", 'text/csv')
        equal(status, 200)
        equal(headers.get('transfer-encoding'), 'chunked')
        equal(body.count(b'\r\n'), 200001)
        out = subprocess.run(['curl', '-sS', '--compressed', '-H', 'Accept: text/csv', '--data-binary',
                              "select i, 'row number ' || i as t from generate_series(1, 200000) i",
                              f'http://127.0.0.1:{s.port("http")}/api/v1/sql'], capture_output=True)
        equal(out.stdout == body, True, 'curl --compressed sees the same')


if __name__ == '__main__':
    run_suite(globals())
