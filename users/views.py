"""Logging in and out, and one's own profile."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, login, logout
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import (
    AuthenticationFailed,
    NotAuthenticated,
    ParseError,
    Throttled,
    ValidationError,
)
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from morpheus.api.views import MorpheusAPIView
from morpheus.django_internals.rest_framework import get_django_request
from users import services
from users.authentication import BearerAuthentication, SessionAuthentication
from users.models import User
from users.serializers import (
    CredentialsInput,
    OwnProfileSerializer,
    ProfileInput,
    ProfileSerializer,
    RegisterInput,
    TokenSerializer,
)
from users.throttling import LoginThrottle, RegisterThrottle, UserLoginLimit


class StrangerView(MorpheusAPIView):
    """Base of what people do before they are logged in.

    Whatever stale token or session comes along is not looked at. Bodies are JSON only: a form on
    another site can neither log somebody in nor register.
    """

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Any) -> str:
        return BearerAuthentication.keyword

    def user_of_credentials(self, request: Request) -> User:
        """Return the user whose address and password the body holds.

        Raises:
            AuthenticationFailed: They do not belong together, no user has the address, or the user
                is inactive: the same response after the same work.
            Throttled: Too many attempts failed for this address; no password is compared.
        """
        given = CredentialsInput(data=request.data)
        given.is_valid(raise_exception=True)
        email, password = given.validated_data["email"], given.validated_data["password"]
        limit = UserLoginLimit(request, email)
        if (wait_s := limit.take()) is not None:
            raise Throttled(wait_s)
        user = authenticate(request, username=email, password=password)
        if not isinstance(user, User):
            raise AuthenticationFailed("Address and password do not belong together.")
        limit.give_back()
        return user


class TokenView(StrangerView):
    """POST, DELETE /api/v1/auth/token/ — log in and out with a bearer token."""

    serializer_class = CredentialsInput

    def get_authenticators(self) -> list[BaseAuthentication]:
        # No request yet while the OpenAPI document is made.
        revoking = self.request is not None and self.request.method == "DELETE"
        return [BearerAuthentication()] if revoking else []

    def get_throttles(self) -> list[Any]:
        return [LoginThrottle()] if self.request.method == "POST" else super().get_throttles()

    @extend_schema(
        operation_id="auth_token_create", tags=["auth"], responses={200: TokenSerializer}
    )
    def post(self, request: Request) -> Response:
        """Log in. The token is shown this once; send it as `Authorization: Bearer <token>`."""
        user = self.user_of_credentials(request)
        secret, token = services.token_create(user=user)
        token.token = secret
        return Response(TokenSerializer(token).data, headers={"Cache-Control": "no-store"})

    @extend_schema(
        operation_id="auth_token_revoke",
        tags=["auth"],
        responses={204: None},
        auth=[{"bearer": []}],
    )
    def delete(self, request: Request) -> Response:
        """Revoke the token that this request is sent with."""
        if request.auth is None:
            raise NotAuthenticated("Send the token to revoke as `Authorization: Bearer <token>`.")
        services.token_revoke(token_id=request.auth.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class LoginView(StrangerView):
    """POST /api/v1/auth/login/ — log in with the session cookie."""

    serializer_class = CredentialsInput
    throttle_classes = [LoginThrottle]

    @extend_schema(operation_id="auth_login", tags=["auth"], responses={200: ProfileSerializer})
    def post(self, request: Request) -> Response:
        """Log in; sets the cookies `sessionid` and `csrftoken`."""
        user = self.user_of_credentials(request)
        # A new session key, whatever key came in; and a new CSRF token, as a cookie.
        login(get_django_request(request), user)
        return Response(ProfileSerializer(user).data, headers={"Cache-Control": "no-store"})


class LogoutView(MorpheusAPIView):
    """POST /api/v1/auth/logout/ — end the session."""

    permission_classes = [IsAuthenticated]
    serializer_class = Serializer  # Of no fields: OPTIONS describes what a body holds.

    @extend_schema(
        operation_id="auth_logout",
        tags=["auth"],
        request=None,
        responses={204: None},
        auth=[{"session": []}],
    )
    def post(self, request: Request) -> Response:
        """End the session of the cookie."""
        if not isinstance(request.successful_authenticator, SessionAuthentication):
            raise ParseError("This request has no session; revoke a token at /auth/token/.")
        logout(get_django_request(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class RegisterView(StrangerView):
    """POST /api/v1/users/ — become a user. Budget: 2 queries."""

    serializer_class = RegisterInput
    throttle_classes = [RegisterThrottle]

    @extend_schema(
        operation_id="users_register", tags=["users"], responses={201: ProfileSerializer}
    )
    def post(self, request: Request) -> Response:
        """Register with an e-mail address that nobody has yet, in whatever case."""
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            user = services.user_register(**given.validated_data)
        except services.EmailTaken as error:
            raise ValidationError({"email": ["A user with this address exists."]}) from error
        return Response(ProfileSerializer(user).data, status=status.HTTP_201_CREATED)


class ProfileView(MorpheusAPIView):
    """GET, PATCH /api/v1/users/me/ — one's own profile, and what its user keeps.

    Budget of GET: none warm. Cold 3 queries (user, uploads, comics); of PATCH 1 more.
    """

    permission_classes = [IsAuthenticated]
    serializer_class = OwnProfileSerializer

    @extend_schema(operation_id="users_me", tags=["users"])
    def get(self, request: Request) -> Response:
        """Show my profile."""
        return Response(self.get_serializer(request.user).data)

    @extend_schema(
        operation_id="users_me_update",
        tags=["users"],
        request=ProfileInput,
        responses={200: OwnProfileSerializer},
    )
    def patch(self, request: Request) -> Response:
        """Change my name or what I say about myself."""
        given = ProfileInput(request.user, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        services.user_update(user=request.user, **given.validated_data)
        return Response(self.get_serializer(request.user).data)
