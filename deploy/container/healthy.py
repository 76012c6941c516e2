"""Whether the process in this container answers, for health checks: `/readyz` of a server, or the URL that is given."""

import os
import sys
import urllib.request

url = sys.argv[1] if len(sys.argv) > 1 else f"http://127.0.0.1:{os.environ.get('LIMNER_PORT', '8000')}/readyz"
try:
    urllib.request.urlopen(url, timeout=4).close()
except OSError as error:  # a status that is an error is one, too
    sys.exit(f"not ready: {error}")
