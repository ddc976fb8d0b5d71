"""A Python client of the daemon: three calls, blocking or async.

::

    from oneshot_server.client import Oneshot

    with Oneshot() as oneshot:
        for sound in oneshot.generate("punchy kick", count=4):
            print(sound.path)

``generate``, ``trigger`` and ``train`` return when the daemon has accepted the job, which is then
certain to end; iterate over it for what it makes. Packets that get lost are sent again. Whatever
the daemon refuses is raised as the error of ``oneshot_server.errors`` that it raised itself.
"""

from oneshot_server.client.asynchronous import AsyncJob, AsyncOneshot
from oneshot_server.client.blocking import Job, Oneshot
from oneshot_server.client.keys import GenerateKeys, Sound, Training

__all__ = ["AsyncJob", "AsyncOneshot", "GenerateKeys", "Job", "Oneshot", "Sound", "Training"]
