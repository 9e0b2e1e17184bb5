"""May this caller pass? The rules of its issuer, one after the other."""

from oauth2_proxy.core.groups import normal_group
from oauth2_proxy.core.printable import printable
from oauth2_proxy.model.settings import Issuer, Rule
from oauth2_proxy.model.verdict import Caller, Denied, Outcome


def authorise(caller: Caller, issuer: Issuer) -> Caller | Denied:
    """The caller itself if one rule holds for it; else a refusal that says what it has and what was asked for."""
    if issuer.allow == "anyone" or any(holds(rule, caller) for rule in issuer.allow):
        return caller
    has = f"groups {printable(sorted(caller.groups))}, scopes {printable(sorted(caller.scopes))}"
    return Denied(
        Outcome.FORBIDDEN,
        f"no rule of {issuer.issuer} lets it in: it has {has}, client {caller.client!r}",
        caller.subject,
    )


def holds(rule: Rule, caller: Caller) -> bool:
    """Whether every condition that the rule has is met."""
    return (
        (rule.groups is None or not caller.groups.isdisjoint(map(normal_group, rule.groups)))
        and (rule.scopes is None or caller.scopes.issuperset(rule.scopes))
        and (rule.subjects is None or caller.subject in rule.subjects)
        and (rule.clients is None or (caller.client != "" and caller.client in rule.clients))
    )
