"""The performance dashboard: pages in Django's admin for staff."""
