"""Make a registered version again from what was recorded of it, and say of each stage whether the same bytes came."""
