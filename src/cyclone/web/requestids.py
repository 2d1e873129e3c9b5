"""Ids of requests: taken over from whoever stands in front, or made; in the log, and sent back."""

from __future__ import annotations

from cyclone.httputil import HTTPServerRequest
from cyclone.log import enter_request, is_request_id, new_request_id

from .observing import RequestObserver

__all__ = ["RequestIds"]


class RequestIds(RequestObserver):
    """Gives each request an id, ``request.request_id``.

    It is what the field of the request says, if that is well-formed (`cyclone.log.is_request_id`),
    else a new one.  Who sends the field decides what stands in the log, as with any other part of a
    request; to have it believed from proxies only, let those set it.

    Args:
        field: the name of the field.
    """

    def __init__(self, field: str) -> None:
        self._field = field

    def request_started(self, request: HTTPServerRequest, route: str | None) -> None:
        """Find or make the id, and have the log know it."""
        given = request.headers.get(self._field, "")
        request_id = given if is_request_id(given) else new_request_id()
        request.request_id = request_id
        enter_request(request_id)
