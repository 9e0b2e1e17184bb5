"""How much each user and each cluster holds."""

from collections import Counter

from relay.model.refusal import Outcome, Refusal


class Shares:
    """Counts one kind of thing by user and by cluster, up to a limit for each."""

    def __init__(self, what: str, per_user: int, per_cluster: int) -> None:
        self._what = what
        self._limits = {Outcome.USER_LIMIT: per_user, Outcome.CLUSTER_LIMIT: per_cluster}
        self._held: dict[Outcome, Counter[str]] = {Outcome.USER_LIMIT: Counter(), Outcome.CLUSTER_LIMIT: Counter()}

    def take(self, user: str, cluster: str) -> None:
        """Count one more. Raises Refusal, with nothing counted."""
        names = {Outcome.USER_LIMIT: user, Outcome.CLUSTER_LIMIT: cluster}
        for limit, name in names.items():
            if self._held[limit][name] >= self._limits[limit]:
                whose = "of one user" if limit is Outcome.USER_LIMIT else "of one cluster"
                allowed = f"{self._limits[limit]} {self._what} {whose} are allowed"
                raise Refusal(limit, f"{allowed}. Use fewer workers, or ask the platform's administrators.")
        for limit, name in names.items():
            self._held[limit][name] += 1

    def give_back(self, user: str, cluster: str) -> None:
        for limit, name in ((Outcome.USER_LIMIT, user), (Outcome.CLUSTER_LIMIT, cluster)):
            self._held[limit][name] -= 1
            if self._held[limit][name] <= 0:
                del self._held[limit][name]
