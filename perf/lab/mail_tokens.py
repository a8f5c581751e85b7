"""The tokens that users get by mail, for example requests that need one."""

from __future__ import annotations

from collections.abc import Callable

from perf.lab.example_requests import Conversation, ExampleRequest
from users.mails import make_email_token, make_reset_token
from users.models import User

_MAKERS: dict[str, Callable[[User], str]] = {
    "reset_token": make_reset_token,
    "email_token": lambda user: make_email_token(user.pk, user.email),
}


def add_mail_token(talk: Conversation, sent: ExampleRequest) -> None:
    """Add the token in the body of an example to the values: that of the user `email`."""
    for name, make in _MAKERS.items():
        if sent.body.get("token") == f"{{{name}}}":
            talk.values[name] = make(User.objects.get_by_natural_key(str(talk.values["email"])))
