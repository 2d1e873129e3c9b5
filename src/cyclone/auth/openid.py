"""`OpenIdMixin`: OpenID 2.0 with attribute exchange, for services that still have it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from .base import AuthError, HandlerMixin, check_equal, either_style, with_query

__all__ = ["OpenIdMixin", "parse_key_values"]

_NS = "http://specs.openid.net/auth/2.0"
_SELECT = "http://specs.openid.net/auth/2.0/identifier_select"
_AX = "http://openid.net/srv/ax/1.0"
_TYPES = {
    "firstname": "http://axschema.org/namePerson/first",
    "fullname": "http://axschema.org/namePerson",
    "lastname": "http://axschema.org/namePerson/last",
    "email": "http://axschema.org/contact/email",
    "language": "http://axschema.org/pref/language",
    "username": "http://axschema.org/namePerson/friendly",
}
_NAMES = ("firstname", "fullname", "lastname")
#: OpenID 2.0 section 10.1: what has to be signed at least.
_MUST_BE_SIGNED = frozenset({"op_endpoint", "return_to", "response_nonce", "assoc_handle"})


def parse_key_values(body: bytes) -> dict[str, str]:
    """OpenID 2.0 section 4.1.1: lines of ``key:value``.

    Raises:
        AuthError: it is something else, or names a key twice.
    """
    fields: dict[str, str] = {}
    try:
        lines = body.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise AuthError("the service's answer is not in Key-Value form") from None
    for line in lines:
        if not line:
            continue
        key, colon, value = line.partition(":")
        if not colon or key in fields:
            raise AuthError("the service's answer is not in Key-Value form")
        fields[key] = value
    return fields


class OpenIdMixin(HandlerMixin):
    """Log users in with OpenID 2.0, which hardly any service offers today: see `OIDCMixin`.

    Subclasses set ``_OPENID_ENDPOINT``.  The handler that users come back to calls
    `get_authenticated_user` when there is an ``openid.mode`` argument, else
    `authenticate_redirect`.

    Nothing is believed that the service did not sign: more than Tornado checks.
    """

    _OPENID_ENDPOINT: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            "OpenIdMixin is deprecated: services have replaced OpenID 2.0, use OIDCMixin",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)

    def authenticate_redirect(
        self,
        callback_uri: str | None = None,
        ax_attrs: Iterable[str] = ("name", "email", "language", "username"),
        callback: Any = None,
    ) -> None:
        """Send the user to the service, and finish the response.

        Args:
            callback_uri: where the user comes back to; default here.
            ax_attrs: what to ask for.
            callback: called at the end (cyclone 1.x).
        """
        args = self._openid_args(callback_uri or self.request.uri, ax_attrs=ax_attrs)
        self.redirect(with_query(self._OPENID_ENDPOINT, args))
        if callback is not None:
            callback()

    @either_style
    async def get_authenticated_user(self, http_client: Any = None) -> dict[str, Any]:
        """The user that has come back from the service.

        Returns:
            ``claimed_id``, and of ``name``, ``first_name``, ``last_name``, ``email``, ``locale``
            and ``username`` those that the service has signed.

        Raises:
            AuthError: the service did not say so, or said it of another site.
            HTTPClientError: the service did not answer, or refused.
        """
        fields = {name: values[-1] for name, values in self.request.arguments.items()}
        fields = {
            name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            for name, value in fields.items()
        }
        signed = self._signed_fields(fields)
        fields["openid.mode"] = "check_authentication"
        client = http_client or self.get_auth_http_client()
        response = await client.fetch(self._OPENID_ENDPOINT, method="POST", body=urlencode(fields))
        if parse_key_values(response.body).get("is_valid") != "true":
            raise AuthError("the OpenID service did not confirm its answer")
        return _user(signed)

    def _signed_fields(self, fields: dict[str, str]) -> dict[str, str]:
        """The signed fields without their ``openid.``, when they are an answer to us."""
        if fields.get("openid.mode") != "id_res":
            raise AuthError("the OpenID service did not confirm the user")
        names = fields.get("openid.signed", "").split(",")
        signed = {name: fields[f"openid.{name}"] for name in names if f"openid.{name}" in fields}
        missing = _MUST_BE_SIGNED - signed.keys()
        for name in ("claimed_id", "identity"):
            if f"openid.{name}" in fields and name not in signed:
                missing |= {name}
        if missing:
            raise AuthError(f"the OpenID service did not sign {', '.join(sorted(missing))}")
        check_equal(
            self._OPENID_ENDPOINT, signed["op_endpoint"], "the answer is of another OpenID service"
        )
        ours, theirs = urlsplit(self.request.full_url()), urlsplit(signed["return_to"])
        check_equal(
            "\n".join((ours.scheme, ours.netloc, ours.path)),
            "\n".join((theirs.scheme, theirs.netloc, theirs.path)),
            "the OpenID answer is for another page",
        )
        return signed

    def _openid_args(
        self, callback_uri: str, ax_attrs: Iterable[str] = (), oauth_scope: str | None = None
    ) -> dict[str, str]:
        url = urljoin(self.request.full_url(), callback_uri)
        args = {
            "openid.ns": _NS,
            "openid.claimed_id": _SELECT,
            "openid.identity": _SELECT,
            "openid.return_to": url,
            "openid.realm": urljoin(url, "/"),
            "openid.mode": "checkid_setup",
        }
        wanted = [n for a in ax_attrs for n in (_NAMES if a == "name" else (a,))]
        if wanted:
            args.update({"openid.ns.ax": _AX, "openid.ax.mode": "fetch_request"})
            args.update({f"openid.ax.type.{name}": _TYPES[name] for name in wanted})
            args["openid.ax.required"] = ",".join(dict.fromkeys(wanted))
        if oauth_scope:
            args["openid.ns.oauth"] = "http://specs.openid.net/extensions/oauth/1.0"
            args["openid.oauth.consumer"] = self.request.host.split(":")[0]
            args["openid.oauth.scope"] = oauth_scope
        return args


def _user(signed: dict[str, str]) -> dict[str, Any]:
    ax = {name: _attribute(signed, uri) for name, uri in _TYPES.items()}
    full = " ".join(filter(None, [ax["firstname"], ax["lastname"]]))
    user = {
        "first_name": ax["firstname"],
        "last_name": ax["lastname"],
        "name": ax["fullname"] or full or ax["email"].partition("@")[0],
        "email": ax["email"],
        "locale": ax["language"].lower(),
        "username": ax["username"],
        "claimed_id": signed.get("claimed_id", ""),
    }
    return {name: value for name, value in user.items() if value}


def _attribute(signed: dict[str, str], uri: str) -> str:
    for name, value in signed.items():
        if value == _AX and name.startswith("ns."):
            prefix = f"{name[3:]}.type."
            for key, kind in signed.items():
                if kind == uri and key.startswith(prefix):
                    return signed.get(f"{name[3:]}.value.{key[len(prefix) :]}", "")
    return ""
