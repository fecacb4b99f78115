"""Random queries, and their answers compared between LumaDB and PostgreSQL 15.

    python3 test/sql/differential.py SEED COUNT      prints every difference

A query is made from a grammar of typed expressions over literals and the columns of three small tables, so most are
accepted; errors are compared by SQLSTATE. What is known to differ is in EXPLAINED, each with the reason that
docs/sql.md gives.
"""
import os, random, re, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), os.path.join(HERE, '..', 'golden')]

SETUP = '''
create table ta (id int primary key, i int, b bigint, f float8, n numeric, t text, d date, ts timestamp, ok bool);
create table tb (id int primary key, a int, s smallint, n numeric(10,2), v varchar(8), tz timestamptz, iv interval);
create table tc (k int, ia int[], ta text[], j jsonb, u uuid, by bytea);
insert into ta values
 (1, 0, 10, 1.5, 1.50, 'abc', '2024-01-01', '2024-01-01 00:00:00', true), (2, 1, -5, -2.25, 0.001, 'Abc', '2024-02-29', '2024-02-29 12:34:56.789', false),
 (3, null, 9223372036854775807, 'NaN', null, '', null, '1999-12-31 23:59:59', null), (4, 7, 0, 0, -7.7, 'x%y_z', '1970-01-01', null, true),
 (5, 7, 3, 'Infinity', 100, 'äöü', '2000-03-01', '2000-03-01 01:02:03', false), (6, -3, null, 1e100, 12345.678, null, '2023-12-31', '2024-03-31 02:30:00', true),
 (7, 2147483647, 42, null, 0, 'foo bar baz', '2024-12-30', '2024-10-27 02:30:00', null), (8, -2147483648, -42, -0.0, 1e20, ' padded ', '0044-03-15 BC', '0044-03-15 12:00:00 BC', false);
insert into tb values
 (1, 1, 1, 1.25, 'one', '2024-01-01 00:00:00+00', '1 day'), (2, 1, -1, -1.25, 'two', '2024-06-01 12:00:00+02', '1 mon 2 days 03:04:05'),
 (3, 2, 32767, 0, 'three', null, '-1 year'), (4, null, null, null, null, '1900-01-01 00:00:00+00', null),
 (5, 7, 5, 99999.99, 'seven', '2038-01-19 03:14:07+00', '00:00:00.000001'), (6, 9, 0, 3.33, '', '2024-03-31 01:30:00+00', '36:00:00');
insert into tc values
 (1, '{1,2,3}', '{a,b,NULL}', '{"a": 1, "b": [1, 2, {"c": null}]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x00ff'),
 (2, '{}', '{}', '[]', null, '\\x'), (3, '{{1,2},{3,4}}', '{"x y","q\\"z"}', '"str"', '00000000-0000-0000-0000-000000000000', null),
 (4, null, null, null, 'ffffffff-ffff-ffff-ffff-ffffffffffff', '\\xdeadbeef'), (5, '{NULL,5}', '{z}', '{"a": {"b": "deep"}, "k": true}', null, '\\x414243');
'''

# (reason, predicate over query, answer of LumaDB, answer of PostgreSQL)
EXPLAINED = [
    ('errors of one statement may be met in another order',
     lambda q, l, p: l[0] == 'error' and p[0] == 'error'),
    ('an expression that fails is not computed when no row or branch needs it, which planners decide differently',
     lambda q, l, p: 'error' in (l[0], p[0]) and (l[0] == 'error') != (p[0] == 'error') and
     (l[1] if l[0] == 'error' else p[1])[:2] in ('22', '0A') and (re.search(r'\bcase\b|\bcoalesce\b|\bwhere\b| and | or |\blimit\b|null', q) or has_null(p if l[0] == 'error' else l))),
    ('age and - of infinite timestamps are errors, not the differences of their bit patterns',
     lambda q, l, p: l[0] == 'error' and l[1] == '22008' and 'infinity' in q),
    ('arguments of window functions are computed for every row of the window',
     lambda q, l, p: l[0] == 'error' and l[1].startswith('22') and re.search(r'(lead|lag|nth_value|first_value|last_value)\(.*over', q)),
    ('sums and averages of float8 add in another order',
     lambda q, l, p: l[0] == p[0] == 'rows' and floats_near(l[2], p[2]) and re.search(r'sum|avg|stddev|var', q)),
]


