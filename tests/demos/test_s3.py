"""The store of demos/s3: boto3 as its client, and requests that boto3 would not send."""

from __future__ import annotations

import base64
import hashlib
import http.client
import importlib
import itertools
import json
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.processes import Process, script, unused_port

DEMO = Path(__file__).parents[2] / "demos" / "s3"
MIB = 1024 * 1024
# botocore itself.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


class Service:
    """The server, and clients of it."""

    def __init__(self, port: int, data: Path, process: Process) -> None:
        self.port, self.data, self.process = port, data, process
        self.endpoint = f"http://127.0.0.1:{port}"
        [(self.key, self.secret)] = json.loads((data / "keys.json").read_text()).items()

    def client(self, key: str = "", secret: str = "", **config: Any) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="eu-central-1",
            aws_access_key_id=key or self.key,
            aws_secret_access_key=secret or self.secret,
            config=Config(
                s3={"addressing_style": "path", **config.pop("s3", {})},
                retries={"max_attempts": 1, "mode": "standard"},
                **config,
            ),
        )

    def raw(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        change: Callable[[AWSRequest], None] = lambda request: None,
    ) -> tuple[int, bytes, dict[str, str]]:
        """Send a request that is signed, and maybe changed afterwards."""
        url = self.endpoint + path
        request = AWSRequest(method, url, headers=dict(headers or {}), data=body)
        S3SigV4Auth(Credentials(self.key, self.secret), "s3", "eu-central-1").add_auth(request)
        change(request)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, request.body, dict(request.headers))
            response = connection.getresponse()
            return response.status, response.read(), dict(response.headers)
        finally:
            connection.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = tmp_path_factory.mktemp("s3") / "data"
    port = unused_port()
    process = Process(
        [
            *(script("twistd"), "--nodaemon", "--pidfile=", "cyclone", "-p", str(port)),
            *("-r", "app.Application", "--appopts", str(data)),
        ],
        cwd=DEMO,
    )
    try:
        process.wait_for_port(port)
        yield Service(port, data, process)
        process.stop()
        assert "Traceback" not in process.output and "Unhandled" not in process.output
        assert not list((data / "temporary").iterdir())
    finally:
        process.kill()


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[Any]:
    client = service.client()
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()


@pytest.fixture
def bucket(client: Any, request: pytest.FixtureRequest) -> str:
    """A bucket of the test's own."""
    name = "b-" + hashlib.md5(request.node.name.encode()).hexdigest()
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def modules() -> Iterator[Any]:
    """The package, by its module names; what it loads is put back."""
    sys.path.insert(0, str(DEMO))
    try:
        yield lambda name: importlib.import_module(f"s3.{name}")
    finally:
        sys.path.remove(str(DEMO))
        for name in [name for name in sys.modules if name.partition(".")[0] == "s3"]:
            del sys.modules[name]


def code_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


# -- buckets and objects


def test_buckets(client: Any) -> None:
    client.create_bucket(Bucket="first.bucket")
    client.head_bucket(Bucket="first.bucket")
    names = [each["Name"] for each in client.list_buckets()["Buckets"]]
    assert "first.bucket" in names and names == sorted(names)
    assert not client.get_bucket_location(Bucket="first.bucket")["LocationConstraint"]
    assert client.get_bucket_versioning(Bucket="first.bucket").get("Status") is None
    assert code_of(client.create_bucket, Bucket="first.bucket") == ("BucketAlreadyOwnedByYou", 409)
    client.put_object(Bucket="first.bucket", Key="a", Body=b"")
    assert code_of(client.delete_bucket, Bucket="first.bucket") == ("BucketNotEmpty", 409)
    client.delete_object(Bucket="first.bucket", Key="a")
    client.delete_bucket(Bucket="first.bucket")
    assert code_of(client.head_bucket, Bucket="first.bucket") == ("404", 404)
    assert code_of(client.list_objects_v2, Bucket="first.bucket") == ("NoSuchBucket", 404)
    assert code_of(client.put_object, Bucket="first.bucket", Key="a") == ("NoSuchBucket", 404)
    assert code_of(client.get_bucket_acl, Bucket="bucket") == ("NotImplemented", 501)


