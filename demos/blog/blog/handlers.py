"""The pages of the blog; those about users are in `accounts`."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime
from typing import Any

from cyclone.web import HTTPError, authenticated

from .catalogs import LANGUAGES
from .page import Page
from .store import Entry
from .texts import BODY_LENGTH, TITLE_LENGTH, printable

__all__ = ["Archive", "Compose", "Delete", "Feed", "Index", "Language", "Read"]

_ON_A_PAGE = 5
_IN_FEED = 20
_IN_ARCHIVE = 1000


class Index(Page):
    """The newest entries; ``?before=`` a number, older ones."""

    async def get(self) -> None:
        before = self.get_argument("before", None)
        if before is not None and not (before.isascii() and before.isdigit() and len(before) < 19):
            raise HTTPError(404)
        number = None if before is None else int(before)
        entries = await self.store.latest(_ON_A_PAGE + 1, number)
        if not self.is_known(entries):
            shown = entries[:_ON_A_PAGE]
            older = shown[-1].id if len(entries) > len(shown) else None
            self.render("index.html", entries=shown, older=older, first=before is None)

    head = get


class Archive(Page):
    """The titles of all entries, by year."""

    async def get(self) -> None:
        entries = await self.store.titles(_IN_ARCHIVE)
        if not self.is_known(entries):
            years = itertools.groupby(entries, lambda entry: _time(entry.published).year)
            self.render("archive.html", years=[(year, list(of_it)) for year, of_it in years])

    head = get


class OneEntry(Page):
    """What pages about one entry have in common."""

    async def find(self, slug: str) -> Entry:
        entry = await self.store.entry(slug)
        if entry is None:
            raise HTTPError(404)
        return entry

    async def find_own(self, slug: str) -> Entry:
        entry = await self.find(slug)
        if entry.author_id != self.current_user.id:
            raise HTTPError(403, "entry %s is somebody else's", slug)
        return entry


class Read(OneEntry):
    """One entry."""

    async def get(self, slug: str) -> None:
        entry = await self.find(slug)
        if not self.is_known(entry):
            self.render("entry.html", entry=entry)

    head = get


class Compose(OneEntry):
    """Write an entry, or write it anew."""

    @authenticated
    async def get(self, slug: str | None = None) -> None:
        entry = await self.find_own(slug) if slug else None
        title, body = (entry.title, entry.body) if entry else ("", "")
        self.form(entry, title, body, {})

    @authenticated
    async def post(self, slug: str | None = None) -> None:
        entry = await self.find_own(slug) if slug else None
        title = " ".join(printable(self.get_body_argument("title", "")).split())
        body = printable(self.get_body_argument("body", ""))
        errors = self.mistakes(title, body)
        if errors:
            self.set_status(422)
            self.form(entry, title, body, errors)
            return
        if entry is None:
            slug = await self.store.add_entry(self.current_user.id, title, body)
        else:
            await self.store.change_entry(entry, title, body)
        self.see(self.reverse_url("entry", slug))

    def mistakes(self, title: str, body: str) -> dict[str, str]:
        """What is wrong, by the name of the field."""
        _ = self.locale.translate
        errors = {}
        for name, text, most in (("title", title, TITLE_LENGTH), ("body", body, BODY_LENGTH)):
            if not text.strip():
                errors[name] = _("Something has to stand here.")
            elif len(text) > most:
                errors[name] = _("%(most)d characters at most, please.") % {"most": most}
        return errors

    def form(self, entry: Entry | None, title: str, body: str, errors: dict[str, str]) -> None:
        self.set_header("Cache-Control", "no-store")
        self.render("compose.html", entry=entry, title=title, body=body, errors=errors)


class Delete(OneEntry):
    """Take an entry away."""

    @authenticated
    async def post(self, slug: str) -> None:
        await self.store.delete_entry(await self.find_own(slug))
        self.see(self.reverse_url("index"))


class Feed(Page):
    """The newest entries for feed readers: Atom (RFC 4287)."""

    async def get(self) -> None:
        blog_id, founded = await self.store.blog()
        entries = await self.store.latest(_IN_FEED)
        space = uuid.UUID(blog_id)
        page = await self.page(
            blog_id=space.urn,
            updated=max([founded, *(entry.updated for entry in entries)]),
            entries=[(entry, uuid.uuid5(space, str(entry.id)).urn) for entry in entries],
            site=f"{self.request.protocol}://{self.request.host}",
        )
        self.set_header("Content-Type", "application/atom+xml; charset=utf-8")
        self.set_header("Cache-Control", "private, no-cache")
        self.write(page)

    head = get

    async def page(self, **names: Any) -> bytes:
        """The page, which has the same bytes for everybody."""
        self.current_user = None
        page: bytes = self.render_string("feed.xml", **names)
        return page

    def compute_etag(self) -> str | None:
        return super(Page, self).compute_etag()


class Language(Page):
    """Choose a language."""

    def post(self) -> None:
        code = self.get_body_argument("language", "")
        if code not in LANGUAGES:
            raise HTTPError(400)
        self.set_cookie("language", code, expires_days=365, httponly=True, samesite="Lax")
        self.see(self.next_url())


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
