"""The admin site, whose requests have the rights of staff in the database too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.apps import AdminConfig
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path, reverse

from morpheus.db.transactions import write_transaction


class MorpheusAdminConfig(AdminConfig):
    """Replace Django's `admin.site` with `MorpheusAdminSite`."""

    default_site = "morpheus.admin.site.MorpheusAdminSite"


@dataclass(frozen=True, slots=True)
class AdminPage:
    """A page of the admin that belongs to no model.

    Attributes:
        name: The URL's name, `admin:<name>`.
        path: Its path below `/admin/`.
        title: Of its link in the admin's index; empty for no link.
    """

    name: str
    path: str
    title: str
    view: Callable[..., HttpResponseBase]


class MorpheusAdminSite(admin.AdminSite):
    """Django's admin, which runs each view in one transaction with the identity of staff.

    Attributes:
        pages: By the label of an app, pages that replace its models in the index. The section's
            title is a link to the first.
    """

    site_header = "Morpheus"
    site_title = "Morpheus"
    index_title = "Operations"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.pages: dict[str, list[AdminPage]] = {}

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [
            path(page.path, self.admin_view(page.view), name=page.name)
            for pages in self.pages.values()
            for page in pages
        ]
        return [*own, *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return Django's list of models by app, with the added pages."""
        listed: list[Any] = super().get_app_list(request, app_label)
        for label, pages in self.pages.items():
            if self.has_permission(request) and app_label in (None, label):
                listed = [app for app in listed if app["app_label"] != label]
                listed.append(
                    {
                        "name": apps.get_app_config(label).verbose_name,
                        "app_label": label,
                        "app_url": self._url(pages[0]),
                        "has_module_perms": True,
                        "models": [self._as_model(page) for page in pages if page.title],
                    }
                )
        return sorted(listed, key=lambda app: str(app["name"]).lower())

    def _as_model(self, page: AdminPage) -> dict[str, Any]:
        """Return a page in the form of a model that Django's templates only link to."""
        return {
            "name": page.title,
            "object_name": page.name,
            "perms": {"add": False, "change": False, "delete": False, "view": True},
            "admin_url": self._url(page),
            "add_url": None,
            "view_only": True,
        }

    def _url(self, page: AdminPage) -> str:
        return reverse(f"{self.name}:{page.name}")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show Django's page; respond 429 after too many attempts."""
        response = super().login(request, extra_context)
        form = getattr(response, "context_data", {}).get("form")
        if (retry_after_s := getattr(form, "retry_after_s", None)) is not None:
            response.status_code = 429
            response["Retry-After"] = str(retry_after_s)
        return response

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register as Django does; the lists of other packages' models count their rows once."""
        if (admin_class or admin.ModelAdmin).show_full_result_count:
            options["show_full_result_count"] = False
        super().register(model_or_iterable, admin_class, **options)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def as_staff(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_permission(request):
                return inner(request, *args, **kwargs)  # type: ignore[no-any-return]
            try:
                with write_transaction(as_user=request.user.pk, as_staff=True):
                    response: HttpResponseBase = inner(request, *args, **kwargs)
                    # Templates read rows too: render inside the transaction.
                    render = getattr(response, "render", None)
                    return render() if callable(render) else response
            except IntegrityError as error:
                return _refuse_deletion(request, error)

        return as_staff


def _refuse_deletion(request: HttpRequest, error: IntegrityError) -> HttpResponseBase:
    """Show the same page with a message, if other rows refer to what was to be deleted."""
    # The list deletes rows by an action.
    name = request.resolver_match.url_name if request.resolver_match else None
    is_deletion = name is not None and name.endswith(("_delete", "_changelist"))
    if not is_deletion or getattr(error.__cause__, "sqlstate", None) not in ("23001", "23503"):
        raise error
    table = getattr(getattr(error.__cause__, "diag", None), "table_name", None)
    names = [m._meta.verbose_name_plural for m in apps.get_models() if m._meta.db_table == table]
    rows = names[0] if names else "other rows"
    messages.error(request, f"Nothing was deleted: {rows} still refer to it. Delete them first.")
    return HttpResponseRedirect(request.get_full_path())
