# run: twistd -n cyclone -r decorators.Application
#
# authenticated, asynchronous and inlineCallbacks, in the orders that make sense: authenticated
# comes first, the order of the other two does not matter.

import secrets

from twisted.internet import defer, reactor, task

import cyclone.web


class BaseHandler(cyclone.web.RequestHandler):
    def set_default_headers(self):
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def get_current_user(self):
        user = self.get_signed_cookie("user")
        return user and user.decode()


class LoginHandler(BaseHandler):
    def get(self):
        user = self.get_argument("user", "alice")
        self.set_signed_cookie("user", user, httponly=True, samesite="Lax")
        self.redirect("/")


class MainHandler(BaseHandler):
    @cyclone.web.authenticated
    @cyclone.web.asynchronous
    @defer.inlineCallbacks
    def get(self):
        yield task.deferLater(reactor, 0.1, lambda: None)
        self.finish(f"hello, {self.current_user}\n")

    @cyclone.web.authenticated
    @defer.inlineCallbacks
    @cyclone.web.asynchronous
    def post(self):
        yield task.deferLater(reactor, 0.1, lambda: None)
        self.finish(f"posted by {self.current_user}\n")

    @cyclone.web.authenticated
    async def put(self):
        await task.deferLater(reactor, 0.1, lambda: None)
        self.write(f"put by {self.current_user}\n")


def Application():
    return cyclone.web.Application(
        [("/", MainHandler), ("/login", LoginHandler)],
        login_url="/login",
        cookie_secret=secrets.token_urlsafe(32),  # with a new one everybody is logged out
    )
