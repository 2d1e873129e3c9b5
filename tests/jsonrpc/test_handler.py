"""`JsonrpcRequestHandler`, in memory."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from cyclone.jsonrpc import JSONRPCError, JsonrpcRequestHandler
from cyclone.web import authenticated
from tests.web.support import problems, recorded_log, run_on_loop, turns

from .support import JSON, Caller, Service


@pytest.fixture(scope="module")
def service() -> Caller:
    return Caller()


# --- version 2.0: the examples of the specification, and what it says beside them ---------------


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ({"method": "subtract", "params": [42, 23], "id": 1}, {"result": 19, "id": 1}),
        ({"method": "subtract", "params": [23, 42], "id": 2}, {"result": -19, "id": 2}),
        (
            {"method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3},
            {"result": 19, "id": 3},
        ),
        (
            {"method": "foobar", "id": "1"},
            {"error": {"code": -32601, "message": "Method not found"}, "id": "1"},
        ),
        (
            {"method": 1, "params": "bar"},
            {
                "error": {
                    "code": -32600,
                    "message": "Invalid Request",
                    "data": '"method" must be a string',
                },
                "id": None,
            },
        ),
    ],
)
def test_examples_of_the_specification(service: Caller, request_: Any, answer: Any) -> None:
    assert service.ask({"jsonrpc": "2.0", **request_}) == {"jsonrpc": "2.0", **answer}


def test_batch_of_the_specification(service: Caller) -> None:
    answers = service.ask(
        [
            {"jsonrpc": "2.0", "method": "all", "params": [1, 2, 4], "id": "1"},
            {"jsonrpc": "2.0", "method": "echo", "params": [7]},
            {"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": "2"},
            {"foo": "boo"},
            {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
            {"jsonrpc": "2.0", "method": "echo", "params": ["hello"], "id": "9"},
        ]
    )
    assert [(a["id"], a.get("result"), a.get("error", {}).get("code")) for a in answers] == [
        ("1", [[1, 2, 4], {}], None),
        ("2", 19, None),
        (None, None, -32600),
        ("5", None, -32601),
        ("9", "hello", None),
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', 400, -32700),
        (b"[1, 2", 400, -32700),
        (b"", 400, -32700),
        (b"\xff\xfe", 400, -32700),
        (b'{"jsonrpc": "2.0", "id": NaN, "method": "echo"}', 400, -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "echo"}', 400, -32700),
        (b'{"jsonrpc": "2.0", "id": ' + b"9" * 5000 + b"}", 400, -32700),
        (b"[]", 200, -32600),
        (b"[" + b"1," * 100 + b"1]", 200, -32600),
        (b"[" * 65 + b"]" * 65, 200, -32600),
        (b'{"id": ' + b"[" * 64 + b"]" * 64 + b"}", 400, -32600),
        (b"[" * 200_000 + b"]" * 200_000, 200, -32600),
        (b'{"a":' * 100_000, 400, -32600),
        (b"1", 400, -32600),
        (b"null", 400, -32600),
        (b'"jsonrpc"', 400, -32600),
    ],
)
def test_what_is_no_request(service: Caller, body: bytes, status: int, code: int) -> None:
    response = service.post(body)
    answer = json.loads(response.body)
    assert (response.status, answer["error"]["code"]) == (status, code)
    assert (answer["jsonrpc"], answer["id"], list(answer)) == (
        "2.0",
        None,
        ["jsonrpc", "error", "id"],
    )


@pytest.mark.parametrize(
    ("change", "id"),
    [
        ({"jsonrpc": "1.0"}, 1),
        ({"jsonrpc": 2.0}, 1),
        ({"jsonrpc": None}, 1),
        ({"method": None}, 1),
        ({"method": ["echo"]}, 1),
        ({"params": "x"}, 1),
        ({"params": None}, 1),
        ({"params": 5}, 1),
        ({"id": True}, None),
        ({"id": [1]}, None),
        ({"id": {}}, None),
    ],
)
def test_what_is_no_call(service: Caller, change: Any, id: Any) -> None:
    answer = service.ask({"jsonrpc": "2.0", "method": "echo", "params": [1], "id": 1, **change})
    assert (answer["error"]["code"], answer["id"]) == (-32600, id)
    assert answer["error"]["data"].startswith('"')  # it says what was expected


def test_a_batch_of_what_is_no_call(service: Caller) -> None:
    answers = service.ask([1, [], None, {"method": "echo", "params": [1], "id": 7}])
    assert [answer["error"]["code"] for answer in answers] == [-32600] * 4
    assert [answer["id"] for answer in answers] == [None, None, None, 7]


@pytest.mark.parametrize(
    "id",
    [
        *("0", "-0", "1", "-5", "12345678901234567890123456789", "1.5", "1.10", "1e5", "1E+2"),
        *("-0.0", "1e400", "3.14159265358979323846264338327950288", "null", '""', '"a\\"b"'),
        *('"\\u00e9\\ud83d\\ude00"', '"\\ud800"', '"</script>"'),
    ],
)
@pytest.mark.parametrize("version", ['"jsonrpc": "2.0", ', ""])
def test_ids_come_back_as_they_were(service: Caller, version: str, id: str) -> None:
    call = f'{{{version}"method": "echo", "params": [-0.5], "id": {id}}}'.encode()
    one = service.post(call).body.decode()
    assert one.endswith(f', "id": {id}}}')
    if version:
        assert service.post(b"[%b,%b]" % (call, call)).body.decode() == f"[{one}, {one}]"


@pytest.mark.parametrize(
    "body",
    [
        {"jsonrpc": "2.0", "method": "echo", "params": [1]},
        {"jsonrpc": "2.0", "method": "nothing"},
        {"jsonrpc": "2.0", "method": "own", "params": [1, "x"]},
        {"jsonrpc": "2.0", "method": "echo", "params": []},
        [{"jsonrpc": "2.0", "method": "echo", "params": [1]}] * 3,
    ],
)
def test_notifications_are_not_answered(service: Caller, body: Any) -> None:
    response = service.post(body)
    assert (response.status, response.body) == (204, b"")
    assert "Content-Type" not in response.headers and "Content-Length" not in response.headers


def test_a_notification_that_fails_is_logged(service: Caller) -> None:
    with recorded_log() as lines:
        assert service.post({"jsonrpc": "2.0", "method": "fail"}).status == 204
    assert "the secret of the house" in problems(lines)[0]


# --- methods ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["echo", "deferred", "coroutine", "inline"])
@pytest.mark.parametrize("value", [None, 1, "é", [1, {"a": None}], {"b": 2.5}])
def test_methods_of_every_kind(service: Caller, method: str, value: Any) -> None:
    assert service.call(method, [value]) == value
    assert service.call(method, {"value": value}) == value
    assert service.old(method, [value]) == (value, None)


@pytest.mark.parametrize(
    ("method", "params", "data"),
    [
        ("echo", None, "missing a required argument: 'value'"),
        ("echo", [1, 2], "too many positional arguments"),
        ("inline", [], "missing a required argument: 'value'"),
        ("echo", {}, "missing a required argument: 'value'"),
        ("echo", {"value": 1, "x": 2}, "got an unexpected keyword argument 'x'"),
        ("echo", {"self": 1}, "multiple values for argument 'self'"),
        ("all", {"self": 1}, "multiple values for argument 'self'"),
        ("echo", {"value": 1, "x" * 500: 2}, "got an unexpected keyword argument 'xxx"),
    ],
)
def test_arguments_that_do_not_fit(service: Caller, method: str, params: Any, data: str) -> None:
    error = service.call(method, params)
    assert (error["code"], error["message"]) == (-32602, "Invalid params")
    assert error["data"].startswith(data) and len(error["data"]) <= 200
    if not isinstance(params, dict):
        assert service.old(method, params or [])[1]["code"] == -32602


def test_a_type_error_of_the_method_is_its_own(service: Caller) -> None:
    with recorded_log() as lines:
        assert service.call("type_error") == {"code": -32603, "message": "Internal error"}
    assert "TypeError" in problems(lines)[0]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "__class__",
        "constant",
        "rpc.discover",
        "é",
        "\ud800",
        "a\0b",
        "x" * 256,
        "post",
        " echo",
    ],
)
def test_names_that_lead_nowhere(service: Caller, name: str) -> None:
    assert service.call(name)["code"] == -32601
    assert service.old(name, [])[1] == {"code": -32601, "message": "Method not found"}


def test_reserved_names_are_not_even_looked_up() -> None:
    handler = type(
        "Own", (Service,), {"jsonrpc_rpc.x": lambda self: 1, "jsonrpc_a.x": lambda self: 2}
    )
    caller = Caller(handler)
    assert caller.call("rpc.x")["code"] == -32601
    assert caller.call("a.x", []) == 2


def test_what_a_method_of_c_takes_is_found_out_by_calling_it() -> None:
    class Builtin(JsonrpcRequestHandler):
        jsonrpc_max = staticmethod(max)

    caller = Caller(Builtin)
    assert caller.call("max", [1, 3, 2]) == 3
    with recorded_log():
        assert caller.call("max")["code"] == -32603


@pytest.mark.parametrize("method", ["fail", "exit"])
def test_clients_do_not_learn_of_exceptions(service: Caller, method: str) -> None:
    with recorded_log() as lines:
        assert service.call(method) == {"code": -32603, "message": "Internal error"}
        old = service.old(method, [])
    assert old == (None, {"code": 0, "message": "Internal error"})
    assert len(problems(lines)) == 2


def test_unless_the_handler_says_so() -> None:
    caller = Caller(type("Open", (Service,), {"expose_errors": True}))
    with recorded_log():
        assert caller.old("fail", []) == (
            None,
            {"code": 0, "message": "'the secret of the house'"},
        )
        assert caller.call("fail")["data"] == "'the secret of the house'"


def test_errors_of_ones_own(service: Caller) -> None:
    error = {"code": 17, "message": "seventeen", "data": {"a": [1]}}
    assert service.call("own", [17, "seventeen", {"a": [1]}]) == error
    assert service.old("own", [17, "seventeen", {"a": [1]}]) == (None, error)


def test_http_errors_of_a_method(service: Caller) -> None:
    with recorded_log() as lines:
        error = {"code": -32000, "message": "Forbidden", "data": {"status": 403}}
        assert service.call("forbidden") == error
        assert service.old("forbidden", []) == (None, error)
    assert "because of the moon" in lines[0].text


@pytest.mark.parametrize("what", ["nan", "infinity", "object", "set", "bytes", "endless", "deep"])
def test_results_that_cannot_be_written(service: Caller, what: str) -> None:
    with recorded_log() as lines:
        assert service.call("return", [what]) == {"code": -32603, "message": "Internal error"}
        assert service.old("return", [what])[1] == {"code": 0, "message": "Internal error"}
    assert problems(lines)


def test_text_that_looks_as_if(service: Caller) -> None:
    assert service.call("return", ["NaN text"]) == "NaN and Infinity"


def test_data_that_cannot_be_written(service: Caller) -> None:
    with recorded_log() as lines:
        assert service.call("bad_data") == {"code": 5, "message": "five"}
    assert problems(lines)


def test_methods_may_end_the_request(service: Caller) -> None:
    call = {"jsonrpc": "2.0", "method": "finish", "id": 1}
    for body in (call, [call, call]):
        assert service.post(body).body == b"done"
    assert service.post({**call, "method": "answer"}).body == b"by hand"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((True,), "the code of an error is a whole number, not True"),
        (("1",), "the code of an error is a whole number, not '1'"),
        ((1, 2), "the message of an error is text, not 2"),
    ],
)
def test_errors_are_checked_where_they_are_made(args: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        JSONRPCError(*args)


def test_an_error_says_what_it_is() -> None:
    error = JSONRPCError(-32602)
    assert (str(error), error.data, error.as_object()) == (
        "Invalid params (-32602)",
        None,
        {"code": -32602, "message": "Invalid params"},
    )
    assert JSONRPCError(4, data=None).as_object() == {"code": 4, "message": "Error", "data": None}


# --- version 1.0 --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        {"method": "echo", "params": [1]},
        {"params": [1], "id": 1},
        {"method": 5, "params": [1], "id": 1},
        {"method": "echo", "params": {"value": 1}, "id": 1},
        {"method": "echo", "params": None, "id": 1},
        {"method": "echo", "params": [1], "id": []},
        {},
    ],
)
def test_malformed_requests_of_old(service: Caller, call: Any) -> None:
    response = service.post(call)
    answer = json.loads(response.body)
    assert response.status == 400
    assert list(answer) == ["result", "error", "id"]
    assert (answer["result"], answer["error"]["code"]) == (None, -32600)


# --- the request around it ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("application/json", 200),
        ("Application/JSON ; charset=utf-8", 200),
        ("application/json-rpc", 200),
        ("application/jsonrequest", 200),
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=application/json", 415),
        (None, 415),
        ("", 415),
    ],
)
def test_content_types(service: Caller, given: str | None, status: int) -> None:
    body = b'{"jsonrpc": "2.0", "method": "echo", "params": [1], "id": 1}'
    headers = {} if given is None else {"Content-Type": given}
    response = service.client.post("/", body=body, headers=headers)
    assert response.status == status
    if status == 415:
        assert response.headers["Accept"].startswith("application/json, ")
        assert b"must be one of: application/json" in response.body


def test_content_types_may_be_anything() -> None:
    caller = Caller(type("Lax", (Service,), {"content_types": None}))
    body = b'{"method": "echo", "params": [1], "id": 1}'
    assert caller.client.post("/", body=body).status == 200


def test_other_methods(service: Caller) -> None:
    response = service.client.get("/")
    assert (response.status, response.headers["Allow"]) == (405, "POST")


def test_size() -> None:
    caller = Caller()
    assert caller.post(b" " * (1024 * 1024 + 1)).status == 413
    assert caller.ask({"method": "echo", "params": ["x" * 1_000_000], "id": 1})["error"] is None
    large = Caller(type("Large", (Service,), {"max_body_size": 3_000_000}))
    assert large.ask({"method": "echo", "params": ["x" * 2_000_000], "id": 1})["error"] is None


def test_limits_are_settings() -> None:
    caller = Caller(rpc_max_calls=2, rpc_max_depth=3)
    call = {"jsonrpc": "2.0", "method": "echo", "params": [0], "id": 1}
    assert len(caller.ask([call] * 2)) == 2
    assert caller.ask([call] * 3)["error"]["data"] == "a batch has at most 2 calls"
    assert caller.call("echo", [[1]]) == [1]
    assert caller.post({**call, "params": [[[1]]]}).status == 400  # the request is one level


@pytest.mark.parametrize("value", [0, -1, True, "5", 1.5, None])
def test_limits_are_whole_numbers(value: Any) -> None:
    with recorded_log() as lines:
        assert Caller(rpc_max_calls=value).post({"id": 1}).status == 500
    assert "rpc_max_calls must be a whole number" in problems(lines)[0]


def test_class_17_forged_requests() -> None:
    caller = Caller(xsrf_cookies=True)
    call = {"method": "echo", "params": [1], "id": 1}
    with recorded_log():
        assert caller.post(call).status == 403
    cookie = {"Cookie": "_xsrf=2|00000000|0011|1", "X-XSRFToken": "2|00000000|0011|1"}
    assert caller.ask(call, **cookie)["result"] == 1
    free = Caller(type("Free", (Service,), {"no_xsrf": True}), xsrf_cookies=True)
    assert free.ask(call)["result"] == 1


def test_the_handler_is_self(service: Caller) -> None:
    answer = service.ask({"method": "user", "params": [], "id": 1}, **{"X-User": "ada"})
    assert answer["result"] == ["ada", "POST"]


def test_prepare_and_authenticated() -> None:
    class Guarded(Service):
        def prepare(self) -> None:
            if "X-Key" not in self.request.headers:
                self.send_error(401)

        @authenticated
        def jsonrpc_secret(self, word: str) -> str:
            return f"{word}, {self.current_user}"

    caller = Caller(Guarded)
    call = {"jsonrpc": "2.0", "method": "secret", "params": ["hello"], "id": 1}
    assert caller.post(call).status == 401
    with recorded_log():
        error = caller.ask(call, **{"X-Key": "k"})["error"]
    assert error == {"code": -32000, "message": "Forbidden", "data": {"status": 403}}
    assert caller.ask(call, **{"X-Key": "k", "X-User": "eve"})["result"] == "hello, eve"
    call["params"] = []
    assert caller.ask(call, **{"X-Key": "k"})["error"]["code"] == -32602


def test_groups_of_the_route_come_first() -> None:
    caller = Caller(route=r"/(\w+)/(\d+)")
    assert caller.ask({"method": "all", "params": [1], "id": 1}, "/a/2")["result"] == [
        ["a", "2", 1],
        {},
    ]
    named = Caller(route=r"/(?P<value>\w+)")
    assert named.ask({"method": "echo", "params": [], "id": 1}, "/a")["result"] == "a"
    call = {"jsonrpc": "2.0", "method": "all", "params": {"x": 1}, "id": 1}
    assert named.ask(call, "/a")["result"] == [[], {"value": "a", "x": 1}]
    call["params"] = {"value": "of another"}
    assert named.ask(call, "/a")["error"]["data"] == "multiple values for argument 'value'"


def test_another_encoder() -> None:
    class Encoder:
        @staticmethod
        def json_decode(body: bytes) -> Any:
            return json.loads(body[1:])

        @staticmethod
        def json_encode(value: Any) -> bytes:
            return json.dumps(value, default=str).encode()

    caller = Caller(type("Own", (Service,), {"encoder": Encoder}))
    answer = json.loads(caller.post(b'!{"method": "return", "params": ["set"], "id": 1}').body)
    assert answer["result"] == "{1}"
    floating = caller.post(b'!{"method": "echo", "params": [1], "id": 1.5}')
    assert json.loads(floating.body)["error"]["code"] == -32600  # the text of it is not known
    assert caller.post(b"!").status == 400
    lists = type("Lists", (Encoder,), {"json_decode": staticmethod(lambda body: [{"id": 1.5}])})
    response = Caller(type("Own", (Service,), {"encoder": lists})).post(b"[1, 2]")
    assert [each["error"]["code"] for each in json.loads(response.body)] == [-32600]
    broken = type("Broken", (Encoder,), {"json_decode": staticmethod(lambda body: {}["x"])})
    assert Caller(type("Own", (Service,), {"encoder": broken})).post(b"x").status == 400


def test_decorators_that_add_arguments() -> None:
    def with_database(method: Any) -> Any:
        @functools.wraps(method)
        def wrapper(self: Any, *args: Any) -> Any:
            return method(self, "database", *args)

        del wrapper.__wrapped__  # type: ignore[attr-defined]
        return wrapper

    class Handler(JsonrpcRequestHandler):
        @with_database
        def jsonrpc_find(self, database: str, key: str) -> str:
            return f"{key} in {database}"

    assert Caller(Handler).call("find", ["x"]) == "x in database"


# --- waiting ------------------------------------------------------------------------------------


class Waiting(JsonrpcRequestHandler):
    """Notes what happens."""

    notes: list[Any]
    gates: list[Any]

    async def jsonrpc_wait(self, name: str) -> str:
        self.notes.append(name)
        self.gates.append(Deferred())
        try:
            return str(await self.gates[-1])
        except BaseException as error:
            self.notes.append(type(error).__name__)
            raise

    async def jsonrpc_future(self) -> None:
        self.gates.append(asyncio.get_running_loop().create_future())
        await self.gates[-1]

    async def jsonrpc_forever(self) -> None:
        await asyncio.get_running_loop().create_future()


def waiting(**attributes: Any) -> Any:
    return type("Waiting_", (Waiting,), {"notes": [], "gates": [], **attributes})


def calls(*names: str, method: str = "wait") -> bytes:
    return json.dumps(
        [{"jsonrpc": "2.0", "method": method, "params": [name], "id": name} for name in names]
    ).encode()


def test_the_calls_of_a_batch_run_in_order() -> None:
    handler = waiting()
    pending = Caller(handler).client.open("POST", "/", body=calls("a", "b"), headers=JSON)
    assert handler.notes == ["a"]
    handler.gates[0].callback("first")
    assert handler.notes == ["a", "b"]
    handler.gates[1].callback("second")
    answers = json.loads(pending.response.body)
    assert [(each["id"], each["result"]) for each in answers] == [("a", "first"), ("b", "second")]


@pytest.mark.parametrize("loop", [False, True])
def test_cancellation_ends_the_batch(loop: bool) -> None:
    handler = waiting(cancel_on_disconnect=True)
    client = Caller(handler).client

    async def run() -> None:
        client.open("POST", "/", body=calls("a", "b"), headers=JSON).disconnect()
        await turns()

    with recorded_log() as lines:
        if loop:
            run_on_loop(run)
        else:
            client.open("POST", "/", body=calls("a", "b"), headers=JSON).disconnect()
    assert handler.notes == ["a", "CancelledError"]
    assert problems(lines) == []


def test_a_batch_goes_on_without_its_peer_unless_asked() -> None:
    handler = waiting()
    Caller(handler).client.open("POST", "/", body=calls("a", "b"), headers=JSON).disconnect()
    handler.gates[0].callback("first")
    handler.gates[1].callback("second")
    assert handler.notes == ["a", "b"]


def test_a_method_whose_deferred_is_cancelled_has_failed() -> None:
    handler = waiting()
    pending = Caller(handler).client.open("POST", "/", body=calls("a", "b"), headers=JSON)
    with recorded_log() as lines:
        handler.gates[0].cancel()
    handler.gates[1].errback(JSONRPCError(3, "three"))
    answers = json.loads(pending.response.body)
    assert [answer["error"]["code"] for answer in answers] == [-32603, 3]
    assert CancelledError.__name__ in problems(lines)[0]


def test_a_method_whose_future_is_cancelled_has_failed() -> None:
    handler = waiting()
    client = Caller(handler).client
    body = b'{"jsonrpc": "2.0", "method": "future", "id": 1}'

    async def run() -> Any:
        pending = client.open("POST", "/", body=body, headers=JSON)
        handler.gates[0].cancel()
        await turns()
        return json.loads(pending.response.body)

    with recorded_log():
        assert run_on_loop(run)["error"]["code"] == -32603


def test_a_method_that_raises_the_error_of_another_world() -> None:
    class Odd(JsonrpcRequestHandler):
        def jsonrpc_odd(self) -> None:
            raise asyncio.CancelledError

    with recorded_log():
        assert Caller(Odd).call("odd")["code"] == -32603


def test_a_task_that_is_cancelled_ends() -> None:
    handler = waiting()
    client = Caller(handler).client
    body = b'[{"jsonrpc": "2.0", "method": "forever", "id": 1}, {"jsonrpc": "2.0"}]'

    async def run() -> Any:
        pending = client.open("POST", "/", body=body, headers=JSON)
        (task,) = asyncio.all_tasks() - {asyncio.current_task()}
        task.cancel()
        await turns()
        return pending.response.status

    with recorded_log():
        assert run_on_loop(run) == 500
