"""`XmlrpcRequestHandler`, in memory."""

from __future__ import annotations

import asyncio
from typing import Any
from xmlrpc.client import DateTime, dumps, loads

import pytest
from twisted.internet.defer import Deferred

from cyclone.web import authenticated
from cyclone.xmlrpc import Binary, Boolean, Fault, XmlrpcMethods, XmlrpcRequestHandler
from tests.web.support import problems, recorded_log, run_on_loop, turns

from .support import XML, Caller, Deep, Service, Texts, document, multi


@pytest.fixture(scope="module")
def service() -> Caller:
    return Caller()


# --- methods ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["echo", "deferred", "coroutine", "inline"])
@pytest.mark.parametrize(
    "value",
    [0, -(2**31), 1.5, True, "", "é<&>]]>", "a\tb\nc", [1, [2, {}]], {"a": {"b": [False]}}],
)
def test_methods_of_every_kind(service: Caller, method: str, value: Any) -> None:
    answer = service.call(method, value)
    assert (answer, type(answer)) == (value, type(value))


def test_carriage_returns_are_kept(service: Caller) -> None:
    assert service.send(document("a&#13;&#10;b", method="echo")) == "a\r\nb"
    fault = service.send(document("<int>5</int>", "a&#13;", method="fault"))
    assert fault.faultString == "a\r"


def test_bytes_and_dates(service: Caller) -> None:
    data = service.call("bytes")
    assert [each.data for each in data[:3]] == [b"\x00\xff", b"a", b"b"]
    assert data[3] == DateTime("20200102T03:04:05")
    assert service.call("echo", Binary(b"\x00")).data == b"\x00"
    assert service.call("echo", DateTime("20200102T03:04:05")).value == "20200102T03:04:05"


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ({}, ("Binary", "DateTime")),
        ({"useDateTime": True}, ("Binary", "datetime")),
        ({"useBuiltinTypes": True}, ("bytes", "datetime")),
    ],
)
def test_what_methods_are_given(attributes: Any, kinds: Any) -> None:
    caller = Caller(type("Own", (Service,), attributes))
    given = (Binary(b"a"), DateTime("20200102T03:04:05"))
    assert tuple(caller.call("kind", value) for value in given) == kinds
    assert caller.call("kind", Boolean(1)) == "bool"


def test_none(service: Caller) -> None:
    with recorded_log():
        code, text = service.fault("return", "none")
    assert code == 8002 and "allowNone" in text
    allowing = Caller(type("Own", (Service,), {"allowNone": True}))
    assert allowing.call("return", "none") is None
    assert allowing.call("echo", [None, {"a": None}]) == [None, {"a": None}]


@pytest.mark.parametrize(
    "what",
    [
        *("nan", "infinity", "large", "small", "object", "set", "control", "escape"),
        *("surrogate", "name", "number name", "date", "day", "endless", "deep"),
    ],
)
def test_results_that_cannot_be_written(service: Caller, what: str) -> None:
    with recorded_log() as lines:
        code, text = service.fault("return", what)
        assert service.call("system.multicall", multi(["return", what], ["add", 1, 2])) == [
            {"faultCode": code, "faultString": text},
            [3],
        ]
    assert code == 8002 and text.startswith("can't serialize output: ")
    assert len(problems(lines)) == 2


def test_what_is_nested_just_too_deeply_to_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> str:
        raise RecursionError("too deep")

    monkeypatch.setattr("cyclone.xmlrpc.handler.result_text", fail)
    with recorded_log():
        assert Caller().fault("add", 1) == (8002, "can't serialize output: too deep")


def test_subclasses_of_the_basic_types(service: Caller) -> None:
    class Own(Service):
        def xmlrpc_own(self) -> Any:
            word = type("Word", (str,), {})("word")
            number = type("Number", (int,), {})(5)
            half = type("Half", (float,), {})(0.5)
            return type("Dict", (dict,), {})(a=(word, number, half))

    assert Caller(Own).call("own") == {"a": ["word", 5, 0.5]}


@pytest.mark.parametrize("code", [1, -32500, 0, 2**31 - 1])
def test_faults_of_methods(service: Caller, code: int) -> None:
    assert service.fault("fault", code, "é<") == (code, "é<")
    assert service.fault("return_fault") == (4, "four")


@pytest.mark.parametrize("what", ["text", "large", "true", "none"])
def test_faults_that_cannot_be_written(service: Caller, what: str) -> None:
    answer = (8002, "� �[31m �")
    assert service.fault("odd_fault", what) == answer
    (fault,) = service.call("system.multicall", multi(["odd_fault", what]))
    assert (fault["faultCode"], fault["faultString"]) == answer


