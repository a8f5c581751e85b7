"""What all tools of the laboratory share: servers, one HTTP client, processes, one load driver.

`http_client` and `measurements` import neither Django nor psycopg, because locust uses
them under gevent.
"""
