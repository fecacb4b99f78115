#!/usr/bin/env python3
"""POST /api/v1/ingest/{table}: NDJSON, JSON, CSV and Arrow streams written by apache-arrow; errors store nothing."""
import json, os, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from clients import node
from luma import Server, equal, run_suite

TABLE = ("create table t (a int primary key, b text default 'dflt', c float8, d jsonb, e text[], "
         "ts timestamptz default '2026-01-01 00:00:00+00')")


def ingest(s, body, kind='application/x-ndjson', table='t'):
    body = body.encode() if isinstance(body, str) else body
    status, _, answer = s.request('POST', '/api/v1/ingest/' + table, body, {'Content-Type': kind}, 'http')
    return status, json.loads(answer)


def test_ndjson_reads_every_kind_of_value():
    with Server() as s:
        s.sql(TABLE)
        equal(ingest(s, '{"a":1,"b":"x\\ty\\\\z\\n","c":1.5,"d":{"k":[1,2]},"e":["p","q,\\"r\\"",null]}\n'
                        '\n{"a":2}\r\n{"a":3,"b":null,"c":"NaN","d":"text"}\n'), (200, {'table': 'public.t', 'rows': 3}))
        equal(ingest(s, '[{"a":10,"e":[["1"],["2"]]},{"a":11,"c":1e3}]', 'application/json')[1]['rows'], 2)
        equal(s.sql('select a, b, c, d, e::text, ts::text from t order by a'),
              [[1, 'x\ty\\z\n', 1.5, {'k': [1, 2]}, '{p,"q,\\"r\\"",NULL}', '2026-01-01 00:00:00+00'],
               [2, 'dflt', None, None, None, '2026-01-01 00:00:00+00'],
               [3, None, 'NaN', 'text', None, '2026-01-01 00:00:00+00'],
               [10, 'dflt', None, None, '{{1},{2}}', '2026-01-01 00:00:00+00'],
               [11, 'dflt', 1000, None, None, '2026-01-01 00:00:00+00']])


def test_a_refused_body_stores_nothing_and_names_the_line():
    with Server() as s:
        s.sql(TABLE)
        s.sql('insert into t (a) values (1)')
        for body, said, state in [('{"a":20}\n\n{"a":"zz"}', 'line 3: invalid input syntax for type integer: "zz"', '22P02'),
                                  ('{"a":20}\n{"q":1}', 'line 2: column "q" of relation "t" does not exist', '42703'),
                                  ('{"a":20}\n{"a":', 'line 2: not JSON', None),
                                  ('{"a":20}\n[1]', 'line 2: a row is a JSON object', '22P02'),
                                  ('{"a":20}\n{"a":1,"b":"x"}', 'duplicate key', '23505'),
                                  ('{"a":20}\n{"b":"x"}', 'line 2: null value in column "a"', '23502')]:
            status, answer = ingest(s, body)
            equal(status, 400, answer)
            assert said in answer['error'], answer
            equal(answer.get('sqlstate'), state, answer)
        equal(ingest(s, '{"a":1}', table='nope')[0], 404)
        equal(ingest(s, 'a', 'text/plain')[0], 415)
        equal(s.sql('select a from t'), [[1]])


def test_csv_names_its_columns():
    with Server() as s:
        s.sql(TABLE)
        equal(ingest(s, 'b,"a"\r\n"x,""y",30\r\n,31\r\n', 'text/csv')[1], {'table': 'public.t', 'rows': 2})
        equal(s.sql('select a, b from t order by a'), [[30, 'x,"y'], [31, None]])
        status, answer = ingest(s, 'a,nope\n1,2\n', 'text/csv; charset=utf-8')
        equal((status, answer['sqlstate']), (400, '42703'))
        status, answer = ingest(s, 'a,b\n40,x\n41\n', 'text/csv')
        equal((status, answer['sqlstate']), (400, '22P04'))
        assert 'line 3' in answer['context'], answer
        equal(ingest(s, '', 'text/csv')[0], 400)
        equal(s.sql('select count(*) from t'), [[2]])


def test_schema_qualified_and_built_in_tables():
    with Server() as s:
        s.sql('create schema app')
        s.sql('create table app."odd ""name" (a int)')
        equal(ingest(s, '{"a":1}', table='app.odd%20%22name')[0], 200)
        equal(s.sql('select a from app."odd ""name"'), [[1]])
        equal(ingest(s, '{"ts":"2026-01-01T00:00:00Z","time_unix_nano":1,"body":"hi there"}', table='logs')[0], 200)
        equal(s.sql('select body from logs'), [['hi there']])


