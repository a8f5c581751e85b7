"""Users and their tokens in the admin."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from morpheus.admin.model_admins import MorpheusAdmin, ReadOnlyAdmin
from users.models import AccessToken, User
from users.throttling import LoginThrottle, UserLoginLimit


class LimitedLoginForm(AdminAuthenticationForm):
    """The admin's own login, limited together with the API's."""

    # After how many seconds a refused client may try again.
    retry_after_s: int | None = None

    def clean(self) -> dict[str, Any]:
        request: Any = self.request
        throttle = LoginThrottle()
        if not throttle.allow_request(request, None):
            self._refuse(throttle.wait())
        # The name as the form cleaned it, because that is the one it authenticates.
        limit = UserLoginLimit(request, self.cleaned_data.get("username", ""))
        if (wait_s := limit.take()) is not None:
            self._refuse(wait_s)
        cleaned = super().clean()
        limit.give_back()
        return cleaned

    def _refuse(self, wait_s: float) -> NoReturn:
        self.retry_after_s = max(1, math.ceil(wait_s))
        raise forms.ValidationError(
            f"Too many attempts; try again in {self.retry_after_s} seconds."
        )


admin.site.login_form = LimitedLoginForm


@admin.register(User)
class UserAdmin(MorpheusAdmin, DjangoUserAdmin):  # type: ignore[type-arg] # at run time
    """Only superusers grant rights, or change superusers."""

    fieldsets = [
        (None, {"fields": ["email", "password", "display_name", "bio"]}),
        (
            "Permissions",
            {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]},
        ),
        ("Dates", {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "display_name"]}),
        (None, {"fields": ["usable_password", "password1", "password2"]}),
    ]
    readonly_fields = ["date_joined", "last_login"]
    list_display = ["email", "display_name", "is_active", "is_staff", "date_joined", "last_login"]
    list_filter = []  # No index serves a filter.
    list_defer = ("bio", "password")
    ordering = ("-date_joined", "-id")
    sortable_by = ("email", "date_joined")
    search_prefixes = ("email",)
    search_help_text = "Start of the e-mail address, or id."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        return super().get_search_results(request, queryset, search_term.lower())

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_change(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fixed = [*super().get_readonly_fields(request, obj)]
        if not request.user.is_superuser:
            fixed += ["is_staff", "is_superuser", "groups", "user_permissions"]
        return fixed


def _may_change(request: HttpRequest, user: User | None) -> bool:
    return user is None or request.user.is_superuser or not user.is_superuser


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    """Bearer tokens; deleting one revokes it."""

    list_display = ["id", "user", "created_at", "expires_at"]
    list_select_related = ["user"]
    fields = ["user", "created_at", "expires_at"]
    search_email = "user__email"
    search_help_text = "Full e-mail address of the user, or id of the token."

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("users.delete_accesstoken")
