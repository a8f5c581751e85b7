"""Confirmation and change of e-mail addresses."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.http.throttling import WriteThrottle
from users.serializers import EmailChangeInput, MailTokenInput
from users.services.emails import email_confirm, email_request_change
from users.throttling import LoginThrottle, MailUserThrottle
from users.views.logins import AnonymousView
from users.views.passwords import PasswordConfirmedView


class EmailView(PasswordConfirmedView):
    """/api/v1/users/me/email/."""

    serializer_class = EmailChangeInput
    throttle_classes = [WriteThrottle, MailUserThrottle]

    @extend_schema(operation_id="users_me_email", responses={202: None})
    def post(self, request: Request) -> Response:
        """Change my address, or ask for another mail that confirms the present one.

        The new address gets a mail with a token, the present one a notice. The change takes effect
        when the token is sent to `/auth/email/confirm/`. The response is the same whether or not
        another user has the address.
        """
        form = self.read_input(EmailChangeInput)
        self.confirm_password(form["current_password"])
        email_request_change(user=self.user, email=form["email"])
        return Response(status=status.HTTP_202_ACCEPTED)


class EmailConfirmView(AnonymousView):
    """/api/v1/auth/email/confirm/."""

    serializer_class = MailTokenInput
    throttle_classes = [LoginThrottle]

    @extend_schema(operation_id="auth_email_confirm", responses={204: None})
    def post(self, request: Request) -> Response:
        """Confirm an address by the token of a mail; it may be sent again."""
        email_confirm(**self.read_input(MailTokenInput))
        return Response(status=status.HTTP_204_NO_CONTENT)
