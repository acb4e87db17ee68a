"""Every refusal has a SCIM body (RFC 7644 §3.12), and says no more than it must."""

from datetime import timedelta

import pytest

from gateway.services import connections, scim_tokens
from gateway.storage.unit_of_work import UnitOfWork, Work
from tests.clock import Clock
from tests.factories import OPERATOR
from tests.wire.scim.conftest import GROUP, IdP, issue_token, refusal, resource, user

RANDOM = "8f1f4f0c-9f0b-4a4e-9a0f-2b6f0d5c1e77"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic dXNlcjpwYXNz",
        "non-token",
        "Bearer é",
        "Bearer " + "x" * 5000,
    ],
    ids=lambda header: header[:16] or "none",
)
def test_whatever_opens_nothing_is_answered_alike(okta: IdP, header: str) -> None:
    answer = okta.get("/Users", Authorization=header)
    assert refusal(answer) == (401, None)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="SCIM"'
    uniform = okta.client.get(f"/scim/v2/{RANDOM}/Users", headers={"Authorization": "Bearer x"})
    assert answer.data == uniform.data


def test_the_scheme_is_named_in_any_letter_case(okta: IdP) -> None:
    for header in (f"bearer {okta.token}", f"BEARER   {okta.token}"):
        assert okta.get("/Users", Authorization=header).status_code == 200


def test_a_token_opens_only_the_connection_that_its_url_names(
    okta: IdP, other: IdP, work: Work, clock: Clock
) -> None:
    def dead(uow: UnitOfWork) -> str:
        issued = scim_tokens.issue(uow, okta.house.connection.id, "dead")
        scim_tokens.revoke(uow, okta.house.connection.id, issued.id)
        return issued.secret

    expired = issue_token(work, okta.house, expires_at=clock.now + timedelta(hours=1))
    revoked = work.run(okta.house.organisation_id, OPERATOR, dead)
    clock.advance(timedelta(hours=1))
    answers = [
        okta.get("/Users", Authorization=f"Bearer {token}")
        for token in (other.token, expired, revoked, "unknown")
    ]
    answers.append(okta.client.get("/scim/v2/nothing/Users"))
    answers.append(okta.client.get("/scim/v2"))
    assert {answer.data for answer in answers} == {answers[0].data}
    assert {refusal(answer) for answer in answers} == {(401, None)}


def test_a_disabled_connection_answers_nobody(okta: IdP, work: Work) -> None:
    organisation, connection = okta.house.organisation_id, okta.house.connection.id
    work.run(organisation, OPERATOR, lambda uow: connections.disable(uow, connection))
    assert refusal(okta.get("/Users")) == (401, None)


