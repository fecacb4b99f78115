#!/usr/bin/env python3
"""LumaDB watches itself: own metrics, log lines and query spans are in its own tables by default."""
import json, os, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import Server, equal, run_suite

OWN = '--self.enabled=true'


def eventually(fn, seconds=15):
    until = time.time() + seconds
    while True:
        got = fn()
        if got or time.time() > until:
            return got
        time.sleep(0.1)


def test_log_lines_are_rows_of_logs():
    with Server(OWN, '--log.level=info') as s:
        rows = eventually(lambda: s.sql("select severity, severity_number, service, body, attributes, resource->>'service.name', "
                                        "time_unix_nano / 1000 = extract(epoch from ts) * 1000000 from logs where matches(body, "
                                        "'ready OR listening') order by ts limit 1"))
        assert rows, s.log_text()
        equal(rows[0][:3] + rows[0][5:], ['INFO', 9, 'lumadb', 'lumadb', True])
        assert isinstance(rows[0][4], dict)
        count = s.sql("select count(*) from logs where service = 'lumadb'")[0][0]
        equal(count <= s.log_text().count('\n'), True, 'no line is stored twice')


def spans(s, where):
    return s.sql("select name, status, status_message, attributes, duration_ns, length(trace_id), length(span_id), kind from traces "
                 f"where service = 'lumadb' and {where}")


def test_queries_are_spans_with_plan_and_times():
    with Server(OWN, '--self.slow_query=0s') as s:
        s.sql('create table t (a int)')
        s.sql('insert into t select i from generate_series(1, 1000) i')
        s.sql('select a % 10, count(*) from t where a > 5 group by 1')
        rows = eventually(lambda: spans(s, "attributes->>'db.query.text' like 'select a %'"))
        name, status, message, attributes, duration, trace, span, kind = rows[0]
        equal((name.upper(), status, message, trace, span, kind), ('SELECT', 'ok', None, 32, 16, 'server'))
        equal(attributes['db.response.returned_rows'], 10)
        equal((attributes['lumadb.language'], attributes['db.system.name']), ('sql', 'lumadb'))
        assert 'rows=' in attributes['lumadb.plan'] and 'Scan' in attributes['lumadb.plan'], attributes
        assert 0 <= attributes['lumadb.execute_ms'] <= duration / 1e6, attributes
        assert s.query('sum(up)') is not None
        rows = eventually(lambda: spans(s, "attributes->>'lumadb.language' = 'promql'"))
        equal((rows[0][0], rows[0][3]['db.query.text']), ('query', 'sum(up)'))


def test_failures_leave_a_span_and_passwords_do_not():
    with Server(OWN, '--self.slow_query=1h', '--self.traces_per_second=0') as s:
        for text in ('select 1', 'select 1 / 0', "create role x password 'hidden' nonsense"):
            try:
                s.sql(text)
            except RuntimeError:
                pass
        rows = eventually(lambda: spans(s, "status = 'error'"))
        equal([(r[2], r[3]['db.response.status_code']) for r in rows if 'division' in r[2]], [('division by zero', '22012')])
        time.sleep(1)
        equal(spans(s, "status <> 'error'"), [])
        assert 'hidden' not in json.dumps(s.sql('select attributes from traces'))


def test_nothing_is_stored_when_it_is_off():
    with Server('--log.level=info') as s:
        s.sql('select 1')
        time.sleep(1.5)
        equal(s.sql('select (select count(*) from logs), (select count(*) from traces), (select count(*) from metrics)'), [[0, 0, 0]])


def test_a_restart_keeps_what_was_written():
    with Server(OWN, '--self.slow_query=0s') as s:
        s.sql('select 42')
        assert eventually(lambda: spans(s, "attributes->>'db.query.text' = 'select 42'"))
        s.stop()
        s.start()
        equal(len(spans(s, "attributes->>'db.query.text' = 'select 42'")), 1)


if __name__ == '__main__':
    run_suite(globals())
