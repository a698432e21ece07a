"""The catalog of model files; fetching and verifying them."""
