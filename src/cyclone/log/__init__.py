"""The logs of cyclone, and how those of `logging` are shown (Tornado's ``tornado.log``).

logs     access_log, app_log, gen_log, kept by twisted.logger; the bridge to logging
pretty   LogFormatter and the options of programs for logs
"""

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

__all__ = [
    "Log",
    "LogFormatter",
    "StdlibBridge",
    "access_log",
    "app_log",
    "assume_listening",
    "define_logging_options",
    "disable_stdlib_logging",
    "enable_pretty_logging",
    "enable_stdlib_logging",
    "gen_log",
    "listening",
    "log_access",
    "printable",
    "printable_lines",
    "use_logging_options",
]
