#!/usr/bin/env python3
"""What PostgreSQL 15 itself prints for many values: the judge of src/format/pgtype.

    pgtype_cases.py fixed  > pgtype.tsv      the committed table, from a PostgreSQL 15 started for it
    pgtype_cases.py random SEED COUNT > file  as many random cases (make nightly)

Lines: area, operation, settings, three arguments, expected text; fields are tab-separated with \\t \\n \\\\
escapes. An error is "!SQLSTATE message". build/pgtype_golden_test FILE checks a table.
"""
import os, pwd, random, shutil, subprocess, sys, tempfile

import psycopg2

BIN = '/usr/lib/postgresql/15/bin'
ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia']
STYLES = ['ISO, MDY', 'ISO, DMY', 'ISO, YMD', 'SQL, MDY', 'SQL, DMY', 'Postgres, MDY', 'Postgres, DMY', 'German, DMY']
INTERVAL_STYLES = ['postgres', 'postgres_verbose', 'sql_standard', 'iso_8601']

DATES = '''1999-01-08|January 8, 1999|1/8/1999|1/18/1999|01/02/03|1999-Jan-08|Jan-08-1999|08-Jan-1999|99-Jan-08|08-Jan-99
19990108|990108|1999.008|J2451187|January 8, 99 BC|infinity|-infinity|2024-02-30|2024-13-01|abc||epoch|0001-01-01|0000-01-01
5874897-12-31|5874898-01-01|4714-11-24 BC|4714-11-23 BC|8.1.1999|2024-02-29|2023-02-29|Thursday January 8 1999|1999 Jan 8
8 Jan 1999|1999-1-8|1999/1/8|12-31-1999|31-12-1999|19991|2024-01-01 12:00|  2024-01-01  |1999 008|10000-01-01|99990101'''
TIMESTAMPS = '''2024-01-02 03:04:05|2024-01-02T03:04:05|20240102T030405|20240102 030405|2024-01-02 03:04:05.123456789|2024-01-02 03:04
2024-01-02 24:00:00|2024-01-02 24:00:01|2024-01-02 3:04 PM|2024-01-02 13:04 PM|2024-01-02 12:04 AM|2024-01-02 03:04:60|2024-01-02 03:61
2024-01-02 03:04:05+02|2024-01-02 03:04:05 +02:30|2024-01-02 03:04:05-0730|2024-01-02 03:04:05Z|2024-01-02 03:04:05 UTC
2024-01-02 03:04:05 PST|2024-07-02 03:04:05 America/New_York|2024-07-02 03:04:05 europe/berlin|2024-07-02 03:04:05 Foo/Bar
2024-07-02 03:04:05 EST5EDT|2024-07-02 03:04:05 MSK|2010-07-02 03:04:05 MSK|2024-03-31 02:30:00|2024-10-27 02:30:00
2024-10-27 02:30:00 CET|2024-03-10 02:30:00|2024-11-03 01:30:00|1900-01-01 00:00|1850-06-01 12:00|2050-07-01 12:00|2300-01-15 00:00
0044-03-15 12:00 BC|4714-11-24 00:00 BC|epoch|infinity|-infinity|2024-01-02|Jan 2 03:04:05 2024|Tue Jan 02 03:04:05 2024 PST
Jan 2, 2024 3:04:05.5 pm|2024-12-31 23:59:59.9999999|2024.01.02 03:04:05|x|2024-01-02 allballs|allballs 2024-01-02
03:04:05 2024-01-02|2024-01-02 03:04:05 +16|2024-01-02 03:04:05 +15:59:59|2024-07-02 10:00 met dst|J2451187.5
2024-01-02 at 03:04|2024-01-02 2024-01-03|2024-01-02 03:04:05 CEST|1997-01-02 03:04:05.000001-08|2024-01-02 1:2:3'''
TIMES = '''03:04:05|030405|0304|3:04|3:04 pm|12:00 am|24:00:00|24:00:01|03:04:05.1234567|allballs|03:04:05+02|03:04:05 PST
2024-07-01 03:04:05 America/New_York|03:04:05 America/New_York|T030405|x||25:00|03:60|040506.789|040506+08|040506-08|04:05 PM|2024-01-01
03:04:05 UTC|04:05:06-8:30|23:59:60|12:34:56.999999999'''
INTERVALS = '''1 day|1 year 2 months 3 days 4 hours 5 minutes 6.7 seconds|1-2|1-2 3 4:05:06|-1-2 +3 -4:05:06|P1Y2M3DT4H5M6S|P1Y2M|PT1.5S
PT-1.5S|P0001-02-03T04:05:06|1.5 days|1.5 months|1.5 years|1.5 weeks|0.1 months|1 decade|1 century|1 millennium|3 hours ago|1 day -3 hours
1 day -3 hours ago|@ 1 minute|1:2:3|1:2|1:2.5|12.5|1 week 2||x|1 foo|-1 day|1 mon -1 day|2000000000 years|9999999999 days|1 us|1.5 ms
-00:00:01|1 day 25:00:00|100:00:00|1 hour 1 hour|3 days 04:05|3 04:05|P1W|P|PT|1y2mon3d4h5m6s|1 minute 2 hour|+1 -2:03|0.5 sec ago|-0.5
1 quarter|-1 year -2 mons +3 days|1.2345678 sec|5 sec 5 ms|P1.5Y|PT1H1.5M|P-1Y-2M-3DT-4H-5M-6S|P1Y-2M|0|-1 1:00:00|1 -1:00:00'''
JSON = r'''{}|[]|null|true|1|"a"|{"b":1,"aa":2,"a":3}|{"a":1,"a":2}|[1,2.50,1e3,1E-2,-0,-0.0,0.10]|{"a":{"b":[1,{"c":null}]}}
"\u00e9\n\t\"\\\/"|"\ud83d\ude00"|"\ud83d"|"\u0000"|{"a":}|{a:1}|[1,]|[1 2]|{"a" 1}|{"a":1,}|nul|truee|01|1.|.5|+1|"abc|"\x"|"\u12"|[|{|{"a"
{"a":|[1|1 2|{"a":1}}|-|1e|[1,2]x|{"1":1,"":2,"10":3,"2":4}|123456789012345678901234567890.123|[[[[]]]]|{"a":[],"b":{}}|@|{"a":1 "b":2}|[,1]|1e5'''
ARRAYS = r'''{}|{1,2,3}|{1,NULL,3}|{{1,2},{3,4}}|{{1,2},{3}}|[0:2]={1,2,3}|[1:2][1:1]={{1},{2}}|{1,2|1,2}|{1,,2}|{ 1 , 2 }|{"1","2"}|{a}||{1}}
[1:3]={1,2}|{null}|{{{{{{{1}}}}}}}|{1} x'''
TEXT_ARRAYS = r'''{a,b}|{"a b","c\"d","e\\f"}|{NULL,"NULL",null}|{""}|{a b}|{ a b , c }|{a\,b}|{"a,b","{x}"}|{"a" ,b}'''
SCALARS = {
    'int2': '1|32767|32768|-32768|x', 'int4': '1|-1| 5 |+7||abc|2147483647|2147483648|-2147483648|1.5|1e3|99999999999999999999999',
    'int8': '9223372036854775807|9223372036854775808|-9223372036854775808|1 2', 'oid': '1|4294967295|-1|x',
    'float8': '1|1.5|1e400|1e-400|-0|NaN|+inf|-Infinity|abc||1e|1e308|4.9e-324| 1.5 |.5|5.|.|1e15|1e14|123456789012345678|0.0001|0.00001|1e23',
    'float4': '1|1.1|1e40|1e-50|NaN|x|16777217|3.4e38|123456|1234567|0.0001|1e-5',
    'numeric': '1|1.10|.5|5.|-0|-0.0|1e5|1e-5|1.5e3|nan|inf|-infinity|abc||1e200000|1e-20000| 1 |1e|1_000|--5|12345678901234567890.123456789',
    'bytea': r'\x|\x00ff|abc|\000\377a\\|\xzz|\x0|\9|a\b',
    'uuid': 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|A0EEBC999C0B4EF8BB6D6BB9BD380A11|{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}|x||a-0',
    'int2vector': '1 2 3|', 'oidvector': '1 2 3', 'date[]': '{2024-01-01,infinity,NULL}', 'timestamptz[]': '{"2024-01-01 12:00+02",NULL}',
    'interval[]': '{1 day,"1 year 2 mons"}', 'numeric[]': '{1,2.50,NaN}', 'jsonb[]': r'{"{\"a\":1}",null}', 'bool[]': '{t,f,NULL}',
}
UNITS = ['microseconds', 'milliseconds', 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year', 'decade', 'century',
         'millennium', 'dow', 'isodow', 'doy', 'isoyear', 'julian', 'epoch', 'timezone', 'timezone_hour', 'timezone_minute', 'nonsense']
