"""UI modules: parts of pages with a class behind them (Tornado, cyclone 1.x).

A template calls them by ``{% module Name(arguments) %}``, and the functions of the setting
``ui_methods`` as ``{{ name(arguments) }}``.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cyclone.escape import linkify
from cyclone.util import ObjectDict

if TYPE_CHECKING:
    from .handler import RequestHandler

__all__ = [
    "BUILTIN_MODULES",
    "TemplateModule",
    "UIModule",
    "make_ui",
    "ui_methods_of",
    "ui_modules_of",
]


class UIModule:
    """A part of a page; subclasses define `render` (Tornado, cyclone 1.x).

    One object serves all uses of the module on a page.  What the other methods return is put into
    the page once, when it is there: see `RequestHandler.render`.

    Attributes:
        handler: the handler that makes the page.
        request: its request.
    """

    def __init__(self, handler: RequestHandler) -> None:
        self.handler = handler
        self.request = handler.request

    @property
    def ui(self) -> Any:
        """The other UI modules, and the UI methods."""
        return self.handler.ui

    @property
    def current_user(self) -> Any:
        """As `RequestHandler.current_user`."""
        return self.handler.current_user

    @property
    def locale(self) -> Any:
        """As `RequestHandler.locale`."""
        handler: Any = self.handler
        return handler.locale

    def render(self, *args: Any, **kwargs: Any) -> Any:
        """Return the HTML of one use of the module: str, bytes or an awaitable of either.

        It is not escaped.
        """
        raise NotImplementedError("a UIModule defines render()")

    def embedded_javascript(self) -> str | bytes | None:
        """JavaScript to put at the end of the page's body."""
        return None

    def javascript_files(self) -> str | bytes | Iterable[str] | None:
        """URLs of JavaScript files; relative ones are below `static_url`."""
        return None

    def embedded_css(self) -> str | bytes | None:
        """CSS to put into the page's head."""
        return None

    def css_files(self) -> str | bytes | Iterable[str] | None:
        """URLs of style sheets; relative ones are below `static_url`."""
        return None

    def html_head(self) -> str | bytes | None:
        """HTML to put at the end of the page's head."""
        return None

    def html_body(self) -> str | bytes | None:
        """HTML to put at the end of the page's body."""
        return None

    def render_string(self, path: str, **kwargs: Any) -> Any:
        """Make a page of a template; as `RequestHandler.render_string`."""
        return self.handler.render_string(path, **kwargs)


class _Linkify(UIModule):
    """``{% module linkify(text) %}``: `text` escaped, with its URLs as links."""

    def render(self, text: str, **kwargs: Any) -> str:
        return linkify(text, **kwargs)


class _XsrfFormHtml(UIModule):
    """``{% module xsrf_form_html() %}``: the hidden field of forms."""

    def render(self) -> Any:
        return self.handler.xsrf_form_html()


class TemplateModule(UIModule):
    """``{% module Template(name, **names) %}``: another template, with names of its own (Tornado).

    That template may say once what its page needs::

        {{ set_resources(css_files="menu.css", embedded_javascript="open_menu()") }}

    with the names of the methods of `UIModule`.
    """

    def __init__(self, handler: RequestHandler) -> None:
        super().__init__(handler)
        self._resources: dict[str, dict[str, Any]] = {}

    def render(self, path: str, **kwargs: Any) -> Any:
        def set_resources(**resources: Any) -> str:
            if self._resources.setdefault(path, resources) != resources:
                raise ValueError(f"set_resources called with different resources in {path}")
            return ""

        return self.render_string(path, set_resources=set_resources, **kwargs)

    def _each(self, kind: str) -> Iterator[Any]:
        return (resources[kind] for resources in self._resources.values() if kind in resources)

    def embedded_javascript(self) -> str:
        return "\n".join(self._each("embedded_javascript"))

    def javascript_files(self) -> list[str]:
        return list(_flat(self._each("javascript_files")))

    def embedded_css(self) -> str:
        return "\n".join(self._each("embedded_css"))

    def css_files(self) -> list[str]:
        return list(_flat(self._each("css_files")))

    def html_head(self) -> str:
        return "".join(self._each("html_head"))

    def html_body(self) -> str:
        return "".join(self._each("html_body"))


def _flat(files: Iterable[Any]) -> Iterator[Any]:
    for entry in files:
        if isinstance(entry, (str, bytes)):
            yield entry
        else:
            yield from entry


#: The modules that every application has.
BUILTIN_MODULES: dict[str, type[UIModule]] = {
    "linkify": _Linkify,
    "xsrf_form_html": _XsrfFormHtml,
    "Template": TemplateModule,
}


# -- the settings


def ui_modules_of(setting: Any) -> dict[str, type[UIModule]]:
    """The UI modules in the setting ``ui_modules``: a dict, a Python module, or a list of those.

    What is no class of modules is passed over.
    """
    return {
        name: item
        for name, item in _named(setting, "ui_modules")
        if isinstance(item, type) and issubclass(item, UIModule)
    }


def ui_methods_of(setting: Any) -> dict[str, Callable[..., Any]]:
    """The functions in the setting ``ui_methods``: a dict, a Python module, or a list of those.

    Names that begin with an underscore or a capital letter are passed over.
    """
    return {
        name: item
        for name, item in _named(setting, "ui_methods")
        if callable(item) and not name.startswith("_") and name[:1].lower() == name[:1]
    }


def _named(setting: Any, what: str) -> Iterator[tuple[str, Any]]:
    if setting is None:
        return
    if isinstance(setting, types.ModuleType):
        for name in dir(setting):
            yield name, getattr(setting, name)
    elif isinstance(setting, Mapping):
        yield from setting.items()
    elif isinstance(setting, (list, tuple)):
        for entry in setting:
            yield from _named(entry, what)
    else:
        raise TypeError(
            f"setting {what} is a dict, a module or a list of those, not {setting!r:.80}"
        )


# -- what templates see


def make_ui(handler: RequestHandler) -> ObjectDict:
    """The names of UI modules and methods for the templates of `handler`.

    It is not kept: handlers would be in circles of references, and live until those are searched.
    """
    application = handler.application
    ui = ObjectDict(
        (name, _Method(method, handler)) for name, method in application.ui_methods.items()
    )
    # The tag {% module %} looks in _tt_modules, which applications do not shadow.
    ui["_tt_modules"] = ui["modules"] = _Modules(handler, application.ui_modules)
    return ui


class _Method:
    """A function of ``ui_methods`` with the handler as first argument."""

    __slots__ = ("_function", "_handler")

    def __init__(self, function: Callable[..., Any], handler: RequestHandler) -> None:
        self._function = function
        self._handler = handler

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(self._handler, *args, **kwargs)


class _Modules:
    """UI modules as attributes or items, each made when it is first used on the page."""

    def __init__(self, handler: RequestHandler, modules: Mapping[str, type[UIModule]]) -> None:
        self._handler = handler
        self._modules = modules

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return functools.partial(self._render, name, self._modules[name])

    def _render(self, name: str, module_class: type[UIModule], /, *args: Any, **kwargs: Any) -> Any:
        active = self._handler._active_modules
        module = active.get(name)
        if module is None:
            module = active[name] = module_class(self._handler)
        return module.render(*args, **kwargs)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no UI module {name!r}; see ui_modules") from None
