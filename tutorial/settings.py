"""
Django settings for the chat.

These environment variables change them, without touching this file:

DJANGO_ALLOWED_HOSTS  more host names or addresses to answer to, separated by commas
DJANGO_DEBUG          0, false, no or off hides the yellow error pages: set it when others can reach the server
DJANGO_SECRET_KEY     a key of your own, needed as soon as the admin holds anything worth keeping
REDIS_URL             redis://localhost:6379 lets several server processes share their rooms
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# Good enough for a classroom, but no secret: everyone can read it here.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "django-insecure-for-learning-only")
DEBUG = os.environ.get("DJANGO_DEBUG", "1").strip().lower() not in ("0", "false", "no", "off", "")

# The names and addresses that this server answers to. A page from anywhere else may not open a
# socket either: tutorial/routing.py checks the Origin header against the same list.
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS += filter(None, os.environ.get("DJANGO_ALLOWED_HOSTS", "").replace(" ", "").split(","))

INSTALLED_APPS = [
    "daphne",  # first: it replaces runserver with one that speaks WebSocket
    "chat",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",  # the admin's styles: Django serves them only with DEBUG
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "tutorial.urls"
ASGI_APPLICATION = "tutorial.routing.application"

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

# The channel layer carries a message from one person's consumer to the others'. Each consumer has a
# mailbox of `capacity` messages, and a full mailbox drops what comes next: the default of 100 is full
# when 100 people speak at once.
CAPACITY = 10_000

if "REDIS_URL" in os.environ:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {
                # The layer waits for mail 5 s at a time. A shorter or equal timeout would end a quiet room.
                # Whoever joins, speaks or leaves needs a connection for a moment: by default there are 100.
                "hosts": [{"address": os.environ["REDIS_URL"], "socket_timeout": 10, "max_connections": 1_000}],
                "capacity": CAPACITY,
            },
        },
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "chat.layers.ClassroomInMemoryChannelLayer",
            # Seconds. By default, what has waited for a minute is thrown away without a word.
            "CONFIG": {"capacity": CAPACITY, "expiry": 24 * 60 * 60},
        },
    }

# For the admin and its sessions: the chat itself stores nothing.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # serve them from where they are: no collectstatic, no STATIC_ROOT
