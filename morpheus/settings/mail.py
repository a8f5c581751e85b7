"""Mail to users and operators."""

from __future__ import annotations

import environ

from . import environment as env

# They get a mail about slow queries, at most one in ten minutes from each process (LOGGING).
ADMINS = [(address, address) for address in env.items("ADMINS", default=[])]
SERVER_EMAIL = env.text("SERVER_EMAIL", default="morpheus@localhost")
# Sender of mails to users.
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default=SERVER_EMAIL)
# EMAIL_BACKEND, EMAIL_HOST and the other settings of the mail server.
globals().update(environ.Env.email_url_config(env.text("EMAIL_URL", default="smtp://localhost:25")))
EMAIL_TIMEOUT = 5
EMAIL_SUBJECT_PREFIX = "[Morpheus] "

# Front end whose pages the links in mails lead to; without it, mails have the token alone.
_frontend = env.text("MORPHEUS_FRONTEND_URL")
MORPHEUS_FRONTEND_URL = _frontend.rstrip("/")
# Lifetimes of the tokens in mails, in seconds.
PASSWORD_RESET_TIMEOUT = 24 * 3600
MORPHEUS_EMAIL_TOKEN_TTL_S = 3 * 24 * 3600
