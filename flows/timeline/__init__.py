"""The page that tells a ledger to people: build/audit/index.html, and beside it the tree of each version.

Everything is inside: style, pictures, texts. Nothing is loaded from anywhere, and there is no script. All text is
escaped. What is recent is told in detail; older months are folded, so that a thousand versions stay readable.
"""
