"""Settings and routes."""

import os
from pathlib import Path

import cyclone.web
from cyclone.httpauth import FailureLimit
from cyclone.sessions import Sessions, SQLStore
from cyclone.storage import ReadinessHandler
from cyclone.web import url

from .live import Live
from .pages import Index
from .store import Store
from .users import LogIn, LogOut, SignUp

HERE = Path(__file__).parent


class Application(cyclone.web.Application):
    def __init__(self, path="", **settings):
        self.store = Store(path or os.environ.get("BOARD_DATABASE", "board.db"))
        self.guesses = FailureLimit(per_address=20, per_user=100)
        super().__init__(
            [
                url(r"/", Index, name="index"),
                url(r"/live", Live, name="live"),
                url(r"/signup", SignUp, name="signup"),
                url(r"/login", LogIn, name="login"),
                url(r"/logout", LogOut, name="logout"),
                (r"/-/ready", ReadinessHandler, {"stores": {"notes": self.store.pool}}),
            ],
            template_path=str(HERE / "templates"),
            static_path=str(HERE / "static"),
            login_url="/login",
            sessions=Sessions(SQLStore(self.store.pool)),
            xsrf_cookies=True,
            xsrf_cookie_kwargs={"httponly": True, "samesite": "Lax"},
            **settings,
        )
