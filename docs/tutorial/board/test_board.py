import re
import tempfile

from board import Application

from cyclone.httpauth import FailureLimit
from cyclone.testing import CycloneTestCase


class TestBoard(CycloneTestCase):
    def app_builder(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        application = Application(f"{directory.name}/notes.db")
        self.addCleanup(application.store.pool.close)
        return application

    async def post(self, path, **form):
        page = await self.client.get("/login")
        token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)[1]
        return await self.client.post(path, form={"_xsrf": token, **form})

    async def test_somebody_signs_up_and_writes(self):
        answer = await self.post("/signup", name="ann", password="long enough")
        assert (answer.status, answer.headers["Location"]) == (302, "/")
        assert (await self.post("/", text="Piano <lessons>")).status == 302
        page = await self.client.get("/")
        assert "<li>Piano &lt;lessons&gt; (ann)</li>" in page.text
        assert "1 note before you came" in page.text

    async def test_nobody_else_writes(self):
        assert (await self.post("/", text="Anonymous")).status == 403
        assert "Anonymous" not in (await self.client.get("/")).text

    async def test_logging_in_and_out(self):
        await self.post("/signup", name="ann", password="long enough")
        await self.post("/logout")
        assert "Log in" in (await self.client.get("/")).text
        for name, password, status in [
            ("ann", "wrong password", 403),
            ("bob", "long enough", 403),
            ("ann", "long enough", 302),
        ]:
            answer = await self.post("/login", name=name, password=password)
            assert answer.status == status
        assert "Log out" in (await self.client.get("/")).text

    async def test_guessing_is_limited(self):
        self.app.guesses = FailureLimit(per_address=1)
        assert (await self.post("/login", name="ann", password="guess")).status == 403
        answer = await self.post("/login", name="ann", password="another guess")
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0

    async def test_names_are_taken_once(self):
        await self.post("/signup", name="ann", password="long enough")
        answer = await self.post("/signup", name="ann", password="another one")
        assert answer.status == 400
        assert "This name is taken." in answer.text

    async def test_spanish(self):
        page = await self.client.get("/", headers={"Accept-Language": "es-MX, en;q=0.5"})
        assert '<html lang="es">' in page.text
        assert "0 anuncios antes de usted" in page.text

    async def test_open_pages_hear_of_notes(self):
        await self.post("/signup", name="ann", password="long enough")
        stream = self.client.open("GET", "/live", headers={"Accept": "text/event-stream"})
        await self.post("/", text="News")
        assert b'data: {"author": "ann", "text": "News"}' in stream.received

    async def test_ready(self):
        assert (await self.client.get("/-/ready")).status == 200
