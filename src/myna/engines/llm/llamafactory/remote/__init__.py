"""What runs where the model is: it drives ``llamafactory-cli``, and knows nothing of Myna.

`myna llamafactory deploy` copies this folder there as one file, a zip archive that Python runs. So it imports nothing
of ours but itself, and needs Python 3.8 or newer and pexpect::

    python myna_llamafactory.pyz ARGUMENT            one question; one line of JSON on standard output
    python myna_llamafactory.pyz --serve ARGUMENT    the model stays loaded; JSON lines both ways
    python myna_llamafactory.pyz --api ARGUMENT      `llamafactory-cli api` on a loopback port; JSON lines too

ARGUMENT is a JSON object, or ``-``: then it is the first line of standard input. It has ``base_model_path``,
``template`` and ``adapter_path`` (may be empty), and for one question ``message`` with ``history`` and ``system``,
which may be left out; `settings.Settings` has the rest. What is said to it and what it says while it stays:
``docs/llamafactory.md``.

Whatever starts here ends with it: when standard input ends, when nobody has written to it for ``idle_s``, and by
signals.
"""
