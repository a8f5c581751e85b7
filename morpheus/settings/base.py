"""Apps, middleware, templates, time: what every Django project has."""

from __future__ import annotations

from . import environment as env

DEBUG = env.flag("DEBUG", default=False)

INSTALLED_APPS = [
    # First: the next one disconnects its receiver.
    "django.contrib.postgres",
    "morpheus.apps.MorpheusConfig",
    "morpheus.api.apps.ApiConfig",
    "morpheus.cache",
    "morpheus.worker",
    "morpheus.admin.site.MorpheusAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "cachalot",
    # Its middleware is called in front of the response cache (morpheus.serving.cross_origin).
    "corsheaders",
    "django_prometheus",
    "django_tasks",
    "django_tasks_db",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "users",
    "novels",
    "comics",
    "comics.reading",
    "perf",
]

MIDDLEWARE = [
    "morpheus.http.middleware.RequestMiddleware",
    # Plain reads of the API go from here to their views, other requests through the whole list.
    "morpheus.http.middleware.APIReadMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "morpheus.http.middleware.ETagMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "morpheus.http.page_middleware.TrailingSlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "morpheus.http.page_middleware.PageMessagesMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "morpheus.http.page_middleware.PagePolicyMiddleware",
]

BASE_DIR = env.BASE_DIR
MORPHEUS_VAR = env.MORPHEUS_VAR

ROOT_URLCONF = "morpheus.urls"
# Served at the root. Otherwise Django looks for a prefix in three headers, twice for each request.
FORCE_SCRIPT_NAME = ""
WSGI_APPLICATION = "morpheus.wsgi.application"

# After SIGTERM, `manage.py serve` accepts connections for so long, and `/readyz` fails. Longer than
# a proxy needs to notice, and than it keeps idle connections to the server.
MORPHEUS_DRAIN_S = env.number("MORPHEUS_DRAIN_S", default=5.0, at_least=0)
# After that, requests in flight may take so long, and the task of a worker that was told to stop.
# Both together are less than the 30 s that orchestrators usually wait before they kill.
MORPHEUS_STOP_TIMEOUT_S = env.number("MORPHEUS_STOP_TIMEOUT_S", default=20, at_least=1)

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_USER_MODEL = "users.User"
# The admin has the only login page; a `next` that leads to another site counts as none.
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["users.authentication.OwnRowBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "display_name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "users.authentication.VisiblePasswordValidator"},
]

# `manage.py worker` parses novels; its jobs are rows of the database.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
