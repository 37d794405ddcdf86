"""What a server in a process of its own is told of its channels and its vault."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.cli.vault import add_key


def with_vault(directory: Path, channels: Mapping[str, Any]) -> dict[str, str]:
    """Settings of a server with these channels and a vault of its own, both in a directory."""
    settings, key = directory / "channels.json", directory / "vault.key"
    settings.write_text(json.dumps(channels))
    settings.chmod(0o600)
    add_key(key)
    return {
        "ZHANGFANG_CHANNELS": str(settings),
        "ZHANGFANG_VAULT_KEY_FILE": str(key),
        "ZHANGFANG_VAULT": f"sqlite:///{directory / 'vault.db'}",
    }
