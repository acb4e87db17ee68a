"""A change can be bound to the version that it was decided on."""

from gateway.api import ENDPOINTS
from tests.service.api.callers import Caller
from tests.service.api.test_forms import problem


def test_a_change_on_the_version_read_succeeds_once(owner: Caller) -> None:
    made = owner.post("chatbots", {"name": "Shop"})
    path = f"chatbots/{made.get_json()['id']}"
    assert owner.get(path).headers["ETag"] == made.headers["ETag"]
    match = {"If-Match": made.headers["ETag"]}
    changed = owner.patch(path, {"name": "Store"}, headers=match)
    assert changed.status_code == 200
    stale = problem(owner.patch(path, {"name": "Shop"}, headers=match), 412, "precondition_failed")
    assert stale["details"] == {"etag": changed.headers["ETag"]}
    problem(owner.delete(path, headers=match), 412, "precondition_failed")
    assert owner.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204


def test_any_version_and_several_can_be_named(owner: Caller) -> None:
    made = owner.post("teams", {"name": "A"})
    organisation = owner.get(f"/organisations/{owner.organisation_id}")
    path = f"/organisations/{owner.organisation_id}"
    several = f'"other", {organisation.headers["ETag"]}'
    assert owner.patch(path, {"name": "B"}, headers={"If-Match": several}).status_code == 200
    assert owner.patch(path, {"name": "C"}, headers={"If-Match": "*"}).status_code == 200
    weak = f"W/{made.headers['ETag']}"
    problem(
        owner.patch(path, {"name": "D"}, headers={"If-Match": weak}), 412, "precondition_failed"
    )


def test_a_version_of_what_is_gone_is_not_found(owner: Caller) -> None:
    made = owner.post("chatbots", {"name": "Shop"})
    path = f"chatbots/{made.get_json()['id']}"
    owner.delete(path)
    match = {"If-Match": made.headers["ETag"]}
    problem(owner.patch(path, {"name": "Store"}, headers=match), 404, "not_found")


def test_whatever_honours_a_version_can_be_read_with_it() -> None:
    readers = {each.path for each in ENDPOINTS if each.tagged and each.method == "GET"}
    for endpoint in ENDPOINTS:
        if endpoint.tagged and endpoint.method in ("PATCH", "PUT", "DELETE"):
            assert endpoint.path in readers, endpoint.operation
        if endpoint.method in ("PATCH", "PUT", "DELETE") and endpoint.path in readers:
            assert endpoint.tagged, endpoint.operation
