"""Pages about users: sign up, log in, log out."""

from __future__ import annotations

from .page import Page
from .passwords import Passwords
from .texts import NAME_LENGTH, PASSWORD_LENGTH, is_name, printable

__all__ = ["LogIn", "LogOut", "SignUp"]


class Credentials(Page):
    """What the forms with a name and a password have in common."""

    template = ""

    @property
    def passwords(self) -> Passwords:
        passwords: Passwords = self.application.passwords
        return passwords

    def get(self) -> None:
        self.form("", {})

    def form(self, name: str, errors: dict[str, str]) -> None:
        self.set_header("Cache-Control", "no-store")
        if errors:
            self.set_status(422)
        self.render(self.template, name=name, errors=errors, next_url=self.next_url())

    def given(self) -> tuple[str, str]:
        """The name and the password; the latter as it is, white space included."""
        name = printable(self.get_body_argument("name", ""))
        return name, self.get_body_argument("password", "", strip=False)


class SignUp(Credentials):
    """Become a user."""

    template = "signup.html"

    async def post(self) -> None:
        name, password = self.given()
        errors = self.mistakes(name, password)
        if not errors:
            user_id = await self.store.add_user(name, await self.passwords.hash(password))
            if user_id is not None:
                self.log_in(user_id)
                self.see(self.next_url())
                return
            _ = self.locale.translate
            errors["name"] = _("This name is taken.")
        self.form(name, errors)

    def mistakes(self, name: str, password: str) -> dict[str, str]:
        """What is wrong, by the name of the field."""
        _ = self.locale.translate
        errors = {}
        if not is_name(name):
            errors["name"] = _(
                "A name has %(least)d to %(most)d letters and digits, and . - _ between them."
            ) % dict(zip(("least", "most"), NAME_LENGTH, strict=True))
        least, most = PASSWORD_LENGTH
        if not least <= len(password) <= most:
            errors["password"] = _("A password has %(least)d to %(most)d characters.") % {
                "least": least,
                "most": most,
            }
        return errors


class LogIn(Credentials):
    """Say who one is."""

    template = "login.html"

    async def post(self) -> None:
        name, password = self.given()
        right = user = None
        if is_name(name) and len(password) <= PASSWORD_LENGTH[1]:
            user = await self.store.user_named(name)
            # It takes as long for a name that nobody has: who asks does not learn which are taken.
            right = await self.passwords.check(password, user.password if user else None)
        if user is None or not right:
            _ = self.locale.translate
            self.form(name, {"password": _("Name or password are wrong.")})
            return
        self.log_in(user.id)
        self.see(self.next_url())


class LogOut(Page):
    """Be nobody again."""

    def post(self) -> None:
        self.clear_cookie("user")
        self.see(self.reverse_url("index"))
