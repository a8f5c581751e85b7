"""The admin site: what staff do here, they do with the rights of staff in the database too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from morpheus.db.identity import acting_as


class MorpheusAdminConfig(AdminConfig):
    """Put our site where Django's `admin.site` is."""

    default_site = "morpheus.admin_site.MorpheusAdminSite"


class MorpheusAdminSite(admin.AdminSite):
    """Django's admin, each view in one transaction that row level security knows as staff."""

    site_header = "Morpheus"
    site_title = "Morpheus"
    index_title = "Operations"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register as Django does; lists of other packages' models count their rows once."""
        if (admin_class or admin.ModelAdmin).show_full_result_count:
            options["show_full_result_count"] = False
        super().register(model_or_iterable, admin_class, **options)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def as_staff(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_permission(request):
                return inner(request, *args, **kwargs)  # type: ignore[no-any-return]
            # Its own name: logging out, a view of this site too, makes the user anonymous.
            staff_id = request.user.pk
            with acting_as(staff_id, staff=True):
                response: HttpResponseBase = inner(request, *args, **kwargs)
                # Templates read rows too: render while the identity lasts.
                render = getattr(response, "render", None)
                if callable(render):
                    return render()  # type: ignore[no-any-return]
            if isinstance(response, StreamingHttpResponse) and not response.is_async:
                chunks = cast("Iterable[bytes]", response.streaming_content)
                response.streaming_content = _streamed_as_staff(staff_id, chunks)
            return response

        return as_staff


def _streamed_as_staff(staff_id: int | None, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass on what is read only while it is sent, which is after the view's transaction."""
    with acting_as(staff_id, staff=True):
        yield from chunks