@pytest.mark.parametrize("method", ["fail", "exit", "type_error"])
def test_clients_do_not_learn_of_exceptions(service: Caller, method: str) -> None:
    with recorded_log() as lines:
        assert service.fault(method) == (8002, "error")
    assert len(problems(lines)) == 1


def test_http_errors_of_a_method(service: Caller) -> None:
    with recorded_log():
        assert service.fault("forbidden") == (8002, "Forbidden")


def test_codes_are_attributes() -> None:
    caller = Caller(type("Own", (Service,), {"FAILURE": 1, "NOT_FOUND": 2}))
    with recorded_log():
        assert caller.fault("fail") == (1, "error")
    assert caller.fault("nothing")[0] == 2


@pytest.mark.parametrize("args", [(), (1, 2)])
def test_arguments_that_do_not_fit(service: Caller, args: Any) -> None:
    code, text = service.fault("inline", *args)
    assert code == -32602 and text.startswith("Invalid params: ")


def test_methods_may_end_the_request(service: Caller) -> None:
    assert service.post(document(method="finish")).body == b"done"
    assert service.post(document(method="answer")).body == b"by hand"


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("texts.upper", ["é"], "É"),
        ("plain.twice", [1], [1, 1]),
        ("deep.who", [], ["eve", "POST"]),
        ("deep.texts.upper", ["a"], "A"),
        ("texts.who", [], "eve"),
        ("deep.texts.who", [], "eve"),
        (" \r\n add\t", [1, 2], 3),
    ],
)
def test_names(service: Caller, name: str, args: Any, result: Any) -> None:
    assert service.call(name, *args, **{"X-User": "eve"}) == result


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing", "function nothing not found"),
        ("constant", "function constant not found"),
        ("__class__", "function __class__ not found"),
        ("xmlrpc_add", "function xmlrpc_add not found"),
        ("post", "function post not found"),
        ("texts.nothing", "function nothing not found"),
        ("plain.nothing", "function nothing not found"),
        ("plain.a.b", "function a.b not found"),
        ("nothing.add", "no such subHandler nothing"),
        ("texts.", "function  not found"),
        (".add", "no such subHandler "),
        ("deep.system.listMethods", "no such subHandler system"),
        ("texts.system.multicall", "no such subHandler system"),
        ("a/b:c_1", "function a/b:c_1 not found"),
        ("." * 255, "no such subHandler "),
    ],
)
def test_names_that_lead_nowhere(service: Caller, name: str, text: str) -> None:
    assert service.fault(name) == (8001, text)


@pytest.mark.parametrize("name", [" ", "a b", "é", "a-b", "a(", "x" * 256, "a\nb"])
def test_what_is_no_name(service: Caller, name: str) -> None:
    for code, text in (
        service.fault(name),
        service.call("system.multicall", multi([name]))[0].values(),
    ):
        assert code == -32600 and text.startswith("the name of a method consists of")


def test_separator() -> None:
    caller = Caller(type("Own", (Service,), {"separator": "--"}))
    assert caller.call("texts--upper", "a") == "A"
    assert caller.call("system--multicall", multi(["texts--upper", "b"])) == [["B"]]
    assert "texts--upper" in caller.call("system--listMethods")
    assert caller.fault("texts.upper", "a")[0] == 8001


def test_sub_handlers_of_one_request() -> None:
    class Counter(XmlrpcMethods):
        def __init__(self) -> None:
            self.count = 0

        def xmlrpc_next(self) -> int:
            self.count += 1
            return self.count

    class Own(Service):
        def initialize(self) -> None:
            self.putSubHandler("one", Counter)
            self.putSubHandler("all", shared)

        def getSubHandler(self, prefix: str) -> Any:
            return Texts() if prefix == "made" else super().getSubHandler(prefix)

    shared = Counter()
    caller = Caller(Own)
    three = multi(*[["one.next"]] * 3)
    assert caller.call("system.multicall", three) == [[1], [2], [3]]
    assert caller.call("one.next") == 1
    assert [caller.call("all.next") for _ in range(3)] == [1, 2, 3]
    assert caller.call("made.upper", "a") == "A"
    assert {"one.next", "all.next"} <= set(caller.call("system.listMethods"))


def test_inner_lookup_of_cyclone_1() -> None:
    class Own(Service):
        def _getFunction(self, functionPath: str) -> Any:
            if functionPath == "add":
                raise Fault(77, "not today")
            return super()._getFunction(functionPath)

    caller = Caller(Own)
    assert caller.fault("add", 1, 2) == (77, "not today")
    assert caller.call("echo", 1) == 1
    assert caller.call("system.multicall", multi(["add"]))[0]["faultCode"] == 77


