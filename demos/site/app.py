"""What handlers can do, to click through::

    cyclone run demos/site/app.py --reload
    twistd -n cyclone -r app.Application        (in this directory)

Each link of the first page shows one thing.
"""

import html
import secrets
import time

from twisted.internet import defer, reactor, task

import cyclone.web

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A tour of cyclone</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; --page: #f3f5f4; --card: #fff; --text: #17211d;
  --faint: #52615a; --line: #d6ddd9; --accent: #0b6b4f; --on-accent: #fff; }}
@media (prefers-color-scheme: dark) {{ :root {{ --page: #111614; --card: #1a211e; --text: #e3e9e6;
  --faint: #a2b0a9; --line: #313b36; --accent: #6fd6b1; --on-accent: #06231a; }} }}
* {{ box-sizing: border-box; }}
body {{ max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; background: var(--page);
  color: var(--text); font: 100%/1.6 system-ui, sans-serif; overflow-wrap: anywhere; }}
h1 {{ margin: 0; font-size: 2rem; letter-spacing: -.02em; line-height: 1.25; }}
dl, form {{ margin: 1.25rem 0; padding: .4rem 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 14px; }}
form {{ display: grid; grid-template-columns: minmax(0, 1fr); gap: .9rem;
  padding-block: 1.25rem; justify-items: start; }}
dt {{ padding-top: .7rem; font-weight: 600; }}
dd {{ margin: 0; padding-bottom: .7rem; color: var(--faint); }}
dd + dt {{ border-top: 1px solid var(--line); }}
a {{ color: var(--accent); text-underline-offset: .15em; }}
label {{ max-width: 100%; font-weight: 600; }}
input {{ display: block; max-width: 100%; margin-top: .3rem; font: inherit; font-weight: 400; }}
input[type=text] {{ padding: .45rem .7rem; color: inherit; background: var(--page);
  border: 1px solid var(--faint); border-radius: 8px; }}
button {{ padding: .5rem 1.2rem; font: inherit; font-weight: 600; color: var(--on-accent);
  background: var(--accent); border: 0; border-radius: 8px; cursor: pointer; }}
:focus-visible {{ outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 4px; }}
</style>
<h1>A tour of cyclone</h1>
<p>Hello, {user}. This page is number {count} that this server has sent you.</p>
<dl>
<dt><a href="/hello">/hello</a><dd>a plain method
<dt><a href="/json">/json</a><dd>a dict becomes JSON
<dt><a href="/user/42?q=x">/user/42?q=x</a><dd>arguments of path and query
<dt><a href="/slow/inline">/slow/inline</a>, <a href="/slow/async">/slow/async</a>
<dd>a second of waiting with <code>inlineCallbacks</code> and with <code>async def</code>
<dt><a href="/clock">/clock</a><dd>a response that does not end: <code>asynchronous</code>,
  <code>flush</code>, <code>notifyFinish</code>
<dt><a href="/secret">/secret</a><dd><code>authenticated</code>
<dt><a href="/old/place">/old/place</a><dd>a redirect
<dt><a href="/fail">/fail</a>, <a href="/nowhere">/nowhere</a>
<dd>the traceback page of debug mode, and the error page
<dt><a href="/request">/request</a><dd>what arrived
</dl>
<form method="post" action="/upload" enctype="multipart/form-data">
<label>Title <input type="text" name="title" value="a title"></label>
<label>Photos <input type="file" name="photos" multiple></label>
<button>Upload</button>
</form>
"""


class IndexHandler(cyclone.web.RequestHandler):
    def get_current_user(self):
        user = self.get_signed_cookie("user")
        return user and user.decode()

    def get(self):
        count = self.get_cookie("count", "0")
        number = int(count) + 1 if count.isdigit() else 1
        self.set_cookie("count", str(number), httponly=True, samesite="Lax")
        self.write(PAGE.format(user=html.escape(self.current_user or "stranger"), count=number))


class HelloHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write("hello, world")


class JSONHandler(cyclone.web.RequestHandler):
    def get(self):
        self.write({"message": "hello, world", "time": time.time()})


class UserHandler(cyclone.web.RequestHandler):
    def get(self, number):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(f"user {number}, q is {self.get_argument('q', 'not given')}\n")


class InlineHandler(cyclone.web.RequestHandler):
    @defer.inlineCallbacks
    def get(self):
        yield task.deferLater(reactor, 1, lambda: None)
        self.write("a second later, by inlineCallbacks")


class AsyncHandler(cyclone.web.RequestHandler):
    async def get(self):
        await task.deferLater(reactor, 1, lambda: None)
        self.write("a second later, by async def")


class ClockHandler(cyclone.web.RequestHandler):
    clients = set()
    ticking = None

    @cyclone.web.asynchronous
    def get(self):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.clients.add(self)
        self.notifyFinish().addCallback(lambda _: self.clients.discard(self))
        if ClockHandler.ticking is None:
            ClockHandler.ticking = task.LoopingCall(self.tick)
            ClockHandler.ticking.start(1)

    @classmethod
    def tick(cls):
        for client in list(cls.clients):
            client.write(f"{time.ctime()}, {len(cls.clients)} listening\r\n")
            client.flush()
        if not cls.clients:
            cls.ticking.stop()
            cls.ticking = None


class LoginHandler(cyclone.web.RequestHandler):
    def get(self):
        self.set_signed_cookie("user", "visitor", httponly=True, samesite="Lax")
        self.redirect("/secret")


class SecretHandler(IndexHandler):
    @cyclone.web.authenticated
    async def get(self):
        self.write(f"The secret is yours, {html.escape(self.current_user)}.")


class FailHandler(cyclone.web.RequestHandler):
    def get(self):
        api_token = "not for the traceback page"
        return 1 / (len(api_token) - len(api_token))


class RequestInfoHandler(cyclone.web.RequestHandler):
    def get(self):
        request = self.request
        self.write(
            {
                "method": request.method,
                "uri": request.uri,
                "version": request.version,
                "remote_ip": request.remote_ip,
                "protocol": request.protocol,
                "headers": list(request.headers.get_all()),
            }
        )


class UploadHandler(cyclone.web.RequestHandler):
    max_body_size = 20 * 1024 * 1024

    def post(self):
        photos = self.request.files.get("photos", [])
        self.write(
            {
                "title": self.get_argument("title", ""),
                "files": [
                    {
                        "filename": photo.filename,
                        "content_type": photo.content_type,
                        "size": len(photo.body),
                    }
                    for photo in photos
                ],
            }
        )


class Application(cyclone.web.Application):
    def __init__(self):
        handlers = [
            (r"/", IndexHandler),
            (r"/hello", HelloHandler),
            (r"/json", JSONHandler),
            (r"/user/(\w+)", UserHandler),
            (r"/slow/inline", InlineHandler),
            (r"/slow/async", AsyncHandler),
            (r"/clock", ClockHandler),
            (r"/login", LoginHandler),
            (r"/secret", SecretHandler),
            (r"/old/(.*)", cyclone.web.RedirectHandler, {"url": "/?came-from={0}"}),
            (r"/fail", FailHandler),
            (r"/request", RequestInfoHandler),
            (r"/upload", UploadHandler),
        ]
        # Sites in public keep it in a file: with a new one everybody is logged out.
        secret = secrets.token_urlsafe(32)
        super().__init__(handlers, login_url="/login", cookie_secret=secret, debug=True)
