import type { NetpolCase, NetpolStep } from "./truth-data.ts";

const NAMESPACES = { x: { ns: "x" }, y: { ns: "y" } };

const POLICY = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { namespace: "x", name: "server" },
  spec: {
    podSelector: { matchLabels: { pod: "a" } },
    policyTypes: ["Ingress", "Egress"],
    ingress: [
      {
        from: [
          { namespaceSelector: { matchLabels: { ns: "y" } }, podSelector: { matchLabels: { pod: "a" } } },
        ],
        ports: [{ protocol: "TCP", port: 80 }],
      },
      { from: [{ podSelector: {} }], ports: [{ protocol: "UDP", port: "serve-81-udp" }] },
      {
        from: [{ ipBlock: { cidr: "192.168.1.0/24" } }],
        ports: [{ protocol: "SCTP", port: 80, endPort: 81 }],
      },
    ],
    egress: [{ to: [{ ipBlock: { cidr: "192.168.1.0/24", except: ["192.168.1.0/28"] } }] }],
  },
};

function pod(namespace: string, name: string, ip: string, label = name): NetpolStep["pods"][number] {
  return { namespace, name, ip, labels: { pod: label } };
}

/** Two steps of this project's own, in the words of the truth tables: for who does not have these. */
export const NETPOL_EXAMPLE: NetpolCase = {
  id: 0,
  group: "own",
  description: "a server that knows its clients, of which one becomes another",
  steps: [
    {
      namespaces: NAMESPACES,
      pods: [
        pod("x", "a", "192.168.1.1"),
        pod("x", "b", "192.168.1.2"),
        pod("y", "a", "192.168.1.4"),
        pod("y", "b", "192.168.1.5"),
      ],
      policies: [POLICY],
      probe: {},
      expected: {
        "y/a -> x/a": { "TCP/80": "...", "TCP/81": "X.X", "UDP/81": "X.X", "SCTP/80": "..." },
        "y/b -> x/a": { "TCP/80": "X.X", "UDP/80": "X.X", "SCTP/81": "..." },
        "x/b -> x/a": { "TCP/80": "X.X", "UDP/80": "X.X", "UDP/81": "..." },
        "x/a -> y/a": { "TCP/80": ".XX", "UDP/80": ".XX", "SCTP/80": ".XX" },
        "x/a -> x/b": { "TCP/81": ".XX" },
        "x/b -> y/b": { "TCP/80": "...", "UDP/81": "...", "SCTP/80": "..." },
      },
    },
    {
      namespaces: NAMESPACES,
      pods: [
        pod("x", "a", "192.168.1.1"),
        pod("x", "b", "192.168.1.2"),
        pod("y", "a", "192.168.1.4", "b"),
        pod("y", "b", "192.168.1.5", "a"),
      ],
      policies: [POLICY],
      probe: {},
      expected: {
        "y/a -> x/a": { "TCP/80": "X.X", "SCTP/80": "..." },
        "y/b -> x/a": { "TCP/80": "...", "TCP/81": "X.X" },
        "x/b -> x/a": { "TCP/80": "X.X", "UDP/81": "..." },
        "x/a -> y/a": { "TCP/80": ".XX" },
      },
    },
  ],
};
