"""What lies in deploy/ can be read by what it is for, and calls commands that there are.

No container is started here: that needs an engine.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cli.app import app
from domain.eventstore.database import parse_database_url

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMMANDS = {command.name for command in app.registered_commands}


def services(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())["services"]
    return found


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_compose_file_names_services_files_and_commands_that_there_are(path: Path) -> None:
    found = services(path)
    for name, service in found.items():
        assert service["image"], name
        for other in service.get("depends_on", {}):
            condition = service["depends_on"][other]["condition"]
            if condition == "service_healthy":
                assert found[other]["healthcheck"]["test"], (name, other)
            else:
                assert condition == "service_completed_successfully"
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).is_file(), volume
            else:
                assert source in yaml.safe_load(path.read_text())["volumes"]
        if service["image"] == "zhangfang":
            assert service["command"][0] in COMMANDS
            if "build" in service:
                assert (DEPLOY / service["build"]["context"] / "deploy/Dockerfile").is_file()
            url = re.sub(r"\$\{CELL:-(\w+)\}", r"\1", service["environment"]["ZHANGFANG_DATABASE"])
            assert parse_database_url(re.sub(r"\$\{\w+\}", "secret", url)).schema == "cell_0"
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "a proxy with TLS stands before it"


def test_every_node_of_citus_has_the_two_settings() -> None:
    nodes = [one for one in services(DEPLOY / "compose.citus.yaml").values() if "volumes" in one]
    assert len(nodes) == 3
    for node in nodes:
        assert "citus.enable_schema_based_sharding=on" in node["command"]
        assert "citus.enable_unsafe_triggers=on" in node["command"]


def test_the_image_is_built_from_what_is_here() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    local = [name for name in copied if not name.startswith(("/", "--"))]
    assert all((ROOT / name).exists() for name in local)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages <= set(local)
    assert any(line.startswith("USER ") and line != "USER root" for line in lines)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_understood_by_systemd(path: Path, tmp_path: Path) -> None:
    for unit in UNITS:  # The timer looks for its service.
        text = unit.read_text()
        for program, command in re.findall(r"^ExecStart=(\S+) (\S+)", text, re.MULTILINE):
            assert program.endswith("/bin/zhangfang")
            assert command in COMMANDS
        # Not installed here: any program stands for it, and no page of documentation is looked for.
        text = text.replace("/opt/zhangfang/bin/zhangfang", "/bin/true")
        text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here")
    command = [program, "verify", "--man=no", str(tmp_path / path.name)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_script_that_makes_roles_is_a_script() -> None:
    script = DEPLOY / "create-roles.sh"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", script]).returncode == 0
