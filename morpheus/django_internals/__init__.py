"""Every use of a private part of Django and of the packages beside it: one module each.

A private part is an underscore attribute of another package or a module that its documentation does
not name. Each has the reason why nothing public serves, and a test in
`tests/morpheus/django_internals/` that fails when the part changes. The paginator has a module of
its own (`morpheus.pagination.django_internals`), because it imports nothing of this project.
"""