def test_a_lookup_that_fails() -> None:
    class Own(Service):
        def getSubHandler(self, prefix: str) -> Any:
            if prefix == "broken":
                raise KeyError("the secret of the house")
            return super().getSubHandler(prefix)

    caller = Caller(Own)
    with recorded_log() as lines:
        assert caller.fault("broken.x") == (8002, "error")
        answers = caller.call("system.multicall", multi(["broken.x"], ["add", 1]))
    assert answers == [{"faultCode": 8002, "faultString": "error"}, [1]]
    assert len(problems(lines)) == 2


# --- system.* -----------------------------------------------------------------------------------


def test_list_methods(service: Caller) -> None:
    names = service.call("system.listMethods")
    assert {
        *("echo", "add", "texts.upper", "plain.twice", "deep.who", "deep.texts.upper"),
        *("system.listMethods", "system.multicall"),
    } <= set(names)
    assert "constant" not in names and len(names) == len(set(names))
    for name in names:
        assert isinstance(service.call("system.methodHelp", name), str)


def test_sub_handlers_that_hold_themselves_are_listed_to_some_depth() -> None:
    class Circle(XmlrpcMethods):
        def xmlrpc_x(self) -> int:
            return 1

    Circle.subHandlers = {"c": Circle}
    caller = Caller(type("Own", (Service,), {"subHandlers": {"c": Circle}}))
    names = [name for name in caller.call("system.listMethods") if name.startswith("c.")]
    assert names == [f"{'c.' * depth}x" for depth in range(1, 9)]
    assert caller.call(f"{'c.' * 100}x") == 1


@pytest.mark.parametrize(
    ("name", "help", "signature"),
    [
        ("add", "Add two numbers.", [["int", "int", "int"]]),
        ("texts.upper", "Make letters large.", [["string", "string"]]),
        ("echo", "", "undef"),
        ("all", "", "undef"),
        ("system.listMethods", "The names of all methods.", [["array"]]),
        ("plain.twice", "", "undef"),
    ],
)
def test_help_and_signature(service: Caller, name: str, help: str, signature: Any) -> None:
    assert service.call("system.methodHelp", name) == help
    assert service.call("system.methodSignature", name) == signature


def test_help_and_signature_by_attributes() -> None:
    class Own(Service):
        def xmlrpc_own(self, *args: Any) -> Any:
            """Not this."""

        xmlrpc_own.help = "This."  # type: ignore[attr-defined]
        xmlrpc_own.signature = [["int"], ["int", "string"]]  # type: ignore[attr-defined]

    caller = Caller(Own)
    assert caller.call("system.methodHelp", "own") == "This."
    assert caller.call("system.methodSignature", "own") == [["int"], ["int", "string"]]


@pytest.mark.parametrize("method", ["methodHelp", "methodSignature"])
def test_asking_for_what_is_not_there(service: Caller, method: str) -> None:
    assert service.fault(f"system.{method}", "nothing") == (8001, "function nothing not found")
    assert service.fault(f"system.{method}", 5) == (-32602, "the name of a method is a string")
    assert service.fault(f"system.{method}")[0] == -32602


def test_multicall(service: Caller) -> None:
    with recorded_log():
        answers = service.call(
            "system.multicall",
            multi(
                ["add", 1, 2],
                ["fault", 5, "five"],
                ["fail"],
                ["nothing"],
                ["echo"],
                ["texts.upper", "a"],
                ["system.multicall", []],
                ["system.methodHelp", "add"],
            ),
        )
    assert [each if isinstance(each, list) else each["faultCode"] for each in answers] == [
        *([3], 5, 8002, 8001, -32602, ["A"], -32602, ["Add two numbers."])
    ]


@pytest.mark.parametrize(
    "call",
    [
        *(5, "add", [], {}, {"methodName": "add"}, {"methodName": "add", "params": {}}),
        {"methodName": 5, "params": []},
        {"methodName": "add", "params": [1], "self": 1},
    ],
)
def test_what_is_no_call_of_a_multicall(service: Caller, call: Any) -> None:
    (answer,) = service.call("system.multicall", [call])
    assert answer["faultCode"] in (-32602, -32600)


def test_multicalls_are_limited() -> None:
    caller = Caller(rpc_max_calls=2)
    assert caller.call("system.multicall", multi(["add", 1], ["add", 2])) == [[1], [2]]
    assert caller.fault("system.multicall", multi(*[["add", 1]] * 3)) == (
        -32602,
        "multicall takes an array of at most 2 calls",
    )
    assert caller.fault("system.multicall", "x")[0] == -32602


def test_a_system_of_ones_own_or_none() -> None:
    none = Caller(type("Own", (Service,), {"introspection": False}))
    assert none.fault("system.listMethods") == (8001, "no such subHandler system")
    own = Caller(type("Own", (Service,), {"subHandlers": {"system": Texts}}))
    assert own.call("system.upper", "a") == "A"
    assert own.fault("system.listMethods")[0] == 8001


