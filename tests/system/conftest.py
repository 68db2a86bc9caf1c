import shutil
import sys

import pytest
from running import Redis, Server, need, share
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from watched import WatchedServer
from window import Window


@pytest.fixture
def serve(tmp_path_factory):
    """
    Return a function that starts a server for one test.

    Each `change` is (file, old, new): a text to replace in the server's copy of the project. `options` are options of
    runserver. Other keyword arguments are environment variables.
    """
    servers = []

    def start(*changes, options=(), **environment):
        server = Server(tmp_path_factory.mktemp("server"), options, **environment)
        servers.append(server)
        for change in changes:
            server.replace(*change)
        return server.start()

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def watch(tmp_path_factory):
    """
    Return a function that starts a watched server for one test.

    It takes the same arguments as serve(), but instead of options `server`: "runserver" or "uvicorn".
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
        server.close()


@pytest.fixture(scope="session")
def shared_watch(tmp_path_factory):
    yield from share(WatchedServer(tmp_path_factory.mktemp("server")))


@pytest.fixture(scope="session")
def shared_uvicorn(tmp_path_factory):
    yield from share(WatchedServer(tmp_path_factory.mktemp("server"), "uvicorn"))


@pytest.fixture
def watched(request):
    """
    A watched server that tests share. No test may break it or leave anything behind in it.

    It is "runserver", unless the test's parameter names another.
    """
    kind = getattr(request, "param", "runserver")
    server = request.getfixturevalue({"runserver": "shared_watch", "uvicorn": "shared_uvicorn"}[kind])
    server.forget_log()
    server.ask("begin")
    yield server
    server.close_clients()
    assert server.get("/chat/").status == 200
    server.until_left()
    server.assert_nothing_broke()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    yield from share(Server(tmp_path_factory.mktemp("server")))


@pytest.fixture
def server(shared_server):
    """A server that all tests share, so that the suite stays quick. No test may cause a traceback in it."""
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
        redis.close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """One browser for all tests, since it takes longer to start than a test takes."""
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
    options.set_capability("acceptInsecureCerts", True)  # one test's nginx has a certificate that was made on the spot
    programs = ["chromium", "chromium-browser", "google-chrome", "chrome"]
    program = next(filter(None, map(shutil.which, programs)), None)
    driver = shutil.which("chromedriver")
    browser = None
    if program and driver:
        options.binary_location = program
        browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    elif sys.platform in ("win32", "darwin"):
        # Chrome isn't on the PATH there, but Selenium knows where it is, and fetches the driver.
        try:
            browser = webdriver.Chrome(options)
        except WebDriverException as error:
            print(error)
    need(browser, "Chromium and its driver", "apt-get install chromium chromium-driver, or install Google Chrome.")
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium):
    """The browser with one empty window, and nothing left from the test before."""
    before = chromium.window_handles
    chromium.switch_to.new_window("tab")
    own = chromium.current_window_handle
    for handle in before:
        chromium.switch_to.window(handle)
        chromium.close()
    chromium.switch_to.window(own)
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})  # WebDriver's own command deletes one page's
    chromium.get_log("browser")  # forget what earlier tests have logged
    return chromium


@pytest.fixture
def window(browser):
    return Window(browser)


@pytest.fixture
def second_window(browser, window):
    browser.switch_to.new_window("window")
    second = Window(browser)
    window.look()
    return second
