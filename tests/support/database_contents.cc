#include "tests/support/database_contents.h"

#include <fmt/format.h>

namespace pgkeep::test {
namespace {

constexpr auto kTables = R"(
  SELECT n.nspname || '.' || c.relname, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p'
    AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  ORDER BY 1)";

constexpr auto kTypes = R"(
  CREATE TYPE mood AS ENUM ('sad', 'content', 'happy');
  CREATE TYPE place AS (street text, number int);
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE TABLE every_type (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    a smallint, b int, c bigint, d numeric(30, 10), e real, f double precision, g money,
    h char(10), i varchar(100), j text, k bytea, l "char", m name,
    n timestamp, o timestamptz, p date, q time, r timetz, s interval,
    t boolean, u mood, v place, w positive, x uuid,
    aa point, ab line, ac lseg, ad box, ae path, af polygon, ag circle,
    ba inet, bb cidr, bc macaddr, bd macaddr8, be bit(8), bf bit varying(20),
    ca tsvector, cb tsquery, cc xml, cd json, ce jsonb, cf jsonpath,
    da int[], db text[][], dc mood[], dd int4range, de tstzrange, df numrange,
    ea oid, eb regclass, ec pg_lsn, ed txid_snapshot, ee oidvector,
    fa int GENERATED ALWAYS AS (a * 2) STORED))";

constexpr auto kRelations = R"(
  CREATE TABLE long_values (id int PRIMARY KEY, packed text, plain text);
  ALTER TABLE long_values ALTER plain SET STORAGE EXTERNAL;
  CREATE TABLE indexed (id int, words tsvector, span int4range, spot point, note text);
  CREATE INDEX ON indexed USING btree (id);
  CREATE INDEX ON indexed USING hash (note);
  CREATE INDEX ON indexed USING gin (words);
  CREATE INDEX ON indexed USING gist (span);
  CREATE INDEX ON indexed USING spgist (spot);
  CREATE INDEX ON indexed USING brin (id);
  CREATE TABLE parts (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
  CREATE TABLE parts_north PARTITION OF parts FOR VALUES IN ('north');
  CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
  CREATE TABLE parent (id int);
  CREATE TABLE child (more text) INHERITS (parent);
  CREATE UNLOGGED TABLE unlogged_one (id int PRIMARY KEY);
  CREATE TABLE truncated (id int);
  CREATE SEQUENCE tickets;
  CREATE SCHEMA "Odd name";
  CREATE TABLE "Odd name"."Odd ""table""" (id int);
  CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM every_type)";

constexpr auto kNewRows = R"(
  INSERT INTO every_type (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
    aa, ab, ac, ad, ae, af, ag, ba, bb, bc, bd, be, bf, ca, cb, cc, cd, ce, cf, da, db, dc, dd, de, df, ea, eb, ec,
    ed, ee)
  SELECT i, i * 1000, i * 10000000000, i / 7.0, i / 3.0, i / 9.0, i, 'c' || i, 'v' || i, repeat('t' || i, i),
    decode(md5(i::text), 'hex'), 'x', 'name' || i, timestamp '2000-01-01' + i * interval '1 day',
    timestamptz '2000-01-01 00:00+00' + i * interval '1 hour', date '2000-01-01' + i, time '00:00' + i * interval '1 s',
    timetz '00:00+02' + i * interval '1 s', i * interval '1 month 1 s', i % 2 = 0, 'happy', ROW('street ' || i, i)::place, i,
    md5(i::text)::uuid, point(i, i), line(point(0, 0), point(i, 1)), lseg(point(0, 0), point(i, 1)),
    box(point(0, 0), point(i, i)), path '((0,0),(1,1),(2,0))', polygon '((0,0),(1,1),(2,0))', circle(point(0, 0), i),
    inet '10.0.0.1' + i, cidr '10.0.0.0/8', macaddr '08:00:2b:01:02:03', macaddr8 '08:00:2b:01:02:03:04:05',
    i::bit(8), '10101', to_tsvector('simple', 'word ' || i), to_tsquery('simple', 'word & ' || i),
    xmlelement(name n, i), json_build_object('i', i), jsonb_build_object('i', i, 'list', jsonb_build_array(1, NULL)),
    '$.a[*] ? (@ > 1)', ARRAY[i, NULL, 2], ARRAY[ARRAY['a', 'b'], ARRAY['c', i::text]], ARRAY['sad', 'happy']::mood[],
    int4range(i, i + 10), tstzrange(timestamptz '2000-01-01 00:00+00', NULL), numrange(NULL, i), i, 'pg_class',
    pg_lsn '0/0', txid_snapshot '10:20:10,14', '1 2 3'
  FROM generate_series({0} * 100 + 1, {0} * 100 + 100) i;
  INSERT INTO long_values SELECT i, repeat(md5(i::text), 2000),
      (SELECT string_agg(md5(i::text || n), '') FROM generate_series(1, 500) n)
    FROM generate_series({0} * 20 + 1, {0} * 20 + 20) i;
  INSERT INTO indexed SELECT i, to_tsvector('simple', 'w' || i), int4range(i, i + 5), point(i, -i), md5(i::text)
    FROM generate_series({0} * 1000 + 1, {0} * 1000 + 1000) i;
  INSERT INTO parts SELECT i, CASE i % 2 WHEN 0 THEN 'north' ELSE 'south' END
    FROM generate_series({0} * 100 + 1, {0} * 100 + 100) i;
  INSERT INTO parent VALUES ({0});
  INSERT INTO child VALUES ({0}, 'more');
  INSERT INTO unlogged_one VALUES ({0});
  INSERT INTO "Odd name"."Odd ""table""" VALUES ({0});
  INSERT INTO in_tablespace SELECT i, md5(i::text) FROM generate_series({0} * 3000 + 1, {0} * 3000 + 3000) i;
  SELECT nextval('tickets') FROM generate_series(1, 10);
  SELECT lo_from_bytea(0, decode(repeat(md5('{0}'), 1000), 'hex')))";