ARROW = '''
const arrow = require("apache-arrow"), fs = require("fs");
const {vectorFromArray: v} = arrow;
const list = new arrow.List(new arrow.Field("item", new arrow.Utf8()));
const t = new arrow.Table({
    i8: v([1, null, -3], new arrow.Int8()), u32: v([1, 4294967295, 3], new arrow.Uint32()),
    u64: v([1n, 18446744073709551615n, null], new arrow.Uint64()), i64: v([1n, -9007199254740993n, 3n], new arrow.Int64()),
    f32: v([1.5, null, -0.25], new arrow.Float32()), f64: v([0.1, NaN, -Infinity], new arrow.Float64()),
    b: v([true, false, null], new arrow.Bool()), s: v(["x", "tab\\t\\\\", null], new arrow.Utf8()),
    dict: v(["one", "two", "one"], new arrow.Dictionary(new arrow.Utf8(), new arrow.Int16())),
    bin: v([new Uint8Array([1, 2]), null, new Uint8Array([])], new arrow.Binary()),
    day: v([new Date("2026-01-02"), null, new Date("1969-12-31")], new arrow.DateDay()),
    ts: v([1767323045678, null, -1], new arrow.TimestampMillisecond("UTC")),
    l: v([["a", 'q"'], [], null], list),
});
fs.writeFileSync(process.argv[1], arrow.tableToIPC(t, "stream"));'''


def test_arrow_stream_of_apache_arrow():
    with Server() as s, tempfile.TemporaryDirectory() as d:
        s.sql('create table a (i8 int2, u32 int8, u64 numeric, i64 int8, f32 float4, f64 float8, b bool, s text, dict text, '
              'bin bytea, day date, ts timestamptz, l text[])')
        node(ARROW, d + '/t.arrows')
        with open(d + '/t.arrows', 'rb') as f:
            stream = f.read()
        kind = 'application/vnd.apache.arrow.stream'
        equal(ingest(s, stream, kind, 'a'), (200, {'table': 'public.a', 'rows': 3}))
        equal(s.sql('select i8, u32, u64::text, i64::text, f32, f64, b, s, dict, bin::text, day::text, ts::text, l::text from a'),
              [[1, 1, '1', '1', 1.5, 0.1, True, 'x', 'one', '\\x0102', '2026-01-02', '2026-01-02 03:04:05.678+00', '{a,"q\\""}'],
               [None, 4294967295, '18446744073709551615', '-9007199254740993', None, 'NaN', False, 'tab\t\\', 'two', None, None,
                None, '{}'],
               [-3, 3, None, '3', -0.25, '-Infinity', None, None, 'one', '\\x', '1969-12-31', '1969-12-31 23:59:59.999+00', None]])
        status, answer = ingest(s, stream[:len(stream) // 2], kind, 'a')
        equal(status, 400, answer)
        equal(ingest(s, b'no arrow', kind, 'a')[0], 400)
        equal(s.sql('select count(*) from a'), [[3]])


def peak_mib(server):
    with open(f'/proc/{server.process.pid}/status') as f:
        return next(int(line.split()[1]) // 1024 for line in f if line.startswith('VmHWM'))


NULLS = '''
const arrow = require("apache-arrow"), fs = require("fs");
const nulls = arrow.makeVector(arrow.makeData({type: new arrow.Null(), length: 1 << 24}));
fs.writeFileSync(process.argv[1], arrow.tableToIPC(new arrow.Table({a: nulls, b: nulls, c: nulls, d: nulls}), "stream"));'''


def test_a_small_stream_of_many_rows_is_within_the_memory_of_queries():
    with Server('--memory.queries_bytes=64MiB', '--query.bytes_max=32MiB') as s, tempfile.TemporaryDirectory() as d:
        s.sql('create table a (a text, b text, c text, d text)')
        node(NULLS, d + '/t.arrows')
        with open(d + '/t.arrows', 'rb') as f:
            stream = f.read()
        assert len(stream) < 4096
        before = peak_mib(s)
        status, answer = ingest(s, stream, 'application/vnd.apache.arrow.stream', 'a')
        assert peak_mib(s) - before < 400, peak_mib(s)
        assert status in (422, 429, 500, 503) and answer['sqlstate'] == '53200', (status, answer)
        equal(s.sql('select count(*) from a'), [[0]])


if __name__ == '__main__':
    run_suite(globals())
