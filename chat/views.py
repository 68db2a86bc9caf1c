from django.shortcuts import redirect, render

from chat.rooms import find_problem


def index(request):
    """Let a person choose a room: ?room=lobby leads to /chat/lobby/."""
    room_name = request.GET.get("room", "").strip()
    if not room_name:
        return render(request, "chat/index.html")
    if find_problem(room_name):
        return room(request, room_name)
    return redirect("room", room_name=room_name)


def room(request, room_name):
    """Show the room, or say why there can be none of that name."""
    problem = find_problem(room_name)
    if problem:
        context = {"room_name": room_name, "problem": problem}
        return render(request, "chat/index.html", context, status=400)
    return render(request, "chat/room.html", {"room_name": room_name})
