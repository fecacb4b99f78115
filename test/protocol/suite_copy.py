#!/usr/bin/env python3
"""COPY byte by byte: data, errors with their contexts, tags and messages as PostgreSQL 15 gives them.

test/golden/copy.json holds PostgreSQL's answers; `suite_copy.py --record` asks a PostgreSQL 15 of its own for them again."""
import json, os, socket, struct, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', 'lib'), HERE]
from luma import ROOT, Server, equal, run_suite
from suite_pgwire import Wire, error, fields, types

GOLDEN = os.path.join(ROOT, 'test', 'golden', 'copy.json')
TABLES = ['create table t (a int, b text)', 'create table n (a int not null, b text default \'dflt\', c int default 7)',
          'create table k (i2 int2, i8 int8, f8 float8, f4 float4, nu numeric(8,2), v varchar(3), d date, ts timestamp, tz timestamptz, '
          'u uuid, j jsonb, bo bool, ar int[], by bytea, iv interval, tm time)', 'create view w as select 1 as a', 'create table e ()']
SIGNATURE = b'PGCOPY\n\xff\r\n\0'
HEAD = SIGNATURE + struct.pack('>ii', 0, 0)


def tuples(*rows):
    out = b''
    for row in rows:
        out += struct.pack('>h', len(row))
        for v in row:
            out += struct.pack('>i', -1) if v is None else struct.pack('>i', len(v)) + v
    return out


I = lambda n: struct.pack('>i', n)
ROW = '32767\t9223372036854775807\t1e300\t1.5\t123456.78\tabc\t2026-02-28\t2026-01-02 03:04:05.678\t2026-01-02 03:04:05+02\t' \
      '00112233-4455-6677-8899-aabbccddeeff\t{"b": 1, "a": [1,2]}\tt\t{1,NULL,3}\t\\\\x00ff\t1 day 02:03:04\t23:59:59.5\n'
NULLS = '\t'.join(['\\N'] * 16) + '\n'


def wide(column, text):
    """A row of k with one value."""
    cells = ['\\N'] * 16
    cells[column] = text
    return '\t'.join(cells) + '\n'


