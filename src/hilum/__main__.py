"""`python -m hilum` is the same as `hilum`."""

from hilum.cli import main

if __name__ == "__main__":
    main()
