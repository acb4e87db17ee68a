"""Settings stop the start when one is missing or wrong, and never show a value."""

import pytest

from gateway.settings import Settings, SettingsError, load_settings

REQUIRED = {
    "GATEWAY_BASE_URL": "https://gateway.example.com",
    "GATEWAY_DATABASE_URL": "postgresql://gateway:hunter2@db/gateway",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"GATEWAY_{name.upper()}", raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named_with_its_meaning(
    environment: pytest.MonkeyPatch, name: str
) -> None:
    environment.delenv(name)
    with pytest.raises(SettingsError, match=f"^{name} is not set. [A-Z]"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEWAY_BASE_URL", "gateway.example.com"),
        ("GATEWAY_BASE_URL", "https://gateway.example.com/below"),
        ("GATEWAY_BASE_URL", "https://user@gateway.example.com"),
        ("GATEWAY_SMTP_SECURITY", "maybe"),
        ("GATEWAY_SMTP_PORT", "0"),
        ("GATEWAY_MAIL_FROM", "a@b.test\r\nBcc: c@d.test"),
        ("GATEWAY_THREADS", "many"),
        ("GATEWAY_MAX_BODY", "large"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert str(refusal.value).startswith(f"{name}: ")
    assert value not in str(refusal.value)


def test_secrets_do_not_show() -> None:
    assert "hunter2" not in repr(load_settings())


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().threads = 9  # type: ignore[misc]


def test_what_follows_from_the_base_url(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert settings.origin == "https://gateway.example.com"
    assert settings.sender == "gateway@gateway.example.com"
    environment.setenv("GATEWAY_MAIL_FROM", "robot@example.com")
    assert load_settings().sender == "robot@example.com"


def test_sqlite_gets_fewer_threads(environment: pytest.MonkeyPatch) -> None:
    assert load_settings().request_threads == 4
    environment.setenv("GATEWAY_DATABASE_URL", "sqlite:///gateway.db")
    assert load_settings().request_threads == 2
    environment.setenv("GATEWAY_THREADS", "8")
    assert load_settings().request_threads == 8
