"""Bad input is normal input: each case is answered as the protocol says, the process stays up, memory goes back to where it
was, and a good client beside the bad one notices nothing."""
import gzip
import os
import socket
import struct
import threading
import time

import grpc
import h2.config
import h2.connection
import h2.events
import h2.exceptions
import harness
import pytest
from conftest import otlp_grpc
from harness import GRPC_PATH, encode, grpc_call, http_post, sample, total

LOGS = GRPC_PATH["logs"]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """One gateway for all cases: what one case leaves behind, the next would meet."""
    backend = harness.GrpcBackend()
    gateway = harness.Gateway(tmp_path_factory.mktemp("bad"), {"otlp_grpc": otlp_grpc(backend)},
                              grpc={"max_recv_msg_size_mib": 1}, http={"max_request_body_size": 1 << 20},
                              receiver={"max_inflated_size": 4 << 20})
    gateway.backend = backend
    yield gateway
    gateway.stop()
    backend.close()


@pytest.fixture(autouse=True)
def nothing_breaks(target):
    """Around every case: a good client is served, and payload memory returns to its baseline."""
    assert http_post(target.http, "/v1/logs", sample("logs", 1, "before"))[0] == 200
    yield
    assert target.process.poll() is None, target.output()
    assert http_post(target.http, "/v1/logs", sample("logs", 1, "after"))[0] == 200
    assert grpc_call(target.grpc, "logs", sample("logs", 1, "after")) == b""
    harness.wait_until(lambda: total(target.metrics(), "sluice_memory_payload_bytes") <= 40 << 20, 10, "memory is back")


def status_of(body):
    """google.rpc.Status of an HTTP error body: {1: code, 2: message}; hand-decoded, the class is not in our packages."""
    fields, at = {}, 0
    while at < len(body):
        tag = body[at]
        at += 1
        if tag & 7 == 0:
            fields[tag >> 3] = body[at]
            at += 1
        else:
            size = body[at]
            at += 1
            fields[tag >> 3] = body[at:at + size]
            at += size
    return fields


def refused(call, code):
    with pytest.raises(grpc.RpcError) as error:
        call()
    assert error.value.code() == code, error.value
    return error.value


# --- bodies ---------------------------------------------------------------------------------------------------------

BROKEN = {
    "truncated": sample("logs", 3)[:-40],
    "length beyond parent": bytes.fromhex("0a7f0a00"),
    "wire type 7": bytes.fromhex("0f"),
    "field 0": bytes.fromhex("0000"),
    "endless varint": b"\x0a" + b"\xff" * 11,
    "text": b"hello, world",
}


@pytest.mark.parametrize("name", BROKEN)
def test_malformed_protobuf(target, name):
    status, headers, body = http_post(target.http, "/v1/logs", BROKEN[name])
    assert status == 400
    assert headers["content-type"] == "application/x-protobuf"
    assert status_of(body)[2], "an error says why"
    refused(lambda: grpc_call(target.grpc, "logs", BROKEN[name]), grpc.StatusCode.INVALID_ARGUMENT)


def test_every_truncation_of_a_request_is_refused_or_a_shorter_request(target):
    body = harness.REQUEST["logs"]()
    body.resource_logs.add().scope_logs.add().log_records.add(severity_text="x")
    raw = body.SerializeToString()
    for cut in range(1, len(raw)):
        assert http_post(target.http, "/v1/logs", raw[:cut])[0] == 400


def test_empty_requests_succeed(target):
    assert http_post(target.http, "/v1/logs", b"")[::2] == (200, b"")
    assert grpc_call(target.grpc, "logs", b"") == b""


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/grpc-web", ""])
def test_wrong_content_type(target, content_type):
    status, _, body = http_post(target.http, "/v1/logs", b"{}", {"Content-Type": content_type})
    assert status == 415
    assert body


@pytest.mark.parametrize("content_type", ["application/x-protobuf; charset=utf-8", "APPLICATION/X-PROTOBUF"])
def test_content_type_is_a_media_type(target, content_type):
    status, headers, _ = http_post(target.http, "/v1/logs", b"", {"Content-Type": content_type})
    assert status == 200
    assert headers["content-type"] == "application/x-protobuf"


