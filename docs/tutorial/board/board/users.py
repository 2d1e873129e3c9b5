"""Signing up, logging in and out."""

import hashlib
import hmac
import os
import re

from twisted.internet.threads import deferToThread

from .base import Page


def derive(password, salt):
    """Takes some 50 milliseconds, on purpose: for threads."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


class SignUp(Page):
    def get(self):
        self.render("credentials.html", title=self.locale.translate("Sign up"), error=None)

    async def post(self):
        name = self.get_body_argument("name", "")
        password = self.get_body_argument("password", "", strip=False)
        error = await self.sign_up(name, password)
        if error is not None:
            self.set_status(400)
            self.render("credentials.html", title=self.locale.translate("Sign up"), error=error)
            return
        self.session.login(name)
        self.redirect(self.reverse_url("index"))

    async def sign_up(self, name, password):
        translate = self.locale.translate
        if not re.fullmatch(r"\w{1,30}", name):
            return translate("A name has 1 to 30 letters or digits.")
        if not 8 <= len(password) <= 200:
            return translate("A password has 8 to 200 characters.")
        salt = os.urandom(16)
        key = await deferToThread(derive, password, salt)
        if not await self.application.store.add_user(name, salt, key):
            return translate("This name is taken.")
        return None


class LogIn(Page):
    def get(self):
        self.render("credentials.html", title=self.locale.translate("Log in"), error=None)

    async def post(self):
        name = self.get_body_argument("name", "")[:30]
        password = self.get_body_argument("password", "", strip=False)[:200]
        known = await self.application.store.user(name)
        # Somebody who does not exist takes as long to refuse.
        salt, key = known or (b"", b"")
        if not hmac.compare_digest(await deferToThread(derive, password, salt), key):
            self.set_status(403)
            error = self.locale.translate("Name or password are wrong.")
            self.render("credentials.html", title=self.locale.translate("Log in"), error=error)
            return
        self.session.login(name)
        self.redirect(self.reverse_url("index"))


class LogOut(Page):
    def post(self):
        self.session.logout()
        self.redirect(self.reverse_url("index"))
