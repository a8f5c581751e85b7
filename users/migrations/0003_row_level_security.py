"""The second lock on people: PostgreSQL shows a user and a token to their owner and staff alone.

What everybody may know of a user, the name beside a public novel, is the view `users_publicuser`.
Before anybody is known there are two doors, which open for who has a secret to show: a token's
digest, or an address to which a password will be compared. Each returns at most one row. Why these
and no others: docs/security.md.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from django.db import migrations, models

from morpheus.db.operations import CALLER, STAFF, owned_by_loader, row_level_security

SELF = f"id = {CALLER} OR {STAFF}"
# Who registers becomes nobody but themselves, and gets no rights.
REGISTERING = f"(id = {CALLER} AND NOT is_staff AND NOT is_superuser) OR {STAFF}"
OWNED = f"user_id = {CALLER} OR {STAFF}"

# It reads as its owner, who may see all rows for this purpose. Two relations, so that nothing is
# written through it, whatever is granted on it. The empty one costs nothing: the planner joins
# `users_user` as if the query had named it.
PUBLIC_USER = """
CREATE VIEW users_publicuser AS
SELECT u.id, u.display_name FROM users_user u, (SELECT) one_row
"""
BY_EMAIL = """
CREATE FUNCTION users_by_email(address text) RETURNS SETOF users_user
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT * FROM users_user u WHERE u.email = address $$
"""
BY_DIGEST = """
CREATE FUNCTION users_by_token(secret_digest bytea)
RETURNS TABLE (token_id bigint, created_at timestamptz, expires_at timestamptz, person users_user)
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT t.id, t.created_at, t.expires_at, u
    FROM users_token t JOIN users_user u ON u.id = t.user_id
    WHERE t.digest = secret_digest AND t.expires_at > statement_timestamp() AND u.is_active
$$
"""
# A policy cannot compare a row with what it was. Those whom row level security does not bind may.
KEEP_RIGHTS = f"""
CREATE FUNCTION users_keep_rights() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF row_security_active('users_user') AND NOT COALESCE({STAFF}, false) THEN
        RAISE insufficient_privilege USING MESSAGE = 'Only staff give or take rights.';
    END IF;
    RETURN NEW;
END
$$
"""
RIGHTS_CHANGE = """
CREATE TRIGGER users_user_keep_rights BEFORE UPDATE ON users_user FOR EACH ROW
WHEN ((OLD.is_staff, OLD.is_superuser) IS DISTINCT FROM (NEW.is_staff, NEW.is_superuser))
EXECUTE FUNCTION users_keep_rights()
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0002_token_foreign_key")]
    operations = [
        row_level_security("users_user", read=SELF, write=SELF, insert=REGISTERING),
        row_level_security("users_token", read=OWNED, write=OWNED),
        row_level_security("users_user_groups", read=OWNED, write=STAFF),
        row_level_security("users_user_user_permissions", read=OWNED, write=STAFF),
        migrations.RunSQL(
            [KEEP_RIGHTS, RIGHTS_CHANGE],
            reverse_sql=[
                "DROP TRIGGER users_user_keep_rights ON users_user",
                "DROP FUNCTION users_keep_rights()",
            ],
        ),
        migrations.RunSQL(
            [
                "CREATE POLICY users_user_shown ON users_user FOR SELECT TO morpheus_owner "
                "USING (true)",
                PUBLIC_USER,
            ],
            reverse_sql=[
                "DROP VIEW users_publicuser",
                "DROP POLICY users_user_shown ON users_user",
            ],
        ),
        owned_by_loader("users_by_email(text)", BY_EMAIL),
        owned_by_loader("users_by_token(bytea)", BY_DIGEST),
        migrations.CreateModel(
            name="PublicUser",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("display_name", models.CharField(max_length=80)),
            ],
            options={"managed": False, "default_permissions": ()},
        ),
    ]
