"""Keys and certificates given by administrators: to make them takes the chart longer than all the rest of a rendering."""

from tests.charts.rendering import Values

TOKENS_CERTIFICATE: Values = {
    "tokens": {"existingTlsSecret": "tokens-tls"},
    "jupyterhub": {"custom": {"highrate": {"tokens": {"caConfigMap": "tokens-authority"}}}},
}
DASK_KEYS: Values = {"dask": {"existingSecret": "keys-of-dask"}}
# of ci/two-sites-values.yaml, the site that is driven from the cluster
EDGE_CERTIFICATE: Values = {"sites": {"schedd": {"edge": {"existingTlsSecret": "edge-tls"}}}}
ALL_KEYS: Values = {**TOKENS_CERTIFICATE, **DASK_KEYS, **EDGE_CERTIFICATE}
