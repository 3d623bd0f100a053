from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, Conflict, NotFound, Throttled
from airflow_provider_azml.rest import flows, wrapped_flows
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.flows import All, Send, call, request
from tests.rest.conftest import CountingCredential
from tests.rest.scripted_service import Answer

WORKSPACE = WorkspaceId("s", "rg", "ws")
JOB = WORKSPACE.child("job", "train")


def test_a_path_is_sent_below_resource_manager_with_its_api_version_and_token(service, drive):
    service.answer("GET", JOB, Answer(body={"name": "train"}))
    assert drive(flows.get(JOB)) == {"name": "train"}
    asked = service.asked[0]
    assert asked.query == "api-version=2025-01-01-preview"
    assert asked.headers["Authorization"] == "Bearer token-1"
    assert asked.headers["User-Agent"].startswith("airflow-provider-azml/")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, ApiError), (401, AuthError), (403, AuthError), (404, NotFound), (409, Conflict), (412, Conflict)],
)
def test_an_error_answer_is_an_exception_that_says_all(service, drive, status, kind):
    error = {"error": {"code": "Why", "message": "Because.", "details": [{"message": "In detail."}]}}
    service.answer("GET", JOB, Answer(status, error, {"x-ms-request-id": "r-1"}))
    with pytest.raises(ApiError) as caught:
        drive(flows.get(JOB))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (status, "Why", "r-1")
    assert caught.value.message == "Because. In detail."
    assert caught.value.url.endswith("/jobs/train")


def test_an_error_page_that_is_no_json_is_told_too(service, drive):
    service.answer("GET", JOB, Answer(400, b"<h1>no</h1>", {"Content-Type": "text/html"}))
    with pytest.raises(ApiError, match="<h1>no</h1>"):
        drive(flows.get(JOB))


def test_throttling_is_ridden_out_as_the_service_asks(service, drive):
    service.answer("GET", JOB, *[Answer(429, {}, {"retry-after-ms": "10"})] * 2, Answer(body={"name": "train"}))
    assert drive(flows.get(JOB)) == {"name": "train"}
    assert len(service.asked) == 3


def test_throttling_without_end_is_an_error(service, drive):
    service.answer("GET", JOB, Answer(429, {}, {"retry-after-ms": "10"}))
    with pytest.raises(Throttled):
        drive(flows.get(JOB))


def test_what_must_not_be_done_twice_is_sent_once(service, drive):
    service.answer("POST", "/invoke", Answer(503, {}, {"retry-after-ms": "10"}))
    with pytest.raises(ApiError):
        drive(call(Send(request("POST", "/invoke"), retry="never")))
    assert len(service.asked) == 1


def test_no_token_goes_to_a_host_that_the_cloud_does_not_name(service, drive):
    elsewhere = service.url.replace("localhost", "127.0.0.1")
    with pytest.raises(ApiError) as caught:
        drive(call(Send(request("GET", f"{elsewhere}/poll"))))
    assert caught.value.code == "UntrustedHost"
    assert service.asked == []


def test_an_anonymous_request_carries_no_token(service, drive):
    service.answer("GET", "/discovery", Answer(body={}))
    drive(call(Send(request("GET", f"{service.url}/discovery"), scope="anonymous")))
    assert "Authorization" not in service.asked[0].headers


def test_a_job_in_the_users_name_carries_a_token_of_the_data_plane_beside_the_other(service, drive, credential):
    service.answer("PUT", JOB, Answer(body={"name": "train"}))
    drive(flows.put(JOB, {"properties": {}}, token_header="x-azureml-token"))
    headers = service.asked[0].headers
    tokens = {headers["Authorization"].removeprefix("Bearer "), headers["x-azureml-token"]}
    assert tokens == {"token-1", "token-2"}
    assert set(credential.asked) == {(service.cloud.arm_scope,), (service.cloud.aml_scope,)}


def test_each_scope_has_its_own_token(service, drive, credential):
    service.answer("GET", "/x", Answer(body={}))

    def both():
        yield from call(Send(request("GET", "/x"), scope="arm"))
        yield from call(Send(request("GET", "/x"), scope="aml"))

    drive(both())
    assert credential.asked == [(service.cloud.arm_scope,), (service.cloud.aml_scope,)]