def test_two_tokens_work_while_they_overlap(okta: IdP, work: Work) -> None:
    second = issue_token(work, okta.house)
    assert okta.get("/Users").status_code == 200
    assert okta.get("/Users", Authorization=f"Bearer {second}").status_code == 200


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        pytest.param(("read",), {"GET /Users", "GET /Groups", "GET /"}, id="read"),
        pytest.param(("users",), {"GET /Users", "POST /Users", "GET /"}, id="users"),
        pytest.param(
            ("groups", "read"),
            {"GET /Users", "GET /Groups", "POST /Groups", "GET /"},
            id="groups-read",
        ),
    ],
)
def test_a_scope_opens_what_it_names(
    okta: IdP, work: Work, scopes: tuple[str, ...], allowed: set[str]
) -> None:
    idp = IdP(okta.client, okta.house, issue_token(work, okta.house, scopes=scopes))
    bodies = {"/Users": user("ada"), "/Groups": {"schemas": [GROUP], "displayName": "x"}}
    got = set()
    for asked in ("GET /Users", "GET /Groups", "POST /Users", "POST /Groups", "GET /"):
        method, path = asked.split()
        answer = idp.send(method, path, bodies.get(path) if method == "POST" else None)
        if answer.status_code in (200, 201):
            got.add(asked)
        else:
            assert refusal(answer) == (403, None)
    assert got == allowed
    assert idp.get("/ServiceProviderConfig").status_code == 200


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        (b"", "invalidSyntax"),
        (b"{", "invalidSyntax"),
        (b"[]", "invalidSyntax"),
        (b'"text"', "invalidSyntax"),
        (b"null", "invalidSyntax"),
        (b'{"userName": "\xff"}', "invalidSyntax"),
        (b'{"userName": "\\ud800"}', "invalidSyntax"),
        (b"[" * 5000, "invalidSyntax"),
        (b'{"schemas": "User", "userName": 5}', "invalidValue"),
        (b'{"schemas": 5, "userName": "ada"}', "invalidSyntax"),
        (b'{"userName": 5}', "invalidValue"),
        (b'{"userName": ["ada", "bob"]}', "invalidValue"),
        (b'{"userName": "ada", "emails": 5}', "invalidValue"),
        (b'{"userName": "ada", "name": "Ada"}', "invalidValue"),
        (b'{"userName": "ada", "active": "yes"}', "invalidValue"),
        (b'{"userName": "ada", "active": 1}', "invalidValue"),
        (b'{"displayName": "Ada"}', "invalidValue"),
        (b'{"userName": ""}', "invalidValue"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_body_that_is_no_user_is_refused(okta: IdP, body: bytes, scim_type: str) -> None:
    answer = okta.client.post(
        f"{okta.base}/Users",
        data=body,
        content_type="application/scim+json",
        headers={"Authorization": f"Bearer {okta.token}"},
    )
    status, found = refusal(answer)
    assert status == 400
    assert found == scim_type or body.startswith(b'{"schemas": "User"')
    assert resource(okta.get("/Users"))["totalResults"] == 0


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/scim+json", 201),
        ("application/scim+json; charset=utf-8", 201),
        ("application/json", 201),
        ("", 201),
        ("text/plain", 415),
        ("application/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_a_body_is_json_and_may_say_so_in_either_way(
    okta: IdP, media_type: str, status: int
) -> None:
    answer = okta.send("POST", "/Users", user("ada"), **{"Content-Type": media_type})
    assert answer.status_code == status
    if status != 201:
        assert refusal(answer) == (415, None)


def test_a_body_above_the_limit_is_413_and_a_groups_limit_is_higher(okta: IdP) -> None:
    long = {"schemas": [GROUP], "displayName": "Long", "members": [{"value": "x" * 1_500_000}]}
    assert okta.send("POST", "/Groups", long).status_code == 201
    longer = {**long, "members": [{"value": "x" * 10_000_001}]}
    assert refusal(okta.send("POST", "/Groups", longer)) == (413, None)
    assert refusal(okta.send("POST", "/Users", user("ada", title="x" * 1_050_000))) == (413, None)


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/Nothing", 404, None),
        ("GET", "/Users/x/y", 404, None),
        ("GET", f"/Users/{RANDOM}", 404, None),
        ("GET", "/Users/not-an-id", 404, None),
        ("GET", "/Users/%00", 404, None),
        ("POST", "/Nothing", 404, None),
        ("PUT", "/Users", 405, {"GET", "POST"}),
        ("DELETE", "/Groups", 405, {"GET", "POST"}),
        ("POST", f"/Users/{RANDOM}", 405, {"GET", "PUT", "PATCH", "DELETE"}),
        ("POST", "/Schemas", 405, {"GET"}),
        ("PATCH", "/ServiceProviderConfig", 405, {"GET"}),
        ("DELETE", "/ResourceTypes/User", 405, {"GET"}),
        ("GET", "/Bulk", 405, {"POST"}),
        ("OPTIONS", "/Users", 405, {"GET", "POST"}),
        ("TRACE", "/Users", 405, {"GET", "POST"}),
        ("GET", "/Me", 501, None),
        ("POST", "/Me", 501, None),
        ("DELETE", "/Me", 501, None),
    ],
)
def test_paths_and_methods_that_are_not_served_say_so(
    okta: IdP, method: str, path: str, status: int, allowed: set[str] | None
) -> None:
    answer = okta.send(method, path, user("ada") if method in ("POST", "PATCH") else None)
    assert refusal(answer) == (status, None)
    if allowed is not None:
        assert set(answer.headers["Allow"].split(", ")) == allowed


def test_slashes_that_a_base_url_brings_along_do_not_matter(okta: IdP) -> None:
    made = okta.create_user("ada")
    for path in ("//Users", "/Users/", f"//Users/{made['id']}"):
        assert okta.get(path).status_code == 200


def test_a_bug_is_500_without_its_text(okta: IdP, work: Work) -> None:
    """The database is taken away while the token is already known."""
    made = okta.create_user("ada")
    work.run_platform(
        lambda database, _: database.exec_driver_sql(
            "ALTER TABLE directory_memberships RENAME TO hidden"
        )
    )
    answer = okta.get(f"/Users/{made['id']}", X_Request_Id="a-known-request")
    assert refusal(answer) == (500, None)
    assert resource(answer)["detail"] == "Something went wrong here; quote request a-known-request."


def test_a_token_without_bearer_opens_only_a_connection_that_allows_it(
    okta: IdP, work: Work
) -> None:
    assert refusal(okta.get("/Users", Authorization=okta.token)) == (401, None)
    settle(work, okta, token_without_bearer=True)
    assert okta.get("/Users", Authorization=okta.token).status_code == 200
    assert okta.get("/Users", Authorization=f"Bearer {okta.token}").status_code == 200
    for wrong in ("Bearer", f"Basic {okta.token}", f"{okta.token}x", f"Token {okta.token}"):
        assert refusal(okta.get("/Users", Authorization=wrong)) == (401, None)


def test_a_connection_may_be_closed_to_all_networks_but_its_own(okta: IdP, work: Work) -> None:
    settle(work, okta, allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    answer = okta.get("/Users")
    assert refusal(answer) == (403, None)
    assert "192.0.2" not in answer.text
    # Who has no token learns nothing of the networks either.
    assert refusal(okta.get("/Users", Authorization="Bearer x")) == (401, None)
    for inside in ("192.0.2.9", "::ffff:192.0.2.9", "2001:db8::1"):
        okta.client.environ_base["REMOTE_ADDR"] = inside
        assert okta.get("/Users").status_code == 200
    okta.client.environ_base["REMOTE_ADDR"] = "192.0.3.1"
    assert refusal(okta.get("/Users")) == (403, None)


def settle(work: Work, idp: IdP, **settings: object) -> None:
    """Change settings of the connection."""
    house = idp.house
    work.run(
        house.organisation_id,
        OPERATOR,
        lambda uow: connections.update(uow, house.connection.id, **settings),
    )
