"""The command line of ``python -m cyclone.app`` and ``cyclone app``; letters as in cyclone 1.x."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
from collections.abc import Sequence

from .layers import SKELETONS
from .licenses import default_license, header
from .naming import ProjectError
from .project import Project, create_project
from .sample import SAMPLE

__all__ = ["add_arguments", "main", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of this command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    width = max(map(len, SKELETONS))
    skeletons = "\n".join(f"  {name:{width}}  {one.summary}" for name, one in SKELETONS.items())
    parser.epilog = (
        f"skeletons:\n{skeletons}\n\n"
        "examples:\n"
        "  cyclone app -p foobar            a project in the directory foobar\n"
        "  cyclone app -p foobar -a signup  one with accounts\n"
        "  cyclone app -n > hello.py        hello, world in one file\n"
    )
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("-p", "--project", metavar="NAME", help="create a new cyclone project")
    what.add_argument(
        "-n", "--new", action="store_true", help="print a small application, in one file"
    )
    add("-g", "--git", action="store_true", help="make the project a git repository")
    add("-m", "--modname", metavar="NAME", help="name of the module [default: the project's]")
    add("-v", "--version", metavar="VERSION", help="version of the project [default: 0.1]")
    add(
        "-s",
        "--set-pkg-version",
        action="store_true",
        help="put the version into the name of the directory",
    )
    add("-t", "--target", metavar="PATH", help="where the directory is made [default: ./]")
    add(
        "-l",
        "--license",
        metavar="FILE",
        help="license of the project [default: Apache License 2.0]",
    )
    skeleton = parser.add_mutually_exclusive_group()
    skeleton.add_argument(
        "-a", "--appskel", metavar="SKEL", choices=list(SKELETONS), help="see below"
    )
    skeleton.add_argument(
        "-f",
        "--foreman",
        action="store_const",
        const="foreman",
        dest="appskel",
        help="the same as --appskel=foreman",
    )


def run(options: argparse.Namespace) -> int:
    """Do what was parsed; return the exit status."""
    if options.new:
        holder = "The authors"
        year = datetime.date.today().year
        return _print(f"{header(default_license(year, holder), year, holder)}\n\n{SAMPLE}")
    project = Project(
        name=options.project,
        skeleton=options.appskel or "default",
        module=options.modname,
        version="0.1" if options.version is None else options.version,
        version_in_name=options.set_pkg_version,
        target="." if options.target is None else options.target,
        license=options.license,
        git=options.git,
    )
    try:
        directory = create_project(project)
    except ProjectError as error:
        print(f"cyclone app: {error}", file=sys.stderr)
        return 1
    _print(
        f"{directory} is there; {directory / 'README.rst'} says how to go on:\n"
        f"  cd {shlex.quote(str(directory))} && ./start.sh\n"
    )
    return 0  # whether somebody reads that or not


def _print(text: str) -> int:
    """Write to the standard output; return an exit status."""
    try:
        print(text, end="", flush=True)
    except UnicodeEncodeError:  # a path that the terminal has no letters for
        print(text.encode("ascii", "backslashreplace").decode(), end="", flush=True)
    except OSError as error:
        # Nobody reads on, as in `| head`, or there is no space.  When Python ends it would try to
        # write the rest, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"cyclone app: cannot write: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m cyclone.app`` and return the exit status.

    Args:
        arguments: what follows the name of the program; None for those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="cyclone app", description="Create a new cyclone project.", allow_abbrev=False
    )
    add_arguments(parser)
    return run(parser.parse_args(arguments))
