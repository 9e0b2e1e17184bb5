"""Why somebody isn't let in, for the page that tells them (pages/templates/403.html)."""

from collections.abc import Iterable

from tornado import web


class NotAMember(web.HTTPError):
    """Logged in with the provider, but in none of the groups."""

    def __init__(self, person: str, wanted_groups: Iterable[str], issuer: str) -> None:
        self.person = person
        self.wanted_groups = sorted(wanted_groups)
        self.issuer = issuer
        groups = " or ".join(self.wanted_groups) or "a group (none is configured)"
        self.jupyterhub_message = f"Only members of {groups} may use this platform; {person} is not one of them."
        super().__init__(403, self.jupyterhub_message)


class SomebodyElse(web.HTTPError):
    """The name belongs to another identity: an account was renamed, or its name given to a new person."""

    def __init__(self, name: str) -> None:
        self.jupyterhub_message = (
            f'Here "{name}" is the name of another person\'s account. Ask the administrators to sort it out.'
        )
        super().__init__(403, self.jupyterhub_message)
