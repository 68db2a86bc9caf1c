"""
What you might choose instead: the ConnectionManager from FastAPI's documentation, one for each room.

JSON in, JSON out. As in the documentation, nothing is checked, and a client that leaves during a broadcast may end it
for the others.
`python -m uvicorn fastapi_rooms:app` serves it.
"""

import collections
import json

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class ConnectionManager:
    """The connections of everyone in one room."""

    def __init__(self):
        self.active_connections = []

    async def connect(self, websocket):
        await websocket.accept()
        self.active_connections.append(websocket)

    def disconnect(self, websocket):
        self.active_connections.remove(websocket)

    async def broadcast(self, text):
        for connection in self.active_connections:
            await connection.send_text(text)


rooms = collections.defaultdict(ConnectionManager)


@app.websocket("/ws/chat/{room_name}/")
async def chat(websocket: WebSocket, room_name: str):
    room = rooms[room_name]
    await room.connect(websocket)
    try:
        while True:
            frame = json.loads(await websocket.receive_text())
            await room.broadcast(json.dumps({"message": frame["message"]}))
    except WebSocketDisconnect:
        room.disconnect(websocket)
