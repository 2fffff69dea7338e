"""The audit pack: one archive about one version that can be checked offline, by the file verify.py in it and a key."""
