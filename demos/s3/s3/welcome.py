"""What a browser is shown, which cannot sign: a page that says how to go on."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from shlex import quote

from cyclone.httputil import HTTPServerRequest

__all__ = ["POLICY", "STYLE", "commands", "is_from_browser"]

#: Every path is a bucket's or an object's, so the style sheet has none and stands in the page.
STYLE = (Path(__file__).parents[1] / "templates" / "welcome.css").read_text()
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

_SHELL = """\
KEY=$(python3 -c 'import json; print(":".join(*json.load(open(0)).items()))' < {keys})
s3() {{ curl -sS --aws-sigv4 aws:amz:eu-central-1:s3 --user "$KEY" \\
          -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"; }}

s3 -X PUT {bucket}
echo 'hello, world' | s3 --data-binary @- -X PUT {key}
s3 {key}
s3 {listing}"""


def is_from_browser(request: HTTPServerRequest) -> bool:
    """Whether somebody has typed the address of the store; clients do not ask for HTML."""
    signed = "Authorization" in request.headers or request.query
    return not signed and "text/html" in request.headers.get("Accept", "")


def commands(site: str, keys: Path) -> str:
    """What to type into a shell.

    Args:
        site: the address of the store, without a slash at the end.
        keys: the file with the access key.
    """
    return _SHELL.format(
        keys=quote(str(keys)),
        bucket=quote(f"{site}/notes"),
        key=quote(f"{site}/notes/2026/first.txt"),
        listing=quote(f"{site}/notes?list-type=2"),
    )
