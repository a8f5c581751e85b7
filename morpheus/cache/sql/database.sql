-- Which database the cache was filled from (morpheus/cache/outbox.py).
--
-- A restored database, or a replica that was promoted, has another identity than the row says. Then
-- every cached value is invalidated, because it may be from a time that this database never had.

-- migrate:up
CREATE TABLE cache_database (identity text NOT NULL);
INSERT INTO cache_database VALUES ('');
REVOKE INSERT, DELETE ON cache_database FROM morpheus_app;

-- migrate:down
DROP TABLE cache_database;
