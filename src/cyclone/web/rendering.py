"""Pages from templates: the methods of `RequestHandler` that make them.

The functions of the section "methods" become methods as they are; `handler` is their ``self``.
"""

from __future__ import annotations

import functools
import inspect
import os.path
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from cyclone._async import Settled, Waiter, is_pending, settle
from cyclone.escape import to_unicode, utf8, xhtml_escape
from cyclone.http1 import PeerGone
from cyclone.template import Loader, Rendering

from . import failing

if TYPE_CHECKING:
    from .handler import RequestHandler
    from .uimodules import UIModule

__all__ = [
    "Loaders",
    "create_template_loader",
    "get_template_namespace",
    "get_template_path",
    "render",
    "render_embed_css",
    "render_embed_js",
    "render_linked_css",
    "render_linked_js",
    "render_string",
]

#: The loaders of each application, by path.
Loaders = WeakKeyDictionary[Any, dict[Any, Any]]

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
#: Where coroutines are stepped; what lies outside is not the caller.
_RUNNERS = os.path.join(_PACKAGE, "_async.py")


# -- methods


def render(handler: RequestHandler, /, template_name: str, **kwargs: Any) -> Settled | Waiter:
    """Answer with a page made of a template, and finish the response.

    What the page's UI modules need (scripts, style sheets) is put into it.

    If something in the template has to be waited for, the response ends when it has come, whether
    the caller waits for that or not.  With ``stream_render = True`` in the class, what stands
    before it is sent at once, and everything the UI modules need goes before ``</body>``.

    Args:
        template_name: as for `render_string`.
        kwargs: names for the template.

    Returns:
        an awaitable that is done when the peer has taken the response.

    Raises:
        RuntimeError: the response is finished.
        ValueError: a UI module needs a place that the page has not.
        Exception: what the template raises.
    """
    if handler._finished:
        raise RuntimeError("Cannot render() after finish()")
    if handler.stream_render:
        work = _stream(handler, template_name, kwargs)
    else:
        page = handler.render_string(template_name, **kwargs)
        if not is_pending(page):
            return handler.finish(_with_resources(handler, utf8(page)))
        work = _finish_later(handler, page)

    handler._auto_finish = False
    rendering = Rendering(work, functools.partial(_failed, handler))
    if handler._failing:
        handler._error_page = rendering
    return rendering


def render_string(handler: RequestHandler, /, template_name: str, **kwargs: Any) -> Any:
    """Make a page of a template.

    Args:
        template_name: file below `get_template_path`, or a name that the ``template_loader``
            knows.
        kwargs: names for the template, besides those of `get_template_namespace`.

    Returns:
        the page as bytes, or an awaitable of it: see `cyclone.template.Template.generate`.
    """
    template = _template(handler, template_name)
    names = _namespace(handler, kwargs)
    if is_pending(names.get("current_user")) or is_pending(names.get("locale")):
        rendering = Rendering(_when_known(handler, template, names))
        return rendering.outcome() if rendering.called else rendering
    return template.generate(**names)


def get_template_path(handler: RequestHandler, /) -> str | None:
    """Directory of the templates: setting ``template_path``.

    None stands for the directory of the file whose code asks for a template.
    """
    path: str | None = handler.settings.get("template_path")
    return path


def get_template_namespace(handler: RequestHandler, /) -> dict[str, Any]:
    """The names that all templates know; to be extended by overriding.

    They are ``handler``, ``request``, ``current_user``, ``locale``, ``_``, ``pgettext``,
    ``static_url``, ``xsrf_form_html``, ``reverse_url``, and the UI modules and methods.
    """
    locale = handler.locale
    names: dict[str, Any] = {
        "handler": handler,
        "request": handler.request,
        "current_user": handler.current_user,
        "locale": locale,
        "static_url": handler.static_url,
        "xsrf_form_html": handler.xsrf_form_html,
        "reverse_url": handler.reverse_url,
    }
    if not is_pending(locale):
        names.update(_=locale.translate, pgettext=locale.pgettext)
    names.update(handler.ui)
    return names


