"""Calls what its standard input says, a line each: [SERVICE, OPERATION, INPUT], and answers a line each."""

import json
import sys

import boto3

clients = {}
for line in sys.stdin:
    service, operation, given = json.loads(line)
    try:
        if service not in clients:
            clients[service] = boto3.client(service)
        answer = {"answer": getattr(clients[service], operation)(**given)}
    except Exception as error:  # whatever it is, the test that asked is told
        answer = {"error": str(error)}
    print(json.dumps(answer, default=str), flush=True)
