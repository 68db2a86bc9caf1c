from django.urls import path

from chat import views

urlpatterns = [
    path("", views.index, name="index"),
    path("<str:room_name>/", views.room, name="room"),
    # No room's name holds a slash. This line is there to say so in words, not with a bare 404.
    path("<path:room_name>/", views.room),
]
