"""Loaders: paths, caching, threads."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cyclone.template import BaseLoader, DictLoader, Loader, ParseError, Template


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "root/page.html": "page {% include 'sub/a.html' %}",
        "root/sub/a.html": "",
        "root/sub/b.html": "b",
        "root/c.html": "c é",
        "root/up.html": "{% include ../root2/d.html %}",
        "root2/d.html": "d",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return tmp_path / "root"


def test_names_in_templates_are_relative_to_their_own(root: Path) -> None:
    (root / "sub" / "a.html").write_text(
        f"a {{% include b.html %}} {{% include ../c.html %}} {{% include {root}/c.html %}}"
    )
    loader = Loader(str(root))
    assert loader.load("page.html").generate() == "page a b c é c é".encode()
    assert loader.load(str(root / "c.html")).generate() == "c é".encode()
    assert loader.resolve_path("b.html", "sub/a.html") == "sub/b.html"
    assert loader.resolve_path("../c.html", "sub/a.html") == "c.html"
    assert loader.resolve_path("b.html", "<string>") == "b.html"
    assert loader.resolve_path("b.html", "/abs/a.html") == "b.html"
    assert loader.resolve_path("b.html") == "b.html"


def test_a_directory_beside_the_root_is_not_below_it(root: Path) -> None:
    # Tornado takes /x/root2 for a part of /x/root.
    loader = Loader(str(root))
    assert loader.resolve_path("../root2/d.html", "up.html") == "../root2/d.html"
    assert loader.load("up.html").generate() == b"d"


def test_names_in_dictionaries() -> None:
    loader = DictLoader(
        {
            "a/1.html": "{% include '2.html' %}{% include '/top' %}",
            "a/2.html": "{% include '../b/3.html' %}",
            "b/3.html": "ok",
            "/top": b"\xc3\xa9",
        }
    )
    assert loader.load("a/1.html").generate() == "oké".encode()


def test_missing_templates(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Loader(str(root)).load("none.html")
    with pytest.raises(KeyError):
        DictLoader({}).load("none")
    with pytest.raises(NotImplementedError):
        BaseLoader().load("x")
    loader = DictLoader({"a": "{% include b %}"})
    with pytest.raises(KeyError):
        loader.load("a")
    loader.dict = {"a": "{% include b %}", "b": "now"}
    assert loader.load("a").generate() == b"now"


class Anything(BaseLoader):
    """A loader of an application."""

    def resolve_path(self, name: str, parent_path: str | None = None) -> str:
        return name.lower()

    def _create_template(self, name: str) -> Template:
        return Template(f"this is {name}", name=name, loader=self)


def test_loaders_of_applications() -> None:
    loader = Anything()
    assert loader.load("X").generate() == b"this is x"
    assert list(loader.templates) == ["x"]


def test_templates_are_kept_until_reset(root: Path) -> None:
    loader = Loader(str(root))
    first = loader.load("c.html")
    (root / "c.html").write_text("new")
    assert loader.load("c.html") is first
    loader.reset()
    assert loader.load("c.html").generate() == b"new"


def test_a_template_that_failed_is_tried_again() -> None:
    templates = {"a": "{{"}
    loader = DictLoader(templates)
    with pytest.raises(ParseError):
        loader.load("a")
    templates["a"] = "fine"
    assert loader.load("a").generate() == b"fine"


def test_namespaces_reach_every_template_also_later() -> None:
    names = {"inc": lambda x: x + 1}
    loader = DictLoader({"a": "{{ inc(5) }}{{ late }}"}, namespace=names)
    template = loader.load("a")
    names["late"] = "!"  # type: ignore[assignment]
    assert template.generate() == b"6!"
    assert template.generate(late="?") == b"6?"


def test_threads_share_a_loader() -> None:
    made: list[str] = []
    barrier = threading.Barrier(8)

    class Counting(DictLoader):
        def _create_template(self, name: str) -> Template:
            made.append(name)
            return super()._create_template(name)

    loader = Counting({"a": "{% extends b %}{% block x %}{{ n }}{% end %}",
                       "b": "{% block x %}{% end %}"})  # fmt: skip
    pages: list[bytes] = []

    def work(number: int) -> None:
        barrier.wait(10)
        pages.extend(loader.load("a").generate(n=number) for _ in range(50))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == ["a", "b"]
    assert sorted(pages) == sorted(str(number).encode() for number in range(8) for _ in range(50))
