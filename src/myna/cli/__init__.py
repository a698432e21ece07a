"""``myna …``: the commands."""
