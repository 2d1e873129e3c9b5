"""Start the program anew when its source changes (Tornado's ``tornado.autoreload``).

``cyclone run --reload`` does it better: it keeps the socket open meanwhile, and survives a syntax
error. This is for programs that run the reactor themselves, and for scripts::

    cyclone.autoreload.start()
    reactor.run()

    python -m cyclone.autoreload -m unittest    # again whenever a file changes

Watched are the loaded modules, but for Python's own and installed ones, and what `watch` names. The
program is replaced by ``exec``, with the command line that it was started with.
"""

from __future__ import annotations

import argparse
import os
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall

from cyclone.deploy import Watcher, loaded_sources
from cyclone.log import gen_log

__all__ = ["add_reload_hook", "main", "start", "wait", "watch"]


class _State:
    """What this process watches."""

    def __init__(self) -> None:
        self.watcher = Watcher()
        self.hooks: list[Callable[[], object]] = []
        self.loop: LoopingCall | None = None

    def check(self) -> None:
        """Look at all files, and reload if one was written."""
        # One that is gone will be back soon: some editors put another file in its place.
        changed = [path for path in self.watcher.changes() if os.path.exists(path)]
        self.watcher.add(loaded_sources())
        if changed:
            gen_log.info("%s modified; restarting", changed[0])
            self.reload()

    def reload(self) -> None:
        for hook in self.hooks:
            hook()
        signal.setitimer(signal.ITIMER_REAL, 0)  # it would outlive this program
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


_state = _State()


def start(check_time: float = 500, reactor: Any = None) -> None:
    """Begin to watch, while the reactor runs. Once is enough.

    Args:
        check_time: milliseconds between two looks.
        reactor: where time comes from; the running one by default.
    """
    if _state.loop is not None and _state.loop.running:
        return
    if reactor is None:
        from twisted.internet import reactor as running

        reactor = running
    _state.watcher.add(loaded_sources())
    _state.loop = LoopingCall(_state.check)
    _state.loop.clock = reactor
    _state.loop.start(check_time / 1000, now=False)


def watch(filename: str) -> None:
    """Watch another file, such as one of configuration."""
    _state.watcher.add([os.path.abspath(filename)])


def add_reload_hook(fn: Callable[[], object]) -> None:
    """Have `fn` called before the program is replaced.

    Files and sockets that Python opened need none: they are closed then.
    """
    _state.hooks.append(fn)


def wait(check_time: float = 500) -> None:
    """Wait until a file changes, then start the program anew; for the end of scripts.

    Args:
        check_time: milliseconds between two looks.
    """
    _state.watcher.add(loaded_sources())
    while True:
        time.sleep(check_time / 1000)
        _state.check()


def main(arguments: list[str] | None = None) -> None:
    """Run a script or module again and again: ``python -m cyclone.autoreload``.

    Unlike `wait` at the end of a script it also catches errors on the way there.

    Args:
        arguments: of the command line; those of this process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m cyclone.autoreload",
        description="Run a program, and run it again when a file changes.",
    )
    parser.add_argument("-m", dest="module", action="store_true", help="the program is a module")
    parser.add_argument(
        "--until-success", action="store_true", help="stop when it has ended with status 0"
    )
    parser.add_argument("program", help="path of a script, or name of a module")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="arguments for the program")
    options = parser.parse_args(arguments)
    status = _run(options.program, options.module, options.args)
    if options.until_success and not status:
        return
    wait()


def _run(program: str, is_module: bool, args: list[str]) -> Any:
    """Run a program as if it were started, and return its status."""
    before, sys.argv = sys.argv, [program, *args]
    try:
        if is_module:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            watch(program)
            runpy.run_path(program, run_name="__main__")
    except SystemExit as left:
        gen_log.info("The program exited with status %s", left.code)
        return left.code
    except Exception as error:
        gen_log.warning("The program ended with an exception", exc_info=True)
        for frame in traceback.extract_tb(error.__traceback__):
            if os.path.isfile(frame.filename):
                watch(frame.filename)
        if isinstance(error, SyntaxError) and error.filename:
            watch(error.filename)
        return 1
    finally:
        sys.argv = before
    gen_log.info("The program ended")
    return 0


if __name__ == "__main__":
    # Under its own name: the program shares the state of the module that it imports.
    from cyclone.autoreload import main as run_main

    run_main()