def test_objects(client: Any, bucket: str) -> None:
    put = client.put_object(
        Bucket=bucket,
        Key="a/b.txt",
        Body=b"Hello",
        ContentType="text/plain",
        CacheControl="no-store",
        Metadata={"colour": "blue"},
    )
    assert put["ETag"] == f'"{hashlib.md5(b"Hello").hexdigest()}"'
    got = client.get_object(Bucket=bucket, Key="a/b.txt")
    assert got["Body"].read() == b"Hello"
    assert (got["ContentType"], got["CacheControl"]) == ("text/plain", "no-store")
    assert (got["Metadata"], got["ETag"]) == ({"Colour": "blue"}, put["ETag"])
    assert abs(got["LastModified"] - datetime.now(UTC)) < timedelta(minutes=1)
    head = client.head_object(Bucket=bucket, Key="a/b.txt")
    assert head["ContentLength"] == 5 and head["ETag"] == put["ETag"]
    client.put_object(Bucket=bucket, Key="a/b.txt", Body=b"")
    assert client.get_object(Bucket=bucket, Key="a/b.txt")["Body"].read() == b""
    client.delete_object(Bucket=bucket, Key="a/b.txt")
    client.delete_object(Bucket=bucket, Key="a/b.txt")
    assert code_of(client.get_object, Bucket=bucket, Key="a/b.txt") == ("NoSuchKey", 404)
    assert code_of(client.head_object, Bucket=bucket, Key="a/b.txt") == ("404", 404)
    answer = code_of(client.get_object_tagging, Bucket=bucket, Key="a/b.txt")
    assert answer == ("NotImplemented", 501)


def test_copies(client: Any, bucket: str) -> None:
    source = {"Bucket": bucket, "Key": "ä ö"}
    put = client.put_object(**source, Body=b"Hello", Metadata={"a": "b"}, ContentType="text/x")
    copied = client.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert copied["CopyObjectResult"]["ETag"] == put["ETag"]
    head = client.head_object(Bucket=bucket, Key="copy")
    assert (head["Metadata"], head["ContentType"]) == ({"A": "b"}, "text/x")
    client.copy_object(
        Bucket=bucket, Key="copy", CopySource=source, MetadataDirective="REPLACE", Metadata={}
    )
    assert client.head_object(Bucket=bucket, Key="copy")["Metadata"] == {}
    answer = code_of(client.copy_object, Bucket=bucket, Key="ä ö", CopySource=source)
    assert answer == ("InvalidRequest", 400)
    missing = {"Bucket": bucket, "Key": "missing"}
    answer = code_of(client.copy_object, Bucket=bucket, Key="x", CopySource=missing)
    assert answer == ("NoSuchKey", 404)
    answer = code_of(
        client.copy_object, Bucket=bucket, Key="x", CopySource=source, CopySourceIfMatch="no"
    )
    assert answer == ("PreconditionFailed", 412)


def test_ranges(client: Any, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for wanted, content, shown in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=0-99", b"0123456789", "bytes 0-9/10"),
    ):
        got = client.get_object(Bucket=bucket, Key="k", Range=wanted)
        assert (got["Body"].read(), got["ContentRange"]) == (content, shown)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    for ignored in ("bytes=1-2,4-5", "lines=1-2", "bytes=4-2", "bytes=-"):
        got = client.get_object(Bucket=bucket, Key="k", Range=ignored)
        assert got["Body"].read() == b"0123456789"
    for beyond in ("bytes=10-", "bytes=-0"):
        with pytest.raises(ClientError) as caught:
            client.get_object(Bucket=bucket, Key="k", Range=beyond)
        assert caught.value.response["Error"]["Code"] == "InvalidRange"
        fields = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert fields["content-range"] == "bytes */10"


