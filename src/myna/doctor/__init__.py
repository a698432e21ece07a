"""``myna doctor``: every part of this machine and of this installation, tried, timed and judged."""
