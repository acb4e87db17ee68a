"""Settings: typed, frozen, read once from the environment, documented where they stand."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import ByteSize, Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "GATEWAY_"


class SettingsError(Exception):
    """A setting is missing or cannot be understood; the message names it and never its value."""


class Settings(BaseSettings):
    """Everything that an installation decides; each name carries GATEWAY_ in the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True, extra="ignore"
    )

    base_url: HttpUrl
    """Public origin of the gateway, as identity providers and browsers reach it, for example
    `https://gateway.example.com`. No default: a guess would end up in every SCIM `location`."""

    database_url: SecretStr
    """Where everything is kept: `postgresql://user:password@host/name`, or `sqlite:///file` to
    try the product on one machine."""

    encryption_keys: SecretStr | None = None
    """Keys that seal what must be readable again, such as client secrets: 32 bytes each in base64,
    separated by commas, the newest first. To change keys, put a new one in front, restart, run
    `gateway keys reseal`, and drop the others. Without one, connections that need a secret of ours
    or of a provider, and codes of an authenticator, are refused, and the links of mail that waits
    to be sent lie in clear until it has left."""

    plain_http_cookies: bool = False
    """Lets cookies travel without https, for a demo on loopback. `gateway serve` refuses it."""

    outbound_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses that metadata, discovery, keys and webhooks may be fetched from besides the public
    internet, by plain http too: `ADDR` or `ADDR:PORT`, separated by commas, for tests and demos.
    `gateway serve` refuses it unless GATEWAY_NOT_PRODUCTION is set."""

    not_production: bool = False
    """Says that nothing here is worth protecting: settings that weaken it are accepted."""

    smtp_host: str | None = None
    """Mail server for outgoing messages. Without it, mail waits in the outbox and the worker
    says so."""

    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Port of the mail server."""

    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection to the mail server is protected; `none` is for a server on the same
    machine."""

    smtp_user: str | None = None
    """User name at the mail server; without it nobody signs in there."""

    smtp_password: SecretStr | None = None
    """Password at the mail server."""

    smtp_timeout: timedelta = timedelta(seconds=20)
    """How long one step of the conversation with the mail server may take."""

    mail_from: str | None = None
    """Address that mail comes from. Default: `gateway@` and the host of the base URL."""

    dns_servers: str = ""
    """Name servers that are asked for proofs of domains: addresses, separated by commas. Default:
    the system's."""

    dns_port: Annotated[int, Field(ge=1, le=65535)] = 53
    """Port of these name servers."""

    threads: Annotated[int, Field(ge=1, le=64)] | None = None
    """Requests that one server process works on at a time. Default: 4 on PostgreSQL, 2 on
    SQLite; more cost more than they give. Requests that may wait for somebody else's server, such
    as an identity provider's, have threads beside these."""

    max_body: ByteSize = ByteSize(1024 * 1024)
    """Largest request body that is read, for example `1MiB`; a larger one is answered 413."""

    scim_max_body: ByteSize = ByteSize(10 * 1000 * 1000)
    """Largest body of a SCIM request that lists a group's members, for example `10MB`; a larger one
    is answered 413. Other SCIM bodies have at most 1 MiB."""

    scim_rate: Annotated[int, Field(ge=25, le=1_000_000)] = 50
    """Requests a second that one SCIM connection may send over time, to all server processes of a
    machine together; one above it is answered 429. Each operation of a Bulk request counts. The
    management API and other connections are not counted."""

    scim_burst: Annotated[int, Field(ge=1, le=1_000_000)] = 3000
    """Requests that a SCIM connection may send at once after a pause, before the rate holds: a
    first synchronisation of a thousand people passes unhindered."""

    trusted_proxy: str | None = None
    """Address of the proxy in front whose `X-Forwarded-For` and `X-Forwarded-Proto` are
    believed."""

    shutdown_grace: timedelta = timedelta(seconds=30)
    """How long a server that was told to stop waits for the requests in flight."""

    metrics_key: SecretStr | None = None
    """What `/metrics` wants as a bearer token. Without one there is no such path."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least serious entry that is logged; requests are `info`."""

    log_format: Literal["json", "text"] = "json"
    """One JSON object a line for machines, or aligned text for a terminal."""

    @field_validator("base_url")
    @classmethod
    def _is_an_origin(cls, value: HttpUrl) -> HttpUrl:
        if value.path not in (None, "", "/") or value.query or value.fragment or value.username:
            raise ValueError("is an origin: scheme, host and port, without path, query or user")
        return value

    @field_validator("outbound_allow", mode="before")
    @classmethod
    def _is_a_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("mail_from", "smtp_host", "smtp_user")
    @classmethod
    def _is_one_line(cls, value: str | None) -> str | None:
        if value is not None and (not value.isprintable() or not value.strip()):
            raise ValueError("is one printable line")
        return value

    @property
    def name_servers(self) -> tuple[str, ...]:
        """The name servers to ask; none: the system's."""
        return tuple(each.strip() for each in self.dns_servers.split(",") if each.strip())

    @cached_property
    def origin(self) -> str:
        """The base URL without a slash at its end."""
        return str(self.base_url).rstrip("/")

    @property
    def host(self) -> str:
        """Host name of the base URL."""
        return self.base_url.host or "localhost"

    @property
    def sender(self) -> str:
        """The address that mail comes from."""
        return self.mail_from or f"gateway@{self.host}"

    @property
    def on_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return urlsplit(self.database_url.get_secret_value()).scheme.startswith("sqlite")

    @property
    def request_threads(self) -> int:
        """Requests that one process works on at a time."""
        return self.threads or (2 if self.on_sqlite else 4)


def load_settings(**overrides: object) -> Settings:
    """Return the settings of the environment; `overrides` win.

    :raises SettingsError: one line for each setting that is missing or wrong.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "\n".join(
            _problem(entry["loc"], entry["type"], entry["msg"])
            for entry in error.errors(include_input=False)
        )
        raise SettingsError(problems) from None


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    name = str(place[0]) if place else ""
    if kind == "missing":
        text = " ".join((Settings.model_fields[name].description or "").split())
        return f"{PREFIX}{name.upper()} is not set. {text}"
    return f"{PREFIX}{name.upper()}: {message.removeprefix('Value error, ')}"