def test_conditions(client: Any, bucket: str) -> None:
    tag = client.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    now = datetime.now(UTC)
    place = {"Bucket": bucket, "Key": "k"}
    for condition in (
        {"IfMatch": tag},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": now - timedelta(hours=1)},
        {"IfUnmodifiedSince": now + timedelta(hours=1)},
    ):
        assert client.get_object(**place, **condition)["ETag"] == tag
    for condition, status in (
        ({"IfMatch": '"other"'}, 412),
        ({"IfNoneMatch": tag}, 304),
        ({"IfModifiedSince": now + timedelta(seconds=1)}, 304),
        ({"IfUnmodifiedSince": now - timedelta(hours=1)}, 412),
    ):
        assert code_of(client.get_object, **place, **condition)[1] == status
        with pytest.raises(ClientError) as caught:
            client.head_object(**place, **condition)
        answer = caught.value.response["ResponseMetadata"]
        assert answer["HTTPStatusCode"] == status and answer["HTTPHeaders"]["etag"] == tag
    assert code_of(client.put_object, **place, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code_of(client.put_object, **place, IfMatch='"other"') == ("PreconditionFailed", 412)
    client.put_object(**place, IfMatch=tag, Body=b"y")
    client.put_object(Bucket=bucket, Key="new", IfNoneMatch="*")
    answer = code_of(client.put_object, Bucket=bucket, Key="none", IfMatch=tag)
    assert answer == ("NoSuchKey", 404)


def test_listings(client: Any, bucket: str) -> None:
    keys = ["a", "b/1", "b/2", "b/c/3", "d", "e+f", "é/x", "z\n<&>"]
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    for operation in ("list_objects", "list_objects_v2"):
        for size in (1, 2, 3, 1000):
            pages = list(
                client.get_paginator(operation).paginate(
                    Bucket=bucket, PaginationConfig={"PageSize": size}
                )
            )
            found = [each for page in pages for each in page.get("Contents", [])]
            assert [each["Key"] for each in found] == sorted(keys)
            assert all(each["Size"] == 1 and each["ETag"] for each in found)
            assert len(pages) == -(-len(keys) // size)
            pages = list(
                client.get_paginator(operation).paginate(
                    Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
                )
            )
            prefixes = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
            found = [each["Key"] for page in pages for each in page.get("Contents", [])]
            assert prefixes == ["b/", "é/"] and found == ["a", "d", "e+f", "z\n<&>"]
        page = getattr(client, operation)(Bucket=bucket, Prefix="b/", Delimiter="/")
        assert [each["Key"] for each in page["Contents"]] == ["b/1", "b/2"]
        assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["b/c/"]
    page = client.list_objects_v2(Bucket=bucket, StartAfter="b/2", MaxKeys=1)
    assert [each["Key"] for each in page["Contents"]] == ["b/c/3"] and page["IsTruncated"]
    assert page["KeyCount"] == 1
    assert client.list_objects_v2(Bucket=bucket, MaxKeys=0)["IsTruncated"] is False
    answer = code_of(client.list_objects_v2, Bucket=bucket, ContinuationToken="%%")
    assert answer == ("InvalidArgument", 400)

    deleted = client.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": key} for key in [*keys[:-1], "none"]]}
    )
    assert {each["Key"] for each in deleted["Deleted"]} == {*keys[:-1], "none"}
    page = client.list_objects_v2(Bucket=bucket)
    assert [each["Key"] for each in page["Contents"]] == ["z\n<&>"]


# -- keys

STRANGE = [
    "../../../etc/passwd",
    "..",
    ".",
    "../keys.json",
    "//etc//passwd",
    "/absolute",
    "a/../../b",
    "a/",
    "a//b",
    "C:\\x\\..\\y",
    "%2e%2e%2f",
    "%00",
    "\0",
    "a\tb\r\nc",
    "ünï/漢字/😀",
    "e\u0301",
    "\u00e9",
    "UPPER",
    "upper",
    "a+b c",
    "x.o",
    "x+",
    "~!$&'()*,;=:@",
    "k" * 1024,
    "k" * 1023 + "l",
    "é" * 512,
    "../" * 300,
]


def test_no_key_escapes_the_store(client: Any, bucket: str, service: Service) -> None:
    before = {path for path in service.data.parent.rglob("*") if path.is_file()}
    for key in STRANGE:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    after = {path for path in service.data.parent.rglob("*") if path.is_file()} - before
    home = service.data / "buckets" / bucket / "objects"
    assert len(after) == len(STRANGE) and all(path.is_relative_to(home) for path in after)
    for key in STRANGE:
        assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode(), key
    page = client.list_objects_v2(Bucket=bucket)
    assert [each["Key"] for each in page["Contents"]] == sorted(STRANGE)
    for key in STRANGE:
        client.delete_object(Bucket=bucket, Key=key)
    client.delete_bucket(Bucket=bucket)
    assert {path for path in service.data.parent.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/bucket/%ff", b"InvalidURI"),
        ("/../keys.json", b"InvalidBucketName"),
        ("/%2e%2e/keys.json", b"SignatureDoesNotMatch"),  # nobody signs it so
        ("/..%2Fkeys.json/x", b"InvalidBucketName"),
        ("/Bucket/x", b"InvalidBucketName"),
        ("/192.168.0.1/x", b"InvalidBucketName"),
        ("/a..b/x", b"InvalidBucketName"),
        ("/" + "b" * 64 + "/x", b"InvalidBucketName"),
        ("/bucket/" + "k" * 1025, b"KeyTooLongError"),
        ("/bucket/x?uploadId=..%2F..%2F..%2Fkeys.json", b"NoSuchUpload"),
        ("/bucket/x?uploadId=" + "0" * 32, b"NoSuchUpload"),
        ("/bucket/x?versionId=1", b"NotImplemented"),
        ("/bucket?max-keys=x", b"InvalidArgument"),
        ("/bucket/none?response-content-type=x", b"NoSuchKey"),
    ],
)
def test_paths_that_are_refused(service: Service, client: Any, path: str, code: bytes) -> None:
    status, body, _ = service.raw("GET", path)
    assert 400 <= status <= 501 and b"<Code>" + code + b"</Code>" in body, body