def has_null(rows):
    return any(None in row for row in rows[2])


def floats_near(a, b):
    if len(a) != len(b):
        return False
    for x, y in zip(a, b):
        for u, v in zip(x, y):
            if u == v:
                continue
            try:
                u, v = float(u), float(v)
            except (TypeError, ValueError):
                return False
            if abs(u - v) > 1e-9 * max(abs(u), abs(v)):
                return False
    return True


class Grammar:
    """Expressions of a type up to a depth, as text."""

    LITERALS = {
        'int4': ['0', '1', '-1', '7', '42', '2147483647', '(-2147483648)', '100', 'null::int4', '3'],
        'int8': ['0::int8', '10000000000', '-5::int8', '9223372036854775807', 'null::int8', '3::int8'],
        'int2': ['1::int2', '-7::int2', '32767::int2', 'null::int2'],
        'numeric': ['1.5', '0.0', '-12.345', '1e10::numeric', '0.00001', 'null::numeric', '123456789.123456789', "'NaN'::numeric"],
        'float8': ['1.5::float8', '0::float8', '-2.25::float8', '1e100::float8', "'NaN'::float8", "'-Infinity'::float8", 'null::float8',
                   '0.1::float8'],
        'float4': ['1.5::float4', '0.1::float4', '-3::float4', '1e20::float4'],
        'text': ["'abc'::text", "''::text", "'Hello World'::text", "'a,b,c'::text", "'äöü €'::text", 'null::text', "'%_\\\\x'::text",
                 "'123'::text", "' pad '::text", "'aXbXc'::text"],
        'bool': ['true', 'false', 'null::bool'],
        'date': ["date '2024-02-29'", "date '1999-12-31'", "date '0001-01-01'", "date 'infinity'", 'null::date', "date '2000-01-01'"],
        'time': ["time '12:34:56.789'", "time '00:00'", "time '23:59:59.999999'", "time '24:00:00'"],
        'timestamp': ["timestamp '2024-02-29 12:34:56.789'", "timestamp '1969-12-31 23:59:59'", "timestamp 'infinity'", 'null::timestamp',
                      "timestamp '2000-01-01 00:00:00'"],
        'timestamptz': ["timestamptz '2024-03-31 01:30:00+00'", "timestamptz '1999-12-31 23:59:59-05'", "timestamptz '2024-07-01 12:00+02'"],
        'interval': ["interval '1 day'", "interval '1 mon -3 days 04:05:06.7'", "interval '-2 years'", "interval '36 hours'",
                     "interval '0'", "interval '1 year 2 mons 3 days'"],
        'uuid': ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "'00000000-0000-0000-0000-000000000000'::uuid"],
        'bytea': ["'\\x00ff10'::bytea", "'\\x'::bytea", "'abc'::bytea", "'\\xdeadbeef'::bytea"],
        'jsonb': ['\'{"a": 1, "b": [1, 2.50, null], "c": {"d": "x"}}\'::jsonb', "'[1, \"two\", {\"k\": 3}]'::jsonb", "'null'::jsonb",
                  "'\"s\"'::jsonb", "'[]'::jsonb", "'{}'::jsonb", "'12.30'::jsonb"],
        'int4[]': ["'{1,2,3}'::int4[]", "'{}'::int4[]", "'{{1,2},{3,4}}'::int4[]", "'{NULL,7}'::int4[]", 'array[5,6,7,8]'],
        'text[]': ["'{a,b,c}'::text[]", "'{}'::text[]", "'{\"x y\",NULL}'::text[]"],
        'bit': ["b'1010'", "b'0110'", "b'1111'"],
        'varbit': ["b'101'::varbit", "b'00110'::varbit"],
    }
    COLUMNS = {'int4': ['ta.id', 'ta.i'], 'int8': ['ta.b'], 'float8': ['ta.f'], 'numeric': ['ta.n'], 'text': ['ta.t'], 'date': ['ta.d'],
               'timestamp': ['ta.ts'], 'bool': ['ta.ok']}
    NUMBERS = ['int4', 'int8', 'numeric', 'float8', 'int2']
    ORDERED = ['int4', 'int8', 'numeric', 'float8', 'text', 'date', 'timestamp', 'interval', 'time', 'bool', 'uuid', 'bytea', 'timestamptz',
               'int4[]', 'text[]', 'jsonb', 'bit']

    # result type -> templates; {type} stands for an expression, {_x} for a word out of WORDS
    TEMPLATES = {
        'int4': ['({int4} + {int4})', '({int4} - {int4})', '({int4} * {int4})', '({int4} / {int4})', '({int4} % {int4})', 'abs({int4})',
                 '(- {int4})', 'length({text})', 'char_length({text})', 'octet_length({text})', 'strpos({text}, {text})', 'ascii({text})',
                 'sign({int4})::int4', '({int4} & {int4})', '({int4} | {int4})', '({int4} # {int4})', '(~ {int4})', '({int4} << 3)',
                 '({int4} >> 1)', 'cardinality({int4[]})', 'array_length({int4[]}, 1)', 'array_ndims({int4[]})', 'array_upper({int4[]}, 1)',
                 'array_position({int4[]}, {int4})', '({int4[]})[1]', '({int4[]})[2]', '({date} - {date})', 'jsonb_array_length({jsonb})',
                 'extract(year from {date})::int4', 'date_part(\'dow\', {timestamp})::int4', 'length({bytea})', 'get_byte({bytea}, 0)',
                 'gcd({int4}, {int4})', 'lcm({int4}, {int4})', 'width_bucket({float8}, 0, 10, 5)', 'regexp_count({text}, {_re})',
                 'regexp_instr({text}, {_re})', 'bit_length({text})', '({jsonb}->>\'a\')::int4', 'length({bit})', '({bit})::int4',
                 'num_nulls({int4}, {text}, {bool})', '{float8}::int4', '{numeric}::int4', '{bool}::int4', '{text}::int4', 'mod({int4}, {int4})'],
        'int2': ['{int4}::int2', '({int2} + {int2})', '({int2} * {int2})', '(- {int2})', 'abs({int2})'],
        'int8': ['({int8} + {int8})', '({int8} - {int4})', '({int8} * {int8})', '({int8} / {int8})', '({int8} % {int4})', '{int4}::int8',
                 'abs({int8})', 'bit_count({bytea})', '{numeric}::int8', '{float8}::int8', '({int8} & {int8})', 'factorial(5)::int8'],
        'numeric': ['({numeric} + {numeric})', '({numeric} - {int4})', '({numeric} * {numeric})', '({numeric} / {numeric})',
                    '({numeric} % {numeric})', 'round({numeric}, 2)', 'trunc({numeric}, 1)', 'ceil({numeric})', 'floor({numeric})',
                    'abs({numeric})', 'sqrt({numeric})', 'ln({numeric})', 'exp({int4}::numeric / 1000)', 'power({numeric}, 2)', 'log({numeric})',
                    '{int4}::numeric', '{numeric}::numeric(8,2)', 'extract(epoch from {interval})', 'extract(epoch from {timestamp})',
                    'sign({numeric})', 'trim_scale({numeric})', 'div({numeric}, {numeric})', 'scale({numeric})::numeric', 'mod({numeric}, {numeric})',
                    'extract({_field} from {timestamp})', 'round({numeric})', 'greatest({numeric}, {int4})', '{float8}::numeric',
                    'to_number({int4}::text, \'S99999\')'],
        'float8': ['({float8} + {float8})', '({float8} - {float8})', '({float8} * {float8})', '({float8} / {float8})', 'abs({float8})',
                   'sqrt({float8})', 'sin({float8})', 'cos({float8})', 'atan2({float8}, {float8})', 'exp({float8})', 'ln({float8})',
                   'floor({float8})', 'ceil({float8})', 'round({float8})', 'trunc({float8})', '{int4}::float8', '{numeric}::float8',
                   'power({float8}, 2)', 'degrees({float8})', 'radians({float8})', 'cbrt({float8})', 'date_part({_fieldq}, {timestamp})',
                   'date_part({_ifieldq}, {interval})', 'sign({float8})', 'log({float8})', '{float4}::float8', 'tanh({float8})'],
        'float4': ['({float4} + {float4})', '({float4} * {float4})', '{int4}::float4', '{float8}::float4', 'abs({float4})'],
        'text': ['({text} || {text})', 'upper({text})', 'lower({text})', 'initcap({text})', 'substr({text}, {_n}, {_n})', 'left({text}, {_n})',
                 'right({text}, {_n})', 'replace({text}, \'a\', {text})', 'repeat({text}, 2)', 'reverse({text})', 'lpad({text}, 8, \'*\')',
                 'rpad({text}, 6)', 'trim({text})', 'ltrim({text}, \'aA \')', 'split_part({text}, \',\', {_n})', 'translate({text}, \'abc\', \'xy\')',
                 'md5({text})', 'concat({text}, {int4}, {bool})', 'concat_ws(\'-\', {text}, {numeric}, {date})', 'quote_literal({text})',
                 'quote_ident({text})', 'coalesce({text}, {text})', 'to_hex({int4})', '{int4}::text', '{numeric}::text', '{float8}::text',
                 '{date}::text', '{timestamp}::text', '{interval}::text', '{bool}::text', '{jsonb}::text', '{int4[]}::text', '({jsonb} ->> \'a\')',
                 '({jsonb} #>> \'{{b,0}}\')', 'array_to_string({text[]}, \',\', \'N\')', '({text[]})[1]', 'format(\'%s|%I|%L\', {text}, \'x y\', {text})',
                 'overlay({text} placing \'ZZ\' from 2 for 1)', 'regexp_replace({text}, {_re}, \'<\\&>\', \'g\')', 'substring({text} from {_re})',
                 'regexp_substr({text}, {_re})', 'chr(65 + abs({int2}) % 26)', 'encode({bytea}, \'hex\')', 'encode({bytea}, \'base64\')',
                 'to_char({int4}, \'999,999S\')', 'to_char({numeric}, \'FM9990.00\')', 'to_char({timestamp}, \'YYYY-MM-DD HH24:MI:SS.MS\')',
                 'to_char({date}, \'Day, DD Mon YYYY\')', 'jsonb_typeof({jsonb})', 'nullif({text}, {text})', 'greatest({text}, {text})',
                 'case when {bool} then {text} else {text} end', '{text}::varchar(3)::text', 'btrim({text}, \'x\')', '{uuid}::text', '{bytea}::text',
                 '{time}::text', '{bit}::text', 'array_dims({int4[]})', 'pg_typeof({int8})::text'],
        'bool': ['({int4} < {int4})', '({int4} = {int4})', '({text} < {text})', '({text} = {text})', '({numeric} >= {int4})', '({float8} > {float8})',
                 '({date} <= {date})', '({timestamp} < {timestamp})', '({interval} > {interval})', '({bool} and {bool})', '({bool} or {bool})',
                 '(not {bool})', '({int4} is null)', '({text} is not null)', '({bool} is true)', '({bool} is not false)', '({int4} in (1, 7, {int4}))',
                 '({int4} between {int4} and {int4})', '({text} like {_like})', '({text} ilike {_like})', '({text} ~ {_re})', '({text} !~* {_re})',
                 '({text} similar to \'%(a|b)%\')', '({int4} = any({int4[]}))', '({int4} < all({int4[]}))', '({int4[]} @> {int4[]})',
                 '({int4[]} && {int4[]})', '({int4[]} = {int4[]})', '({int4[]} < {int4[]})', '({jsonb} @> \'{{"a": 1}}\')', '({jsonb} ? \'a\')',
                 '({jsonb} = {jsonb})', '({jsonb} < {jsonb})', '({int4} is distinct from {int4})', '(row({int4}, {text}) < row({int4}, {text}))',
                 'starts_with({text}, {text})', '({uuid} < {uuid})', '({bytea} < {bytea})', '({bit} = {bit})', '({time} < {time})',
                 '({jsonb} @? \'$.a ? (@ > 0)\')', '({date}, {date}) overlaps ({date}, {interval})', 'isfinite({timestamp})',
                 'regexp_like({text}, {_re})', '{int4}::bool', '({timestamptz} < {timestamptz})', '(({int4}, {text}) = ({int4}, {text}))',
                 'exists (select 1 from tb where tb.a = {int4})', '({int4} in (select a from tb))', '({float8} <> {numeric})'],
        'date': ['({date} + {_n})', '({date} - {_n})', '{timestamp}::date', 'make_date(2024, 1 + abs({int2}) % 12, 15)', 'coalesce({date}, {date})',
                 'least({date}, {date})'],
        'time': ['{timestamp}::time', '({time} + {interval})', 'make_time(abs({int2}) % 24, 30, 5.5)'],
        'timestamp': ['({timestamp} + {interval})', '({timestamp} - {interval})', '{date}::timestamp', 'date_trunc({_trunc}, {timestamp})',
                      '({date} + {time})', 'coalesce({timestamp}, {timestamp})', 'greatest({timestamp}, {date})',
                      'date_bin(\'15 minutes\', {timestamp}, timestamp \'2001-01-01\')', '({timestamptz} at time zone \'Europe/Berlin\')',
                      'make_timestamp(2024, 2, 29, 1, 2, 3.5)', '{timestamp}::timestamp(0)'],
        'timestamptz': ['({timestamptz} + {interval})', '({timestamp} at time zone \'America/New_York\')', 'date_trunc({_trunc}, {timestamptz})',
                        '{timestamp}::timestamptz', 'to_timestamp({int4})', '({timestamptz} - {interval})'],
        'interval': ['({interval} + {interval})', '({interval} - {interval})', '({interval} * 2)', '({interval} * {float8})', '({interval} / 3)',
                     '({timestamp} - {timestamp})', 'age({timestamp}, {timestamp})', 'justify_hours({interval})', 'justify_days({interval})',
                     'justify_interval({interval})', 'make_interval(days => {int4})', '({time} - {time})', '(- {interval})', '{time}::interval'],
        'uuid': ['coalesce({uuid}, {uuid})', 'case when {bool} then {uuid} else {uuid} end'],
        'bytea': ['({bytea} || {bytea})', 'decode(md5({text}), \'hex\')', 'substr({bytea}, 1, 2)', 'convert_to({text}, \'UTF8\')',
                  'sha256({bytea})', 'set_byte({bytea}, 0, 65)'],
        'jsonb': ['({jsonb} -> \'a\')', '({jsonb} -> 0)', '({jsonb} || {jsonb})', '({jsonb} - \'a\')', '({jsonb} #> \'{{c,d}}\')', 'to_jsonb({int4})',
                  'to_jsonb({text})', 'to_jsonb({numeric})', 'to_jsonb({timestamp})', 'to_jsonb({int4[]})', 'jsonb_build_object(\'k\', {int4}, \'t\', {text})',
                  'jsonb_build_array({int4}, {text}, {bool})', 'jsonb_set({jsonb}, \'{{a}}\', to_jsonb({int4}))', 'jsonb_strip_nulls({jsonb})',
                  'jsonb_path_query_first({jsonb}, \'$.b[*] ? (@ > 1)\')', 'jsonb_path_query_array({jsonb}, \'$.**\')', '({jsonb} #- \'{{b,0}}\')',
                  'jsonb_insert({jsonb}, \'{{b,0}}\', \'9\')'],
        'int4[]': ['({int4[]} || {int4})', '({int4} || {int4[]})', '({int4[]} || {int4[]})', 'array[{int4}, {int4}]', 'array_append({int4[]}, {int4})',
                   'array_remove({int4[]}, {int4})', 'array_replace({int4[]}, 1, {int4})', '({int4[]})[1:2]', 'array_fill({int4}, array[2])',
                   'array(select a from tb where a < {int4} order by 1)', '({int4[]})[2:]', 'trim_array({int4[]}, 1)'],
        'text[]': ['string_to_array({text}, \',\')', 'regexp_split_to_array({text}, {_re})', 'array[{text}, {text}]', 'regexp_match({text}, {_re})',
                   '({text[]} || {text})', 'array_cat({text[]}, {text[]})'],
        'bit': ['({bit} & {bit})', '({bit} | {bit})', '(~ {bit})', '({bit} << 1)', '{int4}::bit(4)'],
        'varbit': ['({varbit} || {varbit})', '{bit}::varbit'],
    }
    WORDS = {
        '_n': ['1', '2', '3', '0', '-1', '5'], '_re': ["'a'", "'[a-c]+'", "'b.?'", "'^\\w+'", "'(o+)'", "'x*'", "'\\d{2}'", "','"],
        '_like': ["'%b%'", "'a_c'", "'%'", "'A%'", "'%o w%'", "'x\\%y%'"],
        '_field': ['year', 'month', 'day', 'hour', 'minute', 'second', 'dow', 'doy', 'week', 'quarter', 'isoyear', 'isodow', 'epoch', 'century',
                   'decade', 'millennium', 'milliseconds', 'microseconds', 'julian'],
        '_trunc': ["'hour'", "'day'", "'month'", "'year'", "'week'", "'quarter'", "'minute'", "'decade'"],
    }
    WORDS['_fieldq'] = [f"'{f}'" for f in WORDS['_field']]
    WORDS['_ifieldq'] = ["'year'", "'month'", "'day'", "'hour'", "'minute'", "'second'", "'epoch'", "'quarter'"]

    def __init__(self, rng):
        self.rng = rng

    def expr(self, type_, depth, columns):
        rng = self.rng
        if columns and type_ in self.COLUMNS and rng.random() < (0.6 if depth <= 0 else 0.15):
            return rng.choice(self.COLUMNS[type_])
        if depth <= 0 or rng.random() < 0.15:
            return rng.choice(self.LITERALS[type_])
        template = rng.choice(self.TEMPLATES[type_])

        def fill(m):
            name = m.group(1)
            return rng.choice(self.WORDS[name]) if name in self.WORDS else self.expr(name, depth - 1, columns)
        text = re.sub(r'(?<!\{)\{([a-z_0-9]+(?:\[\])?)\}', fill, template)
        return text.replace('{{', '{').replace('}}', '}')

    def any_type(self):
        return self.rng.choice(list(self.TEMPLATES))