# statement, data -> what comes back, and what the table holds then (read through COPY, too)
IN = [
    ('copy t from stdin', '1\tone\n2\ttwo\n'), ('copy t from stdin', '1\tone\n2\ttwo'), ('copy t from stdin', ''), ('copy t from stdin', '\n'),
    ('copy t from stdin', '1\ta\r\n2\tb\r\n'), ('copy t from stdin', '1\ta\r2\tb\r'), ('copy t from stdin', '1\ta\n2\tb\r\n'),
    ('copy t from stdin', '1\ta\r\n2\tb\n'), ('copy t from stdin', '1\ta\r2\tb\n3\tc\r'), ('copy t from stdin', '1\ta\r\n2\tb\rx\r\n'),
    ('copy t from stdin', '1\ta\\tb\\nc\\\\d\\x41\\101\\q\\b\\f\\r\\v\n'), ('copy t from stdin', '1\ta\\\nb\n2\tx\n'), ('copy t from stdin', '1\tx\\'),
    ('copy t from stdin', '1\t\\N\n\\N\t\\\\N\n3\t\\NN\n'), ('copy t from stdin', '1\t\\xff\n'), ('copy t from stdin', '1\t\\0\n'), ('copy t from stdin', '1\t\\xc3\\xa4\n'),
    ('copy t from stdin', b'1\ta\n2\t\xff\n'), ('copy t from stdin', b'1\ta\n2\t\xe4\xb8\n'), ('copy t from stdin', b'1\ta\0b\n'), ('copy t from stdin', '1\tä€😀\n'),
    ('copy t from stdin', '1\ta\n\\.\n'), ('copy t from stdin', '1\ta\n\\.\nrubbish'), ('copy t from stdin', '1\ta\n\\.'), ('copy t from stdin', '1\ta\n\\.x\n'),
    ('copy t from stdin', '1\ta\\.\n'), ('copy t from stdin', '1\ta\n\\.\r\n'), ('copy t from stdin', '1\ta\r\n\\.\r\n'), ('copy t from stdin', '1\ta\r\n\\.\n'),
    ('copy t from stdin', '1\ta\r\n\\.x'), ('copy t from stdin', '\\.\n'), ('copy t from stdin', '1\ta\tb\n'), ('copy t from stdin', '1\n'), ('copy t from stdin', 'x\ta\n'),
    ('copy t from stdin', '1\ta\n2\tb\n99999999999\tc\n'), ('copy t from stdin', '1\ta\n' + 'y' * 120 + '\tq\n'), ('copy t from stdin', '1\t' + 'ä' * 120 + '\tq\n'),
    ('copy t from stdin', '1\ta\n2\n3\n'), ('copy t (b) from stdin', 'x\n'), ('copy t (b, a) from stdin', 'x\t1\n'), ('copy t (b, b) from stdin', 'x\t1\n'),
    ('copy t (zz) from stdin', ''), ('copy nosuch from stdin', ''), ('copy w from stdin', ''), ('copy e from stdin', '\n\n'), ('copy e from stdin', 'x\n'),
    ('copy n from stdin', '\\N\tx\t1\n'), ('copy n (a) from stdin', '1\n2\n'), ('copy n (b) from stdin', 'x\n'), ('copy n (c, a) from stdin', '5\t6\n'),
    ('copy n from stdin', '1\tx\t1\n\\N\ty\t2\nz\tz\tz\n'), ('copy t from stdin where a > 1', '1\ta\n2\tb\n3\tc\n'), ('copy n (a) from stdin where c = 7 and a <> 2', '1\n2\n3\n'),
    ('copy t from stdin where t.b like \'%x\'', '1\tax\n2\tb\n'), ('copy t from stdin where zz > 1', ''),
    ('copy t from stdin (delimiter \'|\', null \'NIL\')', '1|NIL\n2|\n'), ('copy t from stdin delimiter \',\' null \'\'', '1,a\n,\n'), ('copy t from stdin (header)', 'a\tb\n1\tx\n'),
    ('copy t from stdin (header match)', 'a\tb\n1\tx\n'), ('copy t from stdin (header match)', 'a\tc\n1\tx\n'), ('copy t from stdin (header match)', 'a\n1\tx\n'),
    ('copy t from stdin (header match)', 'a\t\\N\n1\tx\n'), ('copy t from stdin (header match)', ''), ('copy t from stdin (freeze false)', '1\ta\n'),
    ('copy t from stdin (format csv)', '1,one\n2,"t,w""o"\n3,\n4,""\n'), ('copy t from stdin csv', '1,"a\nb"\n2,"x\n'), ('copy t from stdin csv', '1,"a\nb"\nx,y\n'),
    ('copy t from stdin csv', '1,a\r\n2,"b\r\nc"\r\n'), ('copy t from stdin csv', '1,a\n2,b\r\n'), ('copy t from stdin csv', '1,a\r\n2,b\n'), ('copy t from stdin csv', '1,a"b"c"d,e"f\n'),
    ('copy t from stdin csv', '1,"a"" ""b" \n'), ('copy t from stdin csv', '\\.\n'), ('copy t from stdin csv', '1,a\n\\.\n2,b\n'), ('copy t (b) from stdin csv', '\\.x\n\\.'),
    ('copy t (b) from stdin csv', 'a\n\\.\r\n'), ('copy t from stdin csv quote \'\'\'\' escape \'\\\'', "1,'it\\'s \\\\ x'\n2,a\\b\n3,'a\\b'\n"),
    ('copy t from stdin (format csv, header, null \'x\')', 'a,b\n1,x\n2,"x"\n'), ('copy t from stdin (format csv, header match)', '"a",b\n1,x\n'),
    ('copy t from stdin (format csv, header match)', 'a,\n1,x\n'),
    ('copy t from stdin (format csv, force_not_null (b))', '1,\n2,""\n'), ('copy t from stdin (format csv, force_null (b))', '1,\n2,""\n'), ('copy t from stdin (format csv, force_null (zz))', ''),
    ('copy t from stdin csv force not null b', '1,\n'), ('copy t (a) from stdin (format csv, force_null (b))', ''), ('copy t from stdin csv', '1,a,b\n'), ('copy t from stdin csv', '1\n'),
    ('copy t from stdin csv', '\n'), ('copy t (b) from stdin csv', '\n'), ('copy t from stdin csv delimiter E\'\\t\'', '1\t"a\tb"\n'), ('copy t from stdin csv', ' 1 , x \n'),
    ('copy t from stdin csv header', 'a,"b\nc"\n1,x\ny,z\n'), ('copy t from stdin csv header', '"unterminated\n'),
    ('copy k from stdin', ROW), ('copy k from stdin', NULLS + ROW), ('copy k from stdin', wide(0, '40000')), ('copy k from stdin', wide(1, '9223372036854775808')),
    ('copy k from stdin', wide(2, '0.1') + wide(2, '-123.456') + wide(2, '1e-5') + wide(2, 'NaN') + wide(2, ' 7 ') + wide(2, '12345678901234567') + wide(2, '-0') + wide(2, '.5') + wide(2, '5.')),
    ('copy k from stdin', wide(2, '.')), ('copy k from stdin', wide(2, '1x')), ('copy k from stdin', wide(4, '12345678.9')), ('copy k from stdin', wide(5, 'abcd')), ('copy k from stdin', wide(5, 'abc  ')),
    ('copy k from stdin', wide(6, '2026-02-29')), ('copy k from stdin', wide(6, '2024-02-29') + wide(6, '0001-01-01') + wide(6, '9999-12-31') + wide(6, '1/2/2026') + wide(6, '2026-1-2') + wide(6, 'infinity')),
    ('copy k from stdin', wide(7, '2026-01-02 03:04:05.6789012')), ('copy k from stdin', wide(7, '2026-01-02T03:04:05Z') + wide(7, '2026-01-02 24:00:00') + wide(7, '2026-01-02 23:59:60')),
    ('copy k from stdin', wide(7, '2026-01-02 25:00:00')), ('copy k from stdin', wide(8, '2026-01-02 03:04:05') + wide(8, '2026-06-02 03:04:05Z') + wide(8, '2026-06-02T03:04:05.5-03:30') +
     wide(8, '2026-06-02 03:04:05+0530') + wide(8, '1900-01-01 00:00:00+00')), ('copy k from stdin', wide(8, '2026-06-02 03:04:05+16')), ('copy k from stdin', wide(9, 'xyz')),
    ('copy k from stdin', wide(10, '{bad')), ('copy k from stdin', wide(11, 'maybe')), ('copy k from stdin', wide(12, '{1,2')), ('copy k from stdin', wide(13, '\\\\xzz')),
    ('copy t from stdin binary', HEAD + tuples([I(1), b'one'], [None, None]) + b'\xff\xff'), ('copy t from stdin (format binary)', HEAD + tuples([I(1), b'one'])), ('copy t from stdin binary', HEAD),
    ('copy t from stdin binary', b''), ('copy t from stdin binary', b'PGCOPY\n'), ('copy t from stdin binary', b'rubbish rubbish rubbish'), ('copy t from stdin binary', SIGNATURE),
    ('copy t from stdin binary', SIGNATURE + struct.pack('>i', 0)), ('copy t from stdin binary', SIGNATURE + struct.pack('>ii', 1 << 16, 0)), ('copy t from stdin binary', SIGNATURE + struct.pack('>ii', 1 << 17, 0)),
    ('copy t from stdin binary', SIGNATURE + struct.pack('>ii', 0, 3) + b'abc' + tuples([I(5), b'x'])), ('copy t from stdin binary', SIGNATURE + struct.pack('>ii', 0, 3) + b'ab'),
    ('copy t from stdin binary', HEAD + tuples([I(1)])), ('copy t from stdin binary', HEAD + tuples([I(1), b'x'], [b'ab', b'x'])), ('copy t from stdin binary', HEAD + tuples([I(1), b'x'], [I(2) + b'x', b'x'])),
    ('copy t from stdin binary', HEAD + tuples([I(1), b'\xff'])), ('copy t from stdin binary', HEAD + struct.pack('>hi', 2, -2)), ('copy t from stdin binary', HEAD + struct.pack('>hi', 2, 4)),
    ('copy t from stdin binary', HEAD + tuples([I(1), b'x']) + b'\xff\xff' + b'more'),
]
SETS = [
    '1', '(format nosuch)', '(nosuch)', '(format csv, format csv)', '(delimiter \'ab\')', '(delimiter E\'\\n\')', '(delimiter \'a\')', '(delimiter \'\\\')', '(null E\'x\\ny\')', '(delimiter \'|\', null \'a|b\')',
    '(quote \'x\')', '(escape \'x\')', '(format csv, quote \'ab\')', '(format csv, quote \',\')', '(format csv, escape \'\')', '(format csv, null \'"\')', '(format csv, delimiter \'"\')',
    '(force_quote (a))', '(force_null (a))', '(force_not_null (a))', '(format csv, force_quote *)', '(format csv, force_quote a)', '(format binary, delimiter \',\')', '(format binary, null \'\')',
    '(format binary, header)', '(format binary, quote \'"\')', '(header maybe)', '(header 2)', '(header \'off\')', '(freeze maybe)', '(encoding \'nosuch\')', '(header match)', '(default \'x\')',
    '(format csv, force_not_null (zz))', '(format csv, force_quote (zz))',
]
VALUES = "(values (1, 'a,b', null::text), (2, E'q\"x\\ny\\tz\\\\', ''), (null, '\\N', '\\.')) v(i, t, n)"
OUT = [
    'copy (select * from %s) to stdout' % VALUES, 'copy (select * from %s) to stdout csv' % VALUES, 'copy (select * from %s) to stdout (format csv, header, force_quote (i, n))' % VALUES,
    'copy (select * from %s) to stdout csv force quote *' % VALUES, 'copy (select * from %s) to stdout (format csv, null \'NULL\', quote \'\'\'\', escape \'\\\')' % VALUES,
    'copy (select * from %s) to stdout (delimiter \'|\', null \'-\', header)' % VALUES, 'copy (select * from %s) to stdout binary' % VALUES, 'copy (select 1 where false) to stdout binary',
    'copy (select 1 as "x y", 2 as "c,d" where false) to stdout (format csv, header)', 'copy (values (1)) to stdout (delimiter \'-\')', 'copy (values (-1)) to stdout (delimiter \'-\')',
    'copy (values (-1), (12)) to stdout (format csv, delimiter \'1\')', 'copy (values (1), (12)) to stdout (format csv, null \'1\')', 'copy (values (\'\\.\')) to stdout csv',
    'copy (values (\'\\.\', 1)) to stdout csv', 'copy (values (E\'a\\rb\', \'x"\', \'y\\\')) to stdout (format csv, escape \'\\\')', 'copy (values (E\'\\b\\f\\v\\x01\')) to stdout',
    'copy t to stdout', 'copy t (b) to stdout', 'copy t (zz) to stdout', 'copy nosuch to stdout', 'copy w to stdout', 'copy e to stdout', 'copy (select 1/0) to stdout', 'copy (select) to stdout',
    'copy (select 1; select 2) to stdout', 'copy (select $1::int) to stdout', 'copy (create table x (a int)) to stdout', 'copy t to stdout where a > 1', 'copy (values (1.50, true, date \'2026-01-02\', '
    'timestamptz \'2026-01-02 03:04:05+00\', interval \'1 day\', array[1,2], \'{"a": 1}\'::jsonb, \'\\x00ff\'::bytea)) to stdout csv',
    'copy (values (1.50, true, date \'2026-01-02\', timestamptz \'2026-01-02 03:04:05+00\', interval \'1 day\', array[1,null,3], \'{"a": 1}\'::jsonb, \'\\x00ff\'::bytea, 1.5::float8)) to stdout binary',
]


