"""Routes of this app under `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from users.views.emails import EmailConfirmView, EmailView
from users.views.exports import ExportFileView, ExportListView, ExportView
from users.views.logins import LoginView, LogoutView, TokenView
from users.views.passwords import PasswordResetConfirmView, PasswordResetView, PasswordView
from users.views.profile import PublicProfileView, UserListView, UserView
from users.views.tokens import OwnTokenView, TokenListView

urlpatterns = [
    path("auth/token/", TokenView.as_view(), name="auth-token"),
    path("auth/login/", LoginView.as_view(), name="auth-login"),
    path("auth/logout/", LogoutView.as_view(), name="auth-logout"),
    path("auth/password-reset/", PasswordResetView.as_view(), name="auth-password-reset"),
    path(
        "auth/password-reset/confirm/",
        PasswordResetConfirmView.as_view(),
        name="auth-password-reset-confirm",
    ),
    path("auth/email/confirm/", EmailConfirmView.as_view(), name="auth-email-confirm"),
    path("users/", UserListView.as_view(), name="users"),
    path("users/me/", UserView.as_view(), name="user-me"),
    path("users/me/email/", EmailView.as_view(), name="user-email"),
    path("users/me/exports/", ExportListView.as_view(), name="user-exports"),
    path("users/me/exports/<int:export_id>/", ExportView.as_view(), name="user-export"),
    path(
        "users/me/exports/<int:export_id>/file/", ExportFileView.as_view(), name="user-export-file"
    ),
    path("users/me/password/", PasswordView.as_view(), name="user-password"),
    path("users/me/tokens/", TokenListView.as_view(), name="user-tokens"),
    path("users/me/tokens/<int:token_id>/", OwnTokenView.as_view(), name="user-token"),
    path("users/<int:user_id>/", PublicProfileView.as_view(), name="user"),
]
