"""Every operation that the server has, called as a boto3 user calls it. Usage: operations.py ENDPOINT json|cbor"""

import copy
import datetime
import sys

from client import connect, eventually, refused


def kind(category, provider, owner="AWS"):
    return {"category": category, "owner": owner, "provider": provider, "version": "1"}


def definition(name, mode="SUPERSEDED"):
    """Source, a build that fails if it is asked to, a person, a deployment that only says so."""
    check = 'test "$OUTCOME" = good'
    return {
        "name": name,
        "roleArn": "arn:aws:iam::000000000000:role/release",
        "executionMode": mode,
        "pipelineType": "V2",
        "variables": [{"name": "OUTCOME", "defaultValue": "good"}],
        "stages": [
            {"name": "Source", "actions": [
                {"name": "Checkout", "actionTypeId": kind("Source", "GitHub", "ThirdParty"), "outputArtifacts": [{"name": "Code"}], "namespace": "Source"},
            ]},
            {"name": "Build", "actions": [
                {"name": "Check", "actionTypeId": kind("Compute", "Commands"), "commands": [check, "export SAID=hello"],
                 "environmentVariables": [{"name": "OUTCOME", "value": "#{variables.OUTCOME}"}],
                 "outputVariables": ["SAID"], "namespace": "Build", "inputArtifacts": [{"name": "Code"}]},
            ]},
            {"name": "Release", "actions": [
                {"name": "Ask", "actionTypeId": kind("Approval", "Manual"), "runOrder": 1, "configuration": {"CustomData": "#{Build.SAID}"}},
                {"name": "Announce", "actionTypeId": kind("Compute", "Commands"), "runOrder": 2, "commands": ["echo released"],
                 "inputArtifacts": [{"name": "Code"}]},
            ]},
        ],
    }


def main(endpoint, protocol):
    client = connect(endpoint, protocol)
    name = f"clients-{protocol}"
    definitions(client, name)
    transitions(client, name)
    first = releases(client, name)
    second = fails_and_is_retried(client, name)
    rolls_back(client, name, first, second)
    stops(client, name)
    histories(client, name, first)
    parallel(client, f"{name}-parallel")
    others(client, name)
    deletes(client, [name, f"{name}-parallel"])
    path = "/service/CodePipeline_20150709/operation/" if protocol == "cbor" else "/"
    assert all(url.startswith(endpoint + path) for url in client.spoken), client.spoken[:3]
    print(f"{len(client.spoken)} requests in {protocol}: as the model has it")


def definitions(client, name):
    written = definition(name)
    made = client.create_pipeline(pipeline=written)["pipeline"]
    assert made["version"] == 1 and made["stages"][1]["actions"][0]["runOrder"] == 1, made
    assert client.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"] == []
    refused("PipelineNameInUseException", client.create_pipeline, pipeline=written)
    refused("PipelineNotFoundException", client.update_pipeline, pipeline=definition("nobody-made-this"))

    got = client.get_pipeline(name=name)
    arn = got["metadata"]["pipelineArn"].split(":")
    assert arn[:3] == ["arn", "aws", "codepipeline"] and arn[5] == name, arn
    assert isinstance(got["metadata"]["created"], datetime.datetime)
    updated = client.update_pipeline(pipeline=got["pipeline"])["pipeline"]
    assert updated["version"] == 2, updated
    assert client.get_pipeline(name=name, version=1)["pipeline"]["version"] == 1
    refused("PipelineVersionNotFoundException", client.get_pipeline, name=name, version=99)
    refused("PipelineNotFoundException", client.get_pipeline, name="nobody-made-this")
    refused("ValidationException", client.get_pipeline, name="no/such/name")

    broken = copy.deepcopy(written)
    broken["name"] = f"{name}-broken"
    broken["stages"][0], broken["stages"][1] = broken["stages"][1], broken["stages"][0]
    error = refused_somehow(client.create_pipeline, pipeline=broken)
    assert error in ("InvalidStageDeclarationException", "InvalidActionDeclarationException", "InvalidStructureException"), error

    listed = client.get_paginator("list_pipelines").paginate(PaginationConfig={"PageSize": 1})
    names = [one["name"] for page in listed for one in page["pipelines"]]
    assert name in names and names == sorted(set(names)), names


def refused_somehow(call, **members):
    try:
        call(**members)
    except call.__self__.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("expected a refusal")


def transitions(client, name):
    named = {"pipelineName": name, "stageName": "Release", "transitionType": "Inbound"}
    client.disable_stage_transition(**named, reason="Freeze until Monday")
    state = stage(client, name, "Release")["inboundTransitionState"]
    assert state["enabled"] is False and state["disabledReason"] == "Freeze until Monday", state
    assert isinstance(state["lastChangedAt"], datetime.datetime)
    client.enable_stage_transition(**named)
    assert stage(client, name, "Release")["inboundTransitionState"]["enabled"] is True
    refused("StageNotFoundException", client.enable_stage_transition, **{**named, "stageName": "Nowhere"})
    refused("ValidationException", client.disable_stage_transition, **{**named, "transitionType": "Outbound"}, reason="x")