class PostgresWire(Wire):
    def __init__(self, folder):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(folder + '/.s.PGSQL.5432')
        self.buffer, self.status, self.key = b'', {}, None
        self.startup(user='postgres', database='postgres')


def answer(messages):
    """What counts of the messages, as JSON can hold it."""
    out = []
    for kind, body in messages:
        if kind in b'EN':
            f = fields(body)
            out.append([kind.decode()] + [f.get(name) for name in 'SCMDHPW'])
        elif kind != b'S':
            out.append([kind.decode(), body.decode('latin-1')])
    return out


def copy_in(wire, statement, data):
    data = data if isinstance(data, bytes) else data.encode()
    wire.send((b'Q', statement.encode() + b'\0'))
    first = wire.until(b'GZ')
    if first[-1][0] == b'Z':
        return answer(first)
    wire.send((b'd', data), (b'c', b''))
    return answer(first) + answer(wire.until())


def ask(wire):
    """Every case's answer."""
    got = {}
    for statement in TABLES + ["set timezone = 'Europe/Berlin'"]:
        wire.query(statement)
    for statement, data in IN:
        table = statement.split()[1]
        wire.query('begin')
        key = statement + '\x1f' + (data if isinstance(data, str) else data.decode('latin-1'))
        got[key] = copy_in(wire, statement, data)
        if got[key][-1] == ['Z', 'T'] and table != 'e':
            got[key] += answer(wire.query(f'copy {table} to stdout'))
        wire.query('rollback')
    for options in SETS:
        for statement in (f'copy t from stdin {options}', f'copy t to stdout {options}'):
            got[statement] = copy_in(wire, statement, '')
    copy_in(wire, 'copy t from stdin', '1\tx\n\\N\t\\\\y\n')
    for statement in OUT:
        got[statement] = answer(wire.query(statement))
    return got


