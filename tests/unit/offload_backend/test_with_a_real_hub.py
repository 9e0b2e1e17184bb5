"""What the fake hub of the other tests is believed for: a JupyterHub process answers and takes what the gateway says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from offload_backend.io.hub import Hub

from tests.unit.hub_config.conftest import values
from tests.unit.hub_config.running_hub import SERVICE_TOKEN
from tests.unit.hub_config.running_hub import running as running_hub

IAM = {"issuer": "https://127.0.0.1:9/", "client_id": "hub", "client_secret": "secret", "allowed_groups": ["/icsc"]}


async def test_a_hub_says_who_has_servers_and_takes_the_time_of_activity(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(SERVICE_TOKEN)
    async with running_hub(tmp_path, IAM, values()) as real:
        asked = Hub(f"{real.url}hub/api", token)
        async with asked.client:
            assert await asked.servers("anna") == [], "whom nobody knows"
            assert (await real.api("POST", "users/anna"))[0] == 201
            assert await asked.servers("anna") == []
            now = datetime.now(UTC) + timedelta(seconds=30)
            await asked.keep_active("anna", [], now)
            _, anna = await real.api("GET", "users/anna")
            assert abs(datetime.fromisoformat(anna["last_activity"]) - now) < timedelta(seconds=1)
