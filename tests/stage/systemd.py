"""The unit deploy/chat@.service, and the servers' environment deploy/chat.env, as systemd reads them."""

import re
import shlex
import sys

from stage.expectations import expect

UNIT = "deploy/chat@.service"
ENVIRONMENT = "deploy/chat.env"
SRV = "/srv/chat"  # where the project is on a server
STARTED = "ExecStart=/srv/chat/.venv/bin/daphne --bind 127.0.0.1 --port %i --proxy-headers tutorial.asgi:application"


class Unit:
    """The unit, for one instance: chat@8001 has the instance 8001, which takes the place of %i."""

    def __init__(self, project, instance):
        self.project, self.instance = project, instance
        self.text = read(project, UNIT, "The stage's cell writes it: how systemd runs a server.")
        self.settings = {}
        section = None
        for line in re.sub(r"\\\n", " ", self.text).splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif "=" in line and not line.startswith(("#", ";")):
                name, _, value = line.partition("=")
                self.settings[section, name.strip()] = value.strip()

    def get(self, name, section="Service"):
        """Return the value of a setting, with the instance in it, or "" if the unit has none."""
        value = self.settings.get((section, name), "")
        return value.replace("%%", "\0").replace("%i", self.instance).replace("%I", self.instance).replace("\0", "%")

    def command(self):
        """Return how this computer starts what ExecStart says. Raises Unmet if that isn't daphne."""
        elsewhere = [section for section, name in self.settings if name == "ExecStart" and section != "Service"]
        line = self.get("ExecStart")
        expect(
            line,
            seen=f"ExecStart stands in the section [{elsewhere[0]}], where systemd ignores it."
            if elsewhere
            else "The unit has no ExecStart, so systemd has nothing to start.",
            asked=STARTED,
            file=UNIT,
        )
        program, *arguments = shlex.split(line.lstrip("@-:+!"))
        python = program.startswith(f"{SRV}/.venv/bin/python") and arguments[:2] == ["-m", "daphne"]
        expect(
            python or program == f"{SRV}/.venv/bin/daphne",
            seen=f"ExecStart begins with {program}."
            + (" systemd wants the whole path of a program." if not program.startswith("/") else ""),
            asked=STARTED,
            file=UNIT,
        )
        arguments = [argument.replace(SRV, str(self.project)) for argument in arguments[2 if python else 0 :]]
        return [sys.executable, "-X", "utf8", "-u", "-m", "daphne", *arguments]


def read_environment(project):
    """Return what systemd reads from the servers' EnvironmentFile, as a dict."""
    text = read(project, ENVIRONMENT, "The stage's cell writes it: what the servers find in their environment.")
    environment = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith(("#", ";")):
            continue
        expect(
            equals and re.fullmatch(r"[A-Za-z_]\w*", name.strip()),
            seen=f"Line {number} is “{line.strip()}”, which systemd ignores: it is no shell, and no Python.",
            asked="NAME=value on each line.",
            file=ENVIRONMENT,
        )
        value = value.strip()
        expect(
            not re.search(r"\s#", value),
            seen=f"Line {number} is “{line.strip()}”: for systemd, all that follows the = is the value.",
            asked="A comment stands on a line of its own.",
            file=ENVIRONMENT,
        )
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        environment[name.strip()] = value
    return environment


def read(project, file, asked):
    """Return the text of a file of the project. Raises Unmet if there is none."""
    path = project / file
    expect(path.is_file(), seen=f"There is no {file}.", asked=asked, file=file)
    return path.read_text(encoding="utf-8")
