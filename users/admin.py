"""Users and their tokens in the admin."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest

from morpheus.admin.model_admins import MorpheusAdmin, ReadOnlyAdmin
from users.models import AccessToken, User
from users.throttling import LoginThrottle, UserLoginLimit


class LimitedLoginForm(AdminAuthenticationForm):
    """The admin's own login, limited together with the API's.

    Attributes:
        retry_after_s: After how many seconds a refused client may try again; else None.
    """

    retry_after_s: int | None = None

    def clean(self) -> dict[str, Any]:
        throttle = LoginThrottle()
        if not throttle.allow_request(self.request, None):
            self._refuse(throttle.wait())
        # The name as the form cleaned it, because that is the one it authenticates.
        limit = UserLoginLimit(self.request, self.cleaned_data.get("username", ""))
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


class _LowerCaseEmail:
    """A form's `clean_email`: the spelling that the database keeps."""

    def clean_email(self) -> str:
        return User.objects.normalize_email(self.cleaned_data["email"])


class UserAddForm(_LowerCaseEmail, AdminUserCreationForm):
    class Meta:
        model = User
        fields = ["email", "display_name"]


class UserEditForm(_LowerCaseEmail, UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets say which


@admin.register(User)
class UserAdmin(MorpheusAdmin, DjangoUserAdmin):
    """Only superusers give rights, or touch those who have all of them."""

    form = UserEditForm
    add_form = UserAddForm
    fieldsets = [
        (None, {"fields": ["email", "password", "display_name", "bio"]}),
        (
            "Rights",
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
    list_filter: list[str] = []  # No index serves one.
    list_defer = ("bio", "password")
    ordering = ("-date_joined", "-id")
    sortable_by = ("email", "date_joined")
    search_prefixes = ("email",)
    search_help_text = "Beginning of the e-mail address, or id."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        return super().get_search_results(request, queryset, search_term.lower())

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fixed = [*super().get_readonly_fields(request, obj)]
        if not request.user.is_superuser:
            fixed += ["is_staff", "is_superuser", "groups", "user_permissions"]
        return fixed


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or request.user.is_superuser or not user.is_superuser


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    """Who is logged in with a token; deleting one revokes it."""

    list_display = ["id", "user", "created_at", "expires_at"]
    list_select_related = ["user"]
    fields = ["user", "created_at", "expires_at"]
    search_email = "user__email"
    search_help_text = "The user's whole e-mail address, or the token's id."

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("users.delete_accesstoken")
