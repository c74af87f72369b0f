"""A fake of FBR, Digital Invoicing and POS, for development and as the oracle of our tests.

A real HTTP server with a ledger of its own. It validates as FBR does, by its own rules and its
own arithmetic: it imports nothing of the product, so the two cannot be wrong together.

Run it: `python -m fbr.fake --port 9000`, `python manage.py fake_fbr`, or `FakeFbr` in a test.
Control it: `fbr.fake.control`. Break it: the vocabulary of faults is in `fbr.fake.faults`, what it
varies without being broken in `fbr.fake.manners`, its lists in `fbr.fake.list_changes`.

Where FBR's documents are silent or disagree, it takes the stricter reading:
a request FBR might refuse is refused here, so whatever passes here has the best chance there.
"""

from fbr.fake.manners import Manners
from fbr.fake.running import FakeFbr

__all__ = ["FakeFbr", "Manners"]
