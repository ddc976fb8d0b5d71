"""``python -m oneshot_server``, for where the ``oneshot`` program is not on the path."""

from oneshot_server.cli import main

if __name__ == "__main__":
    main()
