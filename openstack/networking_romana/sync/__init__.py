"""``neutron-romana-sync``: both sides compared, and mended when asked."""
