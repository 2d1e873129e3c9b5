"""What command lines ask for, by both programs that have them."""

from __future__ import annotations

from typing import Any

import pytest

from cyclone import cli
from cyclone.deploy import DeployError, RunOptions, Secure, TLSFiles, Wanted, foreground
from cyclone.deploy.options import Options
from cyclone.deploy.plan import Place, Plan, Site

PAIR = ("server.crt", "server.key")


def by_twistd(*arguments: str) -> Wanted:
    options = Options()
    options.parseOptions(arguments)
    return options.wanted()


def by_run(*arguments: str) -> Wanted:
    seen: list[RunOptions] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PORT", raising=False)
        patch.setattr(cli, "run", lambda options: seen.append(options) or 0)
        if cli.main(["run", *arguments]):
            raise DeployError("said by the command")
    return seen[0]


PROGRAMS = pytest.mark.parametrize("program", [by_twistd, by_run])


@PROGRAMS
@pytest.mark.parametrize(
    ("arguments", "sites", "places"),
    [
        (["a.py"], [Site("a.py")], [Place("tcp", "127.0.0.1", 8888)]),
        (
            ["--ssl-app=b.py", "--ssl-appopts=x"],
            [Site("b.py", "x")],
            [Place("tcp", "127.0.0.1", 8443, tls=PAIR)],
        ),
        (
            ["a.py", "--ssl-app=b.py", "--ssl-port=0", "--ssl-listen=", "--ssl-cert=c.pem"],
            [Site("a.py"), Site("b.py")],
            [
                Place("tcp", "127.0.0.1", 8888),
                Place("tcp", "", 0, site=1, tls=("c.pem", "server.key")),
            ],
        ),
        (
            ["a.py", "--unix=/x", "--ssl-app=b.py", "--ssl-certs=d"],
            [Site("a.py"), Site("b.py")],
            [
                Place("unix", "/x"),
                Place("tcp", "127.0.0.1", 8443, 1, tls=PAIR, files=TLSFiles(directory="d")),
            ],
        ),
        (
            ["a.py", "--proxy-protocol=10.0.0.0/8, ::1"],
            [Site("a.py")],
            [Place("tcp", "127.0.0.1", 8888, proxies=("10.0.0.0/8", "::1"))],
        ),
    ],
)
def test_plans(program: Any, arguments: list[str], sites: list[Site], places: list[Place]) -> None:
    assert program(*arguments).plan() == Plan(tuple(sites), tuple(places))


@PROGRAMS
@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ([], None),
        (["--ssl-cert=a", "--ssl-key=b"], None),
        (["--ssl-certs=d"], TLSFiles(directory="d")),
        (["--ssl-certs=d", "--ssl-cert=a", "--ssl-key=b"], TLSFiles("a", "b", "d")),
        (["--ssl-certs=d", "--ssl-cert=server.crt"], TLSFiles(*PAIR, "d")),
        (["--ssl-client-ca=c"], TLSFiles(*PAIR, None, "c", "required")),
        (
            ["--ssl-certs=d", "--ssl-client-ca=c", "--ssl-client-certs=optional"],
            TLSFiles(None, None, "d", "c", "optional"),
        ),
        (["--ssl-client-certs=none"], TLSFiles(*PAIR)),
    ],
)
def test_certificates(program: Any, arguments: list[str], files: TLSFiles | None) -> None:
    assert program("--ssl-app=a.py", *arguments).secure.files == files


@PROGRAMS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to run: name an application"),
        *(
            (["a.py", f"--{option}=1"], f"--{option} needs an --ssl-app to serve")
            for option in (
                *("ssl-appopts", "ssl-port", "ssl-listen", "ssl-cert", "ssl-key", "ssl-certs"),
                "ssl-client-ca",
            )
        ),
        (["a.py", "--ssl-client-certs=none"], "--ssl-client-certs needs an --ssl-app to serve"),
        (["--ssl-app=b.py", "--unix=/x"], "need an application without TLS"),
        (["a.py", "--proxy-protocol="], "--proxy-protocol needs the addresses"),
        (["a.py", "--proxy-protocol=lb.example"], "'lb.example' is neither an address nor"),
    ],
)
def test_what_makes_no_sense(program: Any, arguments: list[str], message: str) -> None:
    with pytest.raises(DeployError, match=message):
        program(*arguments).plan()


def test_where_tls_is_served_by_run() -> None:
    """The address of ``--host`` is for both."""
    options = by_run("--host=::", "--ssl-app=a.py")
    assert options.plan().places == (Place("tcp", "::", 8443, tls=PAIR),)
    assert by_run("--host=::", "a.py").secure == Secure()


@pytest.mark.parametrize("more", [["--ssl-app=b.py"], ["--proxy-protocol=::1"]])
def test_what_reload_cannot_do(monkeypatch: pytest.MonkeyPatch, more: list[str]) -> None:
    options = by_run("a.py", "--reload", *more)
    monkeypatch.setattr(foreground, "begin_console", lambda *args, **kwargs: None)
    with pytest.raises(DeployError, match="--reload serves at a TCP port"):
        foreground.run(options)
