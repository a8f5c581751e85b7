#!/bin/sh
# Starts PgBouncer with the password of the serving role (APP_PASSWORD).
set -eu
umask 077
printf '"morpheus_app" "%s"\n' "$APP_PASSWORD" >/tmp/users.txt
exec /usr/sbin/pgbouncer /etc/pgbouncer/morpheus/pgbouncer.ini
