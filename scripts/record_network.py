"""Record what chapter 28 shows of a network: see `bookkit.bench.network`."""

import sys

from bookkit.bench.network import main

if __name__ == "__main__":
    sys.exit(main())
