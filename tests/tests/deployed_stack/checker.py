"""Answers a job at the installation that asked, as a function of a team's own does."""
import io
import json
import os
import urllib.request
import zipfile

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest


def answer(operation, body):
    """An operation of CodePipeline, signed for the HTTP API."""
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "CodePipeline_20150709." + operation,
    }
    session = boto3.Session()
    request = AWSRequest("POST", os.environ["PENSTOCK_JOBS"], data=json.dumps(body), headers=headers)
    SigV4Auth(session.get_credentials(), "execute-api", os.environ["AWS_REGION"]).add_auth(request)
    signed = urllib.request.Request(request.url, request.body, dict(request.headers))
    urllib.request.urlopen(signed).read()


def hand_on(data):
    """Puts a report on the input artifact as each output artifact, with the credentials of the job."""
    given = data["artifactCredentials"]
    s3 = boto3.client(
        "s3",
        aws_access_key_id=given["accessKeyId"],
        aws_secret_access_key=given["secretAccessKey"],
        aws_session_token=given["sessionToken"],
    )
    place = data["inputArtifacts"][0]["location"]["s3Location"]
    read = s3.get_object(Bucket=place["bucketName"], Key=place["objectKey"])["Body"].read()
    names = zipfile.ZipFile(io.BytesIO(read)).namelist()
    for artifact in data["outputArtifacts"]:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("report.txt", "checked " + ", ".join(names))
        place = artifact["location"]["s3Location"]
        s3.put_object(Bucket=place["bucketName"], Key=place["objectKey"], Body=made.getvalue())


def handler(event, context):
    job = event["CodePipeline.job"]
    wanted = job["data"]["actionConfiguration"]["configuration"]["UserParameters"]
    if wanted == "fail":
        failure = {"type": "JobFailed", "message": "the smoke test failed"}
        answer("PutJobFailureResult", {"jobId": job["id"], "failureDetails": failure})
    else:
        if job["data"]["outputArtifacts"]:
            hand_on(job["data"])
        location = job["data"]["inputArtifacts"][0]["location"]["s3Location"]
        variables = {"Bucket": location["bucketName"]}
        answer("PutJobSuccessResult", {"jobId": job["id"], "outputVariables": variables})
