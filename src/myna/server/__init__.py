"""The FastAPI app: routes, errors, start and stop."""
