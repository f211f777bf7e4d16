"""A real neutron-server and a real romanad, without Keystone."""