# --- the request around it ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("text/xml", 200),
        ("Text/XML;charset=utf-8", 200),
        ("application/xml", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        (None, 415),
    ],
)
def test_content_types(service: Caller, given: str | None, status: int) -> None:
    headers = {} if given is None else {"Content-Type": given}
    response = service.client.post("/", body=document("1"), headers=headers)
    assert response.status == status
    if status == 415:
        assert response.headers["Accept"] == "text/xml, application/xml"


def test_other_methods_and_sizes(service: Caller) -> None:
    response = service.client.get("/")
    assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert service.post(b" " * (1024 * 1024 + 1)).status == 413


def test_class_17_forged_requests() -> None:
    with recorded_log():
        assert Caller(xsrf_cookies=True).post(document("1")).status == 403
    free = Caller(type("Free", (Service,), {"no_xsrf": True}), xsrf_cookies=True)
    assert free.call("add", 1) == 1


def test_prepare_and_authenticated() -> None:
    class Guarded(Service):
        def prepare(self) -> None:
            if "X-Key" not in self.request.headers:
                self.send_error(401)

        @authenticated
        def xmlrpc_secret(self, word: str) -> str:
            return f"{word}, {self.current_user}"

        def get_current_user(self) -> Any:
            return self.request.headers.get("X-User")

    caller = Caller(Guarded)
    assert caller.post(document("a", method="secret")).status == 401
    assert caller.post(document("a", method="texts.upper")).status == 401
    with recorded_log():
        fault = caller.call("secret", "hello", **{"X-Key": "k"})
    assert (fault.faultCode, fault.faultString) == (8002, "Forbidden")
    assert caller.call("secret", "hello", **{"X-Key": "k", "X-User": "eve"}) == "hello, eve"


def test_groups_of_the_route_come_first() -> None:
    caller = Caller(route=r"/(\w+)/(\d+)")
    assert caller.call("all", True, path="/a/2") == ["a", "2", True]
    assert caller.call("system.multicall", multi(["all", 1]), path="/a/2") == [[["a", "2", 1]]]
    assert "all" in caller.call("system.listMethods", path="/a/2")
    named = Caller(route=r"/(?P<value>\w+)")
    assert named.call("echo", path="/x") == "x"


def test_a_sub_handler_is_a_handler_of_its_own() -> None:
    caller = Caller(type("Own", (Deep,), {"allowNone": True}))
    assert caller.call("who") == [None, "POST"]
    assert caller.call("texts.upper", "a") == "A"


# --- waiting ------------------------------------------------------------------------------------


class Waiting(XmlrpcRequestHandler):
    """Notes what happens."""

    notes: list[Any]
    gates: list[Any]

    async def xmlrpc_wait(self, name: str) -> str:
        self.notes.append(name)
        self.gates.append(Deferred())
        try:
            return str(await self.gates[-1])
        except BaseException as error:
            self.notes.append(type(error).__name__)
            raise

    async def xmlrpc_future(self) -> None:
        self.gates.append(asyncio.get_running_loop().create_future())
        await self.gates[-1]


def waiting(**attributes: Any) -> Any:
    return type("Waiting_", (Waiting,), {"notes": [], "gates": [], **attributes})


TWO = dumps((multi(["wait", "a"], ["wait", "b"]),), "system.multicall")


def test_the_calls_of_a_multicall_run_in_order() -> None:
    handler = waiting()
    pending = Caller(handler).client.open("POST", "/", body=TWO, headers=XML)
    assert handler.notes == ["a"]
    handler.gates[0].callback("first")
    assert handler.notes == ["a", "b"]
    handler.gates[1].callback("second")
    assert loads(pending.response.body)[0] == ([["first"], ["second"]],)


@pytest.mark.parametrize("loop", [False, True])
def test_cancellation_ends_the_multicall(loop: bool) -> None:
    handler = waiting(cancel_on_disconnect=True)
    client = Caller(handler).client

    async def run() -> None:
        client.open("POST", "/", body=TWO, headers=XML).disconnect()
        await turns()

    with recorded_log() as lines:
        if loop:
            run_on_loop(run)
        else:
            client.open("POST", "/", body=TWO, headers=XML).disconnect()
    assert handler.notes == ["a", "CancelledError"]
    assert problems(lines) == []


def test_a_method_whose_deferred_is_cancelled_has_failed() -> None:
    handler = waiting()
    pending = Caller(handler).client.open("POST", "/", body=TWO, headers=XML)
    with recorded_log():
        handler.gates[0].cancel()
    handler.gates[1].callback("second")
    ((first, second),) = loads(pending.response.body)[0]
    assert (first["faultString"], second) == ("error", ["second"])
