"""The admin site: what staff do here, they do with the rights of staff in the database too."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, HttpResponse

from morpheus.db.identity import acting_as


class MorpheusAdminConfig(AdminConfig):
    """Put our site where Django's `admin.site` is."""

    default_site = "morpheus.admin_site.MorpheusAdminSite"


class MorpheusAdminSite(admin.AdminSite):
    """Django's admin, each view in one transaction that row level security knows as staff."""

    site_header = "Morpheus"
    site_title = "Morpheus"
    index_title = "Operations"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        def as_staff(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_permission(request):
                return inner(request, *args, **kwargs)  # type: ignore[no-any-return]
            with acting_as(request.user.pk, staff=True):
                response: HttpResponse = inner(request, *args, **kwargs)
                # Templates read rows too: render while the identity lasts.
                render = getattr(response, "render", None)
                return render() if callable(render) else response

        return as_staff
