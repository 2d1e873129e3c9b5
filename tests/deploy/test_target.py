"""From what a command line names to an application."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import ServerFactory

from cyclone.deploy.errors import DeployError
from cyclone.deploy.target import build, load_application, load_target, project_directory

from .conftest import Write

APPS = """
    from twisted.internet.protocol import ServerFactory

    class Application(ServerFactory):
        def __init__(self, options=None):
            self.options = options

    made = Application("made before")
    maker = lambda: Application("by lambda")

    def function(options="none given"):
        return Application(options)

    class Space:
        inner = Application

    number = 3
    nothing = lambda: None
"""


@pytest.fixture
def apps(write: Write) -> Path:
    write("pkg/__init__.py", "from twisted.internet.protocol import ServerFactory\n")
    write("pkg/apps.py", APPS)
    return write("apps.py", APPS)


@pytest.mark.parametrize("target", ["apps.Application", "apps:Application", "apps.py"])
def test_a_class(apps: Path, target: str) -> None:
    assert load_application(target).options is None
    assert load_application(target, "").options is None
    assert load_application(target, "x=1").options == "x=1"


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("apps.made", "made before"),
        ("apps:made", "made before"),
        ("apps.py:made", "made before"),
        ("apps.maker", "by lambda"),
        ("apps.function", "none given"),
        ("apps.Space.inner", None),
        ("apps:Space.inner", None),
        ("pkg.apps.made", "made before"),
        ("pkg.apps:made", "made before"),
        ("pkg/apps.py", None),
        ("./apps.py", None),
        ("pkg.apps", None),
        ("apps", None),
    ],
)
def test_ways_to_name_one(apps: Path, target: str, options: str | None) -> None:
    assert load_application(target).options == options


def test_absolute_file(apps: Path) -> None:
    assert IProtocolFactory.providedBy(load_application(str(apps)))


def test_options_go_to_the_maker_as_one_string(apps: Path) -> None:
    assert load_application("apps.function", "a b  c=d").options == "a b  c=d"


def test_file_without_suffix(write: Write) -> None:
    write("server", APPS)
    with pytest.raises(DeployError, match="server is not a Python file"):
        load_target("server")


# --- files as modules ----------------------------------------------------------------------------


def test_a_file_is_a_module_of_its_name(write: Write) -> None:
    write("site_one.py", "import neighbour\nfrom neighbour import Application\napp = Application()")
    write("neighbour.py", APPS)
    load_application("site_one.py")
    assert sys.modules["site_one"].neighbour is sys.modules["neighbour"]


def test_a_file_is_not_run_as_the_main_program(write: Write) -> None:
    write("main_app.py", APPS + "\n    if __name__ == '__main__':\n        raise SystemExit(9)")
    load_application("main_app.py")


def test_a_file_is_imported_once(write: Write) -> None:
    write("once.py", APPS)
    assert load_application("once.py:made") is load_application("once.py:made")
    assert load_application("once:made") is load_application("once.py:made")


def test_files_named_as_other_modules(write: Write) -> None:
    import json

    write("json.py", APPS)
    write("a/twin.py", APPS)
    write("b/twin.py", APPS)
    assert load_application("json.py").options is None
    assert sys.modules["json"] is json
    first, second = load_application("a/twin.py"), load_application("b/twin.py")
    assert type(first) is not type(second)
    assert load_target("a/twin.py") is type(first)
    assert load_target("b/twin.py") is type(second)


def test_a_name_that_is_no_identifier(write: Write) -> None:
    write("hello-world.py", APPS)
    assert load_application("hello-world.py").options is None


def test_the_directory_of_a_file_is_importable(write: Write) -> None:
    write("sub/deep.py", "from helper_of_deep import Application\nmaker = lambda: Application()")
    write("sub/helper_of_deep.py", APPS)
    assert load_application("sub/deep.py:maker").options is None


@pytest.mark.parametrize(
    ("target", "directory"),
    [("apps.py", "."), ("pkg/apps.py", "pkg"), ("pkg/apps.py:x", "pkg"), ("pkg.apps", ".")],
)
def test_project_directory(apps: Path, target: str, directory: str) -> None:
    assert project_directory(target) == str((apps.parent / directory).resolve())


# --- discovery -----------------------------------------------------------------------------------

FACTORY = "from twisted.internet.protocol import ServerFactory, Factory\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("class Application(ServerFactory): pass", "Application"),
        ("Application = lambda: ServerFactory()", "Application"),
        ("application = ServerFactory()\nother = ServerFactory()", "application"),
        ("app = ServerFactory()\ndef make_app(): pass", "app"),
        ("def make_app(): return ServerFactory()", "make_app"),
        ("def create_app(): return ServerFactory()", "create_app"),
        ("site = ServerFactory()", "site"),
        ("site = ServerFactory()\nalias = site", "site"),
        ("class Site(ServerFactory): pass", "Site"),
        ("class Site(ServerFactory): pass\nsite = Site()", "site"),
        ("app = 3\nsite = ServerFactory()", "site"),
        ("class Application: pass\nsite = ServerFactory()", "site"),
        ("from twisted.application.service import Application\nsite = ServerFactory()", "site"),
        ("Application = Factory\nsite = ServerFactory()", "site"),
        ("from cyclone.bottle import Bottle\napp = Bottle()", "app"),
        (
            "from cyclone.bottle import Bottle\nmine = Bottle()\nApplication = mine.create_app",
            "Application",
        ),
        ("from cyclone.bottle import create_app, route", "create_app"),
    ],
)
def test_discovery(write: Write, source: str, found: str) -> None:
    write("found.py", FACTORY + source)
    assert load_target("found.py") == getattr(sys.modules["found"], found)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "found no application in found.py: name one, as in found:app"),
        ("class Handler: pass", "found no application"),
        ("a = ServerFactory()\nb = ServerFactory()", r"several applications \(a, b\): name one"),
        (
            "class A(ServerFactory): pass\nclass B(ServerFactory): pass",
            r"several applications \(A, B\)",
        ),
    ],
)
def test_discovery_fails(write: Write, source: str, message: str) -> None:
    write("found.py", FACTORY + source)
    with pytest.raises(DeployError, match=message):
        load_target("found.py")


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.Application", "there is no module 'nowhere' for nowhere.Application in {cwd}"),
        ("nowhere:Application", "there is no module 'nowhere' for nowhere:Application in {cwd}"),
        ("nowhere", "there is no module 'nowhere' in {cwd} or on the import path"),
        ("pkg.nowhere.x", "there is no 'nowhere' in pkg ({cwd}/pkg/__init__.py) (looking for"),
        ("pkg.nowhere:x", "there is no module 'pkg.nowhere' for pkg.nowhere:x"),
        ("nowhere.py", "there is no file nowhere.py"),
        ("nowhere.py:app", "there is no file nowhere.py"),
        ("apps.Other", "there is no 'Other' in apps ({cwd}/apps.py) (looking for apps.Other)"),
        ("apps:Space.other", "there is no 'other' in Space (looking for apps:Space.other)"),
        ("apps.made.other", "there is no 'other' in Application (looking for apps.made.other)"),
        ("no/such", "'no/such' is neither a file nor the name of a module or application"),
        ("apps..x", "'apps..x' is neither a file nor"),
        (":", "':' is neither a file nor"),
        (":app", "':app' is neither a file nor"),
        (".apps:app", "'.apps:app' is neither a file nor"),
        ("a b:app", "'a b:app' is neither a file nor"),
        ("apps.number", "apps.number is no application but an int"),
        ("apps.nothing", "apps.nothing() returned None, not an application"),
        ("apps:Space", "apps:Space() returned a Space, not an application"),
    ],
)
def test_messages(apps: Path, target: str, message: str) -> None:
    with pytest.raises(DeployError) as caught:
        load_application(target)
    assert message.format(cwd=apps.parent) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_for_what_is_made_already(apps: Path) -> None:
    with pytest.raises(DeployError, match=r"apps\.made is made already and takes no options"):
        load_application("apps.made", "x")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import not_there_42", "No module named 'not_there_42' ({file}, line 1)"),
        ("x = 1\n1 / 0", "ZeroDivisionError: division by zero ({file}, line 2)"),
        ("def f(:", "SyntaxError: invalid syntax ({file}, line 1)"),
        ("import helper", "ValueError: two ({cwd}/helper.py, line 2)"),
        ("raise SystemExit(3)", "SystemExit: 3 ({file}, line 1)"),
        ("import importlib; importlib.import_module('gone_43')", "'gone_43' ({file}, line 1)"),
    ],
)
@pytest.mark.parametrize("target", ["broken.app", "broken:app", "broken.py"])
def test_module_that_fails(write: Write, target: str, source: str, message: str) -> None:
    write("helper.py", "\nraise ValueError('two\\nlines')")
    file = write("broken.py", source)
    with pytest.raises(DeployError) as caught:
        load_application(target)
    assert str(caught.value).startswith(f"importing {target.rpartition('app')[0][:-1] or target}")
    assert str(caught.value).endswith(message.format(file=file, cwd=file.parent))
    assert "\n" not in str(caught.value)
    assert "broken" not in sys.modules


def test_detail_of_a_syntax_error_shows_the_place(write: Write) -> None:
    file = write("broken.py", "x = 1\ndef f(:\n    pass\n")
    with pytest.raises(DeployError) as caught:
        load_application("broken.py")
    assert f'File "{file}", line 2' in caught.value.detail
    assert "def f(:" in caught.value.detail


def test_a_package_that_fails_is_not_a_missing_one(write: Write) -> None:
    write("half/__init__.py", "import not_there_44")
    with pytest.raises(DeployError, match=r"importing half failed: .*not_there_44"):
        load_application("half.app")


def test_attribute_of_a_package_goes_before_a_module(write: Write) -> None:
    write("both/__init__.py", FACTORY + "app = ServerFactory()")
    write("both/app.py", "raise ValueError")
    assert isinstance(load_application("both.app"), ServerFactory)


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("def app(): 1 / 0", None, "failing.app() failed: ZeroDivisionError: division by zero ("),
        ("def app(x): raise SystemExit", "o", "failing.app('o') failed: SystemExit ("),
        ("app = lambda: None", "o", "failing.app('o') failed: TypeError: "),
        ("def app(x): pass", None, "failing.app() failed: TypeError: app() missing 1 required"),
    ],
)
def test_maker_that_fails(write: Write, source: str, options: str | None, message: str) -> None:
    write("failing.py", source)
    with pytest.raises(DeployError) as caught:
        load_application("failing.app", options)
    assert str(caught.value).startswith(message)


def test_maker_may_refuse_in_its_own_words() -> None:
    def maker() -> Any:
        raise DeployError("the configuration has no section [server]")

    with pytest.raises(DeployError, match=r"^the configuration has no section"):
        build(maker, "x")
