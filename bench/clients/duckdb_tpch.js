// Loads the tables of bench/tpch.py into DuckDB, in memory on two threads, and prints each query's best time in ms.
const fs = require('fs');
const {DuckDBInstance} = require('@duckdb/node-api');

(async () => {
  const {dir, ddl, queries, rounds} = JSON.parse(fs.readFileSync(0, 'utf8'));
  const instance = await DuckDBInstance.create(':memory:', {threads: '2'});
  const c = await instance.connect();
  for (const [table, columns] of Object.entries(ddl)) {
    await c.run(`create table ${table} (${columns})`);
    await c.run(`copy ${table} from '${dir}/${table}.csv' (delimiter '|', header false)`);
  }
  const times = {}, counts = {};
  for (const [name, text] of Object.entries(queries)) {
    times[name] = Infinity;
    for (let i = 0; i < rounds; i++) {
      const begin = process.hrtime.bigint();
      counts[name] = (await c.runAndReadAll(text)).currentRowCount;
      times[name] = Math.min(times[name], Number(process.hrtime.bigint() - begin) / 1e6);
    }
  }
  console.log(JSON.stringify({times, counts}));
})();
