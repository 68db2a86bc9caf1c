import shutil
import sys

import pytest
from running import Redis, Server, need, share
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from watched import WatchedServer


@pytest.fixture
def serve(tmp_path_factory):
    """Return a function that starts a server of the test's own, with the environment variables it is given."""
    servers = []

    def start(**environment):
        server = Server(tmp_path_factory.mktemp("server"), **environment)
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def watch(tmp_path_factory):
    """
    Return a function that starts a server whose inside can be asked.

    Each `change` is (file, old, new): what is another text in the server's copy of the project.
    `server` is "runserver" or "uvicorn". What else is named are environment variables.
    """
    servers = []

    def start(*changes, server="runserver", **environment):
        server = WatchedServer(tmp_path_factory.mktemp("server"), server, **environment)
        servers.append(server)
        for change in changes:
            server.replace(*change)
        return server.start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    yield from share(Server(tmp_path_factory.mktemp("server")))


@pytest.fixture
def server(shared_server):
    """A server that all tests share, so that the suite stays quick. None of them may bring a traceback out of it."""
    shared_server.forget_log()
    yield shared_server
    assert "Traceback" not in shared_server.log()


@pytest.fixture
def redis(tmp_path):
    program = need(
        shutil.which("redis-server"), "Redis", "apt-get install redis-server, or brew install redis, and run it again."
    )
    redis = Redis(program, tmp_path)
    try:
        yield redis.start()
    finally:
        redis.stop()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """One browser for all tests: to start it takes longer than a test."""
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-proxy-server",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    programs = ["chromium", "chromium-browser", "google-chrome", "chrome"]
    program = next(filter(None, map(shutil.which, programs)), None)
    driver = shutil.which("chromedriver")
    browser = None
    if program and driver:
        options.binary_location = program
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    elif sys.platform in ("win32", "darwin"):
        # Chrome isn't on the PATH there: Selenium knows where it is, and brings the driver.
        try:
            browser = webdriver.Chrome(options)
        except WebDriverException as error:
            print(error)
    need(browser, "Chromium and its driver", "apt-get install chromium chromium-driver, or install Google Chrome.")
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium):
    """The browser with one empty window, and nothing left of the test before."""
    before = chromium.window_handles
    chromium.switch_to.new_window("tab")
    own = chromium.current_window_handle
    for handle in before:
        chromium.switch_to.window(handle)
        chromium.close()
    chromium.switch_to.window(own)
    chromium.delete_all_cookies()
    chromium.get_log("browser")  # what it says from now on is this test's
    return chromium
