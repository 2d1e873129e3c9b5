"""Runs the tests that ship inside the installed ``tornado`` package against cyclone.

::

    python -m tests.conformance.tornado_tests              # all modules, prints a table
    python -m tests.conformance.tornado_tests --modules httputil,routing -v
    python -m tests.conformance.tornado_tests --test '*XSRF*' -v
    python -m tests.conformance.tornado_tests --write      # rewrites docs/conformance.md

None of Tornado's code is here: its test modules are imported from where it is installed, in a
child process in which ``cyclone.web`` has taken the place of ``tornado.web`` and so on, while the
tools of the tests (client, loop, test case) stay Tornado's own.

    table        which test modules there are, and what of cyclone each needs
    exclusions   ``exclusions.toml``: what is not run or fails, why, and what cyclone does instead
    child        the process in which one module runs
    stand_in     puts cyclone's modules in the place of Tornado's
    tidy         takes away what a test left on the loop
    run          starts children, judges their results
    report       the table for people and for docs/conformance.md
"""
