"""The pages the framework itself shows: an error page, and the traceback page of debug mode.

Pure: text in, HTML out. Everything that was not written here goes through `html.escape`.

What debug mode must not show, because pages are pasted into bug reports: the values of local
variables, of cookies and credentials in the request, and of settings that read like secrets in
the lines of source around an error.
"""

from __future__ import annotations

import linecache
import re
import traceback
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape
from types import TracebackType

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

MAX_FRAMES = 60
"""Most frames shown of one traceback; of a longer one, the outermost and the innermost."""

MAX_CHAIN = 8
"""Most exceptions shown of a chain of causes."""

CONTEXT_LINES = 4
"""Lines of source shown on either side of the one that was running."""

MAX_LINE = 400
"""Characters shown of one line of source."""

_HIDDEN = "[hidden]"

# Header fields and query arguments with one of these in their name are shown without value.
_SECRET_NAME = re.compile(
    r"auth|cookie|credential|csrf|key|passw|secret|session|signature|token|xsrf", re.IGNORECASE
)
# In source, only what looks like an assignment or argument: `cookie_secret="..."`, "token": '...'
_SECRET_LITERAL = re.compile(
    r"""
    (?P<name> (?:cookie|passw|secret|token|api_?key) [a-z_0-9]{0,40} ["']? \s? [=:] \s? )
    [a-z]{0,2} (?P<quote> ["'] ) (?: (?!(?P=quote)) [^\\\n] | \\. )* (?P=quote)
    """,
    re.IGNORECASE | re.VERBOSE,
)

_ABOUT_STYLES = re.compile(r"(?:default|style)-src", re.IGNORECASE)
_ABOUT_FRAMES = re.compile(r"frame-ancestors[^;,]*", re.IGNORECASE)

_STYLE = """
:root{color-scheme:light dark}
body{margin:0;padding:12vh 6vw;font:16px/1.5 system-ui,sans-serif}
h1{margin:0;font-size:1.5rem;font-weight:600}
"""

_DEBUG_STYLE = """
:root{color-scheme:light dark;--code:#f5f5f2;--said:#fbeaea;--here:#fdf0c4;--faint:#555}
@media (prefers-color-scheme:dark){
:root{--code:#262624;--said:#472525;--here:#4d421a;--faint:#aaa}
}
body{margin:0;padding:1.5rem 2rem;font:15px/1.5 system-ui,sans-serif}
h1{margin:0 0 .2rem;font-size:1.3rem}
h2{margin:1.6rem 0 .4rem;font-size:1.05rem}
pre,code{font-family:ui-monospace,monospace;font-size:13px}
pre{margin:.2rem 0 1rem;padding:.6rem .8rem;background:var(--code);border-radius:4px;overflow:auto}
.said{white-space:pre-wrap;background:var(--said)}
.here{background:var(--here)}
.where{margin:0;overflow-wrap:anywhere;color:var(--faint)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:13px}
dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}
"""


def policy_for(page: str, theirs: str) -> str:
    """The Content-Security-Policy of a response with one of our pages.

    An application's policy is for its own pages. One that says which style sheets there may be
    would keep the one of `page` from it: then ours allows that style and nothing else, and who
    may frame the page stays as it was.
    """
    if not _ABOUT_STYLES.search(theirs):
        return theirs
    style = page[page.index("<style>") + 7 : page.index("</style>")]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    frames = _ABOUT_FRAMES.search(theirs)
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        + (f"; {frames[0].strip()}" if frames else "")
    )


