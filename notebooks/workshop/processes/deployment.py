"""
A project as it stands on a server: a copy of it, two daphnes that Redis connects, and nginx in front of them.

The files in the project's deploy/ say how they run. What differs from a real server is replaced in the copy: the
project's folder, which there is /srv/chat, and the ports.
"""

import contextlib
import os
import re
import secrets
import shlex
import shutil
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

from workshop.errors import WorkshopError
from workshop.lesson.files import read_files, write_files
from workshop.processes.port import Port
from workshop.processes.program import Program, make_redis
from workshop.processes.programs import require_program
from workshop.processes.server import running

SRV = "/srv/chat"
SERVERS = (8001, 8002, 8003, 8004)  # the ports of their units. The project's deploy/chat.conf names the first two

# What stands around deploy/chat.conf on a server, in /etc/nginx/nginx.conf.
NGINX = """{user}daemon off;
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
    types {{ text/css css; text/javascript js; image/svg+xml svg; }}
    access_log off;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    include chat.conf;
}}
"""


class Deployment:
    """
    A project in the world, with all that deploy() says. A `with` statement stops it at its end.

    `url` is its address, `servers` are the Programs that run it, `folder` holds the copy in chat/, and `tls` is the
    SSLContext with which a client trusts its certificate.
    """

    def __init__(self, project, servers, redis, options):
        self.project, self.options = project, options
        self.folder = Path(tempfile.mkdtemp(prefix="deployed-"))
        self.ports = {name: Port() for name in ("http", "https", "redis", *SERVERS)}
        self.port = self.ports["https"].number
        self.url = f"https://localhost:{self.port}/"
        self.key = secrets.token_urlsafe(50)
        self.redis, self.servers, self.nginx = None, [], None
        self.tls = self._certify()
        running.append(self)
        try:
            if redis:
                self.redis = make_redis(self.folder, self.ports["redis"])
                self.redis.start()
            self._start(servers)
        except BaseException:  # such as an interrupted cell
            self.stop()
            raise

    def update(self):
        """Copy the project anew, as after a change, and start all but Redis again. Everyone is disconnected."""
        self._expect_running()
        number = len(self.servers)
        self._end(self.nginx, *self.servers)
        self._start(number)

    def kill(self, number):
        """End a server, the first one being 1, as a crash would."""
        self._server(number).stop(b"kill")

    def revive(self, number):
        """Start a server again, as systemd would. Raises WorkshopError if it hasn't ended."""
        server = self._server(number)
        if server.process is not None:
            raise WorkshopError(f"Server {number} runs already: kill({number}) ends it.")
        server.start()

    def log(self):
        """Return what nginx has noted about errors so far."""
        path = self.folder / "error.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def environment(self):
        """Return the servers' environment: what deploy/chat.env says, with another key and the Redis that runs here."""
        lines = self._localized("chat.env").splitlines()
        pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith(("#", ";"))]
        said = {name.strip(): value.strip().strip("\"'") for name, value in pairs}
        environment = {**os.environ, **said, "DJANGO_SECRET_KEY": self.key}
        environment.pop("REDIS_URL", None)
        if self.redis:
            environment["REDIS_URL"] = f"redis://127.0.0.1:{self.ports['redis'].number}"
        return environment

    def stop(self):
        """End it all, and delete the copy."""
        self._end(self.nginx, *self.servers, self.redis)
        for port in self.ports.values():
            port.give_back()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in running:
            running.remove(self)

    def __repr__(self):
        return f"Your project {'is' if self in running else 'was'} deployed at {self.url}"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def _start(self, servers):
        self._copy()
        self.servers = [self._daphne(port) for port in SERVERS[:servers]]
        for server in self.servers:
            server.start()
        (self.folder / "temporary").mkdir(exist_ok=True)
        options = ["-p", str(self.folder), "-e", "error.log", "-c", str(self.folder / "nginx.conf")]
        command, output = [require_program("nginx"), *options], self.folder / "nginx.log"
        self.nginx = Program("nginx", command, self.folder, self.ports["https"], output)
        self.nginx.start()

    def _end(self, *programs):
        for program in filter(None, programs):
            program.stop()

    def _expect_running(self):
        if self not in running:
            raise WorkshopError("This deployment has ended. deploy() makes a new one.")

    def _server(self, number):
        self._expect_running()
        if number not in range(1, len(self.servers) + 1):
            raise WorkshopError(f"There is no server {number!r}. Expected a number from 1 to {len(self.servers)}.")
        return self.servers[number - 1]

    def _certify(self):
        """Make a certificate for this computer, and return the SSLContext of a client that trusts it."""
        import trustme  # here, since it takes long to import

        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
        self.certificate = {"key.pem": certificate.private_key_pem.bytes(), "certificate.pem": chain}
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def _copy(self):
        """Copy the project and its database, make its tables and collect its static files."""
        target = self.folder / "chat"
        shutil.rmtree(target, ignore_errors=True)
        write_files(read_files(self.project), target)
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(self.project / "db.sqlite3", target)
        write_files(self.certificate, target / "deploy")
        user = "user root;\n" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(NGINX.format(user=user), encoding="utf-8")
        (self.folder / "chat.conf").write_text(self._localized("chat.conf"), encoding="utf-8")
        for command in ("migrate", "collectstatic"):
            self._manage(command, "--noinput", "--verbosity=0")

    def _manage(self, *arguments):
        run = subprocess.run(
            [sys.executable, "-X", "utf8", "manage.py", *arguments],
            cwd=self.folder / "chat",
            env=self.environment(),
            capture_output=True,
            encoding="utf-8",
        )
        if run.returncode:
            raise WorkshopError(f"manage.py {arguments[0]} failed on the server:\n\n{run.stderr.strip()[-1500:]}")

    def _localized(self, name):
        """Return the text of a file in deploy/, with the folder and the ports that it has here."""
        path = self.project / "deploy" / name
        if not path.is_file():
            raise WorkshopError(f"There is no deploy/{name} in your project. Stage 15 makes it.")
        text = path.read_text(encoding="utf-8").replace(SRV, (self.folder / "chat").as_posix())
        for port in SERVERS:
            text = text.replace(f":{port}", f":{self.ports[port].number}")
        text = re.sub(r"\blisten\s+\[::\]:[^;]*;", "", text)  # here nginx listens on one address only
        for port, name in ((80, "http"), (443, "https")):
            text = re.sub(rf"(\blisten\s+){port}\b", rf"\g<1>127.0.0.1:{self.ports[name].number}", text)
        # Where HTTPS has another port than 443, the port is a part of the host, and $host leaves it out.
        text = re.sub(r"(\bproxy_set_header\s+Host\s+)\$host\s*;", r"\g<1>$http_host;", text)
        return re.sub(r"https://\$(http_)?host\$", f"https://$host:{self.port}$", text)

    def _daphne(self, port):
        """Return the server that deploy/chat@.service would start on this port."""
        unit = self._localized("chat@.service").replace("\\\n", " ")
        found = re.search(r"^ExecStart=(.*\bdaphne\s.*)$", unit, re.MULTILINE)
        if found is None:
            raise WorkshopError("deploy/chat@.service has no line ExecStart=… that starts daphne.")
        if "%i" not in found[1]:
            raise WorkshopError("ExecStart in deploy/chat@.service doesn't say %i: which port is it?")
        arguments = shlex.split(found[1].replace("%i", str(self.ports[port].number)))
        place = next(place for place, word in enumerate(arguments) if Path(word).name == "daphne")
        command = [sys.executable, "-X", "utf8", "-u", "-m", "daphne", *self.options, *arguments[place + 1 :]]
        output = self.folder / f"server-{port}.log"
        return Program("daphne", command, self.folder / "chat", self.ports[port], output, self.environment())
