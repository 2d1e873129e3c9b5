"""The benchmark: one small application on cyclone and on its peers, loaded in turn in one run.

``make bench`` starts the servers, loads them one after another in several rounds, and prints the
server's CPU time per request as ratios to Tornado; then it counts function calls, instructions and
system calls per request, which no noise can move, and measures latency, memory and start-up.
The method is described in ``docs/performance.md``.

Rooms, from the ground up: :mod:`bench.cases` (requests and right answers), ``bench/apps`` (the
applications), ``bench/loadgen`` (the load generator, in C), :mod:`bench.generator` (running it),
:mod:`bench.cpu` (clocks and memory of other processes), :mod:`bench.fixtures` (files of a run),
:mod:`bench.servers` (who is measured), :mod:`bench.probe` (is the answer right?),
:mod:`bench.turns` (the comparison), :mod:`bench.calls` and :mod:`bench.road` (requests in memory),
:mod:`bench.measures` (further measurements), :mod:`bench.report`, :mod:`bench.plot` and
:mod:`bench.document` (what is made of the results), :mod:`bench.run` (the command).
"""
