#!/usr/bin/env python3
"""Parquet files of DuckDB are read with equal content whatever their encoding; ours are read by DuckDB, hyparquet and arrow-rs."""
import json, os, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import clients
from luma import ROOT, equal, run_suite

BUILD = os.environ.get('LUMADB_BUILD', os.path.join(ROOT, 'build'))
OURS = ['ZSTD v1 auto', 'SNAPPY v2 auto', 'GZIP v1 delta_bytes', 'LZ4_RAW v2 plain', 'UNCOMPRESSED v1 dictionary']


def tool(*args):
    return subprocess.run([os.path.join(BUILD, 'bench', 'parquet_tool'), *args], check=True, capture_output=True, text=True).stdout


def script(*args):
    clients.install()
    env = dict(os.environ, NODE_PATH=os.path.join(clients.FOLDER, 'node_modules'))
    at = os.path.join(clients.FOLDER, 'parquet_suite.tmp.js')
    shutil.copy(os.path.join(ROOT, 'test', 'parquet', 'parquet.js'), at)
    try:
        p = subprocess.run(['node', at, *args], cwd=clients.FOLDER, env=env, capture_output=True, text=True, timeout=240)
    finally:
        os.remove(at)
    assert p.returncode == 0, p.stderr[-2000:]
    return p.stdout


def test_files_of_duckdb_are_read_alike_and_ours_by_three_readers():
    with tempfile.TemporaryDirectory() as folder:
        script('make', folder)
        files = sorted(os.listdir(folder))
        want = tool('read', os.path.join(folder, files[0]))
        equal(want.count('\n'), 6000)
        for name in files[1:]:
            assert tool('read', os.path.join(folder, name)) == want, name
        row = json.loads(want.split('\n')[8])
        equal((row['i8'], row['u8'], row['d30'], row['l'], row['mp']),
              ('8000024', '18446744073709551607', '0.08000', '{8,NULL,9}', '{"8":8,"k":null}'))
        source = os.path.join(folder, files[0])
        rows = os.path.join(folder, 'want.jsonl')
        with open(rows, 'w', encoding='utf-8') as f:
            f.write(want)
        ours = [os.path.join(folder, 'ours-%d.parquet' % i) for i in range(len(OURS))]
        for path, options in zip(ours, OURS):
            tool('copy', source, path, *options.split())
        answers = [json.loads(line) for line in script('compare', rows, source, *ours).splitlines()]
        for options, answer in zip(OURS, answers[1:]):
            equal((options, answer), (options, {'duckdb': answers[0]['duckdb'], 'hyparquet': [6000, 0], 'wasm': [6000, 0]}))


def test_part_describes_a_foreign_file():
    with tempfile.TemporaryDirectory() as folder:
        script('make', folder)
        path = os.path.join(folder, 'v2.parquet')
        out = subprocess.run([os.path.join(BUILD, 'lumadb'), 'part', path, '--json'], check=True, capture_output=True, text=True).stdout
        part = json.loads(out)
        equal((part['rows'], len(part['row_groups']), part['columns'][0]), (6000, 1, {'name': 'b', 'type': 'boolean'}))
        i4 = part['row_groups'][0]['columns'][3]
        equal((i4['path'], i4['min'], i4['max'], i4['codec']), ('i4', '0', '41993', 'ZSTD'))
        text = subprocess.run([os.path.join(BUILD, 'lumadb'), 'part', path], check=True, capture_output=True, text=True).stdout
        assert 'd30: optional FIXED_LEN_BYTE_ARRAY decimal(30, 5)' in text, text


if __name__ == '__main__':
    run_suite(globals())
