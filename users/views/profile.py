"""Registration, the caller's profile, and public profiles."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.conditions import require_match
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.cached_reads import VisibleValue
from users.models import User
from users.reads import profiles_read
from users.serializers import (
    AccountDeleteInput,
    OwnProfileSerializer,
    ProfileSerializer,
    PublicProfileSerializer,
    UserRegisterInput,
    UserUpdateInput,
)
from users.services.accounts import account_request_deletion
from users.services.users import user_register, user_update
from users.throttling import RegisterThrottle
from users.views.logins import AnonymousView
from users.views.passwords import PasswordConfirmedView


class UserListView(AnonymousView):
    """/api/v1/users/."""

    serializer_class = UserRegisterInput
    throttle_classes = [RegisterThrottle]

    @extend_schema(operation_id="users_register", responses={201: ProfileSerializer})
    def post(self, request: Request) -> Response:
        """Register with an e-mail address that no user has, whatever its case."""
        user = user_register(**self.read_input(UserRegisterInput))
        return Response(ProfileSerializer(user).data, status=status.HTTP_201_CREATED)


class UserView(PasswordConfirmedView):
    """/api/v1/users/me/."""

    without_transaction = frozenset({*SAFE_METHODS, "DELETE"})
    conditional_methods = frozenset({"PATCH"})
    problems = {"DELETE": ("staff_account",)}
    serializer_class = OwnProfileSerializer
    delete_input = AccountDeleteInput

    @extend_schema(operation_id="users_me")
    def get(self, request: Request) -> Response:
        """Show my profile."""
        return Response(self.get_serializer(request.user).data)

    @extend_schema(
        operation_id="users_me_update",
        request=UserUpdateInput,
        responses={200: OwnProfileSerializer},
    )
    def patch(self, request: Request) -> Response:
        """Change my name or what I say about myself."""
        own = User.objects.filter(pk=self.user.pk)
        require_match(request, own, lambda: self.get_serializer(own.get()).data)
        changes = self.read_input(UserUpdateInput, partial=True)
        user_update(user=self.user, **changes)
        return Response(self.get_serializer(request.user).data)

    @extend_schema(operation_id="users_me_delete", responses={202: None})
    def delete(self, request: Request) -> Response:
        """Delete my account with everything that is mine.

        Every token and session ends with the response, name and address are gone, and the address
        is free again. Novels, comics and files are deleted within the next minutes. There is no way
        back.
        """
        form = self.read_input(AccountDeleteInput)
        encoded = self.confirm_password(form["current_password"])
        account_request_deletion(user=self.user, encoded=encoded)
        return Response(status=status.HTTP_202_ACCEPTED)


class PublicProfileView(MorpheusAPIView):
    """/api/v1/users/{id}/."""

    serializer_class = PublicProfileSerializer
    has_fields = True

    @extend_schema(
        operation_id="users_read",
        examples=[
            OpenApiExample(
                "A user",
                {
                    "id": 7,
                    "display_name": "Ann",
                    "bio": "Reads.",
                    "date_joined": "2026-11-30T12:00:00.000000Z",
                    "novels_url": "https://morpheus.example/api/v1/novels/?owner=7",
                    "comics_url": "https://morpheus.example/api/v1/comics/?owner=7",
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, user_id: int) -> HttpResponse:
        """Show the public profile of an active user."""
        profiles = profiles_read([user_id], request)
        return self.respond(VisibleValue(profiles.get(user_id), True))
