"""How we show an HTTP server who we are: the section `auth` of a destination. Values only."""

from typing import Final, Literal, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from hilum.destinations.http.web_address import web_address
from hilum.kernel.setting_types import LocalPath

AuthType = Literal["none", "basic", "bearer", "api_key", "oauth2", "google", "azure"]

_SECRET_MAX: Final = 65536

# What each type needs, and what it may have besides. `..._file` goes with its secret.
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "basic": ("user", "password"),
    "bearer": ("token",),
    "api_key": ("api_key",),
    "oauth2": ("token_url", "client_id", "client_secret"),
    "google": ("service_account",),
    "azure": ("tenant", "client_id", "client_secret"),
}
_ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "api_key": ("header",),
    "oauth2": ("scope", "audience", "client_authentication"),
    "google": ("scope",),
    "azure": ("scope", "token_url"),
}
_SECRETS: Final = ("password", "token", "api_key", "client_secret", "service_account")


def _secret(description: str) -> SecretStr | None:
    field: SecretStr | None = Field(
        default=None,
        min_length=1,
        max_length=_SECRET_MAX,
        description=description,
        examples=["change-me"],
    )
    return field


def _secret_file(content: str) -> LocalPath | None:
    field: LocalPath | None = Field(
        default=None,
        description=f"File whose content is {content}; the last line break is dropped.",
        examples=["/run/secrets/pacs"],
    )
    return field


class AuthSettings(BaseModel, frozen=True, extra="forbid"):
    """Who we say we are. A client certificate is set beside it: `certificate` and `key`."""

    type: AuthType = Field(
        default="none",
        description="How we log in. oauth2: client credentials; google: a service account; azure: "
        "an application of a tenant.",
    )
    user: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="User name, for basic.",
        examples=["hilum"],
    )
    password: SecretStr | None = _secret("Password, for basic. Better in a file: password_file.")
    password_file: LocalPath | None = _secret_file("the password")
    token: SecretStr | None = _secret("The token, for bearer. Better in a file: token_file.")
    token_file: LocalPath | None = Field(
        default=None,
        description="File whose content is the token. It is read again now and then, so that "
        "something else may renew it.",
        examples=["/run/secrets/token"],
    )
    header: str = Field(
        default="X-API-Key",
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="The header that carries the key, for api_key.",
    )
    api_key: SecretStr | None = _secret("The key, for api_key. Better in a file: api_key_file.")
    api_key_file: LocalPath | None = _secret_file("the key")
    token_url: str | None = Field(
        default=None,
        description="Where tokens are given out, for oauth2 (RFC 6749 §3.2). azure knows its own.",
        examples=["https://login.example.com/oauth2/token"],
    )
    client_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Who we are, for oauth2 and azure.",
        examples=["hilum"],
    )
    client_secret: SecretStr | None = _secret("Our secret, for oauth2 and azure.")
    client_secret_file: LocalPath | None = _secret_file("our secret")
    client_authentication: Literal["basic", "body"] = Field(
        default="basic",
        description="How the secret is sent, for oauth2: in a header, as every server must take "
        "it, or in the form (RFC 6749 §2.3.1).",
    )
    scope: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="What the token shall be good for. google and azure have a default.",
        examples=["dicom.write"],
    )
    audience: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Whom the token shall be for, where an oauth2 server asks for it.",
        examples=["https://dicom.example.com"],
    )
    tenant: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9.-]{1,253}$",
        description="Identifier or domain of the directory, for azure.",
        examples=["hospital.example.org"],
    )
    service_account: SecretStr | None = _secret("The key file of the account as text, for google.")
    service_account_file: LocalPath | None = _secret_file(
        "the key of the service account, the JSON as Google gives it"
    )

    @field_validator("token_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        return url if url is None else web_address(url)

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> Self:
        needed, kind = _NEEDED[self.type], self.type
        given = {
            name.removesuffix("_file")
            for name in self.model_fields_set - {"type"}
            if getattr(self, name) is not None
        }
        missing = [name for name in needed if name not in given]
        if missing:
            words = " and ".join(_spelt(name) for name in missing)
            raise ValueError(f'auth.type = "{kind}" needs {words}')
        strange = sorted(given - {*needed, *_ALLOWED.get(kind, ())})
        if strange:
            raise ValueError(f'auth.type = "{kind}" does not use {" and ".join(strange)}')
        return self


def _spelt(name: str) -> str:
    return f"{name} (or {name}_file)" if name in _SECRETS else name
