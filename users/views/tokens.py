"""The caller's tokens."""

from __future__ import annotations

from datetime import timedelta

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.views import MorpheusAPIView
from morpheus.pagination import KeysetPagination
from users.models import WRITE, AccessToken
from users.serializers import NamedTokenSerializer, OwnTokenSerializer, TokenCreateInput
from users.services.tokens import token_create_named, token_revoke


class TokenListView(MorpheusAPIView):
    """/api/v1/users/me/tokens/. Not cached: it is read rarely, and every login changes it."""

    permission_classes = [IsAuthenticated]
    stores_responses = False
    serializer_class = OwnTokenSerializer
    pagination_class = KeysetPagination
    orderings = {"-created_at": ("-created_at", "-id")}

    @property
    def cursor_scope(self) -> str:
        """Bind cursors to the caller."""
        return str(self.reader_id)

    @extend_schema(operation_id="users_me_tokens_list", responses=OwnTokenSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List my valid tokens, newest first, without their secrets.

        The time of the last use may be an hour old.
        """
        page = self.paginate_queryset(AccessToken.objects.valid_of(self.reader_id))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="users_me_tokens_create",
        request=TokenCreateInput,
        responses={201: NamedTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a token for a program; its secret, `token`, is shown this once.

        A token that is made with another token expires no later than that one.
        """
        form = self.read_input(TokenCreateInput)
        days = form.get("expires_in_days")
        secret, token = token_create_named(
            user_id=self.user.pk,
            name=form["name"],
            can_write=WRITE in form["scopes"],
            ttl=None if days is None else timedelta(days=days),
            expires_by=getattr(request.auth, "expires_at", None),
        )
        token.token = secret  # type: ignore[attr-defined] # for the serializer
        body = NamedTokenSerializer(token, context=self.get_serializer_context()).data
        return Response(body, status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class OwnTokenView(MorpheusAPIView):
    """/api/v1/users/me/tokens/{id}/."""

    permission_classes = [IsAuthenticated]
    serializer_class = OwnTokenSerializer

    @extend_schema(operation_id="users_me_tokens_revoke", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke a token of mine; it is refused from now on."""
        if not token_revoke(token_id=token_id):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)
