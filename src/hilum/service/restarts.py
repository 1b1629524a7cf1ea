"""Which settings are only read at the start: a reload names those that changed."""

from typing import Final

from hilum.service.config_settings import Config


def restart_needed(old: Config, new: Config) -> list[str]:
    """Name the settings that changed and are only read at the start."""
    pairs = {
        "gateway.data": (old.gateway.data, new.gateway.data),
        "gateway.workers": (old.gateway.workers, new.gateway.workers),
        "gateway.durability": (old.gateway.durability, new.gateway.durability),
        "gateway.duplicates": (old.gateway.duplicates, new.gateway.duplicates),
        "gateway.reserve_bytes": (old.gateway.reserve_bytes, new.gateway.reserve_bytes),
        "gateway.reserve_percent": (old.gateway.reserve_percent, new.gateway.reserve_percent),
        "sources.dimse.host, port and plain": (_address(old), _address(new)),
        "sources.dimse.limits.instance_bytes_max": (
            old.sources.dimse.limits.instance_bytes_max,
            new.sources.dimse.limits.instance_bytes_max,
        ),
        "sources.web": (_web(old), _web(new)),
        "sources.folder": (old.sources.folder, new.sources.folder),
        "archive": (old.archive, new.archive),
        "cache": (old.cache, new.cache),
        "log": (old.log, new.log),
    }
    return [name for name, (before, after) in pairs.items() if before != after]


# Who may call is looked up at each request, the certificate at each connection.
_RELOADED: Final = (
    *("token", "token_file", "local_access", "callers_from", "metrics_from"),
    *("requests_per_second", "tls", "jwt", "clients"),
)


def _address(config: Config) -> tuple[object, ...]:
    source = config.sources.dimse
    return source.host, source.port, source.plain, source.tls.port if source.tls else None


def _web(config: Config) -> object:
    web = config.sources.web
    port = web.tls.port if web.tls else None
    return port, web.model_dump(exclude=set(_RELOADED))
