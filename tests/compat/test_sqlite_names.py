"""cyclone.sqlite as programs of cyclone 1.x use it."""

from __future__ import annotations

from typing import Any

from cyclone.sqlite import InlineSQLite
from cyclone.testing import Client
from cyclone.web import Application, RequestHandler


def test_the_verbs_on_the_calling_thread() -> None:
    database = InlineSQLite(":memory:")
    assert database.autoCommit
    database.runOperation("create table users (id integer primary key, name text)")
    database.runOperation("insert into users values (?, ?)", (1, "alice"))
    database.runOperationMany("insert into users values (?, ?)", [(2, "bob"), (3, "carol")])
    assert database.runQuery("select name from users where id > ?", (1,)) == [("bob",), ("carol",)]
    database.close()


def test_auto_commit_is_a_keyword_and_an_attribute() -> None:
    database = InlineSQLite(":memory:", autoCommit=False)
    database.runOperation("create table users (name text)")
    database.commit()
    database.runOperation("insert into users values ('alice')")
    database.rollback()
    assert database.runQuery("select * from users") == []
    database.autoCommit = True
    database.runOperation("insert into users values ('bob')")
    database.rollback()
    assert database.runQuery("select * from users") == [("bob",)]
    assert database.curs.connection is database.conn
    database.close()


def test_handlers_use_it_without_waiting() -> None:
    class Handler(RequestHandler):
        sqlite: Any = InlineSQLite(":memory:")

        def get(self) -> None:
            ((number,),) = self.sqlite.runQuery("select 6 * 7")
            self.write(str(number))

    assert Client(Application([("/", Handler)])).get("/").body == b"42"
    Handler.sqlite.close()
