#!/usr/bin/env python3
"""Conditions that the indexes of logs answer give what the same conditions give where no index can help."""
import os, re, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
from luma import Server, equal, run_suite

ROWS = '''insert into logs (ts, time_unix_nano, severity, service, body, attributes, trace_id)
select timestamptz '2026-01-01 00:00:00Z' + i * interval '1 ms', 0, case i % 6 when 5 then 'ERROR' else 'INFO' end, 'service-' || i % 50,
case i % 8 when 0 then 'GET /api/v1/users/' || i * 7919::bigint % 100000 || '/orders took ' || i % 900 || ' ms'
when 1 then 'connection to replica db-' || i / 8 % 40 || '.internal refused, retry ' || i / 64 % 5 || ' of 5'
when 2 then 'cache miss for key session:' || to_hex(i * 7919::bigint) when 3 then 'Größe ' || i || ' ÄRGER' when 4 then null
when 5 then repeat('x', 50 + i % 40) || i when 6 then 'a_b-c%d ' || i else 'worker ' || i % 64 || ' picked job ' || i end,
('{"status": ' || case i % 50 when 7 then 503 else 200 end || ', "user": "u' || i % 5000 || '", "k": "v ' || i % 70 || '", "deep": [1, {"q": "é' || i || '"}]}')::jsonb,
lpad(to_hex(case when i < 50000 then i / 3 else i / 20 end), 32, '0') from generate_series(1, 100000) i'''

LIKE = ['%retry 3%', '%ache%', '%0 ms%', 'worker 1%', '%fused, r%', '%öße 1%', '%xxx19%', '%a\\_b%', '%_b-c\\%d 7%', 'Gr__e 1% ÄRGER',
        '%x199%', '%db-7._nternal%', '%-%', '%', 'nothing']
ILIKE = ['%RETRY 3%', '%größe 1%', '%ärger', '%XXX19%', '%İ%', '%REPLICA DB%']
MATCHES = ['retry', '"retry 3 of"', 'NOT worker', 'größe -16', 'ÄRG*', 'x*', '"db 7"', 'session*', 'worker:7',
           '(cache OR connection) NOT "retry 3"', 'a_b']
MEMBERS = ['status:503', 'k:"v 7"', 'deep', 'user:u7*', 'NOT k', 'deep.q:é16', 'deep:1']


def conditions():
    """Pairs: one an index can answer, one it cannot."""
    for text in LIKE:
        yield f"body like '{text}'", f"(body || '') like '{text}'"
    for text in ILIKE:
        yield f"body ilike '{text}'", f"(body || '') ilike '{text}'"
    for text in MATCHES:
        yield f"matches(body, '{text}')", f"matches(body || '', '{text}')"
    for text in MEMBERS:
        yield f"matches(attributes, '{text}')", f"matches((attributes::text)::jsonb, '{text}')"
    for name, value in (('user', 'u77'), ('status', '503'), ('k', 'v 7'), ('none', 'x')):
        yield f"attributes->>'{name}' = '{value}'", f"(attributes->>'{name}') || '' = '{value}'"
    for text in ('{"user": "u77"}', '{"status": 503}', '{"k": "v 7"}', '{"deep": [{"q": "é16"}]}'):
        yield f"attributes @> '{text}'", f"(attributes::text)::jsonb @> '{text}'"
    for number in (777, 3333, 99999):
        yield f"trace_id = lpad(to_hex({number}), 32, '0')", f"trace_id || '' = lpad(to_hex({number}), 32, '0')"
    yield "body = 'a_b-c%d 14'", "body || '' = 'a_b-c%d 14'"
    yield "service = 'service-7' and severity = 'ERROR'", "service || '' = 'service-7' and severity || '' = 'ERROR'"


def test_conditions_give_what_they_give_without_an_index():
    with Server() as s:
        s.sql(ROWS)
        some = 0
        for indexed, plain in conditions():
            got = s.sql('select count(*), min(ts), max(ts) from logs where ' + indexed)
            equal(got, s.sql('select count(*), min(ts), max(ts) from logs where ' + plain), indexed)
            some += got[0][0] > 0
        assert some > 40, some


def test_the_newest_are_the_newest():
    with Server() as s:
        s.sql(ROWS)
        for where, limit in (("matches(body, 'refused')", 50), ("severity = 'ERROR'", 5000), ('true', 100)):
            for direction in ('desc', 'asc'):
                equal(s.sql(f'select ts from logs where {where} order by ts {direction} limit {limit} offset 3'),
                      s.sql(f"select ts from logs where {where} order by ts + interval '0' {direction} limit {limit} offset 3"))


def test_indexes_are_there_after_a_restart():
    with Server() as s:
        s.sql(ROWS)
        ask = """select count(*) from logs where matches(body, '"retry 3 of"')"""
        before = s.sql(ask)
        s.stop()
        s.start()
        equal(s.sql(ask), before)
        plan = '\n'.join(row[0] for row in s.sql('explain analyze ' + ask))
        assert re.search(r'Index Cond: matches\(body.*Scanned: segments=[^\n]* index', plan, re.S), plan


if __name__ == '__main__':
    run_suite(globals())
