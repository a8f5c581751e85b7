"""Routes of this app under `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from users import views

urlpatterns = [
    path("auth/token/", views.TokenView.as_view(), name="auth-token"),
    path("auth/login/", views.LoginView.as_view(), name="auth-login"),
    path("auth/logout/", views.LogoutView.as_view(), name="auth-logout"),
    path("users/", views.UserListView.as_view(), name="users"),
    path("users/me/", views.UserView.as_view(), name="user-me"),
    path("users/<int:user_id>/", views.PublicProfileView.as_view(), name="user"),
]
