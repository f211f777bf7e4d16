"""Neutron's own unit tests, pointed at these drivers: ordinary networks must work as without them."""