def releases(client, name):
    asked = {"name": name, "clientRequestToken": f"token-{name}"}
    execution = client.start_pipeline_execution(**asked)["pipelineExecutionId"]
    assert client.start_pipeline_execution(**asked)["pipelineExecutionId"] == execution
    refused("ValidationException", client.start_pipeline_execution, name=name, variables=[{"name": "UNKNOWN", "value": "x"}])
    refused("PipelineNotFoundException", client.start_pipeline_execution, name="nobody-made-this")

    decide(client, name, "Approved")
    ended(client, name, execution, "Succeeded")
    whole = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)["pipelineExecution"]
    assert whole["artifactRevisions"][0]["name"] == "Code" and len(whole["artifactRevisions"][0]["revisionId"]) == 40, whole
    assert whole["variables"] == [{"name": "OUTCOME", "resolvedValue": "good"}], whole
    assert whole["trigger"]["triggerType"] == "StartPipelineExecution" and whole["executionType"] == "STANDARD", whole
    return execution


def decide(client, name, status):
    """Gives a verdict on the approval that waits, after trying what must not work."""
    token = eventually("an approval", lambda: approval_token(client, name))
    verdict = {"pipelineName": name, "stageName": "Release", "actionName": "Ask", "result": {"summary": "by the book", "status": status}}
    stranger = "00000000-0000-4000-8000-000000000000"
    refused("InvalidApprovalTokenException", client.put_approval_result, **verdict, token=stranger)
    refused("ActionNotFoundException", client.put_approval_result, **{**verdict, "actionName": "Nobody"}, token=token)
    assert isinstance(client.put_approval_result(**verdict, token=token)["approvedAt"], datetime.datetime)
    refused("ApprovalAlreadyCompletedException", client.put_approval_result, **verdict, token=token)


def approval_token(client, name):
    for action in stage(client, name, "Release")["actionStates"]:
        latest = action.get("latestExecution", {})
        if latest.get("status") == "InProgress" and "token" in latest:
            return latest["token"]
    return None


def stage(client, name, called):
    states = client.get_pipeline_state(name=name)["stageStates"]
    return next(one for one in states if one["stageName"] == called)


def ended(client, name, execution, status):
    def look():
        found = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)["pipelineExecution"]["status"]
        assert found in ("InProgress", "Stopping", status), f"{execution} is {found} instead of {status}"
        return found == status

    eventually(f"{execution} {status}", look)


def fails_and_is_retried(client, name):
    execution = client.start_pipeline_execution(name=name, variables=[{"name": "OUTCOME", "value": "bad"}])["pipelineExecutionId"]
    ended(client, name, execution, "Failed")
    action = stage(client, name, "Build")["actionStates"][0]["latestExecution"]
    assert action["status"] == "Failed" and action["errorDetails"]["message"], action
    stage_of = {"pipelineName": name, "pipelineExecutionId": execution, "retryMode": "FAILED_ACTIONS"}
    refused("StageNotRetryableException", client.retry_stage_execution, **stage_of, stageName="Source")
    refused("StageNotFoundException", client.retry_stage_execution, **stage_of, stageName="Nowhere")
    assert client.retry_stage_execution(**stage_of, stageName="Build")["pipelineExecutionId"] == execution
    eventually("the second failure", lambda: stage(client, name, "Build").get("retryStageMetadata") and stage(client, name, "Build")["latestExecution"]["status"] == "Failed")
    assert stage(client, name, "Build")["retryStageMetadata"]["manualStageRetryAttempt"] == 1

    second = client.start_pipeline_execution(name=name)["pipelineExecutionId"]
    decide(client, name, "Approved")
    ended(client, name, second, "Succeeded")
    refused("NotLatestPipelineExecutionException", client.retry_stage_execution, **stage_of, stageName="Build")
    return second


def rolls_back(client, name, first, second):
    named = {"pipelineName": name, "stageName": "Release"}
    rollback = client.rollback_stage(**named, targetPipelineExecutionId=first)["pipelineExecutionId"]
    assert rollback not in (first, second)
    decide(client, name, "Approved")
    ended(client, name, rollback, "Succeeded")
    whole = client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=rollback)["pipelineExecution"]
    assert whole["executionType"] == "ROLLBACK", whole
    assert whole["rollbackMetadata"]["rollbackTargetPipelineExecutionId"] == first, whole
    refused("UnableToRollbackStageException", client.rollback_stage, **named, targetPipelineExecutionId=rollback)
    refused("UnableToRollbackStageException", client.rollback_stage, **{**named, "stageName": "Source"}, targetPipelineExecutionId=first)
    unknown = "00000000-0000-4000-8000-000000000000"
    refused("PipelineExecutionNotFoundException", client.rollback_stage, **named, targetPipelineExecutionId=unknown)


