"""Container images without a registry: built here, named by what they are made of, imported where they are needed."""
