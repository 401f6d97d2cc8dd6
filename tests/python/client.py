"""A CodePipeline client of a Penstock server in either protocol of the API's model."""

import itertools
import json
import time
from pathlib import Path

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import Loader

PROTOCOLS = {"json": "json", "cbor": "smithy-rpc-v2-cbor"}
DEADLINE = 60  # seconds until something that never happens is called missing


class OneProtocol(Loader):
    """Loads the service's model as if it offered one protocol only."""

    def __init__(self, protocol):
        super().__init__(extra_search_paths=[str(Path(botocore.__file__).parent / "data")])
        self.protocol = protocol

    def load_service_model(self, service_name, type_name, api_version=None):
        model = super().load_service_model(service_name, type_name, api_version)
        if service_name == "codepipeline" and type_name == "service-2":
            metadata = {**model["metadata"], "protocol": self.protocol, "protocols": [self.protocol]}
            return {**model, "metadata": metadata}
        return model


def connect(endpoint, protocol):
    """A client of the server at `endpoint` that speaks `protocol`, `json` or `cbor`, and nothing else."""
    session = botocore.session.get_session()
    session.register_component("data_loader", OneProtocol(PROTOCOLS[protocol]))
    spoken = []
    client = boto3.Session(botocore_session=session).client(
        "codepipeline",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    client.meta.events.register("before-send.codepipeline", lambda request, **_: spoken.append(request.url))
    client.spoken = spoken
    return client


def refused(code, call, **members):
    """Expects `call` to end with the modelled exception `code`."""
    try:
        answer = call(**members)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"{found} instead of {code}: {error}"
        assert error.response["Error"]["Message"], f"{code} without a message"
        assert error.response["ResponseMetadata"]["RequestId"], f"{code} without a request id"
        return error
    raise AssertionError(f"expected {code}, got {json.dumps(answer, default=str)}")


def eventually(what, look):
    """What `look` returns as soon as it is true."""
    end = time.monotonic() + DEADLINE
    for _ in itertools.count():
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not happen within {DEADLINE} s"
        time.sleep(0.02)
