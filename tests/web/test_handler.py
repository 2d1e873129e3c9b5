"""What `RequestHandler` offers besides: users, settings, surroundings, class attributes."""

from __future__ import annotations

from typing import Any

import pytest

from cyclone.testing import Client
from cyclone.web import Application, HTTPError, RequestHandler, asynchronous, authenticated

from .support import Noting, Stage, client_of, problems, recorded_log

# --- users ---------------------------------------------------------------------------------------


def test_nobody_is_logged_in_by_default() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            assert self.get_current_user() is None
            self.write(repr(self.current_user))

    assert client_of(Handler).get("/").text == "None"


@pytest.mark.parametrize("user", ["ada", {"name": "ada"}, 5, "", 0, None, False])
def test_the_user_is_asked_for_once(user: Any) -> None:
    class Handler(Noting):
        def get_current_user(self) -> Any:
            self.notes.append("asked")
            return user

        def get(self) -> None:
            assert self.current_user == user
            self.write(repr(self.current_user))

    stage = Stage(Handler)
    assert stage.client.get("/").text == repr(user)
    assert stage.notes.count("asked") == 1


@pytest.mark.parametrize("user", ["ada", None])
def test_the_user_may_be_set(user: Any) -> None:
    """An asynchronous lookup goes into prepare (Tornado's documentation)."""

    class Handler(RequestHandler):
        def get_current_user(self) -> Any:
            raise AssertionError("it has been set")

        async def prepare(self) -> None:
            self.current_user = user

        @authenticated
        def get(self) -> None:
            self.write(self.current_user)

    response = client_of(Handler, login_url="/login").get("/")
    assert response.status == (200 if user else 302)


def test_users_do_not_pass_from_request_to_request() -> None:
    class Handler(RequestHandler):
        def get_current_user(self) -> Any:
            return self.get_argument("user", None)

        def get(self) -> None:
            self.write(repr(self.current_user))

    client = client_of(Handler)
    assert [client.get(path).text for path in ("/?user=a", "/", "/?user=b")] == [
        "'a'",
        "None",
        "'b'",
    ]


@pytest.mark.parametrize("settings", [{}, {"login_url": ""}])
def test_a_login_url_must_be_set(settings: dict[str, Any]) -> None:
    class Handler(RequestHandler):
        @authenticated
        def get(self) -> None:
            raise AssertionError("nobody is logged in")

    with recorded_log() as lines:
        assert client_of(Handler, **settings).get("/").status == 500
    assert "'login_url' setting" in problems(lines)[0]


def test_the_login_url() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write(self.get_login_url())

    assert client_of(Handler, login_url="/in").get("/").text == "/in"


# --- surroundings --------------------------------------------------------------------------------


def test_surroundings() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            assert self.application is client.app
            assert self.settings is client.app.settings
            assert self.request.connection.transport is self.transport
            assert self.request.method == "GET"

    client = client_of(Handler)
    assert client.get("/").status == 200


def test_a_supported_method_that_is_no_handlers_method() -> None:
    """Only what SUPPORTED_METHODS lists can be called by a client."""

    class Handler(RequestHandler):
        SUPPORTED_METHODS = ("GET", "WRITE")

        def get(self) -> None:
            self.write("fine")

    client = client_of(Handler)
    for method in ("FINISH", "PREPARE", "SETTINGS", "_EXECUTE", "__INIT__", "CLEAR"):
        assert client.request(method, "/").status == 501
    assert client.get("/").body == b"fine"


@pytest.mark.parametrize(
    ("name", "answers"),
    [("GET", True), ("get", True), ("POST", False), ("HEAD", False), ("PROPFIND", False)],
)
def test_answers(name: str, answers: bool) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            pass

    class Everything(Handler):
        def default(self) -> None:
            pass

    assert Handler.answers(name.upper()) is answers
    if name.upper() in RequestHandler.SUPPORTED_METHODS:
        assert Everything.answers(name.upper())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_each_method_is_called(method: str) -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.set_header("X-Method", "get")

        def head(self) -> None:
            self.set_header("X-Method", "head")

        def post(self) -> None:
            self.set_header("X-Method", "post")

        def put(self) -> None:
            self.set_header("X-Method", "put")

        def patch(self) -> None:
            self.set_header("X-Method", "patch")

        def delete(self) -> None:
            self.set_header("X-Method", "delete")

        def options(self) -> None:
            self.set_header("X-Method", "options")

    response = client_of(Handler).request(method, "/")
    assert response.headers["X-Method"] == method.lower()


def test_data_received_is_for_streaming_handlers() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            with pytest.raises(NotImplementedError, match="stream_request_body"):
                self.data_received(b"")

    assert client_of(Handler).get("/").status == 200


def test_hooks_do_nothing_by_default() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            results = [
                self.prepare(),
                self.on_finish(),
                self.on_connection_close(),
                self.on_connection_close("reason"),
                self.set_default_headers(),
                self.initialize(),
            ]
            assert results == [None] * 6
            with pytest.raises(HTTPError) as raised:
                self.default()
            assert raised.value.status_code == 405

    assert client_of(Handler).get("/").status == 200


def test_handlers_do_not_share_state() -> None:
    class Handler(RequestHandler):
        def get(self, mark: str) -> None:
            if mark == "1":
                self.set_status(201)
                self.set_header("X-Mark", "1")
                self.set_cookie("mark", "1")
                self.current_user = "1"
                self.path_kwargs["mark"] = "1"
            self.write(f"{self.current_user} {self.path_kwargs}")

    client = Client(Application([("/(.)", Handler), ("/x/(.)", Handler)]))
    assert client.get("/1").status == 201
    client.cookies.clear()
    response = client.get("/2")
    assert (response.status, response.text) == (200, "None {}")
    assert "X-Mark" not in response.headers
    assert response.cookies == {}


def test_a_literal_route_gives_each_handler_its_own_arguments() -> None:
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write(repr((self.path_args, self.path_kwargs)))
            self.path_args.append("leaked")
            self.path_kwargs["leaked"] = True

    client = Client(Application([("/", Handler)]))
    assert [client.get("/").text for _ in range(2)] == ["([], {})"] * 2


def test_asynchronous_handlers_may_finish_at_once() -> None:
    class Handler(Noting):
        @asynchronous
        def get(self) -> None:
            self.finish("at once")

    stage = Stage(Handler)
    assert stage.client.get("/").body == b"at once"
    assert stage.notes == ["initialize", "prepare", "on_finish"]