# Where we differ from PostgreSQL on purpose: a substring of the case -> why.
DIFFERENT = {
    "(encoding 'nosuch')": 'UTF8 is all there is, other encodings are 0A000',
    'copy w from': 'the view is refused before CopyInResponse',
    'select 1/0': 'fails when it runs, after CopyOutResponse',
    'select $1': 'without the position',
    '{bad': 'the context has no JSON part',
}


def test_answers_are_those_of_postgresql():
    with open(GOLDEN, encoding='utf-8') as f:
        golden = json.load(f)
    with Server() as s:
        got = ask(Wire(s))
    equal(sorted(set(got) ^ set(golden)), [], 'cases without an answer on record')
    wrong = []
    for case, want in golden.items():
        have = [normal(m) for m in got[case]]
        if have != [normal(m) for m in want] and not any(text in case for text in DIFFERENT):
            wrong.append((case, have, want))
    for case, have, want in wrong:
        print(f'--- {case!r}\n   got {have}\n  want {want}')
    equal(len(wrong), 0, 'cases that differ from PostgreSQL')


def normal(message):
    """Row descriptions and the columns' table ids do not matter here."""
    return message if message[0] != 'T' else ['T']


def test_every_split_of_the_bytes_reads_the_same():
    data = '1\tone\r\n2\ta\\tb\\\\c\r\n\\N\tä€\r\n\\.\r\n'.encode()
    csv = 'a,b\n1,"x ""y""\nz"\n2,\n3,ä\n'.encode()
    with Server() as s:
        w = Wire(s)
        w.query(TABLES[0])
        for statement, body, rows in (('copy t from stdin', data, 3), ('copy t from stdin (format csv, header match)', csv, 3)):
            whole = None
            for size in [len(body)] + list(range(1, 9)):
                w.query('begin')
                w.send((b'Q', statement.encode() + b'\0'))
                equal(w.until(b'GZ')[-1][0], b'G')
                w.send(*[(b'd', body[i:i + size]) for i in range(0, len(body), size)], (b'c', b''))
                equal(w.until()[0], (b'C', b'COPY %d\0' % rows))
                held = b''.join(m[1] for m in w.query('copy t to stdout') if m[0] == b'd')
                whole = whole or held
                equal(held, whole, f'pieces of {size}')
                w.query('rollback')