def create_template_loader(handler: RequestHandler, /, template_path: str) -> Any:
    """Make the loader of the templates below `template_path`; called once for each.

    It is the setting ``template_loader`` if there is one: anything whose ``load(name)`` returns
    something with ``generate(**names)``.  Else the settings ``autoescape`` and
    ``template_whitespace`` go to a `cyclone.template.Loader`.
    """
    settings = handler.settings
    if settings.get("template_loader") is not None:
        return settings["template_loader"]
    options = {}
    if "autoescape" in settings:  # None means something
        options["autoescape"] = settings["autoescape"]
    if "template_whitespace" in settings:
        options["whitespace"] = settings["template_whitespace"]
    return Loader(template_path, **options)


def render_linked_js(handler: RequestHandler, /, js_files: Iterable[str]) -> str:
    """HTML for the JavaScript files of UI modules."""
    return "".join(
        f'<script src="{xhtml_escape(url)}" type="text/javascript"></script>'
        for url in _urls(handler, js_files)
    )


def render_embed_js(handler: RequestHandler, /, js_embed: Iterable[bytes]) -> bytes:
    """HTML for the JavaScript of UI modules."""
    script = b"\n".join(js_embed)
    return b'<script type="text/javascript">\n//<![CDATA[\n' + script + b"\n//]]>\n</script>"


def render_linked_css(handler: RequestHandler, /, css_files: Iterable[str]) -> str:
    """HTML for the style sheets of UI modules."""
    return "".join(
        f'<link href="{xhtml_escape(url)}" type="text/css" rel="stylesheet"/>'
        for url in _urls(handler, css_files)
    )


def render_embed_css(handler: RequestHandler, /, css_embed: Iterable[bytes]) -> bytes:
    """HTML for the CSS of UI modules."""
    return b'<style type="text/css">\n' + b"\n".join(css_embed) + b"\n</style>"


# -- finding the template


def _template(handler: RequestHandler, name: str) -> Any:
    path = handler.get_template_path() or _callers_directory(handler)
    loaders = handler._template_loaders.setdefault(handler.application, {})
    # Handlers may have loaders of their own for the same path.
    key = path, type(handler).create_template_loader
    loader = loaders.get(key)
    if loader is None:
        loader = loaders.setdefault(key, handler.create_template_loader(path))
    if not handler.settings.get("compiled_template_cache", True) and not handler._templates_reset:
        handler._templates_reset = True
        for known in list(loaders.values()):
            if hasattr(known, "reset"):
                known.reset()
    return loader.load(name)


def _callers_directory(handler: RequestHandler) -> str:
    """The directory of the code that asks for a template, other than cyclone's and templates'.

    Where a page goes on that had to wait, that code is not on the stack any more.
    """
    frame = inspect.currentframe()
    while frame is not None:
        filename = frame.f_code.co_filename
        if filename == _RUNNERS:
            break
        if not filename.startswith(_PACKAGE) and not filename.endswith(".generated.py"):
            directory = os.path.dirname(filename)
            if handler._template_directory is None:
                handler._template_directory = directory
            return directory
        frame = frame.f_back
    if handler._template_directory is None:
        handler.require_setting("template_path", "render_string() in this place")
    return str(handler._template_directory)


def _namespace(handler: RequestHandler, kwargs: dict[str, Any]) -> dict[str, Any]:
    namespace = handler.get_template_namespace()
    # A copy: an override may return an object that is used elsewhere, as handler.ui.
    return {**namespace, **kwargs}


# -- pages that take their time


async def _when_known(handler: RequestHandler, template: Any, names: dict[str, Any]) -> Any:
    await _await_names(handler, names)
    return await settle(template.generate(**names))


async def _await_names(handler: RequestHandler, names: dict[str, Any]) -> None:
    """Wait for a user and a locale that have to be looked up: a Deferred of nobody is true."""
    locale = names.get("locale")
    if is_pending(locale):
        names["locale"] = locale = await settle(locale)
        names.setdefault("_", locale.translate)
        names.setdefault("pgettext", locale.pgettext)
    pending = names.get("current_user")
    try:
        user = await settle(pending)
    except Exception:
        if not handler._failing:
            raise
        user = None  # what went wrong may be that nobody knows who it is
    names["current_user"] = user
    if pending is handler.current_user:
        handler.current_user = user


