"""Login and logout."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, login, logout
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, ParseError, Throttled
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from morpheus.api.views import MorpheusAPIView
from users.authentication import BearerAuthentication, SessionAuthentication
from users.models import User
from users.serializers import ProfileSerializer, TokenSerializer, UserLoginInput
from users.services.tokens import token_create, token_revoke
from users.throttling import LoginThrottle, UserLoginLimit


class AnonymousView(MorpheusAPIView):
    """Base of views for clients that are not logged in.

    Tokens and sessions of the request are ignored. Bodies are JSON only, so that a form on another
    site cannot log a user in or register one.
    """

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Any) -> str:
        return BearerAuthentication.keyword

    def authenticate_user(self, request: Request) -> User:
        """Return the user with the address and password in the body.

        Raises:
            AuthenticationFailed: The password is wrong, there is no such user, or the user is
                inactive: the same response after the same work.
            Throttled: Too many attempts for this address failed; no password is compared.
        """
        form = self.read_input(UserLoginInput)
        limit = UserLoginLimit(request, form["email"])
        if (wait_s := limit.take()) is not None:
            raise Throttled(wait_s)
        user = authenticate(request, username=form["email"], password=form["password"])
        if not isinstance(user, User):
            raise AuthenticationFailed("Invalid credentials.")
        limit.give_back()
        return user


class TokenView(AnonymousView):
    """/api/v1/auth/token/."""

    stores_responses = False
    problems = {"POST": ("authentication_failed",), "DELETE": ("not_authenticated",)}
    serializer_class = UserLoginInput

    def get_authenticators(self) -> list[BaseAuthentication]:
        # There is no request while the OpenAPI document is generated.
        revoking = self.request is not None and self.request.method == "DELETE"
        return [BearerAuthentication()] if revoking else []

    def get_throttles(self) -> list[Any]:
        return [LoginThrottle()] if self.request.method == "POST" else super().get_throttles()

    @extend_schema(operation_id="auth_token_create", responses={200: TokenSerializer})
    def post(self, request: Request) -> Response:
        """Log in. The token is shown this once; send it as `Authorization: Bearer <token>`."""
        user = self.authenticate_user(request)
        secret, token = token_create(user=user)
        token.token = secret  # type: ignore[attr-defined] # for the serializer
        return Response(TokenSerializer(token).data, headers={"Cache-Control": "no-store"})

    @extend_schema(
        operation_id="auth_token_revoke",
        responses={204: None},
        auth=[{"bearer": []}],  # type: ignore[list-item] # a security requirement
    )
    def delete(self, request: Request) -> Response:
        """Revoke the token that this request is sent with."""
        if request.auth is None:
            raise NotAuthenticated(
                "Authentication required. Send the token as `Authorization: Bearer <token>`."
            )
        token_revoke(token_id=request.auth.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class LoginView(AnonymousView):
    """/api/v1/auth/login/."""

    problems = {"POST": ("authentication_failed",)}
    serializer_class = UserLoginInput
    throttle_classes = [LoginThrottle]

    @extend_schema(
        operation_id="auth_login",
        parameters=[OpenApiParameter("Set-Cookie", str, OpenApiParameter.HEADER, response=[200])],
        responses={200: ProfileSerializer},
    )
    def post(self, request: Request) -> Response:
        """Log in; sets the cookies `sessionid` and `csrftoken`."""
        user = self.authenticate_user(request)
        # Creates a new session key and a new CSRF token.
        login(request, user)
        return Response(ProfileSerializer(user).data, headers={"Cache-Control": "no-store"})


class LogoutView(MorpheusAPIView):
    """/api/v1/auth/logout/."""

    permission_classes = [IsAuthenticated]
    # Without its session, the request could not be repeated.
    stores_responses = False
    problems = {"POST": ("no_session",)}
    serializer_class = Serializer  # Without fields: OPTIONS describes the body.

    @extend_schema(
        operation_id="auth_logout",
        request=None,
        responses={204: None},
        auth=[{"session": []}],  # type: ignore[list-item] # a security requirement
    )
    def post(self, request: Request) -> Response:
        """End the session of the cookie."""
        if not isinstance(request.successful_authenticator, SessionAuthentication):
            raise ParseError("No session. Revoke a token at /auth/token/.", "no_session")
        logout(request)
        return Response(status=status.HTTP_204_NO_CONTENT)
