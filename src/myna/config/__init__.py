"""The settings: one tree of the general sections and the engines' own. This room alone reads files and environment.

Why not the sources of pydantic-settings: in every source a setting has to be told from a typing error, with file, line
and the plain names that share a key, and the sections come from packages that Myna does not know. The models are
pydantic's, ``.env`` is read by python-dotenv, TOML by tomllib; `myna.config.gather` puts them in order.
"""