MOMENTS = ['2024-02-29 12:34:56.789', '0044-03-15 01:02:03 BC', '2000-12-31 23:59:59.999999', '1999-01-01', '2024-10-27 02:30:00', 'infinity',
           '-infinity', '2001-01-01 00:00:00', '1969-12-31 23:59:59.5', '2024-03-31 03:00:00']
SPANS = ['1 day', '1 mon', '-1 mon', '1 year 2 mons 3 days 04:05:06.7', '36:00:00', '-1 day 03:00', '33 days 25:00:00', '-15 mons 3 days', '0', '12 mons']


class Oracle:
    """A PostgreSQL 15 of our own, not as root, on a socket nobody else sees."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix='luma-oracle-')
        self.user = pwd.getpwnam('postgres') if os.getuid() == 0 else None
        if self.user:
            os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        self.run(['initdb', '-D', self.dir + '/data', '-E', 'UTF8', '--locale=C', '-A', 'trust', '-U', 'postgres'])
        self.run(['pg_ctl', '-D', self.dir + '/data', '-l', self.dir + '/log', '-w', '-o',
                  f"-k {self.dir} -c listen_addresses='' -c fsync=off", 'start'])
        self.cur = psycopg2.connect(host=self.dir, user='postgres', dbname='postgres')
        self.cur.autocommit = True
        self.cur = self.cur.cursor()
        return self

    def run(self, cmd):
        kwargs = {'user': self.user.pw_uid, 'group': self.user.pw_gid} if self.user else {}
        subprocess.run([f'{BIN}/{cmd[0]}', *cmd[1:]], check=True, cwd=self.dir, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, **kwargs)

    def __exit__(self, *_):
        self.run(['pg_ctl', '-D', self.dir + '/data', '-m', 'immediate', 'stop'])
        shutil.rmtree(self.dir, ignore_errors=True)

    def ask(self, settings, query, args):
        self.cur.execute('reset all')
        for setting in filter(None, settings.split(';')):
            name, value = setting.split('=', 1)
            self.cur.execute(f'set {name} = %s', (value,))
        try:
            self.cur.execute(query, args)
            return self.cur.fetchone()[0]
        except psycopg2.Error as e:
            return f'!{e.pgcode} {e.diag.message_primary}'


def words(text):
    return [w for line in text.split('\n') for w in line.split('|')]


SQL = {  # area, operation -> query; %s are the arguments
    'ts+': '(%s::timestamp + %s::interval)::text', 'tz+': '(%s::timestamptz + %s::interval)::text',
    'ts-': '(%s::timestamp - %s::timestamp)::text', 'age': 'age(%s::timestamp, %s::timestamp)::text',
    'tzage': 'age(%s::timestamptz, %s::timestamptz)::text', 'trunc': 'date_trunc(%s, %s::timestamp)::text',
    'tztrunc': 'date_trunc(%s, %s::timestamptz)::text', 'ivtrunc': 'date_trunc(%s, %s::interval)::text',
    'iv+': '(%s::interval + %s::interval)::text', 'iv-': '(%s::interval - %s::interval)::text',
    'iv*': '(%s::interval * %s::float8)::text', 'iv/': '(%s::interval / %s::float8)::text',
    'ivcmp': 'interval_cmp(%s::interval, %s::interval)::text', 'jh': 'justify_hours(%s::interval)::text',
    'jd': 'justify_days(%s::interval)::text', 'ji': 'justify_interval(%s::interval)::text',
}
NUMERIC = {
    '+': '(%s::numeric + %s::numeric)::text', '-': '(%s::numeric - %s::numeric)::text', '*': '(%s::numeric * %s::numeric)::text',
    '/': '(%s::numeric / %s::numeric)::text', '%': '(%s::numeric %% %s::numeric)::text', '^': '(%s::numeric ^ %s::numeric)::text',
    'div': 'div(%s::numeric, %s::numeric)::text', 'log': 'log(%s::numeric, %s::numeric)::text',
    'cmp': 'numeric_cmp(%s::numeric, %s::numeric)::text', 'round': 'round(%s::numeric, %s::int)::text',
    'trunc': 'trunc(%s::numeric, %s::int)::text', 'sqrt': 'sqrt(%s::numeric)::text', 'ln': 'ln(%s::numeric)::text',
    'exp': 'exp(%s::numeric)::text', 'abs': 'abs(%s::numeric)::text', 'neg': '(-%s::numeric)::text', 'ceil': 'ceil(%s::numeric)::text',
    'floor': 'floor(%s::numeric)::text', 'trim': 'trim_scale(%s::numeric)::text', 'int8': '(%s::numeric::int8)::text',
    'float8': '(%s::numeric::float8)::text', 'from8': '(%s::float8::numeric)::text',
}


def fixed_cases():
    for style in STYLES:
        for d in words(DATES):
            yield 'parse', 'date', f'DateStyle={style}', d
    for zone in ZONES:
        for style in ('ISO, MDY', 'SQL, DMY', 'Postgres, MDY', 'German'):
            for t in words(TIMESTAMPS):
                if zone in ('Europe/Berlin', 'UTC') or style == 'ISO, MDY':
                    yield 'parse', 'timestamptz', f'TimeZone={zone};DateStyle={style}', t
    for t in words(TIMESTAMPS):
        yield 'parse', 'timestamp', '', t
        yield 'parse', 'timestamp(2)', '', t
    for t in words(TIMES):
        yield 'parse', 'time', '', t
        yield 'parse', 'time(3)', '', t
        yield 'parse', 'timetz', 'TimeZone=Asia/Kathmandu', t
    for style in INTERVAL_STYLES:
        for i in words(INTERVALS):
            yield 'parse', 'interval', f'IntervalStyle={style}', i
    for i in ('1 year 2 months 3 days 4:05:06.789', '5', '1:2', '-3 days'):
        for fields in ('year', 'month', 'year to month', 'day', 'hour', 'day to hour', 'minute', 'day to second(1)', 'second(2)'):
            yield 'parse', f'interval {fields}', '', i
    for j in words(JSON):
        yield 'parse', 'json', '', j
        yield 'parse', 'jsonb', '', j
    for a in words(ARRAYS):
        yield 'parse', 'int4[]', '', a
    for a in words(TEXT_ARRAYS):
        yield 'parse', 'text[]', '', a
    for name, values in SCALARS.items():
        for v in values.split('|'):
            yield 'parse', name, '', v
    for v in r'\x00ff6162|abc|\\'.split('|'):
        yield 'parse', 'bytea', 'bytea_output=escape', v
    for v in '1|123.456|999.995|1000|-999.99|NaN|inf|0.005|0.004'.split('|'):
        yield 'parse', 'numeric(5,2)', '', v
    for v in '1|1234|9949|9950|50|49|0.0099'.split('|'):
        yield 'parse', 'numeric(2,-2)', '', v
        yield 'parse', 'numeric(2,4)', '', v
    for v in ('1', '0.1', '1e23', '123456789', '1e-7', 'NaN'):
        yield 'parse', 'float8', 'extra_float_digits=0', v
        yield 'parse', 'float8', 'extra_float_digits=-5', v
        yield 'parse', 'float4', 'extra_float_digits=0', v
    for zone in ('UTC', 'Europe/Berlin', 'America/New_York'):
        for m in MOMENTS:
            for unit in UNITS:
                yield 'time', 'tztrunc', f'TimeZone={zone}', unit, m
                yield 'extract', 'timestamptz', f'TimeZone={zone}', unit, m
            for span in SPANS:
                yield 'time', 'tz+', f'TimeZone={zone}', m, span
    for m in MOMENTS:
        for unit in UNITS:
            yield 'time', 'trunc', '', unit, m
            yield 'extract', 'timestamp', '', unit, m
            yield 'extract', 'date', '', unit, m.split(' ')[0] + (' BC' if 'BC' in m else '')
        for span in SPANS:
            yield 'time', 'ts+', '', m, span
        for other in MOMENTS:
            if 'infinity' not in m + other:  # PostgreSQL 15 computes nonsense of it, we refuse
                yield 'time', 'age', '', m, other
            yield 'time', 'ts-', '', m, other
    for span in SPANS:
        for unit in UNITS:
            yield 'extract', 'interval', '', unit, span
            yield 'time', 'ivtrunc', '', unit, span
        for other in SPANS:
            for op in ('iv+', 'iv-', 'ivcmp'):
                yield 'time', op, '', span, other
        for f in ('2', '0.5', '-1.3', '0', '1e10', 'NaN'):
            yield 'time', 'iv*', '', span, f
            yield 'time', 'iv/', '', span, f
        for op in ('jh', 'jd', 'ji'):
            yield 'time', op, '', span
    for unit in UNITS:
        yield 'extract', 'time', '', unit, '12:34:56.789'
        yield 'extract', 'timetz', '', unit, '12:34:56.789-03:30'
    numbers = ['0', '1', '-1', '0.5', '-2.50', '3', '10', '1e10', '12345.6789', '99999999999999999999.99', '1e-20', 'NaN', 'Infinity', '-Infinity']
    for op, query in NUMERIC.items():
        for a in numbers:
            if op in ('round', 'trunc'):
                for n in ('0', '2', '-2', '25'):
                    yield 'numeric', op, '', a, n
            elif query.count('%s') == 2:
                for b in numbers:
                    yield 'numeric', op, '', a, b
            else:
                yield 'numeric', op, '', a


def random_number(rng, long=True):
    n = rng.choice([1, 2, 3, 5, 8, 12, 18, 19, 20, 30, 60] if long else [1, 2, 3, 4, 6])
    s = ''.join(rng.choice('0123456789') for _ in range(n))
    if rng.random() < .6:
        d = rng.randint(0, n)
        s = (s[:d] or '0') + '.' + (s[d:] or '0')
    return ('-' if rng.random() < .3 else '') + s


def random_moment(rng):
    return (f'{rng.randint(1, 2400):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} '
            f'{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}' + rng.choice(['', '.5', '.123456', '.000001']))


def random_span(rng):
    parts = [f'{rng.randint(-30, 30)} mons' if rng.random() < .5 else '', f'{rng.randint(-60, 60)} days' if rng.random() < .5 else '']
    return ' '.join(filter(None, parts + [rng.choice(['', '-', '+']) + f'{rng.randint(0, 99)}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}.{rng.randint(0, 999999):06}']))


def random_json(rng, depth=0):
    k = rng.random()
    if depth > 4 or k < .5:
        return rng.choice(['null', 'true', random_number(rng).lstrip('0.').lstrip('-0') or '0', '"a\\u00e9b"', '""', '1e5', '-0.50'])
    if k < .75:
        return '[' + ','.join(random_json(rng, depth + 1) for _ in range(rng.randint(0, 4))) + ']'
    return '{' + ' , '.join(f'"{rng.choice("abcde") * rng.randint(0, 3)}" :{random_json(rng, depth + 1)}' for _ in range(rng.randint(0, 5))) + '}'


def random_cases(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        zone = f'TimeZone={rng.choice(ZONES)}'
        k = rng.randrange(12)
        if k == 0:
            yield 'numeric', rng.choice(['+', '-', '*', '/', '%', 'div', 'cmp']), '', random_number(rng), random_number(rng)
        elif k == 1:
            yield 'numeric', rng.choice(['sqrt', 'abs', 'neg', 'ceil', 'floor', 'trim', 'int8', 'float8', 'ln']), '', random_number(rng)
        elif k == 2:
            yield 'numeric', rng.choice(['^', 'log']), '', random_number(rng, False), random_number(rng, False)
        elif k == 3:
            yield 'numeric', rng.choice(['round', 'trunc']), '', random_number(rng), str(rng.randint(-10, 40))
        elif k == 4:
            yield 'parse', 'timestamptz', zone + ';DateStyle=' + rng.choice(STYLES), random_moment(rng)
        elif k == 5:
            yield 'parse', 'interval', 'IntervalStyle=' + rng.choice(INTERVAL_STYLES), random_span(rng)
        elif k == 6:
            yield 'parse', 'jsonb', '', random_json(rng)
        elif k == 7:
            yield 'time', rng.choice(['tz+', 'ts+']), zone, random_moment(rng), random_span(rng)
        elif k == 8:
            yield 'time', rng.choice(['age', 'ts-', 'tzage']), zone, random_moment(rng), random_moment(rng)
        elif k == 9:
            yield 'time', rng.choice(['tztrunc', 'trunc']), zone, rng.choice(UNITS[:13]), random_moment(rng)
        elif k == 10:
            yield 'extract', rng.choice(['timestamp', 'timestamptz']), zone, rng.choice(UNITS), random_moment(rng)
        else:
            yield 'parse', rng.choice(['float8', 'float4']), '', repr(rng.uniform(-1, 1) * 10 ** rng.randint(-30, 30))


def query_of(area, op, args):
    if area == 'parse':
        # The input function itself, so that no cast is in the way.
        name, _, mod = op.partition('(')
        if op.startswith('interval ') or mod:
            return f'select (%s::{op})::text', args
        out = {'bool': 'boolout', 'bytea': 'byteaout'}.get(op)
        return (f'select {out}(%s::{op})::text' if out else f'select (%s::{op})::text'), args
    if area == 'extract':
        return f'select extract({args[0]} from %s::{op})::text', args[1:]
    return 'select ' + (SQL if area == 'time' else NUMERIC)[op], args


def escape(text):
    return text.replace('\\', '\\\\').replace('\t', '\\t').replace('\n', '\\n')


def main():
    cases = random_cases(int(sys.argv[2]), int(sys.argv[3])) if sys.argv[1] == 'random' else fixed_cases()
    with Oracle() as oracle:
        for area, op, settings, *args in cases:
            query, values = query_of(area, op, args)
            expected = oracle.ask(settings, query, values)
            fields = [area, op, settings, *args, *[''] * (2 - len(args)), 'NULL' if expected is None else expected]
            sys.stdout.write('\t'.join(map(escape, fields)) + '\n')


if __name__ == '__main__':
    main()
