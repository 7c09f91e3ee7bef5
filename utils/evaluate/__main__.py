import sys

from utils.evaluate import main

sys.exit(main())
