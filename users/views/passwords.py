"""Change and reset of passwords."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import Throttled
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.views import MorpheusAPIView
from users.serializers import (
    EmailInput,
    PasswordChangeInput,
    PasswordResetInput,
    refuse_weak_password,
)
from users.services.passwords import (
    WrongPassword,
    password_change,
    password_find_reset,
    password_request_reset,
    password_require,
    password_reset,
)
from users.throttling import LoginThrottle, MailNetworkThrottle, UserLoginLimit
from users.views.logins import AnonymousView


class PasswordConfirmedView(MorpheusAPIView):
    """Base of views that ask for the current password, which is hashed outside of transactions."""

    permission_classes = [IsAuthenticated]
    without_transaction = frozenset({*SAFE_METHODS, "POST", "DELETE"})
    stores_responses = False

    def confirm_password(self, password: str) -> str:
        """Return the hash of the caller's password. Wrong ones count as failed logins.

        Raises:
            WrongPassword: It is another one.
            Throttled: Too many attempts failed; no password is compared.
        """
        limit = UserLoginLimit(self.request, self.user.email)
        if (wait_s := limit.take()) is not None:
            raise Throttled(wait_s)
        encoded = password_require(user_id=self.user.pk, password=password)
        limit.give_back()
        return encoded


class PasswordView(PasswordConfirmedView):
    """/api/v1/users/me/password/."""

    serializer_class = PasswordChangeInput

    @extend_schema(operation_id="users_me_password", responses={204: None})
    def post(self, request: Request) -> Response:
        """Change my password.

        Every token and session of mine ends, also the one that this request is sent with: log in
        again with the new password. A wrong current password counts as a failed login.
        """
        form = self.read_input(PasswordChangeInput)
        refuse_weak_password(form["new_password"], self.user, field="new_password")
        encoded = self.confirm_password(form["current_password"])
        is_changed = password_change(
            user_id=self.user.pk, encoded=encoded, new_password=form["new_password"]
        )
        if not is_changed:
            raise WrongPassword
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordResetView(AnonymousView):
    """/api/v1/auth/password-reset/."""

    serializer_class = EmailInput
    throttle_classes = [MailNetworkThrottle]

    @extend_schema(operation_id="auth_password_reset", responses={202: None})
    def post(self, request: Request) -> Response:
        """Ask for a mail with a token for a new password.

        The response is the same, after the same work, whether or not a user has the address.
        """
        password_request_reset(**self.read_input(EmailInput))
        return Response(status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirmView(AnonymousView):
    """/api/v1/auth/password-reset/confirm/."""

    serializer_class = PasswordResetInput
    throttle_classes = [LoginThrottle]

    @extend_schema(operation_id="auth_password_reset_confirm", responses={204: None})
    def post(self, request: Request) -> Response:
        """Set a new password by the token of a mail.

        The token is valid once, and no longer after a login. Every token and session of the user
        ends; the address counts as confirmed.
        """
        form = self.read_input(PasswordResetInput)
        user = password_find_reset(token=form["token"])
        refuse_weak_password(form["new_password"], user, field="new_password")
        password_reset(user=user, new_password=form["new_password"])
        return Response(status=status.HTTP_204_NO_CONTENT)