def test_wrong_path_and_method(target):
    assert http_post(target.http, "/v1/nothing", b"")[0] == 404
    refused(lambda: grpc_call(target.grpc, "/no.such.Service/Export", b""), grpc.StatusCode.UNIMPLEMENTED)
    answer = raw_http(target.http, b"GET /v1/logs HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405") and b"\r\nallow: post\r\n" in answer.lower()


def test_too_large_before_inflation(target):
    big = os.urandom(3 << 20)
    status, _, _ = raw_or_status(target.http, "/v1/logs", big)
    assert status == 413
    error = refused(lambda: grpc_call(target.grpc, "logs", big), grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert not error.trailing_metadata() or "grpc-status-details-bin" not in dict(error.trailing_metadata())


def raw_or_status(port, path, body):
    """http_post, for answers that come before the body is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n".encode())
        time.sleep(0.1)
        answer = s.recv(65536)
    return int(answer.split()[1]), {}, answer


def unknown_field(size):
    """Legal protobuf: one field that no schema knows, of `size` zeros."""
    length, varint = size, b""
    while length > 127:
        varint += bytes([length & 127 | 128])
        length >>= 7
    return b"\x7a" + varint + bytes([length]) + b"\0" * size


@pytest.mark.parametrize("coding", ["gzip", "zstd", "snappy", "deflate"])
def test_bombs_stop_at_the_limit(target, coding):
    bomb = encode(unknown_field(64 << 20), coding)
    if len(bomb) > 1 << 20:  # snappy cannot do better than 1:21
        bomb = encode(unknown_field(16 << 20), coding)
    start = time.monotonic()
    status, _, _ = http_post(target.http, "/v1/logs", bomb, {"Content-Encoding": coding})
    assert status == 413
    assert time.monotonic() - start < 2
    if coding == "gzip":
        refused(lambda: grpc_call(target.grpc, "logs", unknown_field(64 << 20), compression=grpc.Compression.Gzip),
                grpc.StatusCode.RESOURCE_EXHAUSTED)


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1:]


GOOD_GZIP = gzip.compress(sample("logs", 50))
BAD_GZIP = {
    "not gzip": b"\x00" * 100,
    "cut in the header": GOOD_GZIP[:5],
    "cut in the middle": GOOD_GZIP[: len(GOOD_GZIP) // 2],
    "cut before the trailer": GOOD_GZIP[:-8],
    "cut in the trailer": GOOD_GZIP[:-1],
    "wrong checksum": flip(GOOD_GZIP, len(GOOD_GZIP) - 8),
    "wrong size": flip(GOOD_GZIP, len(GOOD_GZIP) - 1),
    "garbage behind": GOOD_GZIP + b"garbage",
    "flipped bit": flip(GOOD_GZIP, 30),
}


@pytest.mark.parametrize("name", BAD_GZIP)
def test_wrong_gzip(target, name):
    assert http_post(target.http, "/v1/logs", BAD_GZIP[name], {"Content-Encoding": "gzip"})[0] == 400


def test_unknown_coding(target):
    status, headers, _ = http_post(target.http, "/v1/logs", b"x", {"Content-Encoding": "br"})
    assert status == 415 and "gzip" in headers["accept-encoding"]


# --- HTTP/1.1 -------------------------------------------------------------------------------------------------------


def raw_http(port, data, timeout=5):
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        s.sendall(data)
        got = b""
        while True:
            try:
                piece = s.recv(65536)
            except (socket.timeout, ConnectionResetError):
                break
            if not piece:
                break
            got += piece
            if b"\r\n\r\n" in got:
                break
        return got


SMUGGLING = {
    "two lengths": b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "length and chunked": b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n",
    "folded field": b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
    "negative length": b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "huge length": b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "other version": b"POST /v1/logs HTTP/9.9\r\nHost: x\r\n\r\n",
    "bad chunk size": b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                      b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_ambiguous_http_heads_are_refused(target, name):
    answer = raw_http(target.http, SMUGGLING[name])
    assert answer[:9] == b"HTTP/1.1 " and 400 <= int(answer[9:12]) < 600, answer


def test_oversized_head(target):
    answer = raw_http(target.http, b"POST /v1/logs HTTP/1.1\r\nHost: x\r\n" + b"X-Pad: " + b"a" * 100_000)
    assert b" 431 " in answer.split(b"\r\n")[0] or answer == b""


def test_garbage_on_the_ports(target):
    for port in (target.http, target.grpc):
        for garbage in (os.urandom(500), b"\0" * 1000, b"SSH-2.0-OpenSSH_9.2\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"):
            raw_http(port, garbage)


def test_tls_hello_on_a_plain_port(target):
    import ssl
    for port in (target.http, target.grpc):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
                context.wrap_socket(s, server_hostname="x")


def test_http1_on_a_grpc_port_is_told_so(target):
    answer = raw_http(target.grpc, b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4")


def test_half_closed_and_reset_connections(target):
    head = (b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 500000\r\n\r\n")
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", target.http)) as s:
            s.sendall(head + b"\n" * 300_000)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", target.http), timeout=5) as s:
            s.sendall(head + b"\n" * 1000)
            s.shutdown(socket.SHUT_WR)
            s.recv(1000)
    # A half-close after a whole request still gets its answer.
    body = sample("logs", 1)
    with socket.create_connection(("127.0.0.1", target.http), timeout=5) as s:
        s.sendall(f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        s.shutdown(socket.SHUT_WR)
        assert s.recv(1000).startswith(b"HTTP/1.1 200")


def test_slow_writers_hold_nobody_up(target):
    body = sample("logs", 1)
    head = (f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    slow = [socket.create_connection(("127.0.0.1", target.http)) for _ in range(20)]
    for byte in (head + body)[: len(head) + 3]:
        for s in slow:
            s.send(bytes([byte]))
    start = time.monotonic()
    assert http_post(target.http, "/v1/logs", body)[0] == 200
    assert time.monotonic() - start < 1
    for s in slow:
        s.sendall((head + body)[len(head) + 3:])
        s.settimeout(5)
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
        s.close()


def test_expect_continue_and_upgrade(target):
    body = sample("logs", 1)
    with socket.create_connection(("127.0.0.1", target.http), timeout=5) as s:
        s.sendall(f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nUpgrade: h2c\r\n"
                  f"Connection: Upgrade\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        assert s.recv(1000).startswith(b"HTTP/1.1 100")
        s.sendall(body)
        assert s.recv(1000).startswith(b"HTTP/1.1 200")


# --- HTTP/2 ---------------------------------------------------------------------------------------------------------


class H2:
    """A scripted HTTP/2 peer (python-h2), free to break the rules."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        self.conn.initiate_connection()
        self.flush()
        self.events = []

    def flush(self):
        self.sock.sendall(self.conn.data_to_send())

    def headers(self, path=LOGS, extra=()):
        return [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"), ("te", "trailers"),
                ("content-type", "application/grpc"), *extra]

    def open(self, extra=(), end=False, path=LOGS):
        stream = self.conn.get_next_available_stream_id()
        self.conn.send_headers(stream, self.headers(path, extra), end_stream=end)
        return stream

    def raw(self, kind, flags, stream, payload=b""):
        self.sock.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def read(self, until, timeout=5):
        """Events until one fulfils `until`; None when the connection ends."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for event in self.events:
                if until(event):
                    return event
            try:
                self.sock.settimeout(max(0.01, end - time.monotonic()))
                data = self.sock.recv(65536)
            except (socket.timeout, ConnectionResetError):
                return None
            if not data:
                return None
            self.events += self.conn.receive_data(data)
            self.flush()
        return None

    def status(self, stream, timeout=5):
        def is_end(e):
            return isinstance(e, (h2.events.TrailersReceived, h2.events.ResponseReceived)) and e.stream_id == stream and any(
                n == "grpc-status" for n, _ in e.headers)
        event = self.read(is_end, timeout)
        return (dict(event.headers) if event else None)

    def gone(self, timeout=5):
        """The peer ends the connection (GOAWAY, close or reset)."""
        try:
            return self.read(lambda e: isinstance(e, h2.events.ConnectionTerminated), timeout) is not None or self.closed()
        except (h2.exceptions.ProtocolError, OSError):
            return True

    def closed(self):
        try:
            self.sock.settimeout(0.5)
            return self.sock.recv(1) == b""
        except socket.timeout:
            return False
        except OSError:
            return True

    def close(self):
        self.sock.close()


@pytest.fixture
def peer(target):
    one = H2(target.grpc)
    yield one
    one.close()


def message(body, flag=0):
    return struct.pack(">BI", flag, len(body)) + body


def test_too_large_is_decided_from_the_prefix(peer):
    stream = peer.open()
    peer.conn.send_data(stream, struct.pack(">BI", 0, 512 << 20))  # 5 bytes, and no more
    peer.flush()
    answer = peer.status(stream)
    assert answer["grpc-status"] == "8"
    assert "grpc-status-details-bin" not in answer and "grpc-retry-pushback-ms" not in answer
    assert answer[":status"] == "200", "Trailers-Only: one block of headers"


def test_two_messages_in_a_unary_call(peer):
    body = sample("logs", 1)
    stream = peer.open()
    peer.conn.send_data(stream, message(body) + message(body), end_stream=True)
    peer.flush()
    assert peer.status(stream)["grpc-status"] == "12"


def test_no_message(peer):
    stream = peer.open(end=True)
    peer.flush()
    assert peer.status(stream)["grpc-status"] == "12"


def test_message_cut_short(peer):
    stream = peer.open()
    peer.conn.send_data(stream, message(sample("logs", 1))[:-3], end_stream=True)
    peer.flush()
    assert peer.status(stream)["grpc-status"] in ("3", "13")


def test_compressed_flag_without_coding_and_unknown_coding(peer):
    stream = peer.open()
    peer.conn.send_data(stream, message(b"xx", 1), end_stream=True)
    peer.flush()
    assert peer.status(stream)["grpc-status"] == "13"
    stream = peer.open([("grpc-encoding", "br")])
    peer.conn.send_data(stream, message(b"xx", 1), end_stream=True)
    peer.flush()
    answer = peer.status(stream)
    assert answer["grpc-status"] == "12" and "gzip" in answer["grpc-accept-encoding"]


def test_flag_zero_with_grpc_encoding_is_legal(peer):
    stream = peer.open([("grpc-encoding", "gzip")])
    peer.conn.send_data(stream, message(sample("logs", 2), 0), end_stream=True)
    peer.flush()
    assert peer.status(stream)["grpc-status"] == "0"


def test_one_byte_data_frames(peer):
    data = message(sample("logs", 40))
    stream = peer.open()
    for i, byte in enumerate(data):
        peer.conn.send_data(stream, bytes([byte]), end_stream=i == len(data) - 1)
    peer.flush()
    assert peer.status(stream, 10)["grpc-status"] == "0"


def test_wrong_content_type_over_http2(peer):
    stream = peer.conn.get_next_available_stream_id()
    peer.conn.send_headers(stream, [(":method", "POST"), (":scheme", "http"), (":path", LOGS), (":authority", "x"),
                                    ("content-type", "application/grpc-web")], end_stream=True)
    peer.flush()
    event = peer.read(lambda e: isinstance(e, h2.events.ResponseReceived) and e.stream_id == stream)
    assert dict(event.headers)[":status"] == "415"


def test_bad_timeout(peer):
    stream = peer.open([("grpc-timeout", "soon")])
    peer.conn.send_data(stream, message(sample("logs", 1)), end_stream=True)
    peer.flush()
    event = peer.read(lambda e: isinstance(e, h2.events.ResponseReceived) and e.stream_id == stream)
    headers = dict(event.headers)
    assert headers[":status"] == "400" or headers["grpc-status"] == "13"


def test_oversized_headers_end_the_stream(peer):
    stream = peer.open([(f"x-{i}", "v" * 4000) for i in range(5)], end=True)  # 20 KB, the limit is 16 KiB
    peer.flush()
    event = peer.read(lambda e: isinstance(e, (h2.events.StreamReset, h2.events.ResponseReceived)) and e.stream_id == stream)
    assert event is not None
    if isinstance(event, h2.events.ResponseReceived):
        assert dict(event.headers)[":status"] != "200" or dict(event.headers).get("grpc-status", "0") != "0"
    stream = peer.open()
    peer.conn.send_data(stream, message(sample("logs", 1)), end_stream=True)
    peer.flush()
    assert peer.status(stream)["grpc-status"] == "0", "the connection lives on"


def test_far_too_large_headers_end_the_connection(peer):
    peer.open([(f"x-{i}", "v" * 4000) for i in range(100)], end=True)  # 25 CONTINUATION frames
    peer.flush()
    assert peer.gone()


def test_continuation_flood(target):
    peer = H2(target.grpc)
    try:
        peer.raw(1, 0, 1, b"\x82")  # HEADERS without END_HEADERS
        for _ in range(2000):
            peer.raw(9, 0, 1, b"\x00\x01a\x01b" * 10)
    except OSError:
        pass
    assert peer.closed() or peer.gone()
    peer.close()


@pytest.mark.parametrize("flood", ["settings", "ping", "rapid reset", "empty data", "window update", "priority"])
def test_floods_end_the_connection_or_are_absorbed(target, flood):
    """Without reading a single answer. Either the gateway ends the connection or it stops reading; what it must not do is
    spend memory or hold up others (checked around every test)."""
    peer = H2(target.grpc)
    peer.sock.settimeout(3)
    before = target.rss()
    try:
        if flood == "empty data":
            peer.open()
            peer.flush()
        for i in range(20_000):
            if flood == "settings":
                peer.raw(4, 0, 0)
            elif flood == "ping":
                peer.raw(6, 0, 0, struct.pack(">Q", i))
            elif flood == "empty data":
                peer.raw(0, 0, 1)
            elif flood == "window update":
                peer.raw(8, 0, 0, struct.pack(">I", 1))
            elif flood == "priority":
                peer.raw(2, 0, 2 * i + 3, struct.pack(">IB", 0, 1))
            else:
                stream = peer.open()
                peer.conn.reset_stream(stream, 8)
                peer.flush()
    except (OSError, h2.exceptions.ProtocolError):
        pass
    ended = peer.gone(2)
    if flood in ("ping", "rapid reset", "empty data"):
        assert ended, "this flood must end the connection"
    assert not harness.RSS_COUNTS or target.rss() - before < 32 << 20
    peer.close()


def test_a_stream_that_is_reset_gives_its_memory_back(target):
    for _ in range(20):
        peer = H2(target.grpc)
        for _ in range(3):
            stream = peer.open()
            peer.conn.send_data(stream, struct.pack(">BI", 0, 900_000) + b"\n" * 10_000)
            peer.conn.reset_stream(stream, 8)
        peer.flush()
        # The connection window was given back: a whole message still fits.
        stream = peer.open()
        peer.conn.send_data(stream, message(sample("logs", 2)), end_stream=True)
        peer.flush()
        assert peer.status(stream)["grpc-status"] == "0"
        peer.close()


def test_many_bad_clients_at_once(target):
    def misbehave():
        for _ in range(30):
            try:
                with socket.create_connection(("127.0.0.1", target.grpc), timeout=2) as s:
                    s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(2000))
                    s.recv(100)
            except OSError:
                pass

    threads = [threading.Thread(target=misbehave) for _ in range(8)]
    for t in threads:
        t.start()
    good = 0
    while any(t.is_alive() for t in threads):
        assert grpc_call(target.grpc, "logs", sample("logs", 1)) == b""
        good += 1
    assert good > 0
