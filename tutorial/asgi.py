"""
Where a server other than runserver finds the project: `daphne tutorial.asgi:application`.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")
django.setup()  # before the next line: what it imports needs Django's apps to be ready

from tutorial.routing import application  # noqa: E402, F401
