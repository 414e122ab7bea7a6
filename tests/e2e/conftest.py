import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402


@pytest.fixture
def grpc_backend():
    backend = harness.GrpcBackend()
    yield backend
    backend.close()


@pytest.fixture
def http_backend():
    backend = harness.HttpBackend()
    yield backend
    backend.close()


@pytest.fixture
def gateway(tmp_path):
    """Starts gateways that are stopped (and must exit 0) at the end of the test."""
    running = []

    def start(exporters, **shape):
        folder = tmp_path / f"gateway{len(running)}"
        folder.mkdir()
        running.append(harness.Gateway(folder, exporters, **shape))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def otlp_grpc(backend, **more):
    return {"endpoint": backend.endpoint, "tls": {"insecure": True}, "compression": "none", **more}


def otlp_http(backend, **more):
    return {"endpoint": backend.endpoint, "compression": "none", **more}
