"""The identity provider of the platform on one machine: a real OpenID provider with the habits of an INDIGO IAM."""
