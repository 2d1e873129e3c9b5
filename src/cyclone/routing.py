"""Routers, rules and matchers (Tornado's ``tornado.routing``).

An `Application` routes by itself, by path and host. Its routes may hold more than handlers: other
applications, routers and callables, chosen by any kind of matcher, and lists of rules::

    Application([
        (HostMatches("admin.example.com"), [(r"/", AdminHandler)]),
        (r"/api/.*", api_application),
        Rule(PathMatches(r"/old/.*"), WSGIContainer(old_site)),
        (r"/", MainHandler),
    ])

Without an application, a router is served by ``HTTPServer(RuleRouter([...]))``.
"""

from cyclone.web import (
    AnyMatches,
    DefaultHostMatches,
    HostMatches,
    Matcher,
    PathMatches,
    ReversibleRouter,
    ReversibleRuleRouter,
    Router,
    Rule,
    RuleRouter,
    URLSpec,
)

__all__ = [
    "AnyMatches",
    "DefaultHostMatches",
    "HostMatches",
    "Matcher",
    "PathMatches",
    "ReversibleRouter",
    "ReversibleRuleRouter",
    "Router",
    "Rule",
    "RuleRouter",
    "URLSpec",
]