def test_flows_beside_each_other_give_their_results_in_order(service, drive):
    for name in "abc":
        service.answer("GET", WORKSPACE.child("job", name), Answer(body={"name": name}))

    def all_three():
        return (yield All([flows.get(WORKSPACE.child("job", name)) for name in "abc"]))

    assert [body["name"] for body in drive(all_three())] == ["a", "b", "c"]


def test_an_error_among_flows_beside_each_other_reaches_the_flow(service, drive):
    service.answer("GET", JOB, Answer(body={"name": "train"}))

    def one_is_missing():
        try:
            yield All([flows.get(JOB), flows.get(WORKSPACE.child("job", "missing"))])
        except NotFound as error:
            return error.code

    assert drive(one_is_missing()) == "NotScripted"


def test_all_pages_of_a_list_are_read(service, drive):
    jobs = WORKSPACE.child("job")
    service.answer(
        "GET",
        jobs,
        Answer(body={"value": [{"name": "a"}], "nextLink": f"{service.url}{jobs}?$skip=1"}),
        Answer(body={"value": [{"name": "b"}]}),
    )
    assert [job["name"] for job in drive(flows.pages(jobs, api_version="v"))] == ["a", "b"]


def test_a_missing_resource_is_none_but_a_missing_subscription_is_an_error(service, drive):
    service.answer("GET", JOB, Answer(404, {"error": {"code": "ResourceNotFound", "message": "no"}}))
    assert drive(flows.find(JOB)) is None
    other = WorkspaceId("other", "rg", "ws").child("job", "train")
    service.answer("GET", other, Answer(404, {"error": {"code": "SubscriptionNotFound", "message": "no"}}))
    with pytest.raises(NotFound, match="subscription_id of the connection"):
        drive(flows.find(other))


def test_nobody_listening_is_an_error_that_names_the_host(service, credential):
    cloud = replace(service.cloud, arm="https://localhost:1", arm_scope="https://localhost:1/.default")
    with Client(cloud, TokenCache(credential)) as client, pytest.raises(ApiError) as caught:
        client.run(call(Send(request("GET", "/x"), retry="never")))
    assert caught.value.status is None
    assert "localhost:1" in str(caught.value)


def test_a_certificate_of_nobody_known_is_an_error(service, credential):
    with Client(service.cloud, TokenCache(credential)) as client, pytest.raises(ApiError, match="ca_bundle"):
        client.run(call(Send(request("GET", "/x"), retry="never")))


def test_a_token_is_asked_for_once_while_it_is_good():
    credential = CountingCredential()
    tokens = TokenCache(credential)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tokens.get_token_info("scope"), range(50)))
    assert len(credential.asked) == 1


def test_a_token_is_renewed_before_it_ends():
    credential = CountingCredential(lifetime_seconds=600)
    clock = time.time()
    tokens = TokenCache(credential, now=lambda: clock)
    tokens.get_token_info("scope")
    clock += 200
    tokens.get_token_info("scope")
    assert len(credential.asked) == 1
    clock += 200
    tokens.get_token_info("scope")
    assert len(credential.asked) == 2


def test_the_flow_is_closed_when_it_is_given_up(service, credential):
    closed = threading.Event()

    def endless():
        try:
            yield from flows.get(JOB)
        finally:
            closed.set()

    trusting = Client(service.cloud, TokenCache(credential), ca_bundle=service.ca_bundle)
    with trusting as client, pytest.raises(NotFound):
        client.run(endless())
    assert closed.is_set()


def old_enough(monkeypatch) -> None:
    """Let tokens that were had just now be renewed."""
    monkeypatch.setattr("airflow_provider_azml.rest.credentials._NEW_SECONDS", 0)


def test_a_token_that_is_refused_is_renewed_and_the_request_sent_once_more(service, drive, monkeypatch):
    old_enough(monkeypatch)
    service.answer("GET", JOB, Answer(401), Answer(body={"name": "train"}))
    assert drive(flows.get(JOB)) == {"name": "train"}
    assert [asked.headers["Authorization"] for asked in service.asked] == ["Bearer token-1", "Bearer token-2"]


