"""The `aws codepipeline` command line against the server. Usage: command_line.py ENDPOINT"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from client import eventually
from operations import definition

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
    "PATH": os.environ.get("PATH", ""),
}


def aws(endpoint, *arguments, code=0):
    program = Path(sys.executable).with_name("aws")
    command = [sys.executable, str(program), "codepipeline", *arguments, "--endpoint-url", endpoint, "--output", "json"]
    ended = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == code, f"{arguments} ended with {ended.returncode}: {ended.stderr}"
    if code:
        return ended.stderr
    return json.loads(ended.stdout) if ended.stdout.strip() else None


def main(endpoint):
    name = "clients-aws"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"pipeline": definition(name)}, file)
        file.flush()
        made = aws(endpoint, "create-pipeline", "--cli-input-json", f"file://{file.name}")
    assert made["pipeline"]["version"] == 1, made
    assert name in [one["name"] for one in aws(endpoint, "list-pipelines")["pipelines"]]

    execution = aws(endpoint, "start-pipeline-execution", "--name", name, "--variables", "name=OUTCOME,value=good")["pipelineExecutionId"]

    def token():
        stages = aws(endpoint, "get-pipeline-state", "--name", name)["stageStates"]
        return stages[2]["actionStates"][0].get("latestExecution", {}).get("token")

    aws(endpoint, "put-approval-result", "--pipeline-name", name, "--stage-name", "Release", "--action-name", "Ask",
        "--token", eventually("an approval", token), "--result", "summary=fine,status=Approved")

    def succeeded():
        named = ("--pipeline-name", name, "--pipeline-execution-id", execution)
        return aws(endpoint, "get-pipeline-execution", *named)["pipelineExecution"]["status"] == "Succeeded"

    eventually("the success", succeeded)
    listed = aws(endpoint, "list-action-executions", "--pipeline-name", name, "--max-items", "2")
    assert len(listed["actionExecutionDetails"]) == 2 and listed["NextToken"], listed
    said = aws(endpoint, "get-pipeline", "--name", "nobody-made-this", code=255)
    assert "(PipelineNotFoundException)" in said, said
    assert aws(endpoint, "delete-pipeline", "--name", name) is None
    print("the aws command line: as it is used")


if __name__ == "__main__":
    main(sys.argv[1])
