"""Why there is no answer."""


class Problem(Exception):
    """Why there is no answer, in a sentence or two that say what can be done.

    Attributes:
        code: Stable: ``unreachable``, ``starting``, ``timed_out``, ``cut_off``, ``wrong_key``, ``refused``, ``failed``,
            ``not_myna``, ``empty_prompt``, ``too_long``, ``busy``, ``inactive``, ``stopped``.
        message: What is told.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


INACTIVE = Problem("inactive", "The node is not active. Activate it: ros2 lifecycle set NODE activate.")
STOPPED = Problem("stopped", "The node is shutting down.")


class Closed(Exception):
    """It was closed from this side: nobody wants the answer any more."""