def test_a_refusal_that_stays_is_an_error_after_the_second_time(service, drive, monkeypatch):
    old_enough(monkeypatch)
    service.answer("GET", JOB, Answer(401, {"error": {"code": "InvalidAuthenticationToken", "message": "no"}}))
    with pytest.raises(AuthError, match="InvalidAuthenticationToken"):
        drive(flows.get(JOB))
    assert len(service.asked) == 2


def test_a_token_that_is_new_is_not_renewed_for_a_refusal(service, drive, credential):
    service.answer("GET", JOB, Answer(401), Answer(body={}))
    drive(flows.get(JOB))
    assert len(credential.asked) == 1


def test_of_many_that_are_refused_at_once_one_renews_the_token(service, drive, monkeypatch, credential):
    old_enough(monkeypatch)
    jobs = [WORKSPACE.child("job", f"job-{number}") for number in range(5)]
    for job in jobs:
        service.answer("GET", job, Answer(401), Answer(body={}))

    def all_of_them():
        return (yield All([flows.get(job) for job in jobs]))

    drive(flows.get(jobs[0]))
    credential.asked.clear()
    drive(all_of_them())
    assert len(credential.asked) <= 2


def test_an_anonymous_request_that_is_refused_is_sent_once(service, drive):
    service.answer("GET", "/blob", Answer(401))
    with pytest.raises(AuthError):
        drive(call(Send(request("GET", f"{service.url}/blob"), scope="anonymous")))
    assert len(service.asked) == 1


def test_what_the_credential_itself_remembers_is_forgotten_with_the_token(monkeypatch):
    old_enough(monkeypatch)

    made: list[CountingCredential] = []

    def make() -> CountingCredential:
        made.append(CountingCredential())
        return made[-1]

    tokens = TokenCache(make(), anew=make)
    first = tokens.get_token_info("scope").token
    tokens.forget("another")
    assert tokens.get_token_info("scope").token == first
    tokens.forget(first)
    tokens.get_token_info("scope")
    assert [len(credential.asked) for credential in made] == [1, 1]


def test_a_service_that_is_silent_for_too_long_has_not_answered(service, drive):
    service.slow(JOB, 60)
    began = time.monotonic()
    with pytest.raises(ApiError) as caught:
        drive(call(Send(request("GET", JOB), retry="never", timeout_seconds=0.3)))
    assert caught.value.status is None
    assert "localhost" in str(caught.value)
    assert time.monotonic() - began < 45


def test_a_flow_is_sent_once_by_whoever_has_a_clock_of_his_own(service, drive):
    service.answer("GET", JOB, Answer(503))
    with pytest.raises(ApiError):
        drive(wrapped_flows.once(flows.get(JOB), timeout_seconds=5))
    assert len(service.asked) == 1


def test_an_answer_that_is_no_json_is_an_error_that_says_so(service, drive):
    service.answer("GET", JOB, Answer(200, b"<h1>Sign in</h1>", {"Content-Type": "text/html"}))
    sent = request("GET", JOB)

    def ask():
        return flows.json_object(sent, (yield from call(Send(sent))))

    with pytest.raises(ApiError, match="no JSON object: '<h1>Sign in</h1>'"):
        drive(ask())


def test_what_is_broken_off_is_closed_with_the_client(service, credential):
    service.slow(JOB, 5)

    async def break_off() -> None:
        client = Client(service.cloud, TokenCache(credential), ca_bundle=service.ca_bundle)
        asking = asyncio.ensure_future(client.arun(flows.get(JOB)))
        await asyncio.sleep(0.3)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await client.aclose()

    asyncio.run(break_off())
    gc.collect()  # warns of what is not closed


def test_work_is_done_beside_the_event_loop_and_its_errors_end_the_flow(service, drive):
    def working(do):
        return (yield flows.Work(do))

    here = threading.get_ident()
    is_blocking = drive(working(threading.get_ident)) == here
    assert is_blocking is (drive.__name__ == "blocking")
    with pytest.raises(ZeroDivisionError):
        drive(working(lambda: 1 // 0))
