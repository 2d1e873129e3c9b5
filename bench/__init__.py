"""The benchmark: one small application on cyclone and on its peers, loaded in turn in one run.

``python -m bench`` starts the servers, loads them one after another in several rounds, and
prints (and writes into ``docs/performance.md``) the server's CPU time per request as ratios to
Tornado.  ``python -m bench --calls`` counts Python function calls per request instead, which no
noise can move.  The method is described in ``docs/performance.md``.

Rooms: :mod:`bench.cases` (requests and right answers), :mod:`bench.servers` (who is measured),
:mod:`bench.load` (the client), :mod:`bench.responses` (its response reader), :mod:`bench.cpu`
(CPU clocks of other processes), :mod:`bench.report` (statistics and tables), :mod:`bench.calls`
(call counts), :mod:`bench.run` (the command), ``bench/apps`` (the applications).
"""
