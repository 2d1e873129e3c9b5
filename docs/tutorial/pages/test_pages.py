from pages import Application

from cyclone.testing import Client


def test_the_list():
    page = Client(Application()).get("/")
    assert '<a href="/note/0">Bicycle for sale</a>' in page.text
    assert "Lost: a &lt;red&gt; scarf" in page.text
    assert 'href="/static/board.css?v=' in page.text


def test_notes():
    client = Client(Application())
    assert "<title>Bicycle for sale</title>" in client.get("/note/0").text
    assert client.get("/note/2").status == 404
    assert client.get("/static/board.css").status == 200
