"""From what a command line names to the application it means.

A target is one of

* ``hello.py``, a file; its directory goes on the import path, as for ``python hello.py``,
* ``hello:Application`` or ``package.module:name.inner``,
* ``hello.Application``, the dotted name of cyclone 1.x,
* ``hello.py:Application``,
* ``package.module``, a module,

relative to the current directory, which goes on the import path as well. A file or a module alone
means the application found in it: see `discover`.

What a target leads to is an application, or something that makes one when it is called: a lambda,
a function, a class. `build` calls it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any

from twisted.internet.interfaces import IProtocolFactory

from .errors import DeployError, one_line

__all__ = [
    "absolute_target",
    "build",
    "discover",
    "load_application",
    "load_target",
    "project_directory",
]

#: Where `discover` looks first, in this order.
CONVENTIONAL_NAMES = ("Application", "application", "app", "make_app", "create_app")


def load_application(target: str, appopts: str | None = None) -> Any:
    """The application that `target` means, an `IProtocolFactory`.

    Args:
        appopts: the argument for the application's maker; None or "" for no argument.

    Raises:
        DeployError: if there is no such thing, or making it fails.
    """
    return build(load_target(target), target, appopts)


def load_target(target: str) -> object:
    """The object that `target` names; for a file or a module the one that `discover` finds.

    Raises:
        DeployError: if it cannot be imported or found.
    """
    _add_to_path(os.getcwd())
    module_name, colon, attribute = target.rpartition(":")
    if colon:
        if _is_file(module_name):
            found: object = _import_file(module_name)
        else:
            _check_dotted(module_name, target)
            found = _import_module(module_name, target)
        return _attribute(found, attribute, target)
    found = _import_file(target) if _is_file(target) else _dotted(target)
    return discover(found, target) if isinstance(found, ModuleType) else found


def project_directory(target: str) -> str:
    """The directory that holds what `target` names: the file's, or else the current one."""
    path = target.rpartition(":")[0] or target
    if _is_file(path):
        return os.path.dirname(os.path.abspath(path))
    return os.getcwd()


def absolute_target(target: str) -> str:
    """`target` with the whole path of its file, if it is one: the same wherever we are."""
    path, colon, attribute = target.rpartition(":")
    if not colon:
        path, attribute = target, ""
    return os.path.abspath(path) + colon + attribute if _is_file(path) else target


# -- importing -------------------------------------------------------------------------------------


def _is_file(target: str) -> bool:
    return target.lower().endswith(".py") or os.path.isfile(target)


def _add_to_path(directory: str) -> None:
    if directory not in sys.path:
        sys.path.insert(0, directory)


def _import_file(path: str) -> ModuleType:
    """The file `path`, imported as a module named as the file."""
    full = os.path.abspath(path)
    if not os.path.isfile(full):
        raise DeployError(f"there is no file {path}")
    name = _module_name(full)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise DeployError(f"{path} is not a Python file")
    _add_to_path(os.path.dirname(full))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _import_failed(path, error) from error
    return module


def _module_name(path: str) -> str:
    """A name for the file's module that no other module has: ``hello`` for /srv/hello.py."""
    name = os.path.splitext(os.path.basename(path))[0]
    if name in sys.stdlib_module_names:
        name = f"cyclone_target_{name}"
    while name in sys.modules and getattr(sys.modules[name], "__file__", None) != path:
        name += "_"
    return name


