"""Users with an e-mail address as login, their bearer tokens, and the rules for both.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.db import migrations, models
from django.db.models.functions import Lower
from django.utils import timezone

from morpheus.db.schema import id_column, reference, run_sql_file


def copy_fields(base: type[models.Model], *names: str) -> list[tuple[str, Any]]:
    """Return fields of Django's own base classes, whose texts each version of Django may change."""
    meta: Any = base._meta
    return [(name, meta.get_field(name).clone()) for name in names]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("cache", "0001_outbox_and_triggers"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", id_column()),
                *copy_fields(AbstractBaseUser, "password", "last_login"),
                *copy_fields(PermissionsMixin, "is_superuser", "groups", "user_permissions"),
                ("email", models.EmailField(max_length=254)),
                ("display_name", models.CharField(max_length=80)),
                ("bio", models.TextField(blank=True, default="", max_length=2000)),
                ("is_staff", models.BooleanField(default=False)),
                ("is_active", models.BooleanField(default=True)),
                ("date_joined", models.DateTimeField(default=timezone.now)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["-date_joined", "-id"], name="users_user_newest_idx")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("email",), name="users_user_email_uq"),
                    models.CheckConstraint(
                        condition=models.Q(email=Lower("email")), name="users_user_email_lower_ck"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                ("id", id_column()),
                ("digest", models.BinaryField(max_length=32)),
                ("created_at", models.DateTimeField(default=timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("user", reference(settings.AUTH_USER_MODEL, related_name="tokens")),
            ],
            options={
                "db_table": "users_token",
                "indexes": [
                    models.Index(fields=["user", "expires_at"], name="users_token_user_idx")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="users_token_digest_uq")
                ],
            },
        ),
        # A view, which logins.sql creates.
        migrations.CreateModel(
            name="PublicUser",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("display_name", models.CharField(max_length=80)),
            ],
            options={"managed": False, "default_permissions": ()},
        ),
        run_sql_file("users", "foreign_keys"),
        run_sql_file("users", "policies"),
        run_sql_file("users", "rights"),
        run_sql_file("users", "logins"),
        run_sql_file("users", "cache_tags"),
    ]