def test_extended_protocol_ignores_sync_until_the_copy_ends():
    with Server() as s:
        w = Wire(s)
        w.query(TABLES[0])
        w.send((b'P', b'\0copy t from stdin\0\0\0'), (b'B', b'\0\0\0\0\0\0\0\0'), (b'D', b'P\0'), (b'E', b'\0\0\0\0\0'), (b'S', b''))
        equal(types(w.until(b'G')), '12nG')
        w.send((b'd', b'1\tx\n'), (b'H', b''), (b'S', b''), (b'c', b''), (b'S', b''))
        equal(types(w.until()), 'CZ')
        w.send((b'P', b'\0copy t to stdout\0\0\0'), (b'B', b'\0\0\0\0\0\0\0\0'), (b'E', b'\0\0\0\0\0'), (b'S', b''))
        got = w.until()
        equal(types(got), '12HdcCZ')
        equal(got[3][1], b'1\tx\n')
        # a failure skips to the Sync, data included
        w.send((b'P', b'\0copy t from stdin\0\0\0'), (b'B', b'\0\0\0\0\0\0\0\0'), (b'E', b'\0\0\0\0\0'))
        equal(types(w.until(b'G')), '12G')
        w.send((b'd', b'bad\tx\n'), (b'c', b''), (b'P', b'\0select 1\0\0\0'), (b'S', b''))
        equal(types(w.until()), 'EZ')
        equal(types(w.query('select 1')), 'TDCZ')


