from hello import Application

from cyclone.testing import Client


def test_hello():
    client = Client(Application())
    assert client.get("/").text == "hello, world"


def test_greetings():
    client = Client(Application())
    assert client.get("/Ada").json() == {"hello": "Ada"}
    assert client.get("/Ada", {"greeting": "olá"}).json() == {"olá": "Ada"}
    assert client.get("/not/there").status == 404
    assert client.post("/").status == 405
