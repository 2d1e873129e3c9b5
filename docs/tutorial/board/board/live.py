"""New notes for the pages that are open."""

from cyclone.sse import Broadcaster, History, SSEHandler

news = Broadcaster(history=History(max_events=100))


class Live(SSEHandler):
    def bind(self):
        news.add(self)

    def unbind(self):
        news.discard(self)
