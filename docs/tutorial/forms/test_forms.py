import re
import tempfile

from forms import Application

from cyclone.testing import CycloneTestCase


class TestForms(CycloneTestCase):
    def app_builder(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        application = Application(f"{directory.name}/notes.db")
        self.addCleanup(application.store.pool.close)
        return application

    async def post(self, text):
        page = await self.client.get("/")
        token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)[1]
        return await self.client.post("/", form={"text": text, "_xsrf": token})

    async def test_a_note(self):
        answer = await self.post("Piano <lessons>")
        assert answer.status == 302
        page = await self.client.get("/")
        assert "<li>Piano &lt;lessons&gt;</li>" in page.text

    async def test_what_is_wrong_is_said(self):
        answer = await self.post("x" * 501)
        assert answer.status == 400
        assert "A note has 1 to 500 characters." in answer.text

    async def test_forged_requests_are_refused(self):
        answer = await self.client.post("/", form={"text": "forged"})
        assert answer.status == 403
