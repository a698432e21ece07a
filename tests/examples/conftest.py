from tests.end_to_end.conftest import home

__all__ = ["home"]