AGGREGATES = {
    'int4': ['sum({0})', 'avg({0})', 'min({0})', 'max({0})', 'count({0})', 'count(distinct {0})', 'array_agg({0} order by ta.id)', 'bit_or({0})',
             'stddev_samp({0})', 'var_pop({0})', 'percentile_disc(0.5) within group (order by {0})', 'mode() within group (order by {0})'],
    'numeric': ['sum({0})', 'avg({0})', 'min({0})', 'max({0})', 'variance({0})'], 'float8': ['sum({0})', 'avg({0})', 'max({0})', 'min({0})'],
    'text': ['min({0})', 'max({0})', "string_agg({0}, ',' order by ta.id)", 'count({0})', 'array_agg(distinct {0})'],
    'bool': ['bool_and({0})', 'bool_or({0})', 'count(*) filter (where {0})', 'every({0})'], 'date': ['min({0})', 'max({0})'],
    'int8': ['sum({0})', 'avg({0})', 'max({0})'], 'interval': ['sum({0})', 'min({0})'],
    'jsonb': ['jsonb_agg({0} order by ta.id)', 'jsonb_object_agg(ta.id, {0})'],
}
WINDOWS = ['row_number()', 'rank()', 'dense_rank()', 'percent_rank()', 'cume_dist()', 'ntile(3)', 'lag({0})', 'lead({0}, 2)', 'first_value({0})',
           'last_value({0})', 'nth_value({0}, 2)', 'sum({0})', 'count({0})', 'max({0})']


