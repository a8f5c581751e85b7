"""Realistic users for locust, and the requirements that a run must meet.

Modules that locustfile.py imports import neither Django nor psycopg, which gevent would patch.
"""
