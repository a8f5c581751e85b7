"""Server-Sent Events: a process of its own that holds the open streams (docs/processing.md).

In reading order:

- request: `application` (ASGI) asks Django; `views` responds with a `Subscription`
- streams: `streams` (what one client gets), `feeds` (what several streams show, read once)
- changes: `notifications` (PostgreSQL tells of the tags that a commit changed)
"""
