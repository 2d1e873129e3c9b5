"""The catalogs of the process are put back after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cyclone.locale import load_translations, set_default_locale


@pytest.fixture(autouse=True)
def _fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    load_translations(str(tmp_path_factory.mktemp("none")))
    set_default_locale("en_US")
