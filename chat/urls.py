from django.urls import path

from chat import views

urlpatterns = [
    path("", views.index, name="index"),
    path("<str:room_name>/", views.room, name="room"),
    # No room's name has a slash in it. Without this line the answer would be a bare 404, with it a sentence.
    path("<path:room_name>/", views.room),
]
