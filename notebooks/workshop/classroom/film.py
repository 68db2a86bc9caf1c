"""What was on the wall in the last minutes, and how to keep it: as a page, a picture and a recording."""

import collections
import json
import shutil

from workshop.classroom.kept import new_folder

MINUTES = 5  # of which the film is
EVERY = 0.25  # seconds from one picture of the film to the next
STEPS = 400  # in one picture: more than that, nobody can follow


class Film:
    """The snapshots of the last minutes, each as JSON: as objects they would take ten times the memory."""

    def __init__(self):
        self._pictures = collections.deque()  # (when, JSON)
        self._latest = None
        self._begun = 0

    def add(self, snapshot):
        """Take a snapshot in."""
        if self._latest is None:
            self._begun = snapshot["at"]
        self._latest = merge(self._latest, snapshot)
        if snapshot["at"] - self._begun >= EVERY:
            self._pictures.append((snapshot["at"], json.dumps(self._latest)))
            self._latest = None
            while self._pictures[0][0] < snapshot["at"] - 60 * MINUTES:
                self._pictures.popleft()

    def snapshots(self):
        """Return the snapshots, oldest first."""
        return [json.loads(picture) for _, picture in self._pictures] + ([self._latest] if self._latest else [])

    def keep(self, make_page, picture=None):
        """
        Write the film into a new folder in notebooks/kept/. Return (the folder, the names of its files).

        make_page(snapshots) returns the page, and picture is the SVG of the wall as it is now, if a wall is open.
        """
        snapshots = self.snapshots()
        steps = [step for snapshot in snapshots for step in snapshot["steps"] or ()]
        files = {
            "wall.html": make_page(snapshots),
            "wall.svg": picture,
            "wall.steps": "".join(json.dumps(step) + "\n" for step in steps),
        }
        files = {name: content.encode() for name, content in files.items() if content is not None}
        folder = new_folder()
        try:
            for name, content in files.items():
                (folder / name).write_bytes(content)
        except OSError:  # nobody should take half of it for the whole
            shutil.rmtree(folder)
            raise
        return folder, [*files]


def merge(older, newer):
    """Return one snapshot in place of two: how everything stands in the newer one, and what happened in both."""
    if older is None:
        return newer
    steps = None
    if older["steps"] is not None and newer["steps"] is not None:
        steps = older["steps"] + newer["steps"]
        steps = steps if len(steps) <= STEPS else None
    return {**newer, "steps": steps, "said": older["said"] + newer["said"]}