def test_no_header_field_is_smuggled_in(service: Service, client: Any, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="k", Body=b"x")
    path = f"/{bucket}/k?response-content-type=text%2Fplain"
    assert service.raw("GET", path)[2]["Content-Type"] == "text/plain"
    status, body, headers = service.raw("GET", path + "%0D%0AX-Evil%3A%20yes")
    assert status == 400 and b"InvalidArgument" in body and "X-Evil" not in headers


# -- bodies


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
@pytest.mark.parametrize("signed", [True, False])
def test_checksums(
    service: Service, bucket: str, algorithm: str, signed: bool, tmp_path: Path
) -> None:
    client = service.client(s3={"payload_signing_enabled": signed})
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1200)
    with path.open("rb") as file:
        client.put_object(Bucket=bucket, Key="k", Body=file, ChecksumAlgorithm=algorithm)
    got = client.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == path.read_bytes()
    assert got[f"Checksum{algorithm}"]
    client.close()


def test_wrong_checksums(client: Any, service: Service, bucket: str) -> None:
    wrong = base64.b64encode(b"0123").decode()
    place = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    assert code_of(client.put_object, **place, ChecksumCRC32=wrong) == ("BadDigest", 400)
    for field, value, code in (
        ("Content-MD5", base64.b64encode(bytes(16)).decode(), b"BadDigest"),
        ("Content-MD5", "???", b"InvalidRequest"),
        ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=", b"InvalidRequest"),
    ):
        status, body, _ = service.raw("PUT", f"/{bucket}/k", b"x", {field: value})
        assert status == 400 and code in body
    assert code_of(client.head_object, Bucket=bucket, Key="k")[1] == 404


def test_uploads_in_parts(client: Any, bucket: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(hashlib.shake_128(b"x").digest(6 * MIB) + b"end")
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    extra = {"ContentType": "x/y", "Metadata": {"a": "b"}}
    client.upload_file(str(path), bucket, "large", Config=config, ExtraArgs=extra)
    head = client.head_object(Bucket=bucket, Key="large")
    assert head["ContentLength"] == 6 * MIB + 3 and head["ETag"].endswith('-2"')
    assert (head["ContentType"], head["Metadata"]) == ("x/y", {"A": "b"})
    client.download_file(bucket, "large", str(tmp_path / "back"), Config=config)
    assert (tmp_path / "back").read_bytes() == path.read_bytes()

    place = {"Bucket": bucket, "Key": "parts"}
    upload = client.create_multipart_upload(**place)["UploadId"]
    listed = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(each["Key"], each["UploadId"]) for each in listed] == [("parts", upload)]
    source = {"Bucket": bucket, "Key": "large"}
    first = client.upload_part_copy(
        **place, UploadId=upload, PartNumber=1, CopySource=source,
        CopySourceRange=f"bytes=0-{5 * MIB - 1}",
    )["CopyPartResult"]  # fmt: skip
    second = client.upload_part(**place, UploadId=upload, PartNumber=3, Body=b"and more")
    listed = client.list_parts(**place, UploadId=upload)["Parts"]
    assert [(each["PartNumber"], each["Size"]) for each in listed] == [(1, 5 * MIB), (3, 8)]

    def complete(*parts: tuple[int, str]) -> Any:
        wanted = [{"PartNumber": number, "ETag": tag} for number, tag in parts]
        return client.complete_multipart_upload(
            **place, UploadId=upload, MultipartUpload={"Parts": wanted}
        )

    one, three = (1, first["ETag"]), (3, second["ETag"])
    assert code_of(complete, three, one) == ("InvalidPartOrder", 400)
    assert code_of(complete, one, (3, '"0"')) == ("InvalidPart", 400)
    assert code_of(complete, one, (2, '"0"')) == ("InvalidPart", 400)
    assert complete(one, three)["ETag"].endswith('-2"')
    body = client.get_object(**place)["Body"].read()
    assert body == path.read_bytes()[: 5 * MIB] + b"and more"
    assert code_of(complete, one, three) == ("NoSuchUpload", 404)


