"""What the programs of a session are told by environment variables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.hub_config.conftest import configured
from tests.unit.hub_config.test_pods import container, environment, manifest

Make = Callable[..., Any]
CLIENT = Path(__file__).parents[3] / "client" / "src"


async def test_programs_are_told_places_and_no_tokens(spawner: Make) -> None:
    found = environment(await manifest(spawner()))
    expected = {
        "HOME": "/home/jovyan",
        "XDG_RUNTIME_DIR": "/run/highrate",
        "BEARER_TOKEN_FILE": "/run/highrate/bt_u1000",
        "X509_USER_PROXY": "/run/highrate/x509up_u1000",
        "HIGHRATE_TOKENS_URL": "https://tokens:8443",
        "HIGHRATE_TOKEN_PROFILE": "storage",
        "HIGHRATE_CA_FILE": "/etc/highrate/ca/ca.crt",
        "JUPYTER_IMAGE": "registry.test/analysis:2",
    }
    assert expected.items() <= found.items()
    # the hub's own for the server; JPY_API_TOKEN is its older name
    secrets = {name for name in found if "TOKEN" in name or "SECRET" in name} - {"JPY_API_TOKEN"}
    assert secrets == {"BEARER_TOKEN_FILE", "HIGHRATE_TOKENS_URL", "HIGHRATE_TOKEN_PROFILE", "JUPYTERHUB_API_TOKEN"}


async def test_every_variable_that_only_our_programs_know_has_a_reader(spawner: Make) -> None:
    client = "".join(file.read_text(encoding="utf-8") for file in CLIENT.rglob("*.py"))
    ours = {name for name in environment(await manifest(spawner())) if name.startswith("HIGHRATE_")}
    assert ours == {name for name in ours if name in client} != set()


async def test_sessions_that_scale_out_find_the_gateway_and_start_workers_from_their_own_image(spawner: Make) -> None:
    dask: dict[str, Any] = {"dask": {"enabled": True, "url": "http://dask-proxy.hub.svc:8000"}}
    wanted = {
        "DASK_GATEWAY__ADDRESS": "http://dask-proxy.hub.svc:8000",
        "DASK_GATEWAY__AUTH__TYPE": "jupyterhub",
        "DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE": "registry.test/analysis:2",
    }
    assert wanted.items() <= environment(await manifest(spawner(**dask))).items()
    assert not wanted.keys() & environment(await manifest(spawner({"image": "base"}, **dask))).keys()
    assert not wanted.keys() & environment(await manifest(spawner())).keys()


async def test_an_image_of_ones_own_finds_the_gateway_too_and_is_its_workers_image(spawner: Make) -> None:
    given = {"reference": "Registry.test/mine:1"}
    found = environment(await manifest(spawner(given, dask={"enabled": True, "url": "http://dask-proxy:8000"})))
    assert found["DASK_GATEWAY__ADDRESS"] == "http://dask-proxy:8000"
    assert found["DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE"] == "registry.test/mine:1"
    assert not [name for name in environment(await manifest(spawner(given))) if name.startswith("DASK_GATEWAY__")]


async def test_a_second_start_has_nothing_of_the_first(spawner: Make) -> None:
    """JupyterHub keeps the spawner of a server that was stopped."""
    one = spawner({"cores": 8}, dask={"enabled": True, "url": "http://dask-proxy.hub.svc:8000"})
    assert environment(await manifest(one))["DASK_GATEWAY__ADDRESS"] == "http://dask-proxy.hub.svc:8000"
    one.user_options = {"image": "base"}
    pod = await manifest(one)
    assert not [name for name in environment(pod) if name.startswith("DASK_GATEWAY__")]
    assert container(pod)["resources"]["limits"]["cpu"] == 2.0


async def test_braces_in_an_address_are_text(spawner: Make) -> None:
    """KubeSpawner runs str.format over what an administrator sets."""
    tokens = {"url": "https://tokens/{x}"}
    assert environment(await manifest(spawner(tokens=tokens)))["HIGHRATE_TOKENS_URL"] == "https://tokens/{x}"


async def test_an_administrators_variable_does_not_move_the_token_file(spawner: Make) -> None:
    c = configured()
    c.KubeSpawner.environment = {"BEARER_TOKEN_FILE": "/home/jovyan/token", "THEIRS": "1"}
    found = environment(await manifest(spawner(config=c)))
    assert (found["BEARER_TOKEN_FILE"], found["THEIRS"]) == ("/run/highrate/bt_u1000", "1")
