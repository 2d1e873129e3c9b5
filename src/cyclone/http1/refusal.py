"""`BadRequest`: what is raised where bytes of a peer cannot be served."""

from __future__ import annotations

__all__ = ["BadRequest"]


class BadRequest(Exception):
    """The peer sent what cannot be served; answer `status`, then close.

    Its message is ours; it never holds a byte of the request.

    Attributes:
        status: status code of the answer.
        message: what was wrong and what was expected, in our words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
