"""Draw the pictures of the README; see `bookkit/assets/picture.py`."""

import sys

from bookkit.assets.picture import main

if __name__ == "__main__":
    sys.exit(main())
