"""The pages of the class's own site. The wall and the board are on the teacher's port, what to run on the students'."""

import segno
from django.conf import settings
from django.http import Http404
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import path
from django.utils.crypto import constant_time_compare

from workshop.classroom.levers import LEVERS
from workshop.classroom.qr import ROOM, as_svg, make_qr


def wall(request, key):
    _expect_teacher(request, key)
    return render(request, "wall.html", {"data": _about_the_wall(settings.CLASSROOM)})


def board(request, key):
    site = settings.CLASSROOM
    _expect_teacher(request, key)
    if site.code is None:
        raise Http404
    data = {
        "socket": f"/{site.key}/ws/board/",
        "join": site.join,
        "qr": as_svg(segno.make(f"http://{site.join}/", error="m", micro=False)),
        "wall": f"/{site.key}/wall/",
    }
    return render(request, "board.html", {"data": data})


def join(request, code):
    site = settings.CLASSROOM
    if not _is_on(request, site.reports_port) or not constant_time_compare(code, site.code):
        raise Http404
    return render(request, "join.html", {"join": site.join})


def make_page(snapshots):
    """Return the wall as a page that plays these snapshots, and needs no server."""
    return render_to_string("wall.html", {"data": {**_about_the_wall(settings.CLASSROOM), "film": snapshots}})


def _about_the_wall(site):
    return {
        "address": site.chat_url,
        "qr": as_svg(make_qr(site.chat_url)),
        "room": ROOM,
        "socket": f"/{site.key}/ws/wall/",
        "levers": LEVERS,
        "board": f"/{site.key}/board/" if site.code else None,
    }


def _expect_teacher(request, key):
    site = settings.CLASSROOM
    if not _is_on(request, site.own_port.number) or not constant_time_compare(key, site.key):
        raise Http404


def _is_on(request, port):
    """Return whether a request came in at this port. A client can't choose what the server says of itself."""
    return request.scope["server"][1] == port


urlpatterns = [
    path("<str:key>/wall/", wall),
    path("<str:key>/board/", board),
    path("<str:code>/", join),
]