def _import_module(name: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and _leads_to(name, error.name):
            raise DeployError(_no_module(error.name or name, target)) from error
        raise _import_failed(name, error) from error


def _leads_to(name: str, missing: str | None) -> bool:
    """Whether `missing` is the module `name` itself or a package it is in."""
    return missing is not None and f"{name}.".startswith(f"{missing}.")


def _no_module(missing: str, target: str) -> str:
    inside = "" if missing == target else f" for {target}"
    return f"there is no module {missing!r}{inside} in {os.getcwd()} or on the import path"


def _import_failed(name: str, error: BaseException) -> DeployError:
    detail = ""
    if isinstance(error, SyntaxError):
        detail = "".join(traceback.format_exception_only(error)).rstrip("\n")
    return DeployError(f"importing {name} failed: {one_line(error)}", detail)


def _check_dotted(name: str, target: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise DeployError(f"{target!r} is neither a file nor the name of a module or application")


def _dotted(target: str) -> object:
    """What the dotted name leads to: as many modules as there are, attributes from there on."""
    _check_dotted(target, target)
    parts = target.split(".")
    found: object = _import_module(parts[0], target)
    name = parts[0]
    for index, part in enumerate(parts[1:], 1):
        if not isinstance(found, ModuleType):
            return _attribute(found, ".".join(parts[index:]), target)
        name = f"{name}.{part}"
        here = getattr(found, part, None)
        if (here is None or isinstance(here, ModuleType)) and _has_submodule(found, part):
            found = _import_module(name, target)
        else:
            found = _attribute(found, part, target)
    return found


def _has_submodule(package: ModuleType, name: str) -> bool:
    return (
        hasattr(package, "__path__")
        and importlib.util.find_spec(f"{package.__name__}.{name}") is not None
    )


def _attribute(owner: object, path: str, target: str) -> object:
    found = owner
    for name in path.split("."):
        if not hasattr(found, name):
            raise DeployError(f"there is no {name!r} in {_name_of(found)} (looking for {target})")
        found = getattr(found, name)
    return found


def _name_of(thing: object) -> str:
    name = getattr(thing, "__name__", None) or type(thing).__name__
    file = getattr(thing, "__file__", None)
    return f"{name} ({file})" if file else str(name)


# -- discovery -------------------------------------------------------------------------------------


def discover(module: ModuleType, target: str) -> object:
    """The application of a module.

    It is the first of ``Application``, ``application``, ``app``, ``make_app`` and ``create_app``
    that is an application or can make one; else the only application, or the only class of
    applications, that the module defines. What a module merely imports from cyclone is not its.

    Raises:
        DeployError: if there is none, or more than one.
    """
    for name in CONVENTIONAL_NAMES:
        candidate = getattr(module, name, None)
        if candidate is not None and _is_maker(candidate):
            return candidate
    for kind in (_is_application, _is_own_class):
        found = {name: thing for name, thing in vars(module).items() if kind(thing, module)}
        distinct = {id(thing): thing for thing in found.values()}
        if len(distinct) > 1:
            names = ", ".join(sorted(found))
            raise DeployError(f"{target} has several applications ({names}): name one of them")
        if distinct:
            return next(iter(distinct.values()))
    raise DeployError(f"found no application in {target}: name one, as in {module.__name__}:app")


def _is_maker(thing: object) -> bool:
    if IProtocolFactory.providedBy(thing):
        return True
    if inspect.isclass(thing) and not IProtocolFactory.implementedBy(thing):
        return False
    if not inspect.isfunction(thing) and not inspect.isclass(thing):
        return callable(thing)  # such as the method of an object that was made here
    return thing.__module__.partition(".")[0] not in ("cyclone", "twisted")


def _is_application(thing: object, module: ModuleType) -> bool:
    return IProtocolFactory.providedBy(thing)


def _is_own_class(thing: object, module: ModuleType) -> bool:
    return (
        inspect.isclass(thing)
        and thing.__module__ == module.__name__
        and IProtocolFactory.implementedBy(thing)
    )


# -- making ----------------------------------------------------------------------------------------


def build(thing: object, target: str, appopts: str | None = None) -> Any:
    """An application from what a target led to.

    An `IProtocolFactory` is one already. Anything else is called, with the string `appopts` as its
    only argument if there is one, without arguments otherwise, and has to return one.

    Raises:
        DeployError: if it is neither, if the call fails, or if `appopts` has nowhere to go.
    """
    if IProtocolFactory.providedBy(thing):
        if appopts:
            raise DeployError(f"{target} is made already and takes no options ({appopts!r})")
        return thing
    if not callable(thing):
        raise DeployError(f"{target} is no application but {_kind(thing)}")
    made = _call(thing, target, appopts)
    if not IProtocolFactory.providedBy(made):
        raise DeployError(f"{target}() returned {_kind(made)}, not an application")
    return made


def _call(maker: Callable[..., object], target: str, appopts: str | None) -> object:
    try:
        return maker(appopts) if appopts else maker()
    except DeployError:
        raise
    except (Exception, SystemExit) as error:
        arguments = repr(appopts) if appopts else ""
        raise DeployError(f"{target}({arguments}) failed: {one_line(error)}") from error


def _kind(thing: object) -> str:
    if thing is None:
        return "None"
    name = type(thing).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
