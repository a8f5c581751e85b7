"""Routes of this app under `/api/v1/`."""

from __future__ import annotations

from django.urls import path

from users import views

urlpatterns = [
    path("auth/token/", views.TokenView.as_view(), name="auth-token"),
    path("auth/login/", views.LoginView.as_view(), name="auth-login"),
    path("auth/logout/", views.LogoutView.as_view(), name="auth-logout"),
    path("users/", views.RegisterView.as_view(), name="users"),
    path("users/me/", views.ProfileView.as_view(), name="user-me"),
]
