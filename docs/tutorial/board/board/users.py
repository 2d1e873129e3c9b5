"""Signing up, logging in and out."""

import hashlib
import hmac
import os
import re

from twisted.internet.threads import deferToThread

from cyclone.httpauth import TooManyFailures
from cyclone.storage import database_safe

from .base import Page


def derive(password, salt):
    """Takes some 50 milliseconds, on purpose: for threads."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


class SignUp(Page):
    def get(self):
        self.show()

    @database_safe
    async def post(self):
        name = self.get_body_argument("name", "")
        password = self.get_body_argument("password", "", strip=False)
        error = await self.sign_up(name, password)
        if error is not None:
            self.set_status(400)
            self.show(error)
            return
        self.session.login(name)
        self.redirect(self.reverse_url("index"))

    def show(self, error=None):
        self.render("credentials.html", title=self.locale.translate("Sign up"), error=error)

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
        self.show()

    @database_safe
    async def post(self):
        name = self.get_body_argument("name", "")[:30]
        password = self.get_body_argument("password", "", strip=False)[:200]
        try:
            with self.application.guesses.attempt(self.request.remote_ip, name) as attempt:
                right = await self.is_right(name, password)
                if not right:
                    attempt.fail()
        except TooManyFailures as error:
            self.set_header("Retry-After", error.retry_after)
            self.set_status(429)
            self.show(self.locale.translate("Too many attempts: wait a moment."))
            return
        if not right:
            self.set_status(403)
            self.show(self.locale.translate("Name or password are wrong."))
            return
        self.session.login(name)
        self.redirect(self.reverse_url("index"))

    async def is_right(self, name, password):
        # Somebody who does not exist takes as long to refuse.
        salt, key = await self.application.store.user(name) or (b"", b"")
        return hmac.compare_digest(await deferToThread(derive, password, salt), key)

    def show(self, error=None):
        self.render("credentials.html", title=self.locale.translate("Log in"), error=error)


class LogOut(Page):
    def post(self):
        self.session.logout()
        self.redirect(self.reverse_url("index"))