def query(rng):
    g = Grammar(rng)
    kind = rng.random()
    if kind < 0.45:
        count = rng.randint(1, 3)
        return 'select ' + ', '.join(g.expr(g.any_type(), rng.randint(1, 3), False) for _ in range(count))
    if kind < 0.65:
        parts = ', '.join(g.expr(g.any_type(), 2, True) for _ in range(2))
        where = f' where {g.expr("bool", 2, True)}' if rng.random() < 0.6 else ''
        return f'select ta.id, {parts} from ta{where} order by ta.id'
    if kind < 0.8:
        items = []
        for _ in range(rng.randint(1, 3)):
            type_ = rng.choice(list(AGGREGATES))
            items.append(rng.choice(AGGREGATES[type_]).format(g.expr(type_, 1, True)))
        if rng.random() < 0.5:
            return f'select {", ".join(items)} from ta where {g.expr("bool", 1, True)}'
        key = g.expr(rng.choice(['int4', 'bool', 'text']), 1, True)
        return f'select {key} as key, {", ".join(items)} from ta group by 1 order by 1'
    if kind < 0.88:
        arg = g.expr('int4', 1, True)
        call = rng.choice(WINDOWS).format(arg)
        frame = rng.choice(['', '', ' rows between 1 preceding and 1 following', ' range unbounded preceding', ' groups between 1 preceding and current row'])
        part = rng.choice(['', 'partition by ta.ok '])
        return f'select ta.id, {call} over ({part}order by {rng.choice(["ta.id", "ta.i, ta.id", "ta.t, ta.id"])}{frame}) from ta order by ta.id'
    if kind < 0.96:
        join = rng.choice(['join', 'left join', 'right join', 'full join'])
        return (f'select ta.id, tb.id, {g.expr(rng.choice(["int4", "text", "bool"]), 1, True)}, tb.v from ta {join} tb on '
                f'{rng.choice(["ta.id = tb.id", "ta.i = tb.a", "ta.id = tb.a and tb.s > 0"])} order by 1 nulls last, 2 nulls last')
    return (f'select {rng.choice(["k", "ia[1]", "cardinality(ia)", "j", "u", "ta[1]", "j->0", "by", "ia", "ta"])}, x from tc, '
            f'lateral (select {g.expr("int4", 1, False)} as x) q order by k')


