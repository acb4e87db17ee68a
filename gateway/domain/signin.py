"""Sign-in through an identity provider: what it said, what we checked, how a connection is set up.

The protocol rooms turn messages into an `AssertedIdentity`; one verb for all of them decides what
becomes of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Literal
from uuid import UUID

from gateway.domain.errors import SignInFailed
from gateway.domain.text import is_one_line

ATTEMPT_LIFETIME = timedelta(minutes=10)
"""How long somebody may take at the identity provider."""

TRACE_LIFETIME = timedelta(days=7)
"""How long the redacted checks of a sign-in are kept."""

MAX_SKEW = timedelta(seconds=120)
"""The furthest that a connection's clock may be believed to be off."""

MAX_AGE = timedelta(minutes=10)
"""The oldest message that is taken."""

MAX_GROUPS = 2_000
"""Groups of one person that are looked at; more are no sign-in but a mistake."""

TEXT_LIMIT = 255
"""Characters of a subject, an issuer's value, a group's name or an attribute that are kept."""


@dataclass(frozen=True, slots=True)
class Groups:
    """What an identity provider said about somebody's groups.

    Nothing at all, that there are too many to send, or exactly these: three different things.
    """

    said: Literal["absent", "overage", "named"]
    names: tuple[str, ...] = ()

    ABSENT: ClassVar["Groups"]
    OVERAGE: ClassVar["Groups"]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Groups":
        """Return the named groups, each once, in the order they were said; none is an answer too.

        :raises SignInFailed: more than the bound, or a name that is not one line of bounded length.
        """
        found = tuple(dict.fromkeys(name.strip() for name in names))
        if len(found) > MAX_GROUPS or not all(map(is_group_name, found)):
            raise SignInFailed("bad_groups")
        return cls("named", found)


Groups.ABSENT = Groups("absent")
Groups.OVERAGE = Groups("overage")


