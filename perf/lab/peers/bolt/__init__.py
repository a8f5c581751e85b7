"""django-bolt on the same tables; `runbolt` serves it from an environment of its own."""

# All routes are in `api`; Django wants a module of URLs.
urlpatterns: list[object] = []
