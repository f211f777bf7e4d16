"""Neutron gets its addresses and ports from Romana: thin drivers over romanad's REST API."""
