"""`cyclone.util`: ObjectDict, import_object, lazy_property."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from pathlib import Path

import pytest

from cyclone import util
from cyclone.util import ObjectDict, import_object, lazy_property, warn_of_overrides


class TestObjectDict:
    def test_items_are_attributes(self) -> None:
        item = ObjectDict(name="a", size=3)
        item.name = "b"
        item["color"] = "red"
        assert (item["name"], item.size, item.color) == ("b", 3, "red")
        del item.size
        assert item == {"name": "b", "color": "red"}

    def test_missing_attributes_are_attribute_errors(self) -> None:
        item = ObjectDict()
        with pytest.raises(AttributeError, match="'size'"):
            item.size  # noqa: B018
        with pytest.raises(AttributeError, match="'size'"):
            del item.size
        assert not hasattr(item, "size")

    def test_copies_and_pickles(self) -> None:
        item = ObjectDict(a=[1])
        for copied in copy.copy(item), copy.deepcopy(item), pickle.loads(pickle.dumps(item)):
            assert type(copied) is ObjectDict
            assert copied.a == [1]


class TestImportObject:
    def test_module_attribute_and_nested_module(self) -> None:
        assert import_object("json") is json
        assert import_object("json.loads") is json.loads
        assert import_object("json.decoder") is json.decoder
        assert import_object("cyclone.util.ObjectDict") is ObjectDict

    def test_submodule_that_is_not_imported_yet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "json.tool", raising=False)
        monkeypatch.delattr(json, "tool", raising=False)
        assert import_object("json.tool").__name__ == "json.tool"

    @pytest.mark.parametrize("name", ["no_such_module", "no_such_module.name", "json.no_such_name"])
    def test_missing_names_are_import_errors(self, name: str) -> None:
        with pytest.raises(ImportError, match="no_such"):
            import_object(name)

    def test_what_a_module_misses_is_told_by_its_own_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = tmp_path / "needy_package"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "part.py").write_text("import no_such_library\n")
        monkeypatch.syspath_prepend(tmp_path)
        with pytest.raises(ModuleNotFoundError, match="no_such_library"):
            import_object("needy_package.part")


class TestLazyProperty:
    class Box:
        def __init__(self) -> None:
            self.runs = 0

        @lazy_property
        def content(self) -> list[int]:
            """What is in it."""
            self.runs += 1
            return [self.runs]

    def test_runs_once_and_stays(self) -> None:
        box = self.Box()
        assert box.content is box.content
        assert box.runs == 1

    def test_assigning_prevents_it_and_deleting_arms_it(self) -> None:
        box = self.Box()
        box.content = [7]
        assert box.content == [7]
        assert box.runs == 0
        del box.content
        assert box.content == [1]

    def test_class_attribute_has_the_documentation(self) -> None:
        assert isinstance(self.Box.content, lazy_property)
        assert self.Box.content.__doc__ == "What is in it."


def test_old_names_of_types() -> None:
    assert (util.bytes_type, util.unicode_type, util.basestring_type) == (bytes, str, str)


class Base:
    """What others inherit from."""

    def __init_subclass__(cls) -> None:
        warn_of_overrides(cls, Base, {"old": "use new"})


def test_methods_that_are_not_called_any_more() -> None:
    with pytest.warns(RuntimeWarning, match=r"Own\.old is not called any more: use new$") as seen:

        class Own(Base):
            def old(self) -> None:
                pass

    assert seen[0].filename == __file__.replace(".pyc", ".py")

    class Child(Own):
        """Nothing of its own: no second warning."""

    class Alone(Base):
        """Calls the old method itself."""

        def _execute(self) -> None:
            self.old()

        def old(self) -> None:
            pass