def connect(**kw):
    """A connection whose values are the texts the server sent."""
    import psycopg2
    import psycopg2.extensions as ext
    ext.string_types.clear()
    con = psycopg2.connect(**kw)
    con.autocommit = True
    return con


def answer(con, text):
    import psycopg2
    cur = con.cursor()
    try:
        cur.execute(text)
        return ('rows', [c.type_code for c in cur.description], cur.fetchall())
    except psycopg2.Error as e:
        return ('error', e.pgcode or '', (e.pgerror or str(e)).split('\n')[0])


def explained(text, luma, pg):
    return next((reason for reason, holds in EXPLAINED if holds(text, luma, pg)), None)


def compare(luma, pg, seed, count, reasons):
    """Runs the queries on both; yields (query, LumaDB's answer, PostgreSQL's) for what nobody explains and counts in
    `reasons` how often each explanation served."""
    rng = random.Random(seed)
    for _ in range(count):
        text = query(rng)
        l, p = answer(luma, text), answer(pg, text)
        same = l[0] == p[0] and (l[1] == p[1] if l[0] == 'error' else l[1:] == p[1:])
        if same:
            continue
        reason = explained(text, l, p)
        if reason is None:
            yield text, l, p
        else:
            reasons[reason] = reasons.get(reason, 0) + 1


def run(seed, count):
    """(differences, explained ones by reason), or Skip when PostgreSQL 15 is not installed."""
    from luma import Server, Skip
    from pgtype_cases import BIN, Oracle
    if not os.path.exists(os.path.join(BIN, 'initdb')):
        raise Skip('PostgreSQL 15 is not installed')
    with Oracle() as oracle, Server() as s:
        oracle.cur.execute("create database diff template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C.UTF-8'")
        pg = connect(host=oracle.dir, user='postgres', dbname='diff')
        luma = connect(host='127.0.0.1', port=s.port('postgres'), user='luma', dbname='lumadb')
        for con in (pg, luma):
            con.cursor().execute("set timezone = 'UTC'")
            con.cursor().execute(SETUP)
        reasons = {}
        return list(compare(luma, pg, seed, count, reasons)), reasons


if __name__ == '__main__':
    found, why = run(int(sys.argv[1]), int(sys.argv[2]))
    for q, l, p in found:
        print('Q', q, '\n  L', str(l)[:400], '\n  P', str(p)[:400])
    print(len(found), 'differences;', why)
