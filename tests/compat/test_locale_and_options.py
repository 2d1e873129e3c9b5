"""What applications written for cyclone 1.x rely on: locale, options, httpserver, logs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cyclone.httpserver
import cyclone.locale
import cyclone.log
import cyclone.options
import cyclone.web
from cyclone.testing import Client
from tests.locale.catalogs import write_mo

MODULE_NAMES = {
    cyclone.locale: [
        "CSVLocale",
        "GettextLocale",
        "LOCALE_NAMES",
        "Locale",
        "get",
        "get_supported_locales",
        "load_gettext_translations",
        "load_translations",
        "set_default_locale",
    ],
    cyclone.options: ["Error", "define", "options", "parse_command_line", "parse_config_file"],
    cyclone.httpserver: ["HTTPConnection", "HTTPRequest", "HTTPServer"],
}


def test_names() -> None:
    missing = [
        f"{module.__name__}.{name}"
        for module, names in MODULE_NAMES.items()
        for name in names
        if not hasattr(module, name)
    ]
    assert not missing


class BaseHandler(cyclone.web.RequestHandler):
    """As in the locale demo of 1.x: the user's choice is in the URL, else the browser's counts."""

    def get_user_locale(self) -> Any:
        lang = self.get_argument("lang", None)
        return cyclone.locale.get(lang) if lang else None


class IndexHandler(BaseHandler):
    def get(self) -> None:
        count = int(self.get_argument("apples", "1"))
        text = self.locale.translate("One apple", "%(apples)d apples", count)
        self.write(text % {"apples": count})


def test_the_locale_demo(tmp_path: Path) -> None:
    """Its catalogs are found by the default domain; the setting locale_path is the program's."""
    write_mo(
        tmp_path, "es_ES", {"One apple\0%(apples)d apples": "Una manzana\0%(apples)d manzanas"}
    )
    try:
        app = cyclone.web.Application([(r"/", IndexHandler)], locale_path=str(tmp_path))
        cyclone.locale.load_gettext_translations(app.settings.locale_path)
        client = Client(app)
        assert client.get("/?lang=es_ES").text == "Una manzana"
        assert client.get("/?apples=3", headers={"Accept-Language": "es-ES"}).text == "3 manzanas"
        assert client.get("/?apples=3").text == "3 apples"
    finally:
        cyclone.locale.load_gettext_translations(str(tmp_path / "es_ES"))


def test_get_browser_locale_may_be_overridden() -> None:
    class Handler(cyclone.web.RequestHandler):
        def get_browser_locale(self, default: str = "en_US") -> Any:
            return super().get_browser_locale("en_US")

        def get(self) -> None:
            self.write(self.locale.code)

    assert Client(cyclone.web.Application([("/", Handler)])).get("/").text == "en_US"


PROGRAM = """
import cyclone.options
from cyclone.options import define, options

define("port", default=8000, help="listen port", type=int)
define("database", default="mysql://localhost")

if __name__ == "__main__":
    cyclone.options.parse_command_line()
    if options.port != 8000:
        cyclone.options.parse_config_file("app.conf")
    print(options.port, options.database, options.logging)
"""


def test_options_of_a_program(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "app.conf").write_text("database = 'sqlite://'\n")

    def run(*args: str) -> str:
        return subprocess.run(
            [sys.executable, "app.py", *args],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert run() == "8000 mysql://localhost info\n"
    assert run("--port=9000", "--logging=none") == "9000 sqlite:// none\n"
