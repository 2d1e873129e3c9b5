"""What HTTP messages are made of, for servers and clients: values without a connection.

`HTTPHeaders` and `HTTPServerRequest` are what applications meet daily.  The rest parses and writes
pieces of messages: forms, cookies, dates, URLs, start lines.  What comes from a peer and is
malformed raises `HTTPInputError`; every parser takes linear time and has its limits.

Names and meanings are those of Tornado's ``tornado.httputil``; the rooms of this package are
private to it.
"""

from __future__ import annotations

from .body import BodyBuffer
from .cookies import RequestCookie, parse_cookie, parse_request_cookies
from .credentials import encode_username_password
from .dates import format_timestamp, http_date_now, parse_http_date
from .errors import HTTPInputError, HTTPOutputError
from .files import HTTPFile
from .formconfig import (
    ParseBodyConfig,
    ParseMultipartConfig,
    ParseUrlEncodedConfig,
    get_parse_body_config,
    set_parse_body_config,
)
from .forms import parse_body_arguments
from .forwarded import TrustedProxies, parse_address
from .headers import HTTP_WHITESPACE, HTTPHeaders
from .interfaces import HTTPConnection, HTTPMessageDelegate, HTTPServerConnectionDelegate
from .multipart_form import parse_multipart, parse_multipart_form_data
from .parameters import parse_parameters
from .request import HTTPRequest, HTTPServerRequest
from .startline import (
    RequestStartLine,
    ResponseStartLine,
    parse_request_start_line,
    parse_response_start_line,
    responses,
)
from .urls import is_valid_host, qs_to_qsl, split_host_and_port, split_target, url_concat

__all__ = [
    "HTTP_WHITESPACE",
    "BodyBuffer",
    "HTTPConnection",
    "HTTPFile",
    "HTTPHeaders",
    "HTTPInputError",
    "HTTPMessageDelegate",
    "HTTPOutputError",
    "HTTPRequest",
    "HTTPServerConnectionDelegate",
    "HTTPServerRequest",
    "ParseBodyConfig",
    "ParseMultipartConfig",
    "ParseUrlEncodedConfig",
    "RequestCookie",
    "RequestStartLine",
    "ResponseStartLine",
    "TrustedProxies",
    "encode_username_password",
    "format_timestamp",
    "get_parse_body_config",
    "http_date_now",
    "is_valid_host",
    "parse_address",
    "parse_body_arguments",
    "parse_cookie",
    "parse_http_date",
    "parse_multipart",
    "parse_multipart_form_data",
    "parse_parameters",
    "parse_request_cookies",
    "parse_request_start_line",
    "parse_response_start_line",
    "qs_to_qsl",
    "responses",
    "set_parse_body_config",
    "split_host_and_port",
    "split_target",
    "url_concat",
]
