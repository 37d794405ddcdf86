#!/bin/sh
# Roles and schema of a new server, before the first `zhangfang init`: run once by PostgreSQL's image.
set -eu
psql --set=ON_ERROR_STOP=1 --username=postgres --dbname="$POSTGRES_DB" \
    --set=owner="$OWNER_PASSWORD" --set=app="$APP_PASSWORD" <<'SQL'
CREATE ROLE zhangfang_owner LOGIN PASSWORD :'owner';
CREATE ROLE zhangfang_app LOGIN PASSWORD :'app';
CREATE ROLE zhangfang_reader NOLOGIN;
CREATE SCHEMA cell_0 AUTHORIZATION zhangfang_owner;
SQL
