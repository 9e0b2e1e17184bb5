"""The values file of the administrators' page installs, and its hub has what the page promises."""

import re
from collections.abc import Iterator

import yaml
from markdown_it import MarkdownIt

from tests.charts.navigation import of_kind, one
from tests.charts.rendering import ROOT, Chart, Values, merged
from tests.schemas import validate

PAGE = ROOT / "docs" / "platform-administrators.md"


def test_the_values_file_of_the_page_installs(chart: Chart) -> None:
    names = {each["metadata"]["name"] for each in of_kind(chart.render(_example()), "Deployment")}
    assert names == {"hub", "proxy", "tokens"}


def test_the_values_of_the_table_fit_it(chart: Chart) -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = re.findall(r"`(jupyterhub\.custom\.highrate[\w.]*): (\{.*?\})`", text)
    assert len(shown) == 2
    for path, braces in shown:
        change: Values = yaml.safe_load(braces)
        for key in reversed(path.split(".")):
            change = {key: change}
        assert chart.render(merged(_example(), change))


def test_the_secrets_of_the_page_are_those_that_the_release_looks_for(chart: Chart) -> None:
    text = PAGE.read_text(encoding="utf-8")
    made = set(re.findall(r"kubectl create secret \w+ (\S+)", text))
    mounted = {
        volume["secret"]["secretName"]
        for workload in of_kind(chart.render(_example()), "Deployment")
        for volume in workload["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert made == mounted - {each["metadata"]["name"] for each in of_kind(chart.render(_example()), "Secret")}


def test_what_is_asked_at_login_covers_the_profiles_of_tokens(chart: Chart) -> None:
    values = yaml.safe_load((chart.folder / "values.yaml").read_text(encoding="utf-8"))
    asked = set(_example()["jupyterhub"]["hub"]["config"]["IAMAuthenticator"]["scope"])
    for profile in values["tokens"]["profiles"].values():
        assert set(profile["scope"].split()) <= asked


def test_what_the_page_says_of_dask_installs_on_top_of_it(chart: Chart) -> None:
    _, local, remote, *_ = _examples()
    without_site = merged(_example(), local)
    names = {each["metadata"]["name"] for each in of_kind(chart.render(without_site), "Deployment", "StatefulSet")}
    assert names == {"hub", "proxy", "tokens", "dask-gateway", "dask-proxy"}
    names = {each["metadata"]["name"] for each in chart.render(merged(without_site, remote))}
    assert {"relay", "relay-0", "relay-1"} <= names
    assert remote["dask"]["namespace"] in PAGE.read_text(encoding="utf-8").split("kubectl create namespace ")[2]


def test_the_page_s_ingress_leads_each_address_of_the_relay_to_its_member(chart: Chart) -> None:
    values, local, remote, ingress, _ = _examples()
    validate(ingress)
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] in ingress["spec"]["tls"][0]["hosts"]
    assert rule["host"] not in values["jupyterhub"]["proxy"]["https"]["hosts"], "that leads to the proxy"
    objects = chart.render(merged(merged(values, local), remote))
    members = {}
    for path in rule["http"]["paths"]:
        backend = path["backend"]["service"]
        (port,) = one(objects, "Service", backend["name"])["spec"]["ports"]
        assert port["port"] == backend["port"]["number"]
        members[f"{backend['name']}.yaml"] = f"https://{rule['host']}{path['path']}"
    settings = one(objects, "ConfigMap", "relay")["data"]
    assert {name: yaml.safe_load(text)["url"] for name, text in settings.items()} == members


def test_the_page_s_site_with_a_job_channel_installs_on_top_of_it(chart: Chart) -> None:
    *_, site = _examples()
    objects = chart.render(merged(_example(), site))
    assert [each["metadata"]["name"] for each in of_kind(objects, "Ingress")] == ["site-one-pool-channel"]
    (port,) = next(each for each in objects if each["metadata"]["name"] == "site-one-pool-channel")["spec"]["ports"]
    assert f"port {port['port']} of the Service" in PAGE.read_text(encoding="utf-8")


def _example() -> Values:
    return _examples()[0]


def _examples() -> list[Values]:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


def test_every_figure_says_with_which_chart_of_jupyterhub_it_was_taken() -> None:
    """In a column of its table, or for the whole table in the paragraph before it."""
    tables = list(_tables((ROOT / "docs" / "performance.md").read_text(encoding="utf-8")))
    assert tables
    for before, (head, *rows) in tables:
        if "JupyterHub's chart" in head:
            said = [row[head.index("JupyterHub's chart")].split()[0] for row in rows]
        else:
            said = re.findall(r"\(chart of JupyterHub: (\S+)\)", before)
        assert said and set(said) <= {"none", "stand-in", "z2jh"}, head


def _tables(text: str) -> Iterator[tuple[str, list[list[str]]]]:
    """Each table of a page as rows of cells, the head first, with the paragraph that stands before it."""
    before, rows, table = "", [[""]], False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            rows, table = [], True
        elif token.type == "table_close":
            table = False
            yield before, rows
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and table:
            rows[-1].append(token.content)
        elif token.type == "inline":
            before = token.content
