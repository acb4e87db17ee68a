"""Setting values in place means what the library's PATCH on a whole model means."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scim2_models import Context, PatchOp, SCIMException

from gateway.scim.attributes import USERS
from gateway.scim.dialects import Reading
from gateway.scim.models import POLICY, UserModel
from gateway.scim.operations import PATCH_SCHEMA, read_operations
from gateway.scim.records import user_record
from gateway.scim.states import patched

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
START: dict[str, Any] = {
    "userName": "ada",
    "active": True,
    "title": "Boss",
    "name": {"givenName": "Ada"},
    "emails": [
        {"value": "a@x.test", "type": "work", "primary": True},
        {"value": "b@x.test", "type": "home"},
    ],
    ENTERPRISE: {"department": "R&D", "manager": {"value": "m"}},
}
WRITES: tuple[tuple[str, Any], ...] = (
    ("title", "Chief"),
    ("userName", "bob"),
    ("active", False),
    ("name.familyName", "L"),
    ("name", {"givenName": "Bo", "middleName": "M"}),
    (f"{ENTERPRISE}:department", "Sales"),
    (f"{ENTERPRISE}:manager", {"value": "n"}),
    (ENTERPRISE, {"costCenter": "7"}),
    ('emails[type eq "work"].value', "c@x.test"),
    ('emails[type eq "other"].value', "d@x.test"),
    ('emails[value sw "zzz"].type', "work"),
    ("emails", [{"value": "e@x.test", "primary": True}]),
    ("emails.type", "other"),
    ("", {"title": "Head", "name": {"familyName": "K"}, ENTERPRISE: {"department": "Ops"}}),
)
OPERATIONS = st.one_of(
    st.tuples(st.sampled_from(("add", "replace")), st.sampled_from(WRITES)).map(
        lambda x: {"op": x[0], "value": x[1][1]} | ({"path": x[1][0]} if x[1][0] else {})
    ),
    st.sampled_from([path for path, _ in WRITES if path]).map(
        lambda path: {"op": "remove", "path": path}
    ),
)


@settings(max_examples=300)
@given(st.lists(OPERATIONS, min_size=1, max_size=6))
def test_a_patch_leaves_the_state_that_the_library_leaves(operations: list[dict[str, Any]]) -> None:
    body = {"schemas": [PATCH_SCHEMA], "Operations": operations}
    assert _ours(body) == _theirs(body)


def _ours(body: dict[str, Any]) -> str:
    try:
        operations = read_operations(USERS, body, Reading())
        return _document(patched(USERS, copy.deepcopy(START), operations))
    except SCIMException:
        return "refused"


def _theirs(body: dict[str, Any]) -> str:
    model: Any = UserModel
    resource = model.model_validate(START)
    try:
        patch = PatchOp[model].model_validate(
            body, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY
        )
        patch.patch(resource, scim_policy=POLICY)
    except (SCIMException, ValidationError):
        # Which of several wrong operations is told is each one's own order of looking.
        return "refused"
    return _document(resource.model_dump())


def _document(payload: dict[str, Any]) -> str:
    record = user_record(payload, active=payload["active"])
    return f"{record.active} {record.document}"