def is_group_name(name: str) -> bool:
    """Whether a provider may call a group so: one line of bounded length."""
    return 0 < len(name) <= TEXT_LIMIT and is_one_line(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertedIdentity:
    """Who an identity provider says has signed in, after every check of the protocol.

    `subject` is what the connection's settings name as the key of a person: the NameID, `sub`, or
    one attribute. `name_id` and `session_index` are what a logout will name; `id_token` is what it
    may show. `attributes` are all that came, each with its values. An e-mail is never a key.
    `email_verified` is false wherever the provider did not say so in so many words. `signed_by` is
    `fingerprint` of the certificate that the signature fits. `authenticated_at` is None where the
    provider did not say when the person signed in there. `hosted_domain` is whose account it is
    where anybody may have one at the issuer: the organisation must have proved it.
    """

    connection_id: UUID
    issuer: str
    subject: str
    subject_format: str | None = None
    name_id: str | None = None
    session_index: str | None = None
    id_token: str | None = field(default=None, repr=False)
    email: str | None = None
    email_verified: bool = False
    display_name: str | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Groups = Groups.ABSENT
    authenticated_at: datetime | None = None
    session_expires_at: datetime | None = None
    signed_by: str | None = None
    hosted_domain: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: a tick or a cross, with a detail that names no secret."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(slots=True)
class Trace:
    """The checks of one sign-in in their order; a failure ends with its stable code.

    Details are shown to the organisation's admins, so they carry no token, key or whole message.
    """

    checks: list[Check] = field(default_factory=list)
    code: str | None = None

    def tick(self, name: str, detail: str = "") -> None:
        """Note that a check passed."""
        self.checks.append(Check(name, passed=True, detail=_short(detail)))

    def cross(self, name: str, detail: str = "") -> None:
        """Note that a check failed."""
        self.checks.append(Check(name, passed=False, detail=_short(detail)))

    def document(self) -> dict[str, Any]:
        """Return what is kept of it."""
        checks = [{"name": x.name, "passed": x.passed, "detail": x.detail} for x in self.checks]
        return {"code": self.code, "checks": checks}


def _short(detail: str) -> str:
    """Return one printable line of bounded length: a hostile message may be quoted in it."""
    line = "".join(x if x.isprintable() else " " for x in detail)
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


# -- what a connection agreed on -------------------------------------------------


@dataclass(frozen=True, slots=True)
class SAMLAddresses:
    """Where identity providers reach one SAML connection; from the settings, never from a request.

    No address is the beginning of another connection's: the slugs are all equally long.
    """

    entity_id: str
    acs_url: str
    login_url: str
    logout_url: str
    metadata_url: str

    @classmethod
    def of(cls, origin: str, slug: str) -> "SAMLAddresses":
        """Return the addresses below the installation's origin."""
        base = f"{origin}/saml/{slug}"
        return cls(
            f"{base}/metadata", f"{base}/acs", f"{base}/login", f"{base}/logout", f"{base}/metadata"
        )


@dataclass(frozen=True, slots=True)
class OIDCAddresses:
    """Where identity providers and browsers reach one OpenID Connect connection."""

    redirect_uri: str
    login_url: str
    initiate_login_uri: str
    backchannel_logout_url: str
    jwks_url: str

    @classmethod
    def of(cls, origin: str, slug: str) -> "OIDCAddresses":
        """Return the addresses below the installation's origin."""
        base = f"{origin}/oidc/{slug}"
        return cls(
            f"{base}/callback",
            f"{base}/login",
            f"{base}/initiate",
            f"{base}/backchannel-logout",
            f"{base}/jwks",
        )


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key of ours with its certificate, both PEM; `id` is its `kid`."""

    id: str
    certificate: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeMapping:
    """Which attribute or claim holds what; `subject` None: the NameID or `sub` itself.

    `group_separator` splits one string into several groups.
    """

    subject: str | None = None
    email: str | None = None
    display_name: str | None = None
    groups: str | None = None
    group_separator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLConnection:
    """A SAML connection as its protocol room needs it.

    `certificates` are the provider's active and staged ones, PEM. A signature that covers the
    assertion is always required; `want_response_signed` and `want_assertions_signed` ask for that
    very one. `keys` are ours, the newest first: it signs, all of them decrypt.
    """

    id: UUID
    organisation_id: UUID
    name: str
    slug: str
    state: str
    idp_entity_id: str
    sso_url: str
    sso_binding: Literal["redirect", "post"]
    slo_url: str | None
    slo_binding: Literal["redirect", "post"]
    slo_response_url: str | None
    certificates: tuple[str, ...]
    sign_requests: bool
    want_response_signed: bool
    want_assertions_signed: bool
    allow_encrypted: bool
    require_encrypted: bool
    allow_cbc: bool
    idp_initiated: Literal["off", "restart"]
    name_id_format: str | None
    attributes: AttributeMapping
    keys: tuple[KeyPair, ...]
    clock_skew: timedelta
    enforced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OIDCConnection:
    """An OpenID Connect connection as its protocol room needs it.

    The endpoints are those of the provider's discovery document as it was last read. `keys` are
    ours for `private_key_jwt`, the newest first. `tenant` pins Entra's `tid`.
    """

    id: UUID
    organisation_id: UUID
    name: str
    slug: str
    state: str
    issuer: str
    client_id: str
    client_auth: Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]
    client_secret: str | None = field(repr=False)
    keys: tuple[KeyPair, ...]
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    iss_parameter_supported: bool
    algorithms: tuple[str, ...]
    scopes: tuple[str, ...]
    attributes: AttributeMapping
    tenant: str | None
    use_userinfo: bool
    max_age: int | None
    idp_initiated: Literal["off", "restart"]
    clock_skew: timedelta
    enforced: bool


SSOConnection = SAMLConnection | OIDCConnection


# -- what becomes of a sign-in ---------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One sign-in under way.

    `handle` is the RelayState or `state`, `cookie` the secret that the browser keeps; both are
    known in clear only to whoever began the attempt or brought it back. A `test` makes no session;
    the member `started_by` asked for it. `session_id` is the session that this attempt shall prove
    afresh, by a sign-in that the provider has to ask for again (`force`).
    """

    id: UUID
    connection_id: UUID
    handle: str = field(repr=False)
    cookie: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    request_id: str
    return_to: str
    test: bool
    created_at: datetime
    expires_at: datetime
    started_by: UUID | None = None
    session_id: UUID | None = None
    force: bool = False


class Link(StrEnum):
    """How an account at the provider came to be somebody's here."""

    KNOWN = "known"
    SCIM = "scim"
    JIT = "jit"
    PROOF = "proof"


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Whom a sign-in would reach: a member, a newcomer, somebody to be asked, or nobody.

    `refusal` is a stable code. With `proposed`, whoever has an account here may prove it.
    """

    link: Link | None = None
    identity_id: UUID | None = None
    person_id: UUID | None = None
    member_id: UUID | None = None
    refusal: str | None = None
    proposed: bool = False
    confined: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session, in clear for the only time, and the way back into the product."""

    token: str = field(repr=False)
    return_to: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkProposed:
    """An unknown subject: whoever has an account here must prove it to link the two.

    `token` is kept by the browser alone; the page is the same whether or not there is an account.
    """

    token: str = field(repr=False)
    return_to: str
    expires_at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a test sign-in would have done, check by check; nothing came of it."""

    trace_id: UUID
    document: Mapping[str, Any]

    __test__: ClassVar[bool] = False


def way_back(wanted: str | None, default: str = "/") -> str:
    """Return the wanted path if it is one of ours, else the default: never another's address."""
    if not wanted or len(wanted) > 1_000 or not wanted.isascii() or not wanted.isprintable():
        return default
    if not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or "\\" in wanted:
        return default
    return wanted
