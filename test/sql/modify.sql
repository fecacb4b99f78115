-- UPDATE, DELETE, ON CONFLICT, RETURNING, WITH, MERGE, savepoints: expected output is PostgreSQL's.
CREATE TABLE stock (id int PRIMARY KEY, name text NOT NULL, qty int DEFAULT 5);
INSERT INTO stock VALUES (1, 'bolt', 10), (2, 'nut', 20), (3, 'screw', 30), (4, 'nail', DEFAULT);
UPDATE stock SET qty = qty + 1 WHERE id = 2 RETURNING *;
UPDATE stock AS s SET (name, qty) = (upper(s.name), s.qty * 2) WHERE s.id IN (1, 3) RETURNING s.id, name, qty;
UPDATE stock SET (name, qty) = (SELECT 'from query', 77) WHERE id = 4 RETURNING name, qty;
UPDATE stock SET qty = DEFAULT WHERE id = 4 RETURNING qty;
UPDATE stock SET qty = v.n FROM (VALUES (1, 100), (2, 200)) AS v(id, n) WHERE stock.id = v.id RETURNING stock.id, qty, v.n;
UPDATE stock SET name = NULL WHERE id = 1;
UPDATE stock SET nope = 1;
UPDATE stock SET qty = 'many';
UPDATE stock SET qty = 1, qty = 2;
UPDATE stock SET (name, qty) = (SELECT 1);
UPDATE stock SET qty = (SELECT max(s.qty) FROM stock s WHERE s.id < stock.id) WHERE id > 1 RETURNING id, qty;
SELECT * FROM stock ORDER BY id;
UPDATE stock SET id = id + 10;
SELECT id FROM stock ORDER BY id;
DELETE FROM stock WHERE id = 14 RETURNING id, name;
DELETE FROM stock USING (VALUES (13)) v(id) WHERE stock.id = v.id RETURNING stock.id, v.id;
DELETE FROM stock WHERE nope;
DELETE FROM nothing;
SELECT count(*) FROM stock;
-- keys
INSERT INTO stock VALUES (11, 'again', 1);
INSERT INTO stock VALUES (20, 'x', 1), (20, 'y', 2);
INSERT INTO stock VALUES (11, 'again', 1), (15, 'new', 1) ON CONFLICT DO NOTHING;
INSERT INTO stock VALUES (11, 'again', 1), (16, 'newer', 1) ON CONFLICT (id) DO UPDATE SET name = excluded.name || '/' || stock.name, qty = stock.qty + excluded.qty RETURNING *;
INSERT INTO stock VALUES (11, 'third', 1) ON CONFLICT ON CONSTRAINT stock_pkey DO UPDATE SET name = 'third' WHERE stock.qty < 0;
INSERT INTO stock VALUES (30, 'a', 1), (30, 'b', 2) ON CONFLICT (id) DO UPDATE SET qty = 0;
INSERT INTO stock VALUES (30, 'a', 1), (30, 'b', 2) ON CONFLICT (id) DO NOTHING RETURNING name;
INSERT INTO stock VALUES (1, 'a', 1) ON CONFLICT (name) DO NOTHING;
INSERT INTO stock VALUES (1, 'a', 1) ON CONFLICT ON CONSTRAINT nope DO NOTHING;
INSERT INTO stock VALUES (1, 'a', 1) ON CONFLICT DO UPDATE SET qty = 1;
INSERT INTO stock VALUES (11, 'a', 1) ON CONFLICT (id) DO UPDATE SET qty = qty + 1;
SELECT * FROM stock ORDER BY id;
-- WITH
WITH gone AS (DELETE FROM stock WHERE id > 20 RETURNING *) SELECT name FROM gone;
WITH moved AS (UPDATE stock SET qty = -1 RETURNING id, qty) SELECT m.id, m.qty, s.qty AS before FROM moved m JOIN stock s USING (id) ORDER BY 1;
WITH a AS (INSERT INTO stock VALUES (40, 'forty', 40) RETURNING id), b AS (INSERT INTO stock SELECT id + 1, 'next', 41 FROM a RETURNING id) SELECT a.id, b.id FROM a, b;
WITH a AS (INSERT INTO stock VALUES (50, 'fifty', 50)) SELECT * FROM a;
SELECT id, qty FROM stock ORDER BY id;
-- transactions
BEGIN;
INSERT INTO stock VALUES (60, 'sixty', 60);
UPDATE stock SET qty = 61 WHERE id = 60;
SAVEPOINT a;
DELETE FROM stock WHERE id = 60;
SELECT count(*) FROM stock WHERE id = 60;
SAVEPOINT b;
INSERT INTO stock VALUES (60, 'again', 0);
INSERT INTO stock VALUES (60, 'twice', 0);
SELECT 1;
ROLLBACK TO b;
SELECT count(*) FROM stock WHERE id = 60;
ROLLBACK TO a;
SELECT * FROM stock WHERE id = 60;
RELEASE a;
ROLLBACK TO a;
ROLLBACK;
SELECT count(*) FROM stock WHERE id = 60;
SAVEPOINT nowhere;
BEGIN;
TRUNCATE stock;
SELECT count(*) FROM stock;
INSERT INTO stock VALUES (1, 'first', 1);
SELECT * FROM stock;
ROLLBACK;
SELECT count(*) FROM stock;
-- MERGE
CREATE TABLE delivery (id int, qty int);
INSERT INTO delivery VALUES (11, 5), (12, -1), (70, 7);
MERGE INTO stock s USING delivery d ON s.id = d.id
  WHEN MATCHED AND d.qty < 0 THEN DELETE
  WHEN MATCHED THEN UPDATE SET qty = s.qty + d.qty
  WHEN NOT MATCHED THEN INSERT VALUES (d.id, 'delivered', d.qty);
SELECT * FROM stock ORDER BY id;
INSERT INTO delivery VALUES (11, 6);
MERGE INTO stock s USING delivery d ON s.id = d.id WHEN MATCHED THEN UPDATE SET qty = 0;
TRUNCATE stock, delivery;
SELECT (SELECT count(*) FROM stock), (SELECT count(*) FROM delivery);
DROP TABLE stock;
DROP TABLE delivery;
