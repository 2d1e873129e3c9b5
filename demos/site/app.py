"""What handlers can do, to click through::

    cyclone run demos/site/app.py --reload
    twistd -n cyclone -r app.Application        (in this directory)

Each link of the first page shows one thing.
"""

import html
import time

from twisted.internet import defer, reactor, task

import cyclone.web

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>cyclone</title>
<style>
body {{ max-width: 42rem; margin: 3rem auto; padding: 0 1rem; font: 16px/1.6 system-ui; }}
code {{ background: #f3f3f0; padding: .1em .3em; border-radius: 3px; }}
li {{ margin: .3rem 0; }}
fieldset {{ border: 1px solid #ccc; margin: 1rem 0; }}
</style>
<h1>cyclone</h1>
<p>Hello, {user}. This page is number {count} that this server has sent you.</p>
<ul>
<li><a href="/hello">/hello</a>: a plain method</li>
<li><a href="/json">/json</a>: a dict becomes JSON</li>
<li><a href="/user/42?q=x">/user/42?q=x</a>: arguments of path and query</li>
<li><a href="/slow/inline">/slow/inline</a>, <a href="/slow/async">/slow/async</a>:
  a second of waiting with <code>inlineCallbacks</code> and with <code>async def</code></li>
<li><a href="/clock">/clock</a>: a response that does not end (<code>asynchronous</code>,
  <code>flush</code>, <code>notifyFinish</code>)</li>
<li><a href="/secret">/secret</a>: <code>authenticated</code></li>
<li><a href="/old/place">/old/place</a>: a redirect</li>
<li><a href="/fail">/fail</a>: the traceback page of debug mode; <a href="/nowhere">/nowhere</a>:
  the error page</li>
<li><a href="/request">/request</a>: what arrived</li>
</ul>
<form method="post" action="/upload" enctype="multipart/form-data">
<fieldset><legend>Upload</legend>
<input type="text" name="title" value="a title">
<input type="file" name="photos" multiple> <button>send</button></fieldset>
</form>
"""


class IndexHandler(cyclone.web.RequestHandler):
    def get_current_user(self):
        return self.get_cookie("user")

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
        self.set_cookie("user", "visitor", httponly=True, samesite="Lax")
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
        super().__init__(handlers, login_url="/login", debug=True)