@pytest.mark.parametrize("content", [b"other", b"o"])
def test_parts_that_are_replaced_meanwhile(modules: Any, tmp_path: Path, content: bytes) -> None:
    """A part that comes again while the object is put together is another part."""
    rules = modules("store")

    class Late(rules.Store):  # type: ignore[misc, name-defined]
        def _check_parts(self, wanted: Any, there: Any) -> None:
            super()._check_parts(wanted, there)
            put(content)

    store = Late(tmp_path, min_part=1)

    def put(data: bytes) -> str:
        writer = store.writer()
        writer.write(data)
        etag = hashlib.md5(data).hexdigest()
        store.put_part("bucket", "k", upload, 1, writer, etag)
        return etag

    store.create_bucket("bucket")
    upload = store.create_upload("bucket", "k", {})
    etag = put(b"first")
    with pytest.raises(modules("errors").S3Error, match="InvalidPart"):
        store.complete_upload("bucket", "k", upload, [(1, etag)], lambda info: None)
    assert store.info("bucket", "k") is None
    assert not list((tmp_path / "temporary").iterdir())


def test_uploads_that_are_aborted(client: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    upload = client.create_multipart_upload(**place)["UploadId"]
    tags = [
        client.upload_part(**place, UploadId=upload, PartNumber=n, Body=b"x")["ETag"]
        for n in (1, 2)
    ]
    wanted = [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]
    answer = code_of(
        client.complete_multipart_upload,
        **place, UploadId=upload, MultipartUpload={"Parts": wanted},
    )  # fmt: skip
    assert answer == ("EntityTooSmall", 400)
    other = {**place, "Key": "other"}
    assert code_of(client.list_parts, **other, UploadId=upload) == ("NoSuchUpload", 404)
    client.abort_multipart_upload(**place, UploadId=upload)
    for call in (client.list_parts, client.abort_multipart_upload):
        assert code_of(call, **place, UploadId=upload) == ("NoSuchUpload", 404)
    answer = code_of(client.upload_part, **place, UploadId=upload, PartNumber=1, Body=b"x")
    assert answer == ("NoSuchUpload", 404)
    answer = code_of(client.upload_part, **place, UploadId=upload, PartNumber=10001, Body=b"x")
    assert answer == ("InvalidArgument", 400)
    client.delete_bucket(Bucket=bucket)


def test_parts_of_other_objects(client: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    client.put_object(**place, Body=b"0123456789")
    upload = client.create_multipart_upload(**place)["UploadId"]
    part = {**place, "UploadId": upload, "PartNumber": 1, "CopySource": place}
    for span, code in (
        ("bytes=0-", None),
        ("2-3", "InvalidArgument"),
        ("bytes=99-", "InvalidRange"),
    ):
        if code is None:
            client.upload_part_copy(**part, CopySourceRange=span)
        else:
            assert code_of(client.upload_part_copy, **part, CopySourceRange=span)[0] == code
    client.abort_multipart_upload(**place, UploadId=upload)


def test_large_bodies_take_little_memory(client: Any, service: Service, bucket: str) -> None:
    def peak() -> int:
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    client.put_object(Bucket=bucket, Key="small", Body=b"x")
    before = peak()
    size = 64 * MIB
    client.put_object(Bucket=bucket, Key="large", Body=bytes(size))
    got = client.get_object(Bucket=bucket, Key="large")["Body"]
    assert sum(map(len, got.iter_chunks(MIB))) == size
    assert peak() - before < 24 * 1024  # in KiB


def test_who_leaves_in_the_middle_leaves_nothing(
    client: Any, service: Service, bucket: str
) -> None:
    client.put_object(Bucket=bucket, Key="k", Body=b"old")
    request = AWSRequest("PUT", f"{service.endpoint}/{bucket}/k", data=b"x" * 100_000)
    S3SigV4Auth(Credentials(service.key, service.secret), "s3", "x").add_auth(request)
    fields = {**dict(request.headers), "Content-Length": "100000", "Expect": "100-continue"}
    fields["Host"] = f"127.0.0.1:{service.port}"
    lines = [f"PUT /{bucket}/k HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"x" * 50_000)
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"old"


# -- signatures


def test_wrong_keys(service: Service, client: Any) -> None:
    for key, secret, code in (
        ("NOBODY", "", "InvalidAccessKeyId"),
        ("", "wrong" * 8, "SignatureDoesNotMatch"),
    ):
        other = service.client(key, secret)
        assert code_of(other.list_buckets) == (code, 403)
        assert code_of(other.put_object, Bucket="bucket", Key="k", Body=b"x" * MIB) == (code, 403)
        other.close()
    assert urllib.request.Request(service.endpoint)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(service.endpoint + "/bucket/k")
    assert caught.value.code == 403 and b"AccessDenied" in caught.value.read()
    caught.value.close()


def set_header(name: str, value: str) -> Callable[[AWSRequest], None]:
    def change(request: AWSRequest) -> None:
        del request.headers[name]
        request.headers[name] = value

    return change


def replace_in_authorization(old: str, new: str) -> Callable[[AWSRequest], None]:
    def change(request: AWSRequest) -> None:
        text = request.headers["Authorization"]
        assert old in text
        set_header("Authorization", text.replace(old, new))(request)

    return change


def set_body(request: AWSRequest) -> None:
    request.data = b"other"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (set_header("X-Amz-Date", "20200101T000000Z"), 400, b"AuthorizationHeaderMalformed"),
        (set_header("X-Amz-Content-SHA256", "0" * 64), 403, b"SignatureDoesNotMatch"),
        (set_header("X-Amz-Content-SHA256", ""), 400, b"InvalidRequest"),
        (set_header("X-Amz-Meta-Added", "later"), 403, b"AccessDenied"),
        (set_header("X-Amz-Copy-Source", "/bucket/secret"), 403, b"AccessDenied"),
        (set_header("Authorization", "Basic YTpi"), 400, b"AuthorizationHeaderMalformed"),
        (set_header("Authorization", "AWS4-HMAC-SHA256 x"), 400, b"AuthorizationHeaderMalformed"),
        (replace_in_authorization("/s3/", "/ec2/"), 400, b"AuthorizationHeaderMalformed"),
        (replace_in_authorization("eu-central-1", "x"), 403, b"SignatureDoesNotMatch"),
        (replace_in_authorization("Signature=", "Signature=x"), 400, b"AuthorizationHeaderMal"),
        (replace_in_authorization("host;", ""), 403, b"SignatureDoesNotMatch"),
        (set_body, 400, b"XAmzContentSHA256Mismatch"),
    ],
)
def test_requests_that_were_changed(
    service: Service, client: Any, change: Any, status: int, code: bytes
) -> None:
    answer = service.raw("PUT", "/bucket/changed", b"hello", change=change)
    assert answer[0] == status and code in answer[1], answer
    assert code_of(client.head_object, Bucket="bucket", Key="changed")[1] == 404


def test_presigned_urls(service: Service, client: Any, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "ä b"}
    old = service.client(signature_version="s3v4")

    def sign(method: str, **more: Any) -> str:
        return str(old.generate_presigned_url(method, Params={**place, **more}, ExpiresIn=60))

    request = urllib.request.Request(sign("put_object"), b"Hello", method="PUT")
    urllib.request.urlopen(request).close()
    with urllib.request.urlopen(sign("get_object", ResponseContentType="text/x")) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"Hello", "text/x")
    good = sign("get_object")
    for wrong, code in (
        (good.replace("%20b", "%20c"), b"SignatureDoesNotMatch"),
        (good + "&response-content-type=text/html", b"SignatureDoesNotMatch"),
        (good.replace("Expires=60", "Expires=61"), b"SignatureDoesNotMatch"),
        (good.replace("Expires=60", "Expires=9999999"), b"AuthorizationQueryParametersError"),
        (good.replace("X-Amz-Date=", "X-Amz-Dat="), b"AuthorizationQueryParametersError"),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(wrong)
        assert code in caught.value.read()
        caught.value.close()
    old.close()


# -- the rules, by themselves: Amazon's examples and made-up bodies

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SCOPE = "20130524/us-east-1/s3/aws4_request"
THEN = datetime(2013, 5, 24, tzinfo=UTC)
EMPTY = hashlib.sha256().hexdigest()


def example(modules: Any, method: str, path: str, headers: dict[str, str], signature: str) -> Any:
    """A request of the documentation, and its claim."""
    names = ";".join(sorted(headers))
    given = {
        **{name: [value] for name, value in headers.items()},
        "authorization": [
            f"AWS4-HMAC-SHA256 Credential={KEY}/{SCOPE},SignedHeaders={names},Signature={signature}"
        ],
    }
    path, _, query = path.partition("?")
    request = modules("signature").Signed(method, path, query, given)
    return request, modules("signature").read_claim(request)


HOST = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z"}
EXAMPLES = [
    ("GET", "/test.txt", {**HOST, "range": "bytes=0-9", "x-amz-content-sha256": EMPTY},
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
    ("GET", "/?lifecycle", {**HOST, "x-amz-content-sha256": EMPTY},
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ("GET", "/?max-keys=2&prefix=J", {**HOST, "x-amz-content-sha256": EMPTY},
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers", "signature"), EXAMPLES)
def test_amazons_examples(
    modules: Any, method: str, path: str, headers: Any, signature: str
) -> None:
    request, claim = example(modules, method, path, headers, signature)
    verify, error = modules("signature").verify, modules("errors").S3Error
    verify(request, claim, SECRET, THEN)
    verify(request, claim, SECRET, THEN + timedelta(minutes=15))
    for minutes in (16, -16):
        with pytest.raises(error, match="RequestTimeTooSkewed"):
            verify(request, claim, SECRET, THEN + timedelta(minutes=minutes))
    with pytest.raises(error, match="SignatureDoesNotMatch"):
        verify(request, claim, SECRET + "x", THEN)


def test_the_presigned_example(modules: Any) -> None:
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
        "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
        "&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    rules, error = modules("signature"), modules("errors").S3Error
    request = rules.Signed("GET", "/test.txt", query, {"host": [HOST["host"]]})
    claim = rules.read_claim(request)
    rules.verify(request, claim, SECRET, THEN + timedelta(days=1))
    for when, said in ((timedelta(days=1, seconds=1), "expired"), (timedelta(hours=-1), "not yet")):
        with pytest.raises(error, match=said):
            rules.verify(request, claim, SECRET, THEN + when)


SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
CHUNKS = [
    (b"a" * 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (b"a" * 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
]


def chunked(modules: Any, length: int = 66560) -> Any:
    """The reader of the documentation's example of a body that is signed in chunks."""
    headers = {
        "host": "s3.amazonaws.com",
        "content-encoding": "aws-chunked",
        "content-length": "66824",
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-date": "20130524T000000Z",
        "x-amz-decoded-content-length": "66560",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    request, claim = example(modules, "PUT", "/examplebucket/chunkObject.txt", headers, SEED)
    key = modules("signature").verify(request, claim, SECRET, THEN)
    return modules("bodies").ChunkedBody(modules("signature").ChunkSigner(key, claim), length)


SENT = b"".join(
    b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), signature.encode(), data)
    for data, signature in CHUNKS
)


@given(st.lists(st.integers(0, len(SENT)), max_size=4))
def test_chunks_with_signatures_cut_anywhere(modules: Any, cuts: list[int]) -> None:
    body = chunked(modules)
    edges = [0, *sorted(cuts), len(SENT)]
    pieces = [SENT[a:b] for a, b in itertools.pairwise(edges)]
    assert b"".join(p for piece in pieces for p in body.feed(piece)) == b"a" * 66560
    body.finish()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (SENT.replace(b"aaa", b"aba", 1), "SignatureDoesNotMatch"),
        (SENT.replace(b"ad80", b"ad81"), "SignatureDoesNotMatch"),
        (SENT.replace(b"b6c6", b"b6c7"), "SignatureDoesNotMatch"),
        (SENT.replace(b";chunk-signature=ad80", b";x=ad80"), "IncompleteBody"),
        (SENT.replace(b"10000;", b"ffffffff;"), "IncompleteBody"),
        (SENT.replace(b"\r\n400;", b"\r\nx400;"), "IncompleteBody"),
        (SENT.replace(b"a\r\n400;", b"ab\r\n400;"), "IncompleteBody"),
        (SENT[:-2], "IncompleteBody"),
        (SENT + b"x", "IncompleteBody"),
        (SENT + b"\r\n", "IncompleteBody"),
        (SENT[: 65536 + 100], "IncompleteBody"),
        (b"0" * 2000, "IncompleteBody"),
        (SENT[:-2] + b"a-b:c\r\n\r\n", "SignatureDoesNotMatch"),
        (SENT[:-2] + b"A b\r\n\r\n", "IncompleteBody"),
        (SENT[:-2] + b"a:b\r\n" * 20, "IncompleteBody"),
    ],
)
def test_chunks_that_are_wrong(modules: Any, sent: bytes, code: str) -> None:
    body = chunked(modules)
    with pytest.raises(modules("errors").S3Error, match=code):
        list(body.feed(sent))
        body.finish()


class Counted(bytes):
    """Counts the bytes that are copied out of it."""

    copied = 0

    def __radd__(self, other: bytes) -> Counted:
        return Counted(bytes(other) + bytes(self))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return self._copy(found) if isinstance(found, bytes) else found

    def partition(self, sep: Any) -> Any:
        return tuple(map(self._copy, super().partition(sep)))

    def _copy(self, piece: bytes) -> Counted:
        Counted.copied += len(piece)
        return Counted(piece)


def test_class_3_tiny_chunks_take_linear_time(modules: Any) -> None:
    count = 2000
    sent = Counted(b"1\r\nx\r\n" * count + b"0\r\n\r\n")
    body = modules("bodies").ChunkedBody(None, count)
    Counted.copied = 0
    assert b"".join(body.feed(sent)) == b"x" * count
    body.finish()
    assert Counted.copied < 2 * len(sent)


def test_a_signed_trailer(modules: Any) -> None:
    rules = modules("signature")
    body = chunked(modules)
    claim = body._signer._claim
    text = "x-amz-checksum-crc32:AAAAAA==\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    key = rules.signing_key(SECRET, SCOPE)
    signature = rules.sign(
        key, "AWS4-HMAC-SHA256-TRAILER", claim.timestamp, SCOPE, CHUNKS[2][1], digest
    )
    trailer = f"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:{signature}\r\n\r\n"
    list(body.feed(SENT[:-2] + trailer.encode()))
    body.finish()
    assert body.trailers == {"x-amz-checksum-crc32": "AAAAAA=="}


@given(st.lists(st.text(max_size=300), max_size=8))
def test_names_of_files_and_keys(modules: Any, keys: list[str]) -> None:
    store = modules("store")
    for key in keys:
        if not key.isprintable() and any(0xD800 <= ord(char) < 0xE000 for char in key):
            continue
        name = store.file_name(key)
        assert store.key_of(name) == key
        assert not set(name) & set("./\\\0+ABCDEF")


def test_xml_that_is_refused(service: Service, client: Any) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Delete><Object><Key>&a;</Key></Object></Delete>'
    for body in (bomb, b"", b"<Delete>", b"<Other/>", b"<Delete/>", b"\xff"):
        status, answer, _ = service.raw("POST", "/bucket?delete", body)
        assert status == 400 and b"MalformedXML" in answer
    status, answer, _ = service.raw("POST", "/bucket?delete", b" " * (3 * MIB))
    assert status == 400 and b"EntityTooLarge" in answer


def test_methods_and_queries_of_no_use(service: Service, client: Any) -> None:
    for method, path, status in (
        ("POST", "/bucket", 501),
        ("POST", "/bucket/k", 501),
        ("PUT", "/bucket?versioning", 501),
        ("PATCH", "/bucket/k", 405),
        ("DELETE", "/", 405),
        ("PUT", "/bucket/k?uploadId=x&partNumber=x", 400),
        ("GET", "/bucket?prefix=%FF", 400),
        ("GET", "/bucket/k?response-content-type=%FF", 400),
    ):
        answer = service.raw(method, path)
        assert answer[0] == status and answer[1].startswith(b"<?xml"), answer


def test_the_keys_are_kept_from_others(service: Service, modules: Any, tmp_path: Path) -> None:
    assert (service.data / "keys.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "keys.json").write_text("[]")
    with pytest.raises(ValueError, match="must hold an object"):
        modules("application").load_keys(tmp_path / "keys.json")