def _document(title: str, style: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def error_page(status: int, reason: str) -> str:
    """Return the page for an error: the status and its phrase, nothing about the request."""
    title = f"{status}: {reason}"
    return _document(title, _STYLE, f"<h1>{escape(title)}</h1>")


def debug_page(
    status: int,
    reason: str,
    exc_info: ExcInfo,
    method: str = "",
    uri: str = "",
    headers: Iterable[tuple[str, str]] = (),
) -> str:
    """Return the page debug mode shows for an error: its traceback, with source, and the request.

    ``exc_info`` is a triple as `sys.exc_info` returns it. The exceptions it came from are shown
    first, oldest on top. ``headers`` are the request's; values that are or may be secrets are
    replaced, in the query of ``uri`` too.
    """
    title = f"{status}: {reason}"
    body = [f"<h1>{escape(title)}</h1>"]
    if method or uri:
        request = f"{method} {without_secrets(uri)}"
        body.append(f'<p class="where"><code>{escape(request)}</code></p>')
    for number, (link, shown) in enumerate(reversed(list(_chain(exc_info[1])))):
        if number:
            body.append(f"<h2>{escape(link)}</h2>")
        body.extend(_exception(shown, exc_info[2] if shown is exc_info[1] else None))
    rows = [
        f"<dt>{escape(name)}</dt><dd><code>{escape(_header_value(name, value))}</code></dd>"
        for name, value in headers
    ]
    if rows:
        body.append(f"<h2>Request headers</h2>\n<dl>{''.join(rows)}</dl>")
    return _document(title, _DEBUG_STYLE, "\n".join(body))


def without_secrets(uri: str) -> str:
    """Replace the values of query arguments whose names read like secrets."""
    path, mark, query = uri.partition("?")
    arguments = []
    for argument in query.split("&"):
        name, equals, value = argument.partition("=")
        if value and _SECRET_NAME.search(name):
            value = _HIDDEN
        arguments.append(f"{name}{equals}{value}")
    return path + mark + "&".join(arguments)


def _header_value(name: str, value: str) -> str:
    if _SECRET_NAME.search(name):
        return _HIDDEN
    return without_secrets(value) if name.lower() == "referer" else value


def _chain(error: BaseException | None) -> Iterator[tuple[str, BaseException]]:
    """Yield an exception and those it came from, newest first, with how the newer one followed."""
    seen: set[int] = set()
    current = error
    while current is not None and id(current) not in seen and len(seen) < MAX_CHAIN:
        seen.add(id(current))
        cause = current.__cause__
        yield "which was the cause of" if cause is not None else "and while it was handled", current
        following = None if current.__suppress_context__ else current.__context__
        current = cause if cause is not None else following


def _exception(error: BaseException, trace: TracebackType | None) -> Iterator[str]:
    said = "".join(traceback.format_exception_only(error)).rstrip("\n")
    yield f'<pre class="said">{escape(said)}</pre>'
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(trace or error.__traceback__), lookup_lines=False
    )
    first = MAX_FRAMES // 3
    left_out = max(len(frames) - MAX_FRAMES, 0)
    for frame in frames[:first]:
        yield from _frame(frame)
    if left_out:
        yield f'<p class="where">{left_out} frames are left out here</p>'
    for frame in frames[first + left_out :]:
        yield from _frame(frame)


def _frame(frame: traceback.FrameSummary) -> Iterator[str]:
    yield (
        f'<p class="where"><code>{escape(frame.filename)}</code>, line {frame.lineno}, '
        f"in <code>{escape(frame.name)}</code></p>"
    )
    lines = list(_excerpt(frame.filename, frame.lineno or 0))
    if lines:
        yield "<pre>" + "\n".join(lines) + "</pre>"


def _excerpt(filename: str, current: int) -> Iterator[str]:
    for number in range(max(current - CONTEXT_LINES, 1), current + CONTEXT_LINES + 1):
        line = linecache.getline(filename, number)
        if line:
            shown = _SECRET_LITERAL.sub(_hidden, line.rstrip()[:MAX_LINE])
            text = escape(f"{number:5} {shown}")
            yield f'<span class="here">{text}</span>' if number == current else text


def _hidden(found: re.Match[str]) -> str:
    return f"{found['name']}{found['quote']}{_HIDDEN}{found['quote']}"
