"""
Changes to a file that leave the rest of it alone: hunks, as in a diff, without line numbers.

A cell that changes a file in this way looks like this:

    %%write workspace/chat/consumers.py
    @@
     from chat.rooms import clean_name, group_name
    +from chat.people import name_of
    @@ unless: event = {
    -        await self.channel_layer.group_send(self.room_group_name, {"type": "chat_msg", "message": message})
    +        event = {"type": "chat_msg", "message": message}
    +        await self.channel_layer.group_send(self.room_group_name, event)

A hunk begins with @@. The lines that begin with a space or - have to be in the file, one after the other and in one
place only. A line with + is new, one with - goes. A hunk is left out where the file holds what stands after `unless:`,
because an earlier stage has made that change, or doesn't hold what stands after `if:`, because none has.
"""

import re
from dataclasses import dataclass

from workshop.errors import WorkshopError


class DoesNotFit(WorkshopError):
    """The files don't have the lines that a change changes."""


@dataclass(frozen=True)
class Edit:
    """Replace some lines of a file by other lines. Comments at their ends don't matter, nor does quoting."""

    file: str
    hunk: tuple  # its lines, each with its sign before it

    @property
    def old(self):
        """The lines that have to be there."""
        return join(self.hunk, "- ")

    @property
    def opened(self):
        return self.file

    def apply(self, files):
        """Change the lines in these files. If that can't be done, return a sentence that says why."""
        content = files.get(self.file, b"").decode("utf-8", "surrogateescape")
        end = "\r\n" if "\r\n" in content else "\n"
        lines = content.replace("\r\n", "\n").split("\n")
        wanted = self.old.split("\n")[:-1]
        for alike in (str, _without_comment):
            plain, sought = [alike(line) for line in lines], [alike(line) for line in wanted]
            places = [at for at in range(len(lines)) if plain[at : at + len(sought)] == sought]
            if len(places) == 1:
                lines[places[0] : places[0] + len(sought)] = self._change(lines[places[0] :])
                files[self.file] = end.join(lines).encode("utf-8", "surrogateescape")
                return None
        return f"Your {self.file} doesn't have the lines that this mistake changes:\n\n{self.old.rstrip()}"

    def _change(self, lines):
        """Return what the hunk makes of the lines at its place: what it leaves unchanged stays the student's own."""
        changed, rest = [], iter(lines)
        for line in self.hunk:
            sign = (line or " ")[0]
            own = next(rest) if sign in "- " else None
            changed += [line[1:]] if sign == "+" else [own] if sign == " " else []
        return changed


def _without_comment(line):
    """Return a line of code as it counts: without a comment at its end, and with the same quotes everywhere."""
    return re.sub(r"\s+(#|//) .*$", "", line).rstrip().replace("'", '"')


def join(hunk, signs):
    """Return the text of a hunk's lines that begin with one of these signs. An empty line counts as unchanged."""
    return "".join(f"{line[1:]}\n" for line in hunk if (line or " ")[0] in signs)


def are_edits(text):
    """Return whether a cell's text changes a file, and isn't the whole of it."""
    return text.startswith("@@")


def make_edits(text, path, files):
    """
    Return the text of a file after the edits in a cell, given the project's files, {path: bytes}, before them.

    Where there is no such file, a first hunk of new lines alone begins one. Raises DoesNotFit if the file isn't there
    otherwise, or doesn't have the lines that a hunk needs.
    """
    hunks = re.split(r"^(?=@@)", text, flags=re.MULTILINE)[1:]
    if path not in files and re.search("^[ -]", hunks[0], re.MULTILINE):
        raise DoesNotFit(f"There is no {path} to change in the project with which this stage begins.")
    changed = {path: files.get(path, b"")}
    for hunk in hunks:
        head, *lines = hunk.rstrip("\n").split("\n")
        kind, _, words = head.removeprefix("@@ ").partition(": ")
        there = words in changed[path].decode("utf-8", "surrogateescape")
        if (kind == "unless" and there) or (kind == "if" and not there):
            continue
        edit = Edit(path, tuple(lines))
        if any(line and line[0] not in " +-" for line in lines) or edit.apply(changed):
            raise DoesNotFit(_explain(edit, changed[path].decode("utf-8", "replace")))
    return changed[path].decode("utf-8", "surrogateescape")


def _explain(edit, text):
    """Say why a hunk doesn't fit to a file's text."""
    for line in edit.hunk:
        if line and line[0] not in " +-":
            return f"This line begins neither with +, as a new one does, nor with a space, as one that stays: {line!r}"
    there = {_without_comment(line) for line in text.replace("\r\n", "\n").split("\n")}
    for line in edit.old.split("\n")[:-1]:
        if _without_comment(line) not in there and line.strip().startswith("+"):
            return f"The + has to be the very first character of its line, before the indent: {line.strip()!r}"
        if _without_comment(line) not in there:
            return (
                f"This line isn't in {edit.file} as the stage begins: {line.strip()!r}\n"
                "If it is a new one, of yours, it begins with +."
            )
    return (
        f"These lines don't stand one after the other in {edit.file}, in one place:\n\n{edit.old.rstrip()}\n\n"
        "Each new line begins with +."
    )
