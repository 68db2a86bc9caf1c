from django.shortcuts import redirect, render

from chat.errors import Refused
from chat.rooms import clean_name


def index(request):
    """Let a person choose a room: ?room=lobby leads to /chat/lobby/."""
    typed = request.GET.get("room", "").strip()
    if not typed:
        return render(request, "chat/index.html")
    try:
        return redirect("room", room_name=clean_name(typed))
    except Refused as refused:
        return refuse(request, typed, refused)


def room(request, room_name):
    """Show the room, redirect to its proper spelling, or say why no room can have this name."""
    try:
        name = clean_name(room_name)
    except Refused as refused:
        return refuse(request, room_name, refused)
    if name != room_name:
        return redirect("room", room_name=name)
    return render(request, "chat/room.html", {"room_name": name})


def refuse(request, typed, refused):
    context = {"room_name": typed, "problem": refused}
    return render(request, "chat/index.html", context, status=400)
