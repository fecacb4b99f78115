// Runs the statements of bench/run.py in DuckDB, in memory, and prints times and row counts as JSON.
const {DuckDBInstance} = require('@duckdb/node-api');

(async () => {
  const {make, texts, rounds} = JSON.parse(process.argv[2]);
  const instance = await DuckDBInstance.create(':memory:', {threads: '2'});
  const c = await instance.connect();
  // Its timestamptz goes through ICU, a hundred times slower; a plain timestamp is the fair peer.
  const plain = make.replace("timestamptz '2026-01-01 00:00:00+00'", "timestamp '2026-01-01 00:00:00'");
  await c.run('create table t as ' + plain.replace('(i / 1000)', '(i // 1000)'));
  const times = {}, counts = {};
  for (const [name, text] of Object.entries(texts)) {
    counts[name] = (await c.runAndReadAll(text)).currentRowCount;
    times[name] = [];
  }
  for (let i = 0; i < rounds; i++) {
    for (const [name, text] of Object.entries(texts)) {
      const begin = process.hrtime.bigint();
      await c.runAndReadAll(text);
      times[name].push(Number(process.hrtime.bigint() - begin) / 1e6);
    }
  }
  console.log(JSON.stringify({times, counts}));
})();
