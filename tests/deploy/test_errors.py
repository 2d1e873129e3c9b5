"""A DeployError ends a program with one line."""

from __future__ import annotations

import subprocess
import sys

from cyclone.deploy.errors import DeployError, one_line, where


def test_it_ends_a_program_without_a_traceback() -> None:
    program = "from cyclone.deploy import DeployError; raise DeployError('in one line')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "in one line\n")


def test_it_is_an_exception_too() -> None:
    try:
        raise DeployError("message", "detail")
    except Exception as error:
        caught = error
    assert str(caught) == "message"
    assert isinstance(caught, DeployError)
    assert caught.detail == "detail"


def test_one_line_of_an_error_without_a_place() -> None:
    assert one_line(ValueError("a\nb")) == "ValueError: a"
    assert one_line(KeyError()) == "KeyError"
    assert where(None) == ""