def test_copy_fail_and_foreign_messages_end_the_copy():
    with Server() as s:
        w = Wire(s)
        w.query(TABLES[0])
        w.send((b'Q', b'copy t from stdin\0'))
        w.until(b'G')
        w.send((b'd', b'1\tx\n'), (b'f', b'changed my mind\0'))
        e = error(w.until())
        equal((e['C'], e['M'], e['W']), ('57014', 'COPY from stdin failed: changed my mind', 'COPY t, line 2'))
        w.send((b'Q', b'copy t from stdin\0'))
        w.until(b'G')
        w.send((b'Q', b'select 1\0'))
        equal(error(w.until())['C'], '08P01')
        w.send((b'd', b'late'), (b'c', b''))
        equal([m[1] for m in w.query('select count(*) from t') if m[0] == b'D'], [b'\0\1\0\0\0\x010'])


def test_a_copy_that_waits_is_cancelled():
    with Server() as s:
        w = Wire(s)
        w.query(TABLES[0])
        w.send((b'Q', b'copy t from stdin\0'))
        w.until(b'G')
        w.send((b'd', b'1\tx\n'))
        with socket.create_connection(w.address) as c:
            c.sendall(struct.pack('>iiII', 16, 80877102, *w.key))
            c.recv(1)
        equal(error(w.until())['C'], '57014')
        equal(types(w.query('select 1')), 'TDCZ')


def test_copy_is_atomic_in_and_out_of_blocks():
    with Server() as s:
        w = Wire(s)
        w.query(TABLES[0])
        rows = ''.join(f'{i}\tname {i}\n' for i in range(50000))
        equal(copy_in(w, 'copy t from stdin', rows + 'bad\tx\n')[1][:4], ['E', 'ERROR', '22P02', 'invalid input syntax for type integer: "bad"'])
        equal(len(w.query('copy t to stdout')), 4)
        w.query('begin')
        equal(copy_in(w, 'copy t from stdin', rows)[1], ['C', 'COPY 50000\0'])
        other = Wire(s)
        equal(len(other.query('copy t to stdout')), 4)
        w.query('commit')
        equal(len(other.query('copy t to stdout')), 50004)


def test_files_and_programs_of_the_server_are_refused():
    with Server() as s:
        w = Wire(s)
        w.query(TABLES[0])
        for statement in ("copy t from '/etc/passwd'", "copy t to '/tmp/luma-copy'", "copy t from program 'true'", "copy (select 1) to program 'true'"):
            equal(error(w.query(statement))['C'], '42501')
        equal(os.path.exists('/tmp/luma-copy'), False)


def record():
    sys.path.insert(0, os.path.join(ROOT, 'test', 'golden'))
    from pgtype_cases import Oracle
    with Oracle() as oracle:
        golden = ask(PostgresWire(oracle.dir))
    with open(GOLDEN, 'w', encoding='utf-8') as f:
        json.dump(golden, f, indent=0, ensure_ascii=True)
        f.write('\n')


if __name__ == '__main__':
    if sys.argv[1:] == ['--record']:
        record()
    else:
        run_suite(globals())
