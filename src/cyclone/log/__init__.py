"""The logs of cyclone, and how those of `logging` are shown (Tornado's ``tornado.log``).

logs       access_log, app_log, gen_log, kept by twisted.logger; the bridge to logging
pretty     LogFormatter and the options of programs for logs
jsonlines  events as lines of JSON
requestid  the id of the request that code runs for
"""

from .jsonlines import json_line, json_observer
from .logs import (
    Log,
    StdlibBridge,
    access_log,
    app_log,
    assume_listening,
    disable_stdlib_logging,
    enable_stdlib_logging,
    gen_log,
    listening,
    log_access,
    printable,
    printable_lines,
)
from .pretty import (
    LogFormatter,
    define_logging_options,
    enable_pretty_logging,
    use_logging_options,
)
from .requestid import current_request_id, enter_request, is_request_id, new_request_id

__all__ = [
    "Log",
    "LogFormatter",
    "StdlibBridge",
    "access_log",
    "app_log",
    "assume_listening",
    "current_request_id",
    "define_logging_options",
    "disable_stdlib_logging",
    "enable_pretty_logging",
    "enable_stdlib_logging",
    "enter_request",
    "gen_log",
    "is_request_id",
    "json_line",
    "json_observer",
    "listening",
    "log_access",
    "new_request_id",
    "printable",
    "printable_lines",
    "use_logging_options",
]
