"""`python -m fbr.fake`."""

from fbr.fake.cli import main

if __name__ == "__main__":
    main()
