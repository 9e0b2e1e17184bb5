"""Plain data: settings and the facts that pods are made of."""
