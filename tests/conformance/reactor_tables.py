"""Which of Twisted's tests are run on our reactor, and which are not."""

from __future__ import annotations

from pathlib import Path

#: Where the tests are.  What is not here tests other reactors, or nothing of a reactor.
MODULES = [
    "twisted.internet.test.test_core",
    "twisted.internet.test.test_fdset",
    "twisted.internet.test.test_newtls",
    "twisted.internet.test.test_process",
    "twisted.internet.test.test_socket",
    "twisted.internet.test.test_stdio",
    "twisted.internet.test.test_tcp",
    "twisted.internet.test.test_threads",
    "twisted.internet.test.test_time",
    "twisted.internet.test.test_tls",
    "twisted.internet.test.test_udp",
    "twisted.internet.test.test_unix",
]


#: One line for each, with its reason.
EXCLUSIONS = Path(__file__).with_name("reactor_exclusions.txt")


def exclusions() -> dict[str, str]:
    """What is not run, and why: ``module.Class.test``, or ``module.Class`` for all of its tests."""
    found = {}
    for line in EXCLUSIONS.read_text().splitlines():
        test, _, reason = line.partition(":")
        if line and not line.startswith("#"):
            found[test.strip()] = reason.strip()
    return found
