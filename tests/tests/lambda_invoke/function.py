"""Answers jobs as its user parameters say, as functions of CodePipeline do."""
import io
import json
import os
import urllib.request
import zipfile

import boto3


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


def hand_on(data):
    """Puts what it reads of the input artifact, under another name, as each output artifact."""
    given = data["artifactCredentials"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=given["accessKeyId"],
        aws_secret_access_key=given["secretAccessKey"],
        aws_session_token=given["sessionToken"],
    )
    place = data["inputArtifacts"][0]["location"]["s3Location"]
    read = s3.get_object(Bucket=place["bucketName"], Key=place["objectKey"])["Body"].read()
    for artifact in data["outputArtifacts"]:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr(artifact["name"] + ".txt", read)
        place = artifact["location"]["s3Location"]
        s3.put_object(Bucket=place["bucketName"], Key=place["objectKey"], Body=made.getvalue())


def handler(event, context):
    job = event["CodePipeline.job"]
    data = job["data"]
    wanted = data["actionConfiguration"]["configuration"]["UserParameters"]
    if wanted == "hand on":
        hand_on(data)
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