async def _finish_later(handler: RequestHandler, page: Any) -> None:
    html = utf8(await settle(page))
    if not handler._finished:
        await settle(handler.finish(_with_resources(handler, html)))


def _failed(handler: RequestHandler, error: BaseException) -> None:
    """A page failed, and the handler's method does not wait for it."""
    if handler._finished or isinstance(error, PeerGone):
        return
    if handler.request.connection.done:
        handler.log_exception(type(error), error, error.__traceback__)
    elif handler._failing:
        failing.cannot_write(handler, error)
    else:
        handler._handle_request_exception(error)


async def _stream(handler: RequestHandler, name: str, kwargs: dict[str, Any]) -> None:
    def write(piece: bytes) -> Any:
        if not handler._headers_written and handler.settings.get("xsrf_cookies"):
            # A form may still come, and its cookie could not follow the header section. Making
            # the token here also lets transforms know of it.
            _ = handler.xsrf_token
        handler.write(piece)
        return handler.flush()

    template = _template(handler, name)
    names = _namespace(handler, kwargs)
    await _await_names(handler, names)
    last = await template.stream(write, **names)
    if not handler._finished:
        resources = _Resources(handler)
        await settle(handler.finish(_before_end(last, resources.head() + resources.body())))


# -- what UI modules need


class _Resources:
    """What the modules on a page need, in the order in which they were used."""

    def __init__(self, handler: RequestHandler) -> None:
        self._handler = handler
        self._modules: list[UIModule] = list(handler._active_modules.values())
        handler._active_modules.clear()  # no circles of references are left behind

    def head(self) -> bytes:
        """HTML for the end of the head."""
        handler, modules = self._handler, self._modules
        parts = []
        if files := _files(module.css_files() for module in modules):
            parts.append(utf8(handler.render_linked_css(files)))
        if embedded := _texts(module.embedded_css() for module in modules):
            parts.append(utf8(handler.render_embed_css(embedded)))
        if html := _texts(module.html_head() for module in modules):
            parts.append(b"".join(html))
        return b"".join(part + b"\n" for part in parts)

    def body(self) -> bytes:
        """HTML for the end of the body."""
        handler, modules = self._handler, self._modules
        parts = []
        if files := _files(module.javascript_files() for module in modules):
            parts.append(utf8(handler.render_linked_js(files)))
        if embedded := _texts(module.embedded_javascript() for module in modules):
            parts.append(utf8(handler.render_embed_js(embedded)))
        if html := _texts(module.html_body() for module in modules):
            parts.append(b"".join(html))
        return b"".join(part + b"\n" for part in parts)


def _with_resources(handler: RequestHandler, html: bytes) -> bytes:
    if not handler._active_modules:
        return html
    resources = _Resources(handler)
    head, body = resources.head(), resources.body()
    if body:
        at = html.rfind(b"</body>")
        if at == -1:
            raise ValueError("a UI module needs a </body> in the page, and there is none")
        html = html[:at] + body + html[at:]
    if head:
        at = html.find(b"</head>")
        if at == -1:
            raise ValueError("a UI module needs a </head> in the page, and there is none")
        html = html[:at] + head + html[at:]
    return html


def _before_end(html: bytes, addition: bytes) -> bytes:
    at = html.rfind(b"</body>")
    return html + addition if at == -1 else html[:at] + addition + html[at:]


def _texts(values: Iterable[str | bytes | None]) -> list[bytes]:
    return [utf8(value) for value in values if value]


def _files(values: Iterable[str | bytes | Iterable[str] | None]) -> list[str]:
    files: list[str] = []
    for value in values:
        if isinstance(value, (str, bytes)):
            files.append(to_unicode(value))
        elif value:
            files += value
    return [file for file in files if file]


def _urls(handler: RequestHandler, files: Iterable[str]) -> list[str]:
    """The URLs of files, each once."""
    absolute = ("/", "http:", "https:")
    return list(
        dict.fromkeys(
            file if file.startswith(absolute) else handler.static_url(file) for file in files
        )
    )
