"""Realistic users for locust, and what counts as passed.

What locustfile.py imports of it imports nothing of Django or psycopg, which gevent would patch.
"""
