"""What is in a channel layer at one moment."""

from workshop import drawing


class Xray:
    """What is in a channel layer at one moment. `after.since(before)` marks what has changed."""

    def __init__(self, rooms, capacity, lost=0, before=None):
        self.rooms, self.capacity, self.lost, self.before = rooms, capacity, lost, before

    def since(self, before):
        return Xray(self.rooms, self.capacity, self.lost, before)

    def rows(self):
        """Yield (room, reader, waiting, change) for everyone in a room, now or before. `change` may be "" for none."""
        old = (
            {(room, reader): waiting for room, readers in self.before.rooms.items() for reader, waiting in readers}
            if self.before
            else None
        )
        new = {(room, reader): waiting for room, readers in self.rooms.items() for reader, waiting in readers}
        for room, reader in dict.fromkeys([*(old or {}), *new]):
            key = (room, reader)
            change = ""
            if old is not None and key not in old:
                change = "joined"
            elif key not in new:
                change = "left"
            elif old is not None and new[key] > old[key]:
                change = f"{new[key] - old[key]} more waiting"
            elif old is not None and new[key] < old[key]:
                change = f"{old[key] - new[key]} read"
            yield room, reader, new.get(key, 0), change

    def text(self):
        lines = [
            f"{room}: {reader}, {waiting} of {self.capacity} waiting{f' ({change})' if change else ''}"
            for room, reader, waiting, change in self.rows()
        ]
        lost = self.lost - (self.before.lost if self.before else 0)
        return "\n".join([*(lines or ["Nobody is in any room."]), *([f"lost: {lost}"] if lost else [])])

    __repr__ = text

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/svg+xml": drawing.xray(self), "text/plain": self.text()}
