"""Rules of one part of a document each. `validation` asks them all."""
