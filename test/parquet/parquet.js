// parquet.js MODE ...: `make FOLDER` has DuckDB write files of every type by several encodings and codecs;
// `compare WANT FILE...` prints, for each file, what three readers nobody here wrote make of it.
const fs = require('fs');
const { DuckDBInstance } = require('@duckdb/node-api');

const TABLE = `create table t as select (i%2=0) b, (i%100)::tinyint i1, i::smallint i2, (i*7)::integer i4, (i*1000003)::bigint i8,
  (i%200)::utinyint u1, (i%60000)::usmallint u2, (i+4000000000)::uinteger u4, (18446744073709551615-i)::ubigint u8, (i/7.0)::float f4,
  (i/7.0)::double f8, 'text '||(i%37) s, ('blob'||i)::blob bl, date '2020-01-01'+(i%1000)::int d, time '01:02:03.456'+interval (i) second t,
  timestamp '2020-01-01'+interval (i) minute ts, (timestamp '2020-01-01'+interval (i) minute)::timestamptz tz,
  (timestamp '2020-01-01'+interval (i) minute)::timestamp_ns tn, (timestamp '2020-01-01'+interval (i) minute)::timestamp_ms tm,
  (i/100.0)::decimal(8,2) d8, (i/100.0)::decimal(16,3) d16, (i/100.0)::decimal(30,5) d30,
  ('00000000-0000-0000-0000-'||lpad(i::varchar,12,'0'))::uuid u, interval (i) day iv, to_json({a:i}) j,
  case when i%3=0 then null else i end n, case when i%5=0 then null when i%7=0 then []::int[] else [i,null,i+1] end l, ['x'||i,'y'] ls,
  {a:i, b:'q'||i, c:[i]} st, map([i::varchar,'k'],[i,null]) mp, [[i],[],[null,i]] ll from range(6000) r(i)`;
const FILES = { snappy: 'codec snappy', zstd: 'codec zstd', gzip: 'codec gzip', lz4: 'codec lz4_raw', brotli: 'codec brotli',
  none: 'codec uncompressed', v2: 'codec zstd, parquet_version v2', plain: 'codec zstd, parquet_version v2, dictionary_size_limit 1',
  groups: 'codec zstd, row_group_size 2048' };
// DuckDB reads our unsigned integers back as the next wider type.
const COLUMNS = 'b,i1::smallint,i2,i4,i8,u1::smallint,u2::int,u4::bigint,f4,f8,s,bl,d,t,ts,tz,d8,d16,d30,u,n,j::varchar'.split(',');

async function connect() {
  return (await DuckDBInstance.create(':memory:')).connect();
}

async function make(folder) {
  const c = await connect();
  await c.run(TABLE);
  for (const [name, options] of Object.entries(FILES)) await c.run(`copy t to '${folder}/${name}.parquet' (format parquet, ${options})`);
}

async function duckdb(c, file) {
  const q = `select md5(string_agg(x::varchar, chr(10) order by i8)) from (select i8, row(${COLUMNS.join(',')}) x from '${file}')`;
  return String((await c.runAndReadAll(q)).getRows()[0][0]);
}

// Columns that JavaScript readers give exactly.
const PLAIN = { i4: String, i8: String, n: String, u4: String, s: String, f8: Number, f4: (x) => Math.fround(Number(x)) };

function differences(want, get) {
  let bad = 0;
  for (let k = 0; k < want.length; k++) {
    for (const [name, as] of Object.entries(PLAIN)) {
      const y = want[k][name];
      const g = get(k, name);
      if (y === null ? g !== null && g !== undefined : as(g) !== as(y)) bad++;
    }
  }
  return bad;
}

async function compare(wantFile, files) {
  const { parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const wasm = require('parquet-wasm');
  const arrow = require('apache-arrow');
  const want = fs.readFileSync(wantFile, 'utf8').trim().split('\n').map((x) => JSON.parse(x));
  const c = await connect();
  for (const file of files) {
    const bytes = fs.readFileSync(file);
    const ab = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const rows = await parquetReadObjects({ file: { byteLength: ab.byteLength, slice: (a, z) => ab.slice(a, z) }, compressors,
      columns: Object.keys(PLAIN) });
    const table = arrow.tableFromIPC(wasm.readParquet(new Uint8Array(bytes)).intoIPCStream());
    const columns = Object.fromEntries(Object.keys(PLAIN).map((name) => [name, table.getChild(name)]));
    console.log(JSON.stringify({ duckdb: await duckdb(c, file), hyparquet: [rows.length, differences(want, (k, name) => rows[k][name])],
      wasm: [table.numRows, differences(want, (k, name) => columns[name].get(k))] }));
  }
}

const [mode, ...rest] = process.argv.slice(2);
(mode === 'make' ? make(rest[0]) : compare(rest[0], rest.slice(1))).catch((e) => { console.error(e); process.exit(1); });
