CREATE TABLE a (id int, g int, v numeric, t text);
CREATE TABLE b (id int, a_id int, v numeric);
CREATE TABLE c (id int, b_id int, n text);
INSERT INTO a SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE i % 5 END, i * 1.5, 't' || (i % 3) FROM generate_series(1, 20) AS s(i);
INSERT INTO b SELECT i, CASE WHEN i % 6 = 0 THEN NULL ELSE i % 13 END, i FROM generate_series(1, 30) AS s(i);
INSERT INTO c SELECT i, i % 11, 'n' || i % 4 FROM generate_series(1, 15) AS s(i);
-- chains of inner joins, conditions in WHERE
SELECT a.id, b.id, c.id FROM a, b, c WHERE a.id = b.a_id AND c.b_id = b.id AND a.v > 3 ORDER BY 1, 2, 3;
SELECT count(*) FROM a, b, c;
SELECT count(*) FROM a, b, c WHERE a.id = b.a_id OR c.b_id = b.id;
SELECT count(*), sum(a.v) FROM a JOIN b ON a.id = b.a_id JOIN c ON c.b_id = b.id AND c.id <> a.id;
SELECT a.id, x.id FROM a, a AS x WHERE a.g = x.g AND a.id < x.id AND (a.t = 't1' AND x.t = 't2' OR a.t = 't2' AND x.t = 't1') ORDER BY 1, 2;
SELECT count(*) FROM a, b WHERE (a.id = b.a_id AND a.t = 't1' AND b.v > 10) OR (a.id = b.a_id AND a.t = 't2' AND b.v < 20);
SELECT a.id FROM a, b, c WHERE a.id = b.a_id AND b.a_id = c.b_id AND a.id = 4 ORDER BY 1;
-- outer joins
SELECT a.id, b.id, c.id FROM a LEFT JOIN b ON a.id = b.a_id LEFT JOIN c ON c.b_id = b.id WHERE a.id < 6 ORDER BY 1, 2, 3;
SELECT a.id, b.id FROM a LEFT JOIN b ON a.id = b.a_id AND b.v > 15 WHERE b.id IS NULL ORDER BY 1;
SELECT a.id, b.id FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.v > 15 ORDER BY 1, 2;
SELECT a.id, b.id, c.id FROM a LEFT JOIN b ON a.id = b.a_id, c WHERE c.id = a.id AND coalesce(b.v, 0) < c.id + 10 ORDER BY 1, 2, 3;
SELECT a.id, b.id, c.id FROM (a LEFT JOIN b ON a.id = b.a_id) JOIN c ON c.id = coalesce(b.id, 3) ORDER BY 1, 2, 3;
SELECT a.id, b.id FROM a RIGHT JOIN b ON a.id = b.a_id AND a.g = 1 WHERE b.id < 12 ORDER BY 1, 2;
SELECT a.id, b.id FROM a FULL JOIN b ON a.id = b.a_id AND a.g = 1 WHERE coalesce(a.id, 0) < 5 ORDER BY 1, 2;
SELECT count(*) FROM a LEFT JOIN b ON true WHERE a.id = 3;
-- EXISTS and IN
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id AND b.v > a.v) ORDER BY 1;
SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id) ORDER BY 1;
SELECT id FROM a WHERE id IN (SELECT a_id FROM b) ORDER BY 1;
SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b) ORDER BY 1;
SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE a_id IS NOT NULL) ORDER BY 1;
SELECT id FROM a WHERE g NOT IN (SELECT a_id FROM b WHERE a_id = 99) ORDER BY 1;
SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE b.v > a.v) ORDER BY 1;
SELECT id, id IN (SELECT a_id FROM b) FROM a ORDER BY 1;
SELECT id, g NOT IN (SELECT a_id FROM b WHERE a_id < 3) FROM a ORDER BY 1;
SELECT id, EXISTS (SELECT 1 FROM b WHERE b.a_id = a.g) FROM a ORDER BY 1;
SELECT id FROM a WHERE id = 3 OR EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id AND b.id > 25) ORDER BY 1;
SELECT id FROM a WHERE id = 3 OR id IN (SELECT id FROM c WHERE n = 'n2') ORDER BY 1;
SELECT id FROM a WHERE id IN (SELECT a_id FROM b WHERE EXISTS (SELECT 1 FROM c WHERE c.b_id = b.id)) ORDER BY 1;
SELECT a.id, b.id FROM a, b WHERE a.id = b.a_id AND a.id IN (SELECT b_id FROM c) AND NOT EXISTS (SELECT 1 FROM c WHERE c.id = b.id) ORDER BY 1, 2;
SELECT count(*) FROM a WHERE EXISTS (SELECT 1 FROM b);
SELECT count(*) FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE false);
-- scalar subqueries
SELECT id, (SELECT max(v) FROM b WHERE b.a_id = a.id) FROM a ORDER BY 1;
SELECT id, (SELECT count(*) FROM b WHERE b.a_id = a.id) FROM a ORDER BY 1;
SELECT id, (SELECT count(*) + 10 FROM b WHERE b.a_id = a.id AND b.v > 10) AS n FROM a ORDER BY 1;
SELECT id, (SELECT coalesce(sum(v), -1) FROM b WHERE b.a_id = a.id) FROM a ORDER BY 1;
SELECT id, (SELECT sum(v) * a.id FROM b WHERE b.a_id = a.id) FROM a ORDER BY 1;
SELECT id FROM a WHERE v < (SELECT avg(v) FROM b WHERE b.a_id = a.id) ORDER BY 1;
SELECT id FROM a WHERE 0 = (SELECT count(*) FROM b WHERE b.a_id = a.id) ORDER BY 1;
SELECT a.id FROM a, b WHERE a.id = b.a_id AND b.v = (SELECT min(v) FROM b AS x WHERE x.a_id = a.id) ORDER BY 1;
SELECT id, (SELECT n FROM c WHERE c.id = a.id) FROM a ORDER BY 1;
SELECT id, (SELECT n FROM c WHERE c.b_id = a.id) FROM a ORDER BY 1;
SELECT id, CASE WHEN id > 100 THEN (SELECT n FROM c WHERE c.b_id = a.id) ELSE 'x' END FROM a WHERE id < 3 ORDER BY 1;
SELECT id FROM a WHERE v > (SELECT avg(v) FROM a) ORDER BY 1;
SELECT id, v - (SELECT min(v) FROM b) FROM a WHERE id < 4 ORDER BY 1;
SELECT (SELECT max(id) FROM a), (SELECT min(id) FROM b WHERE v > (SELECT avg(v) FROM a));
SELECT g, sum(v) FROM a GROUP BY g HAVING sum(v) > (SELECT avg(v) * 3 FROM a) ORDER BY 1;
SELECT id, (SELECT string_agg(n, ',' ORDER BY n) FROM c WHERE c.b_id = a.g) FROM a ORDER BY 1;
SELECT id, (SELECT max(v) FROM b WHERE b.a_id = a.g AND b.v < (SELECT count(*) FROM c WHERE c.b_id = b.a_id) * 20) FROM a ORDER BY 1;
SELECT id FROM a WHERE (SELECT max(x.v) FROM b AS x WHERE x.a_id = a.id) IS NULL ORDER BY 1;
-- lateral
SELECT a.id, l.m FROM a, LATERAL (SELECT max(v) AS m FROM b WHERE b.a_id = a.id) AS l ORDER BY 1;
SELECT a.id, l.id FROM a LEFT JOIN LATERAL (SELECT id FROM b WHERE b.a_id = a.id ORDER BY id DESC LIMIT 1) AS l ON true ORDER BY 1;
SELECT a.id, l.id FROM a, LATERAL (SELECT id FROM b WHERE b.a_id = a.id AND b.v > a.v) AS l ORDER BY 1, 2;
-- tables from subqueries
SELECT s.g, s.n, b.id FROM (SELECT g, count(*) AS n FROM a GROUP BY g) AS s, b WHERE s.g = b.a_id AND s.n > 3 ORDER BY 1, 2, 3;
SELECT s.id FROM (SELECT id, g FROM a UNION ALL SELECT id, a_id FROM b) AS s JOIN c ON c.id = s.id AND c.b_id = s.g ORDER BY 1;
WITH w AS (SELECT a_id, sum(v) AS total FROM b GROUP BY a_id) SELECT a.id, w.total FROM a, w WHERE a.id = w.a_id AND w.total = (SELECT max(total) FROM w) ORDER BY 1;
SELECT a.id FROM a JOIN b USING (id) JOIN c USING (id) WHERE a.g = 2 ORDER BY 1;
SELECT * FROM a NATURAL JOIN (SELECT id, v * 1.5 AS v FROM b) AS x ORDER BY 1;
-- WITH queries that are read once, never, twice
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t LIMIT 3;
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t WHERE n % 100 = 0 LIMIT 2;
WITH RECURSIVE t(n) AS (SELECT 1 UNION SELECT (n * 2) % 7 FROM t) SELECT n FROM t ORDER BY 1;
WITH w AS (SELECT 1 / 0), x AS (SELECT id FROM a) SELECT count(*) FROM x WHERE id > 3;
WITH w AS (SELECT id, g FROM a) SELECT count(*) FROM w AS l JOIN w AS r ON l.g = r.id;
-- DISTINCT and UNION
SELECT DISTINCT g FROM a ORDER BY 1;
SELECT count(*) FROM (SELECT DISTINCT g, t FROM a) AS s;
SELECT g FROM a UNION SELECT a_id FROM b ORDER BY 1;
SELECT t FROM a UNION ALL SELECT n FROM c UNION SELECT 'n1' ORDER BY 1;
-- sliding frames
SELECT id, sum(v) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING) FROM b WHERE id < 9 ORDER BY 1;
SELECT i, sum(i) OVER w, count(*) OVER w, min(i) OVER w, max(i % 17) OVER w FROM generate_series(1, 200) AS s(i) WINDOW w AS (ORDER BY i ROWS BETWEEN 40 PRECEDING AND 25 FOLLOWING) ORDER BY 1 LIMIT 120;
SELECT i, sum(i) OVER w FROM (SELECT i / 4 AS i FROM generate_series(1, 240) AS s(i)) AS x WINDOW w AS (ORDER BY i RANGE BETWEEN 10 PRECEDING AND 10 FOLLOWING EXCLUDE GROUP) ORDER BY 1, 2 LIMIT 90;
SELECT i, k, avg(i) OVER w FROM (SELECT i, i / 3 AS k FROM generate_series(1, 150) AS s(i)) AS x WINDOW w AS (ORDER BY k GROUPS BETWEEN 12 PRECEDING AND 9 FOLLOWING EXCLUDE TIES) ORDER BY 1 LIMIT 80;
SELECT i, sum(i) FILTER (WHERE i % 2 = 0) OVER (ORDER BY i ROWS BETWEEN 30 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM generate_series(1, 90) AS s(i) ORDER BY 1;
SELECT x, last_value(x) OVER (ORDER BY x RANGE BETWEEN CURRENT ROW AND 4 FOLLOWING) FROM generate_series(2147483644, 2147483646) AS x ORDER BY 1;
SELECT x, count(*) OVER (ORDER BY x RANGE BETWEEN -1 PRECEDING AND 4 FOLLOWING) FROM generate_series(1, 3) AS x;
