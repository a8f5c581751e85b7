"""All URLs: the API under its version, and the operators' pages."""

from __future__ import annotations

from importlib import import_module

from django.contrib import admin
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.cache import cache_control
from django.views.generic import RedirectView

from morpheus.api.openapi.views import SchemaView, SwaggerView
from morpheus.api.problem_pages import ProblemListView, ProblemView
from morpheus.http import health, metrics

# The root leads to the documentation.
to_docs = RedirectView.as_view(pattern_name="docs")

# Browsers request it for pages without a link to an icon, such as JSON.
favicon = RedirectView.as_view(url=static("morpheus/favicon.svg"))

# The document is the same for all clients; the page contains the reader's CSRF token.
schema = cache_control(public=True, no_cache=True)(SchemaView.as_view())
docs = cache_control(private=True, no_cache=True)(SwaggerView.as_view(url_name="schema"))

api: list[URLPattern | URLResolver] = [
    # The most frequent first, in one flat list: Django searches it from the top.
    *import_module("novels.urls").urlpatterns,
    *import_module("comics.urls").urlpatterns,
    *import_module("comics.reading.urls").urlpatterns,
    *import_module("users.urls").urlpatterns,
    *import_module("perf.urls").urlpatterns,
    path("problems/", ProblemListView.as_view(), name="problems"),
    path("problems/<str:code>/", ProblemView.as_view(), name="problem"),
    path("schema/", schema, name="schema"),
    path("docs/", docs, name="docs"),
    path("", to_docs),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", to_docs),
    path("api/v1/", include(api)),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]

handler400 = "morpheus.http.errors.bad_request"
handler403 = "morpheus.http.errors.forbidden"
handler404 = "morpheus.http.errors.not_found"
handler500 = "morpheus.http.errors.server_error"
