"""Rendezvous for connections to places that can only dial out."""
