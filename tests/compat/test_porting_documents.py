"""Each statement of the documents about porting names a test, and the test is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"

#: Each document, and the file of the tests that it names without a file.
DOCUMENTS = {
    "porting-from-tornado.md": "compat/test_porting_tornado",
    "porting-from-cyclone1.md": "compat/test_porting_cyclone1",
}
MARK = re.compile(r"<!-- test: (\S+) -->")


def statements(text: str) -> list[str]:
    """The items of lists and the rows of tables, code and the heads of tables left out."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    # The head of a table is the line above its rule.
    text = re.sub(r"^\|.*\n\|[-|: ]+\|$", "", text, flags=re.MULTILINE)
    return re.findall(r"^(?:\* |\|).*$", text, flags=re.MULTILINE)


@cache
def functions_in(file: str) -> frozenset[str]:
    path = TESTS / f"{file}.py"
    if not path.exists():
        return frozenset()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return frozenset(node.name for node in nodes if isinstance(node, kinds))


def missing_tests(text: str, file: str) -> list[str]:
    """The tests that a document names and that are not there."""
    missing = []
    for mark in MARK.findall(text):
        where, _, name = mark.rpartition("::")
        if name not in functions_in(where or file):
            missing.append(mark)
    return missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_statement_names_a_test(document: str) -> None:
    text = (DOCS / document).read_text("utf-8")
    found = statements(text)
    assert len(found) > 30
    assert [line for line in found if not MARK.search(line)] == []
    assert missing_tests(text, DOCUMENTS[document]) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_of_a_document_is_named_there(document: str) -> None:
    text = (DOCS / document).read_text("utf-8")
    own = {name for name in functions_in(DOCUMENTS[document]) if name.startswith("test_")}
    assert own - set(MARK.findall(text)) <= {
        "test_every_module_of_tornado_is_in_a_table",
        "test_forms_by_hand",
        "test_it",  # of a test case
        "test_names_of_handlers",
        "test_send_error_of_a_failure",
        "test_signed_cookies_in_a_client",
    }


def test_the_checks_can_fail() -> None:
    text = "* a <!-- test: test_x -->\n* b\n| c | d |\n|---|---|\n| e | f |\n```\n* g\n```\n"
    assert statements(text) == ["* a <!-- test: test_x -->", "* b", "| e | f |"]
    assert missing_tests(text, "compat/test_porting_documents") == ["test_x"]
    assert missing_tests("<!-- test: no/where::test_x -->", "x") == ["no/where::test_x"]
