"""What a signer does not see: how requests and answers go over the connection."""

import hashlib
import hmac
import http.client
import socket
import ssl
from pathlib import Path
from typing import BinaryIO

import pytest
from cryptography import x509

from contract.client import PICTURE, Answer, Client
from contract.s3.bucket import UNSIGNED, Bucket, code_of, head_of
from limner.api.s3.signature import Authorization, RequestHead, SignatureChain, read_authorization, verify
from serving import Served, serving

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def read(connection: socket.socket) -> Answer:
    """The next answer on this connection."""
    response = http.client.HTTPResponse(connection, method="PUT")
    response.begin()
    return Answer(response.status, response.headers, response.read())


def status_line(answers: BinaryIO) -> bytes:
    line = answers.readline()
    while answers.readline().strip():
        pass
    return line


def test_a_client_that_waits_to_be_asked_is_asked(bucket: Bucket) -> None:
    headers = bucket.signed("PUT", bucket.path, {}, UNSIGNED)
    headers |= {"Content-Length": str(len(PICTURE)), "Expect": "100-continue"}

    with bucket.connected() as (connection, answers):
        connection.sendall(head_of("PUT", bucket.path, headers))
        asked = status_line(answers)
        connection.sendall(PICTURE)
        done = status_line(answers)

    assert asked == b"HTTP/1.1 100 Continue\r\n"
    assert done == b"HTTP/1.1 200 OK\r\n"


def test_a_client_that_waits_and_may_not_is_not_asked(bucket: Bucket) -> None:
    headers = bucket.but(secret_key="x" * 40).signed("PUT", bucket.path, {}, UNSIGNED)
    headers |= {"Content-Length": str(len(PICTURE)), "Expect": "100-continue"}

    with bucket.connected() as (connection, answers):
        connection.sendall(head_of("PUT", bucket.path, headers))
        answer = answers.read()

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"connection: close" in answer


def test_a_connection_is_good_for_more_after_a_refusal(bucket: Bucket) -> None:
    refused = bucket.but(secret_key="x" * 40).signed("PUT", bucket.path, {}, UNSIGNED)
    taken = bucket.signed("PUT", bucket.path, {}, UNSIGNED)
    length = {"Content-Length": str(len(PICTURE))}

    with bucket.connected() as (connection, _):
        connection.sendall(head_of("PUT", bucket.path, refused | length) + PICTURE)
        first = read(connection)
        connection.sendall(head_of("PUT", bucket.path, taken | length) + PICTURE)
        second = read(connection)

    assert code_of(first) == (403, "SignatureDoesNotMatch")
    assert second.status == 200


@pytest.mark.parametrize("changed", [False, True], ids=["genuine", "changed"])
def test_frames_that_are_signed_one_by_one(bucket: Bucket, changed: bool) -> None:  # noqa: FBT001
    headers = {"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(PICTURE))}
    signed = bucket.signed("PUT", bucket.path, headers, SIGNED)
    body = in_signed_frames(bucket, signed, PICTURE)
    sent = body.replace(b"IEND", b"IENX") if changed else body

    answer = bucket.client.call("PUT", bucket.path, sent, signed, auth=False)

    if changed:
        assert code_of(answer) == (403, "SignatureDoesNotMatch")
    else:
        assert answer.headers["ETag"] == f'"{hashlib.md5(PICTURE, usedforsecurity=False).hexdigest()}"'


def in_signed_frames(bucket: Bucket, signed: dict[str, str], content: bytes) -> bytes:
    head = RequestHead("PUT", bucket.path, "", [(name.lower(), value) for name, value in signed.items()])
    authorization: Authorization = read_authorization(head)
    chain = verify(head, authorization, bucket.secret_key)
    return b"".join(_frame(chain, data) for data in (content, b""))


def _frame(chain: SignatureChain, data: bytes) -> bytes:
    digests = hashlib.sha256(b"").hexdigest(), hashlib.sha256(data).hexdigest()
    said = "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", chain.at, chain.scope, chain.previous, *digests))
    chain.previous = hmac.digest(chain.key, said.encode(), "sha256").hex()
    return b"%x;chunk-signature=%b\r\n%b\r\n" % (len(data), chain.previous.encode(), data)


def test_every_answer_has_its_id(bucket: Bucket) -> None:
    answer = bucket.request(body=PICTURE)

    assert answer.headers["x-amz-request-id"] == answer.headers["X-Tripo-Trace-ID"]


def test_links_to_pictures_are_https_too(secured: Served, client: Client) -> None:
    task = client.done()

    link = task["output"]["generated_image"]
    assert link.startswith(f"{secured.url}/files/")
    assert secured.url.startswith("https://")
    assert client.get(link, auth=False).status == 200


# --- the operator's certificate -----------------------------------------------------------------------------------


def test_the_operator_s_certificate_is_served(secured: Served, authority: str, tmp_path: Path) -> None:
    folder = secured.data / "tls"
    arguments = ("--api-only", "--tls-cert", str(folder / "server.pem"), "--tls-key", str(folder / "server.key"))
    with serving(tmp_path / "data", *arguments) as server:
        client = Client(server.url, server.key, ssl.create_default_context(cafile=authority))
        answer = client.get("/healthz")
        shown = ssl.get_server_certificate(("127.0.0.1", int(server.url.rpartition(":")[2])))

    assert answer.status == 200
    certificate = x509.load_pem_x509_certificate(shown.encode())
    assert certificate == x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    assert not (server.data / "tls").exists()
