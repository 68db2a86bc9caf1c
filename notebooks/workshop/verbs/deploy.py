"""Deploy the workspace: onto this computer, as if it were a server out in the world."""

from workshop.lesson.files import WORKSPACE
from workshop.processes.deployment import Deployment
from workshop.verbs.opened import expect_open


def deploy(servers=2, redis=True, options=()):
    """
    Copy notebooks/workspace/ into a folder of its own, and run it there as its deploy/ says: Redis, one server or two,
    and nginx in front of them, with a certificate that is made on the spot.

    Returns a Deployment, which visit() and connect() take like a Server. Its update() copies the project anew, kill(1)
    ends the first server and revive(1) starts it again. log() is nginx's error log, servers[0].log() that of the first
    server. With redis=False there is no Redis. `options` are further options for daphne. It ends with stop(), with the
    next open_stage(), or with the notebook's kernel. Raises WorkshopError if nginx or Redis isn't installed, or, with
    its last lines, if something doesn't start.
    """
    expect_open()
    return Deployment(WORKSPACE, servers, redis, options)
