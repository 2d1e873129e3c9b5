"""Errors as S3 names them."""

from __future__ import annotations

__all__ = ["S3Error"]

#: Code: status and, where it is always the same, what is said.
_KNOWN = {
    "AccessDenied": (403, "Access denied."),
    "AuthorizationHeaderMalformed": (400, "The Authorization field is malformed."),
    "AuthorizationQueryParametersError": (400, "The parameters of the signature are malformed."),
    "BadDigest": (400, "What came does not have the checksum that was sent with it."),
    "BucketAlreadyOwnedByYou": (409, "The bucket exists, and is yours."),
    "BucketNotEmpty": (409, "The bucket is not empty."),
    "EntityTooLarge": (400, "The object is too large."),
    "EntityTooSmall": (400, "Each part but the last must have at least 5 MiB."),
    "IncompleteBody": (400, "The body ended too early, or is not in the form that was announced."),
    "InvalidAccessKeyId": (403, "The access key does not exist."),
    "InvalidArgument": (400, "An argument is of no use."),
    "InvalidBucketName": (400, "Names have 3 to 63 small letters, digits, dots and hyphens."),
    "InvalidPart": (400, "A part does not exist, or has another ETag."),
    "InvalidPartOrder": (400, "The parts must be named in ascending order."),
    "InvalidRange": (416, "The range is not in the object."),
    "InvalidRequest": (400, "The request is of no use."),
    "InvalidURI": (400, "The path is not UTF-8."),
    "KeyTooLongError": (400, "A key has at most 1024 bytes."),
    "MalformedXML": (400, "The XML is not well-formed, or not what was expected."),
    "MethodNotAllowed": (405, "The method is not allowed here."),
    "NoSuchBucket": (404, "The bucket does not exist."),
    "NoSuchKey": (404, "The key does not exist."),
    "NoSuchUpload": (404, "The upload does not exist; it may have been completed or aborted."),
    "NotImplemented": (501, "This store does not do that."),
    "NotModified": (304, ""),
    "PreconditionFailed": (412, "A condition of the request does not hold."),
    "RequestTimeTooSkewed": (403, "The clocks differ by more than 15 minutes."),
    "SignatureDoesNotMatch": (403, "The signature is not that of this request and this key."),
    "XAmzContentSHA256Mismatch": (400, "The body does not have the hash that was signed."),
}


class S3Error(Exception):
    """A request is refused.

    Attributes:
        code: one of S3's names.
        status: of the response.
        message: for people.
        fields: header fields of the response.
    """

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.status, usual = _KNOWN[code]
        self.message = message or usual
        self.fields: dict[str, str] = {}
        super().__init__(f"{code}: {self.message}")
