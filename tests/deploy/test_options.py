"""The options of ``twistd cyclone``."""

from __future__ import annotations

import pytest
from twisted.python.usage import UsageError

from cyclone import __version__
from cyclone.deploy.options import Options, port_number


def parsed(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


def test_defaults_are_those_of_the_readme() -> None:
    assert dict(parsed()) == {
        "port": 8888,
        "listen": "127.0.0.1",
        "unix": None,
        "app": None,
        "appopts": None,
        "ssl-port": 8443,
        "ssl-listen": "127.0.0.1",
        "ssl-cert": "server.crt",
        "ssl-key": "server.key",
        "ssl-app": None,
        "ssl-appopts": None,
        "ssl-certs": None,
        "ssl-client-ca": None,
        "ssl-client-certs": None,
        "proxy-protocol": None,
        "unix-mode": None,
        "unix-owner": None,
        "workers": 0,
        "max-requests": 0,
        "systemd": 0,
        "endpoints": [],
    }


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["-p", "80"], "port", 80),
        (["--port=80"], "port", 80),
        (["-l", "0.0.0.0"], "listen", "0.0.0.0"),
        (["--listen=::1"], "listen", "::1"),
        (["-r", "hello.Application"], "app", "hello.Application"),
        (["--app=hello.Application"], "app", "hello.Application"),
        (["-c", "a b"], "appopts", "a b"),
        (["--appopts=a b"], "appopts", "a b"),
        (["-u", "/run/x"], "unix", "/run/x"),
        (["--unix=/run/x"], "unix", "/run/x"),
        (["--ssl-port=443"], "ssl-port", 443),
        (["--ssl-listen=::"], "ssl-listen", "::"),
        (["--ssl-cert=a"], "ssl-cert", "a"),
        (["--ssl-key=b"], "ssl-key", "b"),
        (["--ssl-app=c"], "ssl-app", "c"),
        (["--ssl-appopts=d"], "ssl-appopts", "d"),
        (["hello.py"], "app", "hello.py"),
        (["-p", "1", "hello.py"], "app", "hello.py"),
        (["hello.py", "-p", "80"], "port", 80),
        (["hello.py", "--ssl-cert=a"], "app", "hello.py"),
        (["-p80", "hello.py", "--listen", "::", "-c="], "appopts", "="),
        (["--appopts=", "hello.py"], "appopts", ""),
        (["-c", "", "-p", "80"], "port", 80),
        (["-c", "", "-p", "80"], "appopts", ""),
        (["-l", "", "hello.py"], "listen", ""),
        (["--", "-hello.py"], "app", "-hello.py"),
        (["--listen-endpoint=tcp:1"], "endpoints", ["tcp:1"]),
        (["--listen-endpoint", "a", "--listen-endpoint=b"], "endpoints", ["a", "b"]),
    ],
)
def test_each_option(arguments: list[str], name: str, value: object) -> None:
    assert parsed(*arguments)[name] == value


def test_endpoints_of_one_command_line_are_not_those_of_another() -> None:
    parsed("--listen-endpoint=a")
    assert parsed()["endpoints"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.py", "b.py"], "one file is enough: a.py b.py"),
        (["-r", "a.App", "b.py"], "either --app=a.App or b.py, not both"),
        (["-p", "http"], "'http' is not a port number"),
        (["--ssl-port=65536"], "'65536' is not a port number"),
        (["--nonsense"], "option --nonsense not recognized"),
        (["a.py", "--nonsense"], "option --nonsense not recognized"),
        (["a.py", "--listen-endpoint"], "option --listen-endpoint requires argument"),
    ],
)
def test_what_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parsed(*arguments)


def test_help_lists_the_options_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--help")
    assert not caught.value.code
    text = capsys.readouterr().out
    for line in (
        "-p, --port= ",
        "-l, --listen= ",
        "-r, --app= ",
        "-c, --appopts= ",
        "-u, --unix= ",
        "    --ssl-port= ",
        "    --ssl-listen= ",
        "    --ssl-cert= ",
        "    --ssl-key= ",
        "    --ssl-app= ",
        "    --ssl-appopts= ",
        "    --listen-endpoint= ",
        "    --version ",
        "    --help ",
        "[default: 8888]",
        "[default: 8443]",
        "[default: server.crt]",
    ):
        assert line in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed("--version")
    assert not caught.value.code
    assert capsys.readouterr().out == f"cyclone {__version__}\n"


@pytest.mark.parametrize("text", ["0", "1", "8888", "65535"])
def test_port_numbers(text: str) -> None:
    assert port_number(text) == int(text)


@pytest.mark.parametrize("text", ["", "-1", "65536", "1.5", "http", " 1", "٣", "²", "1_0"])
def test_what_is_no_port_number(text: str) -> None:
    with pytest.raises(ValueError, match="is not a port number"):
        port_number(text)
