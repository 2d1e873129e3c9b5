"""What all tests share. The plugins beside this file say what they offer:

``tests/plugins/reactor.py``
    ``reactor_run``, ``reactor`` and ``async def`` tests; the choice of the reactor.
``tests/plugins/processes.py``
    ``spawn``, ``twistd``, ``program``, ``free_port``, ``new_port``.
``tests/plugins/failures.py``
    ``logged_failures``, and why a test fails that leaves an error unhandled.
``tests/plugins/databases.py``
    ``postgres``, ``mariadb``, ``proxy``.
``tests/plugins/valkey.py``
    ``valkey``, ``new_valkey``: real servers.

``HYPOTHESIS_PROFILE`` picks the profile of hypothesis: ``dev``, ``ci`` (the same examples every
time; the default where ``CI`` is set) or ``thorough``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from twisted.internet.task import Clock

# Modules beside the tests use plain `assert` too, which must not vanish under `python -O`.
_HERE = Path(__file__).parent
pytest.register_assert_rewrite(
    *(
        ".".join(["tests", *path.relative_to(_HERE).with_suffix("").parts])
        for path in _HERE.rglob("*.py")
        if not path.name.startswith(("test_", "conftest"))
    )
)

pytest_plugins = [
    "tests.plugins.reactor",
    "tests.plugins.processes",
    "tests.plugins.failures",
    "tests.plugins.databases",
    "tests.plugins.valkey",
]

# Machines differ in speed: no test may depend on how long an example takes.
_SLOW_IS_FINE = [HealthCheck.too_slow]

settings.register_profile("dev", deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile(
    "ci", settings.get_profile("dev"), derandomize=True, database=None, print_blob=True
)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=20_000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


@pytest.fixture
def clock() -> Clock:
    """A clock that a test moves by hand."""
    return Clock()
