import { describe, expect, test } from "vitest";
import { AgentScene } from "../../test/support/agent-scene.ts";

describe("an agent that starts on a new host", () => {
  test("makes gateway, rules and routes, and reports", async () => {
    const scene = await new AgentScene().start();
    expect(scene.text()).toMatchInlineSnapshot(`
      "address 10.1.0.1/32 of 32 dev romana-gw
      address 192.168.0.1/24 of 32 dev eth0
      address fd00:10:0:100::1/128 of 128 dev romana-gw
      address fd99::1/64 of 128 dev eth0
      link eth0 - up
      link lo - up
      link romana-gw dummy up
      route blackhole 10.1.0.0/16 metric 0 proto 114
      route blackhole fd00:10:0:100::/56 metric 1024 proto 114
      route unicast 10.2.0.0/16 via 192.168.0.2 dev eth0 metric 0 proto 114
      route unicast 192.168.0.0/24 dev eth0 src 192.168.0.1 metric 0 proto 2
      route unicast fd00:10:0:100::1/128 dev romana-gw metric 256 proto 2
      route unicast fd00:10:0:200::/56 via fd99::2 dev eth0 metric 1024 proto 114
      route unicast fd99::/64 dev eth0 metric 256 proto 2
      table inet romana {
      	counter spoofed-source {
      	}

      	counter isolation {
      	}

      	counter from-outside {
      	}

      	counter to-host {
      	}

      	counter multicast {
      	}

      	set endpoint_devices {
      		type ifname
      		comment "devices of own endpoints"
      	}

      	set bound4 {
      		type iface_index . ipv4_addr
      		comment "device and the source that it may send from"
      	}

      	set bound6 {
      		type iface_index . ipv6_addr
      		comment "device and the source that it may send from"
      	}

      	set gateway_services {
      		type inet_proto . inet_service
      		comment "what endpoints may use at the gateway address"
      	}

      	set open4 {
      		type ipv4_addr
      		comment "tenants that everybody reaches"
      		elements = { 10.0.3.0 }
      	}

      	set same_tenant4 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one tenant"
      		elements = { 10.0.2.0 . 10.0.2.0 }
      	}

      	set same_segment4 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one segment"
      		elements = { 10.0.1.16 . 10.0.1.16, 10.0.1.32 . 10.0.1.32, 10.0.1.32 . 10.0.1.48, 10.0.1.48 . 10.0.1.32, 10.0.1.48 . 10.0.1.48 }
      	}

      	set same_segment4_2 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one segment"
      		elements = { 10.0.1.136 . 10.0.1.136 }
      	}

      	set same_segment4_3 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one segment"
      		elements = { 10.0.1.136 . 10.0.1.32, 10.0.1.136 . 10.0.1.48 }
      	}

      	set same_segment4_4 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one segment"
      		elements = { 10.0.1.32 . 10.0.1.136, 10.0.1.48 . 10.0.1.136 }
      	}

      	set open6 {
      		type ipv6_addr
      		comment "tenants that everybody reaches"
      		elements = { fd00:10:0:0:3:: }
      	}

      	set same_tenant6 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one tenant"
      		elements = { fd00:10:0:0:2:: . fd00:10:0:0:2:: }
      	}

      	set same_segment6 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one segment"
      		elements = { fd00:10::1:1:0:0 . fd00:10::1:1:0:0, fd00:10::1:2:0:0 . fd00:10::1:2:0:0, fd00:10::1:2:0:0 . fd00:10::1:3:0:0, fd00:10::1:3:0:0 . fd00:10::1:2:0:0, fd00:10::1:3:0:0 . fd00:10::1:3:0:0 }
      	}

      	set same_segment6_2 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one segment"
      		elements = { fd00:10::1:8:8000:0 . fd00:10::1:8:8000:0 }
      	}

      	set same_segment6_3 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one segment"
      		elements = { fd00:10::1:8:8000:0 . fd00:10::1:2:0:0, fd00:10::1:8:8000:0 . fd00:10::1:3:0:0 }
      	}

      	set same_segment6_4 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one segment"
      		elements = { fd00:10::1:2:0:0 . fd00:10::1:8:8000:0, fd00:10::1:3:0:0 . fd00:10::1:8:8000:0 }
      	}

      	chain to_endpoint4 {
      		ip daddr & 255.0.255.0 @open4 accept
      		ip saddr & 255.0.255.0 . ip daddr & 255.0.255.0 @same_tenant4 accept
      		ip saddr & 255.0.255.240 . ip daddr & 255.0.255.240 @same_segment4 accept
      		ip saddr & 255.0.255.248 . ip daddr & 255.0.255.248 @same_segment4_2 accept
      		ip saddr & 255.0.255.248 . ip daddr & 255.0.255.240 @same_segment4_3 accept
      		ip saddr & 255.0.255.240 . ip daddr & 255.0.255.248 @same_segment4_4 accept
      		ip saddr 10.0.0.0/8 counter name isolation drop
      		counter name from-outside drop
      	}

      	chain to_endpoint6 {
      		ip6 daddr & ffff:ffff:0:ff:ffff:: @open6 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:: . ip6 daddr & ffff:ffff:0:ff:ffff:: @same_tenant6 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:ffff:: . ip6 daddr & ffff:ffff:0:ff:ffff:ffff:: @same_segment6 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:ffff:8000:0 . ip6 daddr & ffff:ffff:0:ff:ffff:ffff:8000:0 @same_segment6_2 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:ffff:8000:0 . ip6 daddr & ffff:ffff:0:ff:ffff:ffff:: @same_segment6_3 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:ffff:: . ip6 daddr & ffff:ffff:0:ff:ffff:ffff:8000:0 @same_segment6_4 accept
      		ip6 saddr fd00:10::/32 counter name isolation drop
      		counter name from-outside drop
      	}

      	chain from_endpoint4 {
      		iif . ip saddr != @bound4 counter name spoofed-source drop
      		ip daddr 10.1.0.0/16 goto to_endpoint4
      	}

      	chain from_endpoint6 {
      		iif . ip6 saddr != @bound6 counter name spoofed-source drop
      		ip6 daddr fd00:10:0:100::/56 goto to_endpoint6
      	}

      	chain unbound {
      		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 ip6 saddr { ::, fe80::/10 } accept
      		meta pkttype { broadcast, multicast } counter name multicast drop
      		counter name spoofed-source drop
      	}

      	chain to_host {
      		icmp type redirect counter name to-host drop
      		ct state established,related accept
      		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
      		meta pkttype { broadcast, multicast } counter name multicast drop
      		ip daddr 10.1.0.1 icmp type echo-request accept
      		ip daddr 10.1.0.1 meta l4proto . th dport @gateway_services accept
      		ip6 daddr fd00:10:0:100::1 icmpv6 type echo-request accept
      		ip6 daddr fd00:10:0:100::1 meta l4proto . th dport @gateway_services accept
      		counter name to-host drop
      	}

      	chain to_host4 {
      		iif . ip saddr != @bound4 counter name spoofed-source drop
      		goto to_host
      	}

      	chain to_host6 {
      		iif . ip6 saddr != @bound6 counter name spoofed-source drop
      		goto to_host
      	}

      	chain forward {
      		type filter hook forward priority filter; policy accept;
      		iif 2 ip saddr != 10.1.0.0/16 ct state established,related accept
      		iif . ip saddr @bound4 ct state established,related accept
      		iif 2 ip6 saddr != fd00:10:0:100::/56 ct state established,related accept
      		iif . ip6 saddr @bound6 ct state established,related accept
      		ip saddr 10.1.0.0/16 goto from_endpoint4
      		ip6 saddr fd00:10:0:100::/56 goto from_endpoint6
      		iifname @endpoint_devices counter name spoofed-source drop
      		ct state established,related accept
      		ip daddr 10.1.0.0/16 goto to_endpoint4
      		ip6 daddr fd00:10:0:100::/56 goto to_endpoint6
      	}

      	chain input {
      		type filter hook input priority filter; policy accept;
      		iif lo accept
      		ip saddr 10.1.0.0/16 goto to_host4
      		ip6 saddr fd00:10:0:100::/56 goto to_host6
      		iifname @endpoint_devices goto unbound
      	}
      }
      "
    `);
    await scene.timers.advance(500);
    expect(scene.romanad.reports.at(-1)).toMatchObject({ state: "ok", problems: [], attachments: 0 });
  });

  test("attaches", async () => {
    const scene = await new AgentScene().start();
    const { attachment } = await scene.attach();
    expect(attachment).toMatchInlineSnapshot(`
      {
        "attach": {
          "interface": "eth1",
          "kind": "netns",
          "netns": "/run/netns/web",
        },
        "device": "rom0a010111",
        "endpoint": {
          "addresses": {
            "ipv4": {
              "family": 4,
              "value": 167837969n,
            },
            "ipv6": {
              "family": 6,
              "value": 336294684201234320795259352096547274753n,
            },
          },
          "code": {
            "code": 1,
            "extraBits": 0,
          },
          "createdAt": 1000041,
          "endpointId": 1,
          "host": "host-1",
          "name": "web-1",
          "network": "default",
          "revision": 41,
          "segment": "web",
          "tenant": "acme",
        },
        "gateways": {
          "ipv4": {
            "family": 4,
            "value": 167837697n,
          },
          "ipv6": {
            "family": 6,
            "value": 336294684201234320795259070617275596801n,
          },
        },
        "interface": "eth1",
        "mac": "06:00:00:00:00:04",
        "mtu": 1500,
        "state": "attached",
      }
    `);
    expect(scene.text()).toMatchInlineSnapshot(`
      "address 10.1.0.1/32 of 32 dev romana-gw
      address 192.168.0.1/24 of 32 dev eth0
      address fd00:10:0:100::1/128 of 128 dev romana-gw
      address fd99::1/64 of 128 dev eth0
      link eth0 - up
      link lo - up
      link rom0a010111 veth up
      link romana-gw dummy up
      proxy fd00:10:0:100::1 dev rom0a010111
      route blackhole 10.1.0.0/16 metric 0 proto 114
      route blackhole fd00:10:0:100::/56 metric 1024 proto 114
      route unicast 10.1.1.17/32 dev rom0a010111 src 10.1.0.1 metric 0 proto 114
      route unicast 10.2.0.0/16 via 192.168.0.2 dev eth0 metric 0 proto 114
      route unicast 192.168.0.0/24 dev eth0 src 192.168.0.1 metric 0 proto 2
      route unicast fd00:10:0:100:1:1:0:1/128 dev rom0a010111 src fd00:10:0:100::1 metric 1024 proto 114
      route unicast fd00:10:0:100::1/128 dev romana-gw metric 256 proto 2
      route unicast fd00:10:0:200::/56 via fd99::2 dev eth0 metric 1024 proto 114
      route unicast fd99::/64 dev eth0 metric 256 proto 2
      table inet romana {
      	counter spoofed-source {
      	}

      	counter isolation {
      	}

      	counter from-outside {
      	}

      	counter to-host {
      	}

      	counter multicast {
      	}

      	set endpoint_devices {
      		type ifname
      		comment "devices of own endpoints"
      		elements = { "rom0a010111" }
      	}

      	set bound4 {
      		type iface_index . ipv4_addr
      		comment "device and the source that it may send from"
      		elements = { "rom0a010111" . 10.1.1.17 }
      	}

      	set bound6 {
      		type iface_index . ipv6_addr
      		comment "device and the source that it may send from"
      		elements = { "rom0a010111" . fd00:10:0:100:1:1:0:1 }
      	}

      	set gateway_services {
      		type inet_proto . inet_service
      		comment "what endpoints may use at the gateway address"
      	}

      	set open4 {
      		type ipv4_addr
      		comment "tenants that everybody reaches"
      		elements = { 10.0.3.0 }
      	}

      	set same_tenant4 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one tenant"
      		elements = { 10.0.2.0 . 10.0.2.0 }
      	}

      	set same_segment4 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one segment"
      		elements = { 10.0.1.16 . 10.0.1.16, 10.0.1.32 . 10.0.1.32, 10.0.1.32 . 10.0.1.48, 10.0.1.48 . 10.0.1.32, 10.0.1.48 . 10.0.1.48 }
      	}

      	set same_segment4_2 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one segment"
      		elements = { 10.0.1.136 . 10.0.1.136 }
      	}

      	set same_segment4_3 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one segment"
      		elements = { 10.0.1.136 . 10.0.1.32, 10.0.1.136 . 10.0.1.48 }
      	}

      	set same_segment4_4 {
      		type ipv4_addr . ipv4_addr
      		comment "source and destination of one segment"
      		elements = { 10.0.1.32 . 10.0.1.136, 10.0.1.48 . 10.0.1.136 }
      	}

      	set open6 {
      		type ipv6_addr
      		comment "tenants that everybody reaches"
      		elements = { fd00:10:0:0:3:: }
      	}

      	set same_tenant6 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one tenant"
      		elements = { fd00:10:0:0:2:: . fd00:10:0:0:2:: }
      	}

      	set same_segment6 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one segment"
      		elements = { fd00:10::1:1:0:0 . fd00:10::1:1:0:0, fd00:10::1:2:0:0 . fd00:10::1:2:0:0, fd00:10::1:2:0:0 . fd00:10::1:3:0:0, fd00:10::1:3:0:0 . fd00:10::1:2:0:0, fd00:10::1:3:0:0 . fd00:10::1:3:0:0 }
      	}

      	set same_segment6_2 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one segment"
      		elements = { fd00:10::1:8:8000:0 . fd00:10::1:8:8000:0 }
      	}

      	set same_segment6_3 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one segment"
      		elements = { fd00:10::1:8:8000:0 . fd00:10::1:2:0:0, fd00:10::1:8:8000:0 . fd00:10::1:3:0:0 }
      	}

      	set same_segment6_4 {
      		type ipv6_addr . ipv6_addr
      		comment "source and destination of one segment"
      		elements = { fd00:10::1:2:0:0 . fd00:10::1:8:8000:0, fd00:10::1:3:0:0 . fd00:10::1:8:8000:0 }
      	}

      	chain to_endpoint4 {
      		ip daddr & 255.0.255.0 @open4 accept
      		ip saddr & 255.0.255.0 . ip daddr & 255.0.255.0 @same_tenant4 accept
      		ip saddr & 255.0.255.240 . ip daddr & 255.0.255.240 @same_segment4 accept
      		ip saddr & 255.0.255.248 . ip daddr & 255.0.255.248 @same_segment4_2 accept
      		ip saddr & 255.0.255.248 . ip daddr & 255.0.255.240 @same_segment4_3 accept
      		ip saddr & 255.0.255.240 . ip daddr & 255.0.255.248 @same_segment4_4 accept
      		ip saddr 10.0.0.0/8 counter name isolation drop
      		counter name from-outside drop
      	}

      	chain to_endpoint6 {
      		ip6 daddr & ffff:ffff:0:ff:ffff:: @open6 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:: . ip6 daddr & ffff:ffff:0:ff:ffff:: @same_tenant6 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:ffff:: . ip6 daddr & ffff:ffff:0:ff:ffff:ffff:: @same_segment6 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:ffff:8000:0 . ip6 daddr & ffff:ffff:0:ff:ffff:ffff:8000:0 @same_segment6_2 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:ffff:8000:0 . ip6 daddr & ffff:ffff:0:ff:ffff:ffff:: @same_segment6_3 accept
      		ip6 saddr & ffff:ffff:0:ff:ffff:ffff:: . ip6 daddr & ffff:ffff:0:ff:ffff:ffff:8000:0 @same_segment6_4 accept
      		ip6 saddr fd00:10::/32 counter name isolation drop
      		counter name from-outside drop
      	}

      	chain from_endpoint4 {
      		iif . ip saddr != @bound4 counter name spoofed-source drop
      		ip daddr 10.1.0.0/16 goto to_endpoint4
      	}

      	chain from_endpoint6 {
      		iif . ip6 saddr != @bound6 counter name spoofed-source drop
      		ip6 daddr fd00:10:0:100::/56 goto to_endpoint6
      	}

      	chain unbound {
      		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 ip6 saddr { ::, fe80::/10 } accept
      		meta pkttype { broadcast, multicast } counter name multicast drop
      		counter name spoofed-source drop
      	}

      	chain to_host {
      		icmp type redirect counter name to-host drop
      		ct state established,related accept
      		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
      		meta pkttype { broadcast, multicast } counter name multicast drop
      		ip daddr 10.1.0.1 icmp type echo-request accept
      		ip daddr 10.1.0.1 meta l4proto . th dport @gateway_services accept
      		ip6 daddr fd00:10:0:100::1 icmpv6 type echo-request accept
      		ip6 daddr fd00:10:0:100::1 meta l4proto . th dport @gateway_services accept
      		counter name to-host drop
      	}

      	chain to_host4 {
      		iif . ip saddr != @bound4 counter name spoofed-source drop
      		goto to_host
      	}

      	chain to_host6 {
      		iif . ip6 saddr != @bound6 counter name spoofed-source drop
      		goto to_host
      	}

      	chain forward {
      		type filter hook forward priority filter; policy accept;
      		iif 2 ip saddr != 10.1.0.0/16 ct state established,related accept
      		iif . ip saddr @bound4 ct state established,related accept
      		iif 2 ip6 saddr != fd00:10:0:100::/56 ct state established,related accept
      		iif . ip6 saddr @bound6 ct state established,related accept
      		ip saddr 10.1.0.0/16 goto from_endpoint4
      		ip6 saddr fd00:10:0:100::/56 goto from_endpoint6
      		iifname @endpoint_devices counter name spoofed-source drop
      		ct state established,related accept
      		ip daddr 10.1.0.0/16 goto to_endpoint4
      		ip6 daddr fd00:10:0:100::/56 goto to_endpoint6
      	}

      	chain input {
      		type filter hook input priority filter; policy accept;
      		iif lo accept
      		ip saddr 10.1.0.0/16 goto to_host4
      		ip6 saddr fd00:10:0:100::/56 goto to_host6
      		iifname @endpoint_devices goto unbound
      	}
      }
      "
    `);
    const before = await scene.agent.detach("web-1");
    expect(before).toEqual({ detached: true, released: true });
  });
});
