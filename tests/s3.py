"""An S3-compatible server on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

# What its clients find in their environment.
KEYS = {"AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": "secret"}


@contextmanager
def s3_server(bucket: str) -> Iterator[str]:
    """Serve an empty bucket; the server's address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client(address).create_bucket(Bucket=bucket)
    try:
        yield address
    finally:
        server.stop()


def client(address: str) -> Any:
    keys = {name.lower(): value for name, value in KEYS.items()}
    return boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)
