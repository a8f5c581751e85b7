"""What all tools of the laboratory share: servers, one HTTP client, measurements, tables.

`http_client` imports neither Django nor psycopg, because locust uses it under gevent.
"""
