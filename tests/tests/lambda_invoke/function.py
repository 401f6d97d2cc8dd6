"""Answers jobs as its user parameters say, as functions of CodePipeline do."""
import json
import os
import urllib.request


def answer(operation, body):
    request = urllib.request.Request(
        os.environ["ANSWERS"],
        data=json.dumps(body).encode(),
        headers={
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "CodePipeline_20150709." + operation,
        },
    )
    urllib.request.urlopen(request).read()


def handler(event, context):
    job = event["CodePipeline.job"]
    data = job["data"]
    wanted = data["actionConfiguration"]["configuration"]["UserParameters"]
    if wanted == "fail":
        failure = {"type": "JobFailed", "message": "the smoke test failed"}
        answer("PutJobFailureResult", {"jobId": job["id"], "failureDetails": failure})
    elif wanted == "continue" and "continuationToken" not in data:
        answer("PutJobSuccessResult", {"jobId": job["id"], "continuationToken": "half-way"})
    else:
        result = {
            "jobId": job["id"],
            "executionDetails": {"summary": "answered", "percentComplete": 100},
            "outputVariables": {"Event": json.dumps(event)},
        }
        answer("PutJobSuccessResult", result)
