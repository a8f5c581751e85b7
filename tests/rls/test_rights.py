"""Which rights on rows the serving role has, table by table, and which role gives groups rights."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from morpheus.embedded.roles import DATABASE_SQL
from tests.rls.conftest import connect, rolled_back

ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
READ = {"SELECT"}
# A new table is written here, by decision.
RIGHTS = {
    "api_idempotent_response": ALL,
    "auth_group": ALL,
    "auth_group_permissions": ALL,
    "auth_permission": READ,
    "cache_database": {"SELECT", "UPDATE"},
    "cache_outbox": ALL - {"INSERT"},
    "comics_comic": ALL,
    "comics_image": ALL,
    "comics_panel": ALL,
    "comics_rendition": ALL,
    "django_admin_log": ALL - {"UPDATE"},
    "django_content_type": READ,
    "django_migrations": READ,
    "django_session": ALL,
    "django_tasks_database_dbtaskresult": ALL,
    "novels_chapter": ALL,
    "novels_chaptertext": ALL,
    "novels_genre": ALL,
    "novels_language": ALL,
    "novels_novel": ALL,
    "novels_novelupload": ALL,
    "novels_processingstatus": ALL,
    "novels_publiccount": READ,
    "novels_searchchange": ALL,
    "novels_searchdocument": ALL,
    "perf_metricssample": ALL,
    "perf_slowquery": ALL,
    "reading_progress": ALL,
    "users_deletion": ALL,
    "users_export": ALL,
    "users_publicprofile": READ,
    "users_publicuser": READ,
    "users_token": ALL,
    "users_user": ALL,
    "users_user_groups": ALL,
    "users_user_user_permissions": ALL,
    "worker_lease": ALL,
}
GRANTED = """
SELECT c.relname, array_agg(kind) FILTER (WHERE has_table_privilege('morpheus_app', c.oid, kind))
FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) kind
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
GROUP BY c.relname
"""


def read_rights(opened: Any) -> Any:
    return {table: set(kinds or ()) for table, kinds in opened.execute(GRANTED).fetchall()}


def test_the_serving_role_has_the_listed_rights_and_no_others(people: Any) -> None:
    with connect("app") as opened:
        assert read_rights(opened) == RIGHTS


def test_applying_the_grants_again_gives_nothing_back(psql: Any) -> None:
    psql.execute(DATABASE_SQL.encode())

    assert read_rights(psql) == RIGHTS


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO auth_group (name) VALUES ('Mine')",
        "INSERT INTO auth_group_permissions (group_id, permission_id) "
        "SELECT g.id, p.id FROM auth_group g, auth_permission p LIMIT 1",
    ],
)
def test_only_staff_give_groups_rights(people: Any, write: Any) -> None:
    with connect("app", people["ann"].pk) as opened, rolled_back(opened):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            opened.execute(write)
    with connect("app", people["ann"].pk, staff=True) as opened, rolled_back(opened):
        assert opened.execute(write).rowcount == 1


@pytest.mark.django_db
def test_the_admin_makes_changes_and_deletes_groups(client: Any, make_user: Any) -> None:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    first, second = Permission.objects.order_by("pk")[:2]

    client.post(reverse("admin:auth_group_add"), {"name": "Editors", "permissions": [first.pk]})
    group = Group.objects.get(name="Editors")
    assert [*group.permissions.all()] == [first]
    change = reverse("admin:auth_group_change", args=[group.pk])
    client.post(change, {"name": "Authors", "permissions": [second.pk]})
    group.refresh_from_db()
    assert (group.name, [*group.permissions.all()]) == ("Authors", [second])
    client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})

    assert not Group.objects.filter(pk=group.pk).exists()