constexpr auto kChangedRows = R"(
  UPDATE every_type SET j = j || '!' WHERE id % 10 = {0} % 10;
  DELETE FROM every_type WHERE id % 10 = ({0} + 5) % 10;
  UPDATE long_values SET plain = reverse(plain) WHERE id % 5 = {0} % 5;
  DELETE FROM indexed WHERE id % 7 = {0} % 7;
  UPDATE in_tablespace SET note = note || {0} WHERE id % 11 = 0;
  TRUNCATE truncated;
  INSERT INTO truncated SELECT i FROM generate_series(1, 100 * ({0} + 1)) i)";

}  // namespace

std::map<std::string, std::string> contents(const PostgresCluster& cluster) {
  std::map<std::string, std::string> result;
  for (const auto& database : cluster.rows("SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")) {
    auto session = cluster.session(database.front());
    // How a value is written must not depend on the cluster's configuration.
    session.execute("SET TimeZone = 'UTC'; SET extra_float_digits = 3; SET synchronize_seqscans = off");
    for (const auto& table : session.rows(kTables))
      result[database.front() + "." + table[0]] =
          session.value(fmt::format("SELECT count(*) || ' rows, ' || coalesce(sum(hashtextextended(t::text, "
                                    "0)::numeric), 0) FROM ONLY {} t",
                                    table[1]));
    result[database.front() + " large objects"] = session.value(
        "SELECT count(*) || ' pages, ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)"
        " FROM pg_largeobject t");
  }
  return result;
}

void make_every_kind_of_table(const PostgresCluster& cluster, const std::string& tablespace) {
  const auto directory = cluster.make_directory(tablespace);
  auto session = cluster.session();
  session.execute(fmt::format("CREATE TABLESPACE {} LOCATION '{}'", tablespace, directory.native()));
  session.execute(fmt::format("CREATE TABLE in_tablespace (id int, note text) TABLESPACE {0}", tablespace));
  session.execute(fmt::format("CREATE INDEX ON in_tablespace (note) TABLESPACE {0}", tablespace));
  session.execute(kTypes);
  session.execute(kRelations);
  if (cluster.major() >= 14)
    session.execute(
        "ALTER TABLE every_type ADD ga int4multirange DEFAULT '{[1,3),[5,7)}', "
        "ADD gb text COMPRESSION pglz DEFAULT repeat('compressed ', 300)");
  change_every_kind_of_table(cluster, 0);
}

void change_every_kind_of_table(const PostgresCluster& cluster, int round) {
  auto session = cluster.session();
  session.execute(fmt::format(kNewRows, round));
  session.execute(fmt::format(kChangedRows, round));
  session.execute("REFRESH MATERIALIZED VIEW summary");
}

}  // namespace pgkeep::test
