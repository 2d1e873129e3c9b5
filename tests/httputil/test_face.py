"""`cyclone.httputil`: what the package offers."""

from __future__ import annotations

from cyclone import httputil

# Every public name of Tornado's module that an application may import.
TORNADO = {
    "HTTPConnection",
    "HTTPFile",
    "HTTPHeaders",
    "HTTPInputError",
    "HTTPMessageDelegate",
    "HTTPOutputError",
    "HTTPServerConnectionDelegate",
    "HTTPServerRequest",
    "ParseBodyConfig",
    "ParseMultipartConfig",
    "ParseUrlEncodedConfig",
    "RequestStartLine",
    "ResponseStartLine",
    "encode_username_password",
    "format_timestamp",
    "parse_body_arguments",
    "parse_cookie",
    "parse_multipart_form_data",
    "parse_request_start_line",
    "parse_response_start_line",
    "qs_to_qsl",
    "responses",
    "set_parse_body_config",
    "split_host_and_port",
    "url_concat",
}


def test_all_names_exist_and_tornados_are_among_them() -> None:
    assert set(httputil.__all__) >= TORNADO
    assert len(set(httputil.__all__)) == len(httputil.__all__)
    for name in httputil.__all__:
        assert hasattr(httputil, name)


def test_cyclone_1_name_of_the_request() -> None:
    assert httputil.HTTPRequest is httputil.HTTPServerRequest
