"""`python -m clb_simulator`, and the entry point of the command `clb-simulator`."""

from clb_simulator.cli import main

if __name__ == "__main__":
    main()
