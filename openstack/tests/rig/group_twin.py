"""What Neutron's security groups mean for a first packet: each rule looked at for each flow, nothing of Romana's."""

import ipaddress

NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "ipv6-icmp": 58, "icmpv6": 58}


def allows(ports, rules, flow):
    """Whether source and destination both let a flow pass, of ports and rules as Neutron's API answers them."""
    source, destination, *_ = flow
    leaves = passes(ports, rules, source, destination, "egress", flow)
    return leaves and passes(ports, rules, destination, source, "ingress", flow)


def passes(ports, rules, own, other, direction, flow):
    port = port_of(ports, own)
    if port is None or not port["port_security_enabled"]:
        return True
    mine = [rule for rule in rules if rule["security_group_id"] in port["security_groups"]]
    return any(rule["direction"] == direction and matches(ports, rule, other, flow) for rule in mine)


def matches(ports, rule, other, flow):
    version = ipaddress.ip_address(other).version
    if rule["ethertype"] != f"IPv{version}":
        return False
    if rule["remote_group_id"] is not None:
        member = port_of(ports, other)
        if member is None or rule["remote_group_id"] not in member["security_groups"]:
            return False
    prefix = rule["remote_ip_prefix"]
    if prefix is not None and ipaddress.ip_address(other) not in ipaddress.ip_network(prefix):
        return False
    return is_of_kind(rule, version, flow)


def is_of_kind(rule, version, flow):
    _, _, protocol, port, icmp_type, icmp_code = flow
    if rule["protocol"] is None:
        return True
    wanted = NUMBERS.get(rule["protocol"]) or int(rule["protocol"])
    if version == 6 and wanted == 1:
        wanted = 58
    if wanted != protocol:
        return False
    first, last = rule["port_range_min"], rule["port_range_max"]
    if first is None:
        return True
    if wanted in (1, 58):
        return icmp_type == first and last in (None, icmp_code)
    return first <= port <= last


def port_of(ports, address):
    return next((port for port in ports if address in [ip["ip_address"] for ip in port["fixed_ips"]]), None)