def stops(client, name):
    execution = client.start_pipeline_execution(name=name)["pipelineExecutionId"]
    eventually("an approval", lambda: approval_token(client, name))
    named = {"pipelineName": name, "pipelineExecutionId": execution}
    assert client.stop_pipeline_execution(**named, reason="not today")["pipelineExecutionId"] == execution
    found = refused_somehow(client.stop_pipeline_execution, **named)
    assert found in ("DuplicatedStopRequestException", "PipelineExecutionNotStoppableException"), found
    status = client.get_pipeline_execution(**named)["pipelineExecution"]["status"]
    if status != "Stopped":
        client.stop_pipeline_execution(**named, abandon=True, reason="not today")
    ended(client, name, execution, "Stopped")
    refused("PipelineExecutionNotStoppableException", client.stop_pipeline_execution, **named)
    newest = client.list_pipeline_executions(pipelineName=name, maxResults=1)["pipelineExecutionSummaries"][0]
    assert newest["stopTrigger"]["reason"] == "not today" and newest["status"] == "Stopped", newest


def histories(client, name, first):
    pages = client.get_paginator("list_pipeline_executions").paginate(pipelineName=name, PaginationConfig={"PageSize": 1})
    executions = [one for page in pages for one in page["pipelineExecutionSummaries"]]
    starts = [one["startTime"] for one in executions]
    assert len(executions) == 5 and starts == sorted(starts, reverse=True), executions
    assert executions[-1]["sourceRevisions"][0]["actionName"] == "Checkout", executions[-1]
    succeeded = {"succeededInStage": {"stageName": "Release"}}
    filtered = client.list_pipeline_executions(pipelineName=name, filter=succeeded)["pipelineExecutionSummaries"]
    assert [one["status"] for one in filtered] == ["Succeeded"] * 3, filtered
    refused("InvalidNextTokenException", client.list_pipeline_executions, pipelineName=name, nextToken="none")

    pages = client.get_paginator("list_action_executions").paginate(
        pipelineName=name, filter={"pipelineExecutionId": first}, PaginationConfig={"PageSize": 1})
    actions = {one["actionName"]: one for page in pages for one in page["actionExecutionDetails"]}
    assert list(actions) == ["Announce", "Ask", "Check", "Checkout"], list(actions)
    assert actions["Check"]["output"]["outputVariables"]["SAID"] == "hello", actions["Check"]
    assert actions["Check"]["input"]["inputArtifacts"][0]["s3location"]["key"], actions["Check"]
    assert actions["Checkout"]["output"]["outputArtifacts"][0]["name"] == "Code", actions["Checkout"]
    assert actions["Checkout"]["input"]["actionTypeId"]["provider"] == "GitHub", actions["Checkout"]
    every = client.get_paginator("list_action_executions").paginate(pipelineName=name, PaginationConfig={"PageSize": 3})
    attempts = [one for page in every for one in page["actionExecutionDetails"]]
    failed = [one for one in attempts if one["status"] == "Failed" and one["actionName"] == "Check"]
    assert len(failed) == 2 and failed[0]["output"]["executionResult"]["errorDetails"]["message"], failed


def parallel(client, name):
    """In PARALLEL mode the tokens of waiting approvals come from the history."""
    client.create_pipeline(pipeline=definition(name, "PARALLEL"))
    both = [client.start_pipeline_execution(name=name)["pipelineExecutionId"] for _ in range(2)]
    for execution in both:
        def token():
            details = client.list_action_executions(pipelineName=name, filter={"pipelineExecutionId": execution})["actionExecutionDetails"]
            asked = [one for one in details if one["actionName"] == "Ask" and one["status"] == "InProgress"]
            return asked and asked[0]["output"]["executionResult"].get("externalExecutionId")

        client.put_approval_result(
            pipelineName=name, stageName="Release", actionName="Ask", token=eventually("an approval", token),
            result={"summary": "", "status": "Rejected"})
        ended(client, name, execution, "Failed")


def others(client, name):
    arn = client.get_pipeline(name=name)["metadata"]["pipelineArn"]
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == []
    assert client.list_rule_executions(pipelineName=name)["ruleExecutionDetails"] == []
    error = refused("UnknownOperationException", client.list_webhooks)
    assert "/webhooks/github" in error.response["Error"]["Message"], error


def deletes(client, names):
    for name in names:
        client.delete_pipeline(name=name)
        client.delete_pipeline(name=name)
        refused("PipelineNotFoundException", client.get_pipeline_state, name=name)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
